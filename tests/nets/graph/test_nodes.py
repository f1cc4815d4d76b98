"""What a graph tells of its nodes, calls and modules."""

from __future__ import annotations

import copy
import inspect
import json
import random
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # as everyone has it
from torch import nn

from dl_lab.nets.graph.export import VERSION, to_json
from dl_lab.nets.graph.trace import trace
from dl_lab.nets.graph.values import copied, tensors
from dl_lab.probe.untouched import untouched
from tests.nets.graph.nets import CASES, GPT, Cells, Recursive, Vectorized, tokens

X = torch.ones(2, 3)


def operations(graph):
    return [node for node in graph.nodes if node.kind == "operation"]


class Written(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x):
        y = self.body(x)
        z = F.softplus(y)  # a function written in Python
        return self.halved(z)

    def halved(self, x):
        return x / 2


def test_the_line_that_made_an_operation():
    graph = trace(Written(), [X])
    assert [(node.name, node.line.text) for node in operations(graph)] == [
        ("linear", "y = self.body(x)"),
        ("relu", "y = self.body(x)"),
        ("softplus", "z = F.softplus(y)  # a function written in Python"),
        ("div", "return x / 2"),
    ]
    line = operations(graph)[-1].line
    source, first = inspect.getsourcelines(Written.halved)
    assert (line.file, line.number, line.function) == (__file__, first + 1, "halved")
    assert source[1].strip() == line.text
    assert graph.modules[""].line.number == inspect.getsourcelines(Written.forward)[1]


def test_a_sequential_has_no_line_of_the_learners():
    graph = trace(nn.Sequential(nn.Linear(3, 3)), [X])
    assert operations(graph)[0].line is None


def test_the_modules_that_are_being_called():
    graph = trace(GPT(2).eval(), [tokens(1, 4)])
    key = next(node for node in operations(graph) if node.module == "blocks.1.heads.2.key")
    assert key.stack == ("", "blocks", "blocks.1", "blocks.1.heads.2", "blocks.1.heads.2.key")
    assert key.call == (0,) * 5
    call = graph.calls[key.owner]
    assert (call.module, call.input_shapes, call.output_shapes) == (
        "blocks.1.heads.2.key",
        ((1, 4, 16),),
        ((1, 4, 4),),
    )
    assert graph.calls[call.parent].module == "blocks.1.heads.2"
    assert graph.nodes[call.first] == key
    assert call.last == call.first + 1
    assert call.outputs == (call.first,)


def test_calls_are_counted_by_the_caller():
    graph = trace(Cells(), [torch.zeros(4, 2, 3)])
    cells = [node for node in operations(graph) if node.name == "lstm_cell"]
    assert [(node.stack, node.call) for node in cells] == [(("", "cell"), (0, t)) for t in range(4)]
    assert graph.modules["cell"].calls == 4
    tree = [X, [X, X]]
    joined = [node for node in operations(trace(Recursive(), [tree])) if node.name == "linear"]
    assert [node.stack for node in joined] == [("", "", "join"), ("", "join")]


def test_modules_as_a_table():
    model = nn.Sequential(nn.Linear(3, 4), nn.Conv1d(4, 2, 3), nn.Identity())
    model[0].bias.requires_grad_(False)
    infos = trace(model, [torch.ones(4, 3)]).modules
    assert list(infos) == ["", "0", "1", "2"]
    assert [one.class_name for one in infos.values()] == [
        "Sequential",
        "Linear",
        "Conv1d",
        "Identity",
    ]
    assert [one.parameters for one in infos.values()] == [42, 16, 26, 0]
    assert [one.own_parameters for one in infos.values()] == [0, 16, 26, 0]
    assert [one.trainable for one in infos.values()] == [38, 12, 26, 0]
    assert (infos["1"].kernel, infos["0"].kernel) == ((3,), None)
    assert infos["0"].settings == "in_features=3, out_features=4, bias=True"


class Idle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle, self.lost = (nn.Linear(3, 3) for _ in range(3))

    def forward(self, x):
        self.lost(x)  # computed, and thrown away
        return self.used(x)


def test_parameters_that_no_output_depends_on():
    graph = trace(Idle(), [X])
    names = {f"{graph.nodes[i].module}.{graph.nodes[i].name}" for i in graph.unused}
    assert names == {"idle.weight", "idle.bias", "lost.weight", "lost.bias"}
    assert [path for path, info in graph.modules.items() if info.unused] == ["idle", "lost"]
    assert [graph.modules[path].calls for path in ("idle", "lost")] == [0, 1]
    # As autograd sees it.
    model = Idle()
    model(X).sum().backward()
    assert {n for n, p in model.named_parameters() if p.grad is None} == names


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_what_has_a_gradient_is_used(case):
    """Autograd knows other paths to a parameter than our edges: each must be one of ours."""
    _, make, given = case
    torch.manual_seed(0)
    model = make()
    inputs, named = given()
    outputs = tensors(model(*copied(inputs), **copied(named)))
    model.zero_grad()  # some have called backward by themselves
    outputs = [one.sum() for one in outputs if one.is_floating_point() and one.requires_grad]
    if outputs:
        sum(outputs).backward()
    learns = {name for name, one in model.named_parameters() if one.grad is not None}
    graph = trace(model, inputs, named)
    unused = {f"{graph.nodes[i].module}.{graph.nodes[i].name}".strip(".") for i in graph.unused}
    assert not unused & learns


def test_after_an_error_none_is_said_to_be_unused():
    graph = trace(nn.Sequential(nn.Linear(3, 4), nn.Linear(3, 4)), [X])
    assert graph.unused == ()
    assert not any(info.unused for info in graph.modules.values())


def test_what_is_shared():
    graph = trace(GPT(1), [tokens(1, 4)])
    assert [path for path, one in graph.modules.items() if one.shared] == ["tokens", "out"]
    assert [node.names for node in graph.nodes if node.names] == [("tokens.weight", "out.weight")]
    line = nn.Linear(3, 3)
    graph = trace(nn.Sequential(line, nn.ReLU(), line), [X])
    assert graph.modules["0"].shared
    assert graph.modules["0"].names == ("0", "2")
    assert graph.modules["0"].calls == 2
    assert graph.modules[""].parameters == 12


def test_a_lazy_model_stays_lazy_and_is_drawn_with_its_shapes():
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2))
    graph = trace(model, [X])
    assert model[0].has_uninitialized_params()
    assert len(model[0]._forward_pre_hooks) == 1
    assert [node.shape for node in graph.nodes if node.kind == "parameter"] == [
        (4, 3),
        (4,),
        (2, 4),
        (2,),
    ]
    assert [info.note for info in graph.modules.values()] == ["", "lazy", "", "lazy"]
    assert [node.name for node in operations(graph)] == ["linear", "relu", "linear"]


def test_a_lazy_model_that_refuses():
    graph = trace(nn.Sequential(nn.Linear(5, 4), nn.LazyLinear(2)), [X])
    assert (graph.failure.module, graph.failure.name) == ("0", "linear")


def test_compiled_parts_are_said_to_be():
    inner = nn.Linear(3, 3)
    model = nn.Sequential(torch.compile(inner, backend="eager"), nn.ReLU())
    model[1].compile(backend="eager")
    graph = trace(model, [X])
    assert {path: one.note for path, one in graph.modules.items()} == {
        "": "",
        "0": "compiled",
        "1": "compiled",
    }


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_a_scripted_model_as_a_whole_is_one_node():
    model = torch.jit.script(nn.Sequential(nn.Linear(3, 2), nn.ReLU()))
    graph = trace(model, [X])
    assert [(node.kind, node.left) for node in graph.nodes if node.inputs] == [("unseen", "script")]
    [index] = graph.outputs
    sources = {graph.nodes[i].name for i in graph.nodes[index].inputs}
    assert sources == {"input_0", "weight", "bias"}
    assert graph.unused == ()
    model(X)
    assert not torch.nn.modules.module._global_forward_hooks


def test_vmap_is_drawn_through():
    graph = trace(Vectorized(), [torch.randn(4, 3)])
    assert not any(node.kind == "unseen" for node in graph.nodes)
    assert [node.name for node in operations(graph)] == ["matmul", "add", "tanh"]
    assert graph.unused == ()


def test_where_numbers_leave_torch():
    class Detour(nn.Module):
        def forward(self, x):
            y = torch.relu(x)
            if y.sum() > 0:
                y = y * y.max().item()
            return torch.from_numpy(np.sort(y.numpy())) - 1

    graph = trace(Detour(), [X])
    reads = {node.name: node.reads for node in graph.nodes if node.reads}
    assert reads == {"gt": ("bool",), "max": ("item",), "mul": ("numpy",)}
    [unseen] = [node for node in graph.nodes if node.kind == "unseen"]
    assert unseen.left == "numpy"
    assert [graph.nodes[index].name for index in unseen.inputs] == ["mul"]
    assert unseen.macs is None


def test_what_is_written_through_a_view_is_not_lost():
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(2))

        def forward(self, x):
            y = x.clone()
            y[:, 0].mul_(self.scale)
            return y + 1

    graph = trace(Views(), [X])
    assert graph.unused == ()


@pytest.mark.parametrize("ask", [lambda x: x.sum().item(), lambda x: bool(x.sum() > 0)])
def test_data_dependent_flow_on_meta_is_said(ask):
    class Asks(nn.Module):
        def forward(self, x):
            y = torch.relu(x)
            return y if ask(y) else x

    graph = trace(Asks(), [X.to("meta")])
    assert graph.failure.needs_values
    assert graph.failure.line.text.startswith('@pytest.mark.parametrize("ask"')
    assert [node.name for node in operations(graph)][:2] == ["relu", "sum"]
    assert not trace(Asks(), [X]).failure


class Picky(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)
        self.inner = Checks()

    def forward(self, x):
        return self.inner(self.line(x))


class Checks(nn.Module):
    def forward(self, x):
        y = x * 2
        if x.shape[1] != 4:
            raise ValueError("four, please")
        return y


def test_an_error_of_the_learners_own():
    failure = trace(Picky(), [X]).failure
    assert (failure.module, failure.name, failure.shapes) == ("inner", "", ())
    assert failure.line.text == 'raise ValueError("four, please")'
    assert not failure.needs_values


def test_an_error_of_an_operation():
    failure = trace(Written(), [torch.ones(2, 5)]).failure
    assert (failure.module, failure.name) == ("body.0", "linear")
    assert failure.shapes[:2] == ((2, 5), (3, 3))
    assert failure.line.text == "y = self.body(x)"
    graph = trace(Written(), [torch.ones(2, 5)])
    assert [graph.nodes[index].name for index in failure.inputs] == ["input_0", "weight", "bias"]


def test_an_error_that_the_model_puts_in_its_own_words():
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(5, 3)

        def forward(self, x):
            try:
                return self.line(x)
            except RuntimeError as error:
                raise ValueError("five features, please") from error

    failure = trace(Words(), [X]).failure
    assert (failure.module, failure.name) == ("line", "linear")
    assert str(failure.error) == "five features, please"


def test_an_error_that_somebody_handles_already_is_let_be():
    def fails():
        kept = torch.ones(1)
        raise KeyError(kept)

    try:
        fails()
    except KeyError as before:
        trace(Picky(), [X])
        frame = before.__traceback__.tb_next.tb_frame
        assert "kept" in frame.f_locals


def test_an_error_that_the_model_goes_on_after():
    class Tries(nn.Module):
        def forward(self, x):
            try:
                return x @ x
            except RuntimeError:
                return x @ x.T

    graph = trace(Tries(), [X])
    assert graph.failure is None
    assert graph.nodes[graph.outputs[0]].shape == (2, 2)


@pytest.mark.parametrize("given", [[], [3], [None], ["text"]])
def test_inputs_that_are_no_tensors(given):
    graph = trace(Written(), given)
    assert isinstance(graph.failure.error, TypeError)
    assert not operations(graph)


def test_hooks_that_are_there_already_are_drawn_and_run_once():
    model = Written()
    ran = []

    def double(_, __, result):
        ran.append(1)
        return result * 2

    model.body.register_forward_hook(double)
    graph = trace(model, [X])
    assert ran == [1]
    assert [node.name for node in operations(graph)] == ["linear", "relu", "mul", "softplus", "div"]
    assert operations(graph)[2].line.text == "return result * 2"
    assert operations(graph)[2].module == "body"


def test_another_thread_that_runs_the_model_meanwhile_is_left_out():
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(3, 3)

        def forward(self, x):
            thread = threading.Thread(target=self.line, args=(x,))
            thread.start()
            thread.join()
            return self.line(x) + 1

    graph = trace(Beside(), [X])
    assert [(node.module, node.name) for node in operations(graph)] == [
        ("line", "linear"),
        ("", "add"),
    ]
    assert [call.module for call in graph.calls] == ["", "line"]


def test_a_model_that_is_the_first_to_load_the_compiler():
    """Of flexible attention, which compiles itself: in a process that has no compiler yet."""
    program = """
import sys, torch, warnings
from torch import nn
from torch.nn.attention.flex_attention import flex_attention
from dl_lab.nets.graph.trace import trace
from dl_lab.nets.graph.values import copied, tensors
class Flexible(nn.Module):
    def forward(self, q):
        return flex_attention(q, q, q)
assert "torch._dynamo" not in sys.modules
warnings.simplefilter("ignore")
graph = trace(Flexible(), [torch.randn(1, 2, 16, 8)])
assert graph.failure is None, graph.failure
print(graph.nodes[-1].name)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "flex_attention", done.stderr


@pytest.mark.parametrize("fails", [False, True])
def test_a_pass_holds_no_more_than_the_model_itself(fails):
    """Without gradients an activation is gone as soon as the next layer has used it."""
    layers = [part for _ in range(6) for part in (nn.Linear(3, 3), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(4 if fails else 3, 3))
    held, alive = [], []

    def seen(_, made):
        held.extend(weakref.ref(one) for one in made)
        alive.append(sum(one() is not None for one in held))

    with torch.no_grad():
        graph = trace(model, [X], seen=seen)
    given = sum(node.kind != "operation" for node in graph.nodes)
    assert len(graph.nodes) == given + 12 + (not fails)
    assert max(alive) <= given + 2  # what goes in and what comes out of the last one
    assert (graph.failure is not None) == fails
    # Of an error torch's own frames keep what the last module was given.
    assert sum(one() is not None for one in held) <= given + fails


def test_memory_that_comes_again_is_no_edge():
    """Freed and given to the next, the same addresses hold other numbers."""

    class Again(nn.Module):
        def forward(self, x):
            y = torch.zeros(1000)
            y[:10] = x.sum()
            del y
            z = torch.ones(1000)
            return z + torch.ones(1000)

    for _ in range(5):
        with torch.no_grad():
            graph = trace(Again(), [X])
        assert all(graph.nodes[index].name != "__setitem__" for index in graph.needed)


def test_numbers_are_shown_as_they_come_up():
    given = {}

    def seen(index, made):
        given[index] = [one.detach().clone() for one in made]

    class Changes(nn.Module):
        def forward(self, x):
            y = x + 1
            y.mul_(3)
            return y.split(1)

    graph = trace(Changes(), [X], seen=seen)
    assert sorted(given) == list(range(len(graph.nodes)))
    assert [len(given[index]) for index in range(4)] == [1, 1, 1, 2]
    assert [given[index][0].flatten()[0].item() for index in range(4)] == [1, 2, 6, 6]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_everything_is_as_before(case):
    """Within `untouched`, as all who look into a learner's model do."""
    _, make, given = case
    torch.manual_seed(0)
    model = make()
    inputs, named = given()
    lazy = any(map(nn.parameter.is_lazy, model.parameters()))
    before = {} if lazy else copy.deepcopy(model.state_dict())
    attributes = {name: dict(one.__dict__) for name, one in model.named_modules()}
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    with untouched(model):
        assert trace(model, inputs, named).failure is None
    if not lazy:
        after = model.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()] == hooks
    for name, module in model.named_modules():
        assert {k: v for k, v in module.__dict__.items() if k[0] != "_"} == {
            k: v for k, v in attributes[name].items() if k[0] != "_"
        }
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    assert random.getstate() == states[2]
    assert not any(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_json_holds_all_of_it(case):
    _, make, given = case
    torch.manual_seed(0)
    inputs, named = given()
    graph = trace(make(), inputs, named)
    found = json.loads(json.dumps(to_json(graph), allow_nan=False))
    assert (found["format"], found["version"]) == ("dl-lab graph", VERSION)
    assert [(n["name"], tuple(n["shape"]), tuple(n["inputs"])) for n in found["nodes"]] == [
        (node.name, node.shape, node.inputs) for node in graph.nodes
    ]
    assert [call["module"] for call in found["calls"]] == [call.module for call in graph.calls]
    assert list(found["modules"]) == list(graph.modules)
    assert found["outputs"] == list(graph.outputs)
    assert found["failure"] is None


def test_json_of_an_error():
    found = json.loads(json.dumps(to_json(trace(Picky(), [X]))))["failure"]
    assert found["error"] == "ValueError"
    assert found["message"] == "four, please"
    assert found["line"]["text"] == 'raise ValueError("four, please")'
