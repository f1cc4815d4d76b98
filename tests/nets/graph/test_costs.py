"""Multiply-adds against independent counts: torch's counter of FLOPs, or the formula by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everyone has it
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from dl_lab.nets.graph.trace import trace
from tests.nets.graph.families import drawn
from tests.nets.graph.nets import CASES


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor):
        return self.function(*inputs)


def macs(model, *inputs: torch.Tensor):
    """Return the multiply-adds of a model's operations, or None if one is not known."""
    graph = trace(model, inputs)
    assert graph.failure is None
    counts = [node.macs for node in graph.nodes if node.kind == "operation"]
    return None if None in counts else sum(counts)


R = torch.randn

COUNTED = {
    "linear": (nn.Linear(4, 5), R(3, 7, 4)),
    "matmul": (Function(lambda a, b: a @ b), R(3, 7, 4), R(4, 6)),
    "rmatmul": (Function(lambda a, b: a.__rmatmul__(b)), R(4, 6), R(3, 4)),
    "batched": (Function(torch.matmul), R(2, 1, 7, 4), R(3, 4, 6)),
    "bmm": (Function(torch.bmm), R(3, 7, 4), R(3, 4, 2)),
    "mm": (Function(torch.mm), R(7, 4), R(4, 2)),
    "addmm": (Function(torch.addmm), R(2), R(7, 4), R(4, 2)),
    "baddbmm": (
        Function(lambda a, b, c: a.baddbmm(batch1=b, batch2=c, beta=2)),
        R(3, 7, 2),
        R(3, 7, 4),
        R(3, 4, 2),
    ),
    "einsum": (Function(lambda a, b: torch.einsum("bij,bjk->bik", a, b)), R(2, 3, 4), R(2, 4, 5)),
    "einsum with dots": (
        Function(lambda a, b: torch.einsum("...hd,...Hd->...hH", a, b)),
        R(2, 6, 3, 4),
        R(2, 6, 5, 4),
    ),
    "conv1d": (nn.Conv1d(4, 6, 3, 2, 1, groups=2), R(2, 4, 11)),
    "conv2d": (nn.Conv2d(4, 8, (3, 5), 2, dilation=2, groups=4), R(2, 4, 20, 20)),
    "conv3d": (nn.Conv3d(2, 3, 3), R(1, 2, 6, 6, 6)),
    "same": (nn.Conv2d(3, 4, 3, padding="same"), R(1, 3, 8, 8)),
    "transposed 1": (nn.ConvTranspose1d(4, 6, 3, 2), R(2, 4, 10)),
    "transposed 2": (nn.ConvTranspose2d(4, 6, 3, 2, groups=2), R(2, 4, 7, 7)),
    "transposed 3": (nn.ConvTranspose3d(2, 3, 3), R(1, 2, 4, 4, 4)),
    "attention": (
        Function(F.scaled_dot_product_attention),
        R(2, 4, 7, 8),
        R(2, 4, 9, 8),
        R(2, 4, 9, 8),
    ),
}


@pytest.mark.parametrize("case", COUNTED)
def test_products_as_torch_counts_their_flops(case):
    model, *inputs = COUNTED[case]
    # Attention written out: what torch has for the CPU its counter does not know.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*inputs)
    assert 2 * macs(model, *inputs) == counter.get_total_flops() > 0


PRODUCTS = {"linear", "matmul", "bmm", "baddbmm", "addmm", "einsum", "conv1d", "conv2d"}
PRODUCTS |= {
    "gru",
    "gru_cell",
    "conv_transpose2d",
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
}
WHOLE = "perceptron lenet resnet densenet unet textcnn wavenet gpt vit swin seq2seq elman dcgan "
WHOLE += "transformer diffusion stylegan char-gru"


@pytest.mark.parametrize(
    "kind", [*WHOLE.split(), "bert", "bloom", "gpt2", "llama", "t5", "swin-hf"]
)
def test_whole_models_as_torch_counts_their_flops(kind):
    torch.manual_seed(0)
    nets = {name: (make, given) for name, make, given in CASES}
    if kind in nets:
        make, given = nets[kind]
        model, (inputs, named) = make(), given()
    else:
        model, inputs, named = drawn(kind.removesuffix("-hf"))
    model.eval()
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*inputs, **named)
    nodes = [node for node in trace(model, inputs, named).nodes if node.name in PRODUCTS]
    assert 2 * sum(node.macs for node in nodes) == counter.get_total_flops() > 0


def products(model, *inputs: torch.Tensor):
    """Count the numbers in all matrix products while a model runs, as torch's counter does."""
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    return counter.get_total_flops() // 2


def test_attention_in_one_node_as_its_parts():
    model = nn.MultiheadAttention(8, 2, batch_first=True, kdim=6, vdim=5)
    query, key, value = R(2, 7, 8), R(2, 9, 6), R(2, 9, 5)
    assert macs(model, query, key, value) == products(model, query, key, value)
    # by hand: three projections, scores and mixtures, one more projection
    assert products(model, query, key, value) == (
        2 * (7 * 8 * 8 + 9 * 6 * 8 + 9 * 5 * 8 + 2 * 7 * 9 * 8 + 7 * 8 * 8)
    )


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("batch_first", [False, True])
def test_recurrent_layers_by_hand(batch_first):
    steps, rows = 5, 3
    x = R(rows, steps, 4) if batch_first else R(steps, rows, 4)
    lstm = nn.LSTM(4, 6, 2, bidirectional=True, batch_first=batch_first)
    # A step: four gates, from its input and the hidden state; two directions, two layers.
    assert macs(lstm, x) == steps * rows * 2 * (4 * 6 * (4 + 6) + 4 * 6 * (12 + 6))
    gru = nn.GRU(4, 6, batch_first=batch_first)
    assert macs(gru, x) == steps * rows * 3 * 6 * (4 + 6)
    rnn = nn.RNN(4, 6, batch_first=batch_first, bias=False, nonlinearity="relu")
    assert macs(rnn, x) == steps * rows * 6 * (4 + 6)
    short = nn.LSTM(4, 6, proj_size=2, batch_first=batch_first)
    assert macs(short, x) == steps * rows * (4 * 6 * (4 + 2) + 6 * 2)


def test_cells_by_hand():
    x = R(3, 4)
    assert macs(nn.RNNCell(4, 6), x) == 3 * 6 * (4 + 6)
    assert macs(nn.GRUCell(4, 6), x) == 3 * 3 * 6 * (4 + 6)
    assert macs(nn.LSTMCell(4, 6), x) == 3 * 4 * 6 * (4 + 6)


def test_packed_sequences_count_the_steps_that_are_there():
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.GRU(4, 6)

        def forward(self, x, lengths):
            return self.rnn(nn.utils.rnn.pack_padded_sequence(x, lengths))[1]

    assert macs(Packed(), R(5, 2, 4), torch.tensor([5, 3])) == (5 + 3) * 3 * 6 * (4 + 6)


X = R(2, 4, 6, 6)
BY_HAND = {
    "relu": (nn.ReLU(), X, 288),
    "in place": (nn.ReLU(inplace=True), X.clone(), 288),
    "gelu": (nn.GELU(), X, 288),
    "sigmoid": (nn.Sigmoid(), X, 288),
    "add": (Function(lambda x: x + 1), X, 288),
    "mul in place": (Function(lambda x: x.clone().mul_(2)), X, 288),
    "reversed": (Function(lambda x: 1 / x), X, 288),
    "broadcast": (Function(lambda x: x * x[:1]), X, 288),
    "softmax": (nn.Softmax(1), X, 3 * 288),
    "batch norm, evaluating": (nn.BatchNorm2d(4).eval(), X, 288),
    "batch norm, training": (nn.BatchNorm2d(4), X, 3 * 288 + 1),  # and it counts batches
    "layer norm": (nn.LayerNorm(6), X, 4 * 288),
    "layer norm without weights": (nn.LayerNorm(6, elementwise_affine=False), X, 3 * 288),
    "rms norm": (nn.RMSNorm(6), X, 3 * 288),
    "group norm": (nn.GroupNorm(2, 4), X, 4 * 288),
    "instance norm": (nn.InstanceNorm2d(4), X, 3 * 288),
    "max pool": (nn.MaxPool2d(3, 1), X, 2 * 4 * 4 * 4 * 9),
    "max pool with places": (nn.MaxPool2d(2, return_indices=True), X, 2 * 4 * 3 * 3 * 4),
    "average pool": (nn.AvgPool2d((2, 3)), X, 2 * 4 * 3 * 2 * 6),
    "average pool 1": (nn.AvgPool1d(2), X[0], 4 * 6 * 3 * 2),
    "global pool": (nn.AdaptiveAvgPool2d(1), X, 288),
    "mean": (Function(lambda x: x.mean((2, 3))), X, 288),
    "largest": (Function(lambda x: x.max(1).values), X, 288),
    "variance": (Function(lambda x: x.var(1)), X, 2 * 288),
    "views": (Function(lambda x: x.flatten(1)[:, None].transpose(0, 1).reshape(-1)), X, 0),
    "joined": (Function(lambda x: torch.cat([x, x], 1)), X, 0),
    "embedding": (nn.Embedding(5, 3), torch.tensor([1, 2]), 0),
    "dropout, training": (nn.Dropout(), X, 288),
    "dropout, evaluating": (nn.Dropout().eval(), X, 0),
    "nearest": (nn.Upsample(scale_factor=2), X, 0),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), X, 4 * 4 * 288),
    "bilinear layer": (Function(lambda x: F.bilinear(x, x, R(5, 6, 6))), X[0, 0], 6 * 5 * 6 * 7),
    "bag": (nn.EmbeddingBag(9, 3), torch.tensor([[1, 2, 4]]), 9),
    "cross entropy": (Function(lambda x: F.cross_entropy(x, torch.tensor([1, 2]))), R(2, 4), 24),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_what_has_no_products_by_hand(case):
    model, x, expected = BY_HAND[case]
    assert macs(model, x) == expected


@pytest.mark.parametrize(
    "function", [torch.fft.rfft, torch.linalg.svdvals, lambda x: x.cholesky_solve(x)]
)
def test_what_is_not_known_is_said(function):
    graph = trace(Function(function), [torch.eye(3)])
    assert graph.nodes[graph.outputs[0]].macs is None


def test_parameters_and_bytes_of_nodes():
    shared = nn.Linear(3, 3, dtype=torch.float64)
    graph = trace(nn.Sequential(shared, nn.ReLU(), shared), [torch.ones(2, 3, dtype=torch.float64)])
    assert [(n.name, n.parameters, n.bytes) for n in graph.nodes if n.kind == "operation"] == [
        ("linear", 12, 48),
        ("relu", 0, 48),
        ("linear", 12, 48),
    ]


def test_time_is_measured_when_asked():
    model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Flatten())
    graph = trace(model, [R(512, 512)], timed=True)
    linear, relu, flat = (node.seconds for node in graph.nodes if node.kind == "operation")
    assert linear > flat >= 0
    assert relu > 0
    assert graph.calls[0].seconds == pytest.approx(linear + relu + flat)
    assert [call.seconds for call in graph.calls[1:]] == pytest.approx([linear, relu, flat])
    assert all(node.seconds is None for node in trace(model, [R(512, 512)]).nodes)
