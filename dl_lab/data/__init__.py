"""Data sets as tensors."""

from dl_lab.data.images import ImageSet, digits

__all__ = ["ImageSet", "digits"]
