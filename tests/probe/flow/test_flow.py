"""What a look at every operation says, against torch's own hooks and autograd by hand."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.nets.graph.trace import trace
from dl_lab.probe.flow import flow as module_of_flow
from dl_lab.probe.flow.flow import Flow
from dl_lab.probe.flow.origin import origin
from dl_lab.probe.flow.passes import Given, hear
from dl_lab.probe.flow.samples import MOST, sample, spread
from dl_lab.probe.flow.statistics import (
    GRADIENT_INFINITE,
    GRADIENT_NAN,
    INFINITE,
    NAN,
)
from dl_lab.probe.looks.turns import CalledOff, called_off_by
from dl_lab.train.steps.precision import Precision
from dl_lab.train.steps.upcoming import Upcoming
from tests.probe.flow.networks import KINDS, made

PLAIN = Precision("fp32", torch.device("cpu"))


def of(batch, loss=None):
    return Upcoming(batch, loss or nn.CrossEntropyLoss(), PLAIN)


def looked(model, rows, times=20):
    """Return a flow that has made its statistics complete at least once."""
    given, named = rows.arguments(0, rows.count)
    graph = trace(copy.deepcopy(model).train(), given, named)
    flow = Flow(model, graph)
    for _ in range(times):
        if flow.add(flow.hear(rows)):
            return flow, graph
    raise AssertionError("no statistics")


def by_hand(model, x, y, loss=None):
    """Return each leaf module's answers in their order, and the gradients by them, by path."""
    model = copy.deepcopy(model).train()
    answers: dict[str, list] = {}
    gradients: dict[str, dict[int, torch.Tensor]] = {}

    def listen(path):
        def heard(_, __, output):
            place = len(answers.setdefault(path, []))
            answers[path].append(output.detach().clone())

            def flowed(gradient):
                gradients.setdefault(path, {})[place] = gradient.clone()

            output.register_hook(flowed)

        return heard

    for path, module in model.named_modules():
        if path and not any(True for _ in module.children()):
            module.register_forward_hook(listen(path))
    (loss or nn.CrossEntropyLoss())(model(x), y).backward()
    return answers, gradients, dict(model.named_parameters())


def rms(tensor):
    return math.sqrt(float(tensor.detach().double().square().mean()))


def last_of_calls(graph, path):
    """Return the node that each call of a module ends with: the last before another module's."""
    found = []
    for index, node in enumerate(graph.nodes):
        if node.kind != "operation" or node.module != path:
            continue
        if found and all(one.module == path for one in graph.nodes[found[-1] : index]):
            found[-1] = index
        else:
            found.append(index)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_layers_numbers_and_gradients_are_those_of_hooks(kind):
    model, x, y = made(kind)
    torch.manual_seed(9)
    answers, gradients, parameters = by_hand(model, x, y)
    graph = trace(copy.deepcopy(model).train(), [x])
    torch.manual_seed(9)
    heard = hear(model, of((x, y)), 0, len(x))
    flow = Flow(model, graph)
    seen = flow.told(heard)
    checked = 0
    for path, outputs in answers.items():
        places = last_of_calls(graph, path)
        # Of two calls in a row of the same layer the last.
        count = len(places) if len(places) == len(outputs) else 1
        for number, place in enumerate(places[-count:], len(outputs) - count):
            output, gradient = outputs[number], gradients[path][number]
            assert tuple(output.shape) == graph.nodes[place].shape
            assert 10 ** seen.rms[place] == pytest.approx(rms(output), rel=1e-5)
            assert seen.mean[place] == pytest.approx(float(output.mean()), rel=1e-4, abs=1e-6)
            assert 10 ** seen.gradient_rms[place] == pytest.approx(rms(gradient), rel=1e-4)
            checked += 1
    assert checked >= len(answers)
    for index, node in enumerate(graph.nodes):
        if node.kind == "parameter":
            name = f"{node.module}.{node.name}"
            assert 10 ** seen.rms[index] == pytest.approx(rms(parameters[name]), rel=1e-5)
            gradient = parameters[name].grad
            assert 10 ** seen.gradient_rms[index] == pytest.approx(rms(gradient), rel=1e-4)
    assert not seen.flags[[i for i, n in enumerate(graph.nodes) if n.name != "masked_fill"]].any()


def test_what_functions_compute_between_layers_too():
    model, x, y = made("residual")
    model.eval()
    graph = trace(copy.deepcopy(model), [x])
    seen = Flow(model, graph).told(hear(model, of((x, y)), 0, len(x), mode="eval"))
    with torch.no_grad():
        before = model.relu(model.norm(model.stem(x)))
        added = before + model.conv(before)
        at = {node.name: index for index, node in enumerate(graph.nodes)}
        assert 10 ** seen.rms[at["add"]] == pytest.approx(rms(added), rel=1e-5)
        assert 10 ** seen.rms[at["relu_"]] == pytest.approx(rms(added.relu()), rel=1e-5)
        assert 10 ** seen.rms[at["mean"]] == pytest.approx(rms(added.relu().mean((2, 3))), rel=1e-5)


class Counting(nn.Module):
    """Changes all that a model may change in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.drop = nn.Dropout()
        self.register_buffer("calls", torch.zeros(()))
        self.seen = []
        self.last = None

    def forward(self, x):
        self.calls += 1
        self.seen.append(float(x.sum()))
        self.last = self.norm(self.linear(x))
        return self.drop(self.last * np.random.rand())  # noqa: NPY002


def test_everything_is_afterwards_as_before():
    model = Counting()
    x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))
    model.linear.weight.grad = torch.ones(3, 4)
    hook = model.register_forward_hook(lambda *_: None)
    state = copy.deepcopy(model.state_dict())
    versions = [one._version for one in model.parameters()]
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    flags = [m.training for m in model.eval().modules()]
    buffers = [id(one) for one in model.buffers()]
    flow = Flow(model, trace(copy.deepcopy(model), [x]))
    random, others = torch.get_rng_state(), np.random.get_state()[2]  # noqa: NPY002
    assert any(flow.add(flow.hear(of((x, y)))) for _ in range(20))
    assert model.seen == []
    assert model.last is None
    assert all(torch.equal(one, state[name]) for name, one in model.state_dict().items())
    assert [one._version for one in model.parameters()] == versions
    assert torch.equal(model.linear.weight.grad, torch.ones(3, 4))
    assert model.linear.bias.grad is None
    assert model.linear.bias._backward_hooks is None
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()] == hooks
    assert [m.training for m in model.modules()] == flags
    assert [id(one) for one in model.buffers()] == buffers
    assert torch.equal(torch.get_rng_state(), random)
    assert np.random.get_state()[2] == others  # noqa: NPY002
    hook.remove()


def test_rows_in_several_passes_are_those_of_one(monkeypatch):
    monkeypatch.setattr(module_of_flow, "SLICE", 1e-9)
    monkeypatch.setattr(module_of_flow, "MOST_PASSES", 100)
    monkeypatch.setattr(module_of_flow, "ENOUGH", 1e3)
    model, x, y = made("sharing")
    flow, graph = looked(model, of((x, y)))
    whole = Flow(model, graph).told(hear(model, of((x, y)), 0, len(x)))
    seen = flow.statistics
    assert seen.rows == len(x)
    np.testing.assert_allclose(seen.rms, whole.rms, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen.gradient_rms, whole.gradient_rms, rtol=1e-3, atol=1e-4)


def test_passes_become_as_long_as_they_may_be(monkeypatch):
    model, x, y = made("looping")
    x, y = x.repeat(40, 1, 1), y.repeat(40)
    rows = []

    def noted(*args, **more):  # noqa: ANN002, ANN003
        rows.append(args[3] - args[2])
        return hear(*args, **more)

    monkeypatch.setattr(module_of_flow, "hear", noted)
    # More than any of these takes: four times as many rows each time, 64 of them in all.
    monkeypatch.setattr(module_of_flow, "SLICE", 1e3)
    monkeypatch.setattr(module_of_flow, "ENOUGH", 1e3)
    flow, _ = looked(model, of((x, y)))
    assert rows == [1, 4, 16, 43]
    assert flow.statistics.rows == 64
    # Less: a row at a time, and no more than a few of them.
    rows.clear()
    monkeypatch.setattr(module_of_flow, "SLICE", 1e-9)
    flow, _ = looked(model, of((x, y)))
    assert rows == [1] * module_of_flow.MOST_PASSES
    assert flow.statistics.rows == module_of_flow.MOST_PASSES
    # Of a slow network the first rows are told of at once.
    rows.clear()
    monkeypatch.setattr(module_of_flow, "ENOUGH", 0.0)
    flow, _ = looked(model, of((x, y)))
    assert (rows, flow.statistics.rows) == ([1], 1)


def test_a_unit_is_dead_only_where_it_is_0_everywhere():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    x = torch.rand(4, 1, 64, 64)
    model(x)
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.zero_()
        model[0].bias[:3] = -5.0  # dead
        model[0].bias[3] = -1.0 + 1e-3  # hardly ever alive
        x[:] = x * 0.9
        x[2, 0, 17, 33] = 1.0  # here alone
    y = torch.zeros(4, dtype=torch.long)
    graph = trace(copy.deepcopy(model), [x])
    flow = Flow(model, graph)
    assert any(flow.add(flow.hear(of((x, y)))) for _ in range(20))
    answers = model[1](model[0](x))
    dead = float((answers == 0).all(dim=3).all(dim=2).all(dim=0).float().mean())
    at = next(i for i, node in enumerate(graph.nodes) if node.name == "relu")
    assert dead == 3 / 8
    assert flow.statistics.dead[at] == pytest.approx(dead)


def test_of_large_tensors_a_part_is_measured_and_every_number_is_looked_at():
    torch.manual_seed(0)
    large = torch.randn(16, 32, 40, 40)
    seen = sample(large, 1)
    assert seen.values.numel() <= MOST
    assert rms(seen.values) == pytest.approx(rms(large), rel=0.1)
    large[5, 3, 7, 11] = math.nan
    assert all(end.isnan() for end in sample(large, 1).extremes)
    assert sample(large.transpose(0, 2), 1).values.numel() <= MOST
    assert sample(torch.ones(3, 1).expand(3, 10**7), 1).values.numel() <= MOST


@pytest.mark.parametrize("shape", [(1,), (5000,), (2, 3), (1, 10**6), (10**4, 3, 7), (64,) * 3])
def test_some_of_each_dimension_remain(shape):
    part = torch.zeros(shape)[spread(shape, len(shape) - 1)]
    assert 0 < part.numel() <= MOST
    assert part.numel() > min(MOST, math.prod(shape)) / 16
    assert part.ndim == len(shape)


class Odd(nn.Module):
    """Computes something of one linear layer's answers."""

    def __init__(self, function) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2, bias=False)
        self.function = function
        with torch.no_grad():
            self.linear.weight.copy_(torch.eye(2))

    def forward(self, x):
        return self.function(self.linear(x))


MEAN = nn.MSELoss()
ZEROS = torch.zeros(2, 2)
GIVEN = torch.tensor([[1.0, 4.0], [0.0, 9.0]])


@pytest.mark.parametrize(
    ("function", "name", "backward", "kind", "infinite"),
    [
        (lambda x: x.log() * 0, "mul", False, "nan", "log"),
        (lambda x: (x - 1).sqrt(), "sqrt", False, "nan", None),
        (lambda x: (x * 1e30).square(), "square", False, "inf", None),
        (lambda x: (x * 1.0).sqrt() * 2, "sqrt", True, "inf", None),
        (lambda x: (x * 0.0).sqrt() + (x * 1.0), "sqrt", True, "nan", None),
        (lambda x: torch.where(x > 0, x, x * 0) ** 0.5, "pow", True, "inf", None),
    ],
    ids=["log 0 × 0", "root of −1", "too large", "root of 0", "0 × ∞", "power of 0"],  # noqa: RUF001
)
def test_the_operation_in_which_numbers_stop_being_finite(function, name, backward, kind, infinite):
    heard = hear(Odd(function), of((GIVEN, ZEROS if kind == "nan" else ZEROS + 1), MEAN), 0, 2)
    found = origin(heard)
    nodes = heard.graph.nodes
    assert nodes[found.node].name == name
    assert (found.backward, found.kind) == (backward, kind)
    assert (found.infinite is None) == (infinite is None)
    if infinite is not None:
        assert nodes[found.infinite].name == infinite


def test_a_weight_that_is_no_number_is_where_it_came_up():
    model = Odd(torch.relu)
    with torch.no_grad():
        model.linear.weight[0, 0] = math.nan
    heard = hear(model, of((GIVEN, ZEROS), MEAN), 0, 2)
    node = heard.graph.nodes[origin(heard).node]
    assert (node.kind, node.module, node.name) == ("parameter", "linear", "weight")


def test_a_mask_is_no_fault():
    model, x, y = made("attending")
    heard = hear(model, of((x, y)), 0, len(x))
    assert origin(heard) is None
    seen = Flow(model, heard.graph).told(heard)
    masked = [n.name for n, flag in zip(heard.graph.nodes, seen.flags, strict=True) if flag]
    assert masked == ["masked_fill"]
    assert set(seen.flags.tolist()) == {0, INFINITE}


def test_flags_tell_numbers_from_gradients():
    heard = hear(Odd(lambda x: (x * 1.0).sqrt() * 2), of((GIVEN, ZEROS), MEAN), 0, 2)
    seen = Flow(nn.Identity(), heard.graph).told(heard)
    names = [node.name for node in heard.graph.nodes]
    # 2·√0 · d√x/dx there is 0 · ∞.
    assert seen.flags[names.index("mul")] in {GRADIENT_NAN, GRADIENT_INFINITE}
    assert not seen.flags[names.index("sqrt")]
    assert not seen.flags.max() & (NAN | INFINITE)


def test_a_pass_can_be_called_off_forward_and_backward():
    model, x, y = made("looping")
    state = copy.deepcopy(model.state_dict())
    asked = []

    def over_after(most):
        asked.clear()
        return called_off_by(lambda: asked.append(0) or len(asked) > most)

    with over_after(10**6):
        hear(model, of((x, y)), 0, 8)
    total = len(asked)
    assert total > 100
    # At its beginning, in the forward, in the backward and at its end.
    for most in (0, 3, total // 3, total // 2, total - 20, total - 2):
        with over_after(most), pytest.raises(CalledOff):
            hear(model, of((x, y)), 0, 8)
        assert len(asked) == most + 1
    assert all(torch.equal(one, state[name]) for name, one in model.state_dict().items())
    assert all(one.grad is None for one in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_inputs_alone_have_numbers_and_no_gradients():
    model, x, _ = made("residual")
    graph = trace(copy.deepcopy(model).train(), [x])
    flow = Flow(model, graph)
    assert flow.add(flow.hear(Given([x])))
    assert np.isfinite(flow.statistics.rms[[len(graph.nodes) - 1]]).all()
    assert np.isnan(flow.statistics.gradient_rms).all()


def test_a_graph_that_was_traced_in_evaluation_mode_is_known_again():
    model, x, y = made("residual")
    graph = trace(copy.deepcopy(model).eval(), [x])
    flow = Flow(model, graph)
    assert any(flow.add(flow.hear(of((x, y)))) for _ in range(20))
    operations = [i for i, node in enumerate(graph.nodes) if node.kind == "operation"]
    assert np.isfinite(flow.statistics.rms[operations]).all()
    assert np.isfinite(flow.statistics.gradient_rms[operations]).all()
