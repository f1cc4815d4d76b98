"""Gradients where nothing is learnt: for models and losses that differentiate within."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dl_lab.probe.capture import differentiable, own_gradients, wants_gradients
from dl_lab.probe.nested import mapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from dl_lab.errors import InputError
    from dl_lab.train.steps.metrics import Note


class Differentiation:
    """How much of autograd an evaluation needs: nothing, until something asks for it.

    A physics-informed network, or its loss, differentiates by its inputs: first with autograd on,
    then by inputs that require gradients, as whoever calls it in a loop of their own gives them.

    Parameters
    ----------
    model
        What it calls `backward` for within stays out of its parameters' gradients.

    Examples
    --------
    >>> square, x = lambda x: x.square().sum(), torch.ones(2)
    >>> grad = Differentiation(torch.nn.Identity())
    >>> while True:
    ...     try:
    ...         with grad.allowed():
    ...             given = grad.by(x)
    ...             slope, = torch.autograd.grad(square(given), given)
    ...         break
    ...     except RuntimeError as error:
    ...         assert grad.allow_more(error)
    >>> slope
    tensor([2., 2.])
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._graph = False
        self._inputs = False

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        """Let autograd be as far as it is needed."""
        kept = own_gradients(self._model) if self._graph else contextlib.nullcontext()
        with kept, torch.set_grad_enabled(self._graph):
            yield

    def by(self, inputs: Any) -> Any:  # noqa: ANN401  # as nested as they are
        """Return the inputs, by which can be differentiated where that is needed."""
        return mapped(inputs, differentiable) if self._inputs else inputs

    def plain(self, value: Any) -> Any:  # noqa: ANN401  # a tensor or a number
        """Return a value without what it was computed from."""
        return value.detach() if isinstance(value, Tensor) else value

    def told(self, note: Note | None) -> Note | None:
        """Return what is told of a failed metric, but not where more of autograd may help."""
        if note is None:
            return None

        def tell(problem: InputError, name: str) -> None:
            if wants_gradients(problem) and not self._inputs:
                raise problem
            note(problem, name)

        return tell

    def allow_more(self, error: Exception) -> bool:
        """Tell whether to try again, with more of autograd than when this was raised."""
        if self._inputs or not wants_gradients(error):
            return False
        self._graph, self._inputs = True, self._graph
        return True
