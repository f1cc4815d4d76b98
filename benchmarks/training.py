"""What recording and showing costs a training loop: ours, and the tools people use.

One network (784-64-10), batches of 64 random images, Adam, one thread, CPU. Each side is paired
with a bare loop of its own: whenever the side has trained for 100 steps its batches hold it up
while the bare loop trains for as many, so that both see the same machine, whose speed may change by
a fifth from second to second. A side's overhead is the median over the rounds of the ratios of a
whole run, all of it counted: its start, and its end with what is still to be written or drawn. Each
round makes its networks anew, since where they happen to lie in memory is worth several percent.
The processor's time is that of all threads: it counts also what others than the training one do
meanwhile, on cores that the clock does not see.

- *bare loop*: forward, backward, update; no loss is even read. Beside itself it shows the noise.
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
from collections.abc import Iterator, Sequence
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

    from dl_lab.widgets.base.widget import Widget

ROUNDS = {"peers": 3, "ours": 9}
EPOCHS = 4
BATCHES = 300
DIFFERENT = 50
TURN = 100
SETTLE = 0.02


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
    """The loop that all others are compared with; a peer reports in `run`."""

    def __init__(self, data: Sequence[tuple[Tensor, Tensor]]) -> None:
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


class Turns(Sequence[tuple[Tensor, Tensor]]):
    """Batches that let a bare loop train as many steps after every `TURN` that they give."""

    def __init__(self, data: list[tuple[Tensor, Tensor]]) -> None:
        self.data = data
        self.bare = Bare(data[:TURN])
        self.wall = self.processor = self.held = 0.0

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401
        return self.data[index]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for at in range(0, len(self.data), TURN):
            yield from self.data[at : at + TURN]
            began = time.perf_counter()
            time.sleep(SETTLE)  # what threads are still at is not to be in the bare loop's way
            wall, processor = time.perf_counter(), time.process_time()
            self.bare.run(1)
            self.processor += time.process_time() - processor
            self.wall += time.perf_counter() - wall
            time.sleep(SETTLE)  # neither begins with warmer caches
            self.held += time.perf_counter() - began


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

    def __init__(self, data: Sequence[tuple[Tensor, Tensor]]) -> None:
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
    "bare loop beside itself": Bare,
    "Trainer + History": Ours,
    "Trainer + History + open LossPlot": Shown,
    "Trainer + History + event files": Logged,
    "bare + tqdm with postfix": Tqdm,
    "bare + SummaryWriter.add_scalar": Summaries,
    "bare + livelossplot each epoch": LiveLossPlot,
}

OURS = [name for name, side in SIDES.items() if side is Bare or issubclass(side, Ours)]
Times = list[tuple[float, float, float, float]]  # wall and its bare loop's, processor and bare's


def measure(side: type[Bare], data: list[tuple[Tensor, Tensor]], times: Times) -> int:
    """Add a run of a side and its bare loop to the times; return how often its page asked."""
    turns = Turns(data)
    running = side(turns)
    running.run(1)  # warm
    turns.wall = turns.processor = turns.held = 0.0
    wall, processor = time.perf_counter(), time.process_time()
    running.run(EPOCHS)
    wall = time.perf_counter() - wall - turns.held
    processor = time.process_time() - processor - turns.processor
    running.close()
    times.append((wall, turns.wall, processor, turns.processor))
    return running.page.asked if isinstance(running, Shown) else 0


def main() -> None:
    """Print the table."""
    steps = EPOCHS * BATCHES
    print(f"Training: 784-64-10, batch 64, Adam, runs of {steps} steps, one thread\n")
    data = batches()
    times: dict[str, Times] = {name: [] for name in SIDES}
    asked = 0
    with one_thread():
        for turn in range(max(ROUNDS.values())):
            for name, side in SIDES.items():
                if turn < ROUNDS["ours" if name in OURS else "peers"]:
                    asked += measure(side, data, times[name])
    print(f"{'':36}{'µs a step':>10}{'overhead':>10}{'processor':>13}{'overhead':>10}")
    for name, rounds in times.items():
        wall, bare, processor, worked = zip(*rounds, strict=True)
        print(f"{name:36}{column(wall, bare)}   {column(processor, worked)}")
    print(
        f"\nMedians of {ROUNDS['ours']} rounds, {ROUNDS['peers']} of the peers. "
        f"The page asked for its curves {asked} times."
    )


def column(times: Sequence[float], bare: Sequence[float]) -> str:
    """Return the median of a side's steps, and that of its ratios to its bare loop."""
    ratios = map(float.__truediv__, times, bare)
    return f"{1e6 * median(times) / EPOCHS / BATCHES:10.0f}{median(ratios) - 1:10.1%}"


if __name__ == "__main__":
    main()
