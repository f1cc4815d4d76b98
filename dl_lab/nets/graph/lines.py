"""The line of a person's own source that an operation or an error comes from."""

from __future__ import annotations

import functools
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from dl_lab.nets.graph.nodes import Line

if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType

_TORCH = str(Path(torch.__file__).parent) + "/"
_STANDARD = sysconfig.get_path("stdlib").replace("\\", "/") + "/"


@functools.cache
def own(file: str) -> bool:
    """Whether a file is neither torch's nor Python's.

    Examples
    --------
    >>> own(torch.nn.functional.__file__), own("<ipython-input-1>"), own("/home/ana/net.py")
    (False, True, True)
    """
    plain = file.replace("\\", "/")
    if plain.startswith((_TORCH.replace("\\", "/"), "<frozen", "<__array_function__")):
        return False
    return "site-packages" in plain or not plain.startswith(_STANDARD)


def line_below(frame: FrameType | None, end: CodeType) -> Line | None:
    """Return the innermost line outside torch that a frame was called from.

    Parameters
    ----------
    frame
        Where to begin.
    end
        The code that called the model: beyond it no line made anything.
    """
    while frame is not None and frame.f_code is not end:
        code = frame.f_code
        if own(code.co_filename):
            return _line(code, frame.f_lineno)
        frame = frame.f_back
    return None


def line_of(error: BaseException, end: CodeType) -> Line | None:
    """Return the innermost line outside torch that an error came through."""
    found: Line | None = None
    step: TracebackType | None = error.__traceback__
    below = False
    while step is not None:
        code = step.tb_frame.f_code
        if below and own(code.co_filename):
            found = _line(code, step.tb_lineno)
        below = below or code is end
        step = step.tb_next
    return found


def line_of_function(function: object) -> Line | None:
    """Return where a function or method written in Python begins."""
    code = getattr(function, "__code__", None)
    return None if code is None else _line(code, code.co_firstlineno)


@functools.lru_cache(4096)
def _line(code: CodeType, number: int) -> Line:
    return Line(code.co_filename, number, code.co_name)
