"""Two graphs side by side: what matches, changed, came and went."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dl_lab.nets.graph.compare import compare
from dl_lab.nets.graph.trace import trace
from tests.nets.graph.nets import CASES, GPT, tokens


def names(graph, indices):
    return [(graph.nodes[i].module, graph.nodes[i].name) for i in indices]


def by_change(one, two):
    before, after = trace(one, [torch.ones(2, 4)]), trace(two, [torch.ones(2, 4)])
    found = compare(before, after)
    return {
        "same": names(after, [p.after for p in found.pairs if p.change == "same"]),
        "changed": names(after, [p.after for p in found.pairs if p.change == "changed"]),
        "added": names(after, [p.after for p in found.pairs if p.change == "added"]),
        "removed": names(before, [p.before for p in found.pairs if p.change == "removed"]),
    }


@pytest.mark.parametrize("case", CASES[:12], ids=[case[0] for case in CASES[:12]])
def test_a_graph_matches_itself(case):
    _, make, given = case
    model = make().eval()
    inputs, named = given()
    one, two = trace(model, inputs, named), trace(model, inputs, named)
    found = compare(one, two)
    assert found.partners == {index: index for index in range(len(one.nodes))}
    assert {(pair.change, pair.differs) for pair in found.pairs} == {("same", ())}


def test_a_wider_layer_changes_and_takes_the_next_one_with_it():
    found = by_change(
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)),
        nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 3)),
    )
    assert found["added"] == found["removed"] == []
    assert found["changed"] == [
        ("0", "weight"),
        ("0", "bias"),
        ("2", "weight"),
        ("0", "linear"),
        ("1", "relu"),
        ("2", "linear"),  # of the same shape, with more parameters
    ]
    assert found["same"] == [("", "input_0"), ("2", "bias")]


def test_a_layer_put_in_shifts_the_names_of_the_others():
    one = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3))
    two = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 3))
    found = by_change(one, two)
    assert found["added"] == [("2", "dropout")]
    assert found["removed"] == found["changed"] == []
    assert ("3", "linear") in found["same"]
    assert ("3", "weight") in found["same"]
    back = by_change(two, one)
    assert (back["removed"], back["added"]) == ([("2", "dropout")], [])


def test_names_of_modules_may_all_differ():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.second(torch.relu(self.first(x)))

    found = by_change(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), Named())
    assert found["added"] == found["removed"] == found["changed"] == []


def test_another_activation():
    found = by_change(
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3)),
    )
    assert (found["removed"], found["added"]) == ([("1", "relu")], [("1", "tanh")])


def test_a_rewired_input_is_told():
    class Skip(nn.Module):
        def __init__(self, skip) -> None:
            super().__init__()
            self.skip, self.a, self.b = skip, nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            y = self.a(x)
            return self.b(y) + (x if self.skip else y)

    one, two = (trace(Skip(skip), [torch.ones(2, 4)]) for skip in (False, True))
    pairs = compare(one, two).pairs
    assert [pair.differs for pair in pairs if pair.differs] == [("inputs",)]


def test_more_blocks():
    one, two = (trace(GPT(count).eval(), [tokens(2, 8)]) for count in (2, 3))
    found = compare(one, two)
    assert found.count("removed") == found.count("changed") == 0
    added = [pair.after for pair in found.pairs if pair.change == "added"]
    assert {two.nodes[i].module.split(".")[1] for i in added if two.nodes[i].module} == {"2"}


def test_every_node_comes_once():
    one, two = trace(GPT(2), [tokens(2, 8)]), trace(GPT(1), [tokens(1, 5)])
    pairs = compare(one, two).pairs
    assert sorted(p.before for p in pairs if p.before is not None) == list(range(len(one.nodes)))
    assert sorted(p.after for p in pairs if p.after is not None) == list(range(len(two.nodes)))
