"""Looks at networks, asked for in any order, with and without sense: never a failure."""

from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dl_lab
from dl_lab.protocol import Message, encode
from tests.widgets.page import Page

REQUESTS = 80


class Residual(nn.Module):
    """In-place ReLU, a depthwise convolution, a dictionary as its output."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.relu(self.norm(self.first(x)))
        y = self.relu(self.second(y) + y)
        return {"logits": self.head(y.mean((2, 3))), "maps": y}


class Words(nn.Module):
    """Whole numbers in, and a layer that returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.lstm = nn.LSTM(8, 12, batch_first=True)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.embedding(x))[0][:, -1])


NETWORKS = {
    "residual": (Residual, torch.rand(6, 3, 16, 16)),
    "words": (Words, torch.randint(0, 20, (5, 7))),
    "images out": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1)
        ),
        torch.rand(4, 1, 12, 12),
    ),
    "volumes": (
        lambda: nn.Sequential(nn.Conv3d(1, 3, 3), nn.Flatten(), nn.Linear(192, 2)),
        torch.rand(3, 1, 6, 6, 6),
    ),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv1d(4, 3), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3)),
        torch.rand(4, 2, 9),
    ),
    "not finite": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Softmax(1)), torch.rand(4, 2) / 0),
}


class Visitor:
    """Asks a viewer for whatever comes to its mind."""

    def __init__(self, viewer: dl_lab.LayerViewer, seed: int) -> None:
        self.viewer = viewer
        self.page = Page(viewer)
        self.choice = random.Random(seed).choice  # noqa: S311
        self.layers = self.page.request("hello", view="page", have={}).meta["layers"]

    def ask(self) -> Message:
        act = self.choice(
            ("rows", "set", "set", "example", "draw", "explain", "field", "scale", "to")
        )
        return getattr(self, act)()

    def place(self) -> dict[str, Any]:
        layer = self.choice(range(-1, len(self.layers) + 1))
        shape = self.layers[layer]["shape"] if 0 <= layer < len(self.layers) else [3]
        # One behind the last now and then.
        return {"layer": layer, "at": [self.choice(range(size + 1)) for size in shape]}

    def rows(self) -> Message:
        rows = [
            {
                "layer": layer,
                "first": self.choice((0, 0, 3, 99)),
                "count": 20,
                "height": self.choice((1, 9)),
                "width": self.choice((1, 9)),
                "depth": 2,
            }
            for layer in range(len(self.layers))
        ]
        return self.page.request("rows.watch", view="page", rows=rows)

    def set(self) -> Message:
        methods = (None, "saliency", "integrated_gradients", "grad_cam", "occlusion")
        values = {
            "mode": ("eval", "train", "x"),
            "show": ("activations", "gradients", "filters"),
            "scale": ("unit", "layer", "network"),
            "attribution": methods,
            "target": (None, 0, 1, 99),
            "kept": (None, 0, 7),
        }
        name = self.choice(tuple(values))
        return self.page.request("settings.set", **{name: self.choice(values[name])})

    def example(self) -> Message:
        return self.page.request("input.choose", row=self.choice((0, 1, 2, 99, -1, "a", None)))

    def draw(self) -> Message:
        pixels = np.full(self.choice(((12, 12), (16, 16, 3), (3, 3))), 200, np.uint8)
        content, buffers = encode(Message("input.draw", {}, {"pixels": pixels}, id="draw"))
        self.viewer._handle_custom_msg(content, buffers)
        return [one for one in self.page.messages if one.id == "draw"][-1]

    def explain(self) -> Message:
        return self.page.request("unit.explain", **self.place(), source=self.choice((None, 0, 99)))

    def field(self) -> Message:
        return self.page.request("unit.field", **self.place())

    def scale(self) -> Message:
        unit, factor = self.choice((0, 1, 99, "x")), self.choice((0, 1, 2.5, -3, 99, "x"))
        layer = self.choice(range(len(self.layers)))
        return self.page.request("unit.scale", layer=layer, unit=unit, factor=factor)

    def to(self) -> Message:
        kinds = ("changes.undo", "changes.restore", "run.play", "run.pause")
        return self.page.request(self.choice(kinds))


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_request_has_an_answer_and_no_frame_fails(name, caplog):
    make, x = NETWORKS[name]
    torch.manual_seed(0)
    viewer = dl_lab.LayerViewer(make(), x)
    visitor = Visitor(viewer, seed=1)
    with caplog.at_level(logging.ERROR):
        for _ in range(REQUESTS):
            reply = visitor.ask()
            assert reply.meta["ok"] or reply.meta["error"]["key"] != "unexpected", reply.meta
            # Not only the few that the stream has time for.
            assert viewer.compose(touched=True) is not None
        assert visitor.page.next_frame(viewer.update).kind == "frame.show"
    assert [record.getMessage() for record in caplog.records] == []
    assert len(visitor.page.frames()) > 1
    viewer.close()
