"""Losses that still lie on an accelerator, fetched in bunches while it computes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Record = Callable[[int, float, list[float]], None]
"""``record(step, seconds, values)``."""

_BUNCH = 64
_OLDEST = 0.05


class _Row(NamedTuple):
    step: int
    seconds: float
    values: list[Tensor | float]


class _Bunch(NamedTuple):
    rows: list[_Row]
    numbers: Tensor
    arrived: torch.cuda.Event | None


class Pending:
    """Rows whose values are 0-d tensors, handed on in order once their numbers are here.

    A bunch is stacked on the device and copied to pinned memory without waiting; an event tells
    when the copy is done. So no step waits for the device.

    Parameters
    ----------
    record
        Called with each row, in order, by whoever calls `add` or `flush`.
    bunch
        Rows to fetch at a time; fewer when the oldest has waited for 50 ms.

    Examples
    --------
    >>> rows = []
    >>> pending = Pending(lambda step, seconds, values: rows.append((step, values)), bunch=2)
    >>> pending.add(1, 0.0, [torch.tensor(0.5)])
    >>> rows
    []
    >>> pending.add(2, 0.0, [torch.tensor(0.25)])
    >>> rows
    [(1, [0.5]), (2, [0.25])]
    """

    def __init__(self, record: Record, bunch: int = _BUNCH) -> None:
        self._record = record
        self._bunch = bunch
        self._rows: list[_Row] = []
        self._sent: deque[_Bunch] = deque()

    def add(self, step: int, seconds: float, values: list[Tensor | float]) -> None:
        """Take a row, and hand on those whose numbers have come."""
        self._rows.append(_Row(step, seconds, values))
        if len(self._rows) >= self._bunch or seconds - self._rows[0].seconds > _OLDEST:
            self._send()
        while self._sent and self._has_come(self._sent[0]):
            self._hand_on()

    def flush(self) -> None:
        """Hand on all rows, waiting for the device."""
        if self._rows:
            self._send()
        while self._sent:
            if self._sent[0].arrived is not None:
                self._sent[0].arrived.synchronize()
            self._hand_on()

    def clear(self) -> None:
        """Forget all rows."""
        self._rows.clear()
        self._sent.clear()

    def _send(self) -> None:
        rows, self._rows = self._rows, []
        tensors = [value for row in rows for value in row.values if isinstance(value, Tensor)]
        if not tensors:
            self._sent.append(_Bunch(rows, torch.empty(0), None))
            return
        stacked = torch.stack([tensor.detach().reshape(()).float() for tensor in tensors])
        if stacked.is_cuda:
            numbers = torch.empty(stacked.shape, dtype=stacked.dtype, pin_memory=True)
            numbers.copy_(stacked, non_blocking=True)
            arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch has no types here
            arrived.record(torch.cuda.current_stream(stacked.device))
            self._sent.append(_Bunch(rows, numbers, arrived))
        else:
            self._sent.append(_Bunch(rows, stacked.cpu(), None))

    @staticmethod
    def _has_come(bunch: _Bunch) -> bool:
        return bunch.arrived is None or bool(bunch.arrived.query())  # type: ignore[no-untyped-call]  # as above

    def _hand_on(self) -> None:
        bunch = self._sent.popleft()
        numbers = iter(bunch.numbers.tolist())
        for row in bunch.rows:
            values = [
                next(numbers) if isinstance(value, Tensor) else float(value) for value in row.values
            ]
            self._record(row.step, row.seconds, values)
