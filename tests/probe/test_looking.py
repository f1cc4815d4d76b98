"""Receptive fields, attributions, answers and health, against independent computations."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch import Tensor, nn

from dl_lab.errors import InputError
from dl_lab.probe.answer import guesses, probabilities, scores
from dl_lab.probe.attribution import Attribution, layer_gradients
from dl_lab.probe.capture import capture
from dl_lab.probe.health import health
from dl_lab.probe.receptive_field import effective_field, receptive_field


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        random.seed(5)
        yield


def positive(model: nn.Module) -> nn.Module:
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.1, 1)
    return model


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.short = nn.Conv2d(1, 2, 1)
        self.long = nn.Conv2d(1, 2, 5, padding=2, dilation=1)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(torch.relu(self.short(x)) + self.long(x))


NETS = [
    (nn.Sequential(nn.Conv2d(1, 2, 3, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, dilation=2)), (20, 17)),
    (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(3, 2, 1), nn.Conv2d(2, 2, 2)), (14, 15)),
    (nn.Sequential(nn.Conv2d(1, 4, 3, padding="same"), nn.AdaptiveAvgPool2d((3, 2))), (8, 9)),
    (nn.Sequential(Branches(), nn.Conv2d(2, 1, 3, groups=1)), (12, 12)),
    (nn.Sequential(nn.Conv1d(1, 2, 3, dilation=4), nn.Conv1d(2, 2, 2, stride=3)), (30,)),
    (nn.Sequential(nn.Conv3d(1, 2, 2), nn.AvgPool3d(2)), (6, 6, 6)),
    (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 16, 3)), (6, 6)),
]


@pytest.mark.parametrize(("net", "shape"), NETS)
def test_the_theoretical_field_is_where_a_positive_network_has_a_gradient(net, shape):
    x = torch.rand(1, 1, *shape) + 1
    net = positive(net)
    seen = capture(net, x)
    for layer in seen.layers:
        for _ in range(4):
            at = tuple(random.randrange(size) for size in layer.units.shape)  # noqa: S311
            found = receptive_field(seen, layer, at)
            assert found.exact
            field = effective_field(net, x, layer.index, at)
            assert field.shape == shape
            for dimension, (low, high) in enumerate(found.box):
                others = [other for other in range(field.ndim) if other != dimension]
                touched = (field.sum(others) if others else field).nonzero().flatten()
                assert (int(touched[0]), int(touched[-1]) + 1) == (low, high), (layer, at)


def test_what_is_not_known_counts_as_seeing_everything():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.PixelShuffle(1))
    seen = capture(net, torch.rand(1, 1, 8, 8))
    found = receptive_field(seen, seen.layers[1], (0, 2, 2))
    assert (found.box, found.exact) == (((0, 8), (0, 8)), False)


@pytest.fixture
def net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 3),
    )  # fmt: skip


def test_saliency_is_the_gradient(net):
    x = torch.randn(2, 2, 8, 8)
    own = x[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net(own)[0, 2], own)
    found = Attribution(net, x).saliency(2)
    assert torch.allclose(found, gradient[0].abs().amax(0), atol=1e-7)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_integrated_gradients_add_up(net):
    x = torch.randn(1, 2, 8, 8)
    found = Attribution(net, x).integrated_gradients(1, steps=200)
    difference = net(x)[0, 1] - net(torch.zeros_like(x))[0, 1]
    assert float(found.sum()) == pytest.approx(difference.item(), rel=0.02, abs=0.01)


def test_integrated_gradients_of_a_linear_model_are_exact():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    x = torch.randn(1, 3, 2, 2)
    found = Attribution(model, x).integrated_gradients(0, steps=5)
    assert torch.allclose(found, (model[1].weight[0].view(3, 2, 2) * x[0]).sum(0), atol=1e-6)


def test_grad_cam_by_hand(net):
    x = torch.randn(1, 2, 8, 8)
    maps = net[0](x)
    (gradient,) = torch.autograd.grad(net[4](net[3](net[2](torch.relu(maps))))[0, 0], maps)
    expected = (gradient.mean((2, 3), keepdim=True) * maps).sum(1).clamp(min=0)[0]
    assert torch.allclose(Attribution(net, x).grad_cam(0), expected, atol=1e-6)
    pooled = Attribution(net, x).grad_cam(0, layer=2)
    assert pooled.shape == (8, 8)


def test_grad_cam_needs_maps(net):
    with pytest.raises(InputError, match="needs a convolution"):
        Attribution(nn.Linear(2, 2), torch.rand(1, 2)).grad_cam(0)
    with pytest.raises(InputError, match="has no maps"):
        Attribution(net, torch.rand(1, 2, 8, 8)).grad_cam(0, layer=4)


def test_occlusion_finds_the_only_place_that_counts():
    model = nn.Sequential(nn.Flatten(), nn.Linear(100, 2, bias=False))
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].weight[1, 34] = 1.0
    x = torch.zeros(1, 1, 10, 10)
    x[0, 0, 3, 4] = 5.0
    found = Attribution(model, x).occlusion(1, patch=2)
    assert found.shape == (10, 10)
    assert divmod(int(found.argmax()), 10) == (3, 4)
    # The patch holds the input's mean: 0.05.
    assert float(found.max()) == pytest.approx(4.95)
    assert float(found[7, 7]) == 0


def test_a_class_that_is_not_there(net):
    with pytest.raises(InputError, match="target must be a whole number between 0 and 2"):
        Attribution(net, torch.rand(1, 2, 8, 8)).saliency(3)


def test_whole_numbers_have_no_gradient():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(InputError, match="has no gradient"):
        Attribution(model, torch.tensor([[1, 2, 3]])).saliency(0)


def test_probabilities():
    logits = torch.randn(3, 4)
    assert torch.allclose(probabilities(logits), logits.softmax(1))
    assert torch.equal(probabilities(logits.softmax(1)), logits.softmax(1))
    assert torch.allclose(probabilities(logits.log_softmax(1)), logits.softmax(1))
    assert float(probabilities(torch.tensor([[2.0]]))) == pytest.approx(1 / (1 + math.exp(-2)))
    best = guesses((None, logits), most=2)
    assert [one.index for one in best] == logits[0].topk(2).indices.tolist()
    assert torch.equal(scores(torch.ones(2, 3, 4, 4)), torch.ones(2, 3))
    with pytest.raises(InputError, match="class scores"):
        scores({"a": torch.ones(3)})


def test_dead_units_and_vanishing_gradients():
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(3 * 36, 4),
        nn.Sigmoid(),
        nn.Linear(4, 2),
    )
    with torch.no_grad():
        net[0].bias[2] = -50.0
        net[3].bias += 40.0
    seen = capture(net, torch.rand(6, 1, 8, 8), gradients=True)
    found = health(seen, layer_gradients(seen, 1))
    assert found[1].dead == (2,)
    zeros = float((seen.layers[1].output == 0).float().mean())
    assert found[1].zeros == pytest.approx(zeros)
    assert [one.vanishing for one in found] == [True, True, True, True, False, False]
    assert found[0].zeros is None
    assert found[5].gradient == pytest.approx(1.0)
