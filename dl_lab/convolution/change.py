"""Changing some fields of a convolution, with what follows from them for the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dl_lab.convolution.arithmetic import (
    FIELDS,
    KINDS,
    ONE,
    PADDING_MODES,
    PADDINGS,
    SIZED,
    TAKES,
    TWO,
    Convolution,
    neutral,
)
from dl_lab.convolution.refusal import bounds, refusal
from dl_lab.errors import InputError, shown, whole

_CHOICES: dict[str, tuple[str, ...]] = {"kind": KINDS, "padding_mode": PADDING_MODES}
_FLAGS = {"bias", "ceil_mode", "count_include_pad"}


def change(convolution: Convolution, changes: Mapping[str, object]) -> Convolution:
    """Return a setting with some fields changed, or say what torch refuses of it.

    Fields that a new kind or a new number of dimensions does not have go back to what does
    nothing.

    Parameters
    ----------
    convolution
        The setting to begin with.
    changes
        Fields by name. A size may be one number for all dimensions, as in torch. Another number of
        entries in ``input_size`` changes between one and two dimensions.

    Raises
    ------
    InputError
        A value that no layer has, or a setting that torch refuses.

    Examples
    --------
    >>> change(Convolution(), {"kernel_size": 4, "padding": 2}).kernel_size
    (4, 4)
    >>> change(Convolution(), {"kind": "max_pool", "padding": 2})
    Traceback (most recent call last):
    dl_lab.errors.InputError: pad should be at most half of kernel size: padding is 2 and \
kernel_size 3.
    """
    dims = _dims(convolution, changes)
    values: dict[str, Any] = {}
    for name in FIELDS:
        kept = _fitted(getattr(convolution, name), dims)
        values[name] = _checked(name, changes[name], dims) if name in changes else kept
    changed = Convolution(**values)
    reset: dict[str, Any] = {
        name: neutral(name, dims, changed.in_channels)
        for name in FIELDS
        if name not in {"kind", *TAKES[changed.kind], *changes}
    }
    if "padding" not in changes and changed.padding_misfit:
        reset["padding"] = (0,) * dims
    if "layers" not in changes and dims == TWO:
        reset["layers"] = 1
    changed = dataclasses.replace(changed, **reset)
    refused = refusal(changed)
    if refused is not None:
        raise refused
    return changed


def _dims(convolution: Convolution, changes: Mapping[str, object]) -> int:
    for name in changes:
        if name not in FIELDS:
            raise InputError.unknown("setting", name, FIELDS)
    size = changes.get("input_size")
    if not isinstance(size, (tuple, list)):
        return convolution.dims
    if len(size) not in {ONE, TWO}:
        raise InputError("conv_dims", given=len(size))
    return len(size)


def _fitted(value: object, dims: int) -> object:
    """Return a size for another number of dimensions."""
    if not isinstance(value, tuple) or len(value) == dims:
        return value
    return value[-1:] if dims == 1 else value * 2


def _checked(name: str, given: object, dims: int) -> object:
    """Return a field's value in its own type, or say what it may be."""
    if name in _CHOICES or (name == "padding" and isinstance(given, str)):
        allowed = _CHOICES.get(name, PADDINGS)
        if isinstance(given, str) and given in allowed:
            return given
        raise InputError.unknown(name, given, allowed)
    if name in _FLAGS:
        if not isinstance(given, bool):
            raise InputError("yes_no", name=name, given=shown(given))
        return given
    if name in SIZED:
        return _checked_size(name, given, dims)
    if name == "divisor_override" and given is None:
        return None
    return whole(name, given, *bounds(name, dims))


def _checked_size(name: str, given: object, dims: int) -> tuple[int, ...]:
    entries = list(given) if isinstance(given, (tuple, list)) else [given]
    if len(entries) == 1:
        entries *= dims
    if len(entries) != dims:
        raise InputError("conv_entries", name=name, dims=dims, given=shown(given))
    return tuple(whole(name, entry, *bounds(name, dims)) for entry in entries)
