from __future__ import annotations

import pytest

from dl_lab.widgets.base import speed as _rate
from dl_lab.widgets.base.speed import Pace


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_rate, "monotonic", lambda: now[0])
    return now


def test_a_pace_is_steps_a_second_of_the_last_seconds(clock):
    pace = Pace()
    assert pace.per_second == 0
    step = 0
    for rate in (10, 40):
        for _ in range(100):
            clock[0] += 0.1
            step += rate / 10
            pace.see(1, step, running=True)
        assert pace.per_second == pytest.approx(rate)


def test_steps_that_take_minutes_have_a_pace_too(clock):
    pace = Pace()
    for step in range(5):
        pace.see(1, step, running=True)
        clock[0] += 120
    assert pace.per_second == pytest.approx(1 / 120)


@pytest.mark.parametrize("after", [(1, 3, True), (2, 50, True), (1, 50, False)])
def test_a_pause_a_reset_and_a_step_back_begin_anew(clock, after):
    pace = Pace()
    for step in (0, 10, 20):
        clock[0] += 1
        pace.see(1, step, running=True)
    assert pace.per_second == 10
    revision, step, running = after
    pace.see(revision, step, running=running)
    assert pace.per_second == 0
