from __future__ import annotations

import math

import pytest
import torch

from dl_lab.data.toy import DATA_SETS, toy
from dl_lab.errors import InputError

ALL = [(problem, name) for problem, names in DATA_SETS.items() for name in names]
COUNTS = {"classification": 500, "regression": 1200}


def uniform(draw, low, high):
    return low + draw * (high - low)


def scalar_point(problem, name, i, count, draws, noise):
    """One point, written down from src/dataset.ts of tensorflow/playground."""
    a, b, c, d = draws
    half = count // 2
    sign = 1 if i < half else -1
    if name == "circle":
        r = uniform(a, 0, 2.5) if i < half else uniform(a, 3.5, 5)
        angle = uniform(b, 0, 2 * math.pi)
        x, y = r * math.sin(angle), r * math.cos(angle)
        moved = math.hypot(x + uniform(c, -5, 5) * noise, y + uniform(d, -5, 5) * noise)
        return x, y, 1 if moved < 2.5 else -1
    if name == "xor":
        x, y = uniform(a, -5, 5), uniform(b, -5, 5)
        x += 0.3 if x > 0 else -0.3
        y += 0.3 if y > 0 else -0.3
        product = (x + uniform(c, -5, 5) * noise) * (y + uniform(d, -5, 5) * noise)
        return x, y, 1 if product >= 0 else -1
    if (problem, name) == ("classification", "gauss"):
        deviation = math.sqrt(0.5 + 7 * noise)
        length = math.sqrt(-2 * math.log(1 - a))
        x = 2 * sign + deviation * length * math.cos(2 * math.pi * b)
        y = 2 * sign + deviation * length * math.sin(2 * math.pi * b)
        return x, y, sign
    if name == "spiral":
        k = i % half
        r = k / half * 5
        t = 1.75 * k / half * 2 * math.pi + (0 if sign > 0 else math.pi)
        x = r * math.sin(t) + uniform(a, -1, 1) * noise
        y = r * math.cos(t) + uniform(b, -1, 1) * noise
        return x, y, sign
    x, y = uniform(a, -6, 6), uniform(b, -6, 6)
    u, v = x + uniform(c, -6, 6) * noise, y + uniform(d, -6, 6) * noise
    if name == "plane":
        return x, y, (u + v) / 10
    label = 0.0
    for cx, cy, hill in (
        (-4, 2.5, 1),
        (0, 2.5, -1),
        (4, 2.5, 1),
        (-4, -2.5, -1),
        (0, -2.5, 1),
        (4, -2.5, -1),
    ):
        height = hill * min(1, max(0, 1 - math.hypot(u - cx, v - cy) / 2))
        if abs(height) > abs(label):
            label = height
    return x, y, label


def joined(data):
    return (
        torch.cat([data.train[0], data.test[0]]),
        torch.cat([data.train[1], data.test[1]]),
    )


@pytest.mark.parametrize(("problem", "name"), ALL)
@pytest.mark.parametrize("noise", [0, 5, 50])
def test_points_follow_the_originals_formulas(problem, name, noise):
    count = COUNTS[problem]
    generator = torch.Generator().manual_seed(3)
    draws = torch.rand(count, 4, generator=generator, dtype=torch.float64).tolist()
    order = torch.randperm(count, generator=generator).tolist()
    expected = torch.tensor(
        [scalar_point(problem, name, i, count, draws[i], noise / 100) for i in order]
    )
    points, targets = joined(toy(name, problem, noise=noise, seed=3))
    torch.testing.assert_close(points, expected[:, :2], rtol=0, atol=2e-6)
    torch.testing.assert_close(targets, expected[:, 2], rtol=0, atol=2e-6)


@pytest.mark.parametrize(("problem", "name"), ALL)
def test_shapes_types_and_split(problem, name):
    count = COUNTS[problem]
    for tenths in range(1, 10):
        data = toy(name, problem, train_ratio=tenths / 10)
        assert len(data.train[0]) == count * tenths // 10
        assert len(data.train[0]) + len(data.test[0]) == count
        for points, targets in (data.train, data.test):
            assert points.shape == (len(targets), 2)
            assert points.dtype == targets.dtype == torch.float32


def test_same_seed_same_points_and_the_global_state_is_left_alone():
    before = torch.get_rng_state()
    first, second = toy("xor", seed=7), toy("xor", seed=7)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.train[0], second.train[0])
    assert not torch.equal(first.train[0], toy("xor", seed=8).train[0])


@pytest.mark.parametrize(("problem", "name"), ALL)
def test_the_classes_are_mixed_by_the_shuffle(problem, name):
    targets = toy(name, problem).train[1]
    halves = targets[:100].mean(), targets[100:200].mean()
    assert all(abs(half) < 0.45 for half in halves)


def test_gauss_has_the_variance_that_its_noise_says():
    for noise in (0, 25, 50):
        points, targets = joined(toy("gauss", noise=noise))
        deviation = (points - 2 * targets[:, None]).var().item()
        assert deviation == pytest.approx(0.5 + 7 * noise / 100, rel=0.15)


def test_noise_moves_the_labels_of_circle_and_not_its_points():
    clean, noisy = toy("circle"), toy("circle", noise=50)
    assert torch.equal(clean.train[0], noisy.train[0])
    changed = (clean.train[1] != noisy.train[1]).float().mean()
    assert 0.05 < changed < 0.5


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "cirkle"}, "did you mean circle? Choose one of: circle, xor, gauss, spiral."),
        ({"name": "plane"}, "Choose one of: circle, xor, gauss, spiral."),
        ({"problem": "clustering"}, "Choose one of: classification, regression."),
        ({"noise": 51}, "noise must be a number between 0 and 50; got 51."),
        ({"noise": math.nan}, "got nan."),
        ({"train_ratio": 1}, "train_ratio must be a number between 0.1 and 0.9; got 1."),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 0.5}, "got 0.5."),
    ],
)
def test_bad_input_gets_a_sentence(settings, sentence):
    with pytest.raises(InputError) as caught:
        toy(**settings)
    assert sentence in str(caught.value)
