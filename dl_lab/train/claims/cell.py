"""The cell that runs: which it is, and which names it is about to give to something else."""

from __future__ import annotations

import dis
import re
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_RESULTS = re.compile(r"_{1,3}|_\d+|_oh|Out")


@dataclass(frozen=True)
class Moment:
    """When something happened.

    Attributes
    ----------
    cell
        The cell that ran in this thread, or the script's file; None outside of any, as in the
        answer to a button.
    execution
        Which of its runs that was.
    """

    cell: str | None = None
    execution: object = None


def moment(thread: threading.Thread | None = None) -> Moment:
    """Return what runs now, in this thread or in another."""
    outermost = None
    for frame in _user_frames(thread):
        if frame.f_locals is frame.f_globals:
            outermost = frame
    if outermost is None:
        return Moment()
    code = outermost.f_code.co_filename
    shell = notebook()
    if shell is None:
        return Moment(code, outermost)
    # Notebooks tell which cell they send; elsewhere it is one of the same text.
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = (request.get("metadata") or {}).get("cellId")
    return Moment(str(cell or code), shell.execution_count)


def names_replaced() -> frozenset[str]:
    """Return the names that the running statement gives to what it computes.

    In ``trainer = Trainer(…)`` the name still stands for the old one while the new one is made.
    """
    names = set()
    for frame in _user_frames():
        # Only in a cell's own code; the variables of a function have places, not names.
        for step in dis.get_instructions(frame.f_code):
            if step.offset > frame.f_lasti and step.opname in {"STORE_NAME", "STORE_GLOBAL"}:
                names.add(str(step.argval))
    return frozenset(names)


def names_of(thing: object) -> frozenset[str]:
    """Return the person's variables that hold this very object, but for results of cells."""
    return frozenset(
        name for name, value in [*namespace().items()] if value is thing and not is_result(name)
    )


def is_result(name: str) -> bool:
    """Whether IPython gives this name to what earlier cells returned."""
    return _RESULTS.fullmatch(name) is not None


def namespace() -> dict[str, Any]:
    """Return the person's variables."""
    return vars(sys.modules["__main__"])


def notebook() -> Any:  # noqa: ANN401  # IPython has no types here
    """Return IPython's shell, or None where there is none."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _user_frames(thread: threading.Thread | None = None) -> Iterator[FrameType]:
    """Walk from the innermost frame outwards through those whose variables are the person's."""
    frame: FrameType | None
    if thread is None or thread is threading.current_thread():
        frame = sys._getframe()  # noqa: SLF001  # the documented way
    else:
        frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001  # as above
    own = namespace()
    while frame is not None:
        if frame.f_globals is own:
            yield frame
        frame = frame.f_back
