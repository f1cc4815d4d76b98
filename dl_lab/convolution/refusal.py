"""What torch refuses of a convolution, said in its terms."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dl_lab.convolution.arithmetic import (
    FIELDS,
    ONE,
    TAKES,
    TRANSPOSED,
    TWO,
    Axis,
    Convolution,
    axes,
    layer_name,
    neutral,
    weight_shape,
)
from dl_lab.errors import InputError, shown

# What can still be looked at: cells of a picture, weights in a message.
LONGEST = {1: 1024, 2: 64}
LARGEST_KERNEL = {1: 64, 2: 15}
MOST_CHANNELS = 512
MOST_WEIGHTS = 1_000_000
MOST_LAYERS = 10


def bounds(name: str, dims: int) -> tuple[int, int]:
    """Return the smallest and the largest number that can be shown for a field."""
    kernel = LARGEST_KERNEL[dims]
    return {
        "input_size": (1, LONGEST[dims]),
        "kernel_size": (1, kernel),
        "stride": (1, 16),
        "padding": (0, kernel),
        "dilation": (1, 512 if dims == 1 else 16),
        "output_padding": (0, 15),
        "layers": (1, MOST_LAYERS),
        "divisor_override": (1, MOST_WEIGHTS),
    }.get(name, (1, MOST_CHANNELS))


def refusal(convolution: Convolution) -> InputError | None:
    """Say what torch refuses of a setting and why; None if it computes it.

    Examples
    --------
    >>> str(refusal(Convolution(in_channels=3, groups=2))).split(":")[0]
    'in_channels must be divisible by groups'
    """
    foreign = _not_taken(convolution)
    if foreign is not None:
        return foreign
    channels = None if convolution.is_pool else _channels_refused(convolution)
    if channels is not None:
        return channels
    if convolution.padding == "same" and set(convolution.stride) != {1}:
        return InputError("conv_same_strided", stride=_text(convolution.stride))
    for layer in range(convolution.layers):
        refused = _sizes_refused(convolution, axes(convolution, layer))
        if refused is not None:
            return refused
    return None


def _channels_refused(convolution: Convolution) -> InputError | None:
    for name in ("in_channels", "out_channels"):
        channels = getattr(convolution, name)
        if channels % convolution.groups:
            key = f"conv_groups_{name.removesuffix('_channels')}"
            return InputError(key, channels=channels, groups=convolution.groups)
    count = math.prod(weight_shape(convolution))
    if count > MOST_WEIGHTS:
        return InputError("conv_weights", count=count, most=MOST_WEIGHTS)
    return None


def _not_taken(convolution: Convolution) -> InputError | None:
    """Refuse a field that this kind of layer does not have."""
    dims, kind = convolution.dims, convolution.kind
    for name in FIELDS:
        nothing = neutral(name, dims, convolution.in_channels)
        if name not in {"kind", *TAKES[kind]} and getattr(convolution, name) != nothing:
            return InputError("conv_not_taken", layer=layer_name(convolution), name=name)
    if convolution.divisor_override is not None and dims == ONE:
        return InputError("conv_not_taken", layer=layer_name(convolution), name="divisor_override")
    if convolution.padding_misfit:
        given = shown(convolution.padding)
        return InputError("conv_padding_word", layer=layer_name(convolution), given=given)
    channels = {convolution.in_channels, convolution.out_channels}
    if convolution.layers > 1 and (dims == TWO or channels != {1}):
        return InputError("conv_stack", layers=convolution.layers)
    if convolution.padding == "causal" and convolution.padding_mode != "zeros":
        return InputError("conv_causal_zeros", given=convolution.padding_mode)
    return None


def _sizes_refused(convolution: Convolution, found: tuple[Axis, ...]) -> InputError | None:
    if convolution.kind == TRANSPOSED:
        return _transposed_refused(found)
    if convolution.is_pool:
        return _pool_refused(found)
    for axis in found:
        longest = max(axis.before, axis.behind)
        if convolution.padding_mode == "reflect" and longest >= axis.size:
            return InputError("conv_reflect", padding=longest, size=axis.size)
        if convolution.padding_mode == "circular" and longest > axis.size:
            return InputError("conv_circular", padding=longest, size=axis.size)
    padded = [axis.size + axis.before + axis.behind for axis in found]
    if any(axis.span > room for axis, room in zip(found, padded, strict=True)):
        return InputError(
            "conv_kernel_large",
            span=_text([axis.span for axis in found]),
            padded=_text(padded),
            kernel=_text([axis.kernel for axis in found]),
            dilation=_text([axis.dilation for axis in found]),
        )
    return None


def _transposed_refused(found: tuple[Axis, ...]) -> InputError | None:
    for axis in found:
        limit = max(axis.stride, axis.dilation)
        if axis.output_padding >= limit:
            return InputError(
                "conv_output_padding",
                given=axis.output_padding,
                stride=axis.stride,
                dilation=axis.dilation,
            )
    if any(axis.outputs < 1 for axis in found):
        return InputError("conv_output_small", output=_text([axis.outputs for axis in found]))
    longest = LONGEST[len(found)]
    if any(axis.outputs > 2 * longest for axis in found):
        return InputError(
            "conv_output_large",
            output=_text([axis.outputs for axis in found]),
            most=_text([2 * longest for _ in found]),
        )
    return None


def _pool_refused(found: tuple[Axis, ...]) -> InputError | None:
    for axis in found:
        if axis.before > axis.kernel // 2:
            return InputError("conv_pool_padding", padding=axis.before, kernel=axis.kernel)
    if any(axis.outputs < 1 for axis in found):
        return InputError(
            "conv_pool_small",
            output=_text([axis.outputs for axis in found]),
            span=_text([axis.span for axis in found]),
            padded=_text([axis.size + axis.before + axis.behind for axis in found]),
        )
    return None


def _text(sizes: Iterable[int]) -> str:
    return " × ".join(str(size) for size in sizes)
