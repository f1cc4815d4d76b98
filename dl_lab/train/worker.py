"""The thread that trains: step after step, with commands in between."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import ctypes
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from enum import Enum
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from dl_lab import exits, forks
from dl_lab.errors import InputError
from dl_lab.train.listeners import Listeners

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

_POLL = 0.05
_PATIENCE = 5.0
"""Seconds that a look has to give way."""
_AT_EXIT = 0.7
"""Seconds that all steps together have to end by themselves when the process exits."""

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")


def _nothing() -> None:
    pass


class State(str, Enum):
    """What a worker is doing; each is also its own name as text."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"

    __str__ = str.__str__


class Worker:
    """Run `step` again and again in a thread that exists only while it runs.

    Parameters
    ----------
    step
        Does one step. It returns whether an epoch has ended (only then `pace` may make it wait),
        or the state to end in. What it raises ends the run as failed
        and is kept in `error`.
    around
        Makes the context manager that the thread runs in.
    beside
        Makes the one in which commands run where no thread does.
    rest
        Called in the thread after a step, before it does anything else than the next one.
    enter, leave
        Called in the thread before the first step of a run, and when the run is about to end,
        before its state is told. What they raise makes it a failed one.
    broken
        Called in a process that was forked in mid-run, where no thread ends the step.
    name
        Of the thread.

    Notes
    -----
    Pausing and commands take effect after the step that is running. Nothing waits in a sleep: a
    command wakes a worker that holds its pace.
    """

    def __init__(
        self,
        step: Callable[[], bool | State],
        *,
        around: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
        beside: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
        rest: Callable[[], None] = _nothing,
        enter: Callable[[], None] | None = None,
        leave: Callable[[], None] | None = None,
        broken: Callable[[], None] = _nothing,
        name: str = "dl-lab worker",
    ) -> None:
        self._step = step
        self._around = around
        self._beside = beside
        self._rest = rest
        self._enter = enter
        self._leave = leave
        self._broken = broken
        self._entered = False
        self._name = name
        self._condition = forks.opens(threading.Condition())
        # Whoever steps or runs a command holds it: the thread for its whole life, or a caller.
        self._turn = forks.opens(threading.RLock())
        self._owner: threading.Thread | None = None
        self._commands: deque[tuple[Future[Any], Callable[[], None]]] = deque()
        # Commands that wait, those that only look not counted.
        self._urgent = 0
        self._ending: State | None = None
        self._state = State.IDLE
        self._thread: threading.Thread | None = None
        self._ended = _nothing
        # Threads whose run has ended and that still tell the listeners.
        self._leaving: set[threading.Thread] = set()
        self._pace: float | None = None
        self._listeners = Listeners("on_change")
        self.error: BaseException | None = None
        forks.tell(self)

    @property
    def state(self) -> State:
        """What it is doing."""
        return self._state

    @property
    def ending(self) -> State | None:
        """What a run that is about to end will be; None while none is."""
        return self._ending

    @property
    def pace(self) -> float | None:
        """The most epochs a second; None for as many as it can."""
        return self._pace

    @pace.setter
    def pace(self, pace: float | None) -> None:
        with self._condition:
            self._pace = pace
            self._condition.notify_all()

    @property
    def thread(self) -> threading.Thread | None:
        """Where it runs; None when it does not."""
        return self._thread

    @property
    def busy(self) -> bool:
        """Whether it runs, or has yet to tell that it has ended."""
        return bool(self._threads())

    @property
    def here(self) -> bool:
        """Whether no step can begin before the caller returns.

        That is so in the worker's own thread, and for who runs a command or holds it at rest.
        """
        thread = threading.current_thread()
        return thread in (self._thread, self._owner) or thread in self._leaving

    def start(self, ended: Callable[[], None] = _nothing) -> None:
        """Run, unless it runs already; a pause that was asked for and not yet done is undone.

        Parameters
        ----------
        ended
            Called once, after the run's last step and before its end is told; at once where it
            ran already. It must not wait.
        """
        with self._condition:
            self._ending = None
            self.error = None
            if self._thread is not None:
                ended()
                return
            before, self._state = self._state, State.RUNNING
            self._ended = ended
            # In the context of whoever starts it: what the model prints appears beneath that cell.
            run = contextvars.copy_context().run
            self._thread = threading.Thread(
                target=run, args=(self._run,), name=self._name, daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:  # the system has no thread left
                self._thread, self._state = None, before
                ended()
                raise
            _RUNNING.add(self)
        self._listeners.tell()

    def stop(self, state: State = State.PAUSED) -> None:
        """End the run in `state` after the step that is running, and wait until it has ended.

        From `here` it only asks for that and returns.
        """
        self.ask(state)
        self.join()

    def ask(self, state: State) -> None:
        """Have the run end in `state` after the step that is running; returns at once."""
        with self._condition:
            if self._thread is not None:
                self._ending = state
                self._condition.notify_all()

    def join(
        self, polls: Callable[[], None] | None = None, *, seconds: float | None = None
    ) -> None:
        """Wait until no thread is left; returns at once from `here`.

        Parameters
        ----------
        polls
            What to call about every 50 ms meanwhile.
        seconds
            How long to wait at most.
        """
        if self.here:
            return
        end = None if seconds is None else time.monotonic() + seconds
        left, waited = None, set[threading.Thread]()
        # Not by `Thread.join`: Python takes a thread for ended where an interrupt ends that.
        while threads := self._threads():
            waited.update(threads)
            if end is not None and (left := end - time.monotonic()) <= 0:
                return
            with self._condition:
                if threads == self._threads():
                    self._condition.wait(_POLL if polls else left)
            if polls:
                polls()
        for thread in waited:
            thread.join()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Let nothing run meanwhile; a start waits until this ends.

        Raises
        ------
        InputError
            Something runs.
        """
        with self._condition:
            if self._thread is not None:
                raise InputError("running")
            self._urgent += 1
        # Who only looks gives way.
        held = self._turn.acquire(timeout=_PATIENCE)
        with self._condition:
            self._urgent -= 1
        if not held:
            raise InputError("running")
        try:
            with self._owned():
                yield
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def _owned(self) -> Iterator[None]:
        before, self._owner = self._owner, threading.current_thread()
        try:
            yield
        finally:
            self._owner = before

    def _threads(self) -> list[threading.Thread]:
        with self._condition:
            return [*([self._thread] if self._thread is not None else []), *self._leaving]

    def settle(self, state: State) -> None:
        """Take on `state` when nothing runs; in the worker's own thread, end the run in it."""
        with self._condition:
            if self._thread is not None:
                self._ending = state
                self._condition.notify_all()
                return
            changed = self._state is not state
            self._state = state
            self.error = None
        if changed:
            self._listeners.tell()

    def call(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Run `function` between two steps: in the worker's thread, or here when none runs.

        Returns
        -------
        Future
            Its result, or what it raised. From `here` it is done on return.
        """
        return self._command(lambda: function(*args, **kwargs), urgent=1)

    def look(self, function: Callable[[], _Result]) -> Future[_Result]:
        """Run `function` as `call` does; while `wanted` it should soon return."""
        return self._command(function, urgent=0)

    @property
    def wanted(self) -> bool:
        """Whether someone waits for the end of what runs between two steps."""
        begins = self._thread is not None and self._owner not in {None, self._thread}
        return self._urgent > 0 or self._ending is not None or begins

    def _command(self, function: Callable[[], _Result], *, urgent: int) -> Future[_Result]:
        future: Future[_Result] = Future()
        with self._condition:
            self._urgent += urgent

        def begin() -> None:
            nonlocal urgent
            with self._condition:
                self._urgent -= urgent
                urgent = 0

        def command() -> None:
            begin()
            if future.set_running_or_notify_cancel():
                try:
                    result = function()
                except BaseException as error:  # noqa: BLE001  # handed on, whatever it is
                    future.set_exception(error)
                else:
                    future.set_result(result)

        with self._condition:
            if self._thread is not None and not self.here:
                self._commands.append((future, command))
                self._condition.notify_all()
                return future
        try:
            with self._beside(), self._turn, self._owned():
                command()
        except InputError as error:
            future.set_exception(error)
        finally:
            begin()
        return future

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change of state, in whichever thread; return its end.

        It must not wait for anything: note what happened and return.
        """
        return self._listeners.add(callback)

    def _run(self) -> None:
        self._entered = False
        try:
            with self._turn, self._around():
                try:
                    self._loop()
                finally:
                    self._rest()
        except BaseException as error:  # noqa: BLE001  # as a model of which no parameter is told
            self._fail(error)
        self._listeners.tell()
        with self._condition:
            self._leaving.discard(threading.current_thread())
            if self._thread is None:
                _RUNNING.discard(self)
            self._condition.notify_all()

    def _fail(self, error: BaseException) -> None:
        """End a run that could not even begin."""
        with self._turn:
            self.error, self._ending = error, State.FAILED
            while not self._end():
                if self._commands:
                    _, command = self._commands.popleft()
                    command()
                else:
                    # It was started again.
                    self.error, self._ending = error, State.FAILED

    def break_off(self) -> None:
        """Raise SystemExit in the step that is running, at its next line of Python."""
        with self._condition:
            # Nobody is told that it ends: its weights may be changed by half.
            self._entered = False
            if self._thread is not None and self._thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread.ident), ctypes.py_object(SystemExit)
                )

    def forked(self) -> None:
        """Be paused: the thread goes on in the parent alone."""
        current = threading.current_thread()
        self._leaving &= {current}
        if self._owner is not current:
            self._owner = None
        if self._thread is None or self._thread is current:
            return
        self._thread, self._state, self._ending = None, State.PAUSED, None
        _RUNNING.discard(self)
        commands, self._commands, self._urgent = self._commands, deque(), 0
        for future, _ in commands:
            future.cancel()
        if self._entered:
            self._entered = False
            self._broken()
        self._ended()

    def _loop(self) -> None:
        began = 0.0
        fresh, waiting = True, False
        while True:
            if self._commands:
                self._rest()
                _, command = self._commands.popleft()
                command()
                continue
            if self._ending is not None and self._left() and self._end():
                return
            if waiting:
                self._rest()
                if not self._due(began):
                    continue
            if fresh or waiting:
                began = time.monotonic()
                fresh = False
            try:
                outcome = self._step() if self._entered else self._begin()
            except BaseException as error:  # noqa: BLE001  # any model may raise anything
                self.error = error
                outcome = State.FAILED
            waiting = outcome is True
            if isinstance(outcome, State):
                with self._condition:
                    # Being told to end at all is less than being told to end for good.
                    if outcome is State.FAILED or self._ending in {None, State.PAUSED}:
                        self._ending = outcome

    def _begin(self) -> bool | State:
        self._entered = True
        if self._enter is not None:
            self._enter()
            # It may have asked for the end.
            return False
        return self._step()

    def _left(self) -> bool:
        """Call `leave` once a run, outside of any lock: it may take its time."""
        self._rest()
        if self._entered:
            self._entered = False
            if self._leave is not None:
                try:
                    self._leave()
                except BaseException as error:  # noqa: BLE001  # a person's callback
                    self.error = self.error or error
                    with self._condition:
                        self._ending = State.FAILED
        return True

    def _end(self) -> bool:
        """Leave `running`, unless a command or a start came in between."""
        with self._condition:
            if self._commands or self._ending is None:
                return False
            self._state = self._ending
            self._ending = None
            self._leaving.add(threading.current_thread())
            self._thread = None
            self._ended()
            return True

    def _due(self, began: float) -> bool:
        """Wait for the next epoch's time; False if something else is to be done first."""
        with self._condition:
            while not self._commands and self._ending is None:
                left = 0.0 if self._pace is None else began + 1 / self._pace - time.monotonic()
                if left <= 0:
                    return True
                self._condition.wait(left)
            return False


_RUNNING: set[Worker] = set()


def _end_all() -> None:
    """End all runs as the process exits, but wait for none that hangs.

    A step that takes long is broken off at its next line of Python. Until then it is waited for
    while it computes: a thread inside torch crashes an interpreter that shuts down.
    """
    exits.announce()
    late = [*_RUNNING]
    for worker in late:
        worker.ask(State.PAUSED)
    end = time.monotonic() + _AT_EXIT
    for worker in late:
        worker.join(seconds=end - time.monotonic())
    late = [worker for worker in late if worker.busy]
    for worker in late:
        worker.break_off()
    exits.wait_while(lambda: any(worker.busy for worker in late))


atexit.register(_end_all)
