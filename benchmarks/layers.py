"""What looking into a network costs: a capture beside a bare forward, an open viewer beside none.

All in one thread on the CPU, in turns; figures are medians of the ratios of neighbouring turns.

- *capture*: `dl_lab.probe.capture.capture` of every layer beside one forward without gradients, for
  LeNet-5 with one image and with 64, and for a residual network of 20 convolutions with one image
  of 64×64.
- *attached*: training LeNet-5 with a viewer that is open on a page and shows all layers, beside
  training it without. The page is played in the process, as in `benchmarks.training`.
"""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from jupyter_client.session import Session
from torch import Tensor, nn

from dl_lab.nets import lenet5
from dl_lab.probe.capture import capture
from dl_lab.protocol import Message, encode
from dl_lab.train.threads import one_thread
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.layer_viewer import LayerViewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dl_lab.widgets.base.widget import Widget

ROUNDS = 60
RUNS = 3
EPOCHS = 10


class Block(nn.Module):
    """Two convolutions, and the input added."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        same = before == width and stride == 1
        self.short = nn.Identity() if same else nn.Conv2d(before, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Compute both paths."""
        y = self.norm2(self.second(self.relu(self.norm1(self.first(x)))))
        return self.relu(y + self.short(x))


def residual() -> nn.Sequential:
    """Return a network of 18 layers with weights, in nearly 80 calls."""
    shapes = [(64, 64, 1)] * 2 + [(64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1)]
    shapes += [(256, 512, 2), (512, 512, 1)]
    begin = [nn.Conv2d(3, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    blocks = [Block(*shape) for shape in shapes]
    return nn.Sequential(*begin, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class Page:
    """A page with a viewer on it, which acknowledges frames in a thread of its own."""

    def __init__(self, widget: Widget) -> None:
        self.session = Session(key=b"signed as a kernel does")
        self.widget = widget
        self.frames = 0
        self.seen = -1
        self.news = threading.Event()
        self.open = True
        widget.send = self._receive  # type: ignore[method-assign]
        self._say("hello", "0", view="page", have={})
        self._say("rows.watch", "1", view="page", rows=rows())
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()

    def _receive(self, content: dict[str, Any], buffers: Iterable[Any] | None = None) -> None:
        message = self.session.msg("comm_msg", {"data": {"method": "custom", "content": content}})
        for part in (*self.session.serialize(message), *(bytes(one) for one in buffers or ())):
            len(part)
        if content["kind"] == "frame.show":
            self.seen = content["seq"]
            self.frames += 1
            self.news.set()

    def _say(self, kind: str, identifier: str | None = None, **meta: object) -> None:
        content, _ = encode(Message(kind, meta, id=identifier))
        self.widget._handle_custom_msg(content, [])  # noqa: SLF001  # as its comm would

    def _live(self) -> None:
        while self.open:
            self.news.wait()
            self.news.clear()
            if self.open:
                self._say("ack", view="page", seq=self.seen)

    def close(self) -> None:
        """Leave."""
        self.open = False
        self.news.set()
        self.thread.join()


def seconds(act: Callable[[], object]) -> float:
    """Measure one run."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def capturing(name: str, model: nn.Module, inputs: Tensor, rounds: int = ROUNDS) -> None:
    """Compare a capture with a forward."""
    model.eval()

    def forward() -> None:
        with torch.no_grad():
            model(inputs)

    # The viewer keeps what it saw until it has seen the next.
    seen = [capture(model, inputs)]

    def look() -> None:
        seen[0] = capture(model, inputs)

    forward()
    bare, ratios = [], []
    for _ in range(rounds):
        plain = seconds(forward)
        bare.append(plain)
        ratios.append(seconds(look) / plain)
    extra = 1000 * median(bare) * (median(ratios) - 1)
    print(
        f"  {name:28} forward {1000 * median(bare):7.2f} ms, "
        f"capture {median(ratios):5.2f} forwards (+{extra:.2f} ms)"
    )


def attached() -> None:
    """Compare training under a viewer's eyes with training alone, epoch by epoch in turns."""
    images = torch.rand(8000, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 10, (8000,), generator=torch.Generator().manual_seed(1))

    def trainer() -> Trainer:
        model = lenet5()
        adam = torch.optim.Adam(model.parameters())
        loss = nn.functional.cross_entropy
        return Trainer(model, loss, adam, (images, labels), batch_size=50, seed=0, device="cpu")

    frames, ratios = 0, []
    for _ in range(RUNS):
        watched, alone = trainer(), trainer()
        viewer = LayerViewer(watched.model, images[:40], trainer=watched)
        page = Page(viewer)
        for epoch in range(-1, EPOCHS):
            order = (watched, alone) if epoch % 2 else (alone, watched)
            took = {one: seconds(lambda one=one: one.fit(1)) for one in order}  # type: ignore[misc]  # a lambda's default
            if epoch >= 0:  # the first warms up
                ratios.append(took[watched] / took[alone])
        frames += page.frames
        page.close()
        viewer.close()
        watched.close()
        alone.close()
    print(
        f"  attached to a trainer        {100 * (median(ratios) - 1):+.1f} % of its time, "
        f"{frames / RUNS / (EPOCHS + 1):.1f} frames an epoch"
    )


def rows() -> list[dict[str, int]]:
    """Return all layers of LeNet-5, as a tall page watches them."""
    return [
        {"layer": i, "first": 0, "count": 120, "height": 32, "width": 32, "depth": 0}
        for i in range(12)
    ]


def main() -> None:
    """Measure and print."""
    print("looking into networks")
    with one_thread():
        generator = torch.Generator().manual_seed(0)
        capturing("LeNet-5, 1 image", lenet5(), torch.rand(1, 1, 28, 28, generator=generator))
        capturing("LeNet-5, 64 images", lenet5(), torch.rand(64, 1, 28, 28, generator=generator))
        images = torch.rand(1, 3, 64, 64, generator=generator)
        capturing("residual net, 1 image 64×64", residual(), images)
    attached()


if __name__ == "__main__":
    main()
