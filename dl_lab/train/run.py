"""What a plot needs of a run: the Trainer's and the watched loop's common face."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dl_lab.errors import InputError

if TYPE_CHECKING:
    import os
    from concurrent.futures import Future

    from torch import nn
    from torch.optim import Optimizer

    from dl_lab.train.history.history import History

Leave = Callable[[float], InputError | None]
"""Told for how many seconds nobody has looked on; returns why the run is to pause, or None."""

PRESSED: ContextVar[Leave | None] = ContextVar("PRESSED", default=None)
"""Set while a view's request is answered: a run that it starts may not go on for ever alone."""

CONTROLS = ("play", "pause", "step", "stop", "reset", "learning_rate")
"""What a view may offer to do with a run."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    step, epoch
        Done.
    last_step, last_epoch
        Where it will end, as far as that is known.
    steps_per_epoch
        Steps of one epoch, as far as that is known.
    """

    step: int
    epoch: int
    last_step: int | None = None
    last_epoch: int | None = None
    steps_per_epoch: int | None = None


class Run(Protocol):
    """Something that trains and records. Every method may be called from any thread."""

    learning_rate: float | None
    """Of the optimizer's first parameter group; None where there is no optimizer to ask."""

    @property
    def name(self) -> str | None:
        """What people call it."""

    @property
    def history(self) -> History:
        """All that was recorded."""

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"``, ``"paused"``, ``"finished"`` or ``"failed"``."""

    @property
    def message(self) -> InputError | None:
        """Why it paused, stopped or failed, as a sentence."""

    @property
    def notes(self) -> tuple[InputError, ...]:
        """What went wrong with those who only look on, while training goes on."""

    @property
    def steps(self) -> int:
        """Steps done."""

    @property
    def epoch(self) -> int:
        """Epochs done."""

    @property
    def progress(self) -> Progress:
        """How far it is."""

    @property
    def device(self) -> str:
        """Where it computes, for people: ``"cpu"``, ``"cuda:0 NVIDIA H200"``."""

    @property
    def controls(self) -> tuple[str, ...]:
        """Those of `CONTROLS` that work."""

    def start(self, epochs: int | None = None) -> None:
        """Train on and return at once."""

    def pause(self) -> None:
        """Pause after the step that is running."""

    def resume(self) -> None:
        """Go on."""

    def stop(self) -> None:
        """End the run after the step that is running."""

    def step(self, n: int = 1) -> None:
        """Train `n` steps, then be paused."""

    def reset(self) -> None:
        """Go back to the beginning."""

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each change of state; return a function that ends that."""

    def while_waiting(self, poll: Callable[[], None]) -> Callable[[], None]:
        """Call `poll` now and then while a cell is blocked; return a function that ends that."""


class Training(Run, Protocol):
    """A `Trainer`, as the callbacks that it calls know it."""

    learning_rate: float
    loss: Any
    """``loss(outputs, targets)``."""

    @property
    def model(self) -> nn.Module:
        """The module that is trained."""

    @property
    def optimizer(self) -> Optimizer:
        """What updates it."""

    @property
    def train(self) -> Any:  # noqa: ANN401  # whatever a person's data are
        """The training data."""

    @property
    def validation(self) -> Any:  # noqa: ANN401  # likewise
        """The data measured after each epoch."""

    @property
    def ending(self) -> str | None:
        """The state that the run is about to end in, or None."""

    def stop(self, *, note: InputError | None = None) -> None:
        """End the run after the step that is running, for the reason that `note` tells."""

    def note(self, problem: InputError, about: str = "") -> None:
        """Tell once of a problem that training does not depend on."""

    def call(self, function: Callable[..., Any], *args: object) -> Future[Any]:
        """Run `function` between two steps."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run's state to a file."""
