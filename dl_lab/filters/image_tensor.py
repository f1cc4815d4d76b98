"""One image from whatever holds one: a tensor, an array, a list of numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dl_lab.errors import InputError

MOST_PIXELS = 1024
"""Rows or columns that an image can have."""

MOST_CHANNELS = 64

_PLANE, _CHANNELS, _BATCH = 2, 3, 4


def as_image(name: str, given: object) -> Tensor:
    """Return an image as a tensor [channels, height, width] float32 of its own.

    Parameters
    ----------
    name
        What to call it in a refusal.
    given
        A tensor, array or list of [height, width], [channels, height, width] or
        [1, channels, height, width]. Bytes are divided by 255; other numbers stay as they are.

    Raises
    ------
    InputError
        Something else; the sentence says what would do.

    Examples
    --------
    >>> as_image("image", np.array([[0, 255]], dtype=np.uint8))
    tensor([[[0., 1.]]])
    """
    tensor = _tensor(name, given)
    shape = list(tensor.shape)
    if tensor.ndim == _BATCH:
        if shape[0] != 1:
            raise InputError("image_batch", name=name, count=shape[0], given=shape)
        tensor = tensor[0]
    elif tensor.ndim == _PLANE:
        tensor = tensor[None]
    elif tensor.ndim != _CHANNELS:
        raise InputError("one_image", name=name, given=shape)
    channels, height, width = tensor.shape
    if width in {3, 4} and channels > width and height != width:
        how = "permute(2, 0, 1)"
        raise InputError("image_channels_last", name=name, given=shape, how=how)
    if not (1 <= channels <= MOST_CHANNELS and all(1 <= n <= MOST_PIXELS for n in (height, width))):
        limits = {"channels": MOST_CHANNELS, "most": MOST_PIXELS}
        raise InputError("image_size", name=name, given=shape, **limits)
    image = tensor.float().div(255) if tensor.dtype == torch.uint8 else tensor.float()
    if not image.isfinite().all():
        raise InputError("image_not_finite", name=name)
    return image.clone()


def _tensor(name: str, given: object) -> Tensor:
    if isinstance(given, Tensor):
        tensor = given.detach().cpu()
    else:
        try:
            # A copy: what numpy holds may be read-only or run backwards.
            tensor = torch.from_numpy(np.array(given))
        except (TypeError, ValueError) as error:
            raise InputError("not_numbers", name=name, given=type(given).__name__) from error
    if tensor.is_complex() or tensor.is_sparse or tensor.is_quantized:
        raise InputError("not_numbers", name=name, given=f"a tensor of {tensor.dtype}")
    return tensor
