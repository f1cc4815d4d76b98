"""Whether a model answers an example alone as it answers it among others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dl_lab.probe.nested import tensors_in

if TYPE_CHECKING:
    from dl_lab.probe.capture import Capture


def parts_of_last(many: Capture, one: Capture) -> list[tuple[Tensor, Tensor]] | None:
    """Return what the last of two examples was answered, among both and alone.

    None where the shapes do not tell which part of the answer is whose; empty where the answer
    depends on all examples together.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> model, x = nn.Linear(2, 1), torch.rand(2, 2)
    >>> agree(parts_of_last(capture(model, x), capture(model, x[1:])))
    True
    """
    lists = isinstance(many.output, list) and isinstance(one.output, list)
    if lists and len(many.output) == 2 * len(one.output):
        # An entry for each image; how much is found in it may differ by rounding.
        return [(torch.zeros(()), torch.zeros(()))]
    found = _halves(tensors_in(many.output), tensors_in(one.output))
    told = [tensor for tensor in tensors_in(one.output) if tensor.ndim and tensor.numel()]
    if found == [] and not told and len(many.layers) == len(one.layers):
        # No answer, or a single number: the layers tell.
        for mine, other in zip(reversed(many.layers), reversed(one.layers), strict=True):
            if mine.output is not None and other.output is not None and other.output.ndim:
                found = _halves([mine.output], [other.output])
                if found:
                    return found
    return found


def _halves(many: list[Tensor], one: list[Tensor]) -> list[tuple[Tensor, Tensor]] | None:
    if len(many) != len(one):
        return None
    pairs = []
    for both, alone in zip(many, one, strict=True):
        if both.shape == alone.shape:
            continue
        if both.ndim != alone.ndim:
            return None
        differ = [at for at in range(both.ndim) if both.shape[at] != alone.shape[at]]
        if len(differ) != 1 or both.shape[differ[0]] != 2 * alone.shape[differ[0]]:
            return None
        size = alone.shape[differ[0]]
        pairs.append((_dense(both).narrow(differ[0], size, size), _dense(alone)))
    return pairs


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.layout is torch.strided else tensor.to_dense()


def agree(pairs: Sequence[tuple[Tensor, Tensor]]) -> bool:
    """Tell whether tensors agree but for rounding.

    Examples
    --------
    >>> agree([(torch.ones(2), torch.ones(2) + 1e-6)]), agree([(torch.ones(2), torch.zeros(2))])
    (True, False)
    """
    for one, other in pairs:
        if one.shape != other.shape:
            return False
        if not one.numel():
            continue
        wide = torch.complex128 if one.is_complex() else torch.float64
        a, b = one.detach().to("cpu", wide), other.detach().to("cpu", wide)
        coarse = one.dtype in {torch.float16, torch.bfloat16}
        largest = float(b.abs().nan_to_num(0, 0, 0).max())
        share = 1e-2 if coarse else 1e-4
        if not torch.allclose(a, b, rtol=share, atol=share * largest, equal_nan=True):
            return False
    return True
