"""A share of the time, on a clock that the test sets."""

from __future__ import annotations

import pytest

from dl_lab.train.events import budget
from dl_lab.train.events.budget import Budget


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)
    return clock


def test_work_in_hand_is_done_at_once(clock):
    kept = Budget(0.01, ahead=1)
    for _ in range(4):
        assert kept.allows()
        kept.begin()
        kept.spend(0.25)
    kept.spend(0.25)
    assert kept.due == clock.now + 0.25 / 0.01
    assert not kept.allows()


def test_after_that_work_takes_its_share_of_the_time(clock):
    kept = Budget(0.02, ahead=1)
    spent, began = 0.0, clock.now
    while clock.now < began + 10_000:
        if kept.allows():
            kept.begin()
            kept.spend(0.3)
            spent += 0.3
        clock.now += 0.5
    assert spent / 10_000 == pytest.approx(0.02, rel=0.02)


def test_what_is_saved_up_is_bounded(clock):
    kept = Budget(0.5, ahead=1)
    kept.spend(0)
    clock.now += 1e6
    kept.spend(3)
    assert kept.due == clock.now + (3 - 1) / 0.5


def test_work_begins_so_far_apart(clock):
    kept = Budget(0.5, ahead=10, apart=2)
    for apart in (0.125, 0.25, 0.5, 1, 2, 2):
        assert kept.allows()
        kept.begin()
        kept.spend(0.001)
        clock.now += apart - 0.01
        assert not kept.allows()
        clock.now += 0.01


def test_the_time_of_a_pause_counts_for_nothing(clock):
    kept = Budget(0.01, ahead=0, apart=2)
    kept.begin()
    kept.spend(0.05)
    clock.now += 1
    kept.pause()
    clock.now += 1000
    kept.resume()
    assert not kept.allows()
    clock.now += 4
    assert kept.allows()
