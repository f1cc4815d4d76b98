"""The filters of a convolution: taken from it, and put back."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError, whole
from dl_lab.filters.image_kernels import LARGEST


class Kept(NamedTuple):
    """A filter as it was."""

    filter: int
    weight: Tensor
    bias: Tensor | None


class LayerFilters:
    """Read and write single filters of an `nn.Conv2d`.

    Parameters
    ----------
    layer
        With square kernels of at most 11×11.

    Raises
    ------
    InputError
        Something else, or a lazy layer that does not know its size yet.

    Examples
    --------
    >>> filters = LayerFilters(nn.Conv2d(3, 8, 5))
    >>> filters.weight(0).shape
    torch.Size([3, 5, 5])
    >>> kept = filters.write(0, torch.zeros(5, 5), channel=1)
    >>> filters.weight(0)[1].abs().sum()
    tensor(0.)
    >>> filters.restore(kept)
    """

    def __init__(self, layer: object) -> None:
        if not isinstance(layer, nn.Conv2d):
            raise InputError("not_conv2d", given=type(layer).__name__)
        if isinstance(layer.weight, nn.parameter.UninitializedParameter):
            raise InputError("lazy_layer", layer=type(layer).__name__)
        rows, columns = layer.kernel_size
        if rows != columns or rows > LARGEST:
            raise InputError("filter_not_square", given=f"{rows}×{columns}", most=LARGEST)
        self.layer = layer
        self.size = rows

    @property
    def count(self) -> int:
        """How many filters the layer has."""
        return self.layer.out_channels

    @property
    def channels(self) -> int:
        """How many channels the layer takes."""
        return self.layer.in_channels

    def seen(self, index: int) -> range:
        """Return the channels that a filter sees: all of them, or those of its group."""
        width = self.layer.in_channels // self.layer.groups
        group = index // (self.layer.out_channels // self.layer.groups)
        return range(group * width, (group + 1) * width)

    def checked(self, index: object, channel: object) -> tuple[int, int | None]:
        """Return a filter's number and that of a channel it sees (None: all), or refuse."""
        index = whole("filter", index, 0, self.count - 1)
        if channel is None:
            return index, None
        seen = self.seen(index)
        return index, whole("channel", channel, seen[0], seen[-1])

    def weight(self, index: int) -> Tensor:
        """Return a filter as kernels [channels, k, k] float32, 0 for channels it does not see."""
        kernels = torch.zeros(self.channels, self.size, self.size)
        seen = self.seen(index)
        kernels[seen[0] : seen[-1] + 1] = self.layer.weight[index].detach().float().cpu()
        return kernels

    def bias(self, index: int) -> float:
        """Return what the layer adds to a filter's output."""
        return 0.0 if self.layer.bias is None else float(self.layer.bias[index].detach())

    def write(
        self, index: int, kernels: Tensor, channel: int | None, bias: float | None = None
    ) -> Kept:
        """Put kernels into the layer.

        Parameters
        ----------
        index
            The filter's number.
        kernels
            [k, k] for one channel or all of them, or [channels, k, k].
        channel
            The channel to write; None for all that the filter sees.
        bias
            Written too, where the layer has one; None leaves it.

        Returns
        -------
        Kept
            The filter as it was, for `restore`.

        Raises
        ------
        InputError
            Kernels of another size, or a layer whose weight is computed from something else.
        """
        if kernels.shape[-1] != self.size:
            given, wanted = (f"{n}×{n}" for n in (kernels.shape[-1], self.size))
            raise InputError("filter_size", given=given, wanted=wanted)
        if not isinstance(self.layer.weight, nn.Parameter):
            raise InputError("filter_computed", layer=type(self.layer).__name__)
        seen = self.seen(index)
        weight = self.weight(index)
        weight[slice(None) if channel is None else channel] = kernels
        own = self.layer.bias
        kept = Kept(
            index,
            self.layer.weight[index].detach().clone(),
            None if own is None else own[index].detach().clone(),
        )
        self._put(index, weight[seen[0] : seen[-1] + 1], None if bias is None else bias)
        return kept

    def restore(self, kept: Kept) -> None:
        """Put a filter back as it was."""
        self._put(kept.filter, kept.weight, kept.bias)

    def _put(self, index: int, weight: Tensor, bias: Tensor | float | None) -> None:
        # `.data`: a loop of one's own may be between forward and backward in another thread, and
        # would refuse to go on with a weight that autograd saw change.
        self.layer.weight.data[index] = weight.to(self.layer.weight)
        if self.layer.bias is not None and bias is not None:
            self.layer.bias.data[index] = bias
