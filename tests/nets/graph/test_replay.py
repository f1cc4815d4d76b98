"""The graph is right: executed node by node, it gives what the model gives."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from dl_lab.nets.graph.replay import record
from dl_lab.nets.graph.values import copied, tensors
from tests.nets.graph.families import FAMILIES, drawn
from tests.nets.graph.nets import CASES

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def one_thread():
    """Many small operations: a second thread only waits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def check(model, inputs, named, seed=3):
    """Compare a model's own output with its graph's, and with what of that the edges lead to."""
    other = copy.deepcopy(model)
    torch.manual_seed(seed)
    expected = tensors(other(*copied(inputs), **copied(named)))
    torch.manual_seed(seed)
    recording = record(model, copied(inputs), copied(named))
    assert recording.graph.failure is None
    assert recording.taken == ()  # nothing that no operation made
    done = []
    again = recording.replay(lambda index, _: done.append(index))
    operations = [i for i, node in enumerate(recording.graph.nodes) if node.kind == "operation"]
    assert done == operations
    assert same(again, expected)
    assert any(node.kind == "input" for node in needed_nodes(recording.graph))
    if not draws_aside(recording.graph):
        assert same(recording.replay(needed=True), expected)
    return recording.graph


def same(one, two):
    """Whether tensors are equal, bit by bit, NaN for NaN."""
    return len(one) == len(two) and all(
        torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
        if a.is_floating_point()
        else torch.equal(a, b)
        for a, b in zip(one, two, strict=True)
    )


def needed_nodes(graph):
    return [graph.nodes[index] for index in graph.needed]


def draws_aside(graph):
    """Whether random numbers are drawn that no output depends on: left out, others come."""
    return any(
        node.name in {"rand", "randn", "randint", "dropout"}
        for index, node in enumerate(graph.nodes)
        if index not in graph.needed
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_transformers_execute_node_by_node(family):
    check(*drawn(family))


@pytest.mark.parametrize(("make", "given"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_nets_of_other_kinds_execute_node_by_node(make, given):
    torch.manual_seed(0)
    check(make(), *given())


def test_there_are_as_many_kinds_as_promised():
    assert len(FAMILIES) >= 40
    assert len(CASES) >= 30


def test_a_recording_outlives_the_weights_it_was_made_with():
    model, x = nn.Linear(2, 2), torch.ones(1, 2)
    expected = model(x)
    recording = record(model, [x])
    nn.init.zeros_(model.weight)
    assert torch.equal(recording.replay()[0], expected)
    assert torch.equal(recording.replay()[0], expected)  # nor does a replay change it


def test_what_numpy_made_is_taken_as_it_was_and_named():
    class Detour(nn.Module):
        def forward(self, x):
            return torch.from_numpy(x.numpy() * 2) + 1

    x = torch.arange(3.0)
    recording = record(Detour(), [x])
    assert [recording.graph.nodes[index].left for index in recording.taken] == ["numpy"]
    assert torch.equal(recording.replay()[0], 2 * x + 1)


def test_gradients_of_each_sample_are_taken_as_they_were():
    class PerSample(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(3, 1)

        def forward(self, x):
            slope = torch.func.grad(lambda row: torch.tanh(self.line(row)).sum())
            return torch.func.vmap(slope)(x) * 2

    model, x = PerSample(), torch.randn(4, 3)
    recording = record(model, [x])
    assert [recording.graph.nodes[index].name for index in recording.taken] == ["grad"]
    assert torch.equal(recording.replay()[0], model(x))


def test_pruned_weights():
    model, x = nn.Linear(3, 3), torch.randn(4, 3)
    prune.random_unstructured(model, "weight", amount=2)
    expected = model(x)
    recording = record(model, [x])
    assert torch.equal(recording.replay(needed=True)[0], expected)
    assert "weight_mask" in {node.name for node in recording.graph.nodes}


def test_a_wrong_edge_would_be_found():
    recording = record(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), [torch.ones(1, 2)])
    recording.graph.nodes[-1] = dataclasses.replace(recording.graph.nodes[-1], inputs=())
    vars(recording.graph).pop("needed")  # as it was found
    with pytest.raises(KeyError):
        recording.replay(needed=True)
