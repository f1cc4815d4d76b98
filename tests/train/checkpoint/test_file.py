"""Files of states: whole or not at all, and nothing else is taken for one."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import pickle
import stat
import subprocess
import sys
import zipfile
from collections import Counter, OrderedDict
from enum import IntEnum

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_model
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.checkpoint import atomic_write
from dl_lab.train.checkpoint.file import load_state, save_state, save_weights


class Level(IntEnum):
    HIGH = 3


def refused(path) -> str:
    with pytest.raises(InputError) as error:
        load_state(path)
    assert str(path) in str(error.value)
    return error.value.key


def same(one, two) -> bool:
    """Equal in kind and value, whatever they hold."""
    if isinstance(one, torch.Tensor):
        return one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, np.ndarray):
        return one.dtype == two.dtype and np.array_equal(one, two, equal_nan=True)
    if isinstance(one, dict):
        return (
            type(one) is type(two)
            and list(one) == list(two)
            and all(map(same, one.values(), two.values()))
        )
    if isinstance(one, (list, tuple)):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and (one == two or one != one)  # noqa: PLR0124  # NaN


def test_what_is_saved_comes_back_equal(tmp_path):
    state = {
        "tensors": [torch.randn(3, 4), torch.tensor(2), torch.ones(2, dtype=torch.bfloat16)],
        "arrays": (
            np.arange(5, dtype="u4"),
            np.array([np.nan, np.inf, -0.0]),
            np.zeros((2, 0), "f4"),
            np.array(7, "i8"),
            np.array([True, False]),
        ),
        "plain": {"a": None, 1: True, 2.5: "text ñ", ("t", 1): b"bytes", "z": 1 + 2j},
        "numbers": [float("nan"), float("inf"), -(2**80), 1e-320],
        "counter": Counter({5: 2}),
        "ordered": OrderedDict(b=1, a=2),
        "kinds": [torch.float16, torch.device("cuda", 1)],
        "empty": [{}, [], ()],
    }
    save_state(tmp_path / "a.pt", state)
    assert same(load_state(tmp_path / "a.pt"), state)


def test_what_is_nearly_plain_comes_back_plain(tmp_path):
    big_endian = np.array([1, 2], ">f8")
    locked = np.arange(3)
    locked.flags.writeable = False
    state = {
        "np": [np.float32(0.5), np.int64(3), np.bool_(True), big_endian, locked],
        "size": torch.Size([2, 3]),
        "level": Level.HIGH,
        "parameter": nn.Parameter(torch.ones(2)),
    }
    save_state(tmp_path / "a.pt", state)
    state["np"][3] = big_endian.astype("f8")
    plain = {**state, "size": (2, 3), "level": 3, "parameter": torch.ones(2)}
    plain["np"] = [0.5, 3, True, np.array([1.0, 2.0]), np.arange(3)]
    assert same(load_state(tmp_path / "a.pt"), plain)


def test_a_real_optimizer_and_a_module_come_back(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    adam = torch.optim.Adam(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [1, 3])
    for _ in range(2):
        model(torch.randn(8, 4)).square().mean().backward()
        adam.step()
        schedule.step()
    parts = {"model": model, "adam": adam, "schedule": schedule}
    save_state(tmp_path / "a.pt", {name: part.state_dict() for name, part in parts.items()})
    loaded = load_state(tmp_path / "a.pt")
    for name, part in parts.items():
        assert same(loaded[name], part.state_dict())
    assert loaded["model"]._metadata == model.state_dict()._metadata


def test_a_view_brings_no_more_than_itself(tmp_path):
    save_state(tmp_path / "a.pt", {"row": torch.randn(1000, 1000)[0]})
    assert (tmp_path / "a.pt").stat().st_size < 10_000


def test_tied_weights_are_written_once(tmp_path):
    model = nn.Sequential(nn.Linear(200, 200), nn.Linear(200, 200))
    model[1].weight = model[0].weight
    save_state(tmp_path / "a.pt", model.state_dict())
    assert (tmp_path / "a.pt").stat().st_size < 200 * 200 * 4 * 1.2


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"a": {"b": [1, object()]}}, "a.b.1"),
        ({"words": np.array(["x"])}, "words"),
        ({"call": {"me": len}}, "call.me"),
        ({"keys": {object(): 1}}, "a key of keys"),
    ],
)
def test_what_is_not_plain_is_named_and_nothing_written(tmp_path, state, where):
    with pytest.raises(InputError) as error:
        save_state(tmp_path / "a.pt", state)
    assert error.value.key == "not_plain"
    assert error.value.params["name"] == where
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    assert refused(tmp_path / "none.pt") == "not_read"
    assert refused(tmp_path) == "path_is_folder"


def test_every_cut_and_every_turned_bit_is_noticed(tmp_path):
    path = tmp_path / "a.pt"
    save_state(path, {"weights": torch.randn(50), "epoch": 3})
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert refused(path) == "damaged_file"
    start = whole.find(load_numbers(whole))
    assert start > 0
    for place in range(start, start + 200, 11):
        turned = bytearray(whole)
        turned[place] ^= 1
        path.write_bytes(turned)
        assert refused(path) == "damaged_file"


def load_numbers(content: bytes) -> bytes:
    """The bytes of the one tensor in a checkpoint, as a zip reader finds them."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        name = next(name for name in file.namelist() if name.endswith("/data/0"))
        return file.read(name)


class Bomb:
    def __reduce__(self) -> object:
        return (os.mkdir, ("bomb-went-off",))


def test_foreign_files_are_told_and_their_code_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.pt"
    torch.save(nn.Linear(1, 1).state_dict(), path)
    assert refused(path) == "foreign_file"
    torch.save(nn.Linear(1, 1), path)
    assert refused(path) == "foreign_file"
    torch.save({"dl_lab_format": 1, "state": Bomb()}, path)
    assert refused(path) == "foreign_file"
    path.write_bytes(pickle.dumps(Bomb()))
    assert refused(path) == "foreign_file"
    path.write_text("epoch,loss\n1,2\n")
    assert refused(path) == "foreign_file"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
    assert refused(path) == "foreign_file"
    assert not (tmp_path / "bomb-went-off").exists()


def test_a_file_of_a_later_format_is_told(tmp_path):
    torch.save({"dl_lab_format": 99, "state": {}}, tmp_path / "a.pt")
    assert refused(tmp_path / "a.pt") == "newer_file"


FULL_DISK = """
import json, resource, sys, torch
from pathlib import Path
from dl_lab.errors import InputError
from dl_lab.train.checkpoint.file import load_state, save_state, save_weights
folder = Path(sys.argv[1])
save_state(folder / "a.pt", {"epoch": 1})
save_weights(folder / "a.safetensors", torch.nn.Linear(2, 2))
before = [file.read_bytes() for file in sorted(folder.iterdir())]
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
big = torch.nn.Linear(500, 500)
keys = []
for save in (
    lambda: save_state(folder / "a.pt", {"epoch": 2, "model": big.state_dict()}),
    lambda: save_weights(folder / "a.safetensors", big),
):
    try:
        save()
    except InputError as error:
        keys.append(error.key)
after = [file.read_bytes() for file in sorted(folder.iterdir())]
print(json.dumps([keys, before == after, load_state(folder / "a.pt")]))
"""


def test_a_full_disk_leaves_the_old_files_whole_and_nothing_else(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, check=True, text=True
    )
    assert json.loads(done.stdout) == [["not_written", "not_written"], True, {"epoch": 1}]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.pt", "a.safetensors"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_of_the_disk_at_the_end_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.pt"
    save_state(path, {"epoch": 1})

    def fail(*_: object):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    owner = os if call == "fsync" else atomic_write.Path
    with monkeypatch.context() as patch:
        patch.setattr(owner, call, fail)
        with pytest.raises(InputError) as error:
            save_state(path, {"epoch": 2})
    assert error.value.key == "not_written"
    assert os.strerror(errno.EIO) in str(error.value)
    assert load_state(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as error:
        save_state(tmp_path / "file" / "a.pt", {})
    assert error.value.key == "path_is_file"


def test_folders_are_made_links_kept_and_the_file_is_everyones(tmp_path):
    path = tmp_path / "runs" / "one" / "a.pt"
    save_state(path, {"epoch": 1})
    (tmp_path / "last.pt").symlink_to(path)
    save_state(tmp_path / "last.pt", {"epoch": 2})
    assert (tmp_path / "last.pt").is_symlink()
    assert load_state(path) == {"epoch": 2}
    (tmp_path / "plain").write_text("")
    mode = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_leftovers_of_a_killed_process_go_with_the_next_save(tmp_path):
    killed, written = tmp_path / ".a.pt.1234abcd.tmp", tmp_path / ".a.pt.5678abcd.tmp"
    others = [tmp_path / ".b.pt.1234abcd.tmp", tmp_path / ".a.pt.mine.tmp"]
    for file in (killed, written, *others):
        file.write_text("half")
    with written.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        save_state(tmp_path / "a.pt", {})
    assert sorted(tmp_path.iterdir()) == sorted([written, *others, tmp_path / "a.pt"])
    save_state(tmp_path / "a.pt", {})
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "a.pt"])


def test_a_file_that_is_being_written_is_no_leftover(tmp_path):
    def write(file):
        # Another writer of the same file comes in between.
        save_state(tmp_path / "a.pt", {"epoch": 1})
        file.write(b"whole")

    atomic_write.write_atomically(tmp_path / "a.pt", write)
    assert (tmp_path / "a.pt").read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.pt"]


def test_where_files_cannot_be_locked_their_age_tells(tmp_path, monkeypatch):
    old, young = tmp_path / ".a.pt.1234abcd.tmp", tmp_path / ".a.pt.5678abcd.tmp"
    for file in (old, young):
        file.write_text("half")
    os.utime(old, (0, 0))

    def cannot(*_: object):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", cannot)
    save_state(tmp_path / "a.pt", {})
    assert sorted(tmp_path.iterdir()) == sorted([young, tmp_path / "a.pt"])


def test_weights_are_read_by_safetensors_tied_ones_too(tmp_path):
    def make():
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
        model[2].weight = model[0].weight
        return model

    path = tmp_path / "best.safetensors"
    model, other = make(), make()
    flat = torch.randn(9 + 3)
    model[0].bias.data = flat[9:]
    save_weights(path, model, epoch=4)
    load_model(other, path)
    for one, two in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    with safe_open(path, "pt") as file:
        assert file.metadata()["epoch"] == "4"
        assert len(list(file.keys())) == len(model.state_dict()) - 1
