from __future__ import annotations

import math

import pytest

from dl_lab.errors import InputError
from dl_lab.train.callbacks.monitor import Monitor, epoch_value
from tests.train.callbacks.problem import TRAIN, plain_loop, trainer


@pytest.mark.parametrize(
    ("name", "mode"),
    [("validation_loss", "min"), ("validation_accuracy", "max"), ("val_mae", "min"), ("f1", "max")],
)
def test_the_name_tells_the_mode(name, mode):
    assert Monitor(name).mode == mode


def test_a_name_that_does_not_tell_wants_a_mode():
    with pytest.raises(InputError) as error:
        Monitor("temperature")
    assert error.value.key == "which_mode"
    assert Monitor("temperature", "max").mode == "max"


def test_an_unknown_mode_gets_the_nearest():
    with pytest.raises(InputError) as error:
        Monitor("validation_loss", "mim")
    assert error.value.params["near"] == "min"


@pytest.mark.parametrize(
    ("mode", "delta", "values", "taken"),
    [
        ("min", 0.0, [3, 2, 2, 1], [True, True, False, True]),
        ("max", 0.0, [3, 2, 3.5], [True, False, True]),
        ("min", 0.5, [3, 2.6, 2.4], [True, False, True]),
        ("min", 0.0, [math.nan, math.inf, math.inf, 1], [False, True, False, True]),
        ("max", 0.0, [-math.inf, -math.inf, math.nan, 0], [True, False, False, True]),
    ],
)
def test_what_is_better(mode, delta, values, taken):
    monitor = Monitor("x", mode, delta)
    assert [monitor.take(value, epoch) for epoch, value in enumerate(values)] == taken


def test_a_series_by_step_counts_with_the_mean_of_the_epoch():
    run = trainer()
    losses = plain_loop(4).losses
    for epoch in range(4):
        run.fit(1)
        own = losses[epoch * len(TRAIN) : (epoch + 1) * len(TRAIN)]
        assert epoch_value(run, "train_loss") == pytest.approx(sum(own) / len(own), rel=1e-6)
        assert Monitor("loss").read(run) == epoch_value(run, "train_loss")


def test_recorded_by_epoch_the_last_row_counts():
    run = trainer(record="epoch")
    run.fit(3)
    for name in ("train_loss", "validation_loss"):
        assert epoch_value(run, name) == run.history[name].values[-1]


def test_what_is_not_recorded_is_told_with_what_is():
    run = trainer()
    run.fit(1)
    with pytest.raises(InputError) as error:
        Monitor("validation_lost", "min").read(run)
    assert error.value.params["near"] == "validation_loss"
