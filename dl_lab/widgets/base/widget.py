"""What every widget has: a bundle found by name, requests with answers, a stream with credit."""

from __future__ import annotations

import functools
import json
import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import anywidget

from dl_lab import forks
from dl_lab.errors import InputError, said, shown
from dl_lab.probe.looks.turns import CalledOff
from dl_lab.protocol import (
    LONGEST,
    Array,
    Buffer,
    Message,
    ProtocolError,
    decode,
    encode,
    is_name,
)
from dl_lab.train.threads import one_thread
from dl_lab.widgets.base import cells
from dl_lab.widgets.base.channel import RATE, Channel
from dl_lab.widgets.base.in_turn import LATE, Answer, InTurn

STATIC = Path(__file__).parents[2] / "static"

_log = logging.getLogger(__name__)

Reply = tuple[dict[str, Any], dict[str, Array]]
Handler = Callable[[Any, Message], "Reply | None"]
HandlerT = TypeVar("HandlerT", bound=Handler)


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls a bound method for as long as its object lives."""
    reference = weakref.WeakMethod(method)

    def call(*args: object) -> Any:
        bound = reference()
        return None if bound is None else bound(*args)

    return call


def handles(kind: str, *, waits: bool = False) -> Callable[[HandlerT], HandlerT]:
    """Mark a method as the answer to requests of this kind.

    It gets the message and returns the reply's meta and arrays, or None. What it raises becomes a
    reply too: an `InputError` as its sentence, anything else as an unexpected failure.

    Parameters
    ----------
    kind
        Of the requests.
    waits
        Whether it may wait, as for the end of a training step. A kernel hands on the messages of
        all widgets in one thread; those that wait leave it, and run one after another in a thread
        of their widget.
    """

    def mark(method: HandlerT) -> HandlerT:
        method.__handles__ = kind  # type: ignore[attr-defined]  # functions carry attributes
        method.__waits__ = waits  # type: ignore[attr-defined]  # likewise
        return method

    return mark


class Widget(anywidget.AnyWidget):
    """Base of all widgets: what ``dl_lab/widgets/NAME`` holds shows ``static/NAME.js``.

    A subclass marks its answers with `handles`, composes its stream in `compose`, and calls
    `_be_ready` at the end of its ``__init__``.
    """

    _stem = ""
    """What the widget's files are called."""

    _ready = False
    _ended = False

    _handlers: ClassVar[dict[str, str]] = {}

    _RATE = RATE
    """Stream messages a second at most while nobody touches anything."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # anywidget derives a class of its own for each instance, with these two as traits.
        stem = _stem_of(cls.__module__)
        if "_esm" not in vars(cls) and stem is not None:
            cls._stem = stem
            cls._esm, cls._css = _bundle(stem)
        cls._handlers = {
            method.__handles__: name
            for base in reversed(cls.__mro__)
            for name, method in vars(base).items()
            if hasattr(method, "__handles__")
        }
        super().__init_subclass__(**kwargs)

    def __init__(self, **traits: Any) -> None:
        self._early: list[tuple[object, list[Buffer]]] = []
        self._starting = forks.opens(threading.Lock())
        self._in_turn = InTurn()
        super().__init__(**traits)
        # Its thread is not what keeps a widget.
        self._channel = Channel(
            weakly(self._send_stream),
            streaming=weakly(self.is_streaming),
            deserted=weakly(self.on_deserted),
            failed=weakly(self.on_stream_failed),
            around=one_thread,
            rate=self._RATE,
        )
        # ipykernel 7.4 sends a comm's messages to the shell that published on it last, which for
        # a stream from a thread is the main one: Pause would wait for a busy cell.
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda data, default: default  # noqa: SLF001, ARG005
        if self.comm is not None:
            # The kernel holds the comm until it is closed; the widget it is not to hold.
            hear = weakly(self._handle_msg)
            self.comm.on_msg(hear)
            self.comm.on_close(weakly(self._lost))
            if hasattr(self.comm, "handle_msg"):
                # Comm.handle_msg tells each time that a cell is done, upon which matplotlib shows
                # and forgets the figures of the cell that runs while a view acknowledges frames.
                self.comm.handle_msg = hear
            cells.shown(self)
        self._own_layout = self.layout
        self.on_msg(self._receive)

    def _be_ready(self) -> None:
        """Answer from now on, also what has come since the page heard of the widget.

        A subshell of the kernel hands a view's messages on while ``__init__`` goes on.
        """
        with self._starting:
            self._ready = True
            for content, buffers in self._early:
                self._answer(content, buffers)
            self._early.clear()

    def compose(self, *, touched: bool) -> Message | None:  # noqa: ARG002 - for subclasses
        """Return the newest state as one message that stands for itself.

        Runs in the channel's thread. May be None when the channel was not touched and nothing is
        new; a widget that streams nothing leaves it at that.
        """
        return None

    def is_streaming(self) -> bool:
        """Whether something new comes without a touch of the channel."""
        return False

    def is_seen(self) -> bool:
        """Whether it is on a page, be that hidden."""
        return bool(self._channel.present)

    def on_deserted(self) -> None:
        """Do what is right when the last view is gone for good: by default nothing."""

    def on_stream_failed(self, error: Exception) -> None:
        """Take note that `compose` raised."""
        _log.error("dl-lab: %s could not be shown", type(self).__name__, exc_info=error)

    def on_lost(self) -> None:
        """Do what is right when the front end has closed the comm: by default nothing."""

    def _lost(self, _: object) -> None:
        self.call_off()
        self.on_lost()
        # It may wait for a step of training.
        self._in_turn.put(self.close)

    def call_off(self) -> None:
        """End at once what is being computed: nobody will see it any more. By default nothing."""

    def on_close(self) -> None:
        """End what the widget itself has begun; called once, before it leaves the page."""

    def close(self) -> None:
        """End the stream and take the widget off the page."""
        # ipywidgets closes one too whose arguments were refused before it had begun.
        if self._ended or not hasattr(self, "_in_turn"):
            return
        self._ended = True
        self.call_off()
        self._in_turn.close()
        if self._ready:
            self.on_close()
        if hasattr(self, "_channel"):
            self._channel.close()
        super().close()
        # ipywidgets 8 does this itself; 7 leaves it, and a display without its model.
        self.__dict__["_repr_mimebundle_"] = None
        # ipywidgets makes one for each widget, and leaves it open.
        layout = self.__dict__.get("_own_layout")
        others = cells.open_widgets()
        if layout is not None and not any(getattr(one, "layout", None) is layout for one in others):
            layout.close()
        cells.closed()

    @property
    def is_watched(self) -> bool:
        """Whether a view shows it at this moment."""
        return bool(self._channel.watching)

    def _repr_mimebundle_(self, **options: Any) -> Any:  # as anywidget has it
        if self.comm is not None:
            cells.shown(self)
        return super()._repr_mimebundle_(**options)

    def _display_view(self) -> None:
        """Display the widget alone, for a class that displays more than that."""
        from IPython.display import display

        if not hasattr(super(), "_repr_mimebundle_"):
            # anywidget before 0.9.8 on ipywidgets 7, which does it by itself.
            cells.shown(self)
            super()._ipython_display_()
            return
        bundle = self._repr_mimebundle_()
        if bundle is not None:
            display(bundle[0], metadata=bundle[1], raw=True)  # type: ignore[no-untyped-call]  # IPython has no types here

    def _send_stream(self, seq: int, touched: bool) -> bool:
        message = self.compose(touched=touched)
        if message is None:
            return False
        content, buffers = encode(Message(message.kind, message.meta, message.arrays, seq=seq))
        self.send(content, buffers)
        return True

    @handles("hello")
    def _hello(self, message: Message) -> Reply:
        have = message.meta.get("have") or {}
        if not isinstance(have, Mapping):
            raise ProtocolError("What a view has must be an object.")
        view = _view(message)
        reply = self.introduce(have)
        self._channel.hello(view)
        if self.comm is not None:
            cells.watched(self)
        return reply

    def introduce(self, have: Mapping[str, Any]) -> Reply:  # noqa: ARG002 - for subclasses
        """Answer a view that opens with what it lacks."""
        return {}, {}

    @handles("ack")
    def _ack(self, message: Message) -> None:
        seq = message.meta.get("seq")
        if not isinstance(seq, int):
            raise ProtocolError("The seq of ack must be a whole number.")
        self._channel.ack(_view(message), seq)

    @handles("alive")
    def _alive(self, message: Message) -> None:
        self._channel.alive(_view(message))

    @handles("bye")
    def _bye(self, message: Message) -> None:
        self._channel.bye(_view(message))
        cells.unwatched()

    def _handler(self, kind: str) -> Callable[[Message], Reply | None]:
        if kind not in self._handlers:
            raise InputError.unknown("kind", kind, self._handlers)
        handler: Callable[[Message], Reply | None] = getattr(self, self._handlers[kind])
        return handler

    def _receive(self, _: object, content: object, buffers: list[Buffer]) -> None:
        with self._starting:
            if not self._ready:
                self._early.append((content, buffers))
                return
        self._answer(content, buffers)

    def _answer(self, content: object, buffers: list[Buffer]) -> None:
        identifier = content.get("id") if isinstance(content, Mapping) else None
        try:
            message = decode(content, buffers)
            if message.id is not None:
                view = message.id.rpartition(".")[0]
                if message.seq is not None:
                    self._channel.ack(view, message.seq)
                elif view:
                    self._channel.alive(view)
            handler = self._handler(message.kind)
        except Exception as error:  # noqa: BLE001 - any failure must reach the view as a sentence
            self._reply_refusal(identifier, error, content)
            return
        respond = partial(self._respond, identifier, handler, message)
        if handler.__waits__:  # type: ignore[attr-defined]  # `handles` has set it
            late = InputError("request_late", seconds=f"{LATE:g}")
            refuse = partial(self._reply_refusal, identifier)
            try:
                self._in_turn.put(respond, partial(refuse, late, message))
            except RuntimeError as error:  # the system has no thread left
                refuse(error, message)
        elif (answer := respond()) is not None:
            answer()

    def _respond(
        self, identifier: object, handler: Callable[[Message], Reply | None], message: Message
    ) -> Answer | None:
        """Do what is asked, and return how to answer, if at all."""
        try:
            meta, arrays = handler(message) or ({}, {})
        except CalledOff:
            # The widget is being closed.
            return None
        except Exception as error:  # noqa: BLE001 - as above
            return partial(self._reply_refusal, identifier, error, message)
        return partial(self._reply, identifier, {"ok": True, **meta}, arrays)

    def _reply_refusal(self, identifier: object, error: Exception, request: object) -> None:
        if not isinstance(error, (InputError, ProtocolError)):
            _log.error("dl-lab: the request %s failed", shown(request), exc_info=error)
        self._reply(identifier, refusal(error), {})

    def _reply(self, identifier: object, meta: dict[str, Any], arrays: dict[str, Array]) -> None:
        # One that waited may come when the widget has been closed.
        if identifier is not None and self.comm is not None:
            # One that is refused for its id may have any.
            name = identifier if is_name(identifier) else shown(identifier)[:LONGEST]
            self.send(*encode(Message("reply", meta, arrays, id=str(name))))


def _view(message: Message) -> str:
    """Return which view has sent it."""
    view = message.meta.get("view")
    if not is_name(view):
        raise ProtocolError(
            f"The view of {message.kind} must be a string of at most {LONGEST} characters."
        )
    return str(view)


def _stem_of(module: str) -> str | None:
    """Return what the files of a widget are called: after its module, or after its package."""
    place = module.removeprefix("dl_lab.widgets.").split(".")
    return None if module == ".".join(place) or place[0] == "base" else place[0]


def _bundle(stem: str) -> tuple[str | Path, str | Path]:
    script, style = STATIC / f"{stem}.js", STATIC / f"{stem}.css"
    if not script.is_file():
        raise ImportError(f"{script} has not been built: run `npm run build` in the repository.")
    if os.environ.get("ANYWIDGET_HMR") == "1":
        # anywidget follows the files, and holds each widget for as long as the kernel lives.
        return script, style
    return script.read_text(encoding="utf-8"), style.read_text(encoding="utf-8")


def refusal(error: Exception) -> dict[str, Any]:
    """Return the meta of a reply that says what went wrong."""
    return {"ok": False, "error": sentence(error)}


def sentence(error: Exception) -> dict[str, Any]:
    """Return an exception as a sentence that a view can say in its own language."""
    if not isinstance(error, InputError):
        kind, detail = type(error).__name__, said(error)
        error = InputError("unexpected", kind=kind, detail=detail)
    return {
        "key": error.key,
        "params": error.params,
        "text": str(error),
        "templates": templates(error.key),
    }


def templates(key: str) -> dict[str, str]:
    """Return a sentence of `dl_lab.errors` in the other languages, by their codes."""
    return {
        language: sentences[key]
        for language, sentences in _translations().items()
        if key in sentences
    }


@functools.cache
def _translations() -> dict[str, dict[str, str]]:
    """Return the sentences of `dl_lab.errors` in other languages, as the build collected them."""
    translations: dict[str, dict[str, str]] = json.loads(
        (STATIC / "sentences.json").read_text(encoding="utf-8")
    )
    return translations
