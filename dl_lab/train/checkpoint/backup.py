"""Copies of what training changes, to go back to."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dl_lab.train.checkpoint.state import copied
from dl_lab.train.steps.several import memory_places

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn
    from torch.optim import Optimizer


class Keep:
    """The parameters and buffers of a model and the state of its optimizer, as they once were.

    Hyperparameters (learning rate and the like) are a person's settings and stay out of it.

    Parameters
    ----------
    model, optimizer
        What to copy, at once and again at each `save`.

    Examples
    --------
    >>> model = torch.nn.Linear(1, 1)
    >>> kept = Keep(model, torch.optim.Adam(model.parameters()))
    >>> _ = torch.nn.init.zeros_(model.weight)
    >>> kept.restore()
    >>> bool(model.weight == 0)
    False
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer) -> None:
        self._model = model
        self._optimizer = optimizer
        self._tensors: list[Tensor] = []
        self._copies: list[Tensor] = []
        self._state: dict[Any, dict[str, Any]] = {}
        self.save()

    @torch.no_grad()
    def save(self, tensors: list[Tensor] | None = None) -> None:
        """Copy what is there now.

        Parameters
        ----------
        tensors
            The model's parameters and buffers, where they are known: to find them takes time.
        """
        if tensors is None:
            tensors = [*self._model.parameters(), *self._model.buffers()]
        same = len(tensors) == len(self._tensors) and all(map(_is, tensors, self._tensors))
        if same and tensors:
            torch._foreach_copy_(self._copies, tensors)
        else:
            self._tensors = tensors
            self._copies = [tensor.detach().clone() for tensor in tensors]
        self._state = {
            parameter: {name: _copied(value) for name, value in state.items()}
            for parameter, state in self._optimizer.state.items()
        }

    @torch.no_grad()
    def restore(self, *, weights: bool = True) -> None:
        """Write the copies back, into the very tensors they were taken from.

        Parameters
        ----------
        weights
            Whether parameters and buffers are written, or the optimizer's state alone.
        """
        if weights:
            for tensor, kept in zip(self._tensors, self._copies, strict=True):
                tensor.copy_(kept)
        self._optimizer.state.clear()
        for parameter, state in self._state.items():
            self._optimizer.state[parameter] = {
                name: _copied(value) for name, value in state.items()
            }

    def state_dict(self) -> dict[str, Any]:
        """Return the copies for a file: the weights by their names, the rest by parameter."""
        model, optimizer = self._model, self._optimizer
        names = [name for name, _ in (*model.named_parameters(), *model.named_buffers())]
        places = memory_places(optimizer)
        return {
            "weights": copied(dict(zip(names, self._copies, strict=True))),
            "memory": {places[one]: copied(memory) for one, memory in self._state.items()},
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned, in the model and the optimizer too."""
        weights = state["weights"]
        for name, tensor in (*self._model.named_parameters(), *self._model.named_buffers()):
            if name in weights:
                tensor.copy_(weights[name])
        settings = self._optimizer.state_dict()["param_groups"]
        # It puts what it remembers where its parameters lie.
        self._optimizer.load_state_dict(
            {"state": copied(state["memory"]), "param_groups": settings}
        )
        self.save()


def _is(one: object, other: object) -> bool:
    return one is other


def _copied(value: Any) -> Any:  # noqa: ANN401  # an optimizer's state holds what it likes
    return value.clone() if isinstance(value, Tensor) else copy.deepcopy(value)
