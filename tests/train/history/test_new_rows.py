"""Rows of a growing history, each taken once."""

from __future__ import annotations

import threading
import time

import numpy as np

from dl_lab.train.history.history import History
from dl_lab.train.history.new_rows import HistoryRows, last_step


def test_rows_come_until_they_are_taken():
    history = History()
    history.append(0, validation_loss=2.0)
    history.append(1, train_loss=0.5)
    rows = HistoryRows(history)
    for _ in range(2):
        new = {name: (steps.tolist(), values.tolist()) for name, steps, _, values in rows.new()}
        assert new == {"validation_loss": ([0], [2.0]), "train_loss": ([1], [0.5])}
    rows.taken()
    assert rows.new() == []
    history.append(2, train_loss=0.25)
    ((name, steps, times, values),) = rows.new()
    assert (name, steps.tolist(), values.tolist()) == ("train_loss", [2], [0.25])
    assert abs(times[0] - time.time()) < 5


def test_all_up_to_a_step_count_as_taken():
    history = History()
    for step in range(10):
        history.append(step, a=step)
    ((_, steps, _, _),) = HistoryRows(history, after=6).new()
    assert steps.tolist() == [7, 8, 9]


def test_only_so_many_at_once():
    history = History()
    for step in range(10):
        history.append(step, a=step)
    rows = HistoryRows(history)
    sizes = []
    while new := rows.new(4):
        rows.taken()
        sizes.append(len(new[0][1]))
        # What is left behind is not said to be taken.
        assert rows.step == (8 if len(sizes) == 3 else -1)
    assert sizes == [4, 4, 2]


def test_a_cut_history_gives_nothing_more():
    history = History()
    for step in range(10):
        history.append(step, a=step)
    rows = HistoryRows(history)
    history.truncate(5)
    assert rows.void
    assert rows.new() == []
    assert [*HistoryRows(history).new()[0][1]] == [*range(6)]


def test_the_last_step():
    history = History()
    assert last_step(history) == -1
    history.append(3, a=1)
    history.append(2, b=1)
    assert last_step(history) == 3


def test_every_row_is_taken_once_while_they_come():
    history = History()
    rows = HistoryRows(history)
    done = threading.Event()

    def append() -> None:
        for step in range(20_000):
            history.append(step, a=step)
            if not step % 100:
                history.append(step, b=-step)
        done.set()

    thread = threading.Thread(target=append)
    thread.start()
    taken: dict[str, list[np.ndarray]] = {"a": [], "b": []}
    while True:
        last = done.is_set()
        for name, steps, _, _ in rows.new():
            taken[name].append(steps)
        rows.taken()
        for name, parts in taken.items():
            # All that is said to be taken was.
            have = np.concatenate(parts) if parts else np.empty(0)
            every = 1 if name == "a" else 100
            assert len(have[have <= rows.step]) == len(range(0, rows.step + 1, every))
        if last:
            break
    thread.join()
    assert np.concatenate(taken["a"]).tolist() == [*range(20_000)]
    assert np.concatenate(taken["b"]).tolist() == [*range(0, 20_000, 100)]
