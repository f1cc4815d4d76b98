"""Starting, pausing, stepping and ending a run from any thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
import torch

from dl_lab.errors import InputError, said, whole
from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.interrupts import PATIENCE, noted_interrupts
from dl_lab.train.learning_rate import apply, checked
from dl_lab.train.listeners import Listeners
from dl_lab.train.run import PRESSED, Leave
from dl_lab.train.steps.several import parts_of
from dl_lab.train.threads import one_thread, so_many_threads
from dl_lab.train.trial import Trial
from dl_lab.train.worker import State, Worker

if TYPE_CHECKING:
    from concurrent.futures import Future

    from torch.optim import Optimizer

    from dl_lab.train.claims.claimant import TrainerClaimant
    from dl_lab.train.loop import Loop

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")

MOST = 2**32 - 1
"""Steps and epochs at most."""

_SMALL = 100_000
_ASK_EVERY = 0.1
_SOON = 0.005
_GRACE = 0.2


class Control:
    """What can be done with a loop, in a worker; each method may be called from any thread.

    `Trainer` tells what each does.

    Parameters
    ----------
    loop
        Its steps are done in `worker`.
    claimant
        What other runs are told of it.
    """

    def __init__(self, loop: Loop, claimant: TrainerClaimant) -> None:
        self._loop = loop
        self._state = loop.state
        self._claimant = claimant
        self.worker = Worker(
            self._advance,
            around=self._around,
            beside=lambda: CLAIMS.beside(claimant),
            rest=loop.rest,
            enter=loop.enter,
            leave=loop.leave,
            broken=loop.broken,
            name="dl-lab trainer",
        )
        self.polls = Listeners("while_waiting")
        self._note: InputError | None = None
        self._closed = False
        # Of a run that a view's button started; None: code asked for it.
        self._leave: Leave | None = None
        self._seen = self._ask_at = 0.0
        self._awaited = False
        # Of torch, where the person's code runs.
        self._threads = torch.get_num_threads()

    @property
    def message(self) -> InputError | None:
        """Why it paused or ended by itself or failed."""
        return self._problem() or self._note

    def _problem(self) -> InputError | None:
        error = self.worker.error
        if error is None or isinstance(error, InputError):
            return error or self._state.message
        # Of a step of a person's own nobody knows how far it came.
        key = "own_step_failed" if self._state.engine.own else "step_failed"
        message = InputError(key, kind=type(error).__name__, detail=said(error).rstrip("."))
        message.__cause__ = error
        return message

    def tune(self, settings: Mapping[str, object], name: str | None) -> None:
        """Change settings of the optimizer, or of the one of that name, between two steps."""
        optimizer = self._state.optimizer
        parts = parts_of(optimizer)
        if name is not None and not (len(parts) == 1 and name == "optimizer"):
            if name not in parts:
                raise InputError.unknown("optimizer", name, parts)
            optimizer = parts[name]
            parts = {name: optimizer}
        for part in parts.values():
            taken = checked(part, settings)
        self.worker.call(self._tune, optimizer, taken).result()

    def _tune(self, optimizer: Optimizer, settings: Mapping[str, Any]) -> None:
        own = parts_of(optimizer).values()
        schedulers = [
            one
            for one in self._state.hooks.schedulers
            if getattr(one, "optimizer", optimizer) in {optimizer, *own}
        ]
        apply(optimizer, settings, schedulers)
        if settings.keys() - {"lr"}:
            self._loop.touch()

    def start(self, epochs: int | None) -> None:
        """Train so many more epochs, or until paused; returns at once."""
        more = None if epochs is None else whole("epochs", epochs, 1, MOST)
        self._go(None, None if more is None else self._state.epoch + more)

    def pause(self, note: InputError | None = None, *, wait: bool = True) -> None:
        """Stop after the step that is running."""
        self._note = note or self._note
        self.worker.ask(State.PAUSED)
        if wait:
            self.worker.join()

    def resume(self) -> None:
        """Go on, unless it has finished."""
        if self.worker.state != State.FINISHED:
            self._go(None, self._state.last_epoch)

    def stop(self, note: InputError | None) -> None:
        """End the run after the step that is running."""
        self._note = note or self._note
        self._state.last_epoch = None
        self.worker.stop(State.FINISHED)

    def step(self, n: int) -> None:
        """Train on `n` batches, then be paused."""
        last = self._state.steps + whole("n", n, 1, MOST)
        self._block("step", lambda: self._go(last, self._state.last_epoch))

    def fit(self, epochs: int) -> None:
        """Train so many more epochs and return when done."""
        epochs = whole("epochs", epochs, 1, MOST)
        self._block("fit", lambda: self.start(epochs))

    async def wait(self) -> None:
        """Wait until it runs no longer, without blocking the kernel."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def notify() -> None:
            loop.call_soon_threadsafe(changed.set)

        unsubscribe = self.worker.on_change(notify)
        try:
            while self.worker.state == State.RUNNING:
                await changed.wait()
                changed.clear()
        finally:
            unsubscribe()
        # The thread has told of its end, but may not yet have told everybody.
        while self.worker.busy:  # noqa: ASYNC110  # it tells nobody of that
            await asyncio.sleep(_SOON)

    def reset(self, *, from_here: bool) -> None:
        """Go back to the beginning."""
        self._state.between_steps("reset")
        self._at_rest(State.IDLE, lambda: self._state.begin(from_here=from_here))

    def rewind(self, step: int) -> None:
        """Go back to a checkpoint, and be paused there."""
        self._state.between_steps("rewind")
        step = whole("step", step, 0, MOST)
        self._at_rest(State.PAUSED, lambda: self._state.rewind(step))

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back a whole state, and be paused there."""
        self._state.between_steps("load_state_dict")
        self._at_rest(State.PAUSED, lambda: self._state.load_state_dict(state))

    def _at_rest(self, after: State, change: Callable[[], None]) -> None:
        """End the run, change its state, and be in the state `after`."""
        with CLAIMS.claim(self._claimant):
            self.worker.stop()
            self._note = None
            self.worker.call(change).result()
            self.worker.settle(after)

    def call(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Run `function` between two steps; it may change things."""
        return self.worker.call(self._loop.between, lambda: function(*args, **kwargs))

    @contextlib.contextmanager
    def trial(self) -> Iterator[Trial]:
        """Hold the run, and try steps that leave no trace."""
        claim = CLAIMS.claim(self._claimant)
        with claim, self.worker.hold(), self._around(), Trial(self._loop) as trial:
            yield trial

    def attend(self) -> None:
        """Take note that someone looks on who could pause it."""
        self._seen = time.monotonic()

    def abandon(self, note: InputError) -> None:
        """Pause because nobody can do that any more, unless a cell waits for the end; at once."""
        if self.worker.state == State.RUNNING and not self._awaited:
            self.pause(note, wait=False)

    def close(self) -> None:
        """End the thread for good."""
        self._closed = True
        self.worker.stop()
        if not self.worker.busy:
            self._state.feed.release()

    @contextlib.contextmanager
    def _around(self) -> Iterator[None]:
        parameters = [*self._state.model.parameters()]
        small = sum(parameter.numel() for parameter in parameters) < _SMALL
        on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
        count: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self._state.engine.own:
            # It is to round as in their loop, and sums over more or fewer threads do not.
            count = so_many_threads(self._threads)
        elif small and on_cpu:
            count = one_thread()
        # Numbers that run away are found at the end of the epoch, and told in a sentence.
        with count, np.errstate(all="ignore"):
            yield

    def _go(self, last_step: int | None, last_epoch: int | None) -> None:
        if self._closed:
            raise InputError("closed", name="This trainer")
        claim = CLAIMS.claim(self._claimant)
        self._state.last_step, self._state.last_epoch = last_step, last_epoch
        if PRESSED.get() is None:
            self._threads = torch.get_num_threads()
        self._state.message = self._note = None
        self._leave = PRESSED.get()
        self.attend()
        self.worker.start(claim.release)

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
        if self.worker.here:
            raise InputError("cannot_wait", name=name)
        if PRESSED.get() is not None:
            # A view shows how it goes, and asks for a pause meanwhile.
            begin()
            return
        with noted_interrupts() as interrupted, self._waiting():

            def poll() -> None:
                self.polls.tell()
                if interrupted.is_set():
                    self.worker.ask(State.PAUSED)

            try:
                begin()
                self.worker.join(poll)
            except KeyboardInterrupt:
                if not interrupted.is_set():
                    raise
                # It may have hung elsewhere, as in the answer to a view.
                self.worker.ask(State.PAUSED)
                self.worker.join(seconds=_GRACE)
                if self.worker.busy:
                    raise InputError("step_late", seconds=f"{PATIENCE:g}") from None
        message = self._problem()
        if message is not None:
            raise message
