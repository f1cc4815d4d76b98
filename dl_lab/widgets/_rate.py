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
