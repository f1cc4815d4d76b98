"""The user's own training loop, watched: it records, and can be paused and stopped."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import nn

from dl_lab.errors import InputError, number, shown, whole
from dl_lab.train.batches import structure
from dl_lab.train.device import described
from dl_lab.train.history.logged import Logged
from dl_lab.train.learning_rate import HIGHEST_RATE, OptimizerRate, Rate
from dl_lab.train.notes import Notes
from dl_lab.train.run import Progress
from dl_lab.train.watch.gate import HeldLoop
from dl_lab.train.watch.stages import WatchedStages
from dl_lab.train.worker import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from torch import Tensor
    from torch.optim import Optimizer

_MOST = 2**32 - 1


class StopTraining(BaseException):
    """A watched loop was asked to stop.

    `WatchedRun.log` raises it and the ``with`` block of the run ends with it. Like
    KeyboardInterrupt it is no `Exception`, so that a loop that goes on after errors stops too.
    """


class WatchedRun(HeldLoop):
    """A training loop of one's own that records, and that can be paused, stepped and stopped.

    Parameters
    ----------
    model
        Tells the device, nothing else; it stays as it is.
    optimizer
        A torch optimizer or another `Rate`: its learning rate is recorded and can be set.
    schedulers
        Those of the optimizer, one or several. Many compute each rate from the one they began
        with, as LambdaLR does, and would undo a rate that is set; those given here go on from it.
    name
        What people call it.
    epochs, steps
        How many there will be, for the progress and the time left.

    Notes
    -----
    `log` is the one place where the loop is held: pause, stop and a new learning rate take effect
    there. Without a ``with`` block the run begins with its first `log`; call `end` after the last.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> points = torch.rand(64, 2)
    >>> with WatchedRun(model, sgd) as run:
    ...     for epoch in run.epochs(2):
    ...         for rows in points.split(16):
    ...             loss = (model(rows) - rows.sum(1, keepdim=True)).square().mean()
    ...             sgd.zero_grad()
    ...             loss.backward()
    ...             sgd.step()
    ...             run.log(train_loss=loss)
    >>> run.state, run.epoch, run.steps, run.history
    ('finished', 2, 8, History(train_loss[8], learning_rate[1]))
    """

    def __init__(
        self,
        model: nn.Module | None = None,
        optimizer: Optimizer | Rate | None = None,
        *,
        schedulers: object | Iterable[object] = (),
        name: str | None = None,
        epochs: int | None = None,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        self._logged = Logged()
        self.history = self._logged.history
        self.name = name
        self._last_epoch: int | None = None
        self._last_step: int | None = None
        self.expect(epochs=epochs, steps=steps)
        self._model: nn.Module | None = None
        self.attach(model, optimizer, schedulers)
        self._steps = 0
        self._epoch = 0
        self._message: InputError | None = None
        self._notes = Notes()
        self._wanted_rate: float | None = None

    def attach(
        self,
        model: nn.Module | None = None,
        optimizer: Optimizer | Rate | None = None,
        schedulers: object | Iterable[object] = (),
    ) -> None:
        """Take note of a model and an optimizer that were not there when the run was made."""
        several = list(schedulers) if isinstance(schedulers, Iterable) else [schedulers]
        _check(model, optimizer, several)
        if model is not None:
            self._model = self.claimant.model = model
        if isinstance(optimizer, torch.optim.Optimizer):
            self.claimant.optimizer = optimizer
            self._logged.rate = OptimizerRate(optimizer, several)
        elif optimizer is not None:
            self._logged.rate = optimizer
        if self._claim is not None:
            self._claim_model()

    def expect(self, *, epochs: int | None = None, steps: int | None = None) -> None:
        """Take note of how many epochs and steps there will be in all."""
        if epochs is not None:
            self._last_epoch = whole("epochs", epochs, 1, _MOST)
        if steps is not None:
            self._last_step = whole("steps", steps, 1, _MOST)

    # What the loop calls.

    def __enter__(self) -> WatchedRun:  # noqa: PYI034  # Self is younger than Python 3.10
        self.begin()
        self.claimant.inside += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.claimant.inside -= 1
        self.end(error)
        return isinstance(error, StopTraining)

    def begin(self) -> None:
        """Take note that the loop begins, or begins again: steps and history go on.

        Raises
        ------
        InputError
            Another run trains the model, as for `Trainer.start`.
        """
        self.claimant.begin()
        self._claim_model()
        if not self.history.names:
            # Its clock begins with the loop.
            self.history.clear()
        with self._condition:
            self._wanted = State.RUNNING
            self._left = None
            self._message = None
        self._move(State.RUNNING)

    def end(self, error: BaseException | None = None) -> None:
        """Take note that the loop has ended, by itself or with `error`; it begins again with `log`.

        The state is ``finished`` unless `error` is an error.
        """
        if error is None or isinstance(error, StopTraining):
            self._message = None
        elif isinstance(error, InputError):
            self._message = error
        elif isinstance(error, Exception):
            kind = type(error).__name__
            self._message = InputError("loop_failed", kind=kind, detail=error, step=self._steps)
            self._message.__cause__ = error
        else:
            self._message = InputError("loop_interrupted", step=self._steps)
        # An accelerator that failed has no numbers any more, and the error to tell is the first.
        with contextlib.suppress(*(() if error is None else (RuntimeError,))):
            self._logged.flush()
        with self._condition:
            self._asked = False
            self._wanted = State.RUNNING
            self._take()
        self._release_model()
        self._move(State.FAILED if isinstance(error, Exception) else State.FINISHED)

    def log(self, /, *unnamed: object, step: int | None = None, **values: float | Tensor) -> None:
        """Record values of one step; here the loop pauses and stops.

        Parameters
        ----------
        step
            The number of the step, not smaller than the one before. Without it each call is one
            step more.
        **values
            A number for each series: float, array or tensor of one element, read without its
            gradient.

        Raises
        ------
        StopTraining
            The run was asked to stop; its ``with`` block ends with it.
        InputError
            A value has no name or is not one number, or `step` goes back; or another run trains
            the model since.
        """
        if unnamed:
            raise InputError("unnamed_values")
        if step is None:
            step = self._steps + 1
        elif step != self._steps:
            step = self._later(step)
        if self._state is not State.RUNNING:
            self.begin()
        self._steps = step
        self._logged.record(self._steps, values)
        if (self._asked or perf_counter() >= self._due) and not self._attends():
            self.end()
            raise StopTraining

    def _attends(self) -> bool:
        try:
            return self._attend()
        except InputError as error:
            self.end(error)
            raise

    def record(self, /, **values: float | Tensor) -> None:
        """Record more values of the present step, such as those of a validation; never waits."""
        self._logged.record(self._steps, values)

    def epoch_end(self, /, **values: float | Tensor) -> None:
        """Take note that an epoch ended with the present step, and record what it gave."""
        self._logged.record(self._steps, values)
        self._logged.flush()
        self._epoch += 1
        self.history.mark_epoch(self._steps)

    def epochs(self, count: int) -> Iterator[int]:
        """Return an iterator over `count` epochs more, each of which ends with its round.

        Yields
        ------
        int
            How many epochs were done before.
        """
        count = whole("count", count, 1, _MOST)
        self._last_epoch = self._epoch + count
        return self._rounds(count)

    def _rounds(self, count: int) -> Iterator[int]:
        for _ in range(count):
            yield self._epoch
            self.epoch_end()

    def _later(self, step: int) -> int:
        if whole("step", step, 0, _MOST) < self._steps:
            raise InputError("step_back", given=step, last=self._steps)
        return int(step)

    def _take(self) -> None:
        if self._wanted_rate is not None and self._logged.rate is not None:
            self._logged.rate.set(self._wanted_rate)
        self._wanted_rate = None

    def _complete(self) -> None:
        self._logged.flush()

    # What anybody asks, from any thread.

    @property
    def message(self) -> InputError | None:
        """Why it failed or was interrupted, as a sentence; otherwise None."""
        return self._message

    @property
    def notes(self) -> tuple[InputError, ...]:
        """What could not be recorded of what a library told, while training goes on."""
        return self._notes.told

    def note(self, problem: InputError, about: str = "") -> None:
        """Tell once of a problem that training does not depend on, as `Trainer.note` does."""
        self._notes.add(problem, about)

    @property
    def model(self) -> nn.Module | None:
        """The model of the loop, as far as it was told."""
        return self._model

    @property
    def optimizer(self) -> Optimizer | None:
        """The torch optimizer of the loop, as far as it was told."""
        found = self.claimant.optimizer
        return found if isinstance(found, torch.optim.Optimizer) else None

    def stages(self, loader: object = None) -> WatchedStages:
        """Return what measures the stages of the loop's steps, between its `open` and `close`.

        Parameters
        ----------
        loader
            The DataLoader that the loop goes through, to tell waiting for it from all else.

        Raises
        ------
        InputError
            The run was made without model or torch optimizer.
        """
        if self._model is None or self.optimizer is None:
            raise InputError("stages_unknown")
        return WatchedStages(self._model, self.optimizer, loader)

    @property
    def steps(self) -> int:
        """The step that was logged last."""
        return self._steps

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._epoch

    @property
    def progress(self) -> Progress:
        """How far it is."""
        ends = self.history.epochs
        last_step, last_epoch = self._last_step, self._last_epoch
        per_epoch = None
        if len(ends):
            per_epoch = int(ends[-1]) // len(ends)
            if last_step is None and last_epoch is not None:
                last_step = per_epoch * last_epoch
        elif last_step is not None and last_epoch is not None:
            per_epoch = math.ceil(last_step / last_epoch)
        return Progress(self._steps, self._epoch, last_step, last_epoch, per_epoch)

    @property
    def device(self) -> str:
        """Where the model's first parameter is; empty where no model is known."""
        first = None if self._model is None else next(iter(self._model.parameters()), None)
        return "" if first is None else described(first.device)

    @property
    def controls(self) -> tuple[str, ...]:
        """``play``, ``pause``, ``step``, ``stop``, and ``learning_rate`` with an optimizer."""
        rate = () if self._logged.rate is None else ("learning_rate",)
        return ("play", "pause", "step", "stop", *rate)

    @property
    def learning_rate(self) -> float | None:
        """The optimizer's; one that is set is taken on with the next `log`."""
        if self._logged.rate is None or self._wanted_rate is not None:
            return self._wanted_rate
        return self._logged.rate.get()

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        rate = number("learning_rate", value, 0, HIGHEST_RATE)
        if self._logged.rate is None:
            raise InputError("no_optimizer")
        with self._condition:
            self._wanted_rate = rate
            if self._state in {State.RUNNING, State.PAUSED}:
                self._asked = True
                self._condition.notify_all()
            else:
                self._take()


def _check(model: object, optimizer: object, schedulers: Iterable[object]) -> None:
    """Refuse what would make `log` or a view stumble later."""
    if inspect.isclass(model):
        raise InputError("model_class", given=model.__name__)
    if not isinstance(model, (nn.Module, type(None))):
        raise InputError("not_model", given=structure.described(model))
    if inspect.isclass(optimizer):
        raise InputError("optimizer_class", given=optimizer.__name__)
    if not isinstance(optimizer, (torch.optim.Optimizer, Rate, type(None))):
        raise InputError("not_optimizer", given=structure.described(optimizer))
    for scheduler in schedulers:
        if inspect.isclass(scheduler) or not callable(getattr(scheduler, "step", None)):
            raise InputError("not_scheduler", given=shown(scheduler))
