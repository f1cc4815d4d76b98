"""What every unit of a dense network answers over the plane, as bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dl_lab.errors import InputError
from dl_lab.probe.dense_layers import dense_net

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import nn

Bytes = npt.NDArray[np.uint8]

_ACTIVATE: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh_,
    "relu": torch.relu_,
    "sigmoid": torch.sigmoid_,
    "identity": lambda values: values,
}


class UnitGrid:
    """Values of all units of a dense network over the square [-span, span]².

    Row 0 is the top (y near +span), column 0 the left (x near -span); each sample lies in the
    centre of its cell, so that a picture of the square has no shift against points drawn on it.

    Values are coded ``floor(128·v) + 128``, held to 0 and 255: -1 is 0, 0 is 128, just below 1 is
    255, and v >= 0 exactly where the byte is 128 or more. NaN is 128.

    Parameters
    ----------
    model
        A dense network over points [n, 2], as `dl_lab.nets.dense.dense` builds it. Only its shape
        is kept, not its weights.
    size
        Cells along each side.
    span
        Half the side's length.

    Raises
    ------
    InputError
        The model is another network.

    Notes
    -----
    Buffers are kept between calls, so one instance serves one thread at a time. Each call returns
    an array of its own, which later calls leave alone. How many threads torch uses is left as it
    is; with one (`torch.set_num_threads`) it is fastest beside a training thread.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.Flatten(0))
    >>> grid = UnitGrid(model, size=10)
    >>> grid.units(np.zeros(13, "f4")).shape
    (4, 10, 10)
    """

    def __init__(self, model: nn.Module, *, size: int = 100, span: float = 6.0) -> None:
        net = dense_net(model)
        if net is None:
            raise InputError("not_dense", name="The unit grid", given=type(model).__name__)
        self.size = size
        self.span = span
        self._front = net.front
        self._layers = [
            (layer.linear.out_features, layer.linear.in_features, _ACTIVATE[layer.activation])
            for layer in net.layers
        ]
        self._units = sum(outputs for outputs, _, _ in self._layers)
        self._count = sum(outputs * (inputs + 1) for outputs, inputs, _ in self._layers)
        self._features = net.features(self._points()).T.contiguous()
        self._values = torch.empty(self._units, size * size)

    def _points(self) -> Tensor:
        centres = (torch.arange(self.size) + 0.5) * (2 * self.span / self.size) - self.span
        y, x = torch.meshgrid(-centres, centres, indexing="ij")
        return torch.stack([x.flatten(), y.flatten()], dim=1)

    @torch.no_grad()
    def units(self, parameters: npt.NDArray[np.float32] | Tensor) -> Bytes:
        """Compute all hidden units and the output.

        Parameters
        ----------
        parameters
            f4 [count], all parameters in the order of ``model.parameters()``, such as
            `dl_lab.train.loop.Snapshot` holds. They are only read.

        Returns
        -------
        ndarray
            u1 [units, size, size]: hidden layer 1 unit 1, unit 2, …, the output last.

        Raises
        ------
        InputError
            Another number of parameters than the network has.
        """
        flat = torch.as_tensor(parameters, dtype=torch.float32)
        if flat.shape != (self._count,):
            raise InputError("parameters", count=self._count, given=math.prod(flat.shape))
        layers = []
        start = 0
        for outputs, inputs, activate in self._layers:
            weight = flat[start : start + outputs * inputs].view(outputs, inputs)
            start += outputs * inputs
            bias = flat[start : start + outputs].view(outputs, 1)
            start += outputs
            layers.append((weight, bias, activate))
        below, row = self._features, 0
        for weight, bias, activate in layers:
            above = self._values[row : row + len(weight)]
            torch.addmm(bias, weight, below, out=above)
            activate(above)
            below, row = above, row + len(weight)
        return self._coded(self._values)

    @torch.no_grad()
    def features(self, names: Iterable[str]) -> Bytes:
        """Compute features, whether the network uses them or not.

        Parameters
        ----------
        names
            Of the features that the model's first module knows; it is made anew with them.

        Returns
        -------
        ndarray
            u1 [k, size, size]; values beyond -1 and 1 are held there.
        """
        values = type(self._front[0])(names)(self._points()).T.contiguous()
        return self._coded(values)

    def _coded(self, values: Tensor) -> Bytes:
        """Code values [k, n] as bytes in a new array; spoils the values."""
        # floor before the shift: -1e-9 + 1 would round to 1, and become a byte of 128.
        values.mul_(128).floor_().nan_to_num_(nan=0).add_(128).clamp_(0, 255)
        return values.to(torch.uint8).numpy().reshape(-1, self.size, self.size)
