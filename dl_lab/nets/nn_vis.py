"""The two networks of "2D Visualization of a Convolutional Neural Network", and their layers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from dl_lab.errors import InputError, whole

CONNECTIONS = (
    *((first % 6, (first + 1) % 6, (first + 2) % 6) for first in range(6)),
    *((first % 6, (first + 1) % 6, (first + 2) % 6, (first + 3) % 6) for first in range(6)),
    *((first % 6, (first + 1) % 6, (first + 3) % 6, (first + 4) % 6) for first in range(3)),
    tuple(range(6)),
)
"""Which of six maps each of sixteen filters sees: table I of LeCun et al., 1998."""


class ScaledTanh(nn.Module):
    """1.7159 · tanh(2x/3), which maps ±1 to ±1; no parameters.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.4

    Examples
    --------
    >>> ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0, 9.0]))
    tensor([-1.0000,  0.0000,  1.0000,  1.7159])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute it for each number of `x`."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class PartialConv2d(nn.Conv2d):
    """A convolution whose filters see some of the input channels only.

    Its `weight` has the usual shape, [filters, channels, height, width], and stays zero where
    there is no connection: such weights get no gradient.

    Parameters
    ----------
    channels
        Of the input.
    connections
        For each filter the channels that it sees.
    kernel_size
        Height and width of the filters. Stride is 1, padding 0.

    Raises
    ------
    InputError
        If there is no filter, or one of them sees no channel or one that is not there.

    Examples
    --------
    >>> layer = PartialConv2d(3, [(0, 1), (2,)], kernel_size=5)
    >>> layer(torch.rand(1, 3, 14, 14)).shape
    torch.Size([1, 2, 10, 10])
    """

    mask: Tensor

    def __init__(
        self, channels: int, connections: Iterable[Sequence[int]], kernel_size: int
    ) -> None:
        connections = tuple(connections)
        channels = whole("channels", channels, 1, 2**31 - 1)
        if not all(connections) or not connections:
            raise InputError("some", name="connections", allowed=f"0, …, {channels - 1}")
        mask = torch.zeros(len(connections), channels, 1, 1)
        for row, seen in zip(mask, connections, strict=True):
            for channel in seen:
                row[whole("connections", channel, 0, channels - 1)] = 1
        super().__init__(channels, len(connections), kernel_size)
        self.register_buffer("mask", mask, persistent=False)
        with torch.no_grad():
            self.weight.mul_(self.mask)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve images [n, channels, height, width]."""
        return conv2d(x, self.weight * self.mask, self.bias)


def nn_vis_cnn() -> nn.Sequential:
    """Build the convolutional network of nn_vis, for grey images of 28×28 pixels in ten classes.

    A LeNet-5 nearer to the original than `lenet5`: scaled tanh, and filters of the second layer
    that see three, four or all six of the maps below. 62,902 parameters, and 900 more that stay
    zero where there is no connection; not trained.

    Returns
    -------
    nn.Sequential
        From images [n, 1, 28, 28] to outputs [n, 10] within ±1.7159: ``pad, conv1, tanh1, pool1,
        conv2, tanh2, pool2, flatten, fc1, tanh3, fc2, tanh4, fc3, tanh5``. The maps are of 32
        (with the padding), 28, 14, 10 and 5 pixels; the linear layers have 120, 100 and 10 units.

    References
    ----------
    .. [1] A. W. Harley, "An Interactive Node-Link Visualization of Convolutional Neural Networks",
       ISVC 2015, https://adamharley.com/nn_vis

    Examples
    --------
    >>> nn_vis_cnn()(torch.rand(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    return nn.Sequential(
        OrderedDict(
            pad=nn.ZeroPad2d(2),
            conv1=nn.Conv2d(1, 6, kernel_size=5),
            tanh1=ScaledTanh(),
            pool1=nn.MaxPool2d(2),
            conv2=PartialConv2d(6, CONNECTIONS, kernel_size=5),
            tanh2=ScaledTanh(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(16 * 5 * 5, 120),
            tanh3=ScaledTanh(),
            fc2=nn.Linear(120, 100),
            tanh4=ScaledTanh(),
            fc3=nn.Linear(100, 10),
            tanh5=ScaledTanh(),
        )
    )


def nn_vis_mlp() -> nn.Sequential:
    """Build the dense network of nn_vis, 784-300-100-10: 266,610 parameters, not trained.

    Returns
    -------
    nn.Sequential
        From images [n, 1, 28, 28] to outputs [n, 10] within ±1.7159: ``flatten, fc1, tanh1, fc2,
        tanh2, fc3, tanh3``.

    References
    ----------
    .. [1] A. W. Harley, "An Interactive Node-Link Visualization of Convolutional Neural Networks",
       ISVC 2015, https://adamharley.com/nn_vis

    Examples
    --------
    >>> nn_vis_mlp()(torch.rand(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(28 * 28, 300),
            tanh1=ScaledTanh(),
            fc2=nn.Linear(300, 100),
            tanh2=ScaledTanh(),
            fc3=nn.Linear(100, 10),
            tanh3=ScaledTanh(),
        )
    )
