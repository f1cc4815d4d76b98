"""What a network says about its classes: scores, probabilities, the likeliest ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from dl_lab.errors import InputError
from dl_lab.probe.nested import tensors_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_SURE = 1e-3
_MANY = 64
"""Numbers of an input that an autoencoder may restore: two features and two classes are none."""


@dataclass(frozen=True)
class Guess:
    """A class, its score and its probability."""

    index: int
    score: float
    probability: float


def scores(output: Any, classes: int | None = None) -> Tensor:  # noqa: ANN401  # whatever a model returns
    """Return the score of each class, [rows, classes], from what a model returned.

    Parameters
    ----------
    output
        A tensor, or several in a dictionary or tuple: ``"logits"`` counts if there is one, else
        the first of two dimensions or more. Of further dimensions the mean is taken.
    classes
        How many classes there are, if that is known: the first tensor with so many scores counts,
        which may stand last, as a language model's do.

    Raises
    ------
    InputError
        There is no such tensor.

    Examples
    --------
    >>> scores({"logits": torch.zeros(2, 5)}).shape
    torch.Size([2, 5])
    >>> scores((torch.zeros(2, 1), torch.zeros(2, 7, 3)), classes=3).shape
    torch.Size([2, 3])
    """
    found = _scored(output)
    tensor = found[0] if found else None
    if classes is not None:
        fits = [one for one in found if one.shape[1] == classes]
        last = [one.movedim(-1, 1) for one in found if one.shape[-1] == classes]
        tensor = next(iter(fits + last), tensor)
    if tensor is None:
        raise InputError("no_scores")
    return tensor.flatten(2).mean(2) if tensor.ndim > 2 else tensor  # noqa: PLR2004


def are_classes(output: Any, inputs: Sequence[Tensor]) -> bool:  # noqa: ANN401
    """Tell whether what a model returns may be the scores of classes, and nothing else.

    That is logits, or a lone tensor of two or more numbers for each example: neither boxes, images,
    sequences or several answers at once, nor as many numbers as the input has, which an
    autoencoder restores.

    Parameters
    ----------
    output
        What the model returned.
    inputs
        What it was given.

    Examples
    --------
    >>> x = torch.zeros(1, 784)
    >>> are_classes(torch.zeros(1, 10), [x]), are_classes(torch.zeros(1, 784), [x])
    (True, False)
    >>> are_classes([{"boxes": torch.zeros(7, 4), "scores": torch.zeros(7)}], [x])
    False
    """
    named = _logits(output)
    several = [one for one in tensors_in(output) if one.is_floating_point()]
    found = _scored(output)
    if not found or (named is None and len(several) != 1):
        return False
    shape = found[0].shape
    if shape[1] < 2 or found[0][0, 0].numel() != 1:  # noqa: PLR2004  # one number is not a choice
        return False
    rows = {one.size(0) for one in inputs[:1] if one.ndim}
    if shape[0] == shape[1] and rows == {shape[0]}:
        # Each row compared with each.
        return False
    restored = shape[1] >= _MANY and any(
        not one.is_nested and one.shape[1:].numel() == shape[1] for one in inputs[:1]
    )
    return named is not None or not restored


def _is_listed(output: object) -> bool:
    """Tell whether a model returns a list of dictionaries: what it found, image by image."""
    return isinstance(output, list) and any(isinstance(one, Mapping) for one in output)


def _logits(output: Any) -> Any:  # noqa: ANN401
    if isinstance(output, Mapping):
        return output.get("logits")
    return getattr(output, "logits", None)


def _scored(output: Any) -> list[Tensor]:  # noqa: ANN401
    if _is_listed(output):
        return []
    named = _logits(output)
    return [
        tensor
        for tensor in tensors_in(output if named is None else named)
        if tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel()
    ]


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


def guesses(output: Any, most: int = 5, classes: int | None = None) -> tuple[Guess, ...]:  # noqa: ANN401
    """Return the likeliest classes of row 0, the likeliest first; `classes` as for `scores`.

    Examples
    --------
    >>> [guess.index for guess in guesses(torch.tensor([[0.0, 3.0, 1.0]]), most=2)]
    [1, 2]
    """
    given = scores(output, classes)[:1].detach()
    likely = probabilities(given)[0].cpu()
    best = torch.argsort(likely, descending=True, stable=True)[:most].tolist()
    return tuple(Guess(i, float(given[0, i]), float(likely[i])) for i in best)
