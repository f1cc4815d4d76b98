"""What a GraphViewer is given, checked: a model, what it is called with, a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dl_lab.errors import InputError, said, shown
from dl_lab.nets.graph.fold import Rule
from dl_lab.nets.graph.nodes import Graph
from dl_lab.probe.modules import original
from dl_lab.probe.nested import mapped, shapes, tensors_in
from dl_lab.train.trainer import Trainer

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def checked_model(model: object) -> nn.Module:
    """Return the model, or refuse what is none."""
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise InputError("model_class", given=model.__name__)
    if not isinstance(model, nn.Module):
        raise InputError("not_model", given=type(model).__name__)
    return model


def checked_trainer(trainer: object, model: nn.Module) -> Trainer | None:
    """Return the trainer, or refuse one of another model."""
    if trainer is None:
        return None
    if not isinstance(trainer, Trainer):
        raise InputError("not_trainer", given=type(trainer).__name__)
    if all(
        original(one) is not original(model) for one in (trainer.model, *trainer.models.values())
    ):
        raise InputError("trainer_model")
    return trainer


def checked_other(other: object) -> tuple[nn.Module | None, Trainer | None]:
    """Return the model beside, and its Trainer where that was given; refuse what is neither."""
    if isinstance(other, Trainer):
        return other.model, other
    is_class = isinstance(other, type) and issubclass(other, nn.Module)
    if other is not None and not is_class and not isinstance(other, nn.Module):
        raise InputError("graph_other", given=shown(other))
    return (None if other is None else checked_model(other)), None


def batch_of(trainer: Trainer) -> object:
    """Return what a trainer calls its model with next; the run stays where it is."""
    rows = trainer.look(trainer.upcoming).result()
    if rows is None and trainer.loss is not None and trainer.state != "running":
        with trainer.trial() as trial:
            rows = trial.upcoming()[0]
    if rows is None:
        raise InputError("graph_no_batch")
    arguments, named = rows.arguments(0, rows.count)
    if named:
        return dict(named)
    return arguments[0] if len(arguments) == 1 else tuple(arguments)


def checked_rule(rule: object) -> Rule | None:
    """Return the rule of what stays closed, or refuse it."""
    if rule is None or (callable(rule) and not isinstance(rule, type)):
        return rule
    given = [rule] if isinstance(rule, (str, type)) else rule
    if not isinstance(given, Sequence) or not all(isinstance(one, (str, type)) for one in given):
        raise InputError("graph_rule", given=shown(rule))
    return list(given)


def ways(x: object, model: nn.Module) -> list[Arguments]:
    """Return how the model may be called with `x`: as it is first.

    A tuple holds arguments, or is one; a dictionary has them by their names, or is one. Arrays
    become tensors, and all go where the model is.
    """
    given = _placed(x, model)
    if isinstance(given, Mapping):
        named = {str(name): value for name, value in given.items()}
        return [((), named), ((given,), {})]
    if isinstance(given, tuple):
        return [(given, {}), ((given,), {})]
    if isinstance(given, list):
        return [((given,), {}), (tuple(given), {})]
    return [((given,), {})]


def _placed(x: object, model: nn.Module) -> Any:
    found = [*model.parameters(), *model.buffers()]
    devices = {tensor.device for tensor in found}
    device = devices.pop() if len(devices) == 1 else None

    def placed(tensor: Tensor) -> Tensor:
        return tensor if device is None or tensor.device == device else tensor.to(device)

    return mapped(_tensors(x), placed)


def _tensors(value: object) -> Any:
    return mapped(value, _tensor, (np.ndarray,))


def _tensor(array: Any) -> Any:
    try:
        tensor = torch.from_numpy(array)
    except TypeError:  # text, objects
        return array
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def told(graph: Graph, x: object) -> InputError | None:
    """Return what is said of a pass that ended by an error; None where it did not."""
    failure = graph.failure
    if failure is None:
        return None
    kind, detail = type(failure.error).__name__, said(failure.error)
    if not tensors_in(_tensors(x)):
        return InputError("graph_no_tensor", given=shown(x), kind=kind, detail=detail)
    place = failure.module or "forward"
    if failure.needs_values:
        return InputError("graph_needs_values", operation=failure.name or place, place=place)
    given = shapes(_tensors(x))
    if not failure.name:
        return InputError("graph_failed", place=place, kind=kind, detail=detail, given=given)
    listed = ", ".join(f"[{', '.join(map(str, shape))}]" for shape in failure.shapes) or "none"
    return InputError(
        "graph_failed_in",
        place=place,
        operation=failure.name,
        shapes=listed,
        kind=kind,
        detail=detail,
        given=given,
    )


def furthest(graphs: Sequence[Graph]) -> int:
    """Return which pass ended well, or came furthest; of equals the first."""

    def reached(place: int) -> tuple[bool, int]:
        graph = graphs[place]
        return graph.failure is None, sum(node.kind == "operation" for node in graph.nodes)

    return max(range(len(graphs)), key=reached)
