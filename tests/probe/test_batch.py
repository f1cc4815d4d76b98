"""Which dimension counts the examples, followed through functions and layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dl_lab.probe.capture import capture
from dl_lab.probe.receptive_field import receptive_field

CALLS = [
    (lambda x: x.transpose(0, 1) * 1, 1),
    (lambda x: x.permute(2, 1, 0) * 1, 2),
    (lambda x: x.movedim(0, -1) * 1, 2),
    (lambda x: x.select(2, 0).T * 1, 1),
    (lambda x: x[None] * 1, 1),
    (lambda x: x.unsqueeze(1) * 1, 0),
    (lambda x: x[:, 1] * 1, 0),
    (lambda x: x[..., None, :] * 1, 0),
    (lambda x: x.mT[:, :, None, 2:] * 1, 0),
    (lambda x: x[1] * 1, None),
    (lambda x: x.flatten(1) * 1, 0),
    (lambda x: x.unflatten(2, (2, 2)) * 1, 0),
    (lambda x: x.transpose(0, 1).reshape(6, len(x) * 2, 2) * 1, 1),
    (lambda x: x.reshape(len(x) * 2, 3, 4).reshape(len(x), 6, 4) * 1, 0),
    (lambda x: x.sum(1), 0),
    (lambda x: x.transpose(0, 1).mean((0,)), 0),
    (lambda x: x.amax(0), None),
    (lambda x: x.norm(dim=-1), 0),
    (lambda x: torch.stack([x, x]), 1),
    (lambda x: torch.stack([x, x], -1), 0),
    (lambda x: x.unbind(1)[0] * 1, 0),
    (lambda x: x.select(0, 0) * 1, None),
    (lambda x: torch.zeros(5, 1, 6, 4) + x, 1),
    (lambda x: x @ torch.ones(4, 2), 0),
    (lambda x: torch.einsum("btc,bsc->tsb", x, x), 2),
    (lambda x: torch.einsum("btc,bsc->ts", x, x), None),
    (lambda x: x.squeeze(1) * 1, 0),
]


@pytest.mark.parametrize("rows", [3, 2])
@pytest.mark.parametrize("number", range(len(CALLS)))
def test_functions(number, rows):
    function, expected = CALLS[number]

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    assert capture(Net(), torch.randn(rows, 6, 4)).layers[-1].batch == expected


@pytest.mark.parametrize("rows", [3, 2])
def test_what_is_looked_up_by_whole_numbers(rows):
    class Lookup(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(9, 4)

        def forward(self, tokens: Tensor) -> Tensor:
            hot = nn.functional.one_hot(tokens, 9).float()
            return self.table(tokens) + self.table.weight[tokens] + hot @ self.table.weight

    seen = capture(Lookup(), torch.randint(0, 9, (rows, 5)))
    assert {layer.batch for layer in seen.layers} == {0}
    assert len(seen.layers) == 5


class Folding(nn.Module):
    """Attention whose heads are folded into the batch, between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        b, c, h, w = y.shape
        q = y.reshape(b * 2, c // 2, h * w)
        y = torch.bmm(q, torch.bmm(q.mT, q).softmax(-1))
        y = torch.relu(y.reshape(b, c, h, w))
        return self.norm(y + x.sum(1, keepdim=True))


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_examples_are_found_again_behind_folded_heads(rows):
    seen = capture(Folding(), torch.randn(rows, 2, 3, 3))
    for name in ("first", "relu", "add", "norm"):
        assert seen[name].units.shape == (4, 3, 3)
    # A single example's heads are its units; of several the first head stands for all.
    assert seen["softmax"].units.shape == ((2, 9, 9) if rows == 1 else (9, 9))
    for layer in seen.layers:
        at = (0,) * layer.units.ndim
        assert len(receptive_field(seen, layer, at).box) == 2


def test_an_answer_without_values_has_no_units():
    class Empty(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x[x > 9] * 2

    assert all(layer.units is None for layer in capture(Empty(), torch.zeros(2, 3)).layers)
