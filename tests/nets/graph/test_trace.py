"""The graph of a network: every operation of a real forward pass, whatever the model does."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
import torch
from torch import nn

from dl_lab.nets.graph.nodes import Graph
from dl_lab.nets.graph.trace import copied, trace


def operations(graph: Graph) -> list[tuple[str, str]]:
    return [(node.module, node.name) for node in graph.nodes if node.kind == "operation"]


def reached(graph: Graph) -> set[int]:
    """Return the nodes that the outputs stand on."""
    found: set[int] = set()
    waiting = list(graph.outputs)
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += graph.nodes[index].inputs
    return found


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.line = nn.Linear(3, 3)

    def forward(self, x):
        return x + self.line(self.norm(x))


def test_each_operation_has_its_module_shape_and_sources():
    graph = trace(Block().eval(), [torch.ones(2, 3)])
    assert operations(graph) == [("norm", "batch_norm"), ("line", "linear"), ("", "add")]
    add = graph.nodes[-1]
    assert [graph.nodes[index].name for index in add.inputs] == ["input_0", "linear"]
    assert (add.shape, add.dtype) == ((2, 3), torch.float32)
    assert graph.outputs == (len(graph.nodes) - 1,)
    weight = next(one for one in graph.nodes if (one.module, one.name) == ("line", "weight"))
    assert (weight.kind, weight.shape) == ("parameter", (3, 3))


class InPlace(nn.Module):
    def forward(self, x):
        y = x.T @ x
        y[:, 0] = 2
        y += 1
        return {"a": y.mT, "b": x.data}


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3, 3)

    def forward(self, x):
        h = torch.zeros(3)
        for row in x:
            h = self.cell(row, h)
            if h.sum() > 1:
                h = h / 2
        return h


class Named(nn.Module):
    def forward(self, *, left, right=None, scale=1.0):
        return left * scale if right is None else left + right


class Nested(nn.Module):
    def forward(self, batch, sizes):
        (x, y), z = batch["pair"], batch["last"]
        return [x * sizes[0], (y, z.relu())]


@dataclasses.dataclass
class Answer:
    value: torch.Tensor
    note: str = "none"


class Structured(nn.Module):
    def forward(self, x):
        return Answer(torch.stack(torch.split(x, 1)).sum())


class Clamped(torch.autograd.Function):
    @staticmethod
    def forward(_: object, x: torch.Tensor) -> torch.Tensor:
        return x.clamp(min=0)

    @staticmethod
    def backward(_: object, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class Custom(nn.Module):
    def forward(self, x):
        return Clamped.apply(x) * 2


class Differentiating(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 1)

    def forward(self, x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.line(x).square().sum(), x, create_graph=True)[0]


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)

    def forward(self, x):
        own = {name: 2 * value for name, value in self.line.named_parameters()}
        return torch.func.functional_call(self.line, own, (x,))


class Recursive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)

    def forward(self, x, depth=2):
        return x if depth == 0 else self.line(self(x, depth - 1))


X = torch.ones(2, 3)
KINDS = [
    (InPlace(), [X], {}, {"T", "matmul", "__setitem__", "add_", "mT", "data"}),
    (Loop(), [X], {}, {"gru_cell", "gt"}),
    (Named(), [], {"left": X, "right": X}, {"add"}),
    (Named(), [], {"left": X, "scale": 2.0}, {"mul"}),
    (Nested(), [{"pair": (X, X), "last": X}, [2]], {}, {"mul", "relu"}),
    (Structured(), [X], {}, {"split", "stack", "sum"}),
    (Custom(), [X], {}, {"mul"}),
    (Differentiating(), [X], {}, {"linear", "grad"}),
    (Functional(), [X], {}, {"linear", "mul"}),
    (Recursive(), [X], {}, {"linear"}),
    (nn.LSTM(3, 4), [X], {}, {"lstm"}),
    (nn.Embedding(5, 3), [torch.tensor([1, 2])], {}, {"embedding"}),
    (nn.TransformerEncoderLayer(3, 1, 4, batch_first=True), [X[None]], {}, {"layer_norm"}),
    (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), [X], {}, {"linear"}),
    (nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True)), [X], {}, {"linear", "relu"}),
]


@pytest.mark.parametrize(
    ("model", "inputs", "named", "among"), KINDS, ids=[type(kind[0]).__name__ for kind in KINDS]
)
def test_all_kinds_of_models(model, inputs, named, among):
    graph = trace(model, copied(inputs), copied(named))
    assert graph.failure is None
    assert among <= {name for _, name in operations(graph)}
    assert {graph.nodes[index].kind for index in reached(graph)} & {"input", "parameter"}
    assert all(source < i for i, node in enumerate(graph.nodes) for source in node.inputs)


def test_a_cell_in_a_loop_is_called_once_a_row():
    calls = [node for node in trace(Loop(), [torch.zeros(4, 3)]).nodes if node.name == "gru_cell"]
    assert [node.module for node in calls] == ["cell"] * 4


def test_shared_parts_have_one_name():
    line = nn.Linear(3, 3)
    graph = trace(nn.Sequential(line, nn.ReLU(), line), [X])
    assert operations(graph) == [("0", "linear"), ("1", "relu"), ("0", "linear")]
    assert sum(node.kind == "parameter" for node in graph.nodes) == 2


@pytest.mark.parametrize("nested", [False, True])
def test_what_is_compiled_is_seen_as_it_was_written(nested):
    plain = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    compiled = torch.compile(plain, backend="eager")
    model, prefix = (nn.Sequential(compiled), "0.") if nested else (compiled, "")
    model(X)
    assert operations(trace(model, [X])) == [(f"{prefix}0", "linear"), (f"{prefix}1", "relu")]


def test_a_part_compiled_in_place_is_seen_too():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    model[0].compile(backend="eager")
    model(X)
    assert operations(trace(model, [X])) == [("0", "linear"), ("1", "relu")]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("scripted", [False, True])
def test_what_no_operation_of_torchs_made_is_said_to_be_unseen(scripted):
    part = torch.jit.script(nn.Linear(3, 3)) if scripted else nn.Flatten()

    class Through(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = part

        def forward(self, x):
            return torch.from_numpy(self.part(x).detach().numpy() * 2) + 1

    graph = trace(Through(), [X])
    unseen = [node.left for node in graph.nodes if node.kind == "unseen"]
    assert unseen == [*(["script"] if scripted else []), "numpy"]
    assert operations(graph)[-1] == ("", "add")
    assert "input_0" in {graph.nodes[index].name for index in reached(graph)}
    if scripted:
        assert graph.modules["part"].note == "scripted"
        assert graph.modules["part"].class_name == "Linear"
        assert not any(info.unused for info in graph.modules.values())


def test_a_model_too_large_to_load():
    with torch.device("meta"):
        model = nn.Sequential(*(nn.Linear(50_000, 50_000) for _ in range(3)))
        graph = trace(model, [torch.empty(1, 50_000)])
    assert operations(graph) == [(str(i), "linear") for i in range(3)]


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(5, 2)

    def forward(self, x):
        return self.second(self.first(x))


def test_an_error_leaves_the_graph_so_far_and_its_place():
    model = Broken()
    graph = trace(model, [X])
    assert operations(graph) == [("first", "linear")]
    assert graph.failure is not None
    assert (graph.failure.module, graph.failure.name) == ("second", "linear")
    assert graph.failure.shapes[:2] == ((2, 4), (2, 5))
    assert "cannot be multiplied" in str(graph.failure.error)


def test_hooks_and_modes_are_gone_afterwards_and_others_stay():
    model = Broken()
    seen = []
    model.first.register_forward_hook(lambda *_: seen.append(1))
    trace(model, [X])
    assert seen == [1]
    for module in model.modules():
        assert len(module._forward_hooks) == (module is model.first)
        assert not module._forward_pre_hooks
    with contextlib.suppress(RuntimeError):
        model(X)
    assert seen == [1, 1]


def test_copies_keep_the_callers_tensors_as_they_are():
    given = torch.tensor([-1.0])
    trace(nn.ReLU(inplace=True), copied([given]))
    assert given.item() == -1
