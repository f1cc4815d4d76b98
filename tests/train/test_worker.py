from __future__ import annotations

import logging
import threading
import time
from contextvars import ContextVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dl_lab.errors import InputError
from dl_lab.train.worker import State, Worker
from tests.lengths import times

LONG = 30.0
"""Seconds after which a wait is a failure."""


class Machine(RuleBasedStateMachine):
    """Drives a worker with everything there is, and compares it with what must be so."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = False
        self.steps = 0
        self.calls = 0
        self.busy = threading.Lock()
        self.threads = set(threading.enumerate())
        self.heard = []
        self.worker = Worker(self.step, name="machine")
        self.unsubscribe = self.worker.on_change(lambda: self.heard.append(self.worker.state))
        self.expected = State.IDLE

    def step(self):
        assert self.busy.acquire(blocking=False), "two at once"
        self.steps += 1
        outcome = self.outcome
        self.busy.release()
        if outcome == "raise":
            raise ValueError("a step that fails")
        return outcome

    def command(self):
        assert self.busy.acquire(blocking=False), "a command within a step"
        self.calls += 1
        self.busy.release()
        return self.calls

    def run_to(self, outcome, state):
        self.outcome = outcome
        self.worker.start()
        self.worker.join()
        self.outcome = False
        self.expected = state

    @rule()
    def start(self):
        self.worker.start()
        self.expected = State.RUNNING

    @rule(state=st.sampled_from([State.PAUSED, State.FINISHED, State.IDLE]))
    def stop(self, state):
        self.worker.stop(state)
        if self.expected is State.RUNNING:
            self.expected = state

    @rule(state=st.sampled_from([State.IDLE, State.FINISHED]))
    def settle(self, state):
        self.worker.settle(state)
        began = time.monotonic()
        self.worker.join()
        assert time.monotonic() < began + LONG
        self.expected = state

    @rule()
    def call(self):
        before = self.calls
        assert self.worker.call(self.command).result(LONG) == before + 1

    @rule()
    def call_that_raises(self):
        future = self.worker.call(lambda: 1 // 0)
        assert isinstance(future.exception(LONG), ZeroDivisionError)

    @rule()
    def call_within_a_call(self):
        future = self.worker.call(lambda: self.worker.call(self.command).result(0))
        assert future.result(LONG) == self.calls

    @precondition(lambda self: self.expected is State.RUNNING)
    @rule()
    def stop_from_within(self):
        self.worker.call(self.worker.stop).result(LONG)
        self.worker.join()
        self.expected = State.PAUSED

    @precondition(lambda self: self.expected is State.RUNNING)
    @rule()
    def it_makes_progress(self):
        before = self.steps
        self.worker.pace = None
        while self.steps == before:
            self.worker.call(lambda: None).result(LONG)
        self.worker.call(lambda: None).result(LONG)

    @rule(pace=st.sampled_from([None, 0.01, 1e6]))
    def set_pace(self, pace):
        # At 0.01 epochs a second only a worker that can be woken passes this test in time.
        self.worker.pace = pace
        self.outcome = pace is not None

    @rule()
    def finish(self):
        self.worker.pace = None
        self.run_to(State.FINISHED, State.FINISHED)

    @rule()
    def fail(self):
        self.worker.pace = None
        self.run_to("raise", State.FAILED)
        assert str(self.worker.error) == "a step that fails"

    @invariant()
    def state_and_thread_agree(self):
        assert self.worker.state is self.expected
        others = set(threading.enumerate()) - self.threads
        assert len(others) == (self.expected is State.RUNNING)
        assert (self.worker.error is not None) == (self.expected is State.FAILED)

    @invariant()
    def listeners_heard_the_last_state(self):
        if self.expected is not State.RUNNING and self.heard:
            assert self.heard[-1] is self.expected

    def teardown(self):
        self.worker.stop()
        self.unsubscribe()
        assert set(threading.enumerate()) <= self.threads


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=times(60), stateful_step_count=25, deadline=None)


@pytest.fixture
def stepped():
    """A worker whose steps wait until they are let go, and tells when one has begun."""
    entered, go = threading.Semaphore(0), threading.Semaphore(0)

    def step():
        entered.release()
        assert go.acquire(timeout=LONG)
        return False

    worker = Worker(step)
    yield worker, entered, go
    go.release(1000)
    worker.stop()


def test_a_pause_takes_at_most_one_step(stepped):
    worker, entered, go = stepped
    worker.start()
    assert entered.acquire(timeout=LONG)
    pausing = threading.Thread(target=worker.stop)
    pausing.start()
    while worker._ending is None:
        pass
    go.release(1000)
    pausing.join(LONG)
    assert worker.state is State.PAUSED
    assert not entered.acquire(blocking=False)


def test_commands_run_in_order_after_the_running_step_in_the_workers_thread(stepped):
    worker, entered, go = stepped
    worker.start()
    assert entered.acquire(timeout=LONG)
    seen = []
    futures = [
        worker.call(lambda n=n: seen.append((n, threading.current_thread().name))) for n in range(5)
    ]
    assert not any(future.done() for future in futures)
    go.release()
    for future in futures:
        future.result(LONG)
    assert seen == [(n, "dl-lab worker") for n in range(5)]
    go.release(1000)


def test_a_command_given_with_a_pause_still_runs(stepped):
    worker, entered, go = stepped
    worker.start()
    assert entered.acquire(timeout=LONG)
    future = worker.call(lambda: 5)
    go.release(1000)
    worker.stop()
    assert future.result(LONG) == 5


def test_a_cancelled_command_does_not_run(stepped):
    worker, entered, go = stepped
    worker.start()
    assert entered.acquire(timeout=LONG)
    seen = []
    future = worker.call(seen.append, 1)
    assert future.cancel()
    go.release(1000)
    worker.stop()
    assert not seen


def test_it_holds_its_pace():
    times = []

    def epoch():
        times.append(time.monotonic())
        return State.FINISHED if len(times) == 6 else True

    worker = Worker(epoch)
    worker.pace = 100
    began = time.monotonic()
    worker.start()
    worker.join()
    # Never early; how late depends on the machine.
    assert all(at - began >= epoch / 100 for epoch, at in enumerate(times))


def test_to_settle_wakes_one_that_holds_its_pace():
    begun = threading.Event()
    worker = Worker(lambda: begun.set() or True)
    worker.pace = 0.001
    worker.start()
    assert begun.wait(LONG)
    before = time.monotonic()
    # Once it waits for the next epoch, it would for 1000 s.
    while not worker._condition._waiters:
        assert time.monotonic() < before + LONG
    thread = worker._thread
    worker.settle(State.IDLE)
    thread.join(LONG)
    assert not thread.is_alive()
    assert worker.state is State.IDLE


def test_steps_within_an_epoch_do_not_wait():
    outcomes = iter([False] * 50 + [State.FINISHED])
    worker = Worker(lambda: next(outcomes))
    worker.pace = 0.001
    worker.start()
    worker.join()
    assert worker.state is State.FINISHED


def test_a_listener_that_raises_is_logged_and_harms_no_one(caplog):
    worker = Worker(lambda: State.FINISHED)
    heard = []
    worker.on_change(lambda: 1 // 0)
    worker.on_change(lambda: heard.append(worker.state))
    with caplog.at_level(logging.ERROR):
        worker.start()
        worker.join()
    assert heard[-1] is State.FINISHED
    assert "ZeroDivisionError" in caplog.text


def test_it_enters_and_leaves_each_run_once():
    heard = []
    worker = Worker(
        lambda: heard.append("step") or State.FINISHED,
        enter=lambda: heard.append("enter"),
        leave=lambda: heard.append(f"leave {worker.state}"),
    )
    for _ in range(2):
        worker.start()
        worker.join()
    assert heard == ["enter", "step", "leave running"] * 2


@pytest.mark.parametrize("when", ["enter", "leave"])
def test_a_run_that_cannot_begin_or_end_has_failed(when):
    worker = Worker(lambda: State.FINISHED, **{when: lambda: 1 // 0})
    worker.start()
    worker.join()
    assert worker.state is State.FAILED
    assert isinstance(worker.error, ZeroDivisionError)


def test_an_end_for_good_outlasts_a_pause_and_no_failure():
    for outcome, state in [(State.PAUSED, State.FINISHED), (State.FAILED, State.FAILED)]:
        workers = []
        worker = Worker(
            lambda workers=workers, outcome=outcome: workers[0].stop(State.FINISHED) or outcome
        )
        workers.append(worker)
        worker.start()
        worker.join()
        assert worker.state is state


def test_nothing_runs_while_it_is_held(stepped):
    worker, entered, go = stepped
    with worker.hold():
        worker.start()
        assert not entered.acquire(blocking=False)
    assert entered.acquire(timeout=LONG)
    with pytest.raises(InputError, match="Pause it first"), worker.hold():
        pass
    go.release(1000)


def test_states_read_as_their_names():
    assert [str(state) for state in State] == ["idle", "running", "paused", "finished", "failed"]
    assert f"{State.IDLE}" == "idle"
    assert State.PAUSED == "paused"


def test_where_no_thread_is_left_nothing_waits_for_one(monkeypatch):
    worker = Worker(lambda: State.FINISHED)
    released = []

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="can't start"):
            worker.start(lambda: released.append(1))
    worker.join()
    assert (worker.state, worker.busy, released) == (State.IDLE, False, [1])
    worker.start()
    worker.join()
    assert worker.state is State.FINISHED


def test_a_run_that_cannot_even_begin_has_failed_and_commands_are_done():
    go = threading.Event()

    def around():
        go.wait(LONG)
        raise ZeroDivisionError

    worker = Worker(lambda: False, around=around)
    released = []
    worker.start(lambda: released.append(1))
    waiting = worker.call(lambda: None)
    go.set()
    waiting.result(LONG)
    worker.join()
    assert (worker.state, type(worker.error)) == (State.FAILED, ZeroDivisionError)
    assert released == [1]


def test_steps_run_in_the_context_of_whoever_starts_them():
    """By it ipykernel 7 tells beneath which cell that what is printed belongs."""
    cell: ContextVar[str] = ContextVar("cell")
    seen = []

    def step() -> State:
        seen.append(cell.get("none"))
        return State.FINISHED

    worker = Worker(step)
    for name in ("first", "second"):
        cell.set(name)
        worker.start()
        worker.join()
    assert seen == ["first", "second"]
