"""What a network says about its classes: scores, probabilities, the likeliest ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from dl_lab.errors import InputError
from dl_lab.probe.formula.functions import tensors_in

if TYPE_CHECKING:
    from torch import Tensor

_SURE = 1e-3


@dataclass(frozen=True)
class Guess:
    """A class, its score and its probability."""

    index: int
    score: float
    probability: float


def scores(output: Any) -> Tensor:  # noqa: ANN401  # whatever a model returns
    """Return the score of each class, [rows, classes], from what a model returned.

    Parameters
    ----------
    output
        A tensor, or several in a dictionary or tuple: ``"logits"`` counts if there is one, else
        the first of two dimensions or more. Of further dimensions the mean is taken.

    Raises
    ------
    InputError
        There is no such tensor.

    Examples
    --------
    >>> scores({"logits": torch.zeros(2, 5)}).shape
    torch.Size([2, 5])
    """
    tensor = _scored(output)
    return tensor.flatten(2).mean(2) if tensor.ndim > 2 else tensor  # noqa: PLR2004


def are_maps(output: Any) -> bool:  # noqa: ANN401
    """Tell whether a model returns images or sequences: a value for each of several positions.

    Examples
    --------
    >>> are_maps(torch.zeros(1, 3, 28, 28)), are_maps(torch.zeros(1, 10, 1, 1))
    (True, False)
    """
    return _scored(output)[0, 0].numel() > 1


def _scored(output: Any) -> Tensor:  # noqa: ANN401
    named = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", None)
    for tensor in tensors_in(output if named is None else named):
        if tensor.is_floating_point() and tensor.ndim > 1:
            return tensor
    raise InputError("no_scores")


def probabilities(given: Tensor) -> Tensor:
    """Turn scores [rows, classes] into probabilities, unless they are some already.

    Rows that are at least 0 and sum to 1 stay as they are, the logarithms of such are taken back;
    all else goes through a softmax, a single score through a sigmoid.

    Examples
    --------
    >>> probabilities(torch.tensor([[0.25, 0.75]]))
    tensor([[0.2500, 0.7500]])
    >>> probabilities(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """
    given = given.detach().float()
    if given.shape[1] == 1:
        return given if ((given >= 0) & (given <= 1)).all() else given.sigmoid()
    ones = torch.ones(len(given), device=given.device)
    if (given >= 0).all() and torch.allclose(given.sum(1), ones, atol=_SURE):
        return given
    if (given <= 0).all() and torch.allclose(given.exp().sum(1), ones, atol=_SURE):
        return given.exp()
    return given.softmax(1)


def guesses(output: Any, most: int = 5) -> tuple[Guess, ...]:  # noqa: ANN401
    """Return the likeliest classes of row 0, the likeliest first.

    Examples
    --------
    >>> [guess.index for guess in guesses(torch.tensor([[0.0, 3.0, 1.0]]), most=2)]
    [1, 2]
    """
    given = scores(output)[:1].detach()
    likely = probabilities(given)[0].cpu()
    best = torch.argsort(likely, descending=True, stable=True)[:most].tolist()
    return tuple(Guess(i, float(given[0, i]), float(likely[i])) for i in best)
