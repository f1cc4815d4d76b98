"""What each step and epoch measured, on its way into the History."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dl_lab.errors import InputError
from dl_lab.train.history.deferred import Pending
from dl_lab.train.history.history import History
from dl_lab.train.history.series_kind import guessed, kind_of
from dl_lab.train.steps.observed import Count

# What a run records beside what it measures.
_RESERVED = ("learning_rate", "gradient_norm")

if TYPE_CHECKING:
    from torch.optim import Optimizer


def measured_name(name: str, measure: str) -> str:
    """Return under which name a measure is recorded of the data whose loss goes by `name`."""
    return name if measure == "loss" else f"{name.removesuffix('_loss')}_{measure}"


def measured_names(data: Collection[str], metrics: Sequence[str]) -> dict[str, str]:
    """Return under which names data are recorded, and which data each is of.

    Parameters
    ----------
    data
        Names of validation data.
    metrics
        Names of what is measured beside the loss.

    Raises
    ------
    InputError
        Two things have one name, or one has that of something else that a run records.

    Examples
    --------
    >>> sorted(measured_names(["validation_loss", "test"], ["mae"]))
    ['test', 'test_mae', 'validation_loss', 'validation_mae']
    """
    found: dict[str, str] = {}
    for name in data:
        for measure in ("loss", *metrics):
            series = measured_name(name, measure)
            if series in found or series in _RESERVED:
                raise InputError("series_twice", name=repr(series), data=repr(name))
            found[series] = name
    return found


class Recorder:
    """Writes a run's History: a row a step, or a row an epoch as if it were one batch.

    Parameters
    ----------
    by
        ``"step"`` or ``"epoch"``.
    metrics
        Names of what a step measures beside the loss.

    Attributes
    ----------
    series
        Where the batches' loss goes; None for nowhere.
    spoilt
        The first loss that was not finite, until it is set to None again.
    """

    def __init__(self, by: str, metrics: Iterable[str] = ()) -> None:
        self.history = History()
        self.series: str | None = "train_loss"
        self.spoilt: float | None = None
        self._by_step = by == "step"
        self._metrics = list(metrics)
        self._names: list[str] = []
        self._pending = Pending(self._take)
        self._rate: float | None = None
        self._revision = -1
        self._sums: list[float] = []
        self._counts: list[float] = []
        self._added: list[bool] = []

    def measured(self, names: Collection[str]) -> None:
        """Make room for what is measured at the epochs' ends, and begin an epoch's means.

        Raises
        ------
        InputError
            As for `measured_names`.
        """
        taken = measured_names(names, self._metrics)
        quantities = ("loss", *self._metrics)
        prefix: str | None = "train"
        if taken.keys() & {f"train_{quantity}" for quantity in quantities}:
            prefix = "batch" if self._by_step else None
        if prefix == "batch" and (both := taken.keys() & {f"batch_{one}" for one in quantities}):
            raise InputError("series_twice", name=repr(min(both)), data=repr(taken[min(both)]))
        self.series = None if prefix is None else f"{prefix}_loss"
        self._names = [f"{prefix}_{name}" for name in quantities] if prefix else []
        for quantity, name in zip(quantities, self._names, strict=False):
            self.history.describe(name, kind_of(quantity, "train"))
        for name in names:
            # Data are measured under any name: what it is the loss on, only they say.
            part = guessed(name).part or "validation"
            self.history.describe(name, kind_of("loss", part))
            for metric in self._metrics:
                self.history.describe(measured_name(name, metric), kind_of(metric, part))
        self._revision = -1
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Begin the means of an epoch."""
        self._sums = [0.0] * len(self._names)
        self._counts = [0.0] * len(self._names)

    def step(
        self,
        step: int,
        loss: Any,  # noqa: ANN401  # one number; several by name where steps are a person's own
        metrics: Sequence[Any],
        counts: Sequence[Count],
    ) -> None:
        """Take what a step measured; an accelerator's numbers are recorded once they are here.

        Parameters
        ----------
        counts
            What each of them stands for, for the means of an epoch; by step they are not needed.
        """
        history = self.history
        if history.revision != self._revision:
            self._bind()
        if type(loss) is float and self._by_step and not metrics:
            self._append(step, history.seconds(), loss)
            if not math.isfinite(loss):
                self.spoilt = loss
            return
        values = [loss, *metrics]
        if not self._by_step:
            self._added = [count.total for count in counts]
            values += [count.of for count in counts]
        if all(isinstance(value, (float, int)) for value in values):
            self._take(step, history.seconds(), values)
        else:
            self._pending.add(step, history.seconds(), values)

    def _bind(self) -> None:
        # The history may have been cleared: another revision has other series.
        self._revision = self.history.revision
        self._rate = None
        if self._by_step:
            self._appends = [self.history.series(name).append for name in self._names]
            self._append = self._appends[0]
            if "learning_rate" in self.history:
                self._rate = self.history["learning_rate"].last

    def _take(self, step: int, seconds: float, values: list[float]) -> None:
        if self.spoilt is None and not math.isfinite(values[0]):
            self.spoilt = values[0]
        if self._by_step:
            for append, value in zip(self._appends, values, strict=True):
                append(step, seconds, value)
            return
        half = len(values) // 2
        for index in range(half if self._names else 0):
            value, count = values[index], values[half + index]
            if count:
                self._sums[index] += value if self._added[index] else value * count
                self._counts[index] += count

    def _means(self) -> dict[str, float]:
        """Return the epoch's numbers by their names, of what counted at all."""
        found = zip(self._names, self._sums, self._counts, self._added, strict=False)
        return {
            name: total if added else total / count for name, total, count, added in found if count
        }

    def rates(self, optimizer: Optimizer) -> Any:  # noqa: ANN401  # likewise
        """Return the learning rate of the next step, for `rate`."""
        return optimizer.param_groups[0]["lr"]

    def rate(self, step: int, rate: float | Tensor) -> None:
        """Take the learning rate of a step; it is recorded when it is another than before.

        One that lies on an accelerator is left out: reading it would wait for the device.
        """
        if type(rate) is not float:
            if isinstance(rate, Tensor) and not rate.is_cpu:
                return
            rate = float(rate)
        if rate != self._rate and self._by_step:
            if self.history.revision != self._revision:
                self._bind()
            if rate != self._rate:
                self._rate = rate
                self.history.append(step, learning_rate=self._rate)

    def epoch(self, epoch: int, step: int, measured: Mapping[str, float]) -> None:
        """Record what was measured at an epoch's end or before the first."""
        values = dict(measured)
        if not self._by_step:
            values |= self._means()
            self.begin_epoch()
        if values:
            self.history.append(step if self._by_step else epoch, **values)

    def mark(self, step: int) -> None:
        """Note that an epoch ended with this step."""
        if self._by_step:
            self.history.mark_epoch(step)

    def flush(self) -> None:
        """Record what is still on its way from an accelerator."""
        self._pending.flush()

    def go_back(self, epoch: int, step: int) -> None:
        """Forget what came later."""
        self._pending.clear()
        self.spoilt = None
        self.history.truncate(step if self._by_step else epoch)

    def clear(self) -> None:
        """Forget everything."""
        self._pending.clear()
        self.spoilt = None
        self.history.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the means begun."""
        return {
            "sums": list(self._sums),
            "counts": list(self._counts),
            "totals": list(self._added),
        }

    def read(self, state: Mapping[str, Any]) -> Any:  # noqa: ANN401  # what `take` takes
        """Return the means begun in what `state_dict` returned; without any where they differ."""
        sums = [float(one) for one in state["sums"]]
        counts = [float(one) for one in state["counts"]]
        totals = [bool(one) for one in state["totals"]]
        if len(sums) != len(counts):
            raise TypeError("counts")
        if len(sums) != len(self._sums):
            return [0.0] * len(self._sums), [0.0] * len(self._sums), totals
        return sums, counts, totals

    def take(self, begun: Any) -> None:  # noqa: ANN401  # from `read`
        """Go on from the means that `read` found."""
        self.begin_epoch()
        self._sums, self._counts, self._added = (list(part) for part in begun)
