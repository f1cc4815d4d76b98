"""Several models or optimizers of one run, seen as one by all that keeps and sets its state."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import described
from dl_lab.train.diagnosis.explain import check_sizes

if TYPE_CHECKING:
    from torch import Tensor


class Models(nn.Module):
    """The models of one run by their names, with what their optimizers train beside them.

    It computes nothing, and leaves the models' training flags to those who use them.

    Parameters
    ----------
    models
        One, several in a sequence or by name.
    optimizers
        Of their parameters; what else they train (a learnt weight of a loss) belongs to it too.

    Raises
    ------
    InputError
        Something is not a model, or an optimizer has parameters of other models alone.

    Examples
    --------
    >>> one, other = nn.Linear(1, 1), nn.Linear(2, 1, bias=False)
    >>> models = Models({"one": one, "other": other}, [])
    >>> [name for name, _ in models.named_parameters()]
    ['one.weight', 'one.bias', 'other.weight']
    """

    def __init__(self, models: object, optimizers: Iterable[Optimizer]) -> None:
        super().__init__()
        given = _by_name(models, "model")
        for name, model in given.items():
            if not isinstance(model, nn.Module):
                if inspect.isclass(model):
                    raise InputError("model_class", given=model.__name__)
                raise InputError("not_model", given=described(model))
            if not name or "." in name:
                raise InputError("model_name", given=repr(name))
            check_sizes(model)
        self.by_name: dict[str, nn.Module] = given
        # Not by attribute: a model may be called "train".
        self._modules.update(self.by_name)
        known = {id(parameter) for parameter in self.parameters()}
        for optimizer in optimizers:
            trained = [one for group in optimizer.param_groups for one in group["params"]]
            others = [one for one in trained if id(one) not in known]
            # Bare tensors alone may well be meant: a picture that is made to please a network.
            if len(others) == len(trained) and all(isinstance(one, nn.Parameter) for one in others):
                kinds = {"optimizer": type(optimizer).__name__, "model": self.kind}
                raise InputError("other_parameters", **kinds, count=len(trained))
            for parameter in others:
                known.add(id(parameter))
                self._parameters[f"parameter{len(self._parameters)}"] = parameter

    @property
    def kind(self) -> str:
        """Their classes, for sentences."""
        return ", ".join(type(model).__name__ for model in self.by_name.values())

    @property
    def shown(self) -> nn.Module:
        """The model where there is one alone, else all of them."""
        return next(iter(self.by_name.values())) if len(self.by_name) == 1 else self


class Optimizers(Optimizer):
    """Several optimizers as one: their groups and what they remember, in their order.

    Each does its own steps. What is remembered goes by a parameter's place among all of them, since
    two optimizers may train the same parameters.

    Parameters
    ----------
    parts
        By name.

    Examples
    --------
    >>> import torch
    >>> weight = nn.Parameter(torch.zeros(1))
    >>> parts = {"fast": torch.optim.SGD([weight], lr=1.0), "slow": torch.optim.Adam([weight])}
    >>> [group["lr"] for group in Optimizers(parts).param_groups]
    [1.0, 0.001]
    """

    def __init__(self, parts: Mapping[str, Optimizer]) -> None:
        # torch's would make groups of its own.
        self.parts = dict(parts)

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]  # read anew each time
        """All groups: the very dictionaries that the optimizers have."""
        return [group for part in self.parts.values() for group in part.param_groups]

    @property
    def state(self) -> MutableMapping[int, dict[str, Any]]:  # type: ignore[override]  # as above
        """What is remembered, by place."""
        return _Memory(list(self.parts.values()))

    def state_dict(self) -> dict[str, Any]:
        """Return memory and settings as one optimizer does."""
        memory: dict[int, Any] = {}
        groups: list[dict[str, Any]] = []
        for part in self.parts.values():
            start = sum(len(group["params"]) for group in groups)
            state = part.state_dict()
            memory |= {start + place: value for place, value in state["state"].items()}
            groups += [
                {**group, "params": [start + place for place in group["params"]]}
                for group in state["param_groups"]
            ]
        return {"state": memory, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        groups = iter(state_dict["param_groups"])
        for part in self.parts.values():
            own = [next(groups) for _ in part.param_groups]
            places = {place for group in own for place in group["params"]}
            memory = {key: one for key, one in state_dict["state"].items() if key in places}
            part.load_state_dict({"state": memory, "param_groups": own})

    def __repr__(self) -> str:
        """Tell each."""
        return "\n".join(f"{name}: {part!r}" for name, part in self.parts.items())


class _Memory(MutableMapping[int, dict[str, Any]]):
    """What optimizers remember of their parameters, by the place of each among all."""

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._optimizers = optimizers
        self._places: list[tuple[Any, Tensor]] = [
            (one.state, parameter)
            for one in optimizers
            for group in one.param_groups
            for parameter in group["params"]
        ]

    def __getitem__(self, place: int) -> dict[str, Any]:
        state, parameter = self._places[place]
        if parameter not in state:
            raise KeyError(place)
        memory: dict[str, Any] = state[parameter]
        return memory

    def __setitem__(self, place: int, memory: dict[str, Any]) -> None:
        state, parameter = self._places[place]
        state[parameter] = memory

    def __delitem__(self, place: int) -> None:
        state, parameter = self._places[place]
        del state[parameter]

    def __iter__(self) -> Iterator[int]:
        return (i for i, (state, parameter) in enumerate(self._places) if parameter in state)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        for optimizer in self._optimizers:
            optimizer.state.clear()


def as_one(optimizers: object) -> Optimizer:
    """Return what a person gave as the optimizer or optimizers of a run as one optimizer.

    Raises
    ------
    InputError
        Something is not an optimizer.

    Examples
    --------
    >>> import torch
    >>> sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    >>> as_one([sgd]) is sgd
    True
    """
    parts = _by_name(optimizers, "optimizer")
    for part in parts.values():
        if inspect.isclass(part):
            raise InputError("optimizer_class", given=part.__name__)
        if not isinstance(part, Optimizer):
            raise InputError("not_optimizer", given=described(part))
    return next(iter(parts.values())) if len(parts) == 1 else Optimizers(parts)


def parts_of(optimizer: Optimizer) -> dict[str, Optimizer]:
    """Return the optimizers of a run by their names; a single one goes by the empty name."""
    return optimizer.parts if isinstance(optimizer, Optimizers) else {"": optimizer}


def kind_of(optimizer: Optimizer) -> str:
    """Return the class or the classes of a run's optimizers.

    Examples
    --------
    >>> import torch
    >>> sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    >>> kind_of(sgd), kind_of(as_one([sgd, sgd]))
    ('SGD', 'SGD, SGD')
    """
    return ", ".join(type(part).__name__ for part in parts_of(optimizer).values())


def _by_name(given: object, kind: str) -> dict[str, Any]:
    """Return what was given by name: one alone, a sequence by number, a mapping by its own."""
    if isinstance(given, Mapping):
        found = {str(name): one for name, one in given.items()}
    elif isinstance(given, (list, tuple)):
        found = {str(place): one for place, one in enumerate(given)}
    else:
        found = {kind: given}
    if not found:
        raise InputError(f"own_no_{kind}")
    return found
