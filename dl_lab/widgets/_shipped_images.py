"""The images that a KernelExplorer offers: those that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_lab.data.images import digits
from dl_lab.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

DIGITS = tuple(f"digit_{label}" for label in range(10))
NAMES = DIGITS
DEFAULT = "digit_3"


def shipped_image(name: str) -> Tensor:
    """Return an image [channels, height, width] by its name."""
    if name not in NAMES:
        raise InputError.unknown("image", name, NAMES)
    images, labels = digits().train
    return images[(labels == DIGITS.index(name)).nonzero()[0, 0]]
