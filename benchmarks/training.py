"""What recording and showing costs a training loop: ours, and the tools people use.

One network (784-64-10), batches of 64 random images, Adam, one thread, CPU. Each round trains every
side for the same steps, in turns that move on from round to round; a side's overhead is the median
of its ratios to the bare loop of the same round, all of a run counted: its start, and its end with
what is still to be written or drawn. Each round makes its networks anew, since where they happen to
lie in memory is worth several percent. The processor's time is that of all threads: it counts also
what others than the training one do meanwhile, and on a busy machine tells more than the clock.

- *bare loop*: forward, backward, update; no loss is even read.
- *Trainer + History*: `dl_lab.Trainer`, every step's loss and learning rate recorded.
- *… + open LossPlot*: beside it a plot that is open on a page. The page is played in the process by
  a thread of its own: whenever news comes it asks for all curves in 800
  pixels, smoothed, and acknowledges. What the kernel sends is packed and signed by Jupyter's own
  `Session` as for a real page; only the socket, and the browser, are missing.
- *… + event files*: `logdir=` as anyone would give it: all curves, the graph, histograms, settings.
- *tqdm*: a bar over each epoch's batches with the loss as its postfix at each step.
- *SummaryWriter*: `add_scalar` at each step, with its defaults.
- *livelossplot*: `PlotLosses.update` and `send` once an epoch, as its examples do, the figure drawn
  as PNG as notebooks do.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from jupyter_client.session import Session
from torch import Tensor, nn

from dl_lab.protocol import Message, decode, encode
from dl_lab.train.threads import one_thread
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.loss_plot import LossPlot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dl_lab.widgets._base import Widget

ROUNDS = 16
LEAST = 3
SECONDS = 150
EPOCHS = 4
BATCHES = 300
DIFFERENT = 50


def batches() -> list[tuple[Tensor, Tensor]]:
    """Return an epoch's batches; all sides train on the same."""
    generator = torch.Generator().manual_seed(0)
    different = [
        (
            torch.rand(64, 784, generator=generator),
            torch.randint(0, 10, (64,), generator=generator),
        )
        for _ in range(DIFFERENT)
    ]
    return different * (BATCHES // DIFFERENT)


class Bare:
    """The loop that all others are compared with; a peer reports in `report` and `epoch`."""

    def __init__(self, data: list[tuple[Tensor, Tensor]]) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.data = data

    def run(self, epochs: int) -> None:
        """Train."""
        for _ in range(epochs):
            for inputs, targets in self.data:
                self.optimizer.zero_grad()
                loss = self.loss(self.model(inputs), targets)
                loss.backward()
                self.optimizer.step()

    def close(self) -> None:
        """Let go of what is open."""


class Tqdm(Bare):
    """The bar of an epoch, with the loss."""

    def run(self, epochs: int) -> None:
        """Train."""
        from tqdm import tqdm

        for _ in range(epochs):
            bar = tqdm(self.data, file=io.StringIO())
            for inputs, targets in bar:
                self.optimizer.zero_grad()
                loss = self.loss(self.model(inputs), targets)
                loss.backward()
                self.optimizer.step()
                bar.set_postfix(loss=loss.item())


class Summaries(Bare):
    """A scalar for each step."""

    def __init__(self, data: list[tuple[Tensor, Tensor]]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        super().__init__(data)
        self.folder = tempfile.TemporaryDirectory()
        self.writer = SummaryWriter(self.folder.name)
        self.steps = 0

    def run(self, epochs: int) -> None:
        """Train."""
        for _ in range(epochs):
            for inputs, targets in self.data:
                self.optimizer.zero_grad()
                loss = self.loss(self.model(inputs), targets)
                loss.backward()
                self.optimizer.step()
                self.steps += 1
                self.writer.add_scalar("loss", loss.item(), self.steps)
        self.writer.flush()

    def close(self) -> None:
        """Close the writer and remove its files."""
        self.writer.close()
        self.folder.cleanup()


class LiveLossPlot(Bare):
    """A new figure for each epoch."""

    def __init__(self, data: list[tuple[Tensor, Tensor]]) -> None:
        import matplotlib as mpl

        mpl.use("agg")
        from livelossplot import PlotLosses
        from livelossplot.outputs import MatplotlibPlot

        super().__init__(data)
        self.folder = tempfile.TemporaryDirectory()
        figures = MatplotlibPlot(figpath=f"{self.folder.name}/plot{{i}}.png")
        self.plot = PlotLosses(outputs=[figures], mode="script")

    def run(self, epochs: int) -> None:
        """Train."""
        for _ in range(epochs):
            total = torch.zeros(())
            for inputs, targets in self.data:
                self.optimizer.zero_grad()
                loss = self.loss(self.model(inputs), targets)
                loss.backward()
                self.optimizer.step()
                total += loss.detach()
            self.plot.update({"loss": total.item() / len(self.data)})
            # Outside notebooks clear_output writes codes to the terminal.
            with contextlib.redirect_stdout(io.StringIO()):
                self.plot.send()

    def close(self) -> None:
        """Close all figures and remove their files."""
        import matplotlib.pyplot as plt

        plt.close("all")
        self.folder.cleanup()


class Ours(Bare):
    """The Trainer, and nobody looking."""

    def __init__(self, data: list[tuple[Tensor, Tensor]], **settings: Any) -> None:  # noqa: ANN401
        super().__init__(data)
        self.trainer = Trainer(
            self.model, self.loss, self.optimizer, data, device="cpu", **settings
        )

    def run(self, epochs: int) -> None:
        """Train."""
        self.trainer.fit(epochs)


class Logged(Ours):
    """With event files."""

    def __init__(self, data: list[tuple[Tensor, Tensor]]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        super().__init__(data, logdir=self.folder.name)

    def close(self) -> None:
        """Remove the files."""
        self.folder.cleanup()


class Shown(Ours):
    """With a plot that is open."""

    def __init__(self, data: list[tuple[Tensor, Tensor]]) -> None:
        super().__init__(data)
        self.plot = LossPlot(self.trainer)
        self.page = Page(self.plot)

    def close(self) -> None:
        """Leave the page and close the plot."""
        self.page.close()
        self.plot.close()


class Page:
    """A page with the plot on it, in a thread of its own."""

    def __init__(self, widget: Widget) -> None:
        self.session = Session(key=b"signed as a kernel does")
        self.news = threading.Event()
        self.lock = threading.Lock()
        self.shown: Message | None = None
        self.asked = self.bytes = 0
        self.widget = widget
        widget.send = self._receive  # type: ignore[method-assign]
        self.open = True
        self.thread = threading.Thread(target=self._live, daemon=True)
        self._say("hello", identifier="0", have={}, view="page")
        self.thread.start()

    def _receive(self, content: dict[str, Any], buffers: Iterable[Any] | None = None) -> None:
        message = self.session.msg("comm_msg", {"data": {"method": "custom", "content": content}})
        parts = [bytes(buffer) for buffer in buffers or ()]
        self.bytes += sum(map(len, [*self.session.serialize(message), *parts]))
        if content["kind"] == "plot.show":
            self.shown = decode(content, parts)
            self.news.set()

    def _say(self, kind: str, identifier: str | None = None, **meta: object) -> None:
        content, _ = encode(Message(kind, meta, id=identifier))
        self.widget._handle_custom_msg(content, [])  # noqa: SLF001  # as its comm would

    def _live(self) -> None:
        while self.open:
            self.news.wait()
            self.news.clear()
            shown = self.shown
            if shown is None:
                continue
            names = [
                [index, series["name"]]
                for index, run in enumerate(shown.meta["runs"])
                for series in run["series"]
            ]
            self.asked += 1
            view = {"axis": "step", "low": None, "high": None, "pixels": 800, "smoothing": 0.6}
            self._say("curves.get", identifier=str(self.asked), series=names, **view)
            self._say("ack", view="page", seq=shown.seq)

    def close(self) -> None:
        """End the thread."""
        self.open = False
        self.news.set()
        self.thread.join()


SIDES: dict[str, type[Bare]] = {
    "bare loop": Bare,
    "Trainer + History": Ours,
    "Trainer + History + open LossPlot": Shown,
    "Trainer + History + event files": Logged,
    "bare + tqdm with postfix": Tqdm,
    "bare + SummaryWriter.add_scalar": Summaries,
    "bare + livelossplot each epoch": LiveLossPlot,
}


def main() -> None:
    """Print the table."""
    steps = EPOCHS * BATCHES
    print(f"Training: 784-64-10, batch 64, Adam, rounds of {steps} steps, one thread\n")
    data = batches()
    wall: dict[str, list[float]] = {name: [] for name in SIDES}
    processor: dict[str, list[float]] = {name: [] for name in SIDES}
    asked = rounds = 0
    with one_thread():
        began = time.monotonic()
        while rounds < ROUNDS and (rounds < LEAST or time.monotonic() < began + SECONDS):
            turn = rounds % len(SIDES)
            order = [*SIDES]
            for name in order[turn:] + order[:turn]:
                side = SIDES[name](data)
                side.run(1)  # warm
                before, worked = time.perf_counter(), time.process_time()
                side.run(EPOCHS)
                wall[name].append((time.perf_counter() - before) / steps)
                processor[name].append((time.process_time() - worked) / steps)
                side.close()
                asked += side.page.asked if isinstance(side, Shown) else 0
            rounds += 1
    print(f"{'':36}{'µs a step':>10}{'overhead':>10}{'processor':>13}{'overhead':>10}")
    for name in SIDES:
        print(f"{name:36}{column(wall, name)}   {column(processor, name)}")
    print(f"\nMedians of {rounds} rounds. The page asked for its curves {asked} times.")


def column(times: dict[str, list[float]], name: str) -> str:
    """Return the median of a side, and that of its ratios to the bare loop."""
    ratios = map(float.__truediv__, times[name], times["bare loop"])
    return f"{1e6 * median(times[name]):10.0f}{median(ratios) - 1:10.1%}"


if __name__ == "__main__":
    main()
