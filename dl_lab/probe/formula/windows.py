"""The window of its input that a unit of a convolution or pooling layer looks at."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.probe.formula.kinds import Convolution, Pooling, Sizes, TransposedConvolution


@dataclass(frozen=True)
class Window:
    """A window over the positions of an input, by dimension.

    Attributes
    ----------
    start
        First position; negative where it begins in the padding.
    size
        How many positions.
    step
        From one position to the next.
    """

    start: Sizes
    size: Sizes
    step: Sizes

    def inside(self, shape: Sizes) -> Tensor:
        """Tell which cells lie on the input and not in its padding, bool [size…]."""
        axes = [
            torch.arange(size) * step + start
            for start, size, step in zip(self.start, self.size, self.step, strict=True)
        ]
        masks = [(axis >= 0) & (axis < length) for axis, length in zip(axes, shape, strict=True)]
        cells = masks[0]
        for mask in masks[1:]:
            cells = cells[..., None] & mask
        return cells


def convolution_window(operation: Convolution, at: Sizes) -> Window:
    """Return the window of the output's position `at`.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> from dl_lab.probe.formula.operation import operation
    >>> layer = capture(nn.Conv2d(1, 1, 3, stride=2, padding=1), torch.rand(1, 1, 5, 5)).layers[0]
    >>> convolution_window(operation(layer), (0, 2)).start
    (-1, 3)
    """
    start = tuple(
        place * stride - low
        for place, stride, (low, _) in zip(at, operation.stride, operation.padding, strict=True)
    )
    return Window(start, tuple(operation.weight.shape[2:]), operation.dilation)


def convolution_values(operation: Convolution, units: Tensor, window: Window) -> Tensor:
    """Return what a window holds, [channels, size…], padding as the layer fills it.

    Parameters
    ----------
    operation
        For its padding.
    units
        The input of one row, [channels, …].
    window
        Of `convolution_window`.
    """
    pads = [pad for both in reversed(operation.padding) for pad in both]
    mode = "constant" if operation.padding_mode == "zeros" else operation.padding_mode
    padded = functional.pad(units[None], pads, mode=mode)[0] if any(pads) else units
    lows = [low for low, _ in operation.padding]
    cells = [
        slice(start + low, start + low + step * (size - 1) + 1, step)
        for start, low, size, step in zip(window.start, lows, window.size, window.step, strict=True)
    ]
    return padded[(slice(None), *cells)]


def transposed_window(
    operation: TransposedConvolution, at: Sizes, shape: Sizes
) -> tuple[Window, tuple[slice, ...]]:
    """Return which inputs reach the output's position `at`, and with which cells of the kernel.

    An input at q reaches ``stride · q + dilation · k - padding`` with its kernel's cell k. The
    cells come in the order of the inputs, so they run backwards through the kernel: a negative step
    is spelled out as the slice of the flipped kernel.

    Parameters
    ----------
    operation
        Of the layer.
    at
        Position in the output.
    shape
        Sizes of the input without its units.

    Returns
    -------
    Window
        Over the input; of size 0 where no input reaches.
    tuple of slice
        Of the kernel flipped in every dimension.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> from dl_lab.probe.formula.operation import operation
    >>> layer = capture(nn.ConvTranspose1d(1, 1, 4, 2), torch.rand(1, 1, 5)).layers[0]
    >>> transposed_window(operation(layer), (5,), (5,))
    (Window(start=(1,), size=(2,), step=(1,)), (slice(0, 3, 2),))
    """
    starts: list[int] = []
    sizes: list[int] = []
    steps: list[int] = []
    cells: list[slice] = []
    kernel = operation.weight.shape[2:]
    for place, k, stride, pad, dilation, length in zip(
        at, kernel, operation.stride, operation.padding, operation.dilation, shape, strict=True
    ):
        reached = place + pad
        reaching = [
            q
            for q in range(length)
            if (reached - stride * q) % dilation == 0 and 0 <= reached - stride * q < dilation * k
        ]
        starts.append(reaching[0] if reaching else 0)
        sizes.append(len(reaching))
        if not reaching:
            steps.append(1)
            cells.append(slice(0, 0))
            continue
        common = math.gcd(stride, dilation)
        flipped, apart = k - 1 - (reached - stride * reaching[0]) // dilation, stride // common
        steps.append(dilation // common)
        cells.append(slice(flipped, flipped + (len(reaching) - 1) * apart + 1, apart))
    return Window(tuple(starts), tuple(sizes), tuple(steps)), tuple(cells)


def pooling_window(operation: Pooling, at: Sizes, shape: Sizes, output: Sizes) -> Window:
    """Return the window of the output's position `at`, cut off at the input's borders.

    Parameters
    ----------
    operation
        Of the layer.
    at
        Position in the output.
    shape, output
        Sizes of the input and of the output without their units.
    """
    if operation.size is None:
        pairs = list(zip(at, shape, output, strict=True))
        start = tuple(place * size // count for place, size, count in pairs)
        size = tuple(
            -(-(place + 1) * size // count) - first
            for (place, size, count), first in zip(pairs, start, strict=True)
        )
        return Window(start, size, (1,) * len(at))
    starts: list[int] = []
    sizes: list[int] = []
    for place, k, stride, pad, step, length in zip(
        at,
        operation.size,
        operation.stride,
        operation.padding,
        operation.dilation,
        shape,
        strict=True,
    ):
        first = place * stride - pad
        cells = [cell for cell in range(first, first + k * step, step) if 0 <= cell < length]
        starts.append(cells[0])
        sizes.append(len(cells))
    return Window(tuple(starts), tuple(sizes), operation.dilation)


def pooling_divisor(operation: Pooling, at: Sizes, shape: Sizes, window: Window) -> int:
    """Return what an average divides by, as torch counts."""
    if operation.divisor is not None:
        return operation.divisor
    cells = 1
    if operation.size is None or not operation.include_padding:
        for size in window.size:
            cells *= size
        return cells
    for place, k, stride, pad, length in zip(
        at, operation.size, operation.stride, operation.padding, shape, strict=True
    ):
        first = place * stride - pad
        cells *= min(first + k, length + pad) - first
    return cells


def cut(units: Tensor, unit: int, window: Window) -> Tensor:
    """Return what a window that lies on the input holds of one unit, [size…]."""
    cells = [
        slice(start, start + step * (size - 1) + 1, step)
        for start, size, step in zip(window.start, window.size, window.step, strict=True)
    ]
    place: tuple[int | slice, ...] = (unit, *cells)
    return units[place]


def position(window: Window, flat: int) -> Sizes:
    """Return where on the input the window's cell number `flat` lies."""
    places = list(itertools.product(*(range(size) for size in window.size)))[flat]
    return tuple(
        start + step * place
        for start, step, place in zip(window.start, window.step, places, strict=True)
    )
