"""The fast path against autograd."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from dl_lab.data.toy import toy
from dl_lab.nets.dense import ACTIVATIONS, dense
from dl_lab.nets.features import FEATURES
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.dense.steps import DenseSteps
from dl_lab.train.steps.autograd import AutogradSteps
from dl_lab.train.threads import one_thread
from dl_lab.train.trainer import Trainer

KINDS = [(None, 0.0), ("L2", 0.1), ("L1", 0.1)]


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


def both(model, settings):
    """The fast path on `model`, autograd on a copy, and the copy."""
    other = copy.deepcopy(model)
    optimizer = RegularizedSGD(model, **settings)
    fast = DenseSteps.match(model, half_squared_error, optimizer)
    assert fast is not None
    slow = AutogradSteps(other, half_squared_error, RegularizedSGD(other, **settings))
    return fast, slow, other


def assert_same(model, other):
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-6)
        torch.testing.assert_close(one.grad, two.grad, rtol=0, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("output", ["tanh", "linear"])
@pytest.mark.parametrize(("kind", "rate"), KINDS)
def test_steps_agree_with_autograd(activation, output, kind, rate):
    points, targets = toy("spiral", noise=5).train
    batches = Batches(points / 3, targets, 30)
    model = dense(FEATURES, (6, 5), activation, output)
    settings = {"lr": 0.03, "regularization": kind, "regularization_rate": rate}
    fast, slow, other = both(model, settings)
    fast.attach(batches)
    for _ in range(3):
        for inputs, wanted in batches:
            measured = fast.step(inputs, wanted, measure=True)
            assert measured == pytest.approx(slow.step(inputs, wanted, measure=True), abs=1e-6)
    assert_same(model, other)
    evaluated = fast.evaluate((points, targets))
    assert evaluated == pytest.approx(slow.evaluate((points, targets)), rel=1e-5)
    assert fast.finite()


def test_the_largest_network_is_evaluated_in_several_blocks():
    model = dense(FEATURES, (16,) * 8)
    fast, slow, other = both(model, {"lr": 0.03})
    data = torch.randn(2500, 2), torch.randn(2500)
    assert fast.evaluate(data) == pytest.approx(slow.evaluate(data), rel=1e-5)
    fast.attach([data])
    # Too large a batch goes through autograd, and shows the same in the same places.
    gradient = model[1].weight.grad
    assert fast.step(*data, measure=True) == pytest.approx(slow.step(*data, measure=True), rel=1e-5)
    assert model[1].weight.grad is gradient
    assert_same(model, other)


def test_parameters_stay_the_same_objects_with_the_same_values():
    model = dense()
    parameters = list(model.parameters())
    values = [parameter.detach().clone() for parameter in parameters]
    optimizer = RegularizedSGD(model)
    fast = DenseSteps.match(model, half_squared_error, optimizer)
    assert all(one is two for one, two in zip(parameters, model.parameters(), strict=True))
    assert all(torch.equal(one, two) for one, two in zip(parameters, values, strict=True))
    assert all(parameter.grad is None for parameter in parameters)
    assert all(parameter.is_contiguous() for parameter in parameters)
    assert fast.fits()
    with torch.no_grad():
        model[1].weight[0, 0] = 3.0
    assert fast.fits()
    assert fast.evaluate((torch.tensor([[1.0, 0.0]]), torch.zeros(1))) == pytest.approx(
        model(torch.tensor([[1.0, 0.0]])).square().item() / 2
    )


def test_it_is_not_for_other_networks_losses_and_optimizers():
    model = dense()
    fitting = RegularizedSGD(model)
    plain = torch.optim.SGD(model.parameters(), lr=0.1)
    part = RegularizedSGD(model[1:2])
    assert DenseSteps.match(model, nn.functional.mse_loss, fitting) is None
    assert DenseSteps.match(model, half_squared_error, plain) is None
    assert DenseSteps.match(model, half_squared_error, part) is None

    class Other(nn.Linear):
        pass

    for front, layer in (
        (nn.Dropout(0.5), nn.Linear(2, 1)),
        (nn.Flatten(), Other(2, 1)),
        (nn.Flatten(), nn.Linear(2, 1, bias=False)),
        (nn.Flatten(), nn.Linear(2, 1).double()),
        (nn.Flatten(), nn.Linear(2, 2)),
    ):
        net = nn.Sequential(front, layer, nn.Flatten(0))
        assert DenseSteps.match(net, half_squared_error, RegularizedSGD(net)) is None
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(2, 1), nn.Flatten(0))
    assert DenseSteps.match(net, half_squared_error, RegularizedSGD(net)) is None


def freeze(model, _):
    model[1].weight.requires_grad = False


def replace_layer(model, _):
    model[3] = nn.Linear(4, 2)


def replace_parameter(model, _):
    model[1].weight = nn.Parameter(torch.zeros(4, 2))


def hook_forward(model, _):
    model[2].register_forward_hook(lambda *_: None)


def hook_features(model, _):
    model[0].register_forward_pre_hook(lambda *_: None)


def hook_model(model, _):
    model.register_full_backward_hook(lambda *_: None)


def hook_parameter(model, _):
    model[1].bias.register_hook(lambda gradient: gradient)


def hook_accumulation(model, _):
    model[1].bias.register_post_accumulate_grad_hook(lambda _: None)


def hook_optimizer(_, optimizer):
    optimizer.register_step_post_hook(lambda *_: None)


def schedule(_, optimizer):
    torch.optim.lr_scheduler.StepLR(optimizer, 1)


def parametrize(model, _):
    torch.nn.utils.parametrizations.weight_norm(model[1])


def different_rates(_, optimizer):
    optimizer.param_groups[1]["lr"] = 0.5


def own_forward(model, _):
    model[2].forward = lambda inputs: 2 * inputs


def append_layer(model, _):
    model.append(nn.Identity())


CHANGES = [
    freeze,
    replace_layer,
    replace_parameter,
    hook_forward,
    hook_features,
    hook_model,
    hook_parameter,
    hook_accumulation,
    hook_optimizer,
    schedule,
    parametrize,
    different_rates,
    own_forward,
    append_layer,
]


@pytest.mark.parametrize("change", CHANGES)
def test_it_steps_back_when_something_no_longer_matches(change):
    model = dense()
    optimizer = RegularizedSGD(model)
    fast = DenseSteps.match(model, half_squared_error, optimizer)
    assert fast.fits()
    change(model, optimizer)
    assert not fast.fits()


def test_a_hook_registered_in_mid_run_is_called_at_once():
    points, targets = toy().train
    model = dense()
    trainer = Trainer(
        model, half_squared_error, RegularizedSGD(model), Batches(points, targets, 10)
    )
    trainer.step(3)
    seen = []
    handle = trainer.call(
        model[2].register_forward_hook, lambda *_: seen.append(trainer.steps)
    ).result()
    trainer.step(2)
    assert seen == [3, 4]
    handle.remove()
    trainer.call(lambda: None).result()
    trainer.step(2)
    assert seen == [3, 4]
    trainer.close()


def test_parameters_given_other_storage_are_taken_over_again():
    model = dense()
    optimizer = RegularizedSGD(model)
    fast = DenseSteps.match(model, half_squared_error, optimizer)
    model[1].weight.data = torch.zeros(4, 2)
    assert not fast.fits()
    again = DenseSteps.match(model, half_squared_error, optimizer)
    assert again.fits()
    assert not model[1].weight.any()


def test_data_changed_in_place_are_seen():
    points, targets = torch.randn(20, 2), torch.randn(20)
    model = dense()
    fast = DenseSteps.match(model, half_squared_error, RegularizedSGD(model))
    before = fast.evaluate((points, targets))
    points.zero_()
    after = fast.evaluate((points, targets))
    assert after != before
    targets.zero_()
    assert fast.evaluate((points, targets)) != after


def test_a_wrong_shape_gets_the_same_sentence_as_without_the_fast_path():
    points, targets = torch.randn(20, 2), torch.randn(20, 1)
    model = dense()
    fast = DenseSteps.match(model, half_squared_error, RegularizedSGD(model))
    fast.attach([(points, targets)])
    with pytest.raises(ValueError, match=r"\[20, 1\]"):
        fast.step(points, targets, measure=True)


def test_dead_links_live_in_the_optimizers_state():
    model = dense(hidden=(8, 8))
    settings = {"lr": 0.1, "regularization": "L1", "regularization_rate": 0.1}
    optimizer = RegularizedSGD(model, **settings)
    train = toy().train
    trainer = Trainer(model, half_squared_error, optimizer, Batches(*train, 10))
    trainer.fit(20)
    weight = model[3].weight
    dead = optimizer.dead(weight)
    assert dead.any()
    assert not weight[dead].any()
    unit, link = dead.nonzero()[0].tolist()

    def edit():
        with torch.no_grad():
            weight[unit, link] = 1.0
        optimizer.revive(weight, (unit, link))

    trainer.call(edit).result()
    trainer.step(1)
    assert weight[unit, link] != 0
    assert not optimizer.dead(weight)[unit, link]
    # Direct changes of the settings reach the fast path too.
    optimizer.regularization = None
    trainer.step(1)
    assert not optimizer.dead(weight).any()
    trainer.close()
