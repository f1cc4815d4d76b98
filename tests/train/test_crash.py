"""After a crash a run goes on to the very weights and numbers of one that never crashed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.model_checkpoint import ModelCheckpoint
from dl_lab.train.checkpoint.file import load_state
from tests.train.crash_program import EVERY, KINDS, fresh, loaded

ROOT = Path(__file__).resolve().parents[2]
LONG = 120.0


def equal(one, two) -> None:
    """Assert that two runs are in the same state, but for the clock."""
    assert (one.steps, one.epoch) == (two.steps, two.epoch)
    pairs = zip(one.model.state_dict().items(), two.model.state_dict().values(), strict=True)
    for (name, tensor), other in pairs:
        assert torch.equal(tensor, other), name
    states = [run.optimizer.state_dict() for run in (one, two)]
    assert states[0]["param_groups"] == states[1]["param_groups"]
    for number, state in states[0]["state"].items():
        for name, value in state.items():
            other = states[1]["state"][number][name]
            same = torch.equal(value, other) if torch.is_tensor(value) else value == other
            assert same, name
    assert set(one.history) == set(two.history)
    for name in one.history:
        assert np.array_equal(one.history[name].steps, two.history[name].steps), name
        assert np.array_equal(one.history[name].values, two.history[name].values), name
    assert np.array_equal(one.history.epochs, two.history.epochs)


def wait_for_changes(path, count, process):
    """Wait until `path` is another file for the `count`th time."""
    seen, deadline = set(), time.monotonic() + LONG
    while len(seen) < count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.001)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_in_the_middle_it_goes_on_exactly(kind, tmp_path):
    last = tmp_path / "last.pt"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.train.crash_program", kind, tmp_path],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        wait_for_changes(last, 4, process)
        os.kill(process.pid, signal.SIGKILL)
        process.stderr.close()
    assert process.returncode == -signal.SIGKILL
    run = loaded(kind, last)
    at = run.steps
    assert at >= 4 * EVERY
    assert at % EVERY == 0
    run.step(15)
    never_killed = fresh(kind)
    never_killed.step(at + 15)
    equal(run, never_killed)


class Copies(Callback):
    """Keeps what was written, by step, for the end of the step and of the epoch."""

    order = 2

    def __init__(self, path) -> None:
        self.path, self.kept = path, []

    def on_step_end(self, trainer):
        self._copy(f"step {trainer.steps}")

    def on_epoch_end(self, trainer):
        self._copy(f"epoch {trainer.epoch}")

    def _copy(self, name):
        copy = self.path.with_name(f"{name}.pt")
        shutil.copy(self.path, copy)
        self.kept.append(copy)


@pytest.mark.parametrize("kind", ["momentum", "groups", "tensors"])
def test_from_every_step_of_an_epoch_and_from_its_end_it_goes_on_exactly(kind, tmp_path):
    keep = ModelCheckpoint(tmp_path, every_steps=1)
    copies = Copies(keep.last)
    run = fresh(kind, keep, copies)
    run.step(7)
    assert len(copies.kept) > 7
    plain = fresh(kind)
    plain.step(11)
    for path in copies.kept[1:]:
        again = loaded(kind, path)
        again.step(11 - again.steps)
        equal(again, plain)


@pytest.mark.parametrize("kind", ["momentum", "groups"])
def test_saved_in_a_pause_and_loaded_twice_over(kind, tmp_path):
    run, plain = fresh(kind), fresh(kind)
    plain.step(20)
    for number, steps in enumerate([4, 1, 6, 9]):
        run.step(steps)
        path = tmp_path / f"{number}.pt"
        run.save(path)
        run = loaded(kind, path)
    equal(run, plain)


def test_saving_changes_nothing(tmp_path):
    run, plain = fresh("groups"), fresh("groups")
    for _ in range(8):
        run.step()
        run.save(tmp_path / "a.pt")
    plain.step(8)
    equal(run, plain)


def test_saved_at_the_very_beginning(tmp_path):
    run = fresh("momentum")
    run.save(tmp_path / "a.pt")
    again = loaded("momentum", tmp_path / "a.pt")
    again.step(10)
    run.step(10)
    equal(again, run)


def test_the_file_holds_the_weights_as_they_are(tmp_path):
    run = fresh("momentum")
    run.step(3)
    run.save(tmp_path / "a.pt")
    state = load_state(tmp_path / "a.pt")
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(state["model"]["state"][name], tensor)
