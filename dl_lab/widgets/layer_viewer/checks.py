"""What a LayerViewer is given, checked."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.probe.answer import are_maps, scores
from dl_lab.probe.capture import Capture
from dl_lab.probe.modules import original
from dl_lab.train.trainer import Trainer


def checked_model(model: object) -> nn.Module:
    """Return the model, or refuse what is none."""
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise InputError("model_class", given=model.__name__)
    if not isinstance(model, nn.Module):
        raise InputError("not_model", given=type(model).__name__)
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError("script_module", name=name or "The model")
    return model


def checked_trainer(trainer: object, model: nn.Module) -> Trainer | None:
    """Return the trainer, or refuse one of another model."""
    if trainer is not None and not isinstance(trainer, Trainer):
        raise InputError("not_trainer", given=type(trainer).__name__)
    if trainer is not None:
        shown = (trainer.model, *trainer.models.values())
        if all(original(one) is not original(model) for one in shown):
            raise InputError("trainer_model")
    return trainer


def checked_classes(classes: Iterable[object] | None, seen: Capture) -> list[str]:
    """Return a name for each class; none of a network without scores, or whose output is an image.

    One that scores each pixel has classes where they are given, with the mean of the scores.
    """
    try:
        count = scores(seen.output).shape[1]
    except InputError:
        return []
    if classes is None:
        if are_maps(seen.output):
            return []
        return [str(index) for index in range(count)]
    names = [str(name) for name in classes]
    if len(names) != count:
        raise InputError("classes_count", given=len(names), count=count)
    return names
