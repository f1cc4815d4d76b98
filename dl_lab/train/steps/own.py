"""A training step of a person's own, called as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError
from dl_lab.probe.untouched import untouched
from dl_lab.train.batches.structure import described
from dl_lab.train.checkpoint.state import copied
from dl_lab.train.history.logged import one_number
from dl_lab.train.history.series_kind import guessed
from dl_lab.train.steps.evaluate import all_finite, numbers

if TYPE_CHECKING:
    from dl_lab.train.steps.evaluate import Batch, Data
    from dl_lab.train.steps.observed import Count
    from dl_lab.train.steps.stages import StageClock
from dl_lab.train.steps.several import Models

Numbers = Mapping[str, "Tensor | float"] | Tensor | float
"""What a step or a validation of one's own returns."""


class OwnSteps:
    """Forward, backward and update as a person's function does them, of any models.

    Beside weights and optimizers its state is the gradients, which a step may go on to add to, and
    what the function's own ``state_dict`` returns, if it or the object that it is a method of has
    one.

    Parameters
    ----------
    step
        Takes a batch and returns one number, or several by name.
    models
        All that it trains.
    """

    draws = True
    """Whether a step may draw from the global random state."""
    own = True
    """It sets the models' modes itself, and may draw at any time."""
    unlabelled = False
    timing: StageClock | None = None
    counts: Sequence[Count] = ()

    def __init__(self, step: Callable[[Any], Numbers], models: Models) -> None:
        self._step = step
        self._models = models
        owner = getattr(step, "__self__", step)
        ours = any(owner is module for module in models.modules())
        keeps = not ours and hasattr(owner, "state_dict") and hasattr(owner, "load_state_dict")
        self._owner: Any = owner if keeps else None
        self.running = False
        """Whether the function is running now."""
        self.measured: list[Tensor | float] = []
        self.first = self.state_dict()
        """The state that it began with."""

    @property
    def function(self) -> Callable[[Any], Numbers]:
        """The person's own."""
        return self._step

    def attach(self, train: Data) -> None:
        """Do nothing: a step finds all that it uses by itself."""

    def step(self, inputs: Any, targets: Any, *, measure: bool) -> dict[str, float | Tensor]:  # noqa: ANN401  # any structure
        """Do a step on the batch `inputs`; return what it returned, by name.

        Raises
        ------
        InputError
            That is not a number, or numbers by name.
        """
        del targets, measure
        self.running = True
        try:
            return _by_name("step", self._step(inputs), "train_loss")
        finally:
            self.running = False

    def validate(self, function: Callable[[], Numbers]) -> dict[str, float]:
        """Return what a function measures in evaluation mode, by name, leaving no trace.

        Raises
        ------
        InputError
            It raised, or returned what is not a number or numbers by name.
        """
        try:
            with untouched(self._models, "eval"), torch.no_grad():
                found = _by_name("validation", function(), "validation_loss")
        except InputError:
            raise
        except Exception as error:
            kind = type(error).__name__
            raise InputError("own_validation_failed", kind=kind, detail=error) from error
        values = numbers(list(found.values()))
        return {
            name if guessed(name).part else f"validation_{name}": value
            for name, value in zip(found, values, strict=True)
        }

    def step_group(self, batches: list[Batch]) -> NoReturn:
        """Refuse: what the mean over several batches is, only the step could know."""
        del batches
        raise InputError("own_step_loss")

    def evaluate(self, data: Data) -> NoReturn:
        """Refuse: the step has no loss that could be measured without training."""
        del data
        raise InputError("own_step_loss")

    measure = evaluate

    def tensors(self) -> list[Tensor] | None:
        """Return None: a person's code may change what it likes."""
        return None

    def finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return all_finite(self._models.parameters())

    def state_dict(self) -> dict[str, Any]:
        """Copy the gradients and the state of the function's own."""
        gradients = {
            name: copied(parameter.grad)
            for name, parameter in self._models.named_parameters()
            if parameter.grad is not None
        }
        step = None if self._owner is None else copied(self._owner.state_dict())
        return {"gradients": gradients, "step": step}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        for name, parameter in self._models.named_parameters():
            kept = state["gradients"].get(name)
            parameter.grad = None if kept is None else kept.to(parameter.device, copy=True)
        if self._owner is not None and state["step"] is not None:
            self._owner.load_state_dict(copied(state["step"]))


def _by_name(name: str, values: object, lone: str) -> dict[str, float | Tensor]:
    if isinstance(values, Mapping):
        return {str(key): one_number(str(key), value) for key, value in values.items()}
    if values is None or isinstance(values, (tuple, list)):
        raise InputError("own_step_returned", name=name, given=described(values))
    return {lone: one_number(lone, values)}


def check_function(name: str, function: object) -> None:
    """Refuse what cannot be called.

    Examples
    --------
    >>> check_function("step", print)
    """
    if not callable(function) or isinstance(function, (type, nn.Module)):
        raise InputError("own_function", name=name, given=described(function))
