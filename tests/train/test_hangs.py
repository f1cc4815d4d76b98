"""Loaders, steps and callbacks that hang: whoever waits for them is freed, here and in forks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from dl_lab import forks
from dl_lab.errors import InputError
from dl_lab.train import interrupts
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.events.event_log import EventLog
from dl_lab.train.history.history import History
from dl_lab.train.range_test import range_test
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.loss_plot.widget import LossPlot
from tests.widgets.page import Page

ROOT = Path(__file__).resolve().parents[2]
LONG = 60.0
BATCHES = [(torch.ones(4, 2), torch.ones(4, 1))] * 3


class Gate:
    """Where something hangs until it is opened."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, *_: object) -> None:
        self.entered.set()
        self.open.wait(LONG)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


class Hanging(Callback):
    def __init__(self, gate: Gate) -> None:
        self.on_step_end = gate


class Data:
    """Three batches, the second of which hangs, but not while the Trainer is made."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.made = gate, False

    def __len__(self) -> int:
        return len(BATCHES)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        yield BATCHES[0]
        if self.made:
            self.gate()
        yield from BATCHES[1:]


class Slow(nn.Linear):
    def __init__(self, gate: Gate) -> None:
        super().__init__(2, 1)
        self.gate = gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if threading.current_thread() is not threading.main_thread():
            self.gate()
        return super().forward(x)


def trainer(place: str | None = None, gate: Gate | None = None) -> Trainer:
    """Make one that hangs at a place."""
    model = Slow(gate) if place == "step" else nn.Linear(2, 1)
    data = Data(gate)
    made = Trainer(
        model,
        nn.functional.mse_loss,
        torch.optim.SGD(model.parameters(), 0.1),
        data if place == "batch" else BATCHES,
        data if place == "validation" else None,
        callbacks=[Hanging(gate)] if place == "callback" else (),
        device="cpu",
    )
    data.made = True
    if place == "listener":
        made.on_change(lambda: made.state != "running" and gate())
    return made


@pytest.fixture
def press(monkeypatch) -> Iterator[Callable[..., None]]:
    """Make what interrupts the main thread once something has happened, several times at once."""
    monkeypatch.setattr(interrupts, "PATIENCE", 0.2)
    handler = signal.getsignal(signal.SIGINT)
    threads = []

    def begin(happened: Callable[[], bool], times: int = 4) -> None:
        def interrupt() -> None:
            end = time.monotonic() + LONG
            while not happened() and time.monotonic() < end:
                time.sleep(0.005)
            for _ in range(times):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        threads.append(threading.Thread(target=interrupt))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join(LONG)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("place", ["batch", "step", "validation", "callback", "listener"])
def test_an_interrupt_frees_fit_from_what_hangs(place, gate, press):
    run = trainer(place, gate)
    press(gate.entered.is_set)
    with pytest.raises(InputError, match=r"has not ended within .* s\."):
        run.fit(2)
    assert (run.state == "running") == (place != "listener")
    gate.open.set()
    run.pause()
    assert run.state == ("finished" if place == "listener" else "paused")
    run.fit(1)
    assert run.state == "finished"


def test_an_interrupted_pause_can_be_asked_for_again(gate, press):
    run = trainer("step", gate)
    run.start()
    assert gate.entered.wait(LONG)
    press(lambda: run._worker.ending is not None, times=1)
    with pytest.raises(KeyboardInterrupt):
        run.pause()
    gate.open.set()
    run.pause()
    assert run.state == "paused"


def test_an_interrupt_frees_a_range_test(gate, press):
    run = trainer("step", gate)
    press(gate.entered.is_set)
    with pytest.raises(InputError, match="The test was interrupted, but its step has not ended"):
        range_test(run, steps=20)
    gate.open.set()
    for thread in threading.enumerate():
        if thread.name == "dl-lab range test":
            thread.join(LONG)
    run.fit(1)
    assert run.steps == 3


def test_an_interrupt_of_one_that_another_waits_for_frees_both(gate, press):
    outer, inner = trainer(), trainer("step", gate)

    def once() -> None:
        end()
        inner.fit(1)

    end = outer.while_waiting(once)
    press(gate.entered.is_set)
    outer.fit(10**6)
    assert (outer.state, inner.state) == ("paused", "running")
    gate.open.set()
    inner.pause()


def test_an_interrupt_frees_fit_from_a_view_that_is_answered_for_ever(gate, press):
    run = trainer()
    run.while_waiting(gate)
    press(gate.entered.is_set)
    run.fit(10**6)
    assert run.state == "paused"


def test_waiting_in_a_notebook_can_be_cancelled_though_a_listener_hangs(gate):
    run = trainer("listener", gate)

    async def wait() -> None:
        waiting = asyncio.create_task(run.wait())
        while not gate.entered.is_set():  # noqa: ASYNC110  # another thread sets it
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run.start(1)
    asyncio.run(wait())


PAUSED = """
import threading
from dl_lab import watch
run, begun = watch(), threading.Event()
def loop():
    with run:
        while True:
            run.log(loss=1.0)
            begun.set()
threading.Thread(target=loop).start()
begun.wait()
run.pause()
while run.state != "paused": pass
print("ends")
"""


def test_a_process_exits_though_a_loop_in_a_thread_of_it_is_paused():
    program = [sys.executable, "-c", PAUSED]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=LONG, cwd=ROOT, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("ends\n", "", 0)


EXIT = """
import os, sys, tempfile, threading, time, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from dl_lab import LossPlot, Trainer
from dl_lab.train.events.event_log import EventLog
from dl_lab.train.history.history import History

hanging = threading.Semaphore(0)
def sleep(*_): hanging.release(); time.sleep(1000)
def lock(*_): hanging.release(); threading.Event().wait()
def spin(*_):
    hanging.release()
    while True: pass
def run(hang, data):
    class Model(nn.Linear):
        def forward(self, x):
            if threading.current_thread().name == "dl-lab trainer" and hang is not None:
                hang()
            return super().forward(x)
    model = Model(2, 1)
    made = Trainer(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), 0.1), data)
    made.start()
    return made
class Hangs(TensorDataset):
    def __getitem__(self, index):
        if index > 1: time.sleep(1000)
        return super().__getitem__(index)

x = torch.rand(8, 2), torch.rand(8, 1)
runs = [run(hang, x) for hang in (sleep, lock)]
runs.append(run(None, x))
runs[-1].on_change(lock)
runs[-1].pause(wait=False)
plot = LossPlot(runs)
log = EventLog(tempfile.mkdtemp())
log.begin(History())
log.submit("texts", "hangs", lock, step=0)
for _ in range(4):
    hanging.acquire()
child = os.fork()
if not child:
    for one in runs:
        one.pause()
        assert one.state == "paused", one.state
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), [one.state for one in runs])
loader = DataLoader(Hangs(*x), batch_size=2, num_workers=1)
runs += [run(None, loader), run(spin, x)]
while runs[-2].steps < 1: time.sleep(0.01)
hanging.acquire()
"""


def test_a_process_exits_whatever_hangs_in_it_and_so_does_its_fork():
    done = subprocess.run(
        [sys.executable, "-c", EXIT],
        capture_output=True,
        text=True,
        timeout=2 * LONG,
        cwd=ROOT,
        check=False,
    )
    assert done.stdout.strip() == f"7 {['running'] * 2 + ['paused']}", done.stderr
    assert (done.returncode, done.stderr) == (0, "")


def in_fork(act: Callable[[], None]) -> None:
    """Call `act` in a forked process, which must end."""
    child = os.fork()
    if not child:
        code = 1
        try:
            act()
            code = 0
        except BaseException:  # noqa: BLE001  # nothing of the tests goes on in it
            traceback.print_exc()
        finally:
            os._exit(code)
    end = time.monotonic() + LONG
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the fork hangs")
        time.sleep(0.005)
    assert os.waitstatus_to_exitcode(done[1]) == 0


def test_a_fork_in_the_middle_of_a_step_knows_that_nothing_runs_in_it(gate):
    run, other = trainer("batch", gate), None
    run.start()
    assert gate.entered.wait(LONG)
    waiting = run.call(lambda: None)
    steps = run.steps

    def act() -> None:
        assert run.state == "paused"
        run.pause()
        assert waiting.cancelled()
        # Another may train the model now, and so may the same.
        other = Trainer(
            run.model, run.loss, torch.optim.SGD(run.model.parameters(), 0.1), BATCHES, device="cpu"
        )
        other.fit(1)
        run.set_data(BATCHES)
        run.fit(1)
        assert (run.steps, run.epoch, run.state) == (steps + 3, 1, "finished")

    in_fork(act)
    assert other is None
    assert run.state == "running"
    gate.open.set()
    waiting.result(LONG)
    run.pause()


def test_locks_that_others_held_are_open_in_a_fork():
    run = trainer()
    run.fit(1)
    plot, history = LossPlot(run, smoothing=0.5), History()
    page = Page(plot)
    page.request("hello", view="page", have={})
    held, free, go = [], threading.Event(), threading.Event()

    def hold() -> None:
        held.extend(lock for lock in list(forks._LOCKS) if lock.acquire(blocking=False))
        free.set()
        go.wait(LONG)
        for lock in held:
            lock.release()

    thread = threading.Thread(target=hold)

    def act() -> None:
        run.fit(1)
        run.call(lambda: None).result(LONG)
        history.append(1, train_loss=1.0)
        assert page.request("settings.set", smoothing=0.25).meta["ok"]
        series = [[0, "train_loss"]]
        assert page.request("curves.get", pixels=100, smoothing=0.5, series=series).meta["ok"]
        assert page.request("run.step", run=0, steps=2).meta["ok"]
        run.pause()
        plot.close()
        run.close()

    thread.start()
    assert free.wait(LONG)
    try:
        assert len(held) > 10
        in_fork(act)
    finally:
        go.set()
        thread.join(LONG)
    plot.close()


def test_a_fork_writes_into_no_event_file_of_its_parent(tmp_path):
    log, history = EventLog(tmp_path), History()
    history.append(1, train_loss=1.0)
    log.begin(history)
    log.flush()
    history.append(2, train_loss=0.5)
    log.submit("texts", "later", lambda: None, step=2)
    before = log.path.read_bytes()

    def act() -> None:
        log.end()
        log.flush()
        assert list(tmp_path.iterdir()) == [parents]
        assert parents.read_bytes() == before

    parents = log.path
    # Its thread would write meanwhile.
    with log._turn:
        in_fork(act)
    log.end()
    assert parents.stat().st_size > len(before)
