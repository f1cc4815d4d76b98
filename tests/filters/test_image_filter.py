from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.filters.image_filter import ImageFilter
from dl_lab.filters.image_tensor import as_image
from dl_lab.filters.layer_filters import LayerFilters

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def golden_program():
    spec = importlib.util.spec_from_file_location("golden", GOLDEN / "make_image_filters.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = json.loads((GOLDEN / "image_filters.json").read_text())


def test_the_golden_cases_are_what_torch_computes():
    program = golden_program()
    for case in CASES:
        image, kernels = torch.tensor(case["image"]), torch.tensor(case["kernels"])
        found = program.torch_output(case["filter"], image, kernels)
        torch.testing.assert_close(found, torch.tensor(case["output"]))


def test_the_filter_computes_the_golden_cases():
    for case in CASES:
        image, kernels = torch.tensor(case["image"]), torch.tensor(case["kernels"])
        found = ImageFilter(**case["filter"])(image, kernels)
        torch.testing.assert_close(found, torch.tensor(case["output"]), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", ["same", 2])
def test_a_sum_is_what_a_layer_computes(padding_mode, padding):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 1, 4, padding=padding, padding_mode=padding_mode, dilation=2)
    image = torch.randn(3, 12, 9)
    how = ImageFilter("sum", padding, padding_mode, dilation=2, bias=layer.bias.item())
    with torch.no_grad():
        torch.testing.assert_close(how(image, layer.weight[0]), layer(image[None])[0])


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"padding": 0, "dilation": 4}, "kernel_too_wide"),
        ({"padding": 6, "padding_mode": "reflect"}, "padding_reflect"),
        ({"padding": 7, "padding_mode": "circular"}, "padding_circular"),
    ],
)
def test_what_does_not_fit_is_said(changes, key):
    with pytest.raises(InputError) as refusal:
        ImageFilter(**changes)(torch.ones(1, 6, 8), torch.ones(1, 3, 3))
    assert refusal.value.key == key


class TestImages:
    @pytest.mark.parametrize(
        "given",
        [
            torch.eye(3),
            torch.eye(3)[None],
            torch.eye(3)[None, None],
            np.eye(3),
            np.eye(3)[::-1, ::-1],
            [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            torch.eye(3, dtype=torch.uint8) * 255,
            torch.eye(3, dtype=torch.bool),
            torch.eye(3, dtype=torch.bfloat16, requires_grad=True),
        ],
    )
    def test_come_from_whatever_holds_one(self, given):
        image = as_image("image", given)
        assert torch.equal(image, torch.eye(3)[None])
        assert not image.requires_grad

    def test_are_copies(self):
        given = torch.zeros(2, 2)
        image = as_image("image", given)
        given += 1
        assert image.sum() == 0

    @pytest.mark.parametrize(
        ("given", "key"),
        [
            (torch.zeros(5, 3, 8, 8), "image_batch"),
            (torch.zeros(3), "one_image"),
            (torch.zeros(32, 48, 3), "image_channels_last"),
            (torch.zeros(65, 8, 8), "image_size"),
            (torch.zeros(1, 0, 8), "image_size"),
            (torch.zeros(1, 1025, 8), "image_size"),
            (torch.full((2, 2), float("nan")), "image_not_finite"),
            (torch.zeros(2, 2, dtype=torch.complex64), "not_numbers"),
            ("cat.png", "not_numbers"),
            ([["a"]], "not_numbers"),
            (None, "not_numbers"),
        ],
    )
    def test_refuse_with_a_sentence(self, given, key):
        with pytest.raises(InputError) as refusal:
            as_image("image", given)
        assert refusal.value.key == key


class TestLayers:
    def test_a_filter_comes_back_as_it_was(self):
        layer = nn.Conv2d(4, 6, 3, groups=2)
        before = {name: value.clone() for name, value in layer.state_dict().items()}
        filters = LayerFilters(layer)
        assert list(filters.seen(4)) == [2, 3]
        assert filters.weight(4)[:2].abs().sum() == 0
        kept = filters.write(4, torch.ones(3, 3), None, bias=0.5)
        assert (layer.weight[4] == 1).all()
        assert filters.bias(4) == 0.5
        assert torch.equal(layer.weight[:4], before["weight"][:4])
        filters.restore(kept)
        for name, value in layer.state_dict().items():
            assert torch.equal(value, before[name])

    def test_between_forward_and_backward_training_goes_on(self):
        layer = nn.Conv2d(1, 1, 3)
        loss = layer(torch.ones(1, 1, 5, 5)).square().sum()
        LayerFilters(layer).write(0, torch.zeros(3, 3), 0)
        loss.backward()
        assert layer.weight.grad is not None

    @pytest.mark.parametrize(
        ("layer", "key"),
        [
            (nn.Linear(2, 2), "not_conv2d"),
            (nn.LazyConv2d(2, 3), "lazy_layer"),
            (nn.Conv2d(1, 1, (1, 3)), "filter_not_square"),
            (nn.Conv2d(1, 1, 13), "filter_not_square"),
        ],
    )
    def test_other_layers_are_refused(self, layer, key):
        with pytest.raises(InputError) as refusal:
            LayerFilters(layer)
        assert refusal.value.key == key

    def test_a_computed_weight_cannot_be_written(self):
        layer = nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 1, 3))
        filters = LayerFilters(layer)
        with pytest.raises(InputError, match="computed from other parameters"):
            filters.write(0, torch.zeros(3, 3), 0)
        with pytest.raises(InputError, match="the layer are 3×3"):
            filters.write(0, torch.zeros(5, 5), 0)
