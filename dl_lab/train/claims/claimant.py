"""What the claims know of a run: what it trains, where, and how it makes way."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Protocol

from dl_lab.errors import InputError
from dl_lab.train.claims.cell import moment
from dl_lab.train.steps.several import Models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from torch import nn
    from torch.optim import Optimizer

PATIENCE = 10.0
"""Seconds that a run has to come to the end of its step."""


class Named(Protocol):
    """A run as a person holds it."""

    name: str | None


class Stepping(Named, Protocol):
    """A run with a thread of its own, as a Trainer is."""

    def pause(self, *, note: InputError | None = None, wait: bool = True) -> None:
        """Pause after the step that is running."""

    def call(self, function: Callable[[], Any]) -> Future[Any]:
        """Run a function between two steps."""


class Threaded(Protocol):
    """What runs in a thread now and then."""

    @property
    def thread(self) -> threading.Thread | None:
        """While it runs."""


class Claimant:
    """A run that trains a model, seen by the others that may want to.

    Parameters
    ----------
    run
        What a person holds.
    """

    pauses = False
    """Whether it pauses when it is asked to, between any two steps."""

    def __init__(self, run: Named) -> None:
        self.run = run
        self.made = moment()
        self.model: nn.Module | None = None
        self.optimizer: Optimizer | None = None
        self.parts: Sequence[object] = ()
        """Its own parts that refer to it."""

    @property
    def kind(self) -> str:
        """What its model is, for sentences."""
        if isinstance(self.model, Models):
            return self.model.kind
        return type(self.optimizer if self.model is None else self.model).__name__

    @property
    def thread(self) -> threading.Thread | None:
        """Where it trains now."""
        return None

    def make_way(self, note: InputError) -> None:
        """Pause after the step that is running, and say why; returns at once."""

    def concede(self) -> bool:
        """Give up a claim that may be stale: it is made anew before the run goes on."""
        return False

    @contextlib.contextmanager
    def between_steps(self) -> Iterator[None]:
        """Keep it between two steps meanwhile, where it can be asked for that.

        Raises
        ------
        InputError
            It did not come to the end of its step in time.
        """
        yield

    def late(self) -> InputError:
        """Say that it did not."""
        return InputError("trained_late", model=self.kind, seconds=f"{PATIENCE:g}")


class TrainerClaimant(Claimant):
    """A Trainer: it has a thread of its own that takes commands between two steps."""

    pauses = True
    worker: Threaded

    def __init__(self, trainer: Stepping, model: nn.Module, optimizer: Optimizer) -> None:
        super().__init__(trainer)
        self._trainer = trainer
        self.model = model
        self.optimizer = optimizer

    @property
    def thread(self) -> threading.Thread | None:
        """The worker's, while one runs."""
        return self.worker.thread

    def make_way(self, note: InputError) -> None:
        """Pause after the step that is running, and say why; returns at once."""
        self._trainer.pause(note=note, wait=False)

    @contextlib.contextmanager
    def between_steps(self) -> Iterator[None]:
        """Keep its thread in a command meanwhile."""
        caller = threading.current_thread()
        reached, go_on = threading.Event(), threading.Event()

        def wait() -> None:
            # Where no thread runs it is called here, at once.
            if threading.current_thread() is not caller:
                reached.set()
                go_on.wait()

        # By `call`: what is done meanwhile may change the model.
        future = self._trainer.call(wait)
        try:
            if not future.done() and not reached.wait(PATIENCE) and future.cancel():
                raise self.late()
            yield
        finally:
            go_on.set()
