"""The golden convolutions, which the browser's arithmetic is tested with, are what torch says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from dl_lab.convolution.arithmetic import Convolution
from dl_lab.errors import SENTENCES

CASES = json.loads(
    (Path(__file__).parents[1] / "golden" / "convolutions.json").read_text(encoding="utf-8")
)
COMPUTED = [case for case in CASES if case["refused"] is None]


def convolution(case: dict[str, Any]) -> Convolution:
    return Convolution(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in case["settings"].items()
        }
    )


def by_functional(given: Convolution, inputs: torch.Tensor, weight, bias) -> torch.Tensor:
    """Compute a layer by torch.nn.functional alone."""
    if given.kind == "conv":
        padding, dims = given.padding, given.dims
        if padding == "causal":
            inputs = functional.pad(inputs, (given.dilation[0] * (given.kernel_size[0] - 1), 0))
            padding = (0,)
        elif given.padding_mode != "zeros" and padding != "valid":
            pads = []
            for dim in reversed(range(dims)):
                reach = given.dilation[dim] * (given.kernel_size[dim] - 1)
                same = (reach // 2, reach - reach // 2)
                pads += same if padding == "same" else (padding[dim], padding[dim])
            inputs = functional.pad(inputs, pads, given.padding_mode)
            padding = (0,) * dims
        conv = functional.conv1d if dims == 1 else functional.conv2d
        return conv(inputs, weight, bias, given.stride, padding, given.dilation, given.groups)
    name = f"{given.kind}{given.dims}d"
    if given.kind == "conv_transpose":
        return getattr(functional, name)(
            inputs, weight, bias, given.stride, given.padding, given.output_padding, given.groups,
            given.dilation,
        )  # fmt: skip
    sizes = (given.kernel_size, given.stride, given.padding)
    if given.kind == "max_pool":
        return getattr(functional, name)(inputs, *sizes, given.dilation, given.ceil_mode)
    options = [given.ceil_mode, given.count_include_pad]
    if given.dims == 2:
        options.append(given.divisor_override)
    return getattr(functional, name)(inputs, *sizes, *options)


def test_there_are_enough_of_each():
    assert len(COMPUTED) >= 100
    assert len({case["refused"]["key"] for case in CASES if case["refused"]}) >= 8
    assert all(case["refused"] is None or case["refused"]["key"] in SENTENCES for case in CASES)


@pytest.mark.parametrize("index", range(len(COMPUTED)))
def test_outputs_are_those_of_functional(index):
    case = COMPUTED[index]
    given = convolution(case)
    inputs = torch.tensor(case["input"], dtype=torch.float32)
    inputs = inputs.reshape(1, given.in_channels, *given.input_size)
    layer: nn.Module = eval(case["line"], {"nn": nn})  # noqa: S307 - a line of ours
    assert sum(part.numel() for part in layer.parameters()) == case["parameters"]
    if given.layers > 1:
        return  # checked against the module below
    weight = bias = None
    if case["weight"]:
        shape = next(part for part in layer.modules() if hasattr(part, "weight")).weight.shape
        weight = torch.tensor(case["weight"], dtype=torch.float32).reshape(shape)
        bias = torch.tensor(case["bias"], dtype=torch.float32) if given.bias else None
    outputs = by_functional(given, inputs, weight, bias)
    assert list(outputs.shape[2:]) == case["output_size"]
    expected = torch.tensor([float(value) for value in case["output"]])
    torch.testing.assert_close(outputs.flatten(), expected, rtol=1e-6, atol=0)
    if case["matrix"] is not None:
        matrix = torch.tensor(case["matrix"], dtype=torch.float32).reshape(len(expected), -1)
        linear = by_functional(given, inputs, weight, None)
        torch.testing.assert_close(matrix @ inputs.flatten(), linear.flatten())


STACKS = [case for case in COMPUTED if case["settings"]["layers"] > 1]


@pytest.mark.parametrize("index", range(len(STACKS)))
def test_stacks_are_what_their_modules_give(index):
    case = STACKS[index]
    given = convolution(case)
    values = torch.tensor(case["input"], dtype=torch.float32).reshape(1, 1, -1)
    for place in range(given.layers):
        dilation = given.dilation[0] * 2**place
        kernel = torch.tensor((1.0, 2.0, -1.0)).repeat(8)[place % 3 :][: given.kernel_size[0]]
        layer = Convolution(**{**vars(given), "layers": 1, "dilation": (dilation,)})
        bias = torch.ones(1) if given.bias else None
        values = by_functional(layer, values, kernel.reshape(1, 1, -1), bias)
    assert values.flatten().tolist() == case["output"]
