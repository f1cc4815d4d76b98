"""Somebody who asks a LayerViewer for whatever comes to mind, with and without sense."""

from __future__ import annotations

import logging
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import dl_lab
from dl_lab.protocol import Message, encode
from tests.lengths import times
from tests.widgets.page import Page

if TYPE_CHECKING:
    import pytest


METHODS = (None, "saliency", "integrated_gradients", "grad_cam", "occlusion")


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
        values = {
            "mode": ("eval", "train", "x"),
            "show": ("activations", "gradients", "filters"),
            "scale": ("unit", "layer", "network"),
            "attribution": METHODS,
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


def walk(
    viewer: dl_lab.LayerViewer, caplog: pytest.LogCaptureFixture, requests: int = 24
) -> Visitor:
    """Ask a viewer for this and that: every request has an answer, every frame is there."""
    visitor = Visitor(viewer, seed=1)
    each = [partial(visitor.page.request, "settings.set", attribution=one) for one in METHODS]
    with caplog.at_level(logging.ERROR):
        for ask in [*each[::-1], *[visitor.ask] * times(requests)]:
            reply = ask()
            assert reply.meta["ok"] or reply.meta["error"]["key"] != "unexpected", reply.meta
            # Not only the few that the stream has time for.
            assert viewer.compose(touched=True) is not None
    assert [record.getMessage() for record in caplog.records] == []
    return visitor
