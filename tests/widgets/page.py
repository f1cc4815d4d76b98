"""The front end's half of the protocol, played by a test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

import dl_lab
from dl_lab.protocol import Message, decode, encode
from dl_lab.widgets.base.widget import Widget

if TYPE_CHECKING:
    import numpy as np


class Page:
    """The front end's side of a widget: speaks the protocol and keeps what comes."""

    def __init__(self, widget: Widget) -> None:
        self.widget = widget
        self.changed = threading.Condition()
        self.messages: list[Message] = []
        self.requests = 0
        self.acknowledging = True
        self._speaking = threading.RLock()
        widget.send = self._receive  # type: ignore[method-assign]

    def _receive(self, content: dict[str, Any], buffers: list[memoryview] | None = None) -> None:
        message = decode(content, [bytes(buffer) for buffer in buffers or []])
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()
        with self._speaking:
            if message.seq is not None and self.acknowledging:
                self.notice("ack", view="page", seq=message.seq)

    def leave(self) -> None:
        """Say goodbye for good: it acknowledges nothing any more, as a view that is gone."""
        with self._speaking:
            self.acknowledging = False
            self.notice("bye", view="page")

    def notice(self, kind: str, **meta: object) -> None:
        content, _ = encode(Message(kind, meta))
        self.widget._handle_custom_msg(content, [])

    def request(self, kind: str, /, *, seq: int | None = None, **meta: object) -> Message:
        """Send a request and return its reply."""
        self.requests += 1
        identifier = f"page.{self.requests}"
        content, _ = encode(Message(kind, meta, id=identifier, seq=seq))
        self.widget._handle_custom_msg(content, [])

        def replies() -> list[Message]:
            return [message for message in self.messages if message.id == identifier]

        assert self.wait(replies)
        (reply,) = replies()
        return reply

    def shown(self, kind: str) -> list[Message]:
        """Return the stream messages of a kind that have come."""
        return [message for message in self.messages if message.kind == kind]

    def frames(self) -> list[Message]:
        return self.shown("frame.show")

    def wait(self, condition: Callable[[], object], seconds: float = 120) -> bool:
        """Wait until the condition holds, which may become so without a message."""
        end = monotonic() + seconds
        with self.changed:
            while not self.changed.wait_for(condition, 0.05):
                if monotonic() > end:
                    return False
        return True

    def next_frame(self, act: Callable[[], object] = lambda: None) -> Message:
        """Do `act` and wait for a frame that came since: it may be there before `act` returns."""
        count = len(self.frames())
        act()
        assert self.wait(lambda: len(self.frames()) > count)
        return self.frames()[-1]


def parameters(pg: dl_lab.Playground) -> np.ndarray[Any, Any]:
    return torch.nn.utils.parameters_to_vector(pg.model.parameters()).detach().numpy().copy()
