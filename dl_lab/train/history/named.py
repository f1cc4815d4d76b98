"""What steps of a person's own return by name, on its way into the History."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dl_lab.errors import InputError, whole
from dl_lab.train.history.recorder import Recorder
from dl_lab.train.history.series_kind import guessed, kind_of
from dl_lab.train.steps.several import parts_of

if TYPE_CHECKING:
    from torch.optim import Optimizer


class NamedRecorder(Recorder):
    """A Recorder of numbers whose names the steps tell, which may be others in each.

    By epoch it records the mean over the steps that told a name.

    Parameters
    ----------
    by
        ``"step"`` or ``"epoch"``.
    optimizers
        Their names: each has a learning rate of its own, ``learning_rate/NAME`` where there are
        several.
    """

    def __init__(self, by: str, optimizers: Iterable[str]) -> None:
        super().__init__(by)
        # Of the rows that wait for their numbers.
        self._waiting: deque[tuple[str, ...]] = deque()
        self._totals: dict[str, tuple[float, int]] = {}
        self._told: set[str] = set()
        self._rates: dict[str, float | None] = {}
        for name in optimizers:
            self.history.describe(_rate_name(name), kind_of("learning_rate", None))

    def begin_epoch(self) -> None:
        """Begin the means of an epoch."""
        super().begin_epoch()
        self._totals = {}

    def step(self, step: int, loss: Any, metrics: Sequence[Any], counts: object) -> None:  # noqa: ANN401  # numbers by name
        """Take what a step returned; an accelerator's numbers are recorded once they are here."""
        del metrics, counts
        values: Mapping[str, float | Tensor] = loss
        seconds = self.history.seconds()
        self._waiting.append(tuple(values))
        self._told.update(values)
        # What follows a row that waits waits too: series keep their order.
        if len(self._waiting) > 1 or any(isinstance(one, Tensor) for one in values.values()):
            self._pending.add(step, seconds, list(values.values()))
        else:
            self._take(step, seconds, list(values.values()))  # type: ignore[arg-type]  # floats

    def _take(self, step: int, seconds: float, values: list[float]) -> None:
        for name, value in zip(self._waiting.popleft(), values, strict=True):
            # A score may well have no value; a loss must.
            if self.spoilt is None and not math.isfinite(value) and not guessed(name).higher:
                self.spoilt = value
            if self._by_step:
                self.history.series(name).append(step, seconds, value)
            else:
                total, rows = self._totals.get(name, (0.0, 0))
                self._totals[name] = total + value, rows + 1

    def rates(self, optimizer: Optimizer) -> Any:  # noqa: ANN401  # the base's
        """Return the learning rates of the next step by name."""
        return {name: part.param_groups[0]["lr"] for name, part in parts_of(optimizer).items()}

    def rate(self, step: int, rate: Any) -> None:  # noqa: ANN401  # rates by name
        """Take the learning rates of a step; each is recorded when it is another than before."""
        if not self._by_step:
            return
        if self.history.revision != self._revision:
            self._revision = self.history.revision
            self._rates = {name: series.last for name, series in self.history.items()}
        for part, value in rate.items():
            name = _rate_name(part)
            if name not in self._told and (not isinstance(value, Tensor) or value.is_cpu):
                plain = float(value)
                if plain != self._rates.get(name):
                    self._rates[name] = plain
                    self.history.append(step, **{name: plain})

    def epoch(self, epoch: int, step: int, measured: Mapping[str, float]) -> None:
        """Record what was measured at an epoch's end or before the first.

        Raises
        ------
        InputError
            Under a name that steps tell too.
        """
        for name in self._told & measured.keys():
            raise InputError("own_twice", name=name)
        means = {name: total / rows for name, (total, rows) in self._totals.items()}
        super().epoch(epoch, step, {**means, **measured})

    def go_back(self, epoch: int, step: int) -> None:
        """Forget what came later."""
        self._waiting.clear()
        super().go_back(epoch, step)

    def clear(self) -> None:
        """Forget everything."""
        self._waiting.clear()
        super().clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the means begun."""
        return {"totals": dict(self._totals)}

    def read(self, state: Mapping[str, Any]) -> dict[str, tuple[float, int]]:
        """Return the means begun in what `state_dict` returned."""
        totals = {str(name): (float(sum_), rows) for name, (sum_, rows) in state["totals"].items()}
        for _, rows in totals.values():
            whole("rows", rows, 0, 2**63)
        return totals

    def take(self, begun: dict[str, tuple[float, int]]) -> None:
        """Go on from the means that `read` found."""
        self.begin_epoch()
        self._totals = dict(begun)


def _rate_name(optimizer: str) -> str:
    return f"learning_rate/{optimizer}" if optimizer else "learning_rate"
