"""A layer's units as small images: what they answer, or the weights they answer with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from dl_lab.probe.formula import kinds
from dl_lab.probe.formula.operation import operation

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.probe.capture import Capture
    from dl_lab.probe.layer import Layer

Images = npt.NDArray[np.float32]

_PLANE = 2
_MOST_CHANNELS = 36


def places(size: int, most: int) -> list[int]:
    """Return which of `size` positions are shown where there is room for `most`.

    Examples
    --------
    >>> places(5, 8), places(9, 3)
    ([0, 1, 2, 3, 4], [1, 4, 7])
    """
    shown = max(1, min(size, most))
    return [(2 * i + 1) * size // (2 * shown) for i in range(shown)]


def tiles(
    units: Tensor, first: int, count: int, *, height: int, width: int, depth: int = 0
) -> Images:
    """Return some units as images of at most that size; every cell is one of the unit's own values.

    Parameters
    ----------
    units
        As `Layer.units`.
    first, count
        Which units.
    height, width
        Room for each, in cells.
    depth
        Which slice of a volume.

    Returns
    -------
    ndarray
        f4 [count, height, width]; of a vector each unit is one cell, of lines one row.

    Examples
    --------
    >>> tiles(torch.arange(16.0).view(1, 4, 4), 0, 1, height=2, width=9)[0]
    array([[ 4.,  5.,  6.,  7.],
           [12., 13., 14., 15.]], dtype=float32)
    """
    chosen = units.detach()[first : first + count]
    if chosen.ndim > _PLANE + 1:
        chosen = chosen[:, min(depth, chosen.shape[1] - 1)]
    while chosen.ndim < _PLANE + 1:
        chosen = chosen.unsqueeze(1)
    rows, columns = places(chosen.shape[1], height), places(chosen.shape[2], width)
    if len(rows) < chosen.shape[1]:
        chosen = chosen[:, rows]
    if len(columns) < chosen.shape[2]:
        chosen = chosen[:, :, columns]
    return np.asarray(chosen.float().cpu().numpy(), dtype="f4")


def has_filters(layer: Layer) -> bool:
    """Tell whether a layer's units have weights of their own that can be seen."""
    known = operation(layer)
    return isinstance(known, (kinds.Convolution, kinds.TransposedConvolution, kinds.Linear))


def filters(seen: Capture, layer: Layer, first: int, count: int) -> Images | None:
    """Return the weights of some units: of each a mosaic with a field for each input channel.

    Parameters
    ----------
    seen
        What was captured; tells what maps a linear layer reads.
    layer
        One of its layers.
    first, count
        Which units.

    Returns
    -------
    ndarray or None
        f4 [count, height, width] with NaN between the fields; None where there are no weights. Of
        more than 36 channels the first are shown.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> seen = capture(nn.Conv2d(4, 8, 3), torch.rand(1, 4, 5, 5))
    >>> filters(seen, seen.layers[0], 0, 8).shape
    (8, 7, 7)
    """
    known = operation(layer)
    weights: Any
    if isinstance(known, kinds.Convolution):
        weights = known.weight.detach()[first : first + count]
    elif isinstance(known, kinds.TransposedConvolution):
        weights = known.by_unit.detach()[first : first + count]
    elif isinstance(known, kinds.Linear):
        weights = _as_read(seen, layer, known.weight.detach()[first : first + count])
    else:
        return None
    weights = weights.float().cpu()
    if weights.ndim == _PLANE + 1:
        # One dimension: channels below each other.
        return np.asarray(weights.numpy(), dtype="f4")
    if weights.ndim > _PLANE + 2:
        weights = weights.flatten(1, 2)
    return mosaic(weights[:, :_MOST_CHANNELS])


def mosaic(images: Tensor) -> Images:
    """Lay out [count, fields, height, width] as [count, …, …] with NaN between the fields.

    Examples
    --------
    >>> mosaic(torch.ones(1, 2, 1, 1))[0]
    array([[ 1., nan,  1.]], dtype=float32)
    """
    count, fields, height, width = images.shape
    columns = math.ceil(math.sqrt(fields))
    rows = math.ceil(fields / columns)
    laid = np.full((count, rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan, "f4")
    for field in range(fields):
        top, left = field // columns * (height + 1), field % columns * (width + 1)
        laid[:, top : top + height, left : left + width] = images[:, field].numpy()
    return laid


def _as_read(seen: Capture, layer: Layer, weights: Tensor) -> Tensor:
    """Shape a linear layer's weights as the maps that it reads."""
    index: int = layer.index
    count = weights.shape[1]
    while index >= 0:
        index = seen.layers[index].sources[0] if seen.layers[index].sources else -1
        units = seen.layers[index].units if index >= 0 else layer.own_units(seen.inputs[0])
        if units is None or units.numel() != count:
            break
        if units.ndim == _PLANE + 1:
            if layer.channels_last:
                maps = weights.reshape(len(weights), *units.shape[1:], len(units))
                return maps.movedim(-1, 1)
            return weights.reshape(len(weights), *units.shape)
    side = math.isqrt(count)
    if side * side == count:
        return weights.reshape(len(weights), 1, side, side)
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padded = torch.nn.functional.pad(weights, (0, rows * columns - count), value=math.nan)
    return padded.reshape(len(weights), 1, rows, columns)
