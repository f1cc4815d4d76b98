"""The training loop itself: what one step is, what an epoch ends with."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from torch.nn.utils import parameters_to_vector

from dl_lab.errors import InputError
from dl_lab.train.autograd import AutogradSteps
from dl_lab.train.batches import Batches
from dl_lab.train.dense import DenseSteps
from dl_lab.train.evaluate import Batch, Data, Loss, as_batches
from dl_lab.train.history import History
from dl_lab.train.keep import Keep
from dl_lab.train.loader_state import loader_state, restore_loader
from dl_lab.train.worker import State

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from torch import nn
    from torch.optim import Optimizer

    from dl_lab.train.random_stream import RandomStream


_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Snapshot:
    """A network between two steps.

    Attributes
    ----------
    epoch, steps
        Epochs and batches done.
    parameters
        f4 [count], a copy of all parameters, flat, in the order of ``model.parameters()``.
    """

    epoch: int
    steps: int
    parameters: npt.NDArray[np.float32]


class Loop:
    """A run's data, counts and history. It knows no thread: `Trainer` calls it from one at a time.

    Parameters
    ----------
    model, loss, optimizer, train, validation, record, stream
        As for `Trainer`; `stream` is where training draws its random numbers.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        optimizer: Optimizer,
        train: Data,
        validation: Data | Mapping[str, Data] | None,
        *,
        record: str,
        stream: RandomStream,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.history = History()
        self.epoch = 0
        self.steps = 0
        self.last_epoch: int | None = None
        self.last_step: int | None = None
        self.message: InputError | None = None
        self._record = record
        self._stream = stream
        self._autograd = AutogradSteps(model, loss, optimizer)
        self._engine: AutogradSteps | DenseSteps = self._autograd
        self._first = Keep(model, optimizer)
        self._good = Keep(model, optimizer)
        self._good_epoch = 0
        self._touched = self._edited = False
        self._draws = True
        self._loss = loss
        self._choose()
        self.take(train, validation)
        self._record_losses()

    def take(self, train: Data, validation: Data | Mapping[str, Data] | None) -> None:
        """Go on with these data from a new epoch on."""
        self.train = train
        self.validation = validation
        self._train_state = loader_state(train)
        self._measured: dict[str, Data] = {}
        if isinstance(validation, Mapping):
            self._measured = dict(validation)
        elif validation is not None:
            self._measured = {"validation_loss": validation}
        self._series: str | None = "train_loss"
        if "train_loss" in self._measured:
            self._series = "batch_loss" if self._record == "step" else None
        self._batch: Batch | None = None
        self._sum, self._rows = 0.0, 0

    def _choose(self) -> None:
        """Take the fast path if it computes the same as autograd, else autograd."""
        if not isinstance(self._engine, DenseSteps) or not self._engine.fits():
            dense = DenseSteps.match(self.model, self._loss, self.optimizer)
            self._engine = self._autograd if dense is None else dense

    def between(self, function: Callable[[], _Result]) -> _Result:
        """Run someone's function between two steps, and note that it may have changed things."""
        before = self._versions()
        try:
            return function()
        finally:
            self._touched = True
            self._edited = self._edited or self._versions() != before

    def _versions(self) -> list[tuple[int, int]]:
        """Tell apart parameters that were replaced, or written to in place."""
        return [
            (id(parameter), parameter._version)  # noqa: SLF001  # there is no public way to ask
            for parameter in self.model.parameters()
        ]

    def advance(self) -> bool | State:
        """Do one step. Return whether it was an epoch's last, or the state to end in."""
        if self._touched:
            self._settle()
        batch = self._batch if self._batch is not None else self._open_epoch()
        # Should anything raise, the next step begins a new epoch.
        self._batch = None
        measure = self._series is not None
        with self._stream if self._draws else contextlib.nullcontext():
            loss = self._engine.step(*batch, measure=measure)
            following = next(self._batches, None)
        self._draws = self._draws and self._stream.drawn
        self.steps += 1
        if loss is not None:
            self._sum += loss * len(batch[1])
            self._rows += len(batch[1])
            if measure and self._record == "step":
                self.history.append(self.steps, **{str(self._series): loss})
            if not math.isfinite(loss):
                return self._diverge(self.epoch + 1, loss)
        self._batch = following
        ended = following is None
        if ended and (state := self._close_epoch()):
            return state
        return State.PAUSED if self.steps == self.last_step else ended

    def _open_epoch(self) -> Batch:
        if not self.model.training:
            self.model.train()
        self._choose()
        self._engine.attach(self.train)
        # The first step of an epoch shows whether steps draw random numbers at all.
        self._draws = self._engine.draws
        # Batches draw from a generator of their own, other loaders from the global one.
        own = isinstance(self.train, Batches)
        with contextlib.nullcontext() if own else self._stream:
            self._batches: Iterator[Batch] = iter(as_batches(self.train))
            batch = next(self._batches, None)
        if batch is None:
            raise InputError("no_batches")
        self._sum, self._rows = 0.0, 0
        return batch

    def _close_epoch(self) -> State | None:
        self.epoch += 1
        for value in self._record_losses().values():
            if not math.isfinite(value):
                return self._diverge(self.epoch, value)
        if not self._engine.finite():
            return self._diverge(self.epoch, math.inf)
        self._keep()
        if self.epoch == self.last_epoch:
            self.last_epoch = None
            return State.FINISHED
        return None

    def _record_losses(self) -> dict[str, float]:
        losses = self.losses()
        if self._record == "epoch" and self._series is not None and self._rows:
            losses[self._series] = self._sum / self._rows
        if losses:
            self.history.append(self.epoch if self._record == "epoch" else self.steps, **losses)
        return losses

    def losses(self) -> dict[str, float]:
        """Measure the validation data."""
        return {name: self._engine.evaluate(data) for name, data in self._measured.items()}

    def _keep(self) -> None:
        self._good.save(self._engine.tensors())
        self._good_epoch = self.epoch

    def _settle(self) -> None:
        """Take what was changed from outside for good."""
        self._touched = False
        self._choose()
        self._engine.attach(self.train)
        # Only weights set by hand are kept: others may be on their way to infinity.
        if self._edited and self._engine.finite():
            self._keep()
        self._edited = False

    def _diverge(self, epoch: int, value: float) -> State:
        self.message = InputError(
            "diverged",
            value=value,
            epoch=epoch,
            kept=self._good_epoch,
            learning_rate=format(float(self.optimizer.param_groups[0]["lr"]), "g"),
        )
        self._good.restore()
        self._batch = None
        return State.PAUSED

    def begin(self, *, from_here: bool) -> None:
        """Go back to the first weights, or make the present ones the first; start counting anew."""
        self._first.restore(weights=not from_here)
        self._first.save()
        self.epoch = self.steps = 0
        self.last_epoch = self.last_step = self.message = None
        self._keep()
        self._stream.restart()
        restore_loader(self.train, self._train_state)
        self._batch = None
        self._sum, self._rows = 0.0, 0
        self.history.clear()
        self._record_losses()

    def snapshot(self) -> Snapshot:
        """Copy all parameters."""
        flat = parameters_to_vector(self.model.parameters()).detach()
        return Snapshot(self.epoch, self.steps, flat.float().cpu().numpy().astype("f4", copy=True))
