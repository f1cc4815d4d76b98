from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_lab.train.history.history import History
from dl_lab.train.history.smoothing import Smoother
from tests.lengths import times


def tensorboard(values, weight):
    """TensorBoard's `classicSmoothing` word for word, but for values that are not finite.

    There it shows the value itself; we let the average stay where it was.
    """
    last, count, smoothed = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            last = last * weight + (1 - weight) * value
            count += 1
            smoothed.append(last / (1 - weight**count))
        else:
            smoothed.append(smoothed[-1] if smoothed else math.nan)
    return smoothed


@settings(deadline=None, max_examples=times(60))
@given(st.data())
def test_it_is_tensorboards_average_however_it_comes(data):
    count = data.draw(st.integers(1, 20_000) | st.integers(1, 200))
    weight = data.draw(st.sampled_from([0.001, 0.3, 0.6, 0.9, 0.99, 0.999]))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = generator.normal(size=count).cumsum()
    if data.draw(st.booleans()):
        values[generator.random(count) < 0.05] = math.nan
        values[generator.random(count) < 0.01] = -math.inf
    smoother = Smoother()
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=5)))
    for cut in cuts:
        smoother.smooth(values[:cut], weight)
    result = smoother.smooth(values, weight)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, tensorboard(values.tolist(), weight), rtol=2e-6, atol=1e-6)


def test_a_constant_stays_what_it_is_from_the_first_row_on():
    values = np.full(1000, 7.25)
    np.testing.assert_allclose(Smoother().smooth(values, 0.999), values, rtol=1e-6)


def test_what_was_handed_out_stays_as_it_is():
    smoother = Smoother()
    values = np.random.default_rng(0).normal(size=5000)
    before = smoother.smooth(values[:1000], 0.9)
    copy = before.copy()
    smoother.smooth(values, 0.9)
    assert np.array_equal(before, copy)
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1


def test_many_weights_do_not_pile_up():
    smoother = Smoother()
    for weight in np.linspace(0.1, 0.9, 50):
        smoother.smooth(np.ones(100), float(weight))
    assert len(smoother._averages) <= 3


def test_several_readers_smooth_while_a_series_grows():
    history = History()
    history.append(0, loss=1)
    series, faults, done = history["loss"], [], threading.Event()

    def read(weight):
        while not done.is_set():
            seen = series.smoothed(weight)
            if not ((seen > 0.99) & (seen < 1.01)).all():
                faults.append(seen)

    readers = [threading.Thread(target=read, args=(weight,)) for weight in (0.5, 0.9)]
    for reader in readers:
        reader.start()
    for step in range(1, 30_000):
        history.append(step, loss=1)
    done.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert len(series.smoothed(0.5)) == 30_000
