"""What live statistics on a graph's nodes cost the run that they are of.

Each network in a process of its own, trained on random data on the CPU, with a page's worth of
live statistics (`dl_lab.widgets.graph_viewer.live`) asked for as often as they come.

- *share*: the steps in a second while somebody looks on, beside a second in which nobody does, in
  turns; the median of the ratios.
- *pause*: the longest that it took to pause the run meanwhile, and the longest while nobody looked.
- *held*: the longest that a step was kept waiting by one pass.
- *anew*: how often statistics of all nodes came, in a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from benchmarks.looking import Attention, bottlenecks
from dl_lab.nets.graph.trace import trace
from dl_lab.probe.flow.passes import Given
from dl_lab.probe.untouched import untouched
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.graph_viewer.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable

    from dl_lab.nets.graph.nodes import Graph

PAIRS = 8
PAUSES = 5
SHORT, LONG = 2.0, 12.0
"""Seconds of a turn, for networks whose steps are short and long."""


def dense() -> tuple[nn.Module, Tensor, Tensor]:
    """Return a small network that takes the fast path, with its data."""
    layers = [nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)]
    return nn.Sequential(*layers), torch.randn(2000, 20), torch.randint(0, 2, (2000,))


def convolutions() -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network for digits."""
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6272, 10),
    )
    return model, torch.rand(512, 1, 28, 28), torch.randint(0, 10, (512,))


def residual() -> tuple[nn.Module, Tensor, Tensor]:
    """Return 50 layers, 25 million parameters."""
    return bottlenecks(), torch.rand(32, 3, 64, 64), torch.randint(0, 1000, (32,))


def attention() -> tuple[nn.Module, Tensor, Tensor]:
    """Return 12 blocks of attention, 22 million parameters."""
    return Attention(), torch.rand(32, 3, 224, 224), torch.randint(0, 1000, (32,))


NETWORKS: dict[str, tuple[Callable[[], tuple[nn.Module, Tensor, Tensor]], int, float]] = {
    "dense": (dense, 20, SHORT),
    "convolutions": (convolutions, 32, SHORT),
    "residual": (residual, 8, LONG),
    "attention": (attention, 2, LONG),
}


class Page:
    """Somebody who looks on for as long as wanted, as a view's channel does."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._on, self._off = threading.Event(), threading.Event()
        self._off.set()
        self.news = 0
        threading.Thread(target=self._ask, daemon=True).start()

    def _ask(self) -> None:
        while True:
            self._on.wait()
            self._off.clear()
            while self._on.is_set():
                self.news += self._live.news() is not None
                time.sleep(0.02)
            self._off.set()

    def look(self, on: bool) -> None:
        """Begin, or end and wait until that is so."""
        if on:
            self._on.set()
        else:
            self._on.clear()
            self._off.wait()


def rate(trainer: Trainer, seconds: float) -> float:
    """Return the steps a second, between two ends of steps."""
    begins, ends = Ends(trainer), time.perf_counter() + seconds
    first = begins.next()
    last = first
    while last[0] < ends:
        last = begins.next()
    return (last[1] - first[1]) / (last[0] - first[0])


class Ends:
    """When steps end."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def next(self) -> tuple[float, int]:
        """Return the time at which a step has ended, and how many are done."""
        done = self._trainer.steps
        while self._trainer.steps == done:
            time.sleep(0.001)
        return time.perf_counter(), self._trainer.steps


def pause(trainer: Trainer) -> float:
    """Return how long a pause takes."""
    began = time.perf_counter()
    trainer.pause()
    seconds = time.perf_counter() - began
    trainer.resume()
    return seconds


def traced(model: nn.Module, x: Tensor) -> Graph:
    """Return the graph that is shown."""
    with untouched(model):
        return trace(model, [x])


def measure(name: str) -> dict[str, float]:
    """Train with and without somebody who looks on."""
    torch.manual_seed(0)
    make, batch_size, seconds = NETWORKS[name]
    model, x, y = make()
    sgd = torch.optim.SGD(model.parameters(), lr=1e-4)
    loss = nn.CrossEntropyLoss()
    trainer = Trainer(model, loss, sgd, (x, y), batch_size=batch_size, seed=0, device="cpu", keep=0)
    live = Live(model, traced(model, x[:2]), trainer, Given([x[:2]]))
    held: list[float] = []
    hear = live._flow.hear  # noqa: SLF001  # as it is called between two steps

    def timed(rows: object) -> object:
        began = time.perf_counter()
        try:
            return hear(rows)  # type: ignore[arg-type]  # as it is called
        finally:
            held.append(time.perf_counter() - began)

    live._flow.hear = timed  # type: ignore[method-assign, assignment]  # noqa: SLF001  # as above
    page = Page(live)
    trainer.start()
    rate(trainer, seconds)
    page.look(on=True)
    rate(trainer, seconds)
    ratios, with_looks, without = [], [], []
    page.news, looked = 0, 0.0
    for pair in range(PAIRS):
        order = (True, False) if pair % 2 else (False, True)
        found = {}
        for on in order:
            page.look(on)
            began = time.perf_counter()
            found[on] = rate(trainer, seconds)
            looked += (time.perf_counter() - began) * on
        ratios.append(found[True] / found[False])
        if pair < PAUSES:
            page.look(on=False)
            without.append(pause(trainer))
            page.look(on=True)
            time.sleep(0.2 * (pair + 1))
            with_looks.append(pause(trainer))
    page.look(on=False)
    trainer.close()
    return {
        "share": 1 - median(ratios),
        "pause": max(with_looks),
        "pause_alone": max(without),
        "held": max(held[1:]),
        "anew": page.news / looked,
    }


def main() -> None:
    """Measure and print."""
    print("live statistics on every node while a network trains")
    for name in NETWORKS:
        command = [sys.executable, "-m", "benchmarks.graph_live", name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(output.splitlines()[-1])
        print(
            f"  {name:12} share {100 * found['share']:+5.1f} %, "
            f"pause {1000 * found['pause']:5.0f} ms (alone {1000 * found['pause_alone']:5.0f}), "
            f"held {1000 * found['held']:4.0f} ms, anew {found['anew']:4.1f} a second",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
