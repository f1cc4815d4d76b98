"""Which part of the network's input a unit sees: by the layers' sizes, and by its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from dl_lab.errors import InputError
from dl_lab.probe.capture import Capture, capture, slopes
from dl_lab.probe.formula import kinds
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.formula.windows import pooling_window
from dl_lab.probe.layer import flat_of, unflat
from dl_lab.probe.recorder import Changes, Inputs, Keep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from dl_lab.probe.formula.kinds import Sizes
    from dl_lab.probe.given.examples import Examples
    from dl_lab.probe.layer import Layer

Span = tuple[int, int]
Box = tuple[Span, ...]

# They count as seeing all of what goes in: which part it is depends on the call.
_SEEING_ALL = (
    kinds.Attention,
    kinds.Computed,
    kinds.Gated,
    kinds.Inside,
    kinds.Lookup,
    kinds.Moved,
    kinds.Normalized,
    kinds.Recurrent,
    kinds.Reduced,
    kinds.Summed,
)


@dataclass(frozen=True)
class ReceptiveField:
    """The part of the network's first input that can change a unit's answer.

    Attributes
    ----------
    box
        First position and the one behind the last, for each dimension of the input without its
        channels; cut off at the input's borders.
    exact
        Whether every layer on the way is known; one that is not counts as seeing everything.
    """

    box: Box
    exact: bool


def receptive_field(
    seen: Capture, layer: Layer, at: Sizes, positions: Sizes | None = None
) -> ReceptiveField:
    """Work out the theoretical receptive field from kernel sizes, strides, paddings, dilations.

    Parameters
    ----------
    seen
        What was captured.
    layer
        One of its layers.
    at
        Place in `Layer.units`: the unit, then its position.
    positions
        Height and width of the first input where it is an image in another shape; None is its own
        shape without its first dimension, the channels.

    References
    ----------
    .. [1] A. Araujo, W. Norris, J. Sim, "Computing Receptive Fields of Convolutional Neural
       Networks", Distill, 2019, https://distill.pub/2019/computing-receptive-fields/

    Examples
    --------
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Conv2d(2, 1, 3))
    >>> seen = capture(net, torch.rand(1, 1, 12, 12))
    >>> receptive_field(seen, seen.layers[2], (0, 1, 2)).box
    ((2, 10), (4, 12))
    """
    while isinstance(operation(layer), kinds.Reshape) and layer.sources[0] >= 0:
        made = seen.layers[layer.sources[0]]
        if made.units is None or layer.units is None:
            break
        earlier = _place_before(layer, made, at)
        if earlier is None:
            break
        layer, at = made, earlier
    boxes: dict[int, Box] = {layer.index: tuple((place, place + 1) for place in at[1:])}
    exact = True
    for index in range(layer.index, -1, -1):
        if index not in boxes:
            continue
        now = seen.layers[index]
        known = operation(now)
        exact = exact and known is not None and not isinstance(known, _SEEING_ALL)
        for which, source in enumerate(now.sources):
            shape = now.input_units(which).shape[1:]
            box = _before(known, now, boxes[index], tuple(shape))
            before = _positions(seen, source, positions)
            if before is not None and (before != tuple(shape) or len(box) != len(shape)):
                # Reshaped on the way.
                box = _all(before)
                exact = exact and not (shape and source == -1 and positions is not None)
            boxes[source] = _union(boxes[source], box) if source in boxes else box
    whole = _positions(seen, -1, positions) or ()
    return ReceptiveField(boxes.get(-1, tuple((0, 0) for _ in whole)), exact)


def effective_field(
    model: nn.Module,
    inputs: Inputs,
    layer: int,
    at: Sizes,
    *,
    changes: Changes | None = None,
    weights: Mapping[str, Tensor] | None = None,
    examples: Examples | None = None,
) -> Tensor:
    """Measure how much each position of the input moves a unit: its gradient's size.

    Parameters
    ----------
    model, inputs, changes, weights
        As for `capture`.
    layer
        Index of the layer in the order of the calls.
    at
        Place in `Layer.units`.
    examples
        Where the inputs are from: how a row is an image. None is channels first.

    Returns
    -------
    Tensor
        The sum over channels of the gradient's absolute values, of the first input's shape without
        its channels.

    Raises
    ------
    InputError
        No gradient flows from the unit to the input.

    References
    ----------
    .. [1] W. Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional
       Neural Networks", 2016, https://arxiv.org/abs/1701.04128

    Examples
    --------
    >>> from torch import nn
    >>> effective_field(nn.Conv1d(1, 1, 3), torch.rand(1, 1, 8), 0, (0, 2)).gt(0).int()
    tensor([0, 0, 1, 1, 1, 0, 0, 0], dtype=torch.int32)
    """
    batch = None if examples is None else examples.dimensions(inputs)
    seen = capture(
        model,
        inputs,
        changes=changes,
        weights=weights,
        gradients=True,
        batch=batch,
        keep=Keep(frozenset({layer}), most=0),
    )
    return effective_field_in(seen, layer, at, examples)


def effective_field_in(
    seen: Capture, layer: int, at: Sizes, examples: Examples | None = None
) -> Tensor:
    """Measure the same in what was captured with ``gradients=True``, and that layer kept."""
    units = seen.layers[layer].units
    own = seen.inputs[0]
    if units is None or not units.requires_grad or not own.requires_grad:
        raise InputError("no_gradient", layer=seen.layers[layer].name)
    (gradient,) = slopes(units[at], [own])
    if gradient is None:
        raise InputError("no_gradient", layer=seen.layers[layer].name)
    if examples is None:
        found = seen.layers[layer].own_units(gradient)
    else:
        found = examples.planes(gradient)
    return found.abs().sum(0).detach() if found.ndim > 1 else found.abs().detach()


def _place_before(layer: Layer, made: Layer, at: Sizes) -> Sizes | None:
    """Return where a value stood before it was reshaped; None where it was another row's."""
    if layer.output is None or made.output is None or layer.output.numel() != made.output.numel():
        return None
    flat = flat_of(layer.place(at), tuple(layer.output.shape))
    return made.at(unflat(flat, tuple(made.output.shape)))


def _positions(seen: Capture, source: int, positions: Sizes | None) -> Sizes | None:
    """Return the positions of what feeds a layer, without its units or channels."""
    if source == -1 and positions is not None:
        return positions
    if source < 0:
        own = seen.inputs[-1 - source]
        if own.is_nested:
            return None
        if own.layout is not torch.strided:
            # Behind the rows and their numbers.
            return tuple(own.shape[2:])
        return tuple(seen.layers[0].own_units(own).shape[1:])
    units = seen.layers[source].units
    return None if units is None else tuple(units.shape[1:])


def _before(known: kinds.Operation | None, layer: Layer, box: Box, shape: Sizes) -> Box:
    """Return what part of an input of that shape a part of the layer's output comes from."""
    match known:
        case kinds.Convolution() | kinds.TransposedConvolution() if len(shape) == len(box):
            return tuple(
                _convolved(known, i, span, size)
                if isinstance(known, kinds.Convolution)
                else _spread(known, i, span, size)
                for i, (span, size) in enumerate(zip(box, shape, strict=True))
            )
        case kinds.Pooling() if len(shape) == len(box):
            output = layer.units
            assert output is not None  # noqa: S101  # its operation is known
            sizes = tuple(output.shape[1:])
            first = pooling_window(known, tuple(low for low, _ in box), shape, sizes)
            last = pooling_window(known, tuple(high - 1 for _, high in box), shape, sizes)
            return tuple(
                (low, start + step * (size - 1) + 1)
                for low, start, step, size in zip(
                    first.start, last.start, last.step, last.size, strict=True
                )
            )
        case kinds.Pointwise() | kinds.PerUnit() | kinds.Dropout() | kinds.Combination():
            same = layer.units is not None and tuple(layer.units.shape[1:]) == shape
            return box if same else _all(shape)
        case kinds.Norm() if known.over == "running":
            return box
        case kinds.Softmax() | kinds.Join() if known.dimension == 1:
            return box
    return _all(shape)


def _convolved(known: kinds.Convolution, i: int, span: Span, size: int) -> Span:
    reach = known.dilation[i] * (known.weight.shape[2 + i] - 1)
    low = span[0] * known.stride[i] - known.padding[i][0]
    high = (span[1] - 1) * known.stride[i] - known.padding[i][0] + reach + 1
    if known.padding_mode != "zeros" and (low < 0 or high > size):
        # The padding holds values from elsewhere.
        return 0, size
    return max(0, low), min(size, high)


def _spread(known: kinds.TransposedConvolution, i: int, span: Span, size: int) -> Span:
    """Return which inputs reach a part of a transposed convolution's output."""
    reach = known.dilation[i] * (known.weight.shape[2 + i] - 1)
    low = -((reach - span[0] - known.padding[i]) // known.stride[i])
    high = (span[1] - 1 + known.padding[i]) // known.stride[i] + 1
    return max(0, low), min(size, high)


def _all(shape: Sizes) -> Box:
    return tuple((0, size) for size in shape)


def _union(one: Box, other: Box) -> Box:
    return tuple((min(a, c), max(b, d)) for (a, b), (c, d) in zip(one, other, strict=True))
