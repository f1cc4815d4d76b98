"""Where an error was raised: in which module, with which inputs, on which line of whose code."""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import nn

from dl_lab.errors import said

_LIBRARIES = {"torch", "dl_lab", *sys.stdlib_module_names}
_LONGEST = 200


@dataclass(frozen=True)
class Call:
    """A call of a module that raised.

    Attributes
    ----------
    module, inputs
        Which, and its positional arguments.
    name
        As one writes it: ``model.features[0] = Conv2d(1, 8, …)``.
    """

    module: nn.Module
    inputs: tuple[Any, ...]
    name: str


def frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """Yield the frames that the error passed through, outermost first, with their lines."""
    yield from traceback.walk_tb(error.__traceback__)


def failed_call(error: BaseException, model: nn.Module) -> Call | None:
    """Return the innermost call of a module that the error passed through."""
    found = None
    for frame, _ in frames(error):
        module = frame.f_locals.get("self")
        # Module.__call__ hands its arguments on from there; forward may have changed its own.
        if frame.f_code.co_name == "_call_impl" and isinstance(module, nn.Module):
            found = module, frame.f_locals.get("args", ())
    if found is None:
        return None
    return Call(*found, name_of(found[0], model))


def name_of(module: nn.Module, model: nn.Module) -> str:
    """Return a module's place in the model and what it is.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
    >>> name_of(model[1], model)
    'model[1] = Linear(in_features=2, out_features=1, bias=True)'
    """
    kind = type(module).__name__ if any(True for _ in module.children()) else repr(module)
    for path, candidate in model.named_modules():
        if candidate is module:
            pieces = path.split(".") if path else []
            return f"model{''.join(map(_step, pieces))} = {kind}"
    return kind


def _step(piece: str) -> str:
    return f"[{piece}]" if piece.isdigit() else f".{piece}"


def detail_of(error: BaseException) -> str:
    """Return what the error says, in one line, and on which line of a person's own code.

    Examples
    --------
    >>> detail_of(KeyError("label"))
    "'label'"
    """
    lines = [line.strip() for line in said(error).strip().splitlines()]
    # A DataLoader's worker sends a traceback as text, whose last line is the error itself.
    if "Original Traceback" in said(error) and lines:
        told = lines[-1].removeprefix(f"{type(error).__name__}: ")
    else:
        told = lines[0] if lines else ""
    if len(told) > _LONGEST:
        told = told[:_LONGEST] + "…"
    own = own_line(error)
    return f"{told} ({own})" if own else told


def own_line(error: BaseException) -> str:
    """Return the innermost line that belongs to no library, as ``forward:3: x = x.foo``."""
    found = _own(error)
    if found is None:
        return ""
    frame, line = found
    source = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
    return f"{frame.f_code.co_name}:{line}" + (f": {source}" if source else "")


def own_function(error: BaseException) -> str:
    """Return the innermost function that belongs to no library."""
    found = _own(error)
    return found[0].f_code.co_name if found else ""


def _own(error: BaseException) -> tuple[FrameType, int] | None:
    found = None
    for frame, line in frames(error):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in _LIBRARIES:
            found = frame, line
    return found


def release(error: BaseException) -> None:
    """Let go what the frames that the error passed through still hold."""
    traceback.clear_frames(error.__traceback__)
    for frame, _ in frames(error):
        # Before Python 3.13 a look at f_locals leaves a copy behind, until the next look.
        frame.f_locals  # noqa: B018  # the look itself
