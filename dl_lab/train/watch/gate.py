"""Pause, step and stop a user's own loop from other threads, where the loop allows it."""

from __future__ import annotations

import threading
from time import perf_counter
from typing import TYPE_CHECKING

from dl_lab import forks
from dl_lab.errors import InputError, whole
from dl_lab.train.claims.cell import Moment, moment
from dl_lab.train.claims.claimant import Claimant
from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.listeners import Listeners
from dl_lab.train.worker import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from dl_lab.train.claims.registry import Claim

_MOST = 2**32 - 1
_EVERY = 0.05


class HeldLoop:
    """What can be asked of a loop that is held at one place, and its waiting there.

    The loop calls `_attend` after each step where that is due. A subclass takes on what was asked
    besides in `_take`, and completes its records in `_complete` before a pause is told.
    """

    name: str | None = None

    def __init__(self) -> None:
        self.claimant = LoopClaimant(self)
        self._claim: Claim | None = None
        self._state = State.IDLE
        self._condition = forks.opens(threading.Condition())
        self._home = threading.get_ident()
        # What is asked of the loop, by any thread: it looks when `_asked` is set.
        self._asked = False
        self._wanted = State.RUNNING
        self._left: int | None = None
        self._due = 0.0
        self._polls = Listeners("while_waiting")
        self._listeners = Listeners("on_change")

    def _take(self) -> None:
        """Take on what was asked besides; the condition is held."""

    def _complete(self) -> None:
        """Complete the records: it is about to pause."""

    # In the loop's thread.

    def _claim_model(self) -> None:
        """Take note that the loop trains.

        Raises
        ------
        InputError
            Another run trains the model.
        """
        claim = CLAIMS.claim(self.claimant)
        self._release_model()
        self._claim = claim
        self.claimant.conceded = False

    def _release_model(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    def _attend(self) -> bool:
        """Let the host in, then do what was asked for since the last step; False: to stop."""
        if self.claimant.conceded:
            self._claim_model()
        self.claimant.inside += 1
        try:
            return self._attended()
        finally:
            self.claimant.inside -= 1

    def _attended(self) -> bool:
        self._poll()
        with self._condition:
            self._take()
            if self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    self._left = None
                    self._wanted = State.PAUSED
        if self._wanted is State.PAUSED:
            self._wait()
        if self._wanted is State.FINISHED:
            return False
        with self._condition:
            self._asked = self._left is not None or self._wanted is not State.RUNNING
        return True

    def _wait(self) -> None:
        self._complete()
        with self._condition:
            if self._wanted is State.PAUSED:
                self._release_model()
        self._move(State.PAUSED)
        while True:
            with self._condition:
                self._take()
                if not threading.main_thread().is_alive():
                    # The process exits, and nobody is left who could let it go on.
                    self._wanted = State.FINISHED
                if self._wanted is not State.PAUSED:
                    break
                self._condition.wait(_EVERY)
            self._due = 0.0
            self._poll()
        self._move(State.RUNNING)

    def _poll(self) -> None:
        now = perf_counter()
        if now < self._due:
            return
        self._due = now + _EVERY
        # The host's messages belong to the thread that runs the cells.
        if threading.get_ident() == self._home:
            self._polls.tell()

    # In any thread.

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"``, ``"paused"``, ``"finished"`` or ``"failed"``."""
        return self._state.value

    def start(self, epochs: int | None = None) -> None:
        """Go on, where it is paused; only its own cell can start it.

        Raises
        ------
        InputError
            The loop does not run, or a number of epochs was given.
        """
        if epochs is not None:
            raise InputError("own_loop")
        self._ask(State.RUNNING)

    def resume(self) -> None:
        """Go on, where it is paused.

        Raises
        ------
        InputError
            The loop does not run.
        """
        self._ask(State.RUNNING)

    def step(self, n: int = 1) -> None:
        """Go on for `n` calls of `log`, then be paused; returns at once.

        Raises
        ------
        InputError
            The loop does not run, or `n` is not such a number.
        """
        self._ask(State.RUNNING, whole("n", n, 1, _MOST))

    def pause(self) -> None:
        """Pause in the next `log`; returns at once."""
        if self._in_loop:
            self._ask(State.PAUSED)

    def stop(self) -> None:
        """End the loop in the next `log`; returns at once."""
        if self._in_loop:
            self._ask(State.FINISHED)

    def reset(self) -> None:
        """Refuse: only its own cell can begin the loop anew.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError("own_loop")

    @property
    def _in_loop(self) -> bool:
        return self._state in {State.RUNNING, State.PAUSED}

    def _ask(self, wanted: State, left: int | None = None) -> None:
        if wanted is State.RUNNING and self._in_loop and self._claim is None:
            self._claim_model()
        with self._condition:
            if not self._in_loop:
                raise InputError("own_loop")
            # A stop stands: the loop may already be on its way out.
            if self._wanted is not State.FINISHED:
                self._wanted, self._left, self._asked = wanted, left, True
            self._condition.notify_all()

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change of `state`; return a function that ends that.

        It runs in the loop's thread and must not wait: it only takes note.
        """
        return self._listeners.add(callback)

    def while_waiting(self, poll: Callable[[], None]) -> Callable[[], None]:
        """Call `poll` in `log`, every 50 ms at most; return a function that ends that.

        Also while it is paused, but only in the thread that made the run.
        """
        return self._polls.add(poll)

    def _move(self, state: State) -> None:
        with self._condition:
            changed = self._state is not state
            self._state = state
        if changed:
            self._listeners.tell()


class LoopClaimant(Claimant):
    """A person's own loop, which can be held only where it logs.

    Whether it is over shows only where it stands in a ``with`` block. Otherwise it trains as far
    as anybody can tell, and gives its claim up where it cannot be in the middle of a step.
    """

    def __init__(self, loop: HeldLoop) -> None:
        super().__init__(loop)
        self._loop = loop
        self.inside = 0
        """How many ``with`` blocks and waits it is in."""
        self.conceded = False
        self._home = threading.current_thread()
        self._began = Moment()

    def begin(self) -> None:
        """Take note of the thread that it runs in."""
        self._home = threading.current_thread()
        self._began = moment()

    @property
    def thread(self) -> threading.Thread | None:
        """Where it was begun."""
        return self._home

    def concede(self) -> bool:
        """Give up the claim if the loop's cell or thread has ended, or it is not looked into now.

        The thread that asks is in the middle of no step.
        """
        execution = self._began.execution
        over = not self._home.is_alive() or (
            execution is not None and moment(self._home).execution != execution
        )
        resting = self._home is threading.current_thread() and not self.inside
        if over or resting:
            self.conceded = self._loop._asked = True  # noqa: SLF001  # its next `log` looks
        return over or resting
