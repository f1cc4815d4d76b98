"""LayerViewer on what people give it: images in any shape, detectors, graphs, numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as f

import dl_lab
from dl_lab.probe.attribution import Attribution
from dl_lab.probe.looks.passes import finished
from tests.probe.given import GIVEN, Of
from tests.widgets.page import Page
from tests.widgets.visitor import walk

pytestmark = pytest.mark.filterwarnings(
    "ignore:Lazy modules are a new feature",
    # PyTorch's own forward-mode derivatives.
    "ignore:.torch.jit.script. is deprecated",
)


def classifier(kind: str) -> nn.Module:
    """Return one network for images of 8×8 numbers, whatever shape they have."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        conv, head = nn.Conv2d(1, 3, 3), nn.Linear(108, 5)
    shapes = {"flat": (1, 8, 8), "rows": (1, 8, 8), "channel": (1, 8, 8)}
    return Of(
        lambda self, x: self.head(self.conv(x.reshape(-1, *shapes[kind])).relu().flatten(1)),
        conv=conv,
        head=head,
    )


IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
SHAPES = {"flat": (4, 64), "rows": (4, 8, 8), "channel": (4, 1, 8, 8)}


def frame(viewer: dl_lab.LayerViewer, **settings: Any) -> Any:
    viewer.set(**settings)
    return viewer.compose(touched=True)


@pytest.mark.parametrize("name", GIVEN)
def test_every_request_has_an_answer(name, caplog):
    torch.manual_seed(0)
    viewer = dl_lab.LayerViewer(GIVEN[name].model(), GIVEN[name].x)
    walk(viewer, caplog, requests=8)
    viewer.close()


@pytest.mark.parametrize("kind", ["flat", "rows"])
def test_images_are_seen_in_whichever_shape_they_are(kind):
    plain = dl_lab.LayerViewer(classifier("channel"), IMAGES)
    viewer = dl_lab.LayerViewer(classifier(kind), IMAGES.reshape(SHAPES[kind]))
    hello = Page(viewer).request("hello", view="page", have={})
    assert (hello.meta["picture"]["height"], hello.meta["picture"]["width"]) == (8, 8)
    assert np.array_equal(
        hello.arrays["thumbnails"], Page(plain).request("hello", view="page").arrays["thumbnails"]
    )
    viewer.choose(2)
    plain.choose(2)
    for method in ("saliency", "integrated_gradients", "grad_cam", "occlusion"):
        found = frame(viewer, attribution=method, target=1)
        expected = frame(plain, attribution=method, target=1)
        assert found.meta["problem"] is None
        assert np.array_equal(found.arrays["input"], IMAGES[2].numpy())
        assert found.arrays["attribution"].shape == (8, 8)
        assert np.allclose(
            found.arrays["attribution"], expected.arrays["attribution"], atol=1e-6
        ), method
    page = Page(viewer)
    seen = page.request("unit.field", layer=0, at=[1, 2, 3])
    assert seen.meta["box"] == [[2, 5], [3, 6]]
    effective = seen.arrays["effective"]
    assert effective.shape == (8, 8)
    assert effective[2:5, 3:6].any()
    assert effective.sum() == pytest.approx(effective[2:5, 3:6].sum())
    viewer._look.draw(np.full((8, 8), 255, np.uint8))
    assert np.allclose(viewer.compose(touched=True).arrays["input"], float(IMAGES.max()))
    plain.close()
    viewer.close()


def test_colours_may_stand_last():
    images = torch.rand(4, 8, 8, 3)
    viewer = dl_lab.LayerViewer(GIVEN["colours last"].model(), images)
    found = frame(viewer, attribution="saliency", target=0)
    assert np.array_equal(found.arrays["input"], images[0].permute(2, 0, 1).numpy())
    own = images[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(viewer.model(own)[0, 0], own)
    assert np.allclose(found.arrays["attribution"], gradient[0].abs().amax(2).numpy(), atol=1e-6)
    viewer.close()


def test_bytes_are_drawn_as_bytes():
    viewer = dl_lab.LayerViewer(GIVEN["bytes"].model(), GIVEN["bytes"].x)
    viewer._look.draw(np.full((8, 8), 255, np.uint8))
    assert (viewer.compose(touched=True).arrays["input"] == float(GIVEN["bytes"].x.max())).all()
    viewer.close()


def test_a_detector_that_finds_nothing_shows_its_layers_and_says_so():
    viewer = dl_lab.LayerViewer(GIVEN["finds nothing"].model(), GIVEN["finds nothing"].x)
    layers = {layer["name"]: layer for layer in viewer._composer.layers}
    assert layers["body"]["shape"] == [4, 14, 14]
    assert layers["boxes"]["layout"] is None
    assert layers["boxes"]["note"]["text"] == (
        "boxes returned nothing for this input: its answer has the shape [0, 4], as that of a "
        "detector that finds nothing."
    )
    assert viewer.guesses() == ()
    viewer.close()


class TestGuesses:
    @pytest.mark.parametrize(
        "model",
        [
            GIVEN["finds something"].model(),
            # Several answers; numbers, not classes; an image again.
            Of(lambda self, x: (self.a(x), self.a(x)), a=nn.Linear(64, 3)),
            Of(lambda self, x: {"age": self.a(x), "size": self.a(x)}, a=nn.Linear(64, 3)),
            nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 1)),
            nn.Sequential(nn.Linear(64, 8), nn.Linear(8, 64)),
            GIVEN["random in every mode"].model(),
        ],
    )
    def test_only_of_classifiers(self, model):
        x = torch.rand(2, 3, 9, 9) if hasattr(model, "boxes") else torch.rand(3, 64)
        viewer = dl_lab.LayerViewer(model, x)
        assert viewer.classes == []
        assert viewer.guesses() == ()
        viewer.close()

    def test_not_of_a_network_that_learns_numbers(self):
        model, x = nn.Linear(4, 3), torch.rand(8, 4)
        for loss, count in ((f.mse_loss, 0), (nn.L1Loss(), 0), (nn.CrossEntropyLoss(), 3)):
            y = torch.zeros(8, dtype=torch.long) if count else torch.zeros(8, 3)
            optimizer = torch.optim.SGD(model.parameters(), 0.1)
            trainer = dl_lab.Trainer(model, loss, optimizer, (x, y))
            viewer = dl_lab.LayerViewer(model, x, trainer=trainer)
            assert len(viewer.guesses()) == count
            viewer.close()

    def test_of_logits_and_of_what_fits_the_names(self):
        for name in ("logits", "classes"):
            model = Of(
                lambda self, x, name=name: {"boxes": self.b(x), name: self.a(x)},
                a=nn.Linear(4, 3),
                b=nn.Linear(4, 2),
            )
            names = None if name == "logits" else ["x", "y", "z"]
            x = torch.rand(5, 4)
            viewer = dl_lab.LayerViewer(model, x, classes=names)
            likely = model.a(x)[0].softmax(0).detach()
            assert viewer.guesses(1)[0].index == int(likely.argmax())
            assert viewer.guesses(1)[0].probability == pytest.approx(float(likely.max()))
            found = frame(viewer, attribution="saliency", target=2)
            assert np.allclose(
                found.arrays["attribution"], model.a.weight[2].abs().detach().numpy(), atol=1e-6
            )
            viewer.close()

    def test_classes_that_stand_last(self):
        model = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3))
        viewer = dl_lab.LayerViewer(model, torch.randint(0, 9, (2, 5)), classes=["x", "y", "z"])
        scores = model(viewer._look.inputs("eval")[0])[0].mean(0)
        assert viewer.guesses(1)[0].score == pytest.approx(float(scores.detach().max()))
        viewer.close()


class Conv1D(nn.Module):
    """GPT-2's layer of that name, which is a linear one."""

    def __init__(self, out: int, given: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(given, out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class TestGradCam:
    def test_a_convolution_is_none_by_its_name(self):
        model = nn.Sequential(nn.Embedding(9, 4), Conv1D(6, 4), nn.Flatten(), nn.Linear(30, 2))
        viewer = dl_lab.LayerViewer(model, torch.randint(0, 9, (2, 5)))
        assert frame(viewer, attribution="grad_cam").meta["problem"]["key"] == "no_convolution"
        viewer.close()

    def test_of_the_last_convolution_that_the_score_depends_on(self):
        def forward(self, x):
            hidden = self.body(x).relu()
            return {"logits": self.head(hidden.flatten(1)), "aux": self.aux(hidden)}

        model = Of(forward, body=nn.Conv2d(1, 3, 3), head=nn.Linear(108, 5), aux=nn.Conv2d(3, 2, 1))
        alone = Of(
            lambda self, x: self.head(self.body(x).relu().flatten(1)),
            body=model.body,
            head=model.head,
        )
        expected = Attribution(alone, IMAGES[:1]).grad_cam(1)
        assert torch.allclose(Attribution(model, IMAGES[:1]).grad_cam(1), expected)

    def test_of_a_wave_has_its_length(self):
        model = Of(
            lambda self, x: self.head(self.body(x[:, None]).relu().mean(2)),
            body=nn.Conv1d(1, 4, 5, stride=4),
            head=nn.Linear(4, 2),
        )
        viewer = dl_lab.LayerViewer(model, torch.rand(3, 61))
        assert frame(viewer, attribution="grad_cam").arrays["attribution"].shape == (61,)
        viewer.close()

    def test_says_so_where_no_gradient_flows_back(self):
        model = Of(
            lambda self, x: self.head(self.body(x).detach().flatten(1)),
            body=nn.Conv2d(1, 3, 3),
            head=nn.Linear(108, 5),
        )
        viewer = dl_lab.LayerViewer(model, IMAGES)
        problem = frame(viewer, attribution="grad_cam").meta["problem"]
        assert problem["text"].startswith("No gradient flows from the class's score back to body:")
        viewer.close()


def test_integrated_gradients_are_of_the_example_alone():
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, track_running_stats=False), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(108, 5)),
    ).eval()
    viewer = dl_lab.LayerViewer(model, IMAGES)
    found = finished(viewer._look.attribution("integrated_gradients", 1))
    total = torch.zeros(1, 1, 8, 8)
    for step in (torch.arange(32) + 0.5) / 32:
        x = (IMAGES[:1] * step).requires_grad_()
        total += torch.autograd.grad(model(x)[0, 1], x)[0] / 32
    assert torch.allclose(found, (total * IMAGES[:1])[0, 0], atol=1e-5)
    viewer.close()


def test_a_graph_let_go_within_is_said():
    def slope(self, x):
        x = x.requires_grad_()
        u = self.layer(x).square()
        return u * torch.autograd.grad(u.sum(), x)[0].sum(1, keepdim=True)

    viewer = dl_lab.LayerViewer(Of(slope, layer=nn.Linear(4, 3)), torch.rand(2, 4))
    assert frame(viewer, attribution="saliency").meta["problem"]["key"] == "gradient_failed"
    viewer.close()


def test_a_large_graph_is_sent_as_far_as_a_page_has_room():
    nodes, edges = torch.rand(3000, 40), torch.stack([torch.arange(3000)] * 2)
    viewer = dl_lab.LayerViewer(GIVEN["edges"].model(), (nodes[:, :5], edges))
    found = frame(viewer, attribution="saliency", target=0)
    assert found.arrays["input"].shape == (1, 128, 5)
    assert found.arrays["attribution"].shape == (128, 5)
    # Cell i of 128 stands for row (2i + 1) · 3000 / 256.
    assert np.array_equal(found.arrays["input"][0, 1], nodes[3 * 3000 // 256, :5].numpy())
    viewer.close()
