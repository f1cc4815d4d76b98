"""Which cells show a widget: it is kept while one does, and let go once they all have run again.

ipywidgets keeps every widget until it is closed, and IPython every result of a cell. A widget
whose cell has run again, and with it what that cell showed, is kept by neither any longer; who
holds it in a variable can show it again.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from ipywidgets.widgets import widget as ipywidgets_widget  # type: ignore[import-untyped]  # it has no types

from dl_lab import forks

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

_SOON = 0.5
"""Seconds until memory is given back: more goodbyes may be on their way."""


class Shown(Protocol):
    """A widget, as far as this module knows it."""

    @property
    def model_id(self) -> str:
        """The name that ipywidgets keeps it by."""

    @property
    def is_watched(self) -> bool:
        """Whether a view shows it at this moment."""


def registry() -> MutableMapping[str, Any]:
    """Return what ipywidgets keeps: the open widgets by their model's name."""
    kept: MutableMapping[str, Any] | None = getattr(ipywidgets_widget, "_instances", None)
    # Before ipywidgets 8 it was the class that had them.
    return ipywidgets_widget.Widget.widgets if kept is None else kept


def open_widgets() -> list[Any]:
    """Return what ipywidgets keeps, without those that are being collected at this moment."""
    found = []
    for one in list(registry().values()):
        with contextlib.suppress(ReferenceError):
            found.append((one, one.__class__))
    return [one for one, _ in found]


def shown(widget: Shown) -> None:
    """Take note that the cell that runs makes or shows a widget."""
    cells = _cells()
    if cells is not None:
        cells.shown(widget)


def watched(widget: Shown) -> None:
    """Take note that a view shows a widget: it is kept, also where no cell of its own shows it."""
    kept = registry()
    if widget.model_id in kept:
        kept[widget.model_id] = widget


def unwatched() -> None:
    """Take note that a view is gone: some widgets may be let go."""
    cells = _cells()
    if cells is not None:
        cells.release_soon()


def closed() -> None:
    """Take note that a widget was closed: what it holds may be given back."""
    cells = _cells()
    if cells is not None:
        cells.collect_soon()


def idle_since() -> float | None:
    """Return when the last cell ended, on the monotonic clock; None while one runs."""
    cells = _cells()
    return 0.0 if cells is None else cells.idle_since


def _cells() -> Cells | None:
    # Where IPython was not imported there are no cells either.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return None if shell is None else _of(shell)


@functools.lru_cache(maxsize=1)
def _of(shell: Any) -> Cells:
    return Cells(shell)


class Cells:
    """The cells of one shell, and the widgets that they show."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._lock = forks.opens(threading.RLock())
        # By widget: the name that ipywidgets keeps it by, and the cells.
        self._showing: weakref.WeakKeyDictionary[Shown, tuple[str, set[str | None]]] = (
            weakref.WeakKeyDictionary()
        )
        self._number, self._nested = self._run_number(), 0
        self._timer: threading.Timer | None = None
        self._some_closed = self._collecting = False
        self.idle_since: float | None = None if self._current() is not None else 0.0
        shell.events.register("pre_run_cell", self._begins)
        shell.events.register("post_run_cell", self._ended)
        forks.tell(self)

    def forked(self) -> None:
        """Be without a timer: it goes off in the parent alone."""
        self._timer = None

    def shown(self, widget: Shown) -> None:
        """Take note that the cell that runs makes or shows a widget: it is kept."""
        with self._lock:
            name, cells = self._showing.setdefault(widget, (widget.model_id, set()))
            # One that was made by no cell, but by a callback, is kept until it is closed.
            cells.add(self._current())
            registry()[name] = widget

    def release_soon(self) -> None:
        """Let go, in a moment, what nobody shows any more."""
        with self._lock:
            if self._unshown():
                self._soon()

    def collect_soon(self) -> None:
        """Give memory back in a moment, or at the end of the cell."""
        with self._lock:
            if not self._collecting:
                self._some_closed = True
                self._soon()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(_SOON, self._release)
            self._timer.name = "dl-lab-release"
            self._timer.daemon = True
            self._timer.start()

    def _request(self) -> Mapping[str, Any]:
        """Return the message by which the page ran the cell; empty where it is not a cell's."""
        kernel = getattr(self._shell, "kernel", None)
        parent: Mapping[str, Any] = {} if kernel is None else kernel.get_parent("shell")
        return parent if parent.get("header", {}).get("msg_type") == "execute_request" else {}

    def _current(self) -> str | None:
        """Return what tells the running cell from all others: its name, or else its text."""
        request = self._request()
        if not request:
            return None
        name = request.get("metadata", {}).get("cellId")
        return f"cell {name}" if name else f"text {request['content']['code']}"

    def _run_number(self) -> str | None:
        request = self._request()
        return str(request["header"]["msg_id"]) if request else None

    def _begins(self, *_given: object) -> None:
        number = self._run_number()
        if number == self._number:
            # A cell may run code as a cell, as %run does with a notebook.
            self._nested += 1
            return
        self._number, self._nested = number, 0
        self.idle_since = None
        again = self._current()
        if again is not None:
            with self._lock:
                for _name, shown_in in self._showing.values():
                    shown_in.discard(again)

    def _ended(self, *_given: object) -> None:
        if self._nested:
            self._nested -= 1
            return
        self.idle_since = monotonic()
        self._release()

    def _unshown(self) -> dict[str, Shown]:
        kept = registry()
        return {
            name: widget
            for widget, (name, cells) in list(self._showing.items())
            if not cells and not widget.is_watched and kept.get(name) is widget
        }

    def _release(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            released = self._let_go()
            closed, self._some_closed = self._some_closed, False
        if released or closed:
            # A widget is a circle of references, as a trainer is, and may hold much. Those found
            # are closed by it, which is not a reason to look again.
            self._collecting = True
            try:
                gc.collect()
            finally:
                self._collecting = False

    def _let_go(self) -> int:
        unshown = self._unshown()
        for name, widget in unshown.items():
            # Its comm is open, and a page that is loaded anew asks for all that are.
            registry()[name] = weakref.proxy(widget)
            self._forget_result(widget)
        return len(unshown)

    def _forget_result(self, widget: Shown) -> None:
        """Take it out of `Out`, `_5`, `_`, `__` and `___`: its cell has another result now."""
        shell, hook = self._shell, self._shell.displayhook
        results = shell.user_ns.get("_oh", {})
        numbers = [number for number, result in results.items() if result is widget]
        for number in numbers:
            del results[number]
        for names in (shell.user_ns, shell.user_ns_hidden):
            for number in numbers:
                names.pop(f"_{number}", None)
            for name in ("_", "__", "___"):
                if names.get(name) is widget:
                    names[name] = ""
        for name in ("_", "__", "___"):
            if getattr(hook, name) is widget:
                setattr(hook, name, "")
