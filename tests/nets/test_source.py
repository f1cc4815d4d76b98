from __future__ import annotations

import pytest
import torch
from torch import nn

from dl_lab.data.toy import toy
from dl_lab.errors import InputError
from dl_lab.nets.dense import ACTIVATIONS, dense
from dl_lab.nets.features import FEATURES
from dl_lab.nets.source import source
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.trainer import Trainer


def run(text):
    assert "dl_lab" not in text
    namespace = {}
    exec(text, namespace)  # noqa: S102  # running it is the point
    return namespace


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("output", ["tanh", "linear"])
def test_the_source_is_the_very_network(activation, output):
    model = dense(FEATURES, (5, 3), activation, output)
    written = run(source(model))["model"]
    written.load_state_dict(model.state_dict())
    points = 3 * torch.randn(20, 2)
    assert torch.equal(written(points), model(points))
    assert repr(written[1:]) == repr(model[1:])


@pytest.mark.parametrize("regularization", [None, "L1", "L2"])
def test_the_source_trains_as_ours_does(regularization):
    settings = {"regularization": regularization, "regularization_rate": 0.03}
    points, targets = toy("xor").train
    model = dense(hidden=(8, 4), activation="relu")
    written = run(source(model, learning_rate=0.1, batch_size=25, **settings))
    written["model"].load_state_dict(model.state_dict())
    written["train"](points, targets, 20)
    optimizer = RegularizedSGD(model, lr=0.1, **settings)
    Trainer(model, half_squared_error, optimizer, Batches(points, targets, 25)).fit(20)
    for ours, theirs in zip(model.parameters(), written["model"].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-5)
    if regularization == "L1":
        dead = torch.cat([mask.flatten() for mask in written["dead"]])
        ours = torch.cat([optimizer.dead(layer.weight).flatten() for layer in model[1:6:2]])
        assert dead.any()
        assert torch.equal(dead, ours)


def test_another_network_gets_a_sentence():
    for model in (nn.Linear(2, 1), nn.Sequential(nn.Linear(2, 1))):
        with pytest.raises(InputError, match="another network"):
            source(model)
