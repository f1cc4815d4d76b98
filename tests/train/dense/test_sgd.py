from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD


def test_half_squared_error():
    output, target = torch.randn(7), torch.randn(7)
    expected = sum((o - t) ** 2 / 2 for o, t in zip(output.tolist(), target.tolist(), strict=True))
    assert half_squared_error(output, target).item() == pytest.approx(expected / 7)
    with pytest.raises(InputError) as caught:
        half_squared_error(output[:, None], target)
    assert "[7, 1]" in str(caught.value)
    assert "[7]" in str(caught.value)


def layer_with(weights, gradients):
    layer = nn.Linear(len(weights), 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([weights]))
        layer.bias.fill_(0.1)
    layer.weight.grad = torch.tensor([gradients])
    layer.bias.grad = torch.tensor([1.0])
    return layer


def scalar_update(w, g, lr, kind, rate):
    """updateWeights of tensorflow/playground for one link that is not dead."""
    derivative = {"L1": (w > 0) - (w < 0), "L2": w, None: 0}[kind]
    w1 = w - lr * g
    w2 = w1 - lr * rate * derivative
    if kind == "L1" and w1 * w2 < 0:
        return 0.0, True
    return w2, False


@pytest.mark.parametrize("kind", [None, "L1", "L2"])
def test_one_update_follows_the_originals_rule(kind):
    weights = [0.5, -0.5, 0.01, -0.01, 0.0, 0.03, -0.2]
    gradients = [1.0, -1.0, 0.0, 0.0, 0.1, 1.0, 3.0]
    layer = layer_with(weights, gradients)
    optimizer = RegularizedSGD(layer, lr=0.1, regularization=kind, regularization_rate=0.3)
    optimizer.step()
    pairs = zip(weights, gradients, strict=True)
    expected = [scalar_update(w, g, 0.1, kind, 0.3) for w, g in pairs]
    assert layer.weight[0].tolist() == pytest.approx([w for w, _ in expected], abs=1e-7)
    assert optimizer.dead(layer.weight)[0].tolist() == [dead for _, dead in expected]
    assert any(dead for _, dead in expected) == (kind == "L1")
    # Biases are never regularized.
    assert layer.bias.item() == pytest.approx(0.0, abs=1e-7)


def test_l2_equals_weight_decay():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    other = copy.deepcopy(model)
    ours = RegularizedSGD(model, lr=0.1, regularization="L2", regularization_rate=0.2)
    weights = [p for p in other.parameters() if p.dim() == 2]
    biases = [p for p in other.parameters() if p.dim() == 1]
    theirs = torch.optim.SGD([{"params": weights, "weight_decay": 0.2}, {"params": biases}], lr=0.1)
    inputs = torch.randn(16, 3)
    for _ in range(20):
        for net, optimizer in ((model, ours), (other, theirs)):
            optimizer.zero_grad()
            net(inputs).square().mean().backward()
            optimizer.step()
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def kill_one():
    layer = layer_with([0.01, 0.5], [0.0, 0.0])
    optimizer = RegularizedSGD(layer, lr=0.1, regularization="L1", regularization_rate=0.3)
    optimizer.step()
    assert optimizer.dead(layer.weight).tolist() == [[True, False]]
    layer.weight.grad = torch.tensor([[-1.0, -1.0]])
    return layer, optimizer


def test_a_dead_link_stays_at_zero_until_it_is_revived():
    layer, optimizer = kill_one()
    for _ in range(3):
        optimizer.step()
        assert layer.weight[0, 0] == 0
    optimizer.revive(layer.weight, (0, 0))
    optimizer.step()
    assert layer.weight[0, 0].item() == pytest.approx(0.1)
    assert not optimizer.dead(layer.weight).any()


def test_dead_links_matter_only_while_l1_is_on():
    layer, optimizer = kill_one()
    optimizer.regularization = None
    optimizer.step()
    assert layer.weight[0, 0].item() == pytest.approx(0.1)
    optimizer.regularization = "L1"
    optimizer.step()
    assert layer.weight[0, 0].item() == pytest.approx(0.2 - 0.03)


def test_dead_links_are_in_the_state_dict():
    layer, optimizer = kill_one()
    again = RegularizedSGD(layer, lr=0.1, regularization="L1", regularization_rate=0.3)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    again.step()
    assert layer.weight[0, 0] == 0
    assert again.dead(layer.weight).tolist() == [[True, False]]


def test_settings_reach_every_group_and_plain_groups_work():
    layer = layer_with([1.0], [0.0])
    groups = [{"params": [layer.weight], "regularized": False}, {"params": [layer.bias]}]
    optimizer = RegularizedSGD(groups, lr=1.0)
    optimizer.lr = 0.1
    optimizer.regularization = "L2"
    optimizer.regularization_rate = 1
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]
    optimizer.step()
    assert layer.weight.item() == 1
    assert layer.bias.item() == pytest.approx(0.1 - 0.1 - 0.01)
    assert (optimizer.lr, optimizer.regularization, optimizer.regularization_rate) == (0.1, "L2", 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": -1},
        {"lr": math.nan},
        {"lr": "0.1"},
        {"regularization": "l1"},
        {"regularization_rate": -0.1},
    ],
)
def test_bad_settings_get_a_sentence(settings):
    with pytest.raises(InputError):
        RegularizedSGD(nn.Linear(1, 1), **settings)


def test_a_closure_is_called_with_gradients_on():
    layer = nn.Linear(1, 1)
    optimizer = RegularizedSGD(layer, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = layer(torch.ones(1, 1)).sum()
        loss.backward()
        return loss

    before = layer.bias.item()
    assert optimizer.step(closure) is not None
    assert layer.bias.item() == pytest.approx(before - 0.1)
