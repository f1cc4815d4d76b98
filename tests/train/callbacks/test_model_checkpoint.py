from __future__ import annotations

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_model

from dl_lab.errors import InputError
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.early_stopping import EarlyStopping
from dl_lab.train.callbacks.model_checkpoint import ModelCheckpoint
from dl_lab.train.callbacks.schedule import LRSchedule
from dl_lab.train.trainer import Trainer
from tests.train.callbacks.problem import (
    LOSS,
    TRAIN,
    VALIDATION,
    network,
    plain_loop,
    same_weights,
    sgd,
    trainer,
)
from tests.train.callbacks.test_schedule import SCHEDULERS

EPOCHS = 30
PLAIN = plain_loop(EPOCHS)
BEST = int(np.argmin(PLAIN.validation)) + 1


class Writes(Callback):
    """The steps at which a file changed."""

    order = 2

    def __init__(self, path) -> None:
        self.path, self.steps, self.number = path, [], None

    def look(self, trainer):
        number = self.path.stat().st_ino if self.path.exists() else None
        if number != self.number:
            self.number = number
            self.steps.append(trainer.steps)

    on_step_end = on_epoch_end = on_stop = look


def load(path, *callbacks: Callback):
    model = network()
    settings = {"callbacks": callbacks, "device": "cpu"}
    return Trainer.load(path, model, LOSS, sgd(model), TRAIN, VALIDATION, **settings)


def test_best_holds_the_weights_of_the_best_epoch(tmp_path):
    run = trainer(kept := ModelCheckpoint(tmp_path / "run"))
    run.fit(EPOCHS)
    model = network()
    load_model(model, kept.best)
    assert 1 < BEST < EPOCHS
    assert same_weights(model, PLAIN.weights[BEST - 1])
    with safe_open(kept.best, "pt") as file:
        notes = file.metadata()
    assert (notes["epoch"], notes["step"]) == (str(BEST), str(BEST * len(TRAIN)))
    assert float(notes["validation_loss"]) == pytest.approx(PLAIN.validation[BEST - 1])
    assert sorted(file.name for file in kept.folder.iterdir()) == ["best.safetensors", "last.pt"]


def test_best_is_of_the_epoch_even_where_others_put_weights_back(tmp_path):
    kept = ModelCheckpoint(tmp_path, "validation_loss", "max")
    run = trainer(kept, EarlyStopping(patience=1, mode="max", restore_best=True))
    run.fit(EPOCHS)
    model = network()
    load_model(model, kept.best)
    best = int(np.argmax(PLAIN.validation[: run.epoch]))
    assert same_weights(model, PLAIN.weights[best])
    assert same_weights(load(kept.last).model, list(run.model.parameters()))


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, [3, 6, 9, 12]),
        ({"every_epochs": 3}, [9, 12]),
        ({"every_steps": 5}, [3, 5, 6, 9, 10, 12]),
        ({"every_epochs": None, "every_steps": 4}, [4, 8, 12]),
        ({"every_epochs": None}, [12]),
    ],
)
def test_last_is_written_when_it_should(tmp_path, settings, steps):
    kept = ModelCheckpoint(tmp_path, None, **settings)
    run = trainer(kept, writes := Writes(kept.last))
    run.fit(4)
    # Where several hooks write at one step it is looked at after each.
    assert sorted(set(writes.steps)) == steps
    assert not kept.best.exists()


def test_last_goes_on_exactly_with_all_callbacks(tmp_path):
    def callbacks():
        # It writes after the others whatever their order here.
        return (
            ModelCheckpoint(tmp_path),
            LRSchedule(SCHEDULERS["exponential"]),
            EarlyStopping(patience=9),
        )

    run = trainer(*callbacks())
    run.fit(4)
    loaded = load(tmp_path / "last.pt", *callbacks())
    assert (loaded.epoch, loaded.steps) == (4, 12)
    loaded.fit(4)
    run = trainer(*callbacks())
    run.fit(8)
    assert same_weights(loaded.model, list(run.model.parameters()))
    for name in ("train_loss", "validation_loss", "learning_rate"):
        assert np.array_equal(loaded.history[name].values, run.history[name].values)
        assert np.array_equal(loaded.history[name].steps, run.history[name].steps)


def test_a_loaded_run_does_not_take_a_worse_epoch_for_the_best(tmp_path):
    run = trainer(ModelCheckpoint(tmp_path))
    run.fit(BEST + 1)
    before = (tmp_path / "best.safetensors").read_bytes()
    loaded = load(tmp_path / "last.pt", ModelCheckpoint(tmp_path))
    loaded.fit(EPOCHS - BEST - 1)
    assert (tmp_path / "best.safetensors").read_bytes() == before


def test_a_folder_that_cannot_be_is_noted_and_written_to_when_it_can(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder must be a folder"):
        ModelCheckpoint(tmp_path / "file")
    run = trainer(ModelCheckpoint(tmp_path / "later"))
    (tmp_path / "later").write_text("")
    run.fit(2)
    assert run.state == "finished"
    assert [note.params["hook"] for note in run.notes] == ["on_epoch_end", "on_stop"]
    assert "Training goes on" in str(run.notes[0])
    (tmp_path / "later").unlink()
    run.fit(EPOCHS - 2)
    model = network()
    load_model(model, tmp_path / "later" / "best.safetensors")
    assert same_weights(model, PLAIN.weights[BEST - 1])


@pytest.mark.parametrize(
    "settings",
    [{"every_epochs": 0}, {"every_steps": 2.5}, {"monitor": "temperature"}, {"mode": "least"}],
)
def test_settings_out_of_range_are_refused(tmp_path, settings):
    with pytest.raises(InputError):
        ModelCheckpoint(tmp_path, **settings)
