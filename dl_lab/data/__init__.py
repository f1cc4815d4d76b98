"""Data sets as tensors."""

from dl_lab.data.images import ImageSet, digits
from dl_lab.data.mnist_family import fashion, mnist
from dl_lab.data.photographs import Photos, photos

__all__ = ["ImageSet", "Photos", "digits", "fashion", "mnist", "photos"]
