from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_lab.errors import InputError
from dl_lab.train.history.history import History
from tests.lengths import times


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
    assert test.values.dtype == "f4"
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


@settings(deadline=None, max_examples=times(60))
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


def test_a_column_widens_with_the_first_value_that_float32_lacks():
    history = History()
    for step in range(100):
        history.append(step, loss=0.5 * step)
    series, narrow = history["loss"], history["loss"].values
    for value in (math.nan, math.inf, -math.inf):
        history.append(100, loss=value)
    assert series.values.dtype == "f4"
    history.append(103, loss=0.1)
    history.append(104, loss=1e300)
    assert series.values.dtype == "f8"
    assert series.values[-2:].tolist() == [0.1, 1e300]
    assert series.values[:100].tolist() == [0.5 * step for step in range(100)]
    assert len(narrow) == 100
    for step in range(105, 1000):
        history.append(step, loss=step / 3)
    assert series.last == 999 / 3
    _, low, high = series.envelope(pixels=4)
    assert (low.min(), high.max()) == (-math.inf, math.inf)


def test_at_most_16_bytes_a_row():
    history = History()
    for step in range(300_000):
        history.append(step, loss=0.5)
    series = history["loss"]
    columns = [series._steps, series._times, series._values]
    assert sum(column.array.nbytes for column in columns) <= 16 * len(series)


def test_tensors_are_numbers_too():
    torch = pytest.importorskip("torch", reason="pip install torch")
    history = History()
    history.append(1, loss=torch.tensor(0.25), exact=torch.tensor(0.1, dtype=torch.float64))
    assert history["loss"].values.tolist() == [0.25]
    assert history["exact"].values.tolist() == [0.1]


@pytest.mark.parametrize(
    ("step", "value", "said"),
    [
        (-1, 0.5, "step must be a whole number"),
        (2**32, 0.5, "step must be a whole number"),
        (1.5, 0.5, "step must be a whole number"),
        (1, "low", "loss must be a number"),
        (1, None, "loss must be a number"),
    ],
)
def test_what_is_no_number_is_refused_and_leaves_nothing(step, value, said):
    history = History()
    history.append(0, loss=1)
    with pytest.raises(InputError, match=said):
        history.append(step, loss=value)
    history.append(1, loss=2)
    assert history["loss"].values.tolist() == [1, 2]


def test_loss_is_the_training_loss_where_nothing_else_is_called_so():
    history = History()
    history.append(0, train_loss=1, validation_loss=2)
    assert history["loss"] is history["train_loss"]
    assert "loss" in history
    assert history.names == ("train_loss", "validation_loss")
    history.append(0, loss=3)
    assert history["loss"].values.tolist() == [3]


def test_epochs_are_marked():
    history = History()
    assert history.epochs.dtype == "u4"
    for epoch in range(1, 101):
        history.mark_epoch(7 * epoch)
    assert history.epochs.tolist() == [7 * epoch for epoch in range(1, 101)]


@pytest.mark.parametrize("kept", [0, 63, 64, 700, 5000])
def test_truncating_is_never_having_gone_further(kept):
    whole, short = History(), History()
    for step in range(1000):
        for history in (whole, short)[: 1 + (step <= kept)]:
            history.append(step, train_loss=step / 7)
            if step % 100 == 99:
                history.append(step, validation_loss=step)
                history.mark_epoch(step)
    before, revision = whole["train_loss"], whole.revision
    whole.truncate(kept)
    assert whole.names == short.names
    for name in short:
        assert np.array_equal(whole[name].steps, short[name].steps)
        assert np.array_equal(whole[name].values, short[name].values)
        for mine, theirs in zip(whole[name].envelope(), short[name].envelope(), strict=True):
            assert np.array_equal(mine, theirs)
    assert np.array_equal(whole.epochs, short.epochs)
    assert whole.revision > revision
    assert len(before) == 1000
    for step in range(kept + 1, kept + 200):
        whole.append(step, train_loss=-1)
    assert whole["train_loss"].values[-199:].tolist() == [-1] * 199


def test_the_best_is_the_lowest_loss_and_the_highest_accuracy():
    history = History()
    assert history.names == ()
    losses = [3, 2, math.nan, -math.inf, 1, 1, 2]
    for step, loss in enumerate(losses):
        history.append(step, validation_loss=loss, train_accuracy=loss, learning_rate=0.1)
        finite = [value for value in losses[: step + 1] if math.isfinite(value)]
        assert history.best("validation_loss").value == min(finite)
        assert history.best("train_accuracy").value == max(finite)
    assert history.best("validation_loss") == (4, 1)
    assert history.best("train_accuracy") == (0, 3)
    assert history.best("learning_rate") is None
    assert history.best("learning_rate", highest=False) == (0, 0.1)
    history.append(0, odd_loss=math.nan)
    assert history.best("odd_loss") is None


def test_all_comes_back_from_its_state_and_the_clock_goes_on():
    history = History()
    for step in range(500):
        history.append(step, train_loss=np.float32(step / 7), exact=step / 7)
    history.mark_epoch(250)
    state = history.state_dict()
    history.append(500, train_loss=0)
    again = History()
    again.append(0, other=1)
    again.load_state_dict(state)
    assert again.names == ("train_loss", "exact")
    assert (again["train_loss"].values.dtype, again["exact"].values.dtype) == ("f4", "f8")
    for name in again:
        for column in ("steps", "times", "values"):
            expected = getattr(history[name], column)[:500]
            assert np.array_equal(getattr(again[name], column), expected)
    assert again.epochs.tolist() == [250]
    assert again.revision == 1
    again.append(500, train_loss=1)
    assert again["train_loss"].times[-1] >= again["train_loss"].times[-2]
    assert again.seconds() >= state["seconds"]
