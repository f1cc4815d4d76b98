"""How a row of the input is an image, in whichever shape it is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Bytes = npt.NDArray[np.uint8]

_COLOURS = (1, 3)
_SMALLEST = 64


@dataclass(frozen=True)
class Picture:
    """How the first input is an image.

    Attributes
    ----------
    height, width, colours
        `colours` is 1 or 3.
    low, high
        The smallest and largest value in the examples: black and white.
    colours_last
        Whether the colours stand last.
    """

    height: int
    width: int
    colours: int
    low: float
    high: float
    colours_last: bool = False

    @classmethod
    def of(cls, rows: Tensor, *, colours_last: bool) -> Picture | None:
        """Return how rows are images, None if they are none.

        Parameters
        ----------
        rows
            [n, pixels] of a square image, [n, height, width], [n, colours, height, width] or, with
            whole numbers from 0 to 255, too, [n, height, width, colours].
        colours_last
            Whether colours stand last where both would fit.

        Examples
        --------
        >>> Picture.of(torch.rand(5, 784), colours_last=False).height
        28
        >>> Picture.of(torch.rand(5, 8, 9, 3), colours_last=False).colours_last
        True
        """
        found = _sizes(tuple(rows.shape[1:]), colours_last)
        if found is None or not (rows.is_floating_point() or rows.dtype == torch.uint8):
            return None
        (colours, height, width), last = found
        if colours not in _COLOURS or min(height, width) < 2:  # noqa: PLR2004  # no image
            return None
        low, high = float(rows.amin()), float(rows.amax())
        return cls(height, width, colours, low, high if high > low else low + 1.0, last)

    def described(self) -> dict[str, float]:
        """Return what a page needs to draw it."""
        return {
            "height": self.height,
            "width": self.width,
            "colours": self.colours,
            "low": self.low,
            "high": self.high,
        }

    def planes(self, row: Tensor) -> Tensor:
        """Return a row of the input, or of its shape, as [colours, height, width], in its memory.

        Examples
        --------
        >>> Picture(28, 28, 1, 0.0, 1.0).planes(torch.zeros(784)).shape
        torch.Size([1, 28, 28])
        """
        if self.colours_last:
            return row.reshape(self.height, self.width, self.colours).movedim(-1, 0)
        return row.reshape(self.colours, self.height, self.width)

    def row(self, pixels: Bytes, like: Tensor) -> Tensor:
        """Return pixels as a row of the input: 0 is the smallest value, 255 the largest.

        Parameters
        ----------
        pixels
            u1 [height, width] or [height, width, colours].
        like
            A row, whose shape, type and device it gets.

        Raises
        ------
        InputError
            The pixels are of another size.
        """
        expected = (self.height, self.width)
        if pixels.shape[:2] != expected or pixels.ndim not in {2, 3}:
            size = f"{self.height}×{self.width}"
            raise InputError("drawn_size", given="×".join(map(str, pixels.shape)), size=size)
        values = torch.tensor(pixels.astype("f4") / 255)
        if values.ndim == 2:  # noqa: PLR2004
            values = values[..., None].expand(*expected, self.colours)
        elif values.shape[2] != self.colours:
            values = values.mean(2, keepdim=True).expand(*expected, self.colours)
        values = values * (self.high - self.low) + self.low
        if not self.colours_last:
            values = values.movedim(2, 0)
        if not like.is_floating_point():
            values = values.round()
        return values.reshape(like.shape).to(like)

    def thumbnails(self, rows: Tensor, side: int) -> Bytes:
        """Return rows as small pictures, u1 [count, height, width, colours]."""
        values = rows.detach().float().cpu()
        images = torch.stack([self.planes(row).movedim(0, 2) for row in values])
        step = max(1, math.ceil(max(self.height, self.width) / side))
        images = images[:, step // 2 :: step, step // 2 :: step]
        span = self.high - self.low or 1.0
        shown = ((images - self.low) / span * 255).round().clamp(0, 255)
        return shown.to(torch.uint8).numpy()


def _sizes(shape: tuple[int, ...], colours_last: bool) -> tuple[tuple[int, ...], bool] | None:
    """Return colours, height and width of a row of that shape, and whether colours stand last."""
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        fits = side * side == shape[0] and shape[0] >= _SMALLEST
        return ((1, side, side), False) if fits else None
    if len(shape) == 2:  # noqa: PLR2004
        return (1, *shape), False
    if len(shape) != 3:  # noqa: PLR2004
        return None
    last = shape[2] in _COLOURS and (colours_last or shape[0] not in _COLOURS)
    return ((shape[2], *shape[:2]), True) if last else (shape, False)
