from __future__ import annotations

import asyncio

import pytest

from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.timer import Timer
from tests.train.callbacks.problem import TRAIN, trainer


class PauseAt(Callback):
    def __init__(self, step) -> None:
        self.step = step

    def on_step_end(self, trainer):
        if trainer.steps == self.step:
            trainer.pause()


def test_the_times_add_up_and_stand_still_in_a_pause():
    timer = Timer()
    run = trainer(timer)
    run.fit(4)
    assert len(timer.epochs) == 4
    assert all(seconds > 0 for seconds in timer.epochs)
    total = timer.seconds
    assert sum(timer.epochs) <= total
    assert timer.seconds == total
    assert timer.step_seconds == pytest.approx(total / 12)
    assert timer.left == 0.0


def test_what_is_left_is_the_steps_left_times_the_time_of_one():
    timer = Timer()
    run = trainer(timer, PauseAt(7))
    run.start(epochs=5)
    asyncio.run(run.wait())
    assert run.steps == 7
    assert timer.left == pytest.approx((5 * len(TRAIN) - 7) * timer.step_seconds)
    run.resume()
    asyncio.run(run.wait())
    assert (run.epoch, timer.left) == (5, 0.0)


def test_without_an_end_nothing_is_known():
    timer = Timer()
    run = trainer(timer, PauseAt(4))
    assert (timer.left, timer.step_seconds) == (None, None)
    run.start()
    asyncio.run(run.wait())
    assert run.steps == 4
    assert timer.left is None
    assert timer.step_seconds > 0


def test_a_reset_begins_anew_and_a_rewind_goes_back():
    timer = Timer()
    run = trainer(timer)
    run.fit(2)
    second = timer.seconds
    run.fit(2)
    run.rewind(6)
    assert len(timer.epochs) == 2
    assert timer.seconds <= second
    run.reset()
    assert (timer.epochs, timer.seconds) == ([], 0.0)
    run.fit(1)
    assert len(timer.epochs) == 1


def test_a_timer_that_comes_late_counts_from_there():
    run = trainer()
    run.fit(5)
    timer = Timer()
    late = type(run)(run.model, run.loss, run.optimizer, run.train, callbacks=[timer], device="cpu")
    late.load_state_dict({**run.state_dict(), "callbacks": []})
    late.step(2)
    assert timer.step_seconds == pytest.approx(timer.seconds / 2)
    assert timer.seconds > 0
