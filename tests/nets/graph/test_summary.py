"""The table of a model, against torchinfo's."""

from __future__ import annotations

import pytest
import torch
import torchinfo
from torch import nn

from dl_lab.nets.graph.modules import named_modules
from dl_lab.nets.graph.summary import rows, totals
from dl_lab.nets.graph.trace import trace
from tests.nets.graph.families import drawn
from tests.nets.graph.nets import CASES, GPT, resnet, tokens

# Their outputs and inputs have shapes that torchinfo can say.
SAID = "perceptron lenet resnet densenet inception efficientnet shufflenet unet vae dcgan mixer "
SAID += "convnext pointnet gpt vit wide-deep textcnn wavenet"
TIED = {"gpt", "t5"}
KINDS = {name: (make, given) for name, make, given in CASES if name in SAID.split()}


def both(model, inputs, named):
    """Return our rows and torchinfo's layers, by the modules' names."""
    model.eval()
    table = {row.path: row for row in rows(trace(model, inputs, named))}
    info = torchinfo.summary(model, input_data=inputs or named, verbose=0, mode="eval")
    names = {id(module): path for path, module in named_modules(model)}
    theirs = {}
    for layer in info.summary_list:
        theirs.setdefault(names[id(layer.module)], layer)
    return table, theirs, info


@pytest.mark.parametrize("kind", [*KINDS, "bert", "llama", "t5"])
def test_columns_as_torchinfo_has_them(kind):
    torch.manual_seed(0)
    if kind in KINDS:
        make, given = KINDS[kind]
        model, (inputs, _) = make(), given()
        named = {}
    else:
        model, inputs, named = drawn(kind)
    table, theirs, info = both(model, inputs, named)
    called = {path for path, row in table.items() if row.calls}
    assert called <= set(theirs)  # which has lists of modules, too
    for path, layer in theirs.items():
        row = table[path]
        assert (row.class_name, row.parameters, row.trainable) == (
            layer.class_name,
            layer.num_params,
            layer.trainable_params,
        )
        size = layer.kernel_size
        assert row.kernel == (
            size if size is None else tuple(torch.Size([size]) if isinstance(size, int) else size)
        )
        if row.calls and isinstance(layer.module, (nn.Linear, nn.Conv2d, nn.Conv1d)):
            assert row.output_shapes == (tuple(layer.output_size),)
            assert row.input_shapes == (tuple(layer.input_size),)
    whole = table[""].parameters, table[""].trainable
    if kind in TIED:  # torchinfo counts them twice
        assert whole == (sum(one.numel() for one in model.parameters()),) * 2
        assert info.total_params > whole[0]
    else:
        assert whole == (info.total_params, info.trainable_params)


def convolutions():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.Conv2d(8, 8, (3, 1), stride=2, groups=2, bias=False),
        nn.Flatten(),
        nn.Linear(8 * 6 * 7, 5, bias=False),
    )


def test_multiply_adds_where_torchinfo_is_right():
    """It counts biases as products, and only the first dimension of a linear layer's input."""
    x = torch.randn(2, 3, 16, 16)
    table, theirs, info = both(convolutions(), [x], {})
    assert totals(trace(convolutions(), [x])).macs == info.total_mult_adds
    for path in ("0", "1", "3"):
        assert table[path].macs == theirs[path].macs > 0


def test_bytes_as_torchinfo_has_them():
    x = torch.randn(2, 3, 16, 16)
    _, _, info = both(convolutions(), [x], {})
    found = totals(trace(convolutions(), [x]))
    assert found.input_bytes == 4 * x.numel()
    assert found.parameter_bytes == info.total_param_bytes
    # It counts outputs of layers with weights, there and back.
    assert 2 * found.output_bytes == info.total_output_bytes


def test_rows_sum_what_is_in_them():
    graph = trace(GPT(2), [tokens(2, 8)])
    table = {row.path: row for row in rows(graph)}
    assert [table[path].depth for path in ("", "blocks", "blocks.1.heads.3")] == [0, 1, 4]
    assert table["blocks"].macs == table["blocks.0"].macs + table["blocks.1"].macs
    heads = [table[f"blocks.0.heads.{i}"] for i in range(4)]
    assert table["blocks.0.heads"].macs == sum(head.macs for head in heads)  # a list: not called
    assert table["blocks.0.heads"].calls == 0
    assert table[""].macs == totals(graph).macs


def test_calls_of_shared_modules_add_up():
    line = nn.Linear(3, 3)
    table = rows(trace(nn.Sequential(line, nn.ReLU(), line), [torch.ones(2, 3)]))
    assert [(row.path, row.calls, row.macs) for row in table] == [
        ("", 1, 42),
        ("0", 2, 36),
        ("1", 1, 6),
    ]


def test_what_is_not_known_is_counted():
    class Waves(nn.Module):
        def forward(self, x):
            return torch.fft.rfft(x).abs()

    [row] = rows(trace(Waves(), [torch.ones(8)]))
    assert (row.macs, row.unknown) == (5, 1)


def test_time_of_rows():
    table = rows(trace(resnet().eval(), [torch.randn(1, 3, 16, 16)], timed=True))
    by_path = {row.path: row for row in table}
    assert by_path[""].seconds >= by_path["3"].seconds >= by_path["3.conv1"].seconds > 0
