from __future__ import annotations

import pytest
import torch

from dl_lab.errors import InputError
from dl_lab.train.callbacks.early_stopping import EarlyStopping
from tests.train.callbacks.problem import plain_loop, same_weights, trainer

EPOCHS = 60
PLAIN = plain_loop(EPOCHS)


def expected(values, patience, min_delta=0.0, sign=1.0):
    """The epoch to stop after and the best one, straight from the definition."""
    best, best_epoch = None, 0
    for epoch, value in enumerate(values, 1):
        if best is None or sign * (best - value) > min_delta:
            best, best_epoch = value, epoch
        elif epoch - best_epoch >= patience:
            return epoch, best_epoch
    raise AssertionError


@pytest.mark.parametrize(("patience", "min_delta"), [(1, 0.0), (4, 0.0), (3, 0.05), (12, 0.2)])
def test_it_ends_the_run_at_the_epoch_it_should(patience, min_delta):
    stopping = EarlyStopping(patience=patience, min_delta=min_delta)
    run = trainer(stopping)
    run.fit(EPOCHS)
    last, best = expected(PLAIN.validation, patience, min_delta)
    assert (run.state, run.epoch, stopping.best_epoch) == ("finished", last, best)
    assert stopping.best == pytest.approx(PLAIN.validation[best - 1], rel=1e-6)
    assert same_weights(run.model, PLAIN.weights[last - 1])
    assert run.message is not None
    assert run.message.key == "stopped_early"
    assert f"after epoch {last}" in str(run.message)


def test_the_best_weights_come_back_and_are_the_ones_measured():
    stopping = EarlyStopping(patience=5, restore_best=True)
    run = trainer(stopping)
    run.fit(EPOCHS)
    last, best = expected(PLAIN.validation, 5)
    assert (run.epoch, stopping.best_epoch) == (last, best)
    assert same_weights(run.model, PLAIN.weights[best - 1])
    assert run.evaluate()["validation_loss"] == pytest.approx(stopping.best)
    assert run.message.key == "stopped_early_best"


def test_the_other_way_round():
    stopping = EarlyStopping(patience=3, mode="max")
    run = trainer(stopping)
    run.fit(EPOCHS)
    assert run.epoch == expected(PLAIN.validation, 3, sign=-1.0)[0]


def test_started_again_it_has_patience_anew():
    stopping = EarlyStopping(patience=4)
    run = trainer(stopping)
    run.fit(EPOCHS)
    first, best = expected(PLAIN.validation, 4)
    run.fit(EPOCHS)
    later = PLAIN.validation[first:]
    improved = [epoch for epoch, value in enumerate(later[:4], 1) if value < stopping.best]
    assert improved == []
    assert (run.epoch, stopping.best_epoch) == (first + 4, best)


def test_a_pause_does_not_count():
    stopping = EarlyStopping(patience=4)
    run = trainer(stopping)
    last, _ = expected(PLAIN.validation, 4)
    while run.state != "finished":
        run.step()
    assert run.epoch == last


def test_after_a_reset_and_after_a_rewind_it_stops_at_the_same_epoch():
    stopping = EarlyStopping(patience=4, restore_best=True)
    run = trainer(stopping)
    run.fit(EPOCHS)
    once = run.epoch, stopping.best, [p.detach().clone() for p in run.model.parameters()]
    run.reset()
    assert (stopping.best, stopping.waited) == (None, 0)
    run.fit(EPOCHS)
    assert (run.epoch, stopping.best) == once[:2]
    assert same_weights(run.model, once[2])
    for step in run.checkpoints[:-1]:
        run.rewind(step)
        run.fit(EPOCHS)
        assert (run.epoch, stopping.best) == once[:2]
        assert same_weights(run.model, once[2])


def test_without_validation_data_it_says_so_before_training():
    run = trainer(EarlyStopping(), validation=None)
    with pytest.raises(InputError) as error:
        run.fit(5)
    assert run.state == "failed"
    assert "EarlyStopping" in str(error.value)
    assert "validation_loss" in str(error.value)
    assert run.steps == 0


def test_a_patience_in_the_place_of_the_monitor_is_told():
    with pytest.raises(InputError) as error:
        EarlyStopping(9)
    assert error.value.params["name"] == "monitor"


def test_loaded_it_goes_on_waiting(tmp_path):
    last, _ = expected(PLAIN.validation, 6)
    run = trainer(EarlyStopping(patience=6, restore_best=True))
    run.fit(last - 2)
    run.save(tmp_path / "a.pt")
    torch.manual_seed(99)
    stopping = EarlyStopping(patience=6, restore_best=True)
    again = trainer(stopping)
    loaded = type(again).load(
        tmp_path / "a.pt",
        again.model,
        again.loss,
        again.optimizer,
        again.train,
        again.validation,
        callbacks=[stopping],
        device="cpu",
    )
    loaded.fit(EPOCHS)
    run.fit(EPOCHS)
    assert loaded.epoch == run.epoch == last
    assert same_weights(loaded.model, list(run.model.parameters()))
