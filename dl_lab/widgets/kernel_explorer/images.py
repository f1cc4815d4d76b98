"""The images that a KernelExplorer offers: those that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_lab.data import mnist, photos
from dl_lab.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 256
PHOTOS = ("cat", "china", "flower", "coffee")
DIGITS = tuple(f"digit_{label}" for label in range(10))
NAMES = (*PHOTOS, *DIGITS)
DEFAULT = NAMES[0]


def shipped_image(name: str) -> Tensor:
    """Return an image [channels, height, width] by its name.

    The middle 256×256 pixels of a photograph, or 28×28 of a handwritten digit.
    """
    if name in PHOTOS:
        photo = photos()[name]
        left = (photo.shape[-1] - SIDE) // 2
        return photo[:, :, left : left + SIDE]
    if name in DIGITS:
        images, labels = mnist().train
        return images[(labels == DIGITS.index(name)).nonzero()[0, 0]]
    raise InputError.unknown("image", name, NAMES)
