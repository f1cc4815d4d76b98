"""Every public function that takes a path takes what people write for one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
import torch

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.trainer import Trainer

NAMES = {"path", "folder", "root", "logdir"}


def trainer(**settings: object) -> Trainer:
    model = torch.nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.ones(4, 2), torch.ones(4, 1)
    return Trainer(model, torch.nn.MSELoss(), sgd, data, data, **settings)


def trained(*callbacks: object, **settings: object) -> None:
    trainer(callbacks=callbacks, **settings).fit(1)


def stepped(**settings: object) -> None:
    model = torch.nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(batch: torch.Tensor) -> torch.Tensor:
        sgd.zero_grad()
        loss = model(batch).square().mean()
        loss.backward()
        sgd.step()
        return loss

    Trainer.of(step, model, sgd, torch.ones(4, 2), **settings).fit(1)


def history() -> dl_lab.History:
    made = dl_lab.History()
    made.append(1, loss=0.5)
    return made


def event_log(folder):
    from dl_lab.train.events.event_log import EventLog

    EventLog(folder).add_scalar("loss", 0.5, step=1)


def event_writer(folder):
    from dl_lab.train.events.event_writer import EventWriter

    log = EventWriter(folder)
    log.begin(history())
    log.end()


def module(name: str):
    return importlib.import_module(name)


def graph(folder):
    viewer = dl_lab.GraphViewer(torch.nn.Linear(2, 1), torch.ones(1, 2))
    viewer.to_tensorboard(folder)
    viewer.close()


# What it is called → how it writes there, and whether that is a folder.
WRITERS = {
    "dl_lab.TensorBoard(logdir)": (dl_lab.TensorBoard, True),
    "dl_lab.Trainer(logdir)": (lambda path: trained(logdir=path), True),
    "dl_lab.Trainer.of(logdir)": (lambda path: stepped(logdir=path), True),
    "dl_lab.Trainer.save(path)": (lambda path: trainer().save(path), False),
    "dl_lab.History.to_csv(path)": (lambda path: history().to_csv(path), False),
    "dl_lab.History.to_parquet(path)": (lambda path: history().to_parquet(path), False),
    "dl_lab.callbacks.CSVLogger(path)": (
        lambda path: trained(dl_lab.callbacks.CSVLogger(path)),
        False,
    ),
    "dl_lab.callbacks.ModelCheckpoint(folder)": (
        lambda path: trained(dl_lab.callbacks.ModelCheckpoint(path)),
        True,
    ),
    "dl_lab.callbacks.TensorBoard(logdir)": (
        lambda path: trained(dl_lab.callbacks.TensorBoard(path)),
        True,
    ),
    "dl_lab.GraphViewer.to_tensorboard(logdir)": (graph, True),
    "dl_lab.runs.new(root)": (lambda path: dl_lab.runs.new("lenet", path), True),
    "dl_lab.train.checkpoint.file.save_state(path)": (
        lambda path: module("dl_lab.train.checkpoint.file").save_state(path, {"epoch": 1}),
        False,
    ),
    "dl_lab.train.checkpoint.file.save_weights(path)": (
        lambda path: module("dl_lab.train.checkpoint.file").save_weights(
            path, torch.nn.Linear(1, 1)
        ),
        False,
    ),
    "dl_lab.train.events.event_log.EventLog(folder)": (event_log, True),
    "dl_lab.train.events.event_writer.EventWriter(folder)": (event_writer, True),
}
# Those that only read.
READERS = {
    "dl_lab.Trainer.load(path)": (lambda path: Trainer.load(path, torch.nn.Linear(2, 1)), False),
    "dl_lab.data.mnist(root)": (dl_lab.data.mnist, True),
    "dl_lab.data.fashion(root)": (dl_lab.data.fashion, True),
    "dl_lab.train.checkpoint.file.load_state(path)": (
        lambda path: module("dl_lab.train.checkpoint.file").load_state(path),
        False,
    ),
}
ALL = WRITERS | READERS
# They are given what others have looked at.
WITHIN = {
    "dl_lab.data.idx.Published.parts(root)": "dl_lab.data.mnist(root)",
    "dl_lab.train.checkpoint.atomic_write.write_atomically(path)": "dl_lab.Trainer.save(path)",
    "dl_lab.train.events.event_file.EventFile(folder)": (
        "dl_lab.train.events.event_writer.EventWriter(folder)"
    ),
    "dl_lab.train.events.projector.write_embedding(folder)": (
        "dl_lab.train.events.event_log.EventLog(folder)"
    ),
    "dl_lab.train.events.event_log.write_graph(logdir)": (
        "dl_lab.GraphViewer.to_tensorboard(logdir)"
    ),
    "dl_lab.train.history.export.write_csv(path)": "dl_lab.History.to_csv(path)",
    "dl_lab.train.history.export.write_parquet(path)": "dl_lab.History.to_parquet(path)",
    "dl_lab.shipped.read(path)": "dl_lab.data.mnist(root)",
    "dl_lab.paths.local(root)": "dl_lab.Trainer.save(path)",
    "dl_lab.paths.real(path)": "dl_lab.Trainer.save(path)",
    # What callbacks are told of a Trainer.
    "dl_lab.train.run.Training.save(path)": "dl_lab.Trainer.save(path)",
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home and a working folder of its own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


# Here a path is that of a module in its model, or of weights through a landscape; a root a group.
OTHER_PATHS = (
    "dl_lab.nets.graph.",
    "dl_lab.theory.",
    *(f"dl_lab.widgets.graph_viewer.{part}" for part in ("message", "saved", "table")),
)


def short_names() -> dict[int, str]:
    """What people call things by, by the things' ids."""
    found = {id(getattr(dl_lab, name)): f"dl_lab.{name}" for name in dl_lab.__all__}
    for part in ("callbacks", "data", "runs"):
        holder = getattr(dl_lab, part)
        for name in getattr(holder, "__all__", dir(holder)):
            found.setdefault(id(getattr(holder, name)), f"dl_lab.{part}.{name}")
    return found


def functions():
    """Yield every public function of the package's own with its name."""
    short = short_names()
    for found in pkgutil.walk_packages(dl_lab.__path__, "dl_lab."):
        # The server's paths are its own; adapters need their libraries.
        if ".server" in found.name or ".adapters" in found.name:
            continue
        if found.name.startswith(OTHER_PATHS):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            if getattr(value, "__module__", None) == found.name and not name.startswith("_"):
                yield from called(short.get(id(value), f"{found.name}.{name}"), value)


def called(name, value):
    """Yield a function, or what a class has."""
    if inspect.isfunction(value):
        yield name, value
    elif inspect.isclass(value):
        yield name, value.__init__
        for method, inner in vars(value).items():
            plain = getattr(inner, "__func__", inner)
            if inspect.isfunction(plain) and not method.startswith("_"):
                yield f"{name}.{method}", plain


def test_none_is_left_out():
    found = {
        f"{called}({name})"
        for called, function in functions()
        for name in inspect.signature(function).parameters
        if name in NAMES
    }
    assert found == ALL.keys() | WITHIN.keys()


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.mark.parametrize("name", WRITERS)
def test_a_tilde_is_home_and_blanks_at_the_ends_are_none(home, name):
    write, is_folder = WRITERS[name]
    write(" ~/deep/it \n")
    assert (home / "deep/it").is_dir() is is_folder
    assert (home / "deep/it").exists()
    assert not below(Path())
    write(Path("~/deep/other"))
    assert (home / "deep/other").exists()
    assert not below(Path())
    write(" here ")
    assert {top.name for top in Path().iterdir()} == {"here"}


@pytest.mark.parametrize("name", READERS)
def test_what_is_read_is_looked_for_at_home(home, name):
    read, _ = READERS[name]
    with pytest.raises(InputError) as info:
        read(" ~/it ")
    assert str(home / "it") in str(info.value)


def test_what_was_saved_at_home_is_loaded_from_there(home):
    one = trainer()
    one.save("~/run.pt")
    assert Trainer.load("~/run.pt ", torch.nn.Linear(2, 1)).steps == 0
    assert below(home) == {"run.pt"}


REFUSED = {
    "": "path_empty",
    "  ": "path_empty",
    "s3://bucket/runs": "path_address",
    "gs://bucket/runs": "path_address",
    "hf://user/runs": "path_address",
    "file:///tmp/runs": "path_address",
    "https://example.org/runs": "path_address",
    "$HOME/runs": "path_variable",
    "~nobody-of-this-name/runs": "path_home",
    "a\0b": "path_kind",
    b"runs": "path_kind",
    7: "path_kind",
    1.5: "path_kind",
    True: "path_kind",
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("given", "key"), REFUSED.items(), ids=map(repr, REFUSED))
def test_what_is_no_path_here_is_refused_and_nothing_is_made(home, name, given, key):
    use, _ = ALL[name]
    with pytest.raises(InputError) as info:
        use(given)
    assert info.value.key == key
    assert not below(home)
    assert not below(Path())


@pytest.mark.parametrize("name", ALL)
def test_a_file_where_a_folder_belongs_and_the_other_way_round(name):
    use, is_folder = ALL[name]
    Path("folder").mkdir()
    Path("file").write_text("mine")
    with pytest.raises(InputError) as info:
        use("file" if is_folder else "folder")
    assert info.value.key == ("path_is_file" if is_folder else "path_is_folder")
    with pytest.raises(InputError) as info:
        use("file/deeper")
    assert info.value.key == "path_is_file"
    assert Path("file").read_text() == "mine"
    assert not below(Path("folder"))


@pytest.mark.parametrize("name", ["~", "~/lenet", "~lenet"])
def test_a_run_is_never_called_home(name):
    with pytest.raises(InputError) as info:
        dl_lab.runs.new(name)
    assert info.value.key == "run_name"
    assert not below(Path())
