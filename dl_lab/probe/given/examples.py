"""The inputs that one may look at: rows of the data, and what a person draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dl_lab.errors import InputError
from dl_lab.probe.capture import Capture, capture
from dl_lab.probe.given.picture import Bytes, Picture
from dl_lab.probe.given.reading import Dimensions, read
from dl_lab.probe.modules import is_keras, original
from dl_lab.probe.nested import is_record, mapped, shapes, tensors_in

if TYPE_CHECKING:
    from dl_lab.probe.recorder import Inputs

_BATCH = 32
_MOST_VALUES = 100_000


class Examples:
    """Rows to choose from, and inputs made of pixels.

    Parameters
    ----------
    model
        Inputs go to its device, and floating-point ones take its precision.
    inputs
        As for `dl_lab.probe.capture.capture`: a tensor or an array with a row for each example, or
        several, nested as the model takes them. They are tried as they are; a single image without
        its batch, or grey images without their channel, are completed where the model does not
        take them so.
    batch_dim
        The dimension that counts the examples, of all tensors or of each (None: of one that goes
        along with all of them). By itself it is found by trying the first and the second.
    whole
        Whether all is one input, such as a graph.

    Raises
    ------
    InputError
        Nothing that could be shown to a model, no rows, or what the model does not take.

    Examples
    --------
    >>> examples = Examples(nn.Conv2d(1, 2, 3), torch.rand(5, 1, 8, 8))
    >>> examples.count, examples.picture.height, examples.row(3)[0].shape
    (5, 8, torch.Size([1, 1, 8, 8]))
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Any,  # noqa: ANN401  # checked here
        *,
        batch_dim: int | Sequence[int | None] | None = None,
        whole: bool = False,
    ) -> None:
        model = original(model)
        try:
            prepared = _prepared(inputs, model)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InputError("no_examples", given=type(inputs).__name__) from error
        first = next((one for one in tensors_in(prepared) if one.ndim), None)
        if first is None or not first.size(0):
            raise InputError("no_examples", given=shapes(prepared))

        def run(tried: Inputs, dimensions: Dimensions) -> Capture:
            return capture(model, tried, batch=dimensions)

        self._reading = read(prepared, model, run, batch_dim=batch_dim, whole=whole)
        self.count = self._reading.count
        # What someone wants alone, and layers that take the statistics of the batch in any mode.
        self._mixes = batch_dim is not None or any(
            isinstance(module, _BatchNorm) and module.running_mean is None
            for module in model.modules()
        )
        self.picture = self._as_picture(colours_last=is_keras(model))

    def row(self, index: int, *, batch: bool = False) -> Inputs:
        """Return what to call the model with: example `index` alone, or before up to 31 others."""
        others = [i for i in range(min(self.count, _BATCH)) if i != index] if batch else []
        chosen: Inputs = self._reading.take([index, *others])
        return chosen

    @property
    def many(self) -> int:
        """How many of the first rows are enough to look at together: up to 32."""
        values = max(1, tensors_in(self.row(0))[0].numel())
        return max(1, min(_BATCH, self.count, _MOST_VALUES // values))

    def part(self, begin: int, end: int) -> Inputs:
        """Return some of the rows."""
        chosen: Inputs = self._reading.take(range(begin, end))
        return chosen

    @property
    def is_whole(self) -> bool:
        """Whether all is one input, such as a graph."""
        return self._reading.whole

    @property
    def are_rows(self) -> bool:
        """Whether several examples can be asked about at once, and each is answered for itself."""
        return not (self._reading.whole or self._reading.entries or self._mixes)

    def rows(self, inputs: Inputs) -> int | None:
        """Return how many examples such inputs hold, None where they cannot be told apart."""
        return len(self._rows_of(inputs)) if self.are_rows else None

    def dimensions(self, inputs: Inputs) -> Dimensions:
        """Return the dimension that counts the examples, for each tensor of such inputs."""
        return self._reading.of(inputs)

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
            The examples are not images, or of another size.
        """
        if self.picture is None:
            raise InputError("not_drawable")
        inputs = self.row(0, batch=batch)
        first = self._rows_of(inputs)
        row = self.picture.row(pixels, first[0])
        places = iter(range(len(tensors_in(inputs))))

        def replaced(tensor: Tensor) -> Tensor:
            if next(places):
                return tensor
            changed = tensor.detach().clone()
            self._rows_of(changed)[0] = row
            return changed.requires_grad_(tensor.requires_grad)

        chosen: Inputs = mapped(inputs, replaced)
        return chosen

    def planes(self, tensor: Tensor) -> Tensor:
        """Return row 0 of a tensor shaped as the first input, [channels, …], in its memory.

        Images stand as they are seen, whatever shape the model takes them in.
        """
        if tensor.is_nested:
            return tensor.unbind()[0]
        if tensor.layout is not torch.strided:
            tensor = tensor.to_dense()
        rows = self._rows_of(tensor)
        if self.picture is not None:
            return self.picture.planes(rows[0])
        first = rows[0]
        # A graph's nodes are positions, not channels.
        channels = 2 if self._reading.whole else 0
        return first[None] if first.ndim <= channels else first

    def thumbnails(self, most: int = 30, side: int = 32) -> Bytes | None:
        """Return small pictures of the first examples, u1 [count, height, width, colours]."""
        rows = self._all_rows()
        if self.picture is None or rows is None:
            return None
        return self.picture.thumbnails(rows[:most], side)

    def _rows_of(self, inputs: Any) -> Tensor:  # noqa: ANN401
        """Return the rows of the first tensor, [rows, …], in its memory."""
        tensor = tensors_in(inputs)[0]
        dimension = None if self._reading.whole else self._reading.of(inputs)[0]
        if dimension is None:
            return tensor[None]
        return tensor.movedim(dimension, 0) if dimension else tensor

    def _all_rows(self) -> Tensor | None:
        """Return all examples of the first input, [rows, …], if they are of one shape."""
        reading = self._reading
        if reading.whole:
            return None
        if not reading.entries:
            return self._rows_of(reading.inputs)
        images = [tensors_in(one)[0] for one in reading.inputs[0]]
        return torch.stack(images) if len({one.shape for one in images}) == 1 else None

    def _as_picture(self, *, colours_last: bool) -> Picture | None:
        rows = self._all_rows()
        if rows is None or rows.layout is not torch.strided:
            return None
        return Picture.of(rows, colours_last=colours_last)


def _prepared(given: Any, model: nn.Module) -> Any:  # noqa: ANN401
    """Return what was given with tensors for arrays and numbers, where the model's weights are."""
    if isinstance(given, Mapping):
        # A tokenizer gives lists.
        lists = {
            name: torch.as_tensor(one)
            for name, one in given.items()
            if isinstance(one, list) and _holds_numbers(one)
        }
        given = {**given, **lists} if lists else given
    elif not _holds_arrays(given):
        given = torch.as_tensor(given)
    own = next((one for one in model.parameters() if one.is_floating_point()), None)

    def moved(value: Any) -> Tensor:  # noqa: ANN401  # a tensor or an array
        tensor = torch.as_tensor(value)
        needs = tensor.requires_grad
        if own is not None:
            kind = own.dtype if tensor.is_floating_point() else tensor.dtype
            tensor = tensor.detach().to(own.device, kind)
        return tensor.detach().requires_grad_(needs)

    return mapped(given, moved, (Tensor, np.ndarray))


def _holds_numbers(given: object) -> bool:
    if isinstance(given, (list, tuple)):
        return bool(given) and all(map(_holds_numbers, given))
    return isinstance(given, (int, float))


def _holds_arrays(given: object) -> bool:
    if isinstance(given, (list, tuple)):
        return any(map(_holds_arrays, given))
    return isinstance(given, (Tensor, np.ndarray, Mapping)) or is_record(given)
