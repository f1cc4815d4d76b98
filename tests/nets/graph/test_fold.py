"""Groups by module and call; repeats and loops over time folded, and all they stand for kept."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.nets.graph.fold import Group, fold, groups
from dl_lab.nets.graph.trace import trace
from tests.nets.graph.nets import GPT, Cells, Elman, Experts, Recursive, resnet, tokens


def boxes(group):
    return [(one.kind, one.label, one.count) for one in group.children if isinstance(one, Group)]


def operations(graph):
    return {index for index, node in enumerate(graph.nodes) if node.kind == "operation"}


@pytest.fixture
def gpt():
    graph = trace(GPT(12).eval(), [tokens(2, 8)])
    return graph, fold(graph)


def test_blocks_fold_and_heads_in_them(gpt):
    _, root = gpt
    [blocks] = [one for one in groups(root) if one.label == "Sequential" and one.path == "blocks"]
    assert boxes(blocks) == [("repeat", "Block", 12)]
    assert ("repeat", "Head", 4) in boxes(blocks.children[0])
    assert [one.label for one in root.children if isinstance(one, Group)][-1] == "Linear"


def test_each_instance_of_a_repeat_can_be_drawn(gpt):
    graph, root = gpt
    [repeat] = [one for one in groups(root) if one.count == 12]
    assert [one.path for one in repeat.instances] == [f"blocks.{i}" for i in range(12)]
    names = [
        [graph.nodes[i].name for i in one.nodes() if graph.nodes[i].kind == "operation"]
        for one in repeat.instances
    ]
    assert names == [names[0]] * 12
    parts = [set(one.nodes()) for one in repeat.instances]
    assert sum(map(len, parts)) == len(set().union(*parts))  # nothing twice


def test_every_operation_is_in_one_place(gpt):
    graph, root = gpt
    inside = [index for index in root.nodes() if graph.nodes[index].kind == "operation"]
    assert len(inside) == len(set(inside))
    assert set(inside) == operations(graph)


def test_sums_of_groups(gpt):
    graph, root = gpt
    [repeat] = [one for one in groups(root) if one.count == 12]
    block = GPT(1).blocks
    assert repeat.parameters == 12 * sum(one.numel() for one in block.parameters())
    assert repeat.macs == sum(
        graph.nodes[i].macs for one in repeat.instances for i in one.nodes() if graph.nodes[i].macs
    )
    assert root.macs == sum(node.macs or 0 for node in graph.nodes)
    assert root.parameters == sum(one.numel() for one in GPT(12).parameters())
    assert root.unknown == 0


def test_what_one_hands_on_to_the_next(gpt):
    graph, root = gpt
    [repeat] = [one for one in groups(root) if one.count == 12]
    first, second = (list(one.nodes()) for one in repeat.instances[:2])
    for source, taker in repeat.carried:
        assert source in first
        assert taker in first
        there = [i for i in second if graph.nodes[i].kind == "operation"]
        here = [i for i in first if graph.nodes[i].kind == "operation"]
        assert source in graph.nodes[there[here.index(taker)]].inputs
    assert {graph.nodes[taker].name for _, taker in repeat.carried} == {"layer_norm", "add"}


@pytest.mark.parametrize("steps", [2, 9])
def test_a_cell_in_a_loop_is_one_cell(steps):
    graph = trace(Cells(), [torch.randn(steps, 2, 3)])
    [loop] = [one for one in groups(fold(graph)) if one.kind == "loop"]
    assert loop.count == steps
    assert "LSTMCell" in loop.label
    assert loop.parameters == sum(one.numel() for one in Cells().parameters())  # once
    assert {graph.nodes[a].name for pair in loop.carried for a in pair} == {"lstm_cell"}


def test_a_loop_written_out():
    graph = trace(Elman(), [torch.randn(6, 2, 3)])
    [loop] = [one for one in groups(fold(graph)) if one.kind == "loop"]
    # The first step begins with what every row has.
    assert loop.count == 6
    assert [(graph.nodes[a].name, graph.nodes[b].name) for a, b in loop.carried] == [
        ("tanh", "linear")
    ]


def test_a_loop_without_modules():
    class Powers(nn.Module):
        def forward(self, x):
            y = x
            for _ in range(5):
                y = torch.tanh(y * x)
            return y

    graph = trace(Powers(), [torch.randn(2, 3)])
    [loop] = [one for one in groups(fold(graph)) if one.kind == "loop"]
    assert (loop.count, loop.label) == (5, "mul · tanh")


def test_layers_of_other_sizes_stay_apart():
    sizes = [4, 4, 4, 8, 8]
    layers = [nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
    root = fold(trace(nn.Sequential(*layers), [torch.randn(1, 4)]))
    assert boxes(root) == [("module", "Linear", 1)] * 4


def test_layers_in_a_row_fold_from_three_on():
    def net(count):
        parts = [part for _ in range(count) for part in (nn.Linear(4, 4), nn.ReLU())]
        return boxes(fold(trace(nn.Sequential(*parts), [torch.randn(1, 4)])))

    assert net(2) == [("module", "Linear", 1), ("module", "ReLU", 1)] * 2
    assert net(3) == [("repeat", "Linear · ReLU", 3)]


def test_queries_keys_and_values_are_no_repeat():
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x):
            q, k, v = self.q(x), self.k(x), self.v(x)
            return torch.softmax(q @ k.mT, -1) @ v

    root = fold(trace(Attention(), [torch.randn(3, 4)]))
    assert boxes(root) == [("module", "Linear", 1)] * 3


def test_a_skip_to_one_of_them_keeps_them_apart():
    class Skips(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(4))

        def forward(self, x):
            a = self.parts[0](x)
            b = self.parts[1](a)
            c = self.parts[2](b)
            return self.parts[3](b) + c  # not from c

    root = fold(trace(Skips(), [torch.randn(3, 4)]))
    assert boxes(root) == [("repeat", "Sequential", 3), ("module", "Sequential", 1)]


def test_a_shared_module_called_side_by_side_is_no_loop():
    class Siamese(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(3, 3), nn.Tanh())

        def forward(self, x, y):
            return self.body(x) * self.body(y)

    graph = trace(Siamese(), [torch.randn(1, 3), torch.randn(1, 3)])
    [repeat] = [one for one in groups(fold(graph)) if one.count == 2]
    assert (repeat.kind, repeat.carried) == ("repeat", ())
    assert repeat.parameters == 12
    assert len({one.key for one in repeat.instances}) == 2


def test_recursion_is_nested():
    tree = [torch.randn(1, 3), [torch.randn(1, 3), torch.randn(1, 3)]]
    graph = trace(Recursive(), [tree])
    root = fold(graph)
    inner = [one for one in root.children if isinstance(one, Group) and one.path == ""]
    assert [one.label for one in inner] == ["Recursive"]
    keys = [one.key for one in groups(root)]
    assert len(keys) == len(set(keys))


def test_keys_are_the_same_in_the_next_trace():
    model = resnet().eval()
    one, two = (
        [group.key for group in groups(fold(trace(model, [torch.randn(2, 3, 16, 16)])))]
        for _ in range(2)
    )
    assert one == two
    assert len(set(one)) == len(one)


def test_resnet():
    root = fold(trace(resnet().eval(), [torch.randn(2, 3, 16, 16)]))
    assert ("repeat", "Basic", 2) in boxes(root)
    assert ("module", "Basic", 1) in boxes(root)


def test_torchs_own_layers_are_closed_by_themselves():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.Sequential(nn.Sequential(layer, nn.ReLU()), nn.Linear(8, 8))
    root = fold(trace(model, [torch.randn(1, 4, 8)]))
    closed = {one.path: one.closed for one in groups(root)}
    assert (closed[""], closed["0"], closed["0.0"], closed["1"]) == (False, False, True, True)


@pytest.mark.parametrize(
    ("rule", "closed"),
    [
        ([r"^blocks\.\d+$"], {"blocks.0"}),
        (["Head"], {"blocks.0.heads.0"}),
        ([nn.LayerNorm], {"blocks.0.ln1", "blocks.0.ln2"}),
        (lambda group: group.count > 10, {"blocks.0"}),
        ([], set()),
    ],
)
def test_ones_own_rule_of_what_stays_closed(rule, closed):
    root = fold(trace(GPT(12).eval(), [tokens(2, 8)]), rule)
    assert {one.path for one in groups(root) if one.closed} == closed


def test_a_wrong_expression_is_told():
    with pytest.raises(InputError, match=r"\("):
        fold(trace(nn.ReLU(), [torch.ones(1)]), ["("])


def test_experts_of_different_numbers_of_tokens_are_drawn_each():
    torch.manual_seed(0)
    graph = trace(Experts(), [torch.randn(7, 6)])
    root = fold(graph)
    assert {one.path for one in groups(root) if one.path.count(".") == 1} <= {
        f"experts.{i}" for i in range(4)
    }
    assert set(root.nodes()) >= operations(graph)


def test_a_model_that_does_nothing_and_one_that_fails():
    root = fold(trace(nn.Identity(), [torch.ones(1)]))
    assert (root.label, root.children) == ("Identity", [0])
    broken = trace(nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 3)), [torch.ones(1, 2)])
    root = fold(broken)
    assert boxes(root) == [("module", "Linear", 1)] * 2
    weights = [broken.nodes[index].name for index in root.children[-1].children]
    assert weights == ["weight", "bias"]  # of the one that failed
