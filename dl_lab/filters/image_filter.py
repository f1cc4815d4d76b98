"""What an image becomes under kernels, computed by torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from dl_lab.errors import InputError

Channels = Literal["grey", "each", "sum"]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]

CHANNELS: tuple[Channels, ...] = ("grey", "each", "sum")
PADDING_MODES: tuple[PaddingMode, ...] = ("zeros", "reflect", "replicate", "circular")

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class ImageFilter:
    """How kernels are laid over an image.

    Attributes
    ----------
    channels
        ``"grey"``: one kernel over the image in grey. ``"each"``: every channel for itself, as
        ``groups=channels`` in `torch.nn.Conv2d`. ``"sum"``: over all channels, added up, as one
        filter of `torch.nn.Conv2d`.
    padding
        Pixels added on every side, or ``"same"``: as many as keep the size at stride 1, of an odd
        number one more on the right and below. 0 keeps to where the kernel fits.
    padding_mode
        ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``, as in `torch.nn.Conv2d`.
    stride, dilation
        Pixels from one window to the next, and from one cell of the kernel to the next.
    bias
        Added to every output.
    """

    channels: Channels = "each"
    padding: int | Literal["same"] = "same"
    padding_mode: PaddingMode = "zeros"
    stride: int = 1
    dilation: int = 1
    bias: float = 0.0

    def margins(self, size: int) -> tuple[int, int]:
        """Return how many pixels are added left and above, and right and below."""
        if self.padding != "same":
            return self.padding, self.padding
        total = self.dilation * (size - 1)
        return total // 2, total - total // 2

    def __call__(self, image: Tensor, kernels: Tensor) -> Tensor:
        """Compute the output.

        Parameters
        ----------
        image
            [channels, height, width] float32.
        kernels
            [n, k, k] float32; n is 1 or the number of channels.

        Returns
        -------
        Tensor
            [channels, rows, columns] for ``"each"``, [1, rows, columns] otherwise.

        Raises
        ------
        InputError
            The kernel does not fit into the image, or the padding needs a larger one.

        Examples
        --------
        >>> ImageFilter(padding=0)(torch.ones(1, 4, 4), torch.ones(1, 3, 3))
        tensor([[[9., 9.],
                 [9., 9.]]])
        """
        image = grey(image) if self.channels == "grey" else image
        planes = image.shape[0]
        kernels = kernels[:1] if self.channels == "grey" else kernels.expand(planes, -1, -1)
        padded = self._padded(image, kernels.shape[-1])
        apart = self.channels == "each"
        return functional.conv2d(
            padded.unsqueeze(0),
            kernels.unsqueeze(1) if apart else kernels.unsqueeze(0),
            torch.full((planes if apart else 1,), self.bias),
            self.stride,
            dilation=self.dilation,
            groups=planes if apart else 1,
        ).squeeze(0)

    def _padded(self, image: Tensor, size: int) -> Tensor:
        height, width = image.shape[1:]
        before, after = self.margins(size)
        limit = min(height, width) - (self.padding_mode == "reflect")
        if self.padding_mode in {"reflect", "circular"} and max(before, after) > limit:
            key = f"padding_{self.padding_mode}"
            raise InputError(key, given=max(before, after), height=height, width=width)
        reach = self.dilation * (size - 1) + 1
        tall, wide = height + before + after, width + before + after
        if reach > min(tall, wide):
            raise InputError("kernel_too_wide", reach=reach, height=tall, width=wide)
        if before == after == 0:
            return image
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        sides = (before, after, before, after)
        return functional.pad(image.unsqueeze(0), sides, mode=mode).squeeze(0)


def grey(image: Tensor) -> Tensor:
    """Return an image in grey: how bright its colours look, or the mean of channels of no colour.

    Parameters
    ----------
    image
        [channels, height, width]. Three channels are red, green and blue, and are weighted as in
        ITU-R BT.601: 0.299, 0.587, 0.114.

    Examples
    --------
    >>> grey(torch.tensor([1.0, 0.5, 0.0]).reshape(3, 1, 1))
    tensor([[[0.5925]]])
    """
    channels = image.shape[0]
    if channels == 1:
        return image
    shares = _LUMA if channels == len(_LUMA) else (1 / channels,) * channels
    return functional.conv2d(image.unsqueeze(0), torch.tensor(shares).view(1, -1, 1, 1)).squeeze(0)
