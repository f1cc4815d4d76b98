"""Who only looks on may fail in any way: training goes on, and a sentence tells once."""

from __future__ import annotations

import errno
import shutil
import threading
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from dl_lab import LossPlot, Trainer
from dl_lab.errors import InputError
from dl_lab.train.callbacks import Callback, CSVLogger, GradientNorms, TensorBoard
from dl_lab.train.events import event_file, summaries

X = torch.rand(32, 4, generator=torch.Generator().manual_seed(0))
Y = X.sum(1, keepdim=True)
EPOCHS, STEPS = 3, 12


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))


def trainer(*callbacks: Callback, model: nn.Module | None = None, **settings: Any) -> Trainer:
    model = model or network()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    settings = {"batch_size": 8, "seed": 0, "device": "cpu", **settings}
    return Trainer(model, nn.MSELoss(), sgd, (X, Y), (X, Y), callbacks=callbacks, **settings)


@pytest.fixture(scope="module")
def weights():
    """Those of a training that nobody looks at."""
    alone = trainer()
    alone.fit(EPOCHS)
    return [parameter.detach().clone() for parameter in alone.model.parameters()]


def goes_on(run: Trainer, weights, *sentences: str) -> None:
    """Train, and see that it is the training that nobody looks at."""
    run.fit(EPOCHS)
    assert (run.state, run.message, run.steps) == ("finished", None, STEPS)
    assert all(map(torch.equal, run.model.parameters(), weights))
    told = [str(note) for note in run.notes]
    assert len(told) == len(sentences)
    assert all(part in sentence for part, sentence in zip(sentences, told, strict=True))


def test_a_metric_that_fails_now_and_then(weights, caplog):
    calls = []

    def moody(outputs, _):
        calls.append(len(outputs))
        if len(calls) % 3 == 0:
            raise ZeroDivisionError
        return torch.ones(2) if len(calls) % 3 == 1 else outputs.mean()

    run = trainer(metrics=[moody])
    goes_on(run, weights, "The metric moody returned tensor [2]", "moody raised ZeroDivisionError")
    assert len([record for record in caplog.records if record.name == "dl_lab"]) == 2
    for part, rows in (("train", STEPS), ("validation", EPOCHS + 1)):
        assert len(run.history[f"{part}_moody"]) == rows
    finite = torch.tensor(run.history["train_moody"].values).isfinite()
    assert 0 < finite.sum() < STEPS
    assert len(calls) == STEPS + EPOCHS + 1


class Speechless(Exception):  # noqa: N818  # as people call theirs
    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_that_cannot_even_be_written(weights):
    def metric(*_: object):
        raise Speechless

    class Looks(Callback):
        observes = True

        def on_step_end(self, _):
            raise Speechless

    run = trainer(Looks(), metrics=[metric])
    goes_on(run, weights, "The metric metric raised Speechless", "Looks raised Speechless")


def test_sparse_weights_are_looked_through_and_put_back():
    class Sparse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network()
            self.table = nn.Parameter(torch.eye(3).to_sparse())

        def forward(self, x):
            return self.body(x)

    run = trainer(model=Sparse())
    run.fit(2)
    assert run.state == "finished"
    run.model.body[0].weight.data.fill_(torch.nan)
    with pytest.raises(InputError, match="diverged"):
        run.fit(1)
    assert torch.equal(run.model.table.to_dense(), torch.eye(3))


def test_by_epoch_a_mean_without_all_its_parts_is_none(weights):
    run = trainer(metrics={"gap": lambda outputs, _: 1 / (len(outputs) - 8)}, record="epoch")
    goes_on(run, weights, "The metric gap raised ZeroDivisionError")
    assert not torch.tensor(run.history["train_gap"].values).isfinite().any()
    assert torch.tensor(run.history["validation_gap"].values).isfinite().all()
    assert torch.tensor(run.history["train_loss"].values).isfinite().all()


class Empty(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = network()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.nothing = nn.Linear(0, 3)

    def forward(self, x):
        return self.body(x)


class Unprintable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = network()

    def forward(self, x):
        return self.body(x)

    def extra_repr(self) -> str:
        raise KeyError("layer")


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(network())


@pytest.mark.parametrize(
    ("make", "sentences"),
    [
        (Empty, []),
        (scripted, ["graph and inputs could not be put into the event files"]),
        (Unprintable, ["settings could not be put into the event files"]),
    ],
)
def test_any_model_may_be_written_for_tensorboard(make, sentences, tmp_path, weights):
    goes_on(trainer(model=make(), logdir=tmp_path), weights, *sentences)


@pytest.mark.parametrize(
    ("place", "name", "told"),
    [
        (summaries, "sample", "histograms could not"),
        (summaries, "histogram", "histograms could not"),
        (summaries, "as_image", "inputs could not"),
        (summaries, "graph", "graph could not"),
        (event_file, "record", "curves could not"),
    ],
)
def test_each_part_of_what_tensorboard_shows_may_fail(place, name, told, tmp_path, monkeypatch):
    def fail(*_: object, **__: object):
        raise RuntimeError("no")

    monkeypatch.setattr(place, name, fail)
    if name == "record":
        monkeypatch.setattr("dl_lab.train.events.event_writer.scalar_records", fail)
    model = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Flatten(), nn.Linear(9, 1))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    images = torch.rand(8, 1, 4, 4)
    run = Trainer(
        model, nn.MSELoss(), sgd, (images, images.mean((1, 2, 3))[:, None]), logdir=tmp_path
    )
    run.fit(2)
    assert run.state == "finished"
    assert [told in str(note) for note in run.notes] == [True]


def test_an_embedding_that_cannot_be_written(tmp_path, weights, monkeypatch):
    def fail(*_: object):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dl_lab.train.events.event_log.write_embedding", fail)
    board = TensorBoard(tmp_path)

    class Embed(Callback):
        def on_epoch_end(self, trainer):
            board.log.add_embedding("points", X, labels=range(len(X)), step=trainer.epoch)
            board.log.add_image("of another shape", X[0])

    goes_on(
        trainer(board, Embed()),
        weights,
        "The callback Embed raised InputError in on_epoch_end: of another shape must be an image",
        "points could not be put into the event files",
    )


def test_a_folder_that_vanishes_and_a_disk_that_is_full(tmp_path, weights, monkeypatch):
    class Vanish(Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 2:
                board.log.flush()
                shutil.rmtree(tmp_path / "board")
                shutil.rmtree(tmp_path / "table")

    board, table = TensorBoard(tmp_path / "board"), CSVLogger(tmp_path / "table" / "a.csv")
    run = trainer(board, table, Vanish())
    goes_on(run, weights, "The event file")
    # The table is made anew, whole.
    assert len(table.path.read_text().splitlines()) == 1 + EPOCHS

    full = [True]
    real = type(table.path).open

    def open_(path, *args: Any, **more: Any):
        if full and path.name.endswith((".csv", ".tmp")) and run.epoch == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *args, **more)

    table = CSVLogger(tmp_path / "b.csv")
    run = trainer(table)
    monkeypatch.setattr(type(table.path), "open", open_)
    goes_on(run, weights, "No space left on device")
    assert [line.split(",")[0] for line in table.path.read_text().splitlines()[1:]] == [
        "1",
        "2",
        "3",
    ]


@pytest.mark.parametrize(
    "hook",
    ["on_epoch_begin", "on_step_begin", "on_gradients", "on_step_end", "on_epoch_end", "on_stop"],
)
def test_a_callback_of_ones_own_may_only_look_on_or_write(hook, weights):
    def fail(*_: object):
        raise KeyError("key")

    def write(*_: object):
        raise PermissionError(errno.EACCES, "Permission denied")

    looking = type("Looking", (Callback,), {hook: fail, "observes": True})()
    writing = type("Writing", (Callback,), {hook: write})()
    goes_on(
        trainer(looking, writing),
        weights,
        f"The callback Looking raised KeyError in {hook}: 'key'. Training goes on",
        f"The callback Writing raised PermissionError in {hook}: [Errno 13] Permission denied.",
    )


def test_norms_that_cannot_be_measured(weights, monkeypatch):
    def fail(*_: object):
        raise NotImplementedError("sparse")

    monkeypatch.setattr("dl_lab.train.callbacks.gradient_norms.total_norm", fail)
    goes_on(trainer(GradientNorms(1)), weights, "GradientNorms raised NotImplementedError")


def test_viewers_that_follow_and_raise(weights, caplog):
    run = trainer()
    looks = []

    def fail():
        raise RuntimeError("a view")

    run.on_change(fail)
    run.while_waiting(fail)
    run.start(EPOCHS)
    looks.append(run.look(fail))
    goes_on_from_here = threading.Event()
    run.on_change(lambda: run.state == "finished" and goes_on_from_here.set())
    if run.state == "finished":
        goes_on_from_here.set()
    assert goes_on_from_here.wait(60)
    assert isinstance(looks[0].exception(60), RuntimeError)
    assert all(map(torch.equal, run.model.parameters(), weights))
    assert "a callback of on_change raised" in caplog.text


def test_a_plot_tells_and_a_reset_forgets():
    run = trainer(metrics={"gap": lambda outputs, _: outputs.gap})
    plot = LossPlot(run)
    run.fit(1)
    [status] = plot.compose(touched=True).meta["runs"]
    assert [note["key"] for note in status["notes"]] == ["metric_failed"]
    assert status["message"] is None
    plot.close()
    run.reset()
    # Told again: the validation is measured anew.
    assert len(run.notes) == 1


def test_what_begins_with_a_refusal_does_not_begin(tmp_path):
    (tmp_path / "a.csv").write_text("name,age\n")
    run = trainer(CSVLogger(tmp_path / "a.csv"))
    with pytest.raises(InputError, match="did not write"):
        run.fit(1)
    assert run.steps == 0
