"""Starting, pausing, stepping and ending a run from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from dl_lab.errors import InputError, number, whole
from dl_lab.train.claims.claimant import TrainerClaimant
from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.interrupts import noted_interrupts
from dl_lab.train.learning_rate import apply, checked, learning_rate
from dl_lab.train.listeners import Listeners
from dl_lab.train.loop import Loop
from dl_lab.train.run import PRESSED, Leave, Progress
from dl_lab.train.run_state import RunState
from dl_lab.train.threads import one_thread
from dl_lab.train.worker import State, Worker

if TYPE_CHECKING:
    from concurrent.futures import Future

    from torch import nn
    from torch.optim import Optimizer


_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")

_MOST = 2**32 - 1
_SMALL = 100_000
_ASK_EVERY = 0.1


class Control:
    """What can be done with a run; each method may be called from any thread."""

    _loop: Loop
    _state: RunState
    _worker: Worker
    claimant: TrainerClaimant
    """What other runs are told of it."""
    _note: InputError | None = None
    _polls: Listeners
    _closed = False
    # Of a run that a view's button started; None: code asked for it.
    _leave: Leave | None = None
    _seen = _ask_at = 0.0
    _awaited = False

    @property
    def model(self) -> nn.Module:
        """The module that is trained."""
        return self._state.model

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; change its settings by `call` while it runs."""
        return self._state.optimizer

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._state.epoch

    @property
    def steps(self) -> int:
        """Steps done: updates of the weights."""
        return self._state.steps

    @property
    def learning_rate(self) -> float:
        """Of the optimizer's first group; set it between two steps, in proportion in all groups."""
        return learning_rate(self.optimizer)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.tune(lr=rate)

    def tune(self, **settings: object) -> None:
        """Change settings of the optimizer between two steps, in all its groups.

        Parameters
        ----------
        **settings
            By their names in ``optimizer.param_groups``: ``lr``, ``momentum``, ``weight_decay``…
            The groups' learning rates keep their proportions.

        Raises
        ------
        InputError
            A setting that the optimizer does not have, or a value it cannot be.

        Examples
        --------
        >>> import torch
        >>> from dl_lab import Trainer
        >>> model = torch.nn.Linear(2, 1)
        >>> adam = torch.optim.Adam(model.parameters(), lr=0.1)
        >>> trainer = Trainer(model, torch.nn.MSELoss(), adam, (torch.rand(9, 2), torch.rand(9, 1)))
        >>> trainer.tune(lr=0.01, betas=(0.8, 0.99))
        >>> trainer.learning_rate, adam.param_groups[0]["betas"]
        (0.01, (0.8, 0.99))
        """
        self._worker.call(self._tune, checked(self.optimizer, settings)).result()

    def _tune(self, settings: Mapping[str, Any]) -> None:
        apply(self.optimizer, settings, self._state.hooks.schedulers)
        if settings.keys() - {"lr"}:
            self._loop.touch()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._state.progress()

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"``, ``"paused"``, ``"finished"`` or ``"failed"``."""
        return self._worker.state.value

    @property
    def ending(self) -> str | None:
        """The state that the run is about to end in, as ``on_stop`` may want to know, or None."""
        ending = self._worker.ending
        return None if ending is None else ending.value

    @property
    def message(self) -> InputError | None:
        """Why it paused or ended by itself or failed, as a sentence; otherwise None."""
        return self._problem() or self._note

    def _problem(self) -> InputError | None:
        error = self._worker.error
        if error is None or isinstance(error, InputError):
            return error or self._state.message
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

    def start(self, epochs: int | None = None) -> None:
        """Train on from where it is, and return at once.

        Parameters
        ----------
        epochs
            How many more; an epoch begun counts as the first. None for until paused.

        Raises
        ------
        InputError
            Another run trains the model, or a part of it. Only a run of the same cell, run
            earlier, or one that no variable leads to any more, is paused instead:
            `dl_lab.train.claims.registry.Claims` tells the rule.
        """
        more = None if epochs is None else whole("epochs", epochs, 1, _MOST)
        self._go(None, None if more is None else self.epoch + more)

    def pause(self, *, note: InputError | None = None, wait: bool = True) -> None:
        """Stop after the step that is running, and return when it has.

        Parameters
        ----------
        note
            Why, for `message`.
        wait
            False: return at once.
        """
        self._note = note or self._note
        self._worker.ask(State.PAUSED)
        if wait:
            self._worker.join()

    def resume(self) -> None:
        """Go on with a paused run, up to the epoch it was to end with; a finished one stays so.

        Raises
        ------
        InputError
            Another run trains the model now, as for `start`.
        """
        if self.state != State.FINISHED:
            self._go(None, self._state.last_epoch)

    def stop(self, *, note: InputError | None = None) -> None:
        """End the run after the step that is running: state ``finished``.

        Parameters
        ----------
        note
            Why, for `message`.
        """
        self._note = note or self._note
        self._state.last_epoch = None
        self._worker.stop(State.FINISHED)

    def step(self, n: int = 1) -> None:
        """Train on `n` batches, then be paused; returns when done.

        Raises
        ------
        InputError
            Training failed or diverged, as `message` tells; or another run trains the model, as
            for `start`.
        """
        last = self.steps + whole("n", n, 1, _MOST)
        self._block("step", lambda: self._go(last, self._state.last_epoch))

    def fit(self, epochs: int) -> None:
        """Train `epochs` more epochs and return when done.

        Ctrl-C or Kernel → Interrupt pauses after the step that is running, and keeps the model;
        pressed again meanwhile, it changes nothing.

        Raises
        ------
        InputError
            Training failed or diverged, as `message` tells; or another run trains the model, as
            for `start`.
        """
        epochs = whole("epochs", epochs, 1, _MOST)
        self._block("fit", lambda: self.start(epochs))

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

        Of a loaded run that is the beginning of the one that was saved. The optimizer's settings
        stay as they are now.

        Parameters
        ----------
        from_here
            Keep the present weights, and make them the beginning from now on.

        Raises
        ------
        InputError
            Another run trains the model, as for `start`.
        """
        self._state.between_steps("reset")
        with CLAIMS.claim(self.claimant):
            self._worker.stop()
            self._note = None
            self._worker.call(self._state.begin, from_here=from_here).result()
            self._worker.settle(State.IDLE)

    def rewind(self, step: int) -> None:
        """Go back to the end of an earlier epoch, and be paused there.

        Weights, optimizer with its settings, random order and callbacks are as they were; what
        was recorded later is dropped.

        Parameters
        ----------
        step
            One of `checkpoints`.

        Raises
        ------
        InputError
            There is no state of that step; or another run trains the model, as for `start`.
        """
        self._state.between_steps("rewind")
        step = whole("step", step, 0, _MOST)
        with CLAIMS.claim(self.claimant):
            self._worker.stop()
            self._note = None
            self._worker.call(self._state.rewind, step).result()
            self._worker.settle(State.PAUSED)

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

    def look(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Run `function` between two steps as `call` does; it must leave everything as it is."""
        return self._worker.call(function, *args, **kwargs)

    def while_waiting(self, poll: Callable[[], None]) -> Callable[[], None]:
        """Call `poll` about every 50 ms while `fit` or `step` block; return what ends that.

        Code that blocks the kernel in a way of its own calls `poll` of the trainer for the same.
        """
        return self._polls.add(poll)

    def poll(self) -> None:
        """Call what `while_waiting` was given: views stay alive while a cell waits.

        What one of them raises goes to the log `dl_lab`.

        Examples
        --------
        >>> import torch
        >>> from dl_lab import Trainer
        >>> model = torch.nn.Linear(2, 1)
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = Trainer(model, torch.nn.MSELoss(), sgd, (torch.rand(9, 2), torch.rand(9, 1)))
        >>> unsubscribe = trainer.while_waiting(lambda: print("a view is served"))
        >>> trainer.poll()
        a view is served
        """
        self._polls.tell()

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change of `state`; return a function that ends that.

        It runs in whichever thread changed the state and must not wait: it only takes note.
        """
        return self._worker.on_change(callback)

    def attend(self) -> None:
        """Take note that somebody looks on who could pause it."""
        self._seen = time.monotonic()

    def abandon(self, note: InputError) -> None:
        """Pause because nobody can do that any more, unless a cell waits for the end; at once.

        Parameters
        ----------
        note
            Why, for `message`.
        """
        if self.state == State.RUNNING and not self._awaited:
            self.pause(note=note, wait=False)

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

    def _go(self, last_step: int | None, last_epoch: int | None) -> None:
        if self._closed:
            raise InputError("closed", name="This trainer")
        claim = CLAIMS.claim(self.claimant)
        self._state.last_step, self._state.last_epoch = last_step, last_epoch
        self._state.message = self._note = None
        self._leave = PRESSED.get()
        self.attend()
        self._worker.start(claim.release)

    def _advance(self) -> bool | State:
        if self._leave is not None and (now := time.monotonic()) >= self._ask_at:
            self._ask_at = now + _ASK_EVERY
            note = self._leave(now - self._seen)
            if note is not None:
                self._note = note
                return State.PAUSED
        return self._loop.advance()

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[None]:
        self._awaited = True
        try:
            yield
        finally:
            self._awaited = False

    def _block(self, name: str, begin: Callable[[], None]) -> None:
        if self._worker.here:
            raise InputError("cannot_wait", name=name)
        if PRESSED.get() is not None:
            # A view shows how it goes, and asks for a pause meanwhile.
            begin()
            return
        with noted_interrupts() as interrupted, self._waiting():
            begin()

            def poll() -> None:
                self.poll()
                if interrupted.is_set():
                    self._worker.ask(State.PAUSED)

            self._worker.join(poll)
        message = self._problem()
        if message is not None:
            raise message
