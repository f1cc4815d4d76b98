"""The writing thread: all rows of a history, limits kept, trouble told once."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from torch.utils.tensorboard import SummaryWriter, summary

from dl_lab.train.events import event_writer
from dl_lab.train.events.budget import Budget
from dl_lab.train.events.event_writer import EventWriter
from dl_lab.train.history.history import History
from tests.train.reading import read, shown


@pytest.fixture
def quick(monkeypatch):
    """Make the thread wake a hundred times a second."""
    monkeypatch.setattr(event_writer, "_BEAT", 0.01)


def wait_for(condition) -> None:
    tick = threading.Event()
    for _ in range(2000):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("waited in vain")


def curve(folder: Path, tag: str) -> list[tuple[int, float]]:
    found = [(event.step, event.value) for event in read(folder).Scalars(tag)]
    # More may have come since, from a run that goes on.
    assert shown(folder, tag)[: len(found)] == found
    return found


def expected(history: History, name: str) -> list[tuple[int, float]]:
    series = history[name]
    values = np.asarray(series.values, "f4").tolist()
    return list(zip(series.steps.tolist(), values, strict=True))


def warnings_of(caplog) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.mark.usefixtures("quick")
def test_all_rows_are_there_when_a_run_ends(tmp_path):
    history = History()
    log = EventWriter(tmp_path)
    log.begin(history)
    rng = np.random.default_rng(0)
    for step in range(1, 30_001):
        history.append(step, train_loss=float(rng.normal()))
        if not step % 1000:
            history.append(step, validation_accuracy=float(rng.random()))
    log.end()
    assert curve(tmp_path, "loss/train") == expected(history, "train_loss")
    assert curve(tmp_path, "accuracy/validation") == expected(history, "validation_accuracy")


def test_wall_times_are_those_of_the_rows(tmp_path):
    import time

    history = History()
    log = EventWriter(tmp_path)
    log.begin(history)
    before = time.time()
    history.append(1, train_loss=1)
    after = time.time()
    log.end()
    (event,) = read(tmp_path).Scalars("loss/train")
    assert before - 0.01 <= event.wall_time <= after + 0.01


@pytest.mark.usefixtures("quick")
def test_rows_are_written_while_the_run_goes_on(tmp_path):
    history = History()
    log = EventWriter(tmp_path)
    log.begin(history)
    try:
        for step in (1, 2):
            history.append(step, train_loss=1.0)
            wait_for(log.path.exists)
            wait_for(lambda step=step: len(curve(tmp_path, "loss/train")) == step)
    finally:
        log.end()


def test_the_thread_lives_only_while_a_run_does(tmp_path):
    def threads() -> int:
        return sum(thread.name == "dl-lab events" for thread in threading.enumerate())

    before = threads()
    log = EventWriter(tmp_path)
    assert threads() == before
    for _ in range(2):
        log.begin(History())
        assert threads() == before + 1
        log.end()
        assert threads() == before


def test_a_batch_of_rows_is_one_write(tmp_path, monkeypatch):
    writes = []
    write = event_writer.EventFile.write
    monkeypatch.setattr(
        event_writer.EventFile,
        "write",
        lambda file, records: (writes.append(1), write(file, records)),
    )
    history = History()
    log = EventWriter(tmp_path)
    for step in range(1000):
        history.append(step, a=1, b=2)
    log.begin(history)
    log.end()
    assert len(writes) == 1


def test_it_goes_on_after_a_pause_with_what_is_new(tmp_path):
    history = History()
    log = EventWriter(tmp_path)
    for step in range(3):
        assert log.begin(history) is (step == 0)
        history.append(step, train_loss=step)
        log.end()
        assert curve(tmp_path, "loss/train") == expected(history, "train_loss")


def test_after_a_cut_tensorboard_sees_what_the_history_holds(tmp_path):
    history = History()
    log = EventWriter(tmp_path)
    log.begin(history)
    for step in range(10):
        history.append(step, train_loss=step)
    log.end()
    history.truncate(5)
    assert not log.begin(history)
    for step in range(6, 9):
        history.append(step, train_loss=-step)
    log.end()
    assert curve(tmp_path, "loss/train") == expected(history, "train_loss")


def test_after_a_reset_tensorboard_sees_the_new_run_alone(tmp_path):
    history = History()
    log = EventWriter(tmp_path)
    log.begin(history)
    history.append(0, validation_loss=3)
    history.append(1, train_loss=3)
    log.end()
    history.clear()
    history.append(0, validation_loss=2)
    assert log.begin(history)
    log.end()
    assert curve(tmp_path, "loss/validation") == [(0, 2)]
    assert read(tmp_path).Scalars("loss/train") == []


def test_another_process_goes_on_in_the_folder(tmp_path):
    history = History()
    first = EventWriter(tmp_path)
    first.begin(history)
    for step in range(5):
        history.append(step, train_loss=step)
    first.end()
    state = history.state_dict()
    again = History()
    again.load_state_dict(state)
    second = EventWriter(tmp_path)
    assert not second.begin(again, written=first.written)
    again.append(5, train_loss=5)
    second.end()
    assert curve(tmp_path, "loss/train") == expected(again, "train_loss")


def test_a_new_run_hides_one_that_someone_else_wrote_there(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(10):
            writer.add_scalar("loss/train", 3, step)
    (file,) = tmp_path.iterdir()  # files are read in the order of their names, which say when
    file.rename(tmp_path / "events.out.tfevents.1700000000.host.1.0")
    history = History()
    history.append(1, train_loss=2)
    log = EventWriter(tmp_path)
    assert log.begin(history)
    log.end()
    assert curve(tmp_path, "loss/train") == [(1, 2)]


def test_a_folder_that_lacks_the_rows_gets_them(tmp_path):
    history = History()
    for step in range(5):
        history.append(step, train_loss=step)
    log = EventWriter(tmp_path)
    assert log.begin(history, written=4)
    log.end()
    assert curve(tmp_path, "loss/train") == expected(history, "train_loss")


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_told_once_and_the_curves_are_completed(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(event_writer, "_AGAIN", 0.01)
    history = History()
    log = EventWriter(tmp_path)
    log.path.symlink_to("/dev/full")
    log.begin(history)
    for step in range(100):
        history.append(step, train_loss=step)
    wait_for(lambda: log.problem is not None)
    tries = []
    write = event_writer.EventFile.write
    monkeypatch.setattr(
        event_writer.EventFile,
        "write",
        lambda file, records: (tries.append(1), write(file, records)),
    )
    wait_for(lambda: len(tries) > 5)
    (told,) = warnings_of(caplog)
    assert str(log.path) in told
    assert "No space left on device" in told
    assert "Training goes on" in told
    log.path.unlink()
    log.end()
    assert log.problem is None
    assert curve(tmp_path, "loss/train") == expected(history, "train_loss")
    assert len(warnings_of(caplog)) == 1


@pytest.mark.usefixtures("quick")
def test_a_deleted_folder_is_told_once_and_not_made_again(tmp_path, caplog):
    folder = tmp_path / "run"
    history = History()
    log = EventWriter(folder)
    log.begin(history)
    history.append(1, train_loss=1)
    wait_for(log.path.exists)
    shutil.rmtree(folder)
    for step in range(2, 100):
        history.append(step, train_loss=step)
    wait_for(lambda: log.problem is not None)
    log.submit("texts", "note", lambda: summary.text("note", "x"), step=1)
    log.end()
    assert log.problem is not None
    assert log.problem.key == "events_gone"
    assert len(warnings_of(caplog)) == 1
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path, caplog):
    history = History()
    log = EventWriter(tmp_path / ("long" * 100))
    log.begin(history)
    history.append(1, train_loss=1)
    log.end()
    assert len(warnings_of(caplog)) == 1
    assert log.problem is not None


LIMITED = """
import resource, sys
from dl_lab.train.events.event_writer import EventWriter
from dl_lab.train.history.history import History
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
history, log = History(), EventWriter(sys.argv[1])
log.begin(history)
for step in range(10_000):
    history.append(step, train_loss=step)
log.end()
assert log.problem.key == "events_full", log.problem
assert len(history["train_loss"]) == 10_000
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.flush()
assert log.problem is None
"""


def test_a_limit_of_file_sizes_is_survived(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot be written") == 1
    assert "File too large" in done.stderr
    assert [step for step, _ in curve(tmp_path, "loss/train")] == [*range(10_000)]


EXITING = """
import sys
from dl_lab.train.events.event_writer import EventWriter
from dl_lab.train.history.history import History
history, log = History(), EventWriter(sys.argv[1])
log.begin(history)
for step in range(1000):
    history.append(step, train_loss=step)
"""


def test_the_rest_is_written_at_exit(tmp_path):
    subprocess.run([sys.executable, "-c", EXITING, str(tmp_path)], check=True)
    assert len(curve(tmp_path, "loss/train")) == 1000


def test_what_fails_is_named_and_the_rest_goes_in(tmp_path, caplog):
    log = EventWriter(tmp_path)

    def fail() -> None:
        raise RuntimeError("no good")

    log.submit("texts", "the picture", fail, step=1)
    log.submit("texts", "a note", lambda: summary.text("note", "hello"), step=7)
    (told,) = warnings_of(caplog)
    assert "the picture could not be put into the event files (RuntimeError: no good)" in told
    (event,) = read(tmp_path).Tensors("note/text_summary")
    assert (event.step, event.tensor_proto.string_val[0]) == (7, b"hello")


def test_a_kind_that_takes_too_long_has_to_wait(tmp_path, caplog):
    import time

    log = EventWriter(tmp_path)
    log.budgets["pictures"] = Budget(0.001, ahead=0.01)

    def slow():
        began = time.thread_time()
        while time.thread_time() < began + 0.1:
            sum(range(1000))

    log.submit("pictures", "slow one", slow, step=1)
    log.submit("pictures", "the next", lambda: summary.text("next", "x"), step=1)
    log.submit("pictures", "one more", lambda: summary.text("more", "x"), step=1)
    log.submit("texts", "a note", lambda: summary.text("note", "x"), step=1)
    assert log.dropped == 2
    (told,) = warnings_of(caplog)
    assert "the next is left out" in told
    assert read(tmp_path).Tags()["tensors"] == ["note/text_summary"]


def test_no_more_than_so_many_wait(tmp_path):
    log = EventWriter(tmp_path)
    log.begin(History())
    made = []
    with log._turn:  # the thread cannot take any
        for index in range(100):
            log.submit("texts", "a text", lambda index=index: made.append(index), step=0)
        log.submit("texts", "too large", lambda: made.append(-1), step=0, size=2**40)
    log.end()
    assert made == [*range(64)]
    assert log.dropped == 37


def test_no_handle_stays_open(tmp_path):
    handles = Path("/proc/self/fd")
    if not handles.exists():
        pytest.skip("open files are counted in /proc, which only Linux has")
    log = EventWriter(tmp_path)
    history = History()
    history.append(1, a=1)
    log.begin(history)
    log.flush()
    names = [str(fd.readlink()) for fd in handles.iterdir() if fd.is_symlink() and fd.exists()]
    log.end()
    assert not [name for name in names if name.startswith(str(tmp_path))]
