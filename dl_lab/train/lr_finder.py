"""The learning rate range test: which rates train, and which are too high."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from dl_lab.errors import InputError, number, whole
from dl_lab.train.interrupts import noted_interrupts
from dl_lab.train.structure import described
from dl_lab.train.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterable

Values = npt.NDArray[np.float64]
Scale = Literal["exponential", "linear"]

SCALES = ("exponential", "linear")

LOWEST, HIGHEST = 1e-12, 1e6
"""Rates that a test may use."""

SKIP_FIRST, SKIP_LAST = 5, 3
"""Losses that a suggestion leaves aside: where the average begins and where the loss takes off."""

LEAST = 10
"""Losses that a suggestion needs beside those."""

REACH = 3
"""A slope is that of the straight line through a loss and so many on either side of it."""

# How far the smoothed loss must fall, in standard deviations of its own noise. Data without
# anything to learn stay below 5 (50 runs), those with something lie above 10.
_CLEAR = 5.0
# The same where there is no noise, as a share of the loss: float32 tells no less apart.
_VISIBLE = 1e-5
# One loss that is not finite may be a bad batch; with more the weights are gone.
_NOT_FINITE_IN_A_ROW = 3
_WAIT = 0.05


@dataclass(frozen=True)
class RangeTest:
    """What a range test measured.

    Attributes
    ----------
    rates, losses, smoothed
        f8 [n]: each learning rate, the loss of the step done with it, and the exponential moving
        average of these losses. All are finite.
    scale
        ``"exponential"`` or ``"linear"``.
    current
        The learning rate before the test, and again after it.
    suggestion
        A rate to train with, or None.
    reason
        Why there is no suggestion, as a sentence.
    stopped
        Why the test ended before the highest rate, as a sentence; None where it did not.
    """

    rates: Values
    losses: Values
    smoothed: Values
    scale: Scale
    current: float
    suggestion: float | None = None
    reason: InputError | None = None
    stopped: InputError | None = None


def range_test(
    trainer: Trainer,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    scale: Scale = "exponential",
    *,
    stop_factor: float | None = 4.0,
    smoothing: float = 0.8,
) -> RangeTest:
    """Train a few steps with ever higher learning rates, then put everything back.

    Weights, buffers, the optimizer's state and settings, random numbers and the order of the
    batches are afterwards as they were, so that training goes on as if there had been no test.
    Kernel → Interrupt ends the test early and loses nothing.

    Parameters
    ----------
    trainer
        A Trainer that does not run.
    low, high
        The first and the last learning rate, of the first parameter group; the others keep their
        proportion to it.
    steps
        How many rates from `low` to `high`, 20 to 10,000; one training step with each.
    scale
        ``"exponential"``: each rate is a multiple of the one before; ``"linear"``: each is higher
        by the same amount.
    stop_factor
        End the test when the smoothed loss is so many times its lowest. None never does.
    smoothing
        Weight of the past in the smoothed loss, 0 to 0.99.

    Returns
    -------
    RangeTest
        Rates and losses; losses that are not finite are left out, and three in a row end the test.

    Raises
    ------
    InputError
        The trainer runs, or a number is outside its limits.

    Notes
    -----
    The idea is Smith's [1]_: the loss falls fastest at rates that are high and still stable. He
    raises the rate linearly; that it grows exponentially, the test stops as the loss takes off and
    the steepest descent is suggested is fastai's form of it [2]_. The loss belongs to the weights
    *before* the step with its rate, in all of these.

    The suggestion is the rate at which the smoothed loss over the logarithm of the rate falls
    most steeply, up to its lowest point: the slope of a straight line through seven losses at a
    time, without the first five and the last three. There is none where too few losses are left,
    or where the loss falls by no more than its own noise.

    References
    ----------
    .. [1] L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.3,
       https://arxiv.org/abs/1506.01186
    .. [2] J. Howard and S. Gugger, "fastai: A Layered API for Deep Learning", 2020,
       https://arxiv.org/abs/2002.04688

    Examples
    --------
    >>> import torch
    >>> from dl_lab.train.trainer import Trainer
    >>> _ = torch.manual_seed(0)
    >>> points = torch.randn(256, 2)
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = Trainer(model, torch.nn.MSELoss(), sgd, (points, points.sum(1, keepdim=True)))
    >>> test = range_test(trainer)
    >>> 0.01 < test.suggestion < 1
    True
    >>> trainer.steps, trainer.learning_rate
    (0, 0.1)
    """
    if not isinstance(trainer, Trainer):
        raise InputError("not_trainer", given=described(trainer))
    low = number("low", low, LOWEST, HIGHEST)
    high = number("high", high, LOWEST, HIGHEST)
    steps = whole("steps", steps, SKIP_FIRST + LEAST + SKIP_LAST + 2, 10_000)
    if scale not in SCALES:
        raise InputError.unknown("scale", scale, SCALES)
    if low >= high:
        raise InputError("range_order", low=f"{low:g}", high=f"{high:g}")
    if stop_factor is not None:
        stop_factor = number("stop_factor", stop_factor, 1.01, 1e9)
    spaced = np.geomspace if scale == "exponential" else np.linspace
    measuring = _Measuring(
        trainer, spaced(low, high, steps), stop_factor, number("smoothing", smoothing, 0.0, 0.99)
    )
    measuring.run()
    rates, losses = np.array(measuring.rates), np.array(measuring.losses)
    smoothed = np.array(measuring.smoothed)
    suggestion: float | None = None
    reason: InputError | None = None
    try:
        suggestion = suggest(rates, losses, smoothed, measuring.smoothing)
    except InputError as error:
        reason = error
    return RangeTest(
        rates,
        losses,
        smoothed,
        scale,
        current=measuring.current,
        suggestion=suggestion,
        reason=reason,
        stopped=measuring.stopped,
    )


class _Measuring:
    """The test itself, in a thread of its own.

    An interrupt is only noted: it can fall into no step and into nothing that is being put back.
    """

    def __init__(
        self, trainer: Trainer, planned: Values, stop_factor: float | None, smoothing: float
    ) -> None:
        self.smoothing = smoothing
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.stopped: InputError | None = None
        self.current = math.nan
        self._trainer = trainer
        self._planned = planned
        self._stop_factor = stop_factor
        self._average = 0.0
        self._lowest = math.inf
        self._not_finite = 0
        self._interrupted = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        with noted_interrupts() as self._interrupted:
            self._wait()
        if self._error is not None:
            raise self._error

    def _wait(self) -> None:
        thread = threading.Thread(target=self._run, name="dl-lab range test", daemon=True)
        thread.start()
        while thread.is_alive():
            # With a limit: a signal that another thread received is seen only in between.
            thread.join(_WAIT)
            self._trainer.poll()

    def _run(self) -> None:
        try:
            self._measure()
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
            self._error = error

    def _measure(self) -> None:
        with self._trainer.trial() as trial:
            self.current = float(trial.learning_rate)
            for rate in self._planned.tolist():
                if self._interrupted.is_set():
                    self.stopped = InputError("range_interrupted", rate=f"{rate:.2g}")
                    return
                trial.learning_rate = rate
                self.stopped = self._take(rate, trial.step())
                if self.stopped is not None:
                    return

    def _take(self, rate: float, loss: float) -> InputError | None:
        """Note a loss; return why the test is over, if it is."""
        if not math.isfinite(loss):
            self._not_finite += 1
            if self._not_finite < _NOT_FINITE_IN_A_ROW:
                return None
            return InputError("range_not_finite", rate=f"{rate:.2g}", value=loss)
        self._not_finite = 0
        self._average = self.smoothing * self._average + (1 - self.smoothing) * loss
        # The average begins at 0; without that share it is one of the losses alone.
        smoothed = self._average / (1 - self.smoothing ** (len(self.losses) + 1))
        self.rates.append(rate)
        self.losses.append(loss)
        self.smoothed.append(smoothed)
        self._lowest = min(self._lowest, smoothed)
        if self._stop_factor is None:
            return None
        # For a loss above zero the same as a multiple of it; a log-likelihood may be below.
        rise = smoothed - self._lowest
        if rise > (self._stop_factor - 1) * abs(self._lowest):
            return InputError("range_rose", rate=f"{rate:.2g}", factor=f"{self._stop_factor:g}")
        return None


def suggest(rates: Values, losses: Values, smoothed: Values, smoothing: float) -> float:
    """Return the rate at which the smoothed loss falls most steeply, to three digits.

    Parameters
    ----------
    rates, losses, smoothed
        f8 [n], finite, as in `RangeTest`.
    smoothing
        The weight that `smoothed` was made with.

    Raises
    ------
    InputError
        There is none to suggest; the sentence says why.

    Examples
    --------
    >>> rates = np.geomspace(1e-4, 10, 60)
    >>> losses = 1 - np.tanh(2 * np.log10(rates / 0.03))
    >>> round(suggest(rates, losses, losses, 0.0), 2)
    0.03
    """
    usable = len(losses) - SKIP_FIRST - SKIP_LAST
    if usable < LEAST:
        raise InputError("range_too_few", count=len(losses), least=SKIP_FIRST + LEAST + SKIP_LAST)
    bottom = int(np.argmin(smoothed))
    nothing = InputError("range_no_descent", low=f"{rates[0]:.2g}", high=f"{rates[-1]:.2g}")
    if bottom <= SKIP_FIRST or not _falls_clearly(losses, smoothed, smoothing, bottom):
        raise nothing
    middle = range(SKIP_FIRST, min(bottom, len(losses) - SKIP_LAST - 1) + 1)
    slopes = _slopes(np.log10(rates), smoothed, middle)
    # Nobody types more digits than three, and more would tell nothing.
    return float(f"{rates[middle[int(np.argmin(slopes))]]:.3g}")


def _falls_clearly(losses: Values, smoothed: Values, smoothing: float, bottom: int) -> bool:
    before = float(np.median(smoothed[SKIP_FIRST : max(bottom // 2, SKIP_FIRST + 1)]))
    # From one loss to the next it hardly falls: their differences are noise, twice.
    steps = np.abs(np.diff(losses[: max(bottom, LEAST) + 1]))
    noise = 1.4826 * float(np.median(steps)) / math.sqrt(2)
    noise *= math.sqrt((1 - smoothing) / (1 + smoothing))
    return before - float(smoothed[bottom]) > max(_CLEAR * noise, _VISIBLE * abs(before))


def _slopes(x: Values, y: Values, places: Iterable[int]) -> list[float]:
    found = []
    for place in places:
        near = slice(max(place - REACH, 0), place + REACH + 1)
        offset = x[near] - x[near].mean()
        found.append(float(offset @ y[near] / (offset @ offset)))
    return found
