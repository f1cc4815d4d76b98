from __future__ import annotations

from collections import UserDict
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import DataLoader, TensorDataset

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import described, forward, rows, split, tensors, to_device

X, Y = torch.arange(12.0).reshape(4, 3), torch.arange(4)
META = torch.device("meta")


class Pair(NamedTuple):
    image: torch.Tensor
    label: torch.Tensor


def same(given, expected):
    return given[0] is expected[0] and given[1] is expected[1]


@pytest.mark.parametrize("kind", [tuple, list, lambda pair: Pair(*pair)])
def test_a_pair_is_inputs_and_targets(kind):
    assert same(split(kind((X, Y))), (X, Y))


def test_several_inputs_one_input_and_a_mapping():
    inputs, targets = split([X, X, Y])
    assert isinstance(inputs, tuple)
    assert (len(inputs), targets) == (2, Y) or targets is Y
    assert same(split(X), (X, X))
    assert same(split((X,)), (X, X))
    batch = {"a": X, "b": Y}
    assert same(split(batch), (batch, batch))
    packed = pack_sequence([X[:2], X[:1]])
    assert same(split(packed), (packed, packed))


@pytest.mark.parametrize("batch", [(), 3, "ab", None, np.ones(3)])
def test_another_batch_gets_a_sentence(batch):
    with pytest.raises(InputError, match=r"A batch must be a pair \(inputs, targets\)"):
        split(batch)


class Named(nn.Module):
    def forward(self, left, right=0):
        return left - right


def test_the_model_takes_what_there_is():
    model = Named()
    assert torch.equal(forward(model, X), X)
    assert torch.equal(forward(model, (X, 2 * X)), -X)
    assert torch.equal(forward(model, [X, 2 * X]), -X)
    assert torch.equal(forward(model, {"right": X, "left": 2 * X}), X)
    assert torch.equal(forward(model, UserDict(right=X, left=2 * X)), X)
    packed = pack_sequence([X[:2], X[:1]])
    expected = nn.LSTM(3, 2)
    assert torch.equal(forward(expected, packed)[0].data, expected(packed)[0].data)


LONG = torch.zeros(7, 4, 3)
SCALE = torch.tensor(2.0)


@pytest.mark.parametrize(
    ("targets", "inputs", "count"),
    [
        (X, None, 4),
        (SCALE, X, 4),
        (SCALE, None, 1),
        ("nothing", None, 1),
        ({"text": ["a", "b"], "x": (X[:3], Y[:3])}, None, 3),
        ({"scale": SCALE, "x": X}, None, 4),
        (UserDict(scale=SCALE, steps=LONG, lengths=Y, y=Y), None, 4),
        (pack_sequence([X[:2], X[:1], X[:1]]), None, 3),
        ((X, pack_sequence([X[:2], X[:1], X[:1], X[:1]])), None, 4),
        # Time first, targets a row each.
        (Y, LONG, 4),
        ((Y, (SCALE, [Y])), LONG, 4),
        # A graph: nodes, edges, classes of the nodes.
        (Y, (X, torch.zeros(2, 9)), 4),
        # Boxes, of which each picture has others.
        ([{"boxes": X[:3], "labels": Y[:3]}, {"boxes": X[:1], "labels": Y[:1]}], None, 2),
        ({"x": LONG, "lengths": Y}, {"x": LONG, "lengths": Y, "y": Y}, 4),
        (torch.zeros(0, 3), None, 0),
    ],
)
def test_rows_are_the_length_that_the_tensors_agree_on(targets, inputs, count):
    assert rows(targets, inputs) == count


def test_only_what_moves_is_made_anew():
    here = torch.device("cpu")
    nested = {"x": [X, (Y, "text")], "pair": Pair(X, Y)}
    assert to_device(nested, here) is nested
    assert to_device(X, here) is X
    moved = to_device(nested, META)
    assert {tensor.device for tensor in tensors(moved)} == {META}
    assert moved["x"][1][1] == "text"
    assert isinstance(moved["pair"], Pair)
    assert isinstance(moved["x"], list)
    assert nested["x"][0] is X
    packed = pack_sequence([X[:2], X[:1]])
    assert to_device(packed, here).data is packed.data
    assert to_device(packed, META).data.device == META


def test_a_mapping_of_another_library_moves_itself():
    class Encoding(UserDict):
        def to(self, device):
            return Encoding({name: value.to(device) for name, value in self.items()})

    moved = to_device(Encoding(x=X), META)
    assert isinstance(moved, Encoding)
    assert moved["x"].device == META


def test_a_loader_s_batches_split():
    for batch in DataLoader(TensorDataset(X, Y), batch_size=2):
        inputs, targets = split(batch)
        assert rows(inputs) == rows(targets) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (X, "tensor [4, 3] float32"),
        (X.to(META), "tensor [4, 3] float32 on meta"),
        ([X, {"y": Y}], "[tensor [4, 3] float32, {'y': tensor [4] int64}]"),
        (np.ones((2, 2)), "numpy.ndarray [2, 2] float64"),
        (nn.ReLU(), "an object of type ReLU"),
        ("a" * 100, "an object of type str"),
        (None, "None"),
        (tuple(range(9)), "(0, 1, 2, 3, and 5 more)"),
    ],
)
def test_things_are_described_in_short(value, text):
    assert described(value) == text
