"""Event files: what a scalar and a histogram take, beside torch.utils.tensorboard.

Every round does the same work on each side, in turn. `caller` is what the loop that adds something
waits for, `all` the processor time of the whole process until it is in the file: threads share one
interpreter, so that what the writing thread takes is lacking elsewhere.
"""

from __future__ import annotations

import tempfile
import time
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch.utils.tensorboard import SummaryWriter

from dl_lab.train.events import summaries
from dl_lab.train.events.event_file import EventFile, record
from dl_lab.train.events.event_log import EventLog
from dl_lab.train.history.history import History
from dl_lab.train.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
ROWS = 5_000
VALUES = 100_000
SAMPLES = 10


def scalars_ours(folder: str) -> float:
    """Append to a History that an EventLog follows; return the seconds that took."""
    history, log = History(), EventLog(folder)
    log.begin(history)
    began = time.perf_counter()
    for step in range(ROWS):
        history.append(step, train_loss=0.5)
    caller = time.perf_counter() - began
    log.end()
    return caller


def scalars_torch(folder: str, queue: int) -> float:
    """Add the same by a SummaryWriter with a queue of this length."""
    with SummaryWriter(folder, max_queue=queue) as writer:
        began = time.perf_counter()
        for step in range(ROWS):
            writer.add_scalar("train_loss", 0.5, step)
        return time.perf_counter() - began


def histograms_ours(folder: str) -> float:
    """Copy a weight and count it as the writing thread does; the copy is what the loop sees."""
    values, file, caller = torch.randn(VALUES), EventFile(folder), 0.0
    for step in range(SAMPLES):
        began = time.perf_counter()
        part = summaries.sample(values)
        caller += time.perf_counter() - began
        file.write([record(_event(step, summaries.histogram("weight", part)))])
    return caller


def _event(step: int, summary: object) -> object:
    from tensorboard.compat.proto.event_pb2 import Event

    return Event(step=step, summary=summary)


def histograms_torch(folder: str) -> float:
    """Add it by a SummaryWriter."""
    values = torch.randn(VALUES)
    with SummaryWriter(folder, max_queue=1000) as writer:
        began = time.perf_counter()
        for step in range(SAMPLES):
            writer.add_histogram("weight", values, step)
        return time.perf_counter() - began


SIDES: dict[str, tuple[int, Callable[[str], float]]] = {
    "scalar, dl-lab": (ROWS, scalars_ours),
    "scalar, SummaryWriter": (ROWS, lambda folder: scalars_torch(folder, 10)),
    "scalar, SummaryWriter(max_queue=10000)": (ROWS, lambda folder: scalars_torch(folder, 10_000)),
    f"histogram of {VALUES:,}, dl-lab": (SAMPLES, histograms_ours),
    f"histogram of {VALUES:,}, SummaryWriter": (SAMPLES, histograms_torch),
}


def main() -> None:
    """Print the table."""
    print(f"Event files: medians of {ROUNDS} interleaved rounds, µs for each\n")
    print(f"{'':42}{'caller':>10}{'all':>10}")
    caller: dict[str, list[float]] = {side: [] for side in SIDES}
    whole: dict[str, list[float]] = {side: [] for side in SIDES}
    with one_thread():
        for _ in range(ROUNDS):
            for side, (count, act) in SIDES.items():
                with tempfile.TemporaryDirectory() as folder:
                    began = time.process_time()
                    caller[side].append(act(folder) / count)
                    whole[side].append((time.process_time() - began) / count)
    for side in SIDES:
        print(f"{side:42}{1e6 * median(caller[side]):10.1f}{1e6 * median(whole[side]):10.1f}")


if __name__ == "__main__":
    main()
