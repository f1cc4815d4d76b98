"""Data taken all at once, as they were given: graphs, masks, tensors that belong together."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.train.range_test import range_test
from dl_lab.train.trainer import Trainer

NODES = 1100
"""More than are measured at a time of other data."""
GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(NODES, 4, generator=GENERATOR)
EDGES = torch.randint(0, NODES, (2, 3000), generator=GENERATOR)
CLASSES = FEATURES[:, :3].argmax(1)
KNOWN = torch.arange(0, NODES, 3)
DENSE = torch.zeros(NODES, NODES).index_put((EDGES[0], EDGES[1]), torch.ones(()))


class Graph(nn.Module):
    """One layer of messages along the edges, given as pairs or as a matrix."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 3)
        self.seen = []

    def forward(self, x, edges):
        self.seen.append((x, edges))
        z = self.linear(x)
        if len(edges) == len(x):
            return z + edges @ z
        return z.index_add(0, edges[0], z[edges[1]])


def known(outputs, targets):
    return functional.cross_entropy(outputs[KNOWN], targets[KNOWN])


def known_right(outputs, targets):
    return (outputs.argmax(1) == targets)[KNOWN].float().mean()


@pytest.mark.parametrize("edges", [EDGES, DENSE])
def test_a_graph_is_trained_and_measured_as_in_a_plain_loop(edges):
    data = FEATURES, edges, CLASSES
    model, peer = Graph(), Graph()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(
        model, known, sgd, data, data, batch_size=None, metrics=known_right, device="cpu", seed=3,
        record="epoch",
    )  # fmt: skip
    trainer.fit(3)
    plain = torch.optim.SGD(peer.parameters(), lr=0.1)
    losses, shares = [], []
    for _ in range(4):
        plain.zero_grad()
        outputs = peer(FEATURES, edges)
        loss = known(outputs, CLASSES)
        losses.append(loss.item())
        shares.append(known_right(outputs, CLASSES).item())
        if len(losses) < 4:
            loss.backward()
            plain.step()
    history = trainer.history
    assert torch.equal(model.linear.weight, peer.linear.weight)
    assert history["train_loss"].values == pytest.approx(losses[:3])
    assert history["validation_loss"].values == pytest.approx(losses)
    assert history["validation_known_right"].values == pytest.approx(shares)
    # The very tensors, never a copy.
    assert all(x is FEATURES and given is edges for x, given in model.seen)


@pytest.mark.parametrize("edges", [DENSE, DENSE.to_sparse()])
def test_the_learning_rate_is_tried_on_the_whole_graph(edges):
    model = Graph()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    data = FEATURES, edges, CLASSES
    trainer = Trainer(model, known, sgd, data, batch_size=None, device="cpu")
    test = range_test(trainer, 1e-3, 1, steps=20, training_steps=20)
    assert test.suggestion is not None
    assert all(x is FEATURES for x, _ in model.seen)


def test_rows_that_differ_are_refused_where_they_would_be_cut():
    model = Graph()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    data = FEATURES, EDGES, CLASSES
    with pytest.raises(InputError, match="The tensors of train have 1100, 2 and 1100 rows"):
        Trainer(model, known, sgd, data, device="cpu")
    with pytest.raises(InputError, match="The tensors of validation have"):
        Trainer(model, known, sgd, [data], data, device="cpu")
