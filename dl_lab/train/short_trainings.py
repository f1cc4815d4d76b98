"""Short trainings at several learning rates, compared by data held out of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dl_lab.train.batches.structure import can_be_cut, cut, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dl_lab.train.steps.evaluate import Batch
    from dl_lab.train.trial import Trial

Values = npt.NDArray[np.float64]

# Of an epoch's rows so much is held out, but at least and at most so many if there are twice
# as many; losses are measured on so many pieces of them.
_SHARE = 5
_LEAST, _MOST = 128, 512
_PIECES = 16
# A validation set of so many rows is measured on as a whole, a larger one not at all.
_VALIDATION = 2048
# A rate is too high where the running mean of its losses is so many times the loss at first.
_ROSE = 3.0
_RUNNING = 0.9
_RUN_IN = 10
# Losses that differ by no more than this share are as good; of such rates the lowest is the most
# stable.
_AS_GOOD = 0.05
# In another order a training is clearly worse where so much of the loss's fall is gone.
_TAKEN_BACK = 0.5
# The search goes down until so many rates have been worse than the best and have learnt less: rates
# that learn more and are worse are still too high.
_PATIENCE = 2
# Falling by less than this share of the loss, or than so many standard errors, is noise.
_LEARNT = 0.02
_ERRORS = 2.0
_FEW = 3


@dataclass(frozen=True)
class ShortTraining:
    """What came of training a few steps at one rate, once or twice.

    Attributes
    ----------
    rate
        The learning rate.
    loss
        On the rows held out, the highest of three towards the end; infinite where the training was
        broken off because its loss rose. Of two trainings, that of the first unless the second is
        clearly worse.
    steps
        That were done, in both together.
    """

    rate: float
    loss: float
    steps: int


class ShortTrainings:
    """Train from the same state, on the same batches, at one rate after the other.

    A rate at the edge of what is stable trains on one order of the batches and diverges on another.
    So the best is trained once more on another order, with other random numbers. If that is clearly
    worse it counts instead, and what is then the best is trained once more too.

    What counts is the loss on the trainer's validation data, where they have at most 2,048 rows.
    Otherwise a fifth of an epoch's rows is held out, at least 128 where there are twice as many,
    at most 512. The trainings go through the batches that are left again and again. Data that are
    trained on all at once are not cut: then it is the loss on all of them.

    Parameters
    ----------
    trial
        Of a Trainer; it is at its beginning.
    steps
        Of each training.
    interrupted
        Whether to end at once.
    """

    def __init__(self, trial: Trial, steps: int, interrupted: Callable[[], bool]) -> None:
        self._trial = trial
        self._steps = steps
        self._interrupted = interrupted
        held = trial.validation(_VALIDATION)
        if held or trial.whole:
            self._groups = trial.groups(steps)
            held = held or self._groups[0]
        else:
            held, self._groups = _hold_out(trial.groups(steps + steps // (_SHARE - 1)))
        self._held = held if trial.whole else _pieces(held)
        # Of each training: the losses on the pieces held out, and the running mean of its own.
        self._losses: list[Values] = []
        self._running: list[float] = []
        self._twice: set[int] = set()
        self.done: list[ShortTraining] = []
        """Of each rate whose training has ended, in their order."""
        before = self._measure()
        if np.isfinite(before).any():
            # What has no labels tells nothing.
            self._held = [self._held[at] for at in np.flatnonzero(~np.isnan(before))]
            before = before[~np.isnan(before)]
        self._before = before

    @property
    def before(self) -> float:
        """The loss on the batches held out before any step."""
        return float(self._before.mean())

    def run(self, rates: Iterable[float]) -> None:
        """Try rates, the highest first, until two were worse than the best and learnt less."""
        for rate in rates:
            trained = self._train(rate, self._groups)
            if trained is None:
                return
            training, losses, running = trained
            self.done.append(training)
            self._losses.append(losses)
            self._running.append(running)
            if self._enough():
                self._confirm()
                if self._enough():
                    return
        self._confirm()

    def _enough(self) -> bool:
        lowest = self._lowest
        best = self.done[lowest].loss
        worse = sum(
            self._running[index] > self._running[lowest]
            and self.done[index].loss - best > _AS_GOOD * abs(best)
            for index in range(lowest + 1, len(self.done))
        )
        return worse >= _PATIENCE and self._learnt(lowest)

    def _confirm(self) -> None:
        """Train the best once more in another order, until the best is one that has been."""
        while self.best is not None:
            index = self.done.index(self.best)
            if index in self._twice:
                return
            once = self.done[index]
            trained = self._train(once.rate, self._in_another_order(), again=True)
            if trained is None:
                return
            again, losses, running = trained
            self._twice.add(index)
            loss = once.loss
            if again.loss > loss + _TAKEN_BACK * (self.before - loss):
                loss, self._losses[index], self._running[index] = again.loss, losses, running
            self.done[index] = ShortTraining(once.rate, loss, once.steps + again.steps)

    def _in_another_order(self) -> list[list[Batch]]:
        """Return batches for a training, shuffled anew for each pass through them."""
        count = len(self._groups)
        generator = np.random.default_rng(0)
        passes = [generator.permutation(count) for _ in range(-(-self._steps // count))]
        return [self._groups[at] for at in np.concatenate(passes)]

    @property
    def _lowest(self) -> int:
        """The place of the training with the lowest loss, of equals the first."""
        return min(range(len(self.done)), key=lambda index: self.done[index].loss)

    @property
    def best(self) -> ShortTraining | None:
        """The lowest rate with nearly the lowest loss; None where that fell only by chance."""
        if not self.done or not self._learnt(self._lowest):
            return None
        lowest = self.done[self._lowest].loss
        as_good = [one for one in self.done if one.loss <= lowest + _AS_GOOD * abs(lowest)]
        return min(as_good, key=lambda one: one.rate)

    def _learnt(self, index: int) -> bool:
        fall = self._before - self._losses[index]
        return float(fall.mean()) > max(_LEARNT * abs(self.before), _ERRORS * _error(fall))

    def _train(
        self, rate: float, groups: list[list[Batch]], *, again: bool = False
    ) -> tuple[ShortTraining, Values, float] | None:
        """Return what came of it, the losses on the pieces, its running mean; None: interrupted."""
        trial = self._trial
        trial.back(random=not again)
        trial.learning_rate = rate
        most = self.before + (_ROSE - 1) * abs(self.before)
        average = mean = 0.0
        measured_at = {self._steps * tenths // 10 for tenths in (8, 9, 10)}
        found: list[Values] = []
        for step in range(1, self._steps + 1):
            if self._interrupted():
                return None
            loss = trial.step(groups[(step - 1) % len(groups)])
            average = _RUNNING * average + (1 - _RUNNING) * loss
            mean = average / (1 - _RUNNING**step)
            rose = step > _RUN_IN and mean > most
            if not math.isfinite(loss) or rose:
                break
            if step in measured_at:
                found.append(self._measure())
        else:
            # At the edge of what is stable the loss jumps: one low value would mean little.
            losses = max(found, key=lambda losses: float(losses.mean()))
            if np.isfinite(found).all():
                return ShortTraining(rate, float(losses.mean()), step), losses, mean
        broken_off = ShortTraining(rate, math.inf, step)
        return broken_off, np.full(len(self._held), math.inf), math.inf

    def _measure(self) -> Values:
        return np.array([self._trial.loss(batch) for batch in self._held])


def _hold_out(groups: list[list[Batch]]) -> tuple[list[Batch], list[list[Batch]]]:
    """Take the first batches, or some rows where there is one batch alone."""
    count = sum(rows(*reversed(batch)) for group in groups for batch in group)
    wanted = min(_MOST, max(count // _SHARE, min(_LEAST, count // 2)))
    if len(groups) == 1:
        batch = groups[0][0]
        if len(groups[0]) > 1 or not can_be_cut(batch) or not wanted:
            return groups[0], groups
        return [cut(batch, 0, wanted)], [[cut(batch, wanted, count)]]
    held_out: list[Batch] = []
    for taken, group in enumerate(groups, 1):
        held_out += group
        enough = sum(rows(*reversed(batch)) for batch in held_out) >= wanted
        if enough or taken == len(groups) // 2:
            break
    return held_out, groups[taken:]


def _pieces(batches: list[Batch]) -> list[Batch]:
    """Cut batches smaller where they are few, so that the spread of their losses can be told."""
    each = -(-_PIECES // len(batches))
    found: list[Batch] = []
    for batch in batches:
        if not can_be_cut(batch):
            return batches
        count = rows(*reversed(batch))
        pieces = min(each, count)
        ends = [count * piece // pieces for piece in range(pieces + 1)]
        found += [cut(batch, start, stop) for start, stop in pairwise(ends)]
    return found


def _error(differences: Values) -> float:
    """Return the standard error of their mean; 0 where it cannot be told."""
    if len(differences) < _FEW:
        return 0.0
    return float(differences.std(ddof=1)) / math.sqrt(len(differences))


def ladder(low: float, high: float) -> list[float]:
    """Return 1, 3, 10, 30 … times powers of ten, from `high` down to `low`.

    Where there is none between them, it is `high` alone.

    Examples
    --------
    >>> ladder(0.001, 0.5)
    [0.3, 0.1, 0.03, 0.01, 0.003, 0.001]
    """
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    rungs = [float(f"{digit}e{exponent}") for exponent in exponents for digit in (1, 3)]
    within = [rate for rate in rungs if low * (1 - 1e-9) <= rate <= high * (1 + 1e-9)]
    return within[::-1] or [float(f"{high:.3g}")]
