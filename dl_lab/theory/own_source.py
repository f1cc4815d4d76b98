"""The text of what a person gave, for the code that a page shows."""

from __future__ import annotations

import contextlib
import inspect
import textwrap

from torch import nn


def definition(own: object, name: str) -> str:
    """Return PyTorch code that defines `name` as what was given.

    Parameters
    ----------
    own
        A module or a function.
    name
        The variable.

    Returns
    -------
    str
        The call that makes a module of torch's, the text of a function where it is known, else a
        line to be completed.

    Examples
    --------
    >>> definition(nn.GELU(approximate="tanh"), "activation")
    "activation = nn.GELU(approximate='tanh')"
    """
    if isinstance(own, nn.Module) and getattr(nn, type(own).__name__, None) is type(own):
        text = str(own)
        if "\n" not in text:
            return f"{name} = nn.{text}"
    with contextlib.suppress(OSError, TypeError):
        text = textwrap.dedent(inspect.getsource(own)).rstrip()  # type: ignore[arg-type]  # it is tried
        if text.startswith("def "):
            return f"{text}\n\n\n{name} = {getattr(own, '__name__', '...')}"
    given = getattr(own, "__name__", None) or type(own).__name__
    return f"{name} = ...  # {given}, which was given"
