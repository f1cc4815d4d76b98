from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_lab.errors import InputError
from dl_lab.train.history import History


def filled(values):
    history = History()
    for step, value in enumerate(values):
        history.append(step, loss=value)
    return history["loss"]


def naive_envelope(values, rows, last):
    ends = [*rows[1:].tolist(), last]
    low, high = [], []
    for start, end in zip(rows.tolist(), ends, strict=True):
        part = values[start:end]
        known = part[~np.isnan(part)]
        low.append(known.min() if len(known) else math.nan)
        high.append(known.max() if len(known) else math.nan)
    return np.array(low, "f4"), np.array(high, "f4")


def test_columns_hold_what_was_appended():
    history = History()
    for step in range(1000):
        history.append(step, train_loss=step / 7)
        if step % 3 == 0:
            history.append(step, test_loss=-step)
    train, test = history["train_loss"], history["test_loss"]
    assert np.array_equal(train.steps, np.arange(1000))
    assert np.array_equal(train.values, np.arange(1000) / 7)
    assert np.array_equal(test.steps, np.arange(0, 1000, 3))
    assert (len(train), len(test)) == (1000, 334)
    assert (train.steps.dtype, train.times.dtype, train.values.dtype) == ("u4", "f4", "f8")
    assert (np.diff(train.times) >= 0).all()
    assert train.times[0] >= 0
    assert history.names == ("train_loss", "test_loss")
    assert repr(history) == "History(train_loss[1000], test_loss[334])"


def test_nan_and_infinities_are_kept():
    series = filled([1.0, math.nan, math.inf, -math.inf])
    assert np.array_equal(series.values, [1.0, math.nan, math.inf, -math.inf], equal_nan=True)
    rows, low, high = series.envelope()
    assert rows.tolist() == [0, 1, 2, 3]
    assert np.array_equal(low, high, equal_nan=True)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_the_envelope_is_the_lows_and_highs_of_its_stretches(data):
    count = data.draw(st.integers(1, 6000))
    seed = data.draw(st.integers(0, 100))
    generator = np.random.default_rng(seed)
    values = generator.normal(size=count)
    values[generator.random(count) < 0.01] = math.nan
    values[generator.random(count) < 0.001] = math.inf
    first = data.draw(st.none() | st.integers(0, count))
    last = data.draw(st.none() | st.integers(0, count))
    pixels = data.draw(st.integers(1, 300))
    rows, low, high = filled(values).envelope(first, last, pixels)
    begin, end, _ = slice(first, last).indices(count)
    assert (rows.dtype, low.dtype, high.dtype) == ("u4", "f4", "f4")
    assert len(rows) == len(low) == len(high) == min(pixels, max(0, end - begin))
    if len(rows):
        assert rows[0] == begin
        assert (np.diff(rows.astype(int)) > 0).all()
        expected = naive_envelope(values, rows, end)
        assert np.array_equal(low, expected[0], equal_nan=True)
        assert np.array_equal(high, expected[1], equal_nan=True)


def test_one_spike_among_many_rows_shows():
    values = np.zeros(100_000)
    values[54_321] = 9
    values[77_777] = -9
    series = filled(values)
    _, low, high = series.envelope(pixels=50)
    assert (high.max(), low.min()) == (9, -9)
    rows, low, high = series.envelope(54_300, 54_340)
    assert rows[high == 9].tolist() == [54_321]


def test_what_a_reader_holds_stays_as_it_is():
    history = History()
    for step in range(300):
        history.append(step, loss=step)
    series, values = history["loss"], history["loss"].values
    for step in range(300, 2000):
        history.append(step, loss=-1)
    assert np.array_equal(values, np.arange(300))
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 1
    history.clear()
    assert len(series) == 2000
    assert "loss" not in history
    assert len(history) == 0


def test_an_unknown_series_gets_a_sentence():
    history = History()
    history.append(0, train_loss=1)
    with pytest.raises(InputError, match="did you mean train_loss"):
        history["train_los"]


def test_readers_never_see_a_row_half_written():
    history = History()
    history.append(0, loss=0)
    count = 60_000
    faults = []
    done = threading.Event()

    def read():
        while True:
            finished = done.is_set()
            series = history["loss"]
            steps, values = series.steps, series.values
            size = min(len(steps), len(values))
            if not np.array_equal(steps[:size], values[:size]):
                faults.append("columns differ")
            rows, low, high = series.envelope(pixels=64)
            if len(rows) > 64 or (low > high).any() or low[0] != 0:
                faults.append("wrong envelope")
            if (np.diff(high) < 0).any():
                faults.append("not rising")
            if finished:
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for step in range(1, count):
        history.append(step, loss=step)
    done.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert history["loss"].envelope(pixels=10)[2][-1] == count - 1
