"""A formula is shown only if it gives the layer's own answer, but for rounding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from dl_lab.probe.formula.explanation import Explanation
    from dl_lab.probe.layer import Layer

_ROUNDINGS = 64
"""How often sums and functions round at worst, in steps of their type, by what was measured."""

_TF32 = 2.0**-10
_SUMS = frozenset({"convolution", "linear", "lstm", "gru", "rnn"})


def agrees(found: Explanation, layer: Layer, factor: float = 1.0) -> bool:
    """Tell whether a formula gives what the layer answered.

    Parameters
    ----------
    found
        The formula, with the layer's answer as its `value`.
    layer
        For the type of its numbers: what is rounded, and how far.
    factor
        What the layer's answer was multiplied with.

    Examples
    --------
    >>> from torch import nn
    >>> from dataclasses import replace
    >>> from dl_lab.probe.capture import capture
    >>> from dl_lab.probe.formula.arithmetic import explain
    >>> seen = capture(nn.Linear(3, 1), torch.rand(1, 3))
    >>> found = explain(seen, seen.layers[0], (0,))
    >>> agrees(found, seen.layers[0]), agrees(replace(found, value=9.0), seen.layers[0])
    (True, False)
    """
    value, result = found.value, found.result * factor
    if math.isnan(value) or math.isnan(result):
        return math.isnan(value) and math.isnan(result)
    assert layer.output is not None  # noqa: S101  # it has answered
    kind = torch.finfo(layer.output.dtype)
    if math.isinf(value):
        # Too large for the type.
        return result == value or (abs(result) > kind.max * (1 - kind.eps) and result * value > 0)
    if math.isinf(result):
        return False
    # Half precision is rounded a few times, sums within are kept in single precision.
    single = torch.finfo(torch.float32).eps
    coarsest = max(kind.eps, found.eps)
    own = min(coarsest, single)
    if found.kind in _SUMS and layer.output.is_cuda and own == single:
        own = _TF32
    size = abs(factor) * found.size
    allowed = _ROUNDINGS * own * (abs(result) + size)
    if coarsest > single:
        allowed += 2 * coarsest * (abs(result) + size)
    return abs(value - result) <= allowed + _ROUNDINGS * kind.smallest_normal * kind.eps
