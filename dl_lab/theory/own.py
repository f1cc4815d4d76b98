"""What a person gave to look at: its name, its text, and how it stays as it is."""

from __future__ import annotations

import contextlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from dl_lab.errors import shown
from dl_lab.probe.untouched import untouched


def name_of(own: object) -> str:
    """Return what a person calls a module or a function.

    Examples
    --------
    >>> name_of(nn.HuberLoss), name_of(nn.ELU(alpha=2.0))
    ('HuberLoss', 'ELU(alpha=2.0)')
    """
    if isinstance(own, nn.Module):
        return shown(own)
    return str(getattr(own, "__name__", None) or shown(own))


@contextlib.contextmanager
def looking(own: Callable[..., Any]) -> Iterator[None]:
    """Leave a module or function, and all random states, as they are meanwhile.

    Examples
    --------
    >>> import torch
    >>> norm = nn.BatchNorm1d(2)
    >>> with looking(norm):
    ...     _ = norm(torch.rand(8, 2))
    >>> norm.running_mean
    tensor([0., 0.])
    """
    with untouched(own if isinstance(own, nn.Module) else _Called(own)):
        yield


class _Called(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function


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
