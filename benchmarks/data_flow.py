"""What an open DataFlow costs the training that it looks at.

Two Trainers of the same network train in turn, a round each; beside one of them a DataFlow is open
on a page, which is played in the process: it acknowledges what comes as a page does that has
painted it. The overhead is the median over the rounds of the ratios of the two, in the wall's time
and in the processor's, that of the thread which composes for the page counted too. The same with
nothing open on either side shows the noise. One thread, CPU.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from statistics import median
from typing import Any

import torch
from torch import nn

from dl_lab.protocol import Message, encode
from dl_lab.train.threads import one_thread
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.data_flow import DataFlow

ROUNDS = 15
SECONDS = 0.4
"""Of a round, about."""

NETWORKS = {
    "2-8-1, batch 10, SGD": ((2, 8, 1), 10, torch.optim.SGD),
    "784-64-10, batch 64, Adam": ((784, 64, 10), 64, torch.optim.Adam),
}


class Page:
    """The page that shows a DataFlow."""

    def __init__(self, widget: DataFlow) -> None:
        self.widget = widget
        self.came = 0
        widget.send = self._receive  # type: ignore[method-assign]
        self._say("hello", identifier="page.1", have={}, view="page")

    def _receive(self, content: dict[str, Any], _: Iterable[Any] | None = None) -> None:
        if content.get("seq") is not None:
            self.came += 1
            self._say("ack", view="page", seq=content["seq"])

    def _say(self, kind: str, identifier: str | None = None, **meta: object) -> None:
        content, _ = encode(Message(kind, meta, id=identifier))
        self.widget._handle_custom_msg(content, [])  # noqa: SLF001  # as its comm would


def trainer(sizes: tuple[int, int, int], batch: int, kind: Any) -> Trainer:  # noqa: ANN401
    """Make a Trainer whose epoch has 100 steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(*sizes[:2]), nn.ReLU(), nn.Linear(*sizes[1:]))
    data = torch.rand(100 * batch, sizes[0]), torch.rand(100 * batch, sizes[2])
    optimizer = kind(model.parameters(), lr=1e-3)
    return Trainer(model, nn.MSELoss(), optimizer, data, batch_size=batch, device="cpu", keep=0)


def timed(running: Trainer, epochs: int) -> tuple[float, float]:
    """Train, and return the time on the wall and the processor's."""
    wall, processor = time.perf_counter(), time.process_time()
    running.fit(epochs)
    return time.perf_counter() - wall, time.process_time() - processor


def overhead(name: str, *, opened: bool) -> str:
    """Compare two that train in turn."""
    first, second = trainer(*NETWORKS[name]), trainer(*NETWORKS[name])
    flow = DataFlow(second) if opened else None
    page = None if flow is None else Page(flow)
    warm, _ = timed(first, 5)
    timed(second, 5)
    epochs = max(1, round(SECONDS * 5 / warm))
    ratios = []
    for turn in range(ROUNDS):
        pair = (first, second) if turn % 2 else (second, first)
        times = {id(one): timed(one, epochs) for one in pair}
        plain, watched = times[id(first)], times[id(second)]
        ratios.append([b / a for a, b in zip(plain, watched, strict=True)])
    wall, processor = (100 * (median(column) - 1) for column in zip(*ratios, strict=True))
    step = 1e6 * warm / 500
    if flow is not None:
        flow.close()
    came = 0 if page is None else page.came
    return f"{step:8.0f} µs {wall:+8.1f} % {processor:+8.1f} % {came:6d}"


def main() -> None:
    """Print the table."""
    print(f"An open DataFlow, {ROUNDS} rounds of {SECONDS} s, one thread\n")
    print(f"{'':44} {'a step':>11} {'wall':>10} {'processor':>10} {'frames':>6}")
    with one_thread():
        for name in NETWORKS:
            for opened in (False, True):
                label = f"{name}, {'open' if opened else 'beside itself'}"
                print(f"{label:44} {overhead(name, opened=opened)}")


if __name__ == "__main__":
    main()
