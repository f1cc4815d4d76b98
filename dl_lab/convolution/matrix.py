"""A linear layer as one matrix: the C of the guide to convolution arithmetic."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError

MOST_ENTRIES = 4_000_000


@torch.no_grad()
def matrix(layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """Compute the matrix C with ``layer(x).flatten() == C @ x.flatten() + layer(0).flatten()``.

    Each column is what the layer gives for one input cell of 1 and zeros elsewhere, so that it is
    what torch computes, whatever the padding. For a transposed convolution it is the transpose of
    the matrix of the convolution with the same weights.

    Parameters
    ----------
    layer
        A module that is linear but for a bias, such as a convolution or an average pool.
    shape
        Of one input, without the batch.

    Returns
    -------
    Tensor
        [outputs, inputs], cells counted channel by channel and row by row.

    Raises
    ------
    InputError
        The layer holds a max pool, which is not linear, or the matrix has more than 4,000,000
        entries.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
       section 4.1, https://arxiv.org/abs/1603.07285

    Examples
    --------
    >>> matrix(nn.Conv1d(1, 1, 2, bias=False), (1, 3)).shape
    torch.Size([2, 3])
    """
    if any(isinstance(part, (nn.MaxPool1d, nn.MaxPool2d)) for part in layer.modules()):
        raise InputError("conv_not_linear")
    inputs = math.prod(shape)
    nothing = layer(torch.zeros(1, *shape)).flatten()
    if inputs * len(nothing) > MOST_ENTRIES:
        raise InputError("conv_matrix_large", rows=len(nothing), columns=inputs, most=MOST_ENTRIES)
    columns: Tensor = layer(torch.eye(inputs).reshape(inputs, *shape)).flatten(1) - nothing
    return columns.T.contiguous()
