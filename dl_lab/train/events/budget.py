"""How much of the time a kind of work may take."""

from __future__ import annotations

import time


class Budget:
    """A share of the time, with something in hand for the beginning.

    Parameters
    ----------
    share
        Of all time, from now on.
    ahead
        Seconds of work in hand at first, and the most that is ever saved up.
    apart
        Seconds at least from one beginning of work to the next; a sixteenth of that at first, and
        then twice as much each time, so that a short run is not left with a single look.

    Examples
    --------
    >>> budget = Budget(0.01, ahead=0.5)
    >>> budget.allows()
    True
    >>> budget.spend(2)  # now it has to wait for 150 s
    >>> budget.allows()
    False
    """

    def __init__(self, share: float, ahead: float, apart: float = 0) -> None:
        self.share = share
        self.due = 0.0
        """When work is allowed again, on the clock of `time.monotonic`."""
        self._ahead = ahead
        self._apart = apart
        self._next = apart / 16
        self._credit = ahead
        self._counted = time.monotonic()
        self._paused: float | None = None

    def allows(self) -> bool:
        """Tell whether work may be done now."""
        return time.monotonic() >= self.due

    def begin(self) -> None:
        """Note that work begins."""
        self.due = max(self.due, time.monotonic() + self._next)
        self._next = min(2 * self._next, self._apart)

    def spend(self, seconds: float) -> None:
        """Note that work took this long."""
        now = time.monotonic()
        self._credit += (now - self._counted) * self.share
        self._credit = min(self._credit, self._ahead) - seconds
        self._counted = now
        if self._credit <= 0:
            self.due = max(self.due, now - self._credit / self.share)

    def pause(self) -> None:
        """Let the time stand still until `resume`."""
        if self._paused is None:
            self._paused = time.monotonic()

    def resume(self) -> None:
        """Let the time go on."""
        if self._paused is not None:
            gap = time.monotonic() - self._paused
            self.due += gap
            self._counted += gap
            self._paused = None
