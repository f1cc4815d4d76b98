from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.data.images import digits
from dl_lab.errors import InputError
from dl_lab.theory.bias_variance import (
    LAST_STEP,
    Penalty,
    Study,
    called,
    drawn_from,
    fit,
    legendre,
    own_points,
    random_features,
    sampled,
)


def sine(x):
    return torch.sin(math.pi * x)


@pytest.fixture(scope="module")
def samples():
    return sampled(sine, 15, 0.3, 200)


def finished(study, capacity, penalty=None):
    penalty = penalty or Penalty()
    while capacity in study.missing(capacity, penalty):
        study.advance(capacity, penalty, 0)
    return study.known(capacity, penalty)


# Measured in 200 fits of sin πx at 15 places, noise 0.3, before any of this was written.
@pytest.mark.parametrize(
    ("degree", "bias", "variance"),
    [(1, 0.214, 0.011), (3, 0.005, 0.021), (9, 0.0, 0.063), (14, 0.073, 65.336)],
)
def test_bias_and_variance_are_those_that_were_measured_elsewhere(samples, degree, bias, variance):
    fits = finished(Study("polynomial", samples), degree)
    assert fits.bias == pytest.approx(bias, abs=6e-4)
    assert fits.variance == pytest.approx(variance, abs=6e-4, rel=1e-5)
    # What is expected of the test error is their sum with the noise.
    assert fits.test == pytest.approx(fits.bias + fits.variance + 0.09, rel=0.01)


def test_polynomials_are_numpys(samples):
    x, y = samples.x[0].numpy(), samples.y.numpy()
    fits = finished(Study("polynomial", samples), 5)
    plain = [np.polynomial.Legendre.fit(x, one, 5, domain=[-1, 1]) for one in y]
    expected = np.array([one(samples.grid.numpy()) for one in plain])
    assert fits.grid.numpy() == pytest.approx(expected, abs=1e-9)
    errors = [(one(x) - row) ** 2 for one, row in zip(plain, y, strict=True)]
    assert fits.train == pytest.approx(np.mean(errors), abs=1e-12)
    assert legendre(samples.grid, 7).numpy() == pytest.approx(
        np.polynomial.legendre.legvander(samples.grid.numpy(), 7), abs=1e-12
    )


def problem():
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(1, 12, 5, generator=draw, dtype=torch.float64)
    y = torch.randn(1, 12, 4, generator=draw, dtype=torch.float64)
    return x, y


def slope(x, y, weights, penalty):
    """The derivative of half the squared error with what dropout and L2 add, by autograd."""
    weights = weights.clone().requires_grad_()
    loss = (x @ weights - y).square().sum() / 2
    odds = penalty.dropout / (1 - penalty.dropout)
    costs = penalty.l2 + odds * x.square().sum(1)
    loss = loss + (costs[..., None] * weights.square()).sum() / 2
    (found,) = torch.autograd.grad(loss, weights)
    return found


@pytest.mark.parametrize("penalty", [Penalty(), Penalty(l2=0.7), Penalty(0, 0.2, 0.4)])
def test_at_the_solution_nothing_pulls(penalty):
    x, y = problem()
    assert slope(x, y, fit(x, y, penalty), penalty).abs().max() < 1e-10


@pytest.mark.parametrize("steps", [1, 7, 300])
@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_fewer_steps_are_those_of_gradient_descent(steps, l2):
    x, y = problem()
    penalty = Penalty(l2=l2, steps=steps)
    rate = 1 / (torch.linalg.matrix_norm(x, 2) ** 2 + l2)
    weights = torch.zeros(1, 5, 4, dtype=torch.float64)
    for _ in range(steps):
        weights = weights - rate * slope(x, y, weights, penalty)
    assert torch.allclose(fit(x, y, penalty), weights, atol=1e-12)


def test_l1_meets_the_conditions_of_the_lasso():
    x, y = problem()
    penalty = Penalty(l1=2.0)
    weights = fit(x, y, penalty)
    pull = slope(x, y, weights, penalty)
    away = weights.abs() > 1e-8
    assert 0 < int(away.sum()) < away.numel()
    assert torch.allclose(pull[away], -2.0 * weights[away].sign(), atol=1e-6)
    assert pull[~away].abs().max() <= 2.0 + 1e-6


def test_dropout_is_the_mean_over_all_masks():
    x, y = problem()
    rate = 0.4
    weights = fit(x, y, Penalty(dropout=rate))
    masks = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 5)
    chance = (rate ** (1 - masks) * (1 - rate) ** masks).prod(1)

    def loss(weights):
        dropped = x * masks[:, None] / (1 - rate)
        errors = (dropped @ weights - y).square().sum((1, 2))
        return (chance * errors).sum()

    (pull,) = torch.autograd.grad(loss(weights.requires_grad_()), weights)
    assert pull.abs().max() < 1e-9


def test_the_test_error_descends_twice(samples):
    study = Study("features", samples)
    errors = {width: finished(study, width).test for width in (1, 12, 15, 20, 400)}
    assert errors[12] < 0.25 < errors[1]
    assert min(errors[15], errors[20]) > 10
    assert errors[400] < errors[12]
    assert finished(study, 400).train < 1e-12
    hidden = random_features(samples.x, 3, 2, seed=1)
    draw = torch.Generator().manual_seed(1)
    frequencies = torch.randn(2, 1, 3, generator=draw, dtype=torch.float64)
    phases = torch.rand(2, 1, 3, generator=draw, dtype=torch.float64)
    angles = 10 * frequencies * samples.x[..., None] + 2 * math.pi * phases
    assert torch.allclose(hidden, torch.cos(angles) * (2 / 3) ** 0.5)


def test_digits_descend_twice_as_was_measured_elsewhere():
    images = digits()
    x = torch.cat([images.train[0], images.test[0]]).flatten(1).double()
    y = torch.cat([images.train[1], images.test[1]])
    torch.manual_seed(0)
    order = torch.randperm(len(x))
    train, test = order[:200], order[1000:]
    one_hot = nn.functional.one_hot(y, 10).double()
    found = {}
    for width in (50, 200, 1600):
        errors = []
        for seed in range(3):
            draw = torch.Generator().manual_seed(seed)
            hidden = torch.randn(64, width, generator=draw, dtype=torch.float64) / 8
            layer = torch.relu((x - x[train].mean(0)) @ hidden) / width**0.5
            answer = layer[test] @ fit(layer[train][None], one_hot[train][None])[0]
            errors.append(float((answer - one_hot[test]).square().sum(1).mean()))
        found[width] = np.mean(errors)
    assert found[50] == pytest.approx(0.49, abs=0.01)
    assert found[200] == pytest.approx(288, rel=0.1)
    assert found[1600] == pytest.approx(0.20, abs=0.01)


def test_networks_in_one_batch_are_those_trained_one_by_one():
    samples = sampled(sine, 15, 0.3, 3)
    penalty = Penalty(l1=0.01, l2=0.02)
    study = Study("network", samples, seed=4)
    fits = finished(study, 6, penalty)
    torch.manual_seed(4)
    built = [
        nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Dropout(0.0), nn.Linear(6, 1))
        for _ in range(3)
    ]
    x = samples.x[0].float()[:, None]
    for step in range(20):
        if step == 11:
            early = study.known(6, Penalty(0.01, 0.02, 0, 11))
            said = torch.stack([one(samples.grid.float()[:, None])[:, 0] for one in built])
            assert early.grid.numpy() == pytest.approx(said.detach().numpy(), abs=1e-4)
        for one, y in zip(built, samples.y, strict=True):
            if step == 0:
                one.optimizer = torch.optim.Adam(one.parameters(), 0.02)
            weights = [one[0].weight, one[3].weight]
            loss = (one(x)[:, 0] - y.float()).square().sum() / 2
            loss = loss + sum(0.01 * w.abs().sum() + 0.01 * w.square().sum() for w in weights)
            one.optimizer.zero_grad()
            loss.backward()
            one.optimizer.step()
    assert fits.test < study.known(6, Penalty(0.01, 0.02, 0, 1)).test
    assert len(fits.grid) == 3


def test_own_networks_are_trained_too_and_keep_the_random_state():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    study = Study(
        "network",
        sampled(sine, 15, 0.1, 4),
        lambda width: nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1)),
    )
    first = study.known(8, Penalty(steps=1))
    assert first is None
    fits = finished(study, 8, Penalty(dropout=0.3))
    assert fits.train < 0.1
    assert torch.equal(torch.get_rng_state(), before)


def test_own_points_are_halved_anew_for_each_training():
    draw = torch.Generator().manual_seed(0)
    x = 10 + 5 * torch.rand(60, generator=draw)
    y = torch.sin(x) + 0.1 * torch.randn(60, generator=draw)
    samples = drawn_from(*own_points((x.numpy(), y.tolist())), 40, 30)
    for one in range(30):
        taken = torch.cat([samples.x[one], samples.test_x[one]])
        assert torch.allclose(taken.sort().values * 0 + 1, torch.ones(60).double())
        raw = x.min() + (taken + 1) / 2 * (x.max() - x.min())
        assert torch.allclose(raw.sort().values, x.double().sort().values)
    study = Study("polynomial", samples)
    low, right = finished(study, 0), finished(study, 7)
    assert right.test < 0.05 < low.test
    design = np.polynomial.legendre.legvander(samples.x[3].numpy(), 7)
    weights = np.linalg.lstsq(design, samples.y[3].numpy(), rcond=None)[0]
    expected = np.polynomial.legendre.legvander(samples.grid.numpy(), 7) @ weights
    assert right.grid[3].numpy() == pytest.approx(expected, abs=1e-8)
    assert finished(Study("network", samples), 4).test < low.test


@pytest.mark.parametrize(
    ("function", "key"),
    [
        (lambda x: x[:3], "curve_shape"),
        (lambda _: 3.0, "curve_shape"),
        (lambda x: 1 / x.round(), "curve_not_finite"),
        (lambda x: x.no_such_thing(), "curve_failed"),
        ("sin", "own_function"),
    ],
)
def test_what_is_not_a_function_of_places_is_refused(function, key):
    with pytest.raises(InputError) as refused:
        called(function, torch.linspace(-1, 1, 9).double())
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (3, "curve_points"),
        (([1.0] * 20, [1.0] * 20), "curve_points"),
        ((list(range(5)), list(range(5))), "curve_points"),
        ((["a"] * 20, list(range(20))), "curve_points"),
        ((list(range(20)), [*range(19), math.nan]), "not_finite_points"),
    ],
)
def test_what_are_not_points_is_refused(data, key):
    with pytest.raises(InputError) as refused:
        own_points(data)
    assert refused.value.key == key


def test_what_is_looked_at_comes_first_and_all_comes_in_the_end(samples):
    study = Study("polynomial", samples)
    assert study.advance(9, Penalty(), 0)
    assert study.known(9, Penalty()) is not None
    assert study.known(3, Penalty()) is None
    while study.advance(9, Penalty(), 0.05):
        pass
    assert study.missing(9, Penalty()) == []
    assert Penalty().steps == LAST_STEP
