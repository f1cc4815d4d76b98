"""The formulas of convolution arithmetic against torch's own modules, over everything."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dl_lab.convolution.arithmetic import (
    AVG_POOL,
    CONV,
    KINDS,
    MAX_POOL,
    PADDING_MODES,
    TRANSPOSED,
    Convolution,
    axes,
    layer_name,
    output_size,
    parameter_count,
    receptive_field,
    weight_shape,
)
from dl_lab.convolution.change import change
from dl_lab.convolution.layer import build, example_input, read, source
from dl_lab.convolution.matrix import matrix
from dl_lab.convolution.presets import PRESETS
from dl_lab.convolution.refusal import bounds, refusal
from dl_lab.errors import InputError
from tests.lengths import times


@st.composite
def convolutions(draw: Any) -> Convolution:
    kind = draw(st.sampled_from(KINDS))
    dims = draw(st.sampled_from([1, 2]))

    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    values: dict[str, Any] = {
        "kind": kind,
        "input_size": sizes(1, 9),
        "kernel_size": sizes(1, 5),
        "stride": sizes(1, 4),
        "padding": sizes(0, 3),
        "dilation": sizes(1, 3) if kind != AVG_POOL else (1,) * dims,
        "output_padding": sizes(0, 3) if kind == TRANSPOSED else (0,) * dims,
        "in_channels": draw(st.integers(1, 6)),
    }
    values["out_channels"] = values["in_channels"]
    if kind in {CONV, TRANSPOSED}:
        values["out_channels"] = draw(st.integers(1, 6))
        values["groups"] = draw(st.integers(1, 3))
        values["bias"] = draw(st.booleans())
    if kind == CONV:
        values["padding_mode"] = draw(st.sampled_from(PADDING_MODES))
        word = draw(st.sampled_from([None, "same", "valid"]))
        values["padding"] = word or values["padding"]
    if kind in {MAX_POOL, AVG_POOL}:
        values["ceil_mode"] = draw(st.booleans())
    if kind == AVG_POOL:
        values["count_include_pad"] = draw(st.booleans())
    return Convolution(**values)


def by_torch(convolution: Convolution) -> torch.Tensor | None:
    """Return what torch's module gives, made by its own arguments; None if it refuses."""
    names = ["kernel_size", "stride", "padding"]
    if convolution.kind != AVG_POOL:
        names.append("dilation")
    if convolution.is_pool:
        names.append("ceil_mode")
    else:
        names += ["in_channels", "out_channels", "groups", "bias"]
    if convolution.kind == CONV:
        names.append("padding_mode")
    if convolution.kind == TRANSPOSED:
        names.append("output_padding")
    if convolution.kind == AVG_POOL:
        names.append("count_include_pad")
    arguments = {name: getattr(convolution, name) for name in names}
    kind = getattr(nn, layer_name(convolution).removeprefix("nn."))
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind(**arguments)(
                torch.zeros(1, convolution.in_channels, *convolution.input_size)
            )
    except (RuntimeError, ValueError):
        return None


@given(convolutions())
@settings(max_examples=times(200), deadline=None)
def test_it_refuses_what_torch_refuses_and_computes_its_sizes(convolution):
    outputs = by_torch(convolution)
    refused = refusal(convolution)
    assert (outputs is None) == (refused is not None), refused
    if outputs is not None:
        assert output_size(convolution) == tuple(outputs.shape[2:])


@given(convolutions())
@settings(max_examples=times(60), deadline=None)
def test_what_is_built_is_what_its_line_says_and_reads_back(convolution):
    if refusal(convolution) is not None:
        return
    layer = build(convolution)
    again = eval(source(convolution), {"nn": nn})  # noqa: S307 - a line of ours
    assert repr(again) == repr(layer)
    assert sum(part.numel() for part in layer.parameters()) == parameter_count(convolution)
    if not convolution.is_pool:
        assert tuple(layer.weight.shape) == weight_shape(convolution)
    assert read(layer, convolution.input_size, convolution.in_channels) == convolution
    assert change(convolution, convolution.as_dict()) == convolution


def test_what_an_own_layer_needs_is_found():
    layer = nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(1, 0), padding_mode="reflect")
    convolution = read(layer)
    assert convolution.kernel_size == (3, 5)
    assert convolution.padding == (1, 0)
    assert convolution.padding_mode == "reflect"
    assert output_size(convolution) == tuple(layer(example_input(convolution)[None]).shape[2:])
    pool = read(nn.MaxPool2d(3, return_indices=True), (7, 7), channels=4)
    assert (pool.in_channels, pool.out_channels, pool.stride) == (4, 4, (3, 3))


@pytest.mark.parametrize("layer", [nn.Linear(2, 3), nn.Conv3d(1, 1, 3), nn.LazyConv2d(1, 3)])
def test_other_modules_are_refused(layer):
    with pytest.raises(InputError, match=r"cannot show .* nn.ConvTranspose2d"):
        read(layer)


def test_the_guide_s_sizes():
    """The table of the guide's cases: input, output."""
    sizes = {
        name: (convolution.input_size[0], *{*output_size(convolution)})
        for group in ("convolution", "transposed", "pooling")
        for name, convolution in PRESETS[group].items()
    }
    assert sizes == {
        "no_padding_no_strides": (4, 2),
        "arbitrary_padding": (5, 6),
        "half_padding": (5, 5),
        "full_padding": (5, 7),
        "no_padding_strides": (5, 2),
        "padding_strides": (5, 3),
        "padding_strides_odd": (6, 3),
        "dilation": (7, 3),
        "numerical": (5, 3),
        "numerical_padding_strides": (5, 3),
        "no_padding_no_strides_transposed": (2, 4),
        "arbitrary_padding_transposed": (6, 5),
        "half_padding_transposed": (5, 5),
        "full_padding_transposed": (7, 5),
        "no_padding_strides_transposed": (2, 5),
        "padding_strides_transposed": (3, 5),
        "padding_strides_odd_transposed": (3, 6),
        "average_pooling": (5, 3),
        "max_pooling": (5, 3),
    }
    assert [axis.left_over for axis in axes(PRESETS["convolution"]["padding_strides_odd"])] == [
        1,
        1,
    ]


def test_the_guide_s_numbers():
    """Figures 1.1, 1.2, 1.5 and 1.6."""
    figures = {
        "numerical": [12, 12, 17, 10, 17, 19, 9, 6, 14],
        "numerical_padding_strides": [6, 17, 3, 8, 17, 13, 6, 4, 4],
        "average_pooling": [1.7, 1.7, 1.7, 1.0, 1.2, 1.8, 1.1, 0.8, 1.3],
        "max_pooling": [3, 3, 3, 3, 3, 3, 3, 2, 3],
    }
    for name, expected in figures.items():
        convolution = (PRESETS["convolution"] | PRESETS["pooling"])[name]
        outputs = build(convolution)(example_input(convolution)[None]).flatten()
        assert [round(value, 1) for value in outputs.tolist()] == expected


def test_a_transposed_convolution_is_the_transposed_matrix():
    down, up = (PRESETS[group][name] for group, name in (
        ("convolution", "no_padding_strides"), ("transposed", "no_padding_strides_transposed")
    ))  # fmt: skip
    forwards = matrix(build(down), (1, *down.input_size))
    assert forwards.shape == (4, 25)
    assert torch.equal(matrix(build(up), (1, *up.input_size)), forwards.T)


def test_a_stack_reaches_as_far_back_as_gradients_do():
    convolution = PRESETS["line"]["causal_stack"]
    inputs = torch.ones(1, 1, *convolution.input_size, requires_grad=True)
    build(convolution)(inputs)[0, 0, -1].backward()
    assert int((inputs.grad != 0).sum()) <= receptive_field(convolution)[0] == 16
    assert receptive_field(PRESETS["line"]["wavenet"]) == (1024,)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kernel_size": 0}, "kernel_size must be a whole number between 1 and 15; got 0"),
        ({"stride": (1, 2, 3)}, "stride must be one number or 2 of them"),
        ({"paddding": 1}, "did you mean padding"),
        ({"padding": "sam"}, "did you mean same"),
        ({"kind": "max_pool", "groups": 2}, "nn.MaxPool2d takes no groups"),
        ({"kind": "conv_transpose", "padding": "same"}, "takes no padding='same'"),
        ({"padding": "causal"}, "takes no padding='causal'"),
        ({"layers": 3}, "shown for nn.Conv1d with one channel"),
        ({"input_size": (1, 2, 3)}, "one entry .length. or two"),
        ({"bias": 1}, "true or false"),
        ({"in_channels": 512, "out_channels": 512}, "2359296 weights; at most 1000000"),
        ({"kind": "conv_transpose", "input_size": 64, "stride": 3}, "at most 128 × 128 can"),
    ],
)
def test_refusals_of_ours_are_sentences(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        change(Convolution(), changes)


def test_fields_that_a_new_kind_lacks_go_back_to_nothing():
    own = change(Convolution(), {"padding": "same", "dilation": 2, "bias": True, "in_channels": 2})
    pool = change(own, {"kind": "avg_pool"})
    assert (pool.padding, pool.dilation, pool.bias, pool.out_channels) == ((0, 0), (1, 1), False, 2)
    line = change(Convolution(), {"input_size": (9,), "padding": "causal", "layers": 3})
    assert line.kernel_size == (3,)
    plane = change(line, {"input_size": (9, 9)})
    assert (plane.layers, plane.padding, plane.kernel_size) == (1, (0, 0), (3, 3))


def test_a_max_pool_has_no_matrix():
    with pytest.raises(InputError, match="not linear"):
        matrix(nn.MaxPool2d(2), (1, 4, 4))
    with pytest.raises(InputError, match="at most 4000000"):
        matrix(nn.Conv2d(1, 8, 3, padding=1), (1, 32, 32))


def test_limits_are_the_same_for_every_number():
    assert bounds("input_size", 1) == (1, 1024)
    assert bounds("input_size", 2) == (1, 64)
