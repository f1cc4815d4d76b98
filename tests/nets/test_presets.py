"""The networks of CNN Explainer and nn_vis."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from dl_lab.errors import InputError
from dl_lab.nets import nn_vis_cnn, nn_vis_mlp, tiny_vgg
from dl_lab.nets.nn_vis import CONNECTIONS, PartialConv2d, ScaledTanh


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def shapes(model: nn.Sequential, x: torch.Tensor) -> list[tuple[int, ...]]:
    found = [tuple(x.shape[1:])]
    for layer in model:
        x = layer(x)
        if x.shape[1:] != found[-1]:
            found.append(tuple(x.shape[1:]))
    return found


def test_tiny_vgg_is_that_of_cnn_explainer():
    model = tiny_vgg()
    assert count(model) == 19_920
    sides = [62, 60, 30, 28, 26, 13]
    assert shapes(model, torch.rand(2, 3, 64, 64)) == [
        (3, 64, 64),
        *((10, side, side) for side in sides),
        (1690,),
        (10,),
    ]
    kinds = [type(layer).__name__ for layer in model]
    block = ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d"]
    assert kinds == [*block, *block, "Flatten", "Linear"]


def test_the_shapes_of_nn_vis():
    assert shapes(nn_vis_cnn(), torch.rand(2, 1, 28, 28)) == [
        (1, 28, 28),
        (1, 32, 32),
        (6, 28, 28),
        (6, 14, 14),
        (16, 10, 10),
        (16, 5, 5),
        (400,),
        (120,),
        (100,),
        (10,),
    ]
    mlp = nn_vis_mlp()
    assert shapes(mlp, torch.rand(2, 1, 28, 28)) == [(1, 28, 28), (784,), (300,), (100,), (10,)]
    assert count(mlp) == 266_610


def test_scaled_tanh():
    x = torch.linspace(-5, 5, 41)
    expected = [1.7159 * math.tanh(2 * value / 3) for value in x.tolist()]
    torch.testing.assert_close(ScaledTanh()(x), torch.tensor(expected))


def test_each_map_sees_as_many_as_in_the_table_of_lecun():
    assert [len(seen) for seen in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert len({frozenset(seen) for seen in CONNECTIONS}) == 16
    # Every map below is seen by ten of the sixteen.
    assert [sum(one in seen for seen in CONNECTIONS) for one in range(6)] == [10] * 6


def test_partial_connections_compute_from_the_connected_maps_alone():
    layer = nn_vis_cnn().conv2
    x = torch.randn(2, 6, 14, 14)
    for number, seen in enumerate(CONNECTIONS):
        kernel = layer.weight[number : number + 1, list(seen)]
        expected = conv2d(x[:, list(seen)], kernel, layer.bias[number : number + 1])
        torch.testing.assert_close(layer(x)[:, number : number + 1], expected)


def test_no_training_makes_a_connection():
    torch.manual_seed(0)
    layer = PartialConv2d(3, [(0, 1), (2,)], kernel_size=3)
    with torch.no_grad():
        layer.weight[0, 2] = 1.0
    x = torch.randn(8, 3, 6, 6)
    torch.testing.assert_close(
        layer(x)[:, :1], conv2d(x[:, :2], layer.weight[:1, :2], layer.bias[:1])
    )
    layer = PartialConv2d(3, [(0, 1), (2,)], kernel_size=3)
    before = layer.weight.detach().clone()
    adam = torch.optim.AdamW(layer.parameters(), weight_decay=0.1)
    for _ in range(3):
        adam.zero_grad()
        layer(x).square().mean().backward()
        adam.step()
    assert layer.weight[0, 2].eq(0).all()
    assert layer.weight[1, :2].eq(0).all()
    assert layer.weight[1, 2].ne(before[1, 2]).all()


@pytest.mark.parametrize(
    ("channels", "connections", "sentence"),
    [
        (3, [], "connections cannot be empty. Keep at least one of: 0, …, 2."),
        (3, [(0,), ()], "connections cannot be empty."),
        (3, [(0, 3)], "connections must be a whole number between 0 and 2; got 3."),
        (3, [(-1,)], "got -1."),
        (0, [(0,)], "channels must be a whole number between 1 and"),
    ],
)
def test_bad_connections_get_a_sentence(channels, connections, sentence):
    with pytest.raises(InputError) as caught:
        PartialConv2d(channels, connections, kernel_size=3)
    assert sentence in str(caught.value)
