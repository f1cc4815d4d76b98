"""From threads to the comm: a stream that is coalesced and flows only as fast as it is painted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import monotonic

from dl_lab import exits, forks

RATE = 25.0
"""Stream messages a second at most: a view shows 20 and more also when some come late."""

WINDOW = 2
"""Messages on the way to the slowest view: one being painted, one being sent."""

PATIENCE = 2.0
"""Seconds after which a view that does not acknowledge is forgotten until it speaks again."""

SILENCE = 200.0
"""Seconds after which a view that gives no sign of life at all is taken for gone.

It gives one a minute, which is as often as browsers let the timers of a hidden page run.
"""

GRACE = 5.0
"""Seconds in which another view may follow one that said goodbye, as when a cell runs again."""

CLOSING = 2.0
"""Seconds that a close waits for the message that is being composed."""

LINGER = 1.0
"""Seconds that the thread waits for more to send before it ends."""


@dataclass
class _View:
    acknowledged: int
    waiting_since: float | None = None


class Channel:
    """Send the newest state to all views, from a thread that lives only while there is use for it.

    Parameters
    ----------
    send
        Called as ``send(seq, touched)`` in the channel's thread; composes one message that stands
        for itself and sends it. Returns whether it sent one: it need not when it was not touched
        and nothing is new.
    streaming
        Whether there will be something new without a `touch`, as while training runs.
    deserted
        Called once when the last view said goodbye and none came within `GRACE` seconds.
    failed
        Called with the exception if `send` raises; the stream goes on at the next `touch`.
    around
        Makes the context manager that the thread runs in.
    rate
        Messages a second at most, at most `RATE`, while nothing was touched.
    """

    def __init__(
        self,
        send: Callable[[int, bool], bool],
        *,
        streaming: Callable[[], bool],
        deserted: Callable[[], None],
        failed: Callable[[Exception], None],
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
        rate: float = RATE,
    ) -> None:
        self._send = send
        self._streaming = streaming
        self._deserted = deserted
        self._failed = failed
        self._around = around
        self._rate = rate
        self._changed = forks.opens(threading.Condition())
        self._views: dict[str, _View] = {}
        # When each view was heard that has not said goodbye, the hidden ones too.
        self._heard: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._seq = 0
        self._turn = 0.0
        self._dirty = False
        self._empty_since: float | None = None
        self._closed = False
        forks.tell(self)

    def forked(self) -> None:
        """Stream nothing: the views are the parent's."""
        self._thread = None
        self._views.clear()
        self._heard.clear()

    def hello(self, view: str) -> None:
        """Take in a view that opened or woke up: it gets the newest state."""
        with self._changed:
            self._views[view] = _View(self._seq)
            self._hear(view)
            self._dirty = True
            self._wake()

    def alive(self, view: str) -> None:
        """Note that a view is there, whether or not it is hidden."""
        with self._changed:
            self._hear(view)

    def ack(self, view: str, seq: int) -> None:
        """Note that a view has painted message `seq`."""
        with self._changed:
            self._hear(view)
            known = self._views.get(view)
            if known is None:
                self._views[view] = _View(self._seq)
                self._dirty = True
            else:
                known.acknowledged = max(known.acknowledged, min(seq, self._seq))
                waiting = known.acknowledged < self._seq
                known.waiting_since = monotonic() if waiting else None
            self._wake()

    def bye(self, view: str) -> None:
        """Note that a view is gone for good."""
        with self._changed:
            self._views.pop(view, None)
            if self._heard.pop(view, None) is not None and not self.present:
                self._empty_since = monotonic()
                self._wake()

    @property
    def watching(self) -> frozenset[str]:
        """The views that are told of what is new: neither hidden nor gone."""
        with self._changed:
            self._forget_silent(monotonic())
            return frozenset(self._views)

    @property
    def present(self) -> frozenset[str]:
        """The views that are there, also where they are hidden."""
        with self._changed:
            heard = monotonic() - SILENCE
            self._heard = {view: when for view, when in self._heard.items() if when > heard}
            return frozenset(self._heard)

    def _hear(self, view: str) -> None:
        if not self._closed:
            self._heard[view] = monotonic()
            self._empty_since = None

    def touch(self) -> None:
        """Note that something changed that the views show."""
        with self._changed:
            self._dirty = True
            if self._views:
                self._wake()

    def close(self) -> None:
        """End the thread; nothing is sent any more. May be called twice."""
        with self._changed:
            self._closed = True
            self._views.clear()
            self._heard.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSING)

    def _wake(self) -> None:
        if self._closed:
            return
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="dl-lab-channel", daemon=True)
            thread.start()
            self._thread = thread
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._around():
                deserted = self._stream()
            if deserted:
                self._deserted()
            with self._changed:
                # A view may have spoken since.
                news = self._views and (self._dirty or self._streaming())
                if self._closed or not (news or self._empty_since is not None):
                    self._thread = None
                    return

    def _stream(self) -> bool:
        """Send until there is nothing left to do; return whether the last view said goodbye."""
        while True:
            with self._changed:
                if not self._wait_for_turn():
                    deserted = self._is_deserted(monotonic())
                    self._empty_since = None
                    return deserted
                apart, now = self._apart(), monotonic()
                self._turn = max(self._turn + apart, now - apart)
                touched, self._dirty = self._dirty, False
                self._seq += 1
                seq = self._seq
            self._send_one(seq, now, touched=touched)

    def _send_one(self, seq: int, now: float, *, touched: bool) -> None:
        try:
            with exits.computing():
                sent = self._send(seq, touched)
        except Exception as error:  # noqa: BLE001 - whatever a widget raises, the stream must tell it and live on
            self._failed(error)
            sent = False
        with self._changed:
            if not sent:
                self._seq -= 1
            for view in self._views.values():
                if not sent:
                    # One that opened meanwhile counts from the number that was not used.
                    view.acknowledged = min(view.acknowledged, self._seq)
                elif view.waiting_since is None and view.acknowledged < seq:
                    view.waiting_since = now

    def _wait_for_turn(self) -> bool:
        """Wait until a message may go out; False when the thread has nothing left to do."""
        idle_since = monotonic()
        while not self._closed:
            now = monotonic()
            self._forget_silent(now)
            if not self._views:
                if self._empty_since is None or self._is_deserted(now):
                    return False
                self._changed.wait(self._empty_since + GRACE - now)
            elif not (self._dirty or self._streaming()):
                if now - idle_since >= LINGER:
                    return False
                self._changed.wait(idle_since + LINGER - now)
            elif self._on_the_way() >= WINDOW:
                idle_since = now
                self._changed.wait(PATIENCE / 4)
            elif now < (due := self._turn + self._apart()):
                idle_since = now
                self._changed.wait(due - now)
            else:
                return True
        return False

    def _apart(self) -> float:
        return 1 / (RATE if self._dirty else self._rate)

    def _on_the_way(self) -> int:
        return self._seq - min(view.acknowledged for view in self._views.values())

    def _forget_silent(self, now: float) -> None:
        silent = [
            name
            for name, view in self._views.items()
            if view.waiting_since is not None and now - view.waiting_since > PATIENCE
        ]
        for name in silent:
            del self._views[name]

    def _is_deserted(self, now: float) -> bool:
        return (
            not self._closed
            and not self.present
            and self._empty_since is not None
            and now - self._empty_since >= GRACE
        )
