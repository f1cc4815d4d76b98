"""Backprop: numbers against hand computation, numpy and autograd; what people give; refusals."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.nets.graph.trace import trace
from dl_lab.theory.backprop import difference_quotient, passes, terms, train
from dl_lab.theory.backprop_given import given_problem
from dl_lab.theory.backprop_presets import PRESETS
from tests.widgets.page import Page


@pytest.fixture
def backprop():
    made = dl_lab.Backprop()
    yield made
    made.close()


def test_a_neuron_by_hand(backprop):
    z = 0.6 * 1 + 0.4 * -2 + 0.1
    a = 1 / (1 + math.exp(-z))
    at_z = (a - 1) * a * (1 - a)
    expected = {"w1": at_z, "w2": -2 * at_z, "b": at_z, "x1": 0.6 * at_z, "a": a - 1, "loss": 1}
    found = backprop.gradients
    assert float(backprop.values["loss"]) == pytest.approx((a - 1) ** 2 / 2)
    assert {name: float(found[name]) for name in expected} == pytest.approx(expected)
    backprop.step()
    assert float(backprop.values["w2"]) == pytest.approx(0.4 - 0.5 * -2 * at_z)
    meta, arrays = backprop.compute()
    assert meta["updates"][1] == ["w2", 0]
    assert arrays["updates"][1] == pytest.approx([0.4, -2 * at_z, 0.4 + at_z], abs=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_all_gradients_are_those_of_autograd_and_of_difference_quotients(name):
    problem = PRESETS[name].problem()
    found = passes(problem)
    leaves = {
        key: value.clone().requires_grad_(key not in problem.fixed)
        for key, value in problem.values.items()
    }
    loss = problem.function(leaves)
    loss.backward()
    assert found.loss == loss.item()
    for place, node in enumerate(found.nodes):
        if node.name in leaves and node.gradient is not None:
            assert torch.allclose(node.gradient, leaves[node.name].grad, rtol=1e-12, atol=0)
        for at in range(0 if node.gradient is None else node.value.numel()):
            gradient = float(node.gradient.flatten()[at])
            quotient, _ = difference_quotient(problem, problem.values, {}, found, place, at)
            assert quotient == pytest.approx(gradient, rel=1e-6, abs=1e-8)
            if place != found.output:
                ways = sum(term.upstream * term.local for term in terms(found, place, at))
                assert ways == pytest.approx(gradient, abs=1e-12)


def trask(steps: int, alpha: float) -> tuple[list[np.ndarray], float]:
    """Train as the code of the two articles does, with its own two lines of gradients."""
    inputs = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]])
    y = np.array([[0], [1], [1], [0]])
    draw = np.random.RandomState(1)
    syn0, syn1 = 2 * draw.random_sample((3, 4)) - 1, 2 * draw.random_sample((4, 1)) - 1
    for _ in range(steps):
        l1 = 1 / (1 + np.exp(-(inputs @ syn0)))
        l2 = 1 / (1 + np.exp(-(l1 @ syn1)))
        l2_delta = (y - l2) * (l2 * (1 - l2))
        l1_delta = l2_delta.dot(syn1.T) * (l1 * (1 - l1))
        syn1 = syn1 + alpha * l1.T.dot(l2_delta)
        syn0 = syn0 + alpha * inputs.T.dot(l1_delta)
    return [syn0, syn1], float(np.abs(y - l2).mean())


@pytest.mark.parametrize(("name", "alpha"), [("lines_11", 1.0), ("lines_13", 0.5)])
def test_the_networks_in_11_and_13_lines_go_as_their_code_does(name, alpha):
    problem = PRESETS[name].problem()
    assert (problem.rate, problem.iterations) == (alpha, 60_000)
    values = train(problem, problem.values, alpha, 2000)
    expected, _ = trask(2000, alpha)
    for weight, by_hand in zip(problem.trainable, expected, strict=True):
        assert np.allclose(values[weight].numpy(), by_hand, rtol=0, atol=1e-11)


def test_the_errors_that_the_article_prints(backprop):
    backprop.example = "lines_11"
    assert backprop.learning_rate == 1.0
    assert backprop.compute()[0]["error"] == pytest.approx(0.496410031903, abs=1e-12)
    _, printed = trask(10_001, 1.0)
    assert printed == pytest.approx(0.00858452565325, abs=1e-12)
    backprop.step(10_000)
    assert backprop.compute()[0]["error"] == pytest.approx(printed, abs=1e-10)


def test_one_layer_learns_what_the_article_shows():
    problem = PRESETS["lines_11_first"].problem()
    values = train(problem, problem.values, problem.rate, problem.iterations - 1)
    found = passes(problem, values)
    output = found.nodes[found.place("l1")].value.flatten().tolist()
    assert output == pytest.approx([0.00966449, 0.00786506, 0.99358898, 0.99211957], abs=1e-8)


def test_softmax_pulls_with_p_less_one_at_the_right_class():
    found = passes(PRESETS["softmax"].problem())
    p, z = (found.nodes[found.place(name)] for name in ("p", "z"))
    assert torch.allclose(z.gradient, p.value - torch.tensor([[0.0, 1, 0]]))


def test_xor_is_learned():
    problem = PRESETS["xor"].problem()
    values = train(problem, problem.values, problem.rate, problem.iterations)
    assert float(problem.function(values)) < 0.1


def test_an_edit_of_an_input_and_of_a_result(backprop):
    backprop.edit("x2", 0)
    assert float(backprop.gradients["w2"]) == 0
    backprop.edit("a", 0.9)
    assert float(backprop.values["error"]) == pytest.approx(-0.1)
    # What was added stays the same when the weights move.
    backprop.edit("b", 0.2)
    z = 0.6 + 0.2
    added = 0.9 - 1 / (1 + math.exp(-0.7))
    assert float(backprop.values["a"]) == pytest.approx(1 / (1 + math.exp(-z)) + added)
    chain = backprop.compute()[0]["chosen"]
    assert chain["quotient"] == pytest.approx(chain["gradient"], rel=1e-6)
    backprop.reset()
    assert float(backprop.values["x2"]) == -2
    assert backprop.iteration == 0


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.norm = nn.BatchNorm1d(3)
        self.second = nn.Linear(3, 2)

    def forward(self, x):
        hidden = torch.relu_(self.norm(self.first(x)))
        return self.second(hidden) + x


def test_a_network_of_ones_own_in_training_and_unchanged():
    torch.manual_seed(0)
    model, x, y = Block(), torch.randn(5, 2), torch.tensor([0, 1, 0, 1, 1])
    state = {name: one.clone() for name, one in model.state_dict().items()}
    backprop = dl_lab.Backprop(model, x, y)
    nn.functional.cross_entropy(model(x), y).backward()
    model.load_state_dict(state)
    for name, weight in model.named_parameters():
        assert torch.allclose(backprop.gradients[name], weight.grad, rtol=1e-4, atol=1e-6), name
    operations = [one["operation"] for one in backprop.compute()[0]["nodes"] if one["operation"]]
    graph = trace(model, [x])
    kept = [one.name for one in graph.nodes if one.kind == "operation" and one.shape]
    assert [*kept, "cross_entropy"] == [{"relu": "relu_"}.get(one, one) for one in operations]
    model.load_state_dict(state)
    backprop.step(3)
    backprop.edit("first.bias", 3.0, 1)
    assert all(torch.equal(one, state[name]) for name, one in model.state_dict().items())
    chain = backprop.compute()[0]["chosen"]
    assert chain["relative"] < 1e-2
    backprop.close()


def test_names_are_those_of_ones_own_code_and_a_loss_of_ones_own_counts():
    def area(width, height):
        half = width / 2
        return half * height

    problem = given_problem(area, [3.0, 4.0, 5.0], lambda output, y: (output - y).abs())
    found = passes(problem)
    assert [node.name for node in found.nodes[:4]] == ["width", "height", "x3", "half"]
    assert float(found.nodes[0].gradient) == pytest.approx(2.0)
    assert found.nodes[2].gradient is None


def _in_place(x):
    y = 1 * x
    y[0].mul_(3)
    return y.sum()


TOO_WIDE = (nn.Linear(100, 100), torch.zeros(1, 100), torch.zeros(1, 100))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((lambda x: x, [1.0, 2.0]), "begins with one real number"),
        ((lambda x: (x > 0).sum(), 1.0), "type torch.int64"),
        ((lambda x: x.detach() * 2, 1.0), "No gradient reaches any of the 1 tensors"),
        ((lambda x: x * (1 / 0), 1.0), "raised ZeroDivisionError: division by zero"),
        ((lambda x: sum(x * i for i in range(70)), 1.0), "more than 60 operations"),
        (TOO_WIDE, "weight has 10,000 numbers, and the graph shows tensors of at most 2,048"),
        ((_in_place, [1.0, 2.0]), "would show 3 instead of 5"),
        (("a + os.system(b)", 1, 2), r"cannot be read as an expression \(os.system\(b\)\)"),
        (("a +", 1), "cannot be read as an expression"),
        (("a + b", 1), r"has 2 inputs \(a, b\); got 1"),
        ((lambda x: x, "three"), "x must be a number or a dense tensor"),
        ((nn.Linear(2, 1), torch.zeros(3, 2), torch.zeros(3)), "shape"),
        ((5,), "function must be a function"),
    ],
)
def test_what_cannot_be_shown_gets_a_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence):
        dl_lab.Backprop(*given)


def test_the_page_looks_edits_steps_and_trains_to_the_end(backprop):
    page = Page(backprop)
    page.request("hello", view="page", have={})
    assert page.request("settings.set", example="shared").meta["ok"] is True
    page.request("number.choose", node="b", at=0)
    page.wait(lambda: page.messages[-1].meta.get("chosen", {}).get("place") == 1)
    chosen = page.shown("explainer.show")[-1].meta["chosen"]
    assert [term[2:] for term in chosen["terms"]] == [[2.0, 1.0], [3.0, 1.0]]
    assert page.request("number.edit", node="b", at=0, value=2).meta["ok"] is True
    assert float(backprop.values["e"]) == 12
    page.request("train.step", steps=1)
    assert float(backprop.values["a"]) == pytest.approx(2 - 0.1 * 3)
    page.request("train.run", value=True)
    assert page.wait(lambda: not backprop.running)
    assert backprop.iteration == 10
    page.request("values.reset")
    assert float(backprop.values["e"]) == 6
    for kind, meta, key in (
        ("number.choose", {"node": "nobody"}, "choice"),
        ("number.edit", {"node": "a", "value": "much"}, "number"),
        ("number.edit", {"node": "a", "value": 1, "at": 9}, "whole"),
        ("train.run", {"value": 3}, "yes_no"),
        ("settings.set", {"example": None}, "backprop_nothing"),
    ):
        assert page.request(kind, **meta).meta["error"]["key"] == key


def test_a_function_that_fails_on_the_way_stops_the_training_and_says_so():
    def falls(w):
        return w if w > 0.5 else [w]

    backprop = dl_lab.Backprop(falls, 1.0, learning_rate=0.1)
    page = Page(backprop)
    page.request("hello", view="page", have={})
    page.request("train.run", value=True)
    assert page.wait(lambda: backprop.problem is not None)
    assert backprop.problem["key"] == "backprop_output"
    assert backprop.running is False
    backprop.reset()
    assert page.wait(lambda: backprop.problem is None)
    backprop.close()


def test_what_is_not_a_number_is_told():
    broken = dl_lab.Backprop("log(a)", -1.0)
    meta, arrays = broken.compute()
    assert meta["chosen"]["quotient"] is None
    assert math.isnan(float(arrays["values"][-1]))
    broken.close()


@pytest.mark.parametrize("example", [name for name in PRESETS if name != "shared"])
def test_the_saved_notebook_keeps_the_graph_of_each_example(backprop, example):
    backprop.example = example
    picture = backprop.picture()
    assert backprop.words()[f"example_{example}"] in picture
    assert [name for name in backprop.values if f">{name}" not in picture] == []
    assert len(picture) < 20_000


def test_the_saved_notebook_keeps_every_value_and_gradient():
    made = dl_lab.Backprop("(a + b) * (b + 1)", 2, 1, language="es")
    picture = made.picture()
    for told in ("a = 2", "b = 1", "gradiente 5", "gradiente 2", "gradiente 3"):
        assert f">{told}<" in picture
    made.close()


def test_the_saved_notebook_says_why_there_is_no_graph():
    broken = []

    def falls(w):
        return w * w if not broken else [w]

    made = dl_lab.Backprop(falls, 1.0)
    broken.append(True)
    made.reset()
    with pytest.raises(InputError) as refusal:
        made.compute()
    assert escape(str(refusal.value)) in made.picture()
    made.close()
