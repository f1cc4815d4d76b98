"""Looking at a large network keeps nobody waiting: shown with layers that the test opens.

Nothing here looks at a clock. A look stands in the middle of a layer for as long as the test wants,
and everything else has to happen meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dl_lab
from dl_lab.probe.attribution import METHODS, Attribution
from dl_lab.probe.looks.turns import is_looked_at
from dl_lab.probe.untouched import weights_of
from dl_lab.protocol import Message, encode
from tests.widgets.page import Page

LIMIT = 120.0
# What a module counts in an attribute of its own is put back by a look.
CALLS: Counter[nn.Module] = Counter()
SEEN: Counter[nn.Module] = Counter()
X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))


class Gate(nn.Module):
    """A layer that waits, from the call on that the test says, until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = threading.Event(), threading.Event()
        self.opened.set()
        self.for_looks_alone = False

    def shut(self) -> None:
        self.reached.clear()
        self.opened.clear()

    def forward(self, x: Tensor) -> Tensor:
        CALLS[self] += 1
        SEEN[self] += not self.training
        if not (self.opened.is_set() or (self.for_looks_alone and self.training)):
            self.reached.set()
            assert self.opened.wait(LIMIT)
        return x * 1


class Count(nn.Module):
    """Counts the looks that come past."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            CALLS[self] += 1
        return x * 1


def large() -> nn.Sequential:
    """Return what stands for a network that takes long: at its gate."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), Gate(), nn.ReLU(), Count(),
            nn.Flatten(), nn.Linear(256, 3),
        )  # fmt: skip


def small() -> dl_lab.Trainer:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Dropout(), nn.Linear(8, 3))
    return trainer_of(model)


def trainer_of(model: nn.Module) -> dl_lab.Trainer:
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    data = X, torch.tensor([0, 1, 2, 0])
    return dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, data, seed=0, device="cpu")


def opened(viewer: dl_lab.LayerViewer) -> Page:
    page = Page(viewer)
    rows = [{"layer": i, "first": 0, "count": 4, "height": 8, "width": 8} for i in range(4)]
    page.request("hello", view="page", have={})
    page.request("rows.watch", view="page", rows=rows)
    assert page.wait(lambda: page.frames() and page.frames()[-1].meta["health"])
    return page


class Looked:
    """A viewer of a large network, in the midst of a look."""

    def __init__(self, trainer: dl_lab.Trainer | None = None) -> None:
        self.model = large() if trainer is None else trainer.model
        self.gate, self.behind = self.model[1], self.model[3]
        self.viewer = dl_lab.LayerViewer(self.model, X, trainer=trainer)
        self.page = opened(self.viewer)

    def stop_at_the_gate(self, look: Callable[[], object]) -> None:
        self.gate.shut()
        threading.Thread(target=look, daemon=True).start()
        assert self.gate.reached.wait(LIMIT)

    def ask(self, kind: str, **meta: Any) -> None:
        """Send a request whose answer nobody waits for."""
        content, _ = encode(Message(kind, meta, id="open"))
        self.viewer._handle_custom_msg(content, [])


@pytest.fixture
def looked() -> Iterator[Looked]:
    made = Looked()
    yield made
    made.gate.opened.set()
    made.viewer.close()


UNIT = {"layer": 0, "at": [1, 2, 3]}
LOOKS: dict[str, Callable[[Looked], object]] = {
    "another input": lambda look: look.page.request("input.choose", row=1),
    "a drawing": lambda look: (
        look.viewer._look.draw(np.zeros((8, 8), "u1")) or look.viewer.update()
    ),
    "gradients": lambda look: look.page.request("settings.set", show="gradients"),
    "train mode": lambda look: look.page.request("settings.set", mode="train"),
    **{
        method: lambda look, method=method: look.page.request("settings.set", attribution=method)  # type: ignore[misc]  # a lambda's default
        for method in METHODS
    },
    "a unit taken out": lambda look: look.page.request("unit.scale", layer=0, unit=1, factor=0),
    "a click": lambda look: (
        nn.init.normal_(look.model[0].weight),
        look.ask("unit.explain", **UNIT),
    ),
    "a receptive field": lambda look: look.ask("unit.field", **UNIT),
    "the guesses": lambda look: look.viewer._look.choose(2) or look.viewer.guesses(),
}


@pytest.mark.parametrize("kind", LOOKS)
def test_while_any_look_stands_others_train_answer_and_close(looked, kind, monkeypatch):
    monkeypatch.setattr("dl_lab.widgets.base.channel.CLOSING", 0.01)
    monkeypatch.setattr("dl_lab.widgets.base.in_turn.PATIENCE", 0.01)
    looked.stop_at_the_gate(lambda: LOOKS[kind](looked))
    trainer = small()
    viewer = dl_lab.LayerViewer(trainer.model, X, trainer=trainer, mode="train")
    page = opened(viewer)
    trainer.start()
    steps, frames = trainer.steps, len(page.frames())
    assert page.wait(lambda: trainer.steps > steps + 50 and len(page.frames()) > frames)
    assert page.request("unit.explain", layer=1, at=[2]).meta["ok"]
    trainer.pause()
    assert trainer.state == "paused"
    assert page.request("unit.field", layer=1, at=[2]).meta["ok"]
    viewer.close()
    trainer.close()
    looked.viewer.close()
    assert not looked.gate.opened.is_set()
    # What stood there ends at the next layer, and nothing is left of it.
    calls = CALLS[looked.behind]
    looked.gate.opened.set()
    assert page.wait(lambda: not is_looked_at(looked.model))
    assert CALLS[looked.behind] == calls or kind == "the guesses"
    assert all("forward" not in vars(module) for module in looked.model)


def test_a_closed_viewer_answers_in_python(looked):
    before = looked.viewer.guesses()
    looked.viewer.close()
    looked.viewer.choose(3)
    assert len(looked.viewer.guesses()) == len(before)
    looked.viewer.choose(0)
    assert looked.viewer.guesses() == before


def test_an_attribution_that_is_turned_off_ends(looked, monkeypatch):
    monkeypatch.setattr("dl_lab.probe.looks.passes.MEMORY", 0)
    looked.stop_at_the_gate(
        lambda: looked.page.request("settings.set", attribution="integrated_gradients")
    )
    calls = CALLS[looked.gate]
    frames = len(looked.page.frames())
    assert looked.page.request("settings.set", attribution=None).meta["ok"]
    looked.gate.opened.set()
    assert looked.page.wait(lambda: len(looked.page.frames()) > frames)
    assert looked.page.wait(lambda: not looked.viewer._composer.is_busy)
    frame = looked.page.frames()[-1]
    assert (frame.meta["attribution"], frame.meta["progress"]) == (None, None)
    assert CALLS[looked.gate] == calls


def test_the_page_is_told_how_far_it_is(looked, monkeypatch):
    monkeypatch.setattr("dl_lab.probe.looks.passes.MEMORY", 0)
    monkeypatch.setattr("dl_lab.widgets.layer_viewer.composer._SLICE", 0.0)
    page = looked.page
    page.request("settings.set", attribution="integrated_gradients")
    assert page.wait(lambda: page.frames()[-1].meta["attribution"])
    told = [frame.meta["progress"] for frame in page.frames() if frame.meta["progress"]]
    told = [one for one in told if one["name"] == "integrated_gradients"]
    assert [one["done"] for one in told] == sorted({one["done"] for one in told})
    assert len(told) >= 16
    assert {one["of"] for one in told} == {32}
    # With the same images all the while, for which nobody need ask again.
    assert len({frame.meta["look"] for frame in page.frames()[-len(told) :]}) == 1
    expected = Attribution(looked.model, X[:1]).integrated_gradients(
        page.frames()[-1].meta["target"]
    )
    found = page.frames()[-1].arrays["attribution"]
    assert np.allclose(found, expected.numpy(), atol=1e-5)


def test_a_click_comes_before_what_is_computed_aside_which_then_insists(looked, monkeypatch):
    monkeypatch.setattr("dl_lab.probe.looks.passes.MEMORY", 0)
    page = looked.page
    looked.stop_at_the_gate(
        lambda: page.request("settings.set", attribution="integrated_gradients")
    )
    behind = CALLS[looked.behind]
    looked.ask("unit.field", **UNIT)
    # It waits for the network: the pass is to be called off.
    assert page.wait(lambda: looked.viewer._look._asked)
    looked.gate.opened.set()
    assert page.wait(lambda: any(one.id == "open" for one in page.messages))
    (answer,) = [one for one in page.messages if one.id == "open"]
    assert answer.meta["ok"]
    assert CALLS[looked.behind] > behind
    assert page.wait(lambda: page.frames()[-1].meta["attribution"])


class TestTrainer:
    """The trainer that is followed need not wait for the end of a look, either."""

    @pytest.fixture
    def looked(self) -> Iterator[Looked]:
        made = Looked(trainer_of(large()))
        made.gate.for_looks_alone = True
        yield made
        made.gate.opened.set()
        made.viewer.close()
        made.viewer.trainer.close()

    def test_a_pause_calls_a_look_off_which_comes_again(self, looked):
        trainer, page, told = looked.viewer.trainer, looked.page, []
        trainer.start()
        looked.stop_at_the_gate(lambda: page.request("input.choose", row=2))
        behind = CALLS[looked.behind]
        trainer.on_change(lambda: told.append((trainer.state, CALLS[looked.behind])))
        trainer.pause(wait=False)
        looked.gate.opened.set()
        assert page.wait(lambda: told)
        assert told == [("paused", behind)]
        assert page.wait(lambda: page.frames()[-1].meta["row"] == 2)

    def test_so_does_a_start(self, looked):
        trainer, page = looked.viewer.trainer, looked.page
        looked.stop_at_the_gate(lambda: page.request("input.choose", row=2))
        trainer.start(1)
        looked.gate.opened.set()
        assert page.wait(lambda: trainer.state == "finished")
        assert page.wait(lambda: page.frames()[-1].meta["row"] == 2)
        assert SEEN[looked.gate] > CALLS[looked.behind]

    def test_so_does_a_command(self, looked):
        trainer, page = looked.viewer.trainer, looked.page
        looked.stop_at_the_gate(lambda: page.request("input.choose", row=2))
        behind, found = CALLS[looked.behind], []

        def ask() -> None:
            found.append(trainer.call(lambda: CALLS[looked.behind]).result())

        threading.Thread(target=ask, daemon=True).start()
        assert page.wait(lambda: trainer.is_wanted)
        looked.gate.opened.set()
        assert page.wait(lambda: found)
        assert found == [behind]
        assert page.wait(lambda: page.frames()[-1].meta["row"] == 2)

    def test_an_attribution_goes_on_with_the_weights_it_began_with(self, looked, monkeypatch):
        monkeypatch.setattr("dl_lab.probe.looks.passes.MEMORY", 0)
        monkeypatch.setattr("dl_lab.widgets.layer_viewer.composer._SLICE", 0.0)
        monkeypatch.setattr("dl_lab.widgets.layer_viewer.widget.SHARE", 1.0)
        trainer, page = looked.viewer.trainer, looked.page
        target = 1
        viewer = looked.viewer
        viewer.set(target=target, attribution="integrated_gradients")
        assert page.wait(lambda: page.frames()[-1].meta["attribution"])
        first = Attribution(looked.model, X[:1]).integrated_gradients(target)
        trainer.start()
        begun: list[Any] = []

        def job() -> bool:
            now = viewer._composer._attribution
            if now is not None and now._weights is not None and not begun:
                begun.append(now)
            return bool(begun) and begun[0].next is None

        assert page.wait(job)
        trainer.pause()
        moved = looked.model[0].weight.detach().clone()
        with weights_of(looked.model, begun[0]._weights):
            expected = Attribution(looked.model, X[:1]).integrated_gradients(target)
        assert torch.allclose(begun[0].result, expected, atol=1e-5)
        assert not torch.allclose(expected, first, atol=1e-6)
        assert torch.equal(looked.model[0].weight, moved)
