"""The learning rate range test: which rates train, and which are too high."""

from __future__ import annotations

import contextvars
import math
import threading
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dl_lab import exits
from dl_lab.errors import InputError, number, whole
from dl_lab.train.batches.structure import described
from dl_lab.train.interrupts import PATIENCE, Interrupts, noted_interrupts
from dl_lab.train.learning_rate import HIGHEST_RATE
from dl_lab.train.short_trainings import ShortTraining, ShortTrainings, ladder
from dl_lab.train.trainer import Trainer
from dl_lab.train.trial import Trial

Values = npt.NDArray[np.float64]
Scale = Literal["exponential", "linear"]

SCALES = ("exponential", "linear")

LOWEST_RATE = 1e-12
"""That a test may use."""

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
        Why the test ended before the highest rate, or before all trainings were done, as a
        sentence; None where it did not.
    trainings
        The short trainings that the suggestion was chosen from, in their order.
    """

    rates: Values
    losses: Values
    smoothed: Values
    scale: Scale
    current: float
    suggestion: float | None = None
    reason: InputError | None = None
    stopped: InputError | None = None
    trainings: tuple[ShortTraining, ...] = ()


def range_test(
    trainer: Trainer,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    scale: Scale = "exponential",
    *,
    stop_factor: float | None = 4.0,
    smoothing: float = 0.8,
    training_steps: int = 300,
) -> RangeTest:
    """Train a few steps with ever higher learning rates, then put everything back.

    All that the model and the loss hold, the optimizer's state and settings, random numbers and the
    order of the batches are afterwards as they were, so that training goes on as if there had been
    no test.
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
    training_steps
        Of each of the short trainings that the suggestion is chosen from, 20 to 10,000.

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
    The curve is Smith's range test [1]_ in fastai's form [2]_: the rate grows exponentially, and
    the test stops as the loss takes off. The loss belongs to the weights *before* the step with
    its rate.

    No point of that curve is a rate to train with. Where it falls most steeply the loss is about
    to take off: the step before has not yet been paid for. How far below that a good rate lies
    differs by a factor of 1 to 1000 between networks and optimizers, and so it does from the
    lowest point and from fastai's "valley" (``benchmarks/learning_rate.py`` has them all in one
    table). So the rates are tried: from the weights as they are, `training_steps` steps with each
    of 1, 3, 10, 30 … times a power of ten, from the end of the curve downwards, on the same
    batches of one epoch. The suggestion is the lowest rate whose loss is within 5 % of the
    lowest: the highest of three, measured in the last fifth of the steps. It is that of the
    validation data, where the trainer has them and they have at most 2,048 rows; otherwise of
    rows held out of the training data: a fifth of an epoch, at least 128 where there are twice as
    many, at most 512. With ``batch_size=None`` nothing is cut: it is the loss on all of the data.
    A training whose loss rises to three times its beginning is broken off. The
    search ends when two rates have been worse than the best and have learnt less.

    At the edge of what is stable, a rate trains on one order of the batches and diverges on
    another, as for the benchmark's RNN with SGD. So the best is trained once more, on the batches
    in another order and with other random numbers. If that is broken off, or half of the fall of
    its loss is gone, it counts instead; if another rate is then the best, that is trained once more
    too.

    All this costs 1,500 to 2,800 steps as a rule; at most, where nothing is learnt,
    `training_steps` for each rate in the range.

    Over the benchmark's networks, the loss after 300 steps with the suggestion, the median of three
    seeds, is as a rule that of the best half decade, and at most twice as high. Rows held out are
    fewer and tell less than validation data: where these rows are a hundred or so and the loss is
    close to zero, a rate 3 or 10 times higher or lower may do better.

    There is no suggestion where the best of the trainings lowers that loss by less than 2 %, or by
    less than two standard errors of its fall over 16 pieces of these data.

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
    low = number("low", low, LOWEST_RATE, HIGHEST_RATE)
    high = number("high", high, LOWEST_RATE, HIGHEST_RATE)
    steps = whole("steps", steps, 20, 10_000)
    if scale not in SCALES:
        raise InputError.unknown("scale", scale, SCALES)
    if low >= high:
        raise InputError("range_order", low=f"{low:g}", high=f"{high:g}")
    if stop_factor is not None:
        stop_factor = number("stop_factor", stop_factor, 1.01, 1e9)
    spaced = np.geomspace if scale == "exponential" else np.linspace
    measuring = _Measuring(
        trainer,
        spaced(low, high, steps),
        stop_factor,
        number("smoothing", smoothing, 0.0, 0.99),
        whole("training_steps", training_steps, 20, 10_000),
    )
    measuring.run()
    return RangeTest(
        np.array(measuring.rates),
        np.array(measuring.losses),
        np.array(measuring.smoothed),
        scale,
        current=measuring.current,
        suggestion=measuring.suggestion,
        reason=measuring.reason,
        stopped=measuring.stopped,
        trainings=tuple(measuring.trainings),
    )


class _Measuring:
    """The test itself, in a thread of its own.

    An interrupt is only noted: it can fall into no step and into nothing that is being put back.
    """

    def __init__(
        self,
        trainer: Trainer,
        planned: Values,
        stop_factor: float | None,
        smoothing: float,
        training_steps: int,
    ) -> None:
        self.smoothing = smoothing
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self.stopped: InputError | None = None
        self.trainings: list[ShortTraining] = []
        self.suggestion: float | None = None
        self.reason: InputError | None = None
        self.current = math.nan
        self._training_steps = training_steps
        self._trainer = trainer
        self._planned = planned
        self._stop_factor = stop_factor
        self._average = 0.0
        self._lowest = math.inf
        self._not_finite = 0
        self._interrupted = Interrupts()
        self._error: BaseException | None = None

    def run(self) -> None:
        with noted_interrupts() as self._interrupted:
            try:
                self._wait()
            except KeyboardInterrupt:
                if not self._interrupted.is_set():
                    raise
                raise InputError("range_late", seconds=f"{PATIENCE:g}") from None
        if self._error is not None:
            raise self._error

    def _wait(self) -> None:
        # In the cell's context: what the model prints appears beneath the cell.
        run = contextvars.copy_context().run
        thread = threading.Thread(
            target=run, args=(self._run,), name="dl-lab range test", daemon=True
        )
        thread.start()
        while thread.is_alive():
            # With a limit: a signal that another thread received is seen only in between.
            thread.join(_WAIT)
            self._trainer.poll()

    def _run(self) -> None:
        try:
            with exits.computing():
                self._measure()
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
            self._error = error

    def _measure(self) -> None:
        with self._trainer.trial() as trial:
            self.current = float(trial.learning_rate)
            self._raise_rate(trial)
            if self._interrupted.is_set():
                self.reason = InputError("range_not_tried")
            elif not self.rates:
                self.reason = InputError("range_no_loss")
            else:
                trial.back()
                self._try_rates(trial)

    def _raise_rate(self, trial: Trial) -> None:
        for rate in self._planned.tolist():
            if self._interrupted.is_set():
                self.stopped = InputError("range_interrupted", rate=f"{rate:.2g}")
                return
            trial.learning_rate = rate
            self.stopped = self._take(rate, trial.step())
            if self.stopped is not None:
                return

    def _try_rates(self, trial: Trial) -> None:
        """Choose the suggestion."""
        low, high = float(self._planned[0]), float(self._planned[-1])
        rates = ladder(low, self.rates[-1])
        try:
            trainings = ShortTrainings(trial, self._training_steps, self._interrupted.is_set)
            self.trainings = trainings.done
            trainings.run(rates)
        except InputError as error:
            # The curve is there all the same.
            self.reason = error
            return
        if self._interrupted.is_set():
            self.stopped = InputError("range_cut_short", count=len(self.trainings))
        if trainings.best is not None:
            self.suggestion = trainings.best.rate
        elif self._interrupted.is_set():
            self.reason = InputError("range_not_tried")
        else:
            between = {"low": f"{low:.2g}", "high": f"{high:.2g}"}
            self.reason = InputError("range_no_descent", **between, steps=self._training_steps)

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
