"""How long the stages of a step take: measured only while somebody looks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from time import perf_counter

import torch

STAGES = ("wait", "forward", "loss", "backward", "update", "step", "rest", "begin", "end")
"""Waiting for the batch; the model; the loss; the gradients; the update; a step in one piece, as
the fast path or a person's own function does it; records and callbacks; an epoch's first batch;
what an epoch ends with, such as validation."""

OF_EPOCHS = ("begin", "end")
"""Those that come once an epoch, and are measured each time."""

SHARE = 0.005
"""Of a run's time that measuring may take."""

_COST = 2e-6
"""Seconds that it takes to measure one step."""

_FIRST = 16
_MOST_SKIPPED = 64
_ON_ACCELERATOR = 32


class StageClock:
    """Seconds of each stage, summed over the steps that were measured.

    Steps so short that measuring each would cost more than `SHARE` are measured now and then, at
    random. An accelerator, which computes while Python goes on, is waited for after each stage of
    a measured step: one in about 32.

    One thread writes, any may read.

    Parameters
    ----------
    device
        Where the steps compute.
    cost
        Seconds that it takes to measure one step.

    Examples
    --------
    >>> clock = StageClock()
    >>> clock.open()
    >>> for _ in range(3):
    ...     if clock.watched and clock.next() is not None:
    ...         clock.lap("forward")
    ...         clock.lap("backward")
    >>> clock.measured, clock.seconds["forward"] > 0
    (3, True)
    >>> clock.close()
    """

    def __init__(self, device: torch.device | None = None, cost: float = _COST) -> None:
        self.watched = 0
        """How many look on; 0: nothing is measured."""
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)
        self.measured = 0
        """Steps measured."""
        self.steps = 0
        """Steps in all while somebody looked on."""
        self.batch: object = None
        """What went into the step that was measured last, while anybody looks on."""
        self._cost = cost
        self._last = 0.0
        self._skip = 0
        self._ready = _synchronizer(device)
        # Regular gaps would beat with whatever else is regular, as a loader's workers are.
        self._draw = random.Random(0)  # noqa: S311  # nothing secret

    def open(self) -> None:
        """Measure from the next step on, until `close` has been called as often."""
        self.watched += 1

    def close(self) -> None:
        """Look on no more."""
        self.watched = max(0, self.watched - 1)
        if not self.watched:
            self.batch = None

    def next(self) -> StageClock | None:
        """Begin a step: return the clock if it is to be measured, else None."""
        self.steps += 1
        if self._skip:
            self._skip -= 1
            return None
        self.measured += 1
        self._skip = self._gap()
        self.again()
        return self

    def again(self) -> None:
        """Let what has passed since the last lap belong to no stage."""
        if self._ready is not None:
            self._ready()
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """Add what has passed since the last lap to `stage`."""
        if self._ready is not None:
            self._ready()
        now = perf_counter()
        self.seconds[stage] += now - self._last
        self._last = now

    def add(self, stage: str, began: float) -> None:
        """Add what has passed since `began` to a stage that comes once an epoch."""
        self._last = now = perf_counter()
        self.seconds[stage] += now - began

    def _gap(self) -> int:
        """Return how many steps to leave out before the next that is measured."""
        if self._ready is not None:
            return self._draw.randrange(2 * _ON_ACCELERATOR - 1)
        if self.measured < _FIRST:
            return 0
        each = sum(self.seconds[one] for one in STAGES if one not in OF_EPOCHS) / self.measured
        every = math.ceil(self._cost / (SHARE * max(each, 1e-9)))
        return self._draw.randrange(2 * max(1, min(every, _MOST_SKIPPED)) - 1)


def _synchronizer(device: torch.device | None) -> Callable[[], None] | None:
    """Return what waits until a device has computed all that it was given; None for the CPU."""
    if device is None or device.type == "cpu":
        return None
    waits: Callable[[], None] | None = getattr(
        getattr(torch, device.type, None), "synchronize", None
    )
    return waits
