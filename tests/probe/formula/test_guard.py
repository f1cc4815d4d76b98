"""A formula is shown only if it gives the layer's answer: each cause, and a walk over them all."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as f

from dl_lab.errors import InputError
from dl_lab.probe.capture import Capture, capture
from dl_lab.probe.formula.arithmetic import explain
from tests.lengths import times


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        random.seed(7)
        yield


ROUNDING = {torch.float32: 2e-5, torch.float64: 1e-12, torch.bfloat16: 2e-2}


def click(seen: Capture, tries: int = 6) -> dict[str, set[str]]:
    """Click random units of all layers; return the kinds of formulas by the layers' names."""
    kinds: dict[str, set[str]] = {}
    for layer in seen.layers:
        for _ in range(tries):
            at = tuple(random.randrange(size) for size in layer.units.shape)  # noqa: S311
            found = explain(seen, layer, at)
            assert found.value == layer.units[at].item()
            near = ROUNDING[layer.output.dtype]
            close = pytest.approx(found.value, rel=near, abs=near, nan_ok=True)
            assert found.result == close, (layer, at)
            kinds.setdefault(layer.name, set()).add(found.kind)
    return kinds


class ChannelsFirstNorm(nn.LayerNorm):
    """As in ConvNeXt: a LayerNorm in name only."""

    def forward(self, x: Tensor) -> Tensor:
        x = f.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias)
        return x.permute(0, 3, 1, 2)


class ScaledConvolution(nn.Conv2d):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight * 3, bias)


class Twice(nn.Dropout):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


class RootMeanSquare(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(size) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        kind = x.dtype
        x = x.to(torch.float32)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * x.to(kind)


def test_a_subclass_with_a_forward_of_its_own_is_not_taken_for_its_base():
    norm = ChannelsFirstNorm(4)
    nn.init.uniform_(norm.weight)
    net = nn.Sequential(ScaledConvolution(3, 4, 3), norm, Twice(), nn.ReLU())
    seen = capture(net, torch.randn(1, 3, 8, 8))
    assert click(seen) == {
        "0": {"convolution"},
        "1": {"copy"},
        "2": {"combination"},
        "3": {"pointwise"},
    }
    assert explain(seen, seen["1"], (0, 0, 0)).step == "permute"


def test_the_last_step_of_a_layer_of_ones_own():
    seen = capture(nn.Sequential(nn.Linear(4, 6), RootMeanSquare(6)), torch.randn(2, 4))
    found = explain(seen, seen["1"], (3,))
    assert (found.kind, found.name, found.step) == ("combination", "·", "mul")
    assert found.window[0] == seen["1"].module.weight[3].item()
    hidden = seen["0"].output[0]
    assert float(found.window[1]) == pytest.approx(float(hidden[3] / hidden.square().mean().sqrt()))


def test_a_layer_that_answers_what_it_was_given():
    class Depth(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * x.new_empty(len(x), 1).bernoulli_(0.5) if self.training else x

    net = nn.Sequential(nn.Linear(4, 6), Depth())
    seen = capture(net, torch.randn(2, 4))
    found = explain(seen, seen["1"], (3,))
    assert (found.kind, found.links[0].source, found.links[0].unit) == ("copy", 0, 3)


def test_a_layer_of_its_own_parameters_alone():
    class Bias(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.randn(5, 2))

        def forward(self) -> Tensor:
            return self.table[torch.tensor([[0, 1], [4, 3]])].permute(2, 0, 1).contiguous()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = Bias()

        def forward(self, x: Tensor) -> Tensor:
            return x + self.bias()

    seen = capture(Net(), torch.randn(1, 2, 2, 2))
    assert click(seen) == {"bias": {"copy"}, "add": {"combination"}}
    assert explain(seen, seen["bias"], (1, 1, 0)).window.item() == seen["bias"].output[1, 1, 0]


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_frames_folded_into_the_batch(rows, frames):
    class Video(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3, padding=1)
            self.norm = nn.GroupNorm(2, 4)
            self.pool = nn.MaxPool2d(2)
            self.lstm = nn.LSTM(8, 3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            y = self.pool(self.norm(self.conv(x.flatten(0, 1))).relu())
            y = torch.cat([y, -y], 1).mean((2, 3)).softmax(1)
            return self.lstm(y.view(*x.shape[:2], 8))[0][:, -1]

    seen = capture(Video(), torch.randn(rows, frames, 3, 6, 6))
    click(seen)
    shapes = {layer.name: tuple(layer.units.shape) for layer in seen.layers}
    assert (shapes["conv"], shapes["pool"], shapes["cat"]) == ((4, 6, 6), (4, 3, 3), (8, 3, 3))
    assert (shapes["softmax"], shapes["lstm"], shapes["getitem"]) == ((8,), (frames, 3), (3,))


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_heads_and_windows_folded_into_the_batch(rows):
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(8, 24)
            self.norm = nn.LayerNorm(8)

        def forward(self, x: Tensor) -> Tensor:
            b, t, c = x.shape
            parts = self.qkv(x).view(b, t, 3, 4, 2).permute(2, 0, 3, 1, 4)
            q, k, v = parts.reshape(3, b * 4, t, 2)
            y = torch.bmm(torch.bmm(q, k.mT).softmax(-1), v)
            y = y.view(b, 4, t, 2).transpose(1, 2).reshape(b, t, c)
            windows = self.norm(y.reshape(b * t // 2, 2, c)).mean(1)
            return windows.view(b, -1, c).softmax(0)

    click(capture(Heads(), torch.randn(rows, 4, 8)))


@pytest.mark.parametrize("first", ["batch", "length"])
def test_the_batch_of_a_sequence_is_where_the_layer_has_it(first):
    net = nn.LSTM(3, 4, batch_first=first == "batch")
    x = torch.randn(2, 2, 3)
    seen = capture(net, x)
    own = seen["LSTM"].output[0] if first == "batch" else seen["LSTM"].output[:, 0]
    assert torch.equal(seen["LSTM"].units, own)
    click(seen)


def test_a_unit_scaled_is_the_unit_clicked():
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 1)
            self.rnn = nn.RNN(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x.flatten(0, 1)).mean((2, 3))
            return self.rnn(y.view(*x.shape[:2], 3).transpose(0, 1))[0]

    x = torch.randn(2, 5, 1, 4, 4)
    plain = capture(Turned(), x)
    net = Turned()
    plain = capture(net, x)
    for name, unit in (("conv", 2), ("mean", 1), ("transpose", 4), ("rnn", 3)):
        layer = plain[name]
        seen = capture(net, x, changes={(name, 0, unit): 0.0})[name]
        left = [one for one in range(len(layer.units)) if one != unit]
        assert not seen.units[unit].any()
        assert torch.equal(seen.units[left], layer.units[left])
        # In all rows, frames and views.
        assert seen.output.eq(0).sum() == layer.output.numel() // len(layer.units)
        assert explain(plain, layer, (unit, *(0,) * (layer.units.ndim - 1))).value != 0


def test_what_is_written_into_a_slice_goes_into_the_next_formula():
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 6)

        def forward(self, x: Tensor) -> Tensor:
            a = self.linear(x)
            a[:, 2:] = -math.inf
            y = a.softmax(-1)
            b = self.linear(x)
            b.data.add_(1)
            c = b.detach()
            c[0, 0] = 7
            c[:, 3:].mul_(2)
            z = b.exp()
            b[b < 0] = 0.5
            return y + z + torch.sqrt(b)

    x = torch.randn(1, 4)
    net = Masked()
    seen = capture(net, x)
    click(seen)
    assert explain(seen, seen["softmax"], (1,)).window[2:].eq(-math.inf).all()
    assert explain(seen, seen["exp"], (0,)).window.item() == 7
    assert explain(seen, seen["setitem"], (4,)).kind == "constant"
    assert torch.equal(seen.output, net(x))


def test_a_hook_that_answers_otherwise():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[0].register_forward_hook(lambda _, __, output: output * 2)
    net[1].register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    seen = capture(net, torch.randn(1, 3))
    with pytest.raises(InputError, match=r"The formula is not known for 0 .* a forward hook"):
        explain(seen, seen["0"], (0,))
    found = explain(seen, seen["1"], (2,))
    assert torch.equal(found.window, (seen["0"].output[0] + 1).double())


@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_weights_are_those_of_the_call(mode):
    spectral = nn.utils.parametrizations.spectral_norm
    net = nn.Sequential(
        spectral(nn.Conv1d(1, 3, 3)),
        nn.utils.spectral_norm(nn.Conv1d(3, 3, 1)),
        nn.utils.weight_norm(nn.Conv1d(3, 2, 1)),
        spectral(nn.ConvTranspose1d(2, 2, 2)),
    )
    buffers = {name: one.clone() for name, one in net.named_buffers()}
    click(capture(net, torch.randn(2, 1, 8), mode=mode))
    assert all(torch.equal(one, buffers[name]) for name, one in net.named_buffers())


def test_weights_given_for_a_call_alone():
    class Fast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.Linear(4, 5), RootMeanSquare(5), nn.LayerNorm(5))

        def forward(self, x: Tensor) -> Tensor:
            weights = {name: one * 3 + 1 for name, one in self.net.named_parameters()}
            return torch.func.functional_call(self.net, weights, (x,))

    click(capture(Fast(), torch.randn(1, 4)))
    net = nn.Linear(2, 2)
    other = {name: one.detach() + 1 for name, one in net.named_parameters()}
    click(capture(net, torch.randn(1, 2), weights=other))


def test_weights_that_have_changed_since_are_told_of():
    net = nn.Sequential(nn.Linear(3, 2))
    seen = capture(net, torch.ones(1, 3))
    with torch.no_grad():
        net[0].weight.add_(1)
    with pytest.raises(InputError, match=r"The formula is not known for 0 .* the layer answered"):
        explain(seen, seen["0"], (0,))


@pytest.mark.parametrize("dimension", [0, 1, -1])
def test_softmax_over_any_dimension(dimension):
    class Soft(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            large = f.log_softmax(x * 1000, dimension) + f.softmax(x * 1000 - 5000, dimension)
            return large + x.softmax(dimension) + torch.log_softmax(x, dimension)

    click(capture(Soft(), torch.randn(5, 4, 3)))


def test_what_cannot_be_worked_out_is_told_in_a_sentence(monkeypatch):
    seen = capture(nn.Linear(2, 2), torch.ones(1, 2))

    def fail(*_: object) -> None:
        raise IndexError("beyond")

    monkeypatch.setattr("dl_lab.probe.formula.arithmetic.operation", fail)
    with pytest.raises(InputError, match="working it out raised IndexError: beyond"):
        explain(seen, seen.layers[0], (0,))


class Functions(nn.Module):
    """What models most often call between their layers."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 8)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        t = self.table(tokens) + f.embedding(tokens + 1, self.table.weight)
        q, k, v = (one.unflatten(-1, (2, -1)).transpose(1, 2) for one in (t, t.neg(), t * 2))
        a = q @ k.transpose(-2, -1) / 2
        a = a.masked_fill(torch.ones(4, 4).tril() == 0, -math.inf).softmax(-1)
        y = a @ v + f.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = torch.einsum("bhtd,bhsd->bhts", y, k) + 1 / (1 + y.pow(2).sum(-1, keepdim=True))
        y = f.normalize(torch.stack([y.amax(1), y.std(1)], 1), dim=-1).flip(2)
        z = self.up(self.shuffle(self.conv(x)))
        z = f.interpolate(f.pad(z, (1, 1, 1, 1)), size=(4, 4), mode="bicubic")
        z = torch.roll(z, 1, 2)[:, :, ::2].repeat(1, 2, 2, 1).clamp(min=0).rsqrt()
        first, second = torch.cat([y, z.nan_to_num(posinf=2.0)], 1).chunk(2, 1)
        return torch.addmm(first[0, 0], second[0, 0], second[0, 1]).T.exp() - t.mean()


def test_functions_between_layers_are_known():
    tokens = torch.randint(0, 8, (1, 4))
    seen = capture(Functions(), (torch.randn(1, 1, 4, 4), tokens))
    kinds = click(seen)
    assert kinds["table"] == kinds["embedding"] == {"embedding"}
    assert (
        kinds["matmul"] == kinds["einsum"] == kinds["interpolate"] == kinds["addmm"] == {"linear"}
    )
    assert kinds["scaled_dot_product_attention"] == kinds["up"] == {"linear"}
    assert kinds["transpose"] == kinds["chunk"] == kinds["roll"] == kinds["shuffle"] == {"copy"}
    assert {"copy", "constant"} >= kinds["pad"] >= {"constant"}
    assert kinds["amax"] == kinds["std"] == {"reduction"}
    assert kinds["normalize"] == {"normalize"}
    token = int(tokens[0, 2])
    assert explain(seen, seen["table"], (2, 5)).numbers == {"row": token, "column": 5}


RECURRENT = [
    nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True),
    nn.GRU(3, 4, 2, bidirectional=True),
    nn.GRU(3, 4, bias=False),
    nn.RNN(3, 4, nonlinearity="relu"),
]


@pytest.mark.parametrize("net", RECURRENT, ids=str)
def test_recurrent_layers(net):
    kind = type(net).__name__.lower()
    seen = capture(net, torch.randn(2, 5, 3))
    assert click(seen, 12) == {type(net).__name__: {kind}}
    assert click(capture(net, torch.randn(5, 3)), 12) == {type(net).__name__: {kind}}


def test_cells_begin_with_the_state_they_are_given():
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.gru = nn.LSTMCell(3, 4), nn.GRUCell(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            h, c, z = torch.zeros(1, 4), torch.ones(1, 4), torch.ones(1, 2)
            for one in x.unbind(1):
                h, c = self.lstm(one, (h, c))
                z = self.gru(h, z)
            return z

    seen = capture(Loop(), torch.randn(1, 3, 3))
    kinds = click(seen)
    assert (kinds["lstm"], kinds["gru"]) == ({"lstm"}, {"gru"})


def test_attention_as_a_layer_of_its_own():
    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            mask = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
            return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]

    seen = capture(Attending(), torch.randn(1, 5, 8))
    found = explain(seen, seen["attention"], (4, 3))
    assert (found.kind, found.name, found.window.shape) == ("linear", "heads", (8,))
    click(seen)


def nets() -> list[tuple[nn.Module, tuple[int, ...]]]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [
            (nn.Sequential(nn.Conv2d(2, 4, 3), ChannelsFirstNorm(4), nn.GELU()), (2, 2, 6, 6)),
            (nn.Sequential(nn.Linear(6, 8), RootMeanSquare(8), nn.Softmax(0)), (3, 6)),
            (nn.Sequential(nn.Conv1d(2, 4, 2), nn.BatchNorm1d(4), nn.MaxPool1d(2)), (2, 2, 9)),
            (nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 4), nn.LogSoftmax(-1)), (2, 5, 6)),
            (nn.Sequential(nn.ConvTranspose2d(2, 3, 2, 2), nn.InstanceNorm2d(3)), (1, 2, 3, 3)),
            (nn.Sequential(nn.GLU(1), nn.Unflatten(1, (3, 1)), nn.ZeroPad1d(1)), (2, 6)),
            (nn.Sequential(nn.GRU(4, 3)), (3, 2, 4)),
        ]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_walk_in_every_precision_and_mode(kind, mode):
    for net, shape in nets():
        for gradients in (False, True):
            x = torch.randn(shape).to(kind)
            seen = capture(net.to(kind), x, mode=mode, gradients=gradients)
            click(seen, times(8))


def test_many_networks_at_once_are_one_step():
    class Ensemble(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(3, 2)
            self.last = nn.Linear(2, 2)
            self.weights = nn.Parameter(torch.randn(4, 2, 3))

        def forward(self, x: Tensor) -> Tensor:
            def call(weight: Tensor) -> Tensor:
                return torch.func.functional_call(self.one, {"weight": weight}, (x,)).relu()

            return self.last(torch.vmap(call)(self.weights).mean(0))

    net, x = Ensemble(), torch.randn(2, 3)
    seen = capture(net, x)
    assert torch.equal(seen.output, net(x))
    assert click(seen)["last"] == {"linear"}
