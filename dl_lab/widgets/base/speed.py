"""How fast training goes, as the frames see it."""

from __future__ import annotations

from collections import deque
from time import monotonic


class Rate:
    """Epochs a second over about the last second."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=25)
        self._revision = 0
        self.steady = False
        """Whether the last two frames showed the same epoch of the same network."""

    def see(self, revision: int, epoch: int) -> None:
        """Take note of the epoch at which a frame shows a network."""
        if revision != self._revision or (self._seen and epoch < self._seen[-1][1]):
            self._seen.clear()
            self._revision = revision
        self.steady = bool(self._seen) and self._seen[-1][1] == epoch
        self._seen.append((monotonic(), epoch))

    @property
    def epochs_per_second(self) -> float:
        """0 until two frames were seen."""
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if ended > began else 0.0


class Pace:
    """Steps a second over about the last seconds of running."""

    _SECONDS = 5.0

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._revision = 0

    def see(self, revision: int, step: int, *, running: bool) -> None:
        """Take note of the step at which a run is now."""
        back = bool(self._seen) and step < self._seen[-1][1]
        if not running or back or revision != self._revision:
            self._seen.clear()
            self._revision = revision
        if running:
            now = monotonic()
            self._seen.append((now, step))
            # One from before is kept, so that a step that takes minutes has a rate too.
            while len(self._seen) > 2 and now - self._seen[1][0] > self._SECONDS:  # noqa: PLR2004
                self._seen.popleft()

    @property
    def per_second(self) -> float:
        """0 while it does not run, and until two steps were seen."""
        if not self._seen:
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if ended > began else 0.0
