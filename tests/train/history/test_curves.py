from __future__ import annotations

import itertools
import math
import threading
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_lab.errors import InputError
from dl_lab.train.history.curves import curve, extent, last_place, place
from dl_lab.train.history.history import History
from dl_lab.train.history.series import Series
from tests.lengths import times


def recorded(values, steps=None, times=None, epochs=()):
    history = History()
    count = len(values)
    steps = np.arange(count) if steps is None else steps
    times = np.arange(count) / 10 if times is None else times
    history.load_state_dict(
        {
            "seconds": 0.0,
            "epochs": np.array(epochs, "u4"),
            "series": {"train_loss": {"steps": steps, "times": times, "values": values}},
        }
    )
    return history


def places(history, axis):
    """Compute where each row lies, one by one."""
    series = history["train_loss"]
    if axis == "time":
        return series.times.astype(float)
    if axis == "step" or not len(history.epochs):
        return series.steps.astype(float)
    ends = [0, *history.epochs.tolist()]
    found = []
    for step in series.steps.tolist():
        index = max(0, min(len(ends) - 2, int(np.searchsorted(ends, step, "right")) - 1))
        found.append(index + (step - ends[index]) / (ends[index + 1] - ends[index]))
    return np.array(found)


@settings(deadline=None, max_examples=times(80))
@given(st.data())
def test_the_extremes_are_those_of_their_stretches(data):
    count = data.draw(st.integers(2, 30_000))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = generator.normal(size=count)
    if data.draw(st.booleans()):
        values = values.astype(np.float32)
    values[generator.random(count) < 0.01] = math.nan
    values[generator.random(count) < 0.001] = math.inf
    series = Series.of("loss", np.arange(count), np.arange(count), values)
    cuts = data.draw(st.integers(1, 300))
    if data.draw(st.booleans()):
        asked = np.unique(np.geomspace(1, count, cuts + 1).astype(int))
    else:
        asked = np.unique(generator.integers(0, count + 1, cuts + 1))
    low, high = series.extremes(asked)
    assert len(low) == len(high) == len(asked) - 1
    assert low.dtype == high.dtype == np.float32
    for k, (begin, end) in enumerate(itertools.pairwise(asked)):
        part = values[begin:end].astype(np.float32)
        known = part[~np.isnan(part)]
        expected = (known.min(), known.max()) if len(known) else (math.nan, math.nan)
        assert np.array_equal((low[k], high[k]), expected, equal_nan=True)


@settings(deadline=None, max_examples=times(60))
@given(st.data())
def test_no_value_is_lost_at_any_zoom(data):
    count = data.draw(st.integers(1, 20_000))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = generator.normal(size=count).astype(np.float32)
    values[generator.random(count) < 0.01] = math.nan
    steps = np.cumsum(generator.integers(0, 3, count))
    times = np.cumsum(generator.exponential(size=count)).astype(np.float32)
    ends = np.unique(generator.integers(1, max(2, int(steps[-1]) + 1), 5))
    history = recorded(values, steps, times, ends)
    axis = data.draw(st.sampled_from(["step", "epoch", "time"]))
    scale = data.draw(st.sampled_from(["linear", "log"]))
    pixels = data.draw(st.integers(1, 500))
    where = places(history, axis)
    bounds = np.sort(generator.uniform(where[0] - 1, where[-1] + 1, 2))
    low, high = (None, None) if data.draw(st.booleans()) else bounds.tolist()
    seen = curve(history, "loss", pixels=pixels, axis=axis, low=low, high=high, scale=scale)
    # A float32 of a time may fall on the other side of a bound by its rounding.
    slack = 1e-3 if axis == "time" else 0
    inside = (where >= (low if low is not None else -1) - slack) & (
        where <= (high if high is not None else math.inf) + slack
    )
    assert abs(seen.rows - inside.sum()) <= 2
    assert len(seen.x) <= max(3, pixels) + 2
    assert (np.diff(seen.x) >= 0).all()
    assert np.isclose(seen.x[:, None], where, rtol=1e-9, atol=1e-9).any(axis=1).all()
    if seen.exact:
        assert np.array_equal(seen.low, seen.high, equal_nan=True)
        assert len(seen.x) - 2 <= seen.rows
        return
    wanted = values[(where >= seen.x[0]) & (where <= seen.x[-1]) & inside]
    wanted = wanted[~np.isnan(wanted)]
    if len(wanted):
        assert np.nanmin(seen.low) <= wanted.min()
        assert np.nanmax(seen.high) >= wanted.max()
    spike = generator.choice(np.flatnonzero(inside))
    values[spike] = 1e6
    again = recorded(values, steps, times, ends)
    found = curve(again, "loss", pixels=pixels, axis=axis, low=low, high=high, scale=scale)
    (spot,) = np.flatnonzero(found.high == 1e6)
    if scale == "linear":
        width = (where[inside][-1] - where[inside][0]) / max(1, pixels - 2)
        assert abs(found.x[spot] - where[spike]) <= 1.5 * width + 1e-6


def test_few_rows_are_themselves_and_reach_beyond_the_window():
    history = recorded(np.arange(100.0))
    seen = curve(history, "train_loss", pixels=50, low=10.5, high=20)
    assert seen.exact
    assert seen.rows == 10
    assert seen.x.tolist() == list(range(10, 22))
    assert seen.low.tolist() == seen.high.tolist() == list(range(10, 22))
    whole = curve(history, "train_loss", pixels=100)
    assert whole.low.tolist() == list(range(100))


def test_a_window_beside_all_rows_holds_the_nearest():
    history = recorded(np.arange(10.0))
    assert curve(history, "train_loss", pixels=9, low=50, high=60).x.tolist() == [9]
    assert curve(history, "train_loss", pixels=9, low=-5, high=-1).x.tolist() == [0]
    between = curve(history, "train_loss", pixels=9, low=3.2, high=3.8)
    assert (between.x.tolist(), between.rows) == ([3, 4], 0)


def test_an_epoch_is_as_long_as_it_was():
    history = recorded(np.arange(41.0), epochs=(10, 30))
    x = curve(history, "train_loss", pixels=100, axis="epoch").x
    assert x[[0, 5, 10, 20, 30, 40]].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    one = curve(history, "train_loss", pixels=100, axis="epoch", low=1, high=2)
    assert one.rows == 21
    assert extent(history, "epoch") == (0, 2.5)


def test_before_the_first_epoch_ends_its_length_is_asked_for():
    history = recorded(np.arange(6.0))
    told = curve(history, "train_loss", pixels=100, axis="epoch", epoch_length=10)
    assert told.x.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    # A history that counts epochs has no other.
    assert curve(history, "train_loss", pixels=100, axis="epoch").x.tolist() == list(range(6))


def test_on_a_logarithmic_axis_the_first_rows_get_their_room():
    history = recorded(np.arange(100_001.0))
    seen = curve(history, "train_loss", pixels=200, scale="log")
    assert len(seen.x) <= 202
    assert seen.x[[0, -1]].tolist() == [0, 100_000]
    assert (seen.x < 100).sum() > 40
    assert seen.high.max() == 100_000


@pytest.mark.parametrize("window", [(None, None), (5_000, 45_000)])
def test_smoothing_is_the_same_at_any_zoom(window):
    generator = np.random.default_rng(0)
    values = generator.normal(size=50_000).astype("f4")
    history = recorded(values)
    seen = curve(history, "train_loss", pixels=300, low=window[0], high=window[1], smoothing=0.9)
    average, expected = 0.0, []
    for count, value in enumerate(values.tolist(), 1):
        average = 0.9 * average + 0.1 * value
        expected.append(average / (1 - 0.9**count))
    np.testing.assert_allclose(seen.smooth, np.array(expected)[seen.x.astype(int)], atol=1e-6)


def test_steps_that_go_back_are_drawn_in_order():
    steps = [5, 6, 7, 1, 2, 3]
    history = recorded(np.array([50.0, 60, 70, 10, 20, 30]), steps)
    seen = curve(history, "train_loss", pixels=10, low=2, high=6, smoothing=0.5)
    assert seen.x.tolist() == [1, 2, 3, 5, 6, 7]
    assert seen.low.tolist() == [10, 20, 30, 50, 60, 70]
    assert seen.smooth[3] == 50
    assert extent(history) == (1, 7)
    assert curve(history, "train_loss", pixels=10, axis="time").low.tolist()[0] == 50


def test_a_row_has_its_place_on_every_axis():
    history = recorded(np.arange(41.0), epochs=(10, 30))
    assert asdict(place(history, history["loss"], 20)) == {"step": 20, "epoch": 1.5, "seconds": 2.0}
    counted = recorded(np.arange(3.0))
    assert place(counted, counted["loss"], 1).epoch is None


@pytest.mark.parametrize(
    ("axis", "at", "step"),
    [
        ("step", 20, 20),
        ("step", 20.9, 20),
        ("step", 1e9, 40),
        ("step", -1, None),
        ("epoch", 1.5, 20),
        ("epoch", 1.51, 20),
        ("time", 2.05, 20),
        ("time", 2.0, 20),
    ],
)
def test_the_last_row_before_a_place_is_found(axis, at, step):
    history = recorded(np.arange(41.0), epochs=(10, 30))
    history.append(0, validation_loss=1)
    found = last_place(history, axis, at)
    assert (None if found is None else found.step) == step
    assert last_place(History(), axis, at) is None


def test_nothing_recorded_is_an_empty_curve():
    history = History()
    history.series("train_loss")
    seen = curve(history, "train_loss", pixels=10, smoothing=0.5)
    assert (len(seen.x), len(seen.low), seen.rows, seen.exact) == (0, 0, 0, True)
    assert extent(history) is None


def test_an_axis_or_series_that_is_none_gets_a_sentence():
    history = recorded(np.arange(3.0))
    with pytest.raises(InputError, match="did you mean step"):
        curve(history, "train_loss", pixels=10, axis="steps")
    with pytest.raises(InputError, match="series cannot be 'accuracy'"):
        curve(history, "accuracy", pixels=10)


def test_a_curve_is_read_while_the_series_grows():
    history = History()
    history.append(0, train_loss=0)
    faults, done = [], threading.Event()

    def read():
        while not done.is_set():
            for axis in ("step", "time"):
                seen = curve(history, "train_loss", pixels=100, axis=axis, smoothing=0.5)
                rising = (np.diff(seen.high) >= 0).all() and (np.diff(seen.x) >= 0).all()
                if not rising or seen.low[0] != 0 or len(seen.x) > 102:
                    faults.append(seen)

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(1, 40_000):
        history.append(step, train_loss=step)
    done.set()
    reader.join()
    assert not faults
