"""LayerViewer from Python and by its protocol; the numbers themselves are tested in tests/probe."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.probe.looks.turns import one_look
from dl_lab.protocol import Message, encode
from tests.widgets.page import Page


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
            nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3),
        )  # fmt: skip


IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
ROWS = [
    {"layer": i, "first": 0, "count": 4, "height": 8, "width": 8} for i in range(len(network()))
]


@pytest.fixture
def viewer() -> Iterator[dl_lab.LayerViewer]:
    made = dl_lab.LayerViewer(network().eval(), IMAGES, classes=["a", "b", "c"])
    yield made
    made.close()


@pytest.fixture
def page(viewer: dl_lab.LayerViewer) -> Page:
    return opened(viewer)


def opened(viewer: dl_lab.LayerViewer) -> Page:
    page = Page(viewer)
    page.request("hello", view="page", have={})
    page.request("rows.watch", view="page", rows=ROWS)
    assert page.wait(lambda: page.frames() and page.frames()[-1].meta["rows"])
    return page


def shown(page: Page, act: Callable[[], object], **meta: object) -> Message:
    """Do `act` and wait for a frame that shows what it asked for: one may be on its way."""
    count = len(page.frames())
    act()
    wanted = meta.items()

    def there() -> bool:
        return any(wanted <= frame.meta.items() for frame in page.frames()[count:])

    assert page.wait(there)
    return [frame for frame in page.frames()[count:] if wanted <= frame.meta.items()][-1]


def draw(page: Page, pixels: np.ndarray[Any, Any]) -> Message:
    identifier = "draw"
    message = Message("input.draw", {}, {"pixels": pixels}, id=identifier)
    content, buffers = encode(message)
    page.widget._handle_custom_msg(content, buffers)
    (reply,) = [message for message in page.messages if message.id == identifier]
    page.messages.remove(reply)
    return reply


def settled(viewer: dl_lab.LayerViewer, page: Page) -> None:
    """Wait until it has looked for signs of trouble, and no frame is on its way any more."""
    assert page.wait(lambda: page.frames()[-1].meta["health"])
    page.next_frame(viewer.update)


class TestFrames:
    def test_hello_tells_the_layers_and_shows_the_examples(self, viewer):
        reply = Page(viewer).request("hello", view="page", have={})
        assert [layer["kind"] for layer in reply.meta["layers"]] == [
            *("Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Flatten", "Linear")
        ]
        assert reply.meta["layers"][0]["shape"] == [4, 8, 8]
        assert reply.meta["layers"][5]["sources"] == [4]
        assert reply.meta["classes"] == ["a", "b", "c"]
        assert reply.meta["picture"]["height"] == 8
        assert reply.arrays["thumbnails"].shape == (6, 8, 8, 1)

    def test_a_frame_holds_what_each_layer_answers(self, viewer, page):
        frame = page.next_frame(viewer.update)
        below = IMAGES[:1]
        with torch.no_grad():
            for i, layer in enumerate(viewer.model):
                below = layer(below.clone())
                if i == 1:
                    norm = below.clone()
                if below.ndim == 4:
                    expected = norm if i == 1 else below
                    assert np.array_equal(frame.arrays[f"row{i}"], expected[0].numpy())
        likely = below.softmax(1)[0]
        assert frame.meta["guesses"][0]["index"] == int(likely.argmax())
        assert frame.meta["guesses"][0]["probability"] == pytest.approx(float(likely.max()))
        assert frame.meta["largest"][5] == pytest.approx(float(below.abs().max()))

    def test_only_the_units_in_sight_are_sent(self, viewer, page):
        rows = [{"layer": 0, "first": 2, "count": 2, "height": 4, "width": 8}]
        assert page.wait(lambda: page.frames()[-1].meta["health"])
        reply = page.request("rows.watch", view="page", rows=rows)
        frame = page.next_frame(viewer.update)
        assert set(frame.arrays) == {"input", "row0"}
        with torch.no_grad():
            whole = viewer.model[0](IMAGES[:1])[0, 2:]
        for message in (reply, frame):
            assert np.array_equal(message.arrays["row0"], whole[:, 1::2].numpy())

    def test_rows_that_come_into_sight_are_sent_at_once_and_alone(self, viewer, page):
        settled(viewer, page)
        more = {"layer": 4, "first": 8, "count": 2, "height": 1, "width": 1}
        reply = page.request("rows.watch", view="page", rows=[*ROWS[:3], more])
        assert set(reply.arrays) == {"row4"}
        assert reply.meta["rows"] == [{"layer": 4, "first": 8, "depth": 0}]
        assert reply.meta["look"] == page.frames()[-1].meta["look"]
        with torch.no_grad():
            flat = viewer.model[:5](IMAGES[:1])[0, 8:10]
        assert np.array_equal(reply.arrays["row4"][:, 0, 0], flat.numpy())
        again = page.request("rows.watch", view="page", rows=[more])
        assert (again.meta["rows"], again.arrays) == ([], {})

    def test_nobody_waits_for_rows_while_another_looks(self, viewer, page):
        settled(viewer, page)
        began, over = threading.Event(), threading.Event()

        def look() -> None:
            with one_look(viewer.model):
                began.set()
                over.wait(20)

        thread = threading.Thread(target=look)
        thread.start()
        began.wait(20)
        more = {"layer": 4, "first": 8, "count": 2, "height": 1, "width": 1}
        reply = page.request("rows.watch", view="page", rows=[more])
        frames = len(page.frames())
        over.set()
        thread.join()
        assert (reply.meta["ok"], reply.arrays) == (True, {})
        assert page.wait(lambda: any("row4" in one.arrays for one in page.frames()[frames:]))
        assert page.frames()[-1].arrays["row4"].shape == (2, 1, 1)

    def test_another_look_has_another_number(self, viewer, page):
        looks = [page.next_frame(viewer.update).meta["look"] for _ in range(2)]
        page.request("input.choose", row=3)
        assert page.wait(lambda: page.frames()[-1].meta["row"] == 3)
        looks.append(page.frames()[-1].meta["look"])
        page.request("settings.set", scale="unit")
        looks.append(page.next_frame(viewer.update).meta["look"])
        assert looks[0] == looks[1] < looks[2] == looks[3]

    @pytest.mark.parametrize("show", ["gradients", "filters"])
    def test_gradients_and_filters(self, viewer, page, show):
        frame = shown(
            page, lambda: page.request("settings.set", show=show, target=1), show=show, target=1
        )
        assert frame.meta["show"] == show
        if show == "filters":
            weight = viewer.model[0].weight.detach()[:, 0].numpy()
            assert np.array_equal(frame.arrays["row0"], weight)
            # A ReLU is told to have none.
            assert "row2" not in frame.arrays
            assert {"layer": 2, "first": 0, "depth": 0} in frame.meta["rows"]
        else:
            assert np.array_equal(frame.arrays["row5"][:3, 0, 0], [0, 1, 0])
            weight = viewer.model[5].weight.detach()[1].view(4, 4, 4)
            assert np.allclose(frame.arrays["row3"], weight.numpy())

    @pytest.mark.parametrize(
        "method", ["saliency", "integrated_gradients", "grad_cam", "occlusion"]
    )
    def test_attributions(self, page, method):
        frame = shown(
            page, lambda: page.request("settings.set", attribution=method), attribution=method
        )
        assert frame.arrays["attribution"].shape == (8, 8)
        assert frame.meta["problem"] is None

    def test_what_cannot_be_shown_says_so_and_the_rest_is_there(self):
        viewer = dl_lab.LayerViewer(nn.Sequential(nn.Linear(2, 2)), torch.rand(3, 2))
        page = opened(viewer)
        page.request("settings.set", attribution="grad_cam")
        assert page.wait(lambda: page.frames()[-1].meta["problem"])
        frame = page.frames()[-1]
        assert frame.meta["problem"]["key"] == "no_convolution"
        assert frame.arrays["row0"].shape == (2, 1, 1)
        viewer.close()

    def test_what_the_model_raises_for_other_batches_is_said_beside_its_layers(self):
        class Single(nn.Linear):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                if len(x) > 1:
                    raise RuntimeError("one at a time")
                return super().forward(x)

        viewer = dl_lab.LayerViewer(nn.Sequential(Single(4, 2)), torch.rand(3, 4))
        page = opened(viewer)
        page.request("settings.set", attribution="occlusion")
        assert page.wait(lambda: page.frames()[-1].meta["problem"])
        frame = page.frames()[-1]
        assert frame.meta["problem"]["key"] == "model_failed"
        assert "one at a time" in frame.meta["problem"]["text"]
        assert frame.arrays["row0"].shape == (2, 1, 1)
        viewer.close()

    def test_whole_numbers_cannot_be_hidden(self):
        words = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
        viewer = dl_lab.LayerViewer(words, torch.randint(0, 9, (3, 3)))
        page = opened(viewer)
        page.request("settings.set", attribution="occlusion")
        assert page.wait(lambda: page.frames()[-1].meta["problem"])
        assert page.frames()[-1].meta["problem"]["key"] == "no_occlusion"
        viewer.close()

    def test_what_is_an_image_is_not_taken_for_classes(self):
        paint = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1))
        x = torch.rand(2, 1, 8, 8)
        viewer = dl_lab.LayerViewer(paint, x)
        assert viewer.classes == []
        assert viewer.guesses() == ()
        assert shown(opened(viewer), viewer.update).meta["guesses"] == []
        viewer.close()
        viewer = dl_lab.LayerViewer(paint, x, classes=("sky", "sea", "sand"))
        assert len(viewer.guesses()) == 3
        viewer.close()

    def test_signs_of_trouble(self, viewer, page):
        with torch.no_grad():
            viewer.model[1].bias[2] = -99.0
        page.next_frame(viewer.update)

        def told() -> bool:
            health = page.frames()[-1].meta["health"]
            return bool(health) and health[2]["dead"] == [2]

        viewer._composer.hurry()
        viewer.update()
        assert page.wait(told)


class TestInput:
    def test_what_is_drawn_is_looked_at(self, page):
        pixels = np.random.default_rng(0).integers(0, 256, (8, 8)).astype("u1")
        frame = shown(page, lambda: draw(page, pixels), row=None)
        low, high = float(IMAGES.min()), float(IMAGES.max())
        expected = pixels.astype("f4") / 255 * (high - low) + low
        assert np.allclose(frame.arrays["input"][0], expected, atol=1e-6)
        assert frame.meta["row"] is None
        frame = shown(page, lambda: page.request("input.choose", row=4), row=4)
        assert np.array_equal(frame.arrays["input"], IMAGES[4].numpy())
        assert frame.meta["row"] == 4

    def test_a_drawing_of_another_size_is_refused(self, page):
        reply = draw(page, np.zeros((9, 9), "u1"))
        assert reply.meta["error"]["key"] == "drawn_size"
        assert "8×8" in reply.meta["error"]["text"]

    @pytest.mark.parametrize(
        ("x", "shape"),
        [
            (IMAGES[0], (1, 8, 8)),
            (IMAGES[:, 0], (1, 8, 8)),
            (IMAGES.numpy(), (1, 8, 8)),
            (IMAGES[0, 0], (1, 8, 8)),
        ],
    )
    def test_batch_and_channel_are_completed(self, x, shape):
        viewer = dl_lab.LayerViewer(network().eval(), x)
        frame = opened(viewer).frames()[-1]
        assert frame.arrays["input"].shape == shape
        viewer.close()

    def test_batch_norm_in_train_mode_sees_the_batch(self, viewer, page):
        frame = shown(page, lambda: page.request("settings.set", mode="train"), mode="train")
        with torch.no_grad():
            maps = viewer.model[0](IMAGES)
            expected = nn.functional.batch_norm(maps, None, None, training=True)
        assert np.allclose(frame.arrays["row1"], expected[0].numpy(), atol=1e-5)
        assert viewer.model[1].running_mean.abs().max() == 0


class TestUnits:
    def test_a_formula_comes_with_its_numbers_and_maps(self, viewer, page):
        reply = page.request("unit.explain", layer=0, at=[1, 0, 3])
        own = viewer.model[0]
        assert reply.meta["kind"] == "convolution"
        assert reply.meta["result"] == pytest.approx(reply.meta["answer"], abs=1e-5)
        assert np.allclose(reply.arrays["weights"], own.weight[1].detach().numpy())
        assert reply.meta["numbers"]["bias"] == pytest.approx(own.bias[1].item())
        assert reply.meta["start"] == [-1, 2]
        assert np.array_equal(reply.arrays["below"], IMAGES[0, 0].numpy())
        assert reply.arrays["map"].shape == (8, 8)

    def test_frames_in_the_batch_and_a_last_step(self):
        class Frames(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = nn.Conv2d(1, 3, 3)
                self.scale = Scaled()

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.scale(self.conv(x.flatten(0, 1))).mean((2, 3)).softmax(0)

        class Scaled(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x.abs() * 2

        viewer = dl_lab.LayerViewer(Frames(), IMAGES.unsqueeze(1).repeat(1, 4, 1, 1, 1))
        page = opened(viewer)
        for number, at in enumerate(([2, 5, 5], [1, 0, 0], [2], [0])):
            meta = page.request("unit.explain", layer=number, at=at).meta
            assert meta["result"] == pytest.approx(meta["answer"], abs=1e-5)
            assert meta["last_step"] == ("mul" if number == 1 else "")
        frame = shown(
            page, lambda: page.request("unit.scale", layer=0, unit=2, factor=0), changes=1
        )
        rows = [{**one, "count": 3} for one in ROWS[:1]]
        images = page.request("rows.watch", view="page", rows=rows).arrays or frame.arrays
        assert not images["row0"][2].any()
        assert images["row0"][1].any()
        viewer.close()

    def test_why_there_is_no_formula(self):
        model = network().eval()
        model[0].register_forward_hook(lambda _, __, answer: answer + 1)
        viewer = dl_lab.LayerViewer(model, IMAGES)
        reply = opened(viewer).request("unit.explain", layer=0, at=[1, 0, 3])
        assert reply.meta["problem"]["key"] == "formula_hooked"
        assert "window" not in reply.arrays
        viewer.close()

    def test_what_is_no_unit_is_refused(self, page):
        assert (
            page.request("unit.explain", layer=0, at=[9, 0, 0]).meta["error"]["key"] == "no_place"
        )
        assert page.request("unit.explain", layer=9, at=[0]).meta["error"]["key"] == "whole"

    def test_what_a_unit_sees(self, page):
        reply = page.request("unit.field", layer=3, at=[0, 1, 1])
        assert (reply.meta["box"], reply.meta["exact"]) == ([[1, 5], [1, 5]], True)
        outside = reply.arrays["effective"].copy()
        outside[1:5, 1:5] = 0
        assert not outside.any()

    def test_taking_a_unit_out_and_back(self, viewer, page):
        before = page.next_frame(viewer.update)
        frame = shown(
            page, lambda: page.request("unit.scale", layer=0, unit=2, factor=0), changes=1
        )
        assert not frame.arrays["row0"][2].any()
        assert frame.meta["guesses"] != before.meta["guesses"]
        assert viewer.changes == [{"layer": "0", "call": 0, "unit": 2, "factor": 0.0}]
        viewer.scale_unit("3", 1, 2.0)
        page.request("changes.undo")
        assert len(viewer.changes) == 1
        frame = shown(page, lambda: page.request("changes.restore"), changes=0)
        assert viewer.changes == []
        assert frame.meta["guesses"] == before.meta["guesses"]
        reply = page.request("unit.scale", layer=0, unit=2, factor=99)
        assert reply.meta["error"]["key"] == "number"
        with pytest.raises(InputError, match="layer cannot be 'nope'"):
            viewer.scale_unit("nope", 0, 0.0)


class TestTrainer:
    @pytest.fixture
    def trainer(self) -> Iterator[dl_lab.Trainer]:
        model = network()
        targets = torch.randint(0, 3, (6,), generator=torch.Generator().manual_seed(2))
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        loss = nn.CrossEntropyLoss()
        made = dl_lab.Trainer(
            model, loss, sgd, (IMAGES, targets), batch_size=3, seed=0, device="cpu"
        )
        yield made
        made.close()

    def test_frames_follow_the_training_and_change_nothing(self, trainer):
        def weights() -> list[torch.Tensor]:
            return [one.clone() for one in trainer.model.state_dict().values()]

        trainer.fit(4)
        alone = weights()
        trainer.reset()
        viewer = dl_lab.LayerViewer(trainer.model, IMAGES, trainer=trainer)
        page = opened(viewer)
        viewer.set(show="gradients", mode="train")
        # The trainer keeps epoch 4 for as long as it has not done 80.
        trainer.pace = 5
        page.request("run.play")
        assert page.wait(lambda: page.frames()[-1].meta["training"]["epoch"] >= 4)
        # The next frame brings them.
        assert page.request("rows.watch", view="page", rows=ROWS[2:]).arrays == {}
        page.request("run.pause")
        assert viewer.state == "paused"
        trainer.rewind(trainer.checkpoints[trainer.kept_epochs.index(4)])
        assert all(torch.equal(one, other) for one, other in zip(alone, weights(), strict=True))
        viewer.close()

    @pytest.mark.parametrize("show", ["activations", "gradients", "filters"])
    def test_what_it_shows_moves_and_comes_back_with_the_epochs_kept(self, trainer, show):
        viewer = dl_lab.LayerViewer(trainer.model, IMAGES, trainer=trainer, show=show, target=1)
        page = opened(viewer)
        first = page.next_frame(viewer.update).arrays["row0"]
        trainer.fit(3)
        now = page.next_frame(viewer.update).arrays["row0"]
        assert not np.array_equal(first, now, equal_nan=True)
        kept = page.frames()[-1].meta["training"]["kept"]
        assert [one["epoch"] for one in kept] == [0, 1, 2, 3]
        step = kept[0]["step"]
        frame = shown(page, lambda: page.request("settings.set", kept=step), kept=step)
        assert np.array_equal(frame.arrays["row0"], first, equal_nan=True)
        # So do rows that come into sight, by a frame where someone is looking right now.
        reply = page.request("rows.watch", view="page", rows=[{**ROWS[0], "count": 3}])
        fewer = reply.arrays or page.next_frame(viewer.update).arrays
        assert np.array_equal(fewer["row0"], first[:3], equal_nan=True)
        page.request("rows.watch", view="page", rows=ROWS)
        reply = page.request("unit.explain", layer=0, at=[0, 4, 4])
        assert reply.meta["answer"] == pytest.approx(reply.meta["result"], abs=1e-5)
        frame = shown(page, lambda: page.request("settings.set", kept=None), kept=None)
        assert np.array_equal(frame.arrays["row0"], now, equal_nan=True)
        assert page.request("settings.set", kept=12345).meta["error"]["key"] == "no_checkpoint"
        viewer.close()

    def test_the_trainer_must_train_this_model(self, trainer):
        with pytest.raises(InputError, match="another model"):
            dl_lab.LayerViewer(network(), IMAGES, trainer=trainer)
        with pytest.raises(InputError, match="A Trainer is needed"):
            dl_lab.LayerViewer(network(), IMAGES, trainer=3)

    def test_without_one_nothing_can_be_played(self, page):
        assert page.request("run.play").meta["error"]["key"] == "no_control"


def traced() -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(nn.Linear(2, 2), torch.rand(1, 2))


class TestRefusals:
    @pytest.mark.parametrize(
        ("model", "x", "says"),
        [
            (nn.Linear, IMAGES, "Make one of it"),
            (3, IMAGES, "model must be an nn.Module"),
            (traced(), torch.rand(2, 2), "The model was made by torch.jit"),
            (nn.Sequential(nn.ReLU(), traced()), torch.rand(2, 2), "1 was made by torch.jit"),
            (nn.Linear(2, 2), "digits", "x must be a tensor"),
            (nn.Linear(2, 2), torch.empty(0, 2), "hold at least one row"),
            (nn.Linear(2, 2), torch.rand(4, 3), "The model raised RuntimeError"),
        ],
    )
    def test_are_sentences(self, model, x, says):
        with pytest.raises(InputError, match=says):
            dl_lab.LayerViewer(model, x)

    def test_of_settings(self, viewer):
        with pytest.raises(InputError, match="show cannot be 'weights'"):
            viewer.show = "weights"
        with pytest.raises(InputError, match="target must be a whole number between 0 and 2"):
            viewer.set(target=3)
        with pytest.raises(InputError, match="2 class names"):
            dl_lab.LayerViewer(viewer.model, IMAGES, classes=["a", "b"])
        with pytest.raises(TypeError, match="Did you mean 'classes'"):
            dl_lab.LayerViewer(viewer.model, IMAGES, clases=["a"])
        assert viewer.show == "activations"


KINDS = [
    (nn.Conv1d(2, 3, 3), torch.rand(2, 2, 9), "lines"),
    (nn.Conv3d(1, 2, 2), torch.rand(2, 1, 4, 4, 4), "volumes"),
    (nn.Conv2d(4, 4, 3, groups=4), torch.rand(2, 4, 5, 5), "maps"),
    (nn.LazyLinear(2), torch.rand(2, 5), "vector"),
    (nn.Embedding(5, 3), torch.tensor([[0, 4]]), "lines"),
]


@pytest.mark.parametrize(
    ("layer", "x", "layout"), KINDS, ids=["1d", "3d", "depthwise", "lazy", "embedding"]
)
def test_all_kinds_of_layers_are_shown(layer, x, layout):
    viewer = dl_lab.LayerViewer(nn.Sequential(layer, nn.Flatten()), x)
    page = opened(viewer)
    assert viewer._composer.layers[0]["layout"] == layout
    assert "row0" in page.frames()[-1].arrays
    viewer.close()


def test_closing_leaves_nothing_on_the_model(viewer, page):
    viewer.set(show="gradients", attribution="saliency")
    page.next_frame(viewer.update)
    viewer.close()
    for module in viewer.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(parameter.grad is None for parameter in viewer.model.parameters())


FIRST = [{**ROWS[0], "count": 2}]
SECOND = [{**ROWS[0], "first": 2, "count": 2}]


class TestViews:
    """What belongs to one view goes with it, and two views do not stand in each other's way."""

    def test_the_rows_of_a_view_that_vanished_do_not_hide_those_of_the_next(
        self, viewer, monkeypatch
    ):
        page = opened(viewer)
        page.request("rows.watch", view="page", rows=FIRST)
        # The page is loaded anew: its view says no goodbye, and acknowledges nothing.
        page.acknowledging = False
        monkeypatch.setattr("dl_lab.widgets.base.channel.PATIENCE", 0.05)
        viewer.update()
        assert page.wait(lambda: not viewer._channel.watching)
        monkeypatch.setattr("dl_lab.widgets.base.channel.PATIENCE", 1e9)
        page.request("hello", view="reloaded", have={})
        page.request("rows.watch", view="reloaded", rows=SECOND)
        frame = viewer.compose(touched=True)
        assert frame is not None
        assert frame.meta["rows"] == [{"layer": 0, "first": 2, "depth": 0}]
        with torch.no_grad():
            answer = viewer.model[0](IMAGES[:1])[0].numpy()
        assert np.array_equal(frame.arrays["row0"], answer[2:4])

    def test_rows_of_a_view_that_is_gone_are_forgotten(self, viewer, monkeypatch):
        page = opened(viewer)
        assert set(viewer._watched) == {"page"}
        page.leave()
        assert viewer.compose(touched=True).meta["rows"] == []
        assert viewer._watched == {}
        for name in ("one", "two"):
            page.request("hello", view=name, have={})
            page.request("rows.watch", view=name, rows=ROWS)
        monkeypatch.setattr("dl_lab.widgets.base.channel.SILENCE", 0.0)
        viewer.compose(touched=True)
        assert viewer._watched == {}

    def test_a_hidden_view_finds_its_rows_again(self, viewer, monkeypatch):
        page = opened(viewer)
        page.acknowledging = False
        monkeypatch.setattr("dl_lab.widgets.base.channel.PATIENCE", 0.05)
        viewer.update()
        assert page.wait(lambda: not viewer._channel.watching)
        assert viewer.compose(touched=True).meta["rows"] == []
        monkeypatch.setattr("dl_lab.widgets.base.channel.PATIENCE", 1e9)
        page.notice("ack", view="page", seq=10**6)
        assert len(viewer.compose(touched=True).meta["rows"]) == len(ROWS)

    def test_two_views_see_other_units_of_the_same_layer(self, viewer):
        page = opened(viewer)
        page.request("rows.watch", view="page", rows=FIRST)
        page.request("hello", view="second", have={})
        page.request("rows.watch", view="second", rows=SECOND)
        frame = viewer.compose(touched=True)
        rows = [(row["layer"], row["first"]) for row in frame.meta["rows"]]
        assert rows == [(0, 0), (0, 2)]
        with torch.no_grad():
            answer = viewer.model[0](IMAGES[:1])[0].numpy()
        whole = np.concatenate([frame.arrays["row0"], frame.arrays["row0.2"]])
        assert np.array_equal(whole, answer)
