"""The inputs that one may look at: rows of the data, and what a person draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from dl_lab.errors import InputError
from dl_lab.probe.formula.functions import tensors_in
from dl_lab.probe.modules import is_keras, original

if TYPE_CHECKING:
    from dl_lab.probe.recorder import Inputs

Bytes = npt.NDArray[np.uint8]

_BATCH = 32
_MOST_VALUES = 100_000
_COLOURS = (1, 3)
_SMALLEST_PICTURE = 64
_DIMENSIONS: dict[type[nn.Module], int] = {nn.Conv1d: 3, nn.Conv2d: 4, nn.Conv3d: 5}


@dataclass(frozen=True)
class Picture:
    """How the first input is an image.

    Attributes
    ----------
    height, width, colours
        `colours` is 1 or 3.
    low, high
        The smallest and largest value in the examples: black and white.
    """

    height: int
    width: int
    colours: int
    low: float
    high: float


class Examples:
    """Rows to choose from, and inputs made of pixels.

    Parameters
    ----------
    model
        Inputs go to its device, and floating-point ones take its precision.
    inputs
        As for `dl_lab.probe.capture.capture`: a tensor or an array with a row for each example,
        several, or a dictionary. A single image without its batch, or grey images without their
        channel, are completed where the model's first convolution tells what is missing.

    Raises
    ------
    InputError
        Nothing that could be shown to a model, or no rows.

    Examples
    --------
    >>> examples = Examples(nn.Conv2d(1, 2, 3), torch.rand(5, 1, 8, 8))
    >>> examples.count, examples.picture.height, examples.row(3).shape
    (5, 8, torch.Size([1, 1, 8, 8]))
    """

    def __init__(self, model: nn.Module, inputs: Any) -> None:  # noqa: ANN401  # checked here
        model = original(model)
        self._channels_last = is_keras(model)
        self._inputs = _prepared(inputs, model)
        tensors = tensors_in(self._inputs if isinstance(self._inputs, dict) else [self._inputs])
        if not tensors or any(one.ndim == 0 or not len(one) for one in tensors):
            raise InputError("no_examples", given=type(inputs).__name__)
        self._first = tensors[0]
        self.count = min(len(one) for one in tensors)
        self.picture = self._as_picture()

    def row(self, index: int, *, batch: bool = False) -> Inputs:
        """Return example `index` as the only row, or before up to 31 others."""
        others = [i for i in range(min(self.count, _BATCH)) if i != index] if batch else []
        order = torch.tensor([index, *others])
        chosen: Inputs = _mapped(self._inputs, lambda one: one[order.to(one.device)])
        return chosen

    @property
    def many(self) -> int:
        """How many of the first rows are enough to look at together: up to 32."""
        return max(1, min(_BATCH, self.count, _MOST_VALUES // max(1, self._first[0].numel())))

    def part(self, begin: int, end: int) -> Inputs:
        """Return some of the rows."""
        chosen: Inputs = _mapped(self._inputs, lambda one: one[begin:end])
        return chosen

    def drawn(self, pixels: Bytes, *, batch: bool = False) -> Inputs:
        """Return an input of pixels, where 0 is the examples' smallest value and 255 the largest.

        Parameters
        ----------
        pixels
            u1 [height, width] or [height, width, colours].
        batch
            Whether rows of the examples follow.

        Raises
        ------
        InputError
            The examples are no images, or of another size.
        """
        picture = self.picture
        if picture is None:
            raise InputError("not_drawable")
        expected = (picture.height, picture.width)
        if pixels.shape[:2] != expected or pixels.ndim not in {2, 3}:
            size = f"{picture.height}×{picture.width}"
            raise InputError("drawn_size", given="×".join(map(str, pixels.shape)), size=size)
        values = torch.tensor(pixels.astype("f4") / 255)
        if values.ndim == 2:  # noqa: PLR2004
            values = values[..., None].expand(*expected, picture.colours)
        elif values.shape[2] != picture.colours:
            values = values.mean(2, keepdim=True).expand(*expected, picture.colours)
        values = values * (picture.high - picture.low) + picture.low
        if not self._channels_last:
            values = values.movedim(2, 0)
        one = values.reshape(1, *self._first.shape[1:]).to(self._first)
        rows = self.row(0, batch=batch)
        chosen: Inputs = _with_first_row(rows, one)
        return chosen

    def thumbnails(self, most: int = 30, side: int = 32) -> Bytes | None:
        """Return small pictures of the first examples, u1 [count, height, width, colours]."""
        if self.picture is None:
            return None
        picture = self.picture
        images = self._first[:most].detach().float().cpu()
        if self._channels_last and images.ndim > 2:  # noqa: PLR2004
            images = images.reshape(len(images), picture.height, picture.width, picture.colours)
        else:
            images = images.reshape(len(images), picture.colours, picture.height, picture.width)
            images = images.movedim(1, 3)
        step = max(1, math.ceil(max(picture.height, picture.width) / side))
        images = images[:, step // 2 :: step, step // 2 :: step]
        span = picture.high - picture.low or 1.0
        shown = ((images - picture.low) / span * 255).round().clamp(0, 255)
        return shown.to(torch.uint8).numpy()

    def _as_picture(self) -> Picture | None:
        first = self._first
        shape = tuple(first.shape[1:])
        if not first.is_floating_point():
            return None
        if len(shape) == 1:
            side = math.isqrt(shape[0])
            if side * side != shape[0] or shape[0] < _SMALLEST_PICTURE:
                return None
            shape = (1, side, side)
        elif len(shape) == 2:  # noqa: PLR2004
            shape = (1, *shape)
        elif len(shape) == 3 and self._channels_last:  # noqa: PLR2004
            shape = (shape[2], *shape[:2])
        if len(shape) != 3 or shape[0] not in _COLOURS or min(shape[1:]) < 2:  # noqa: PLR2004
            return None
        low, high = first.amin().item(), first.amax().item()
        return Picture(shape[1], shape[2], shape[0], low, high if high > low else low + 1.0)


def _prepared(inputs: Any, model: nn.Module) -> Any:  # noqa: ANN401
    if isinstance(inputs, Mapping):
        return {str(name): _prepared(one, model) for name, one in inputs.items()}
    if isinstance(inputs, (list, tuple)) and any(
        isinstance(one, (Tensor, np.ndarray)) for one in inputs
    ):
        return tuple(_tensor(one, model) for one in inputs)
    return _batched(_tensor(inputs, model), model)


def _tensor(value: Any, model: nn.Module) -> Tensor:  # noqa: ANN401
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError("no_examples", given=type(value).__name__) from error
    own = next((one for one in model.parameters() if one.is_floating_point()), None)
    if own is None:
        return tensor.detach()
    kind = own.dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to(own.device, kind)


def _batched(tensor: Tensor, model: nn.Module) -> Tensor:
    for module in model.modules():
        wanted = _DIMENSIONS.get(type(module))
        if wanted is None:
            continue
        channels = module.in_channels
        if tensor.ndim == wanted - 1 and tensor.shape[0] == channels and channels != 1:
            return tensor[None]
        if tensor.ndim == wanted - 1 and channels == 1:
            return tensor[:, None] if tensor.shape[0] != 1 else tensor[None]
        if tensor.ndim == wanted - 2 and channels == 1:
            return tensor[None, None]
        break
    return tensor


def _mapped(inputs: Any, function: Any) -> Any:  # noqa: ANN401  # any nesting of tensors
    if isinstance(inputs, Tensor):
        return function(inputs)
    if isinstance(inputs, dict):
        return {name: _mapped(one, function) for name, one in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_mapped(one, function) for one in inputs)
    return inputs


def _with_first_row(inputs: Any, row: Tensor) -> Any:  # noqa: ANN401
    if isinstance(inputs, Tensor):
        return torch.cat([row, inputs[1:]])
    if isinstance(inputs, dict):
        name = next(iter(inputs))
        return {**inputs, name: _with_first_row(inputs[name], row)}
    return (_with_first_row(inputs[0], row), *inputs[1:])
