"""What looking at large networks costs others: their time, their patience, and memory.

Each look in a process of its own, at a network of 50 layers with weights in bottlenecks (as
ResNet-50) or at one of 12 blocks of attention (22 million parameters), with one image of 224².
Meanwhile a small network with dropout trains, with a viewer of its own on a page.

- *others*: its steps in a second while somebody looks, beside a second in which nobody does, in
  turns; the median of the ratios.
- *pause*: the longest that it took to pause it meanwhile.
- *off*, *close*: until nothing was computed for an attribution that was turned off, and until
  the viewer was closed in mid-look.
- *memory*: the most that the process ever held, without what it held before there was a viewer.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from benchmarks.layers import Page
from dl_lab.protocol import Message, encode
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.layer_viewer import LayerViewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SECONDS = 1.0
PAIRS = 7
PAUSES = 5

ATTRIBUTIONS = ("saliency", "integrated_gradients", "grad_cam", "occlusion")
LOOKS = ("layers", "gradients", "unit.explain", "unit.field", *ATTRIBUTIONS)


class Bottleneck(nn.Module):
    """Three convolutions, and the input added."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        shapes = [(before, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]
        self.convs = nn.ModuleList(
            nn.Conv2d(one, other, side, step, side // 2, bias=False)
            for one, other, side, step in shapes
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(other) for _, other, _, _ in shapes)
        self.relu = nn.ReLU(inplace=True)
        same = before == 4 * width and stride == 1
        self.short = nn.Identity() if same else nn.Conv2d(before, 4 * width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Compute both paths."""
        y = x
        for index, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            y = norm(conv(y))
            y = self.relu(y) if index < len(self.convs) - 1 else y
        return self.relu(y + self.short(x))


def bottlenecks() -> nn.Sequential:
    """Return a network of 25 million parameters."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    before = 64
    for width, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for index in range(count):
            layers.append(Bottleneck(before, width, 2 if index == 0 and width > 64 else 1))  # noqa: PLR2004
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000))


class Block(nn.Module):
    """Attention in six heads, written out, then two linear layers."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Add what was attended to, then what the linear layers make of it."""
        rows, length, width = x.shape
        given = self.qkv(self.norm1(x)).reshape(rows, length, 3, self.heads, -1)
        queries, keys, values = given.permute(2, 0, 3, 1, 4)
        shares = (queries @ keys.transpose(-2, -1) / (width // self.heads) ** 0.5).softmax(-1)
        mixed = (self.drop(shares) @ values).transpose(1, 2).reshape(rows, length, width)
        x = x + self.out(mixed)
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Attention(nn.Module):
    """Patches of 16 by 16 pixels that attend to each other."""

    def __init__(self, width: int = 384, heads: int = 6, blocks: int = 12) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.places = nn.Parameter(0.02 * torch.randn(1, 196, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of 1,000 classes."""
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.head(self.norm(self.blocks(tokens)).mean(1))


NETWORKS: dict[str, Callable[[], nn.Module]] = {"bottlenecks": bottlenecks, "attention": Attention}


def small() -> Trainer:
    """Return the run that must not suffer."""
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 2))
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    data = torch.rand(2000, 20), torch.randint(0, 2, (2000,))
    loss = nn.CrossEntropyLoss()
    return Trainer(model, loss, sgd, data, batch_size=20, seed=0, device="cpu")


class Looking:
    """A viewer of a large network, and somebody who looks in one way for as long as wanted."""

    def __init__(self, viewer: LayerViewer, kind: str) -> None:
        self._viewer = viewer
        self._kind = kind
        self._asked = 0
        self._answered = threading.Event()
        self._on = threading.Event()
        self._page = Page(viewer)
        receive = viewer.send

        def send(content: dict[str, Any], buffers: Iterable[bytes] | None = None) -> None:
            receive(content, buffers)
            if content.get("id") == f"page.{self._asked}":
                self._answered.set()

        viewer.send = send  # type: ignore[method-assign]
        threading.Thread(target=self._ask, daemon=True).start()

    def _say(self, kind: str, **meta: object) -> None:
        content, _ = encode(Message(kind, meta, id=f"page.{self._asked}"))
        self._viewer._handle_custom_msg(content, [])  # noqa: SLF001  # as its comm would

    def _ask(self) -> None:
        while True:
            self._on.wait()
            self._asked += 1
            self._answered.clear()
            layer = self._viewer._composer.layers[self._asked % 100]  # noqa: SLF001
            if self._kind == "layers":
                # Another input: all is looked at anew.
                self._say("input.choose", row=self._asked % 4)
            elif self._kind in {"unit.explain", "unit.field"} and layer["shape"]:
                at = [0] * len(layer["shape"])
                self._say(self._kind, layer=self._asked % 100, at=at)
            elif self._kind in ATTRIBUTIONS:
                # Another class, before the last one is done.
                self._say("settings.set", target=self._asked % 1000)
            else:
                self._say("settings.set", target=self._asked % 1000)
            self._answered.wait()
            time.sleep(0.1 if self._kind.startswith("unit") else 1.0)

    def start(self) -> None:
        """Look."""
        if self._kind in ATTRIBUTIONS:
            self._viewer.set(attribution=self._kind)
        if self._kind == "gradients":
            self._viewer.set(show="gradients")
        self._on.set()

    def stop(self) -> float:
        """Look no more; return how long that took."""
        self._on.clear()
        self._answered.wait()
        began = time.perf_counter()
        self._viewer.set(attribution=None, show="activations")
        while self._viewer._composer.is_attributing:  # noqa: SLF001
            time.sleep(0.001)
        return time.perf_counter() - began


def rate(trainer: Trainer) -> float:
    """Return the steps a second."""
    began, before = time.perf_counter(), trainer.steps
    time.sleep(SECONDS)
    return (trainer.steps - before) / (time.perf_counter() - began)


def peak() -> float:
    """Return the most memory that the process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(network: str, kind: str) -> dict[str, float]:
    """Look in one way, and see what it costs."""
    torch.manual_seed(0)
    model = NETWORKS[network]().eval()
    images = torch.rand(4, 3, 224, 224)
    with torch.no_grad():
        model(images[:1])
    before = peak()
    viewer = LayerViewer(model, images)
    trainer = small()
    beside = LayerViewer(trainer.model, torch.rand(4, 20), trainer=trainer)
    page = Page(beside)
    looking = Looking(viewer, kind)
    trainer.start()
    rate(trainer)
    ratios, offs, pauses = [], [], []
    for pair in range(PAIRS):
        alone = rate(trainer) if pair % 2 else 0.0
        looking.start()
        time.sleep(0.2)
        during = rate(trainer)
        if pair < PAUSES:
            began = time.perf_counter()
            trainer.pause()
            pauses.append(time.perf_counter() - began)
            trainer.resume()
        offs.append(looking.stop())
        time.sleep(0.3)
        ratios.append(during / (alone or rate(trainer)))
    looking.start()
    time.sleep(0.5)
    began = time.perf_counter()
    viewer.close()
    closed = time.perf_counter() - began
    page.close()
    beside.close()
    trainer.close()
    return {
        "others": 1 - median(ratios),
        "pause": max(pauses),
        "off": max(offs),
        "close": closed,
        "memory": peak() - before,
    }


def main() -> None:
    """Measure and print."""
    print("looking at large networks while another one trains")
    for network in NETWORKS:
        for kind in LOOKS:
            command = [sys.executable, "-m", "benchmarks.looking", network, kind]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found = json.loads(output.splitlines()[-1])
            print(
                f"  {network:12} {kind:21} others {-100 * found['others']:+6.1f} %, "
                f"pause {1000 * found['pause']:4.0f} ms, off {1000 * found['off']:4.0f} ms, "
                f"close {1000 * found['close']:4.0f} ms, memory {found['memory']:5.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(measure(*sys.argv[1:])))
    else:
        main()
