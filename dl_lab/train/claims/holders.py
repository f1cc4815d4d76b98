"""Who still holds a run: a user's variable, or only what shows it."""

from __future__ import annotations

import gc
import sys
import threading
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from types import (
    AsyncGeneratorType,
    CellType,
    CoroutineType,
    FrameType,
    FunctionType,
    ModuleType,
    TracebackType,
)
from typing import TYPE_CHECKING, Any

from dl_lab.train.claims.cell import is_result, namespace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dl_lab.train.claims.claimant import Claimant

# Parts of the machine that runs cells and shows widgets. That one of them still knows a run says
# nothing about the person.
_HOSTS = {
    *("IPython", "ipykernel", "ipywidgets", "traitlets", "comm", "anywidget", "tornado", "zmq"),
    *("sys", "threading", "atexit", "logging", "asyncio", "_asyncio"),
}
# What is looked at before the slow search, whose rings cost a walk through all of the memory.
_QUICK = 2_000
# Where that has no end, someone is taken to hold the run.
_SECONDS = 10.0
_UNKNOWN = "…"


@dataclass
class Holders:
    """What still leads to a run.

    Attributes
    ----------
    name
        By which a person reaches it: a variable of the notebook, of a module of theirs or of a
        function that has not ended, which is the run or a list, a dictionary, an object, a
        closure or a coroutine that leads to it. None where there is none. Results of earlier cells
        (``Out``, ``_``) are none, nor is a widget that shows the run.
    widgets
        Those that show the run, where nothing else leads to it.
    """

    name: str | None = None
    widgets: list[Any] = field(default_factory=list)

    def shown(self, replaced: Collection[str], *, results: bool) -> str | None:
        """Return the name of a widget among them; empty for one on a page; None without either.

        Parameters
        ----------
        replaced
            Names that stand for something else in a moment.
        results
            Whether results of earlier cells count.
        """
        ids = {id(widget) for widget in self.widgets}
        names = [name for name in _names(namespace(), ids) if name not in replaced]
        named = [name for name in names if not is_result(name)]
        if named or (results and names):
            return (named or names)[0]
        return "" if results and any(map(_on_page, self.widgets)) else None


def holders(claimant: Claimant, replaced: Collection[str]) -> Holders:
    """Find out who holds a claimant's run.

    Parameters
    ----------
    claimant
        Whose run is looked for.
    replaced
        Names that stand for something else in a moment.
    """
    name = _near(claimant.run, replaced)
    return Holders(name) if name is not None else _Search(claimant, replaced).holders


def _near(run: object, replaced: Collection[str]) -> str | None:
    """Look through what the person's variables hold, as far as that is quickly done."""
    own = [
        (name, value)
        for name, value in [*namespace().items()]
        if name not in replaced and not is_result(name)
    ]
    ring, left, seen = own, _QUICK, set[int]()
    while ring:
        following = []
        for name, value in ring:
            if value is run:
                return name
            left -= 1
            if left < 0:
                return None
            if id(value) in seen or isinstance(value, (ModuleType, type, *_widgets())):
                continue
            seen.add(id(value))
            # IPython's own lead everywhere, as does the table of all variables.
            if not _host(type(value).__module__) and value is not namespace():
                following += [(name, inner) for inner in islice(_inside(value), left)]
        ring = following
    return None


def _inside(value: object) -> list[Any]:
    """Return what something holds, without any code of its own being run."""
    if isinstance(value, (dict, list, tuple, set, frozenset, CellType)):
        return gc.get_referents(value)
    if isinstance(value, FunctionType):
        return [*(value.__closure__ or ()), *(value.__defaults__ or ())]
    try:
        return [*object.__getattribute__(value, "__dict__").values()]
    except AttributeError:
        return []


class _Search:
    """From a run outwards, ring by ring, through all that refers to it."""

    def __init__(self, claimant: Claimant, replaced: Collection[str]) -> None:
        self.holders = Holders()
        self._run = claimant.run
        self._replaced = replaced
        # Its own parts know it, and so does its thread.
        own = (self, self.holders, claimant, claimant.run, *claimant.parts)
        self._known: dict[int, object] = {id(part): part for part in own}
        self._locals = dict(self._variables(but=claimant.thread))
        self._modules = {
            id(vars(module)): module for module in filter(_is_module, [*sys.modules.values()])
        }
        self.holders.name = self._find()

    def _find(self) -> str | None:
        ring: list[object] = [self._run]
        end = monotonic() + _SECONDS
        while ring:
            ids = {id(one) for one in ring}
            found = next((self._locals[one] for one in ids if one in self._locals), None)
            if found is not None:
                return found
            following: list[object] = []
            for referrer in gc.get_referrers(*ring):
                if id(referrer) in self._known or referrer is ring or referrer is self._known:
                    continue
                found = self._holds(referrer, ids)
                if found is not None:
                    return found
                if self._leads_on(referrer):
                    self._known[id(referrer)] = referrer
                    following.append(referrer)
            if monotonic() > end:
                return _UNKNOWN
            ring = following
        return None

    def _holds(self, referrer: object, ids: Collection[int]) -> str | None:
        """Return by what name it holds one of these, if it is a place where a search ends."""
        if isinstance(referrer, (CoroutineType, AsyncGeneratorType)):
            return referrer.__name__
        module = self._modules.get(id(referrer))
        if module is None or _host(module.__name__) or _ours(module.__name__):
            return None
        names = _names(vars(module), ids)
        if vars(module) is not namespace():
            return f"{module.__name__}.{names[0]}" if names else None
        kept = [name for name in names if name not in self._replaced]
        return next((name for name in kept if not is_result(name)), None)

    def _leads_on(self, referrer: object) -> bool:
        """Whether someone may hold the run through it, rather than that it only remembers."""
        if id(referrer) in self._modules or isinstance(referrer, (FrameType, TracebackType)):
            return False
        if isinstance(referrer, _widgets()):
            self.holders.widgets.append(referrer)
            self._known[id(referrer)] = referrer
            return False
        # IPython's own table of results is looked into by its names.
        return not _host(type(referrer).__module__) and referrer is not namespace().get("_oh", self)

    def _variables(self, *, but: threading.Thread | None) -> Iterator[tuple[int, str]]:
        """Yield what the variables of running functions hold, but for those of a thread."""
        here = threading.get_ident()
        for thread, top in sys._current_frames().items():  # noqa: SLF001  # the documented way
            if but is None or thread != but.ident:
                yield from self._in_stack(sys._getframe() if thread == here else top)  # noqa: SLF001  # as above

    def _in_stack(self, frame: FrameType | None) -> Iterator[tuple[int, str]]:
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if frame.f_locals is not frame.f_globals and not _host(module):
                for name, value in [*frame.f_locals.items()]:
                    # Ours know one another; whoever waits for a run has that run itself.
                    if not _ours(module) or value is self._run:
                        yield id(value), name
            frame = frame.f_back


def _names(variables: dict[str, Any], ids: Collection[int]) -> list[str]:
    return [name for name, value in [*variables.items()] if id(value) in ids]


def _is_module(one: object) -> bool:
    return isinstance(one, ModuleType)  # anything may be put into `sys.modules`


def _widgets() -> tuple[type, ...]:
    ipywidgets: Any = sys.modules.get("ipywidgets")
    return (ipywidgets.Widget,) if ipywidgets is not None else ()


def _host(module: str) -> bool:
    return module.partition(".")[0] in _HOSTS


def _ours(module: str) -> bool:
    return module.partition(".")[0] == "dl_lab"


def _on_page(widget: Any) -> bool:  # noqa: ANN401  # of any library
    seen = getattr(widget, "is_seen", None)
    return bool(seen()) if callable(seen) else widget.comm is not None
