"""The gradients of parameters, sparse ones too."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, get_total_norm


def gradient_of(parameter: Tensor) -> Tensor | None:
    """Return a parameter's gradient, of a sparse one the values that it holds; None without one.

    Entries of a sparse gradient that stand for the same place are added up first, in the parameter
    too, so that what is written to the values is written to the gradient.

    Examples
    --------
    >>> words = torch.nn.Embedding(9, 1, sparse=True)
    >>> words(torch.tensor([3, 3, 4])).sum().backward()
    >>> gradient_of(words.weight)
    tensor([[2.],
            [1.]])
    """
    gradient = parameter.grad
    if gradient is None or not gradient.is_sparse:
        return gradient
    if not gradient.is_coalesced():
        parameter.grad = gradient = gradient.coalesce()
    return gradient.values()


def total_norm(parameters: Iterable[Tensor]) -> Tensor | None:
    """Return the Euclidean norm of all gradients together; None where there are none."""
    found = [one for one in map(gradient_of, parameters) if one is not None]
    return get_total_norm(found) if found else None


def clip(parameters: Iterable[Tensor], most: float) -> None:
    """Make the gradients' norm at most `most`, as ``clip_grad_norm_`` does."""
    given = list(parameters)
    if not any(one.grad is not None and one.grad.is_sparse for one in given):
        clip_grad_norm_(given, most)
        return
    norm = total_norm(given)
    assert norm is not None  # noqa: S101  # one is sparse
    share = torch.clamp(most / (norm + 1e-6), max=1.0)
    for one in map(gradient_of, given):
        if one is not None:
            one.mul_(share.to(one.device))
