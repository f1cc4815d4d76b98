"""What a watched loop logs, on its way into the History."""

from __future__ import annotations

import math
import numbers
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from dl_lab.errors import InputError, shown
from dl_lab.train.history.deferred import Pending
from dl_lab.train.history.history import History

if TYPE_CHECKING:
    from dl_lab.train.learning_rate import Rate


class Logged:
    """A History that takes numbers of any kind, those of an accelerator without waiting for it.

    Parameters
    ----------
    history
        Where they go; None for a new one.

    Attributes
    ----------
    rate
        A learning rate that is recorded whenever it has changed.

    Examples
    --------
    >>> import torch
    >>> logged = Logged()
    >>> logged.record(1, {"loss": torch.tensor(0.5, requires_grad=True), "rows": 64})
    >>> logged.history
    History(loss[1], rows[1])
    """

    def __init__(self, history: History | None = None) -> None:
        self.history = History() if history is None else history
        self.rate: Rate | None = None
        self._seen_rate: float | None = None
        # Rows with values on an accelerator, and the names of these.
        self._pending = Pending(self._take)
        self._names: deque[tuple[str, ...]] = deque()

    def record(self, step: int, values: dict[str, Any]) -> None:
        """Add one row to each of the named series.

        Raises
        ------
        InputError
            A value is not one number.
        """
        # What follows a row that waits for its numbers waits too: series keep their order.
        late = bool(self._names)
        for value in values.values():
            if type(value) is not float:
                values = {name: one_number(name, value) for name, value in values.items()}
                late = late or not all(map(_is_float, values.values()))
                break
        if self.rate is not None:
            rate = self.rate.get()
            if rate != self._seen_rate and rate is not None and "learning_rate" not in values:
                self._seen_rate = rate
                values["learning_rate"] = rate
        if late:
            self._names.append(tuple(values))
            self._pending.add(step, self.history.seconds(), list(values.values()))
        else:
            self.history.append(step, **values)

    def flush(self) -> None:
        """Record what still lies on an accelerator."""
        self._pending.flush()

    def _take(self, step: int, seconds: float, values: list[float]) -> None:
        for name, value in zip(self._names.popleft(), values, strict=True):
            self.history.series(name).append(step, seconds, value)


def one_number(name: str, value: object) -> float | Tensor:
    """Return one number, or the tensor of it that lies on an accelerator; refuse anything else.

    Examples
    --------
    >>> import torch
    >>> one_number("loss", torch.tensor([0.5]))
    0.5
    """
    if isinstance(value, numbers.Real):
        return _float(name, value)
    if not isinstance(value, (Tensor, np.ndarray, np.generic)):
        raise InputError("not_one_number", name=name, given=shown(value))
    if math.prod(value.shape) == 1 and "complex" not in str(value.dtype):
        if isinstance(value, Tensor) and not _is_here(value):
            return value.detach()
        plain = value.item()
        if isinstance(plain, (float, int)):
            return _float(name, plain)
    given = f"{value.dtype} of shape {tuple(value.shape)}"
    raise InputError("not_one_number", name=name, given=given)


def _float(name: str, value: numbers.Real | float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond 1e308
        raise InputError("not_one_number", name=name, given=shown(value)) from None


def _is_here(tensor: Tensor) -> bool:
    """Whether its number can be read without waiting for an accelerator."""
    return tensor.device.type == "cpu"


def _is_float(value: object) -> bool:
    return type(value) is float
