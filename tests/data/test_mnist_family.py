from __future__ import annotations

import errno
import gzip
import os
import struct
import subprocess
import sys
import types
import zlib
from collections.abc import Callable

import pytest
import torch

from dl_lab.data import fashion, images, mnist
from dl_lab.data.idx import ORIGINALS
from dl_lab.errors import InputError

SETS = [mnist, fashion]
SIZES = {mnist: (5000, 1000), fashion: (6000, 1000)}


@pytest.mark.parametrize("make", SETS)
def test_shapes_types_and_range(make):
    given = make()
    for (pixels, labels), size in zip((given.train, given.test), SIZES[make], strict=True):
        assert pixels.shape == (size, 1, 28, 28)
        assert labels.shape == (size,)
        assert (pixels.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert (pixels.min(), pixels.max()) == (0, 1)
        torch.testing.assert_close(pixels * 255, (pixels * 255).round(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("make", SETS)
def test_every_class_is_as_frequent_in_any_stretch_of_both_parts(make):
    given = make()
    assert len(given.classes) == len(set(given.classes)) == 10
    for _, labels in (given.train, given.test):
        assert torch.equal(labels, torch.arange(len(labels)) % 10)


@pytest.mark.parametrize("make", SETS)
def test_no_image_is_there_twice(make):
    given = make()
    pixels = torch.cat([given.train[0], given.test[0]]).flatten(1)
    assert len(pixels.unique(dim=0)) == len(pixels)


@pytest.mark.parametrize(("make", "share"), [(mnist, 0.8), (fashion, 0.65)])
def test_the_labels_belong_to_the_images(make, share):
    """The mean image of a class is what most of its images in the other part resemble."""
    given = make()
    pixels, labels = given.train
    means = torch.stack([pixels[labels == label].mean(0).flatten() for label in range(10)])
    guesses = torch.cdist(given.test[0].flatten(1), means).argmin(1)
    assert (guesses == given.test[1]).float().mean() > share


def test_its_text_tells_shapes_classes_source_and_licence():
    text = repr(mnist())
    for part in ("5000 + 1000 images 1×28×28", "10 classes (0, 1,", "LeCun", "CC BY-SA 3.0"):
        assert part in text
    text = repr(fashion())
    for part in ("6000 + 1000 images 1×28×28", "Ankle boot", "zalandoresearch", "MIT"):
        assert part in text


def test_importing_reads_no_file():
    program = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' "
        "else None)\n"
        "import dl_lab.data, dl_lab.nets\n"
        "assert any('mnist_family' in path for path in opened)\n"
        "print([path for path in opened if path.endswith(('.npz', '.safetensors'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def idx(values: torch.Tensor) -> bytes:
    """Write numbers from 0 to 255 as an idx file does."""
    header = bytes([0, 0, 8, values.dim()]) + struct.pack(f">{values.dim()}I", *values.shape)
    return header + bytes(values.flatten().tolist())


@pytest.fixture(scope="module")
def originals() -> dict[str, bytes]:
    """Return the four files of a set of 20 + 10 images, those that stand first in ours."""
    shipped = mnist()
    files = []
    for (pixels, labels), count in ((shipped.train, 20), (shipped.test, 10)):
        files += [idx((pixels[:count, 0] * 255).round().int()), idx(labels[:count])]
    return dict(zip(ORIGINALS, files, strict=True))


@pytest.fixture
def folder(tmp_path, originals):
    for name, content in originals.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def same_as_shipped(given: images.ImageSet) -> bool:
    shipped = mnist()
    return all(
        torch.equal(ours, there[:count])
        for part, count in (("train", 20), ("test", 10))
        for ours, there in zip(getattr(given, part), getattr(shipped, part), strict=True)
    )


def test_the_full_set_from_a_folder(folder):
    given = mnist(folder)
    assert same_as_shipped(given)
    assert "20 + 10 images 1×28×28" in repr(given)
    assert "npm" not in given.source
    assert torch.equal(fashion(str(folder)).train[0], given.train[0])
    given.train[0].zero_()  # writable, as any tensor


def test_the_full_set_gzipped_where_torchvision_keeps_it(tmp_path, originals, monkeypatch):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in originals.items():
        (raw / f"{name}.gz").write_bytes(gzip.compress(content))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert same_as_shipped(mnist("~", download=True))
    with pytest.raises(InputError, match="has no train-images"):
        fashion("~")


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "cut short": ("train-images-idx3-ubyte", lambda content: content[:-1]),
    "too long": ("t10k-labels-idx1-ubyte", lambda content: content + b"\0"),
    "a header alone": ("t10k-images-idx3-ubyte", lambda content: content[:7]),
    "empty": ("t10k-labels-idx1-ubyte", lambda _: b""),
    "labels as images": ("train-images-idx3-ubyte", lambda _: idx(torch.arange(10))),
    "other counts": ("train-labels-idx1-ubyte", lambda _: idx(torch.arange(10))),
    "an eleventh class": ("train-labels-idx1-ubyte", lambda content: content[:-1] + b"\x0a"),
    "another size": ("t10k-images-idx3-ubyte", lambda _: idx(torch.zeros(10, 14, 56).int())),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_original_is_refused(damage, folder):
    name, change = DAMAGES[damage]
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        mnist(folder)
    assert str(caught.value).startswith(f"{path} is damaged or cut short (")


def test_a_damaged_gzip_is_refused(folder):
    path = folder / "t10k-images-idx3-ubyte"
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    path = path.with_name(f"{path.name}.gz")
    for content in (b"no gzip", packed[:-20], packed[:20] + b"\xff" * 20 + packed[40:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is damaged or cut short"):
            mnist(folder)


@pytest.mark.parametrize("announced", [2, 10**5, 2**32 - 1])
def test_of_a_gzip_bomb_no_more_is_unpacked_than_its_header_announces(
    folder, announced, monkeypatch
):
    path = folder / "train-images-idx3-ubyte"
    path.unlink()
    pixels, unpacked = 2**28, []
    bomb = zlib.compressobj(1, wbits=31)
    with path.with_name(f"{path.name}.gz").open("wb") as file:
        file.write(bomb.compress(bytes([0, 0, 8, 3]) + struct.pack(">3I", announced, 28, 28)))
        for _ in range(pixels // 2**22):
            file.write(bomb.compress(bytes(2**22)))
        file.write(bomb.flush())
    read = gzip.GzipFile.read

    def noting(self, size=-1):
        content = read(self, size)
        unpacked.append(len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", noting)
    with pytest.raises(InputError, match="is damaged or cut short"):
        mnist(folder)
    allowed = announced if announced <= 10**5 else 0
    assert sum(unpacked) <= 16 + 28 * 28 * allowed + 1


def test_a_missing_original_is_named(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError) as caught:
        fashion(folder)
    assert str(caught.value) == (
        f"{folder} has no t10k-labels-idx1-ubyte. Put the four original files of Fashion-MNIST "
        "there, gzipped or unpacked, or let torchvision download them: "
        f'dl_lab.data.fashion("{folder}", download=True).'
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"root": True},
            "root must be a path as text, such as 'runs', or a pathlib.Path; got True.",
        ),
        ({"root": 5}, "got 5."),
        ({"download": "data"}, "download must be true or false; got 'data'."),
        ({"download": True}, 'Name it: dl_lab.data.mnist("data", download=True).'),
    ],
)
def test_bad_input_gets_a_sentence(arguments, sentence):
    with pytest.raises(InputError) as caught:
        mnist(**arguments)
    assert sentence in str(caught.value)


def test_without_torchvision_a_download_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError) as caught:
        mnist(tmp_path, download=True)
    assert "needs torchvision, which cannot be imported (" in str(caught.value)
    assert "t10k-images-idx3-ubyte.gz" in str(caught.value)


def test_a_torchvision_for_another_torch_says_so(tmp_path, monkeypatch):
    (tmp_path / "torchvision").mkdir()
    program = "raise RuntimeError('operator torchvision::nms does not exist')"
    (tmp_path / "torchvision" / "__init__.py").write_text(program)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises(InputError) as caught:
        fashion(tmp_path, download=True)
    assert "cannot be imported (operator torchvision::nms does not exist)" in str(caught.value)


def stand_in(monkeypatch, dataset: Callable[..., object]) -> None:
    """Put a torchvision in place whose data sets do what they are told here."""
    module = types.ModuleType("torchvision")
    module.datasets = types.SimpleNamespace(MNIST=dataset)
    monkeypatch.setitem(sys.modules, "torchvision", module)


def test_torchvision_downloads_what_is_missing(tmp_path, originals, monkeypatch):
    def dataset(root, *, download):
        assert download
        raw = root / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name, content in originals.items():
            (raw / name).write_bytes(content)

    stand_in(monkeypatch, dataset)
    assert same_as_shipped(mnist(tmp_path, download=True))


@pytest.mark.parametrize("error", [RuntimeError("Error:\nno route"), OSError("no route")])
def test_a_download_that_fails_says_what_to_do(error, tmp_path, monkeypatch):
    def dataset(_root, *, download):
        assert download
        raise error

    stand_in(monkeypatch, dataset)
    with pytest.raises(InputError) as caught:
        mnist(tmp_path, download=True)
    told = str(error).replace("\n", " ")
    assert f"could not be downloaded into {tmp_path} ({told}). Check" in str(caught.value)


def test_half_a_download_is_no_original(folder, monkeypatch):
    raw = folder / "MNIST" / "raw"
    missing = folder / "t10k-labels-idx1-ubyte"
    whole = missing.read_bytes()
    missing.unlink()
    full = True

    def dataset(_root, *, download):
        assert download
        raw.mkdir(parents=True, exist_ok=True)
        (raw / f"{missing.name}.gz").write_bytes(gzip.compress(whole)[: -9 if full else None])
        (raw / missing.name).write_bytes(whole[: -9 if full else None])
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    stand_in(monkeypatch, dataset)
    with pytest.raises(InputError, match="No space left on device"):
        mnist(folder, download=True)
    full = False
    assert same_as_shipped(mnist(folder, download=True))
