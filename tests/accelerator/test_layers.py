"""Networks that lie on an accelerator are looked at as those on the CPU are."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import dl_lab
from dl_lab.probe.attribution import Attribution, layer_gradients
from dl_lab.probe.capture import capture
from dl_lab.probe.formula.arithmetic import explain
from dl_lab.probe.health import health
from dl_lab.probe.receptive_field import effective_field
from tests.accelerator.far import DEVICE, draw
from tests.probe.networks import Residual
from tests.probe.traces import same, state
from tests.widgets.visitor import walk

NETWORKS = {
    "residual": (Residual, torch.rand(6, 3, 16, 16)),
    "lenet": (dl_lab.nets.lenet5, torch.rand(3, 1, 28, 28)),
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
    "moved and gated": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 1, 1),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.PixelUnshuffle(2),
            nn.GLU(1),
            nn.ZeroPad2d(1),
            nn.Flatten(),
            nn.Linear(72, 3),
        ),
        torch.rand(2, 1, 4, 4),
    ),
    "bfloat16": (
        lambda: nn.Sequential(
            nn.Conv1d(2, 3, 3), nn.GELU(), nn.Flatten(), nn.Softmax(1)
        ).bfloat16(),
        torch.rand(3, 2, 8),
    ),
}


@pytest.fixture(params=NETWORKS)
def pair(request):
    """The same network on the CPU and far away, and an input that lies on the CPU."""
    make, x = NETWORKS[request.param]
    torch.manual_seed(0)
    near = make()
    return near, copy.deepcopy(near).to(DEVICE), x


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one.float(), other.cpu().float(), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(DEVICE != "far", reason="a real GPU needs no such test")
def test_it_refuses_what_a_gpu_refuses():
    far = torch.ones(2, device="far")
    with pytest.raises(TypeError, match="far:0"):
        far.numpy()
    with pytest.raises(TypeError, match="no float64"):
        far.double()
    with pytest.raises(RuntimeError, match="same device"):
        nn.Linear(2, 1).to("far")(torch.ones(2))


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_all_layers_answer_the_same(pair, mode):
    near, far, x = pair
    for gradients in (False, True):
        ours = capture(near, x.to(next(near.parameters()).dtype), mode=mode, gradients=gradients)
        theirs = capture(
            far, x.to(DEVICE, next(far.parameters()).dtype), mode=mode, gradients=gradients
        )
        assert [one.name for one in ours.layers] == [one.name for one in theirs.layers]
        for one, other in zip(ours.layers, theirs.layers, strict=True):
            assert other.output.device.type == DEVICE
            assert close(one.output, other.output), one.name
        for one, other in zip(health(ours), health(theirs), strict=True):
            assert (one.dead, one.vanishing) == (other.dead, other.vanishing)
            assert one.zeros == pytest.approx(other.zeros, abs=1e-3)


def test_gradients_and_attributions_are_the_same(pair):
    near, far, x = pair
    kind = next(near.parameters()).dtype
    seen = [
        capture(model, x.to(where, kind), gradients=True)
        for model, where in ((near, "cpu"), (far, DEVICE))
    ]
    for one, other in zip(*(layer_gradients(each, 0) for each in seen), strict=True):
        assert (one is None) == (other is None)
        assert one is None or close(one, other)
    asked = [Attribution(near, x.to(kind)), Attribution(far, x.to(DEVICE, kind))]
    for method in ("saliency", "integrated_gradients", "grad_cam", "occlusion"):
        one, other = (getattr(each, method)(0) for each in asked)
        assert close(one, other), method


def test_units_are_explained_and_their_fields_found(pair):
    near, far, x = pair
    kind = next(near.parameters()).dtype
    for mode in ("eval", "train"):
        ours = capture(near, x.to(kind), mode=mode)
        theirs = capture(far, x.to(DEVICE, kind), mode=mode)
        for one, other in zip(ours.layers, theirs.layers, strict=True):
            at = tuple(size // 2 for size in one.units.shape)
            expected, found = explain(ours, one, at), explain(theirs, other, at)
            assert found.result == pytest.approx(expected.result, rel=1e-2, abs=1e-3)
            field = effective_field(near, x[:1].to(kind), one.index, at)
            assert close(field, effective_field(far, x[:1].to(DEVICE, kind), other.index, at))


def test_a_look_leaves_everything_as_it_was():
    class Drawing(Residual):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return super().forward(x + draw() + torch.rand(1).to(DEVICE))

    model = Drawing().to(DEVICE)
    x = torch.rand(2, 3, 8, 8)
    model(x.to(DEVICE))["logits"].sum().backward()
    generator = torch.get_device_module(DEVICE)
    before, drawn = state(model), generator.get_rng_state()
    for mode in ("eval", "train"):
        seen = capture(model, x.to(DEVICE), mode=mode, gradients=True)
        layer_gradients(seen, 0)
    after = state(model)
    for part, value in before.items():
        assert same(value, after[part]), part
    assert generator.get_rng_state().equal(drawn)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_request_has_an_answer_and_no_frame_fails(name, caplog):
    make, x = NETWORKS[name]
    torch.manual_seed(0)
    viewer = dl_lab.LayerViewer(make().to(DEVICE), x)
    walk(viewer, caplog)
    viewer.close()
