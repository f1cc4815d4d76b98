"""The exponential moving average of TensorBoard, over arrays and as they grow."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from dl_lab import forks

_BLOCK = 64
_KEPT = 3


class _Average:
    """The moving average of a column as far as it was computed."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.count = 0
        self.result = np.empty(0, np.float32)
        self._finite = 0
        self._average = 0.0
        self._last = np.nan

    def extend(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Go on to the end of `values`, whose beginning is what was computed before."""
        total = len(values)
        if total > self.count:
            if total > len(self.result):
                # A new array: what was handed out before stays as it is.
                grown = np.empty(total + total // 4, np.float32)
                grown[: self.count] = self.result[: self.count]
                self.result = grown
            self.result[self.count : total] = self._continue(values[self.count :])
            self.count = total
        view = self.result[:total]
        view.flags.writeable = False
        return view

    def _continue(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        known = np.isfinite(values)
        places = np.cumsum(known)
        averages = _recursion(values[known].astype(np.float64), self.weight, self._average)
        numbers = self._finite + np.arange(1, len(averages) + 1)
        # What the zero at the beginning takes from the first averages is given back.
        smooth = averages / -np.expm1(numbers * np.log(self.weight))
        smooth = np.concatenate([[self._last], smooth])
        if len(averages):
            self._average = float(averages[-1])
            self._finite += len(averages)
            self._last = float(smooth[-1])
        # A value that is not finite is passed by: the average stays where it was.
        return np.asarray(smooth[places])


class Smoother:
    """The smoothed values of one series for the few weights that were asked for last.

    The average is y[t] = (w y[t-1] + (1 - w) x[t]) from y = 0, divided by 1 - wᵗ, as TensorBoard's
    smoothing slider computes it; t counts finite values, others are passed by.

    References
    ----------
    .. [1] TensorBoard, ``classicSmoothing`` in ``data_transformer.ts``,
       https://github.com/tensorflow/tensorboard
    """

    def __init__(self) -> None:
        self._lock = forks.opens(threading.Lock())
        self._averages: OrderedDict[float, _Average] = OrderedDict()

    def smooth(self, values: npt.NDArray[Any], weight: float) -> npt.NDArray[np.float32]:
        """Return the smoothed values, f4 [n]; `values` must begin with those of the last call."""
        if not weight:
            return values.astype(np.float32)
        with self._lock:
            average = self._averages.pop(weight, None) or _Average(weight)
            self._averages[weight] = average
            while len(self._averages) > _KEPT:
                self._averages.popitem(last=False)
            return average.extend(values)


def _recursion(
    values: npt.NDArray[np.float64], weight: float, before: float
) -> npt.NDArray[np.float64]:
    """Return y[t] = w y[t-1] + (1 - w) x[t] from y[-1] = `before`, without a loop over t.

    Blocks of 64 are one product with a triangular matrix; what each hands on to the next is the
    same recursion again, 64 times shorter.
    """
    count = len(values)
    if not count:
        return values
    size = min(_BLOCK, count)
    blocks = -(-count // size)
    padded = np.zeros(blocks * size)
    padded[:count] = values
    lags = np.arange(size)[:, None] - np.arange(size)
    matrix = np.where(lags >= 0, (1 - weight) * weight ** np.maximum(lags, 0), 0.0)
    within = padded.reshape(blocks, size) @ matrix.T
    handed = np.empty(blocks)
    handed[0] = before
    if blocks > 1:
        ends = within[:-1, -1]
        decay = weight**size
        handed[1:] = _recursion(ends / (1 - decay), decay, before)
    result = within + handed[:, None] * weight ** np.arange(1, size + 1)
    return np.asarray(result.reshape(-1)[:count])
