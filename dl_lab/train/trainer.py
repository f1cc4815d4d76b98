"""Training of any module, in a thread, with pause, step and reset."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from dl_lab.errors import InputError, number, whole
from dl_lab.train.loop import Loop, Snapshot
from dl_lab.train.random_stream import RandomStream
from dl_lab.train.threads import one_thread
from dl_lab.train.worker import State, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from concurrent.futures import Future

    from torch import nn
    from torch.optim import Optimizer

    from dl_lab.train.evaluate import Data, Loss
    from dl_lab.train.history import History

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")

RECORDS = ("step", "epoch")

_MOST = 2**32 - 1
_SMALL = 100_000


class Trainer:
    """Train a module in a background thread that takes commands between two steps.

    Parameters
    ----------
    model
        Any module. Trained in place, in the mode (training or evaluation) its parts are in.
    loss
        ``loss(model(inputs), targets)`` gives one number, a mean over the batch.
    optimizer
        Any torch optimizer over the model's parameters.
    train
        Batches (inputs, targets): a DataLoader, `dl_lab.train.batches.Batches`, any other
        iterable that starts again each time, or one pair of tensors, the batch of all rows.
    validation
        Likewise, measured before training and after each epoch as ``validation_loss``; or a
        mapping from names to such data, each measured and recorded under its name.
    record
        ``"step"``: the history counts batches and holds ``train_loss`` of each. ``"epoch"``: it
        counts epochs and holds the mean of the epoch's batches. Where `validation` measures a
        ``train_loss`` itself, the batches' loss is ``batch_loss`` by step and left out by epoch.
    seed
        Of all that training draws from torch's global CPU generator (dropout, shuffling), whose
        own state stays as it is. None begins where that generator stands.

    Raises
    ------
    InputError
        An unknown `record` or a seed that is none.

    Notes
    -----
    States: ``idle``, ``running``, ``paused``, ``finished``, ``failed``. A step that raises leaves
    ``failed``; a loss that is not finite leaves ``paused`` with the weights of the last good
    epoch put back. `message` tells either in a sentence.

    Examples
    --------
    >>> import torch
    >>> points = torch.rand(64, 2)
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = Trainer(model, torch.nn.MSELoss(), sgd, (points, points.sum(1, keepdim=True)))
    >>> trainer.fit(epochs=20)
    >>> trainer.state, trainer.epoch, len(trainer.history["train_loss"])
    ('finished', 20, 20)
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        optimizer: Optimizer,
        train: Data,
        validation: Data | Mapping[str, Data] | None = None,
        *,
        record: str = "step",
        seed: int | None = None,
    ) -> None:
        if record not in RECORDS:
            raise InputError.unknown("record", record, RECORDS)
        self.loss = loss
        self._loop = Loop(
            model,
            loss,
            optimizer,
            train,
            validation,
            record=record,
            stream=RandomStream(None if seed is None else whole("seed", seed, 0, 2**63 - 1)),
        )
        self._worker = Worker(self._loop.advance, around=self._around, name="dl-lab trainer")
        self._closed = False

    @property
    def model(self) -> nn.Module:
        """The module that is trained."""
        return self._loop.model

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; change its settings by `call` while it runs."""
        return self._loop.optimizer

    @property
    def history(self) -> History:
        """All that was recorded."""
        return self._loop.history

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._loop.epoch

    @property
    def steps(self) -> int:
        """Batches done."""
        return self._loop.steps

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"``, ``"paused"``, ``"finished"`` or ``"failed"``."""
        return self._worker.state.value

    @property
    def message(self) -> InputError | None:
        """Why it paused by itself or failed, as a sentence; otherwise None."""
        error = self._worker.error
        if error is None or isinstance(error, InputError):
            return error or self._loop.message
        message = InputError("step_failed", kind=type(error).__name__, detail=error)
        message.__cause__ = error
        return message

    @property
    def pace(self) -> float | None:
        """The most epochs a second; None for as many as it can."""
        return self._worker.pace

    @pace.setter
    def pace(self, pace: float | None) -> None:
        self._worker.pace = None if pace is None else number("pace", pace, 1e-3, 1e6)

    @property
    def train(self) -> Data:
        """The training data; `set_data` changes them."""
        return self._loop.train

    @property
    def validation(self) -> Data | Mapping[str, Data] | None:
        """The data measured after each epoch; `set_data` changes them."""
        return self._loop.validation

    def start(self, epochs: int | None = None) -> None:
        """Train on from where it is, and return at once.

        Parameters
        ----------
        epochs
            How many more; an epoch begun counts as the first. None for until paused.
        """
        more = None if epochs is None else whole("epochs", epochs, 1, _MOST)
        self._loop.last_epoch = None if more is None else self.epoch + more
        self._go(None)

    def pause(self) -> None:
        """Stop after the step that is running, and return when it has."""
        self._worker.stop()

    def resume(self) -> None:
        """Go on with a paused run, up to the epoch it was to end with; a finished one stays so."""
        if self.state != State.FINISHED:
            self._go(None)

    def stop(self) -> None:
        """End the run after the step that is running: state ``finished``."""
        self._loop.last_epoch = None
        self._worker.stop(State.FINISHED)

    def step(self, n: int = 1) -> None:
        """Train on `n` batches, then be paused; returns when done.

        Raises
        ------
        InputError
            Training failed or diverged, as `message` tells.
        """
        self._go(self.steps + whole("n", n, 1, _MOST))
        self._block()

    def fit(self, epochs: int) -> None:
        """Train `epochs` more epochs and return when done.

        Kernel → Interrupt pauses and keeps the model.

        Raises
        ------
        InputError
            Training failed or diverged, as `message` tells.
        """
        self.start(epochs)
        self._block()

    async def wait(self) -> str:
        """Wait until it runs no longer, without blocking the kernel; return the state."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def notify() -> None:
            loop.call_soon_threadsafe(changed.set)

        unsubscribe = self.on_change(notify)
        try:
            while self.state == State.RUNNING:
                await changed.wait()
                changed.clear()
        finally:
            unsubscribe()
        # The thread has told of its end and has nothing left to do.
        self._worker.join()
        return self.state

    def reset(self, *, from_here: bool = False) -> None:
        """Go back to the beginning: weights, optimizer state, random order; history empty.

        Parameters
        ----------
        from_here
            Keep the present weights, and make them the beginning from now on.
        """
        self._worker.stop()
        self._worker.call(self._loop.begin, from_here=from_here).result()
        self._worker.settle(State.IDLE)

    def set_data(self, train: Data, validation: Data | Mapping[str, Data] | None = None) -> None:
        """Go on with other data: a new epoch begins, weights and history stay."""
        self._worker.call(self._loop.take, train, validation).result()

    def evaluate(self) -> dict[str, float]:
        """Measure the validation data now; nothing is recorded."""
        return self._worker.call(self._loop.losses).result()

    def call(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Run `function` between two steps; the future holds its result or what it raised.

        The place for changes to the model or the optimizer while training runs. Within the
        function other methods of the trainer may be called.
        """
        return self._worker.call(self._loop.between, lambda: function(*args, **kwargs))

    def snapshot(self) -> Future[Snapshot]:
        """Copy all parameters between two steps."""
        return self._worker.call(self._loop.snapshot)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change of `state`; return a function that ends that.

        It runs in whichever thread changed the state and must not wait: it only takes note.
        """
        return self._worker.on_change(callback)

    def close(self) -> None:
        """End the thread for good; the model and the history stay."""
        self._closed = True
        self._worker.stop()

    @contextlib.contextmanager
    def _around(self) -> Iterator[None]:
        small = sum(parameter.numel() for parameter in self.model.parameters()) < _SMALL
        on_cpu = all(parameter.device.type == "cpu" for parameter in self.model.parameters())
        one = one_thread() if small and on_cpu else contextlib.nullcontext()
        # Numbers that run away are found at the end of the epoch, and told in a sentence.
        with one, np.errstate(all="ignore"):
            yield

    def _go(self, last_step: int | None) -> None:
        if self._closed:
            raise InputError("closed", name="This trainer")
        self._loop.last_step = last_step
        self._loop.message = None
        self._worker.start()

    def _block(self) -> None:
        try:
            self._worker.join()
        except KeyboardInterrupt:
            self.pause()
        message = self.message
        if message is not None:
            raise message
