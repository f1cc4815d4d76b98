"""The loss of TensorFlow Playground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def half_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean of ½ (output - target)² over all elements.

    Parameters
    ----------
    output, target
        Tensors of the same shape.

    Raises
    ------
    InputError
        Shapes that differ: [n, 1] against [n] would silently compare all with all.

    Examples
    --------
    >>> import torch
    >>> half_squared_error(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.0]))
    tensor(0.2500)
    """
    if output.shape != target.shape:
        raise InputError("shapes", output=list(output.shape), target=list(target.shape))
    return (output - target).square().mean() / 2
