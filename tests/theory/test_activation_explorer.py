"""Curves and layers of activations, against closed forms and networks built by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.theory.activation_explorer import (
    ACTIVATION_BINS,
    ACTIVATION_REACH,
    EXAMPLES,
    GRADIENT_BINS,
    GRADIENT_POWERS,
    curve,
    flat_stretches,
    layers,
)
from dl_lab.theory.activations import ACTIVATIONS, line, make

SETTINGS = {"slope": 0.2, "alpha": 1.4, "beta": 1.7, "cut": 0.6, "beside": -0.8}
A, B, C, CUT, SLOPE = 1.4, 1.7, -0.8, 0.6, 0.2
LAMBDA, ALPHA = 1.0507009873554805, 1.6732632423543772


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def phi(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def squashed(x: float) -> float:
    return math.tanh(math.log1p(math.exp(x)))


# Function and derivative of the reference, away from the places where it bends.
CLOSED = {
    "Identity": (lambda x: x, lambda _: 1),
    "Sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
    "Tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "ReLU": (lambda x: max(0, x), lambda x: x > 0),
    "LeakyReLU": (lambda x: x if x > 0 else SLOPE * x, lambda x: 1 if x > 0 else SLOPE),
    "PReLU": (lambda x: x if x > 0 else SLOPE * x, lambda x: 1 if x > 0 else SLOPE),
    "RReLU": (lambda x: x if x > 0 else 11 / 48 * x, lambda x: 1 if x > 0 else 11 / 48),
    "ReLU6": (lambda x: min(max(0, x), 6), lambda x: 0 < x < 6),
    "ELU": (
        lambda x: x if x > 0 else A * (math.exp(x) - 1),
        lambda x: 1 if x > 0 else A * math.exp(x),
    ),
    "CELU": (
        lambda x: x if x > 0 else A * (math.exp(x / A) - 1),
        lambda x: 1 if x > 0 else math.exp(x / A),
    ),
    "SELU": (
        lambda x: LAMBDA * (x if x > 0 else ALPHA * (math.exp(x) - 1)),
        lambda x: LAMBDA * (1 if x > 0 else ALPHA * math.exp(x)),
    ),
    "GELU": (lambda x: x * phi(x), lambda x: phi(x) + x * density(x)),
    "SiLU": (
        lambda x: x * sigmoid(x),
        lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    ),
    "Mish": (
        lambda x: x * squashed(x),
        lambda x: squashed(x) + x * sigmoid(x) * (1 - squashed(x) ** 2),
    ),
    "Softplus": (lambda x: math.log1p(math.exp(B * x)) / B, lambda x: sigmoid(B * x)),
    "Softsign": (lambda x: x / (1 + abs(x)), lambda x: (1 + abs(x)) ** -2),
    "LogSigmoid": (lambda x: -math.log1p(math.exp(-x)), lambda x: sigmoid(-x)),
    "Hardsigmoid": (lambda x: min(max(0, x / 6 + 0.5), 1), lambda x: 1 / 6 * (abs(x) < 3)),
    "Hardswish": (
        lambda x: x * min(max(0, x / 6 + 0.5), 1),
        lambda x: 0 if x <= -3 else 1 if x >= 3 else x / 3 + 0.5,
    ),
    "Hardtanh": (lambda x: min(max(-1, x), 1), lambda x: abs(x) < 1),
    "Tanhshrink": (lambda x: x - math.tanh(x), lambda x: math.tanh(x) ** 2),
    "Hardshrink": (lambda x: x * (abs(x) > CUT), lambda x: abs(x) > CUT),
    "Softshrink": (
        lambda x: math.copysign(max(0, abs(x) - CUT), x),
        lambda x: abs(x) > CUT,
    ),
    "Threshold": (lambda x: x * (x > CUT), lambda x: x > CUT),
    "GLU": (lambda x: x * sigmoid(C), lambda _: sigmoid(C)),
    "Softmax": (lambda x: sigmoid(x - C), lambda x: sigmoid(x - C) * sigmoid(C - x)),
    "Softmin": (lambda x: sigmoid(C - x), lambda x: -sigmoid(x - C) * sigmoid(C - x)),
    "LogSoftmax": (lambda x: math.log(sigmoid(x - C)), lambda x: sigmoid(C - x)),
    "Softmax2d": (lambda x: sigmoid(x - C), lambda x: sigmoid(x - C) * sigmoid(C - x)),
}
BENDS = (0, 1, 3, 6, CUT)


def test_all_activations_of_torch_are_there():
    layers_with_weights = {"MultiheadAttention"}
    assert set(nn.modules.activation.__all__) - layers_with_weights == set(ACTIVATIONS) - {
        "Identity"
    }
    assert set(CLOSED) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_function_and_derivative_are_those_of_the_reference(name):
    found = curve(make(name, SETTINGS), -8, 8, SETTINGS["beside"])
    value, slope = CLOSED[name]
    places = [
        i for i, x in enumerate(found.x.tolist()) if all(abs(abs(x) - b) > 1e-3 for b in BENDS)
    ]
    assert len(places) > 500
    x = found.x[places].tolist()
    assert found.y[places].tolist() == pytest.approx([value(one) for one in x], abs=1e-6)
    assert found.slope[places].tolist() == pytest.approx([float(slope(one)) for one in x], abs=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_line_makes_the_very_module(name):
    made = eval(line(name, SETTINGS), {"nn": nn})  # noqa: S307 - what a person would copy
    assert str(made) == str(make(name, SETTINGS))


def test_a_function_of_ones_own_is_drawn_with_its_derivative():
    found = curve(torch.sin, -6, 6)
    assert found.y.tolist() == pytest.approx([math.sin(x) for x in found.x.tolist()])
    assert found.slope.tolist() == pytest.approx([math.cos(x) for x in found.x.tolist()])
    # A step has the slope 0 and learns nothing.
    assert curve(torch.sign, -6, 6).slope.unique().tolist() == [0]
    assert curve(lambda x: (x > 0).double(), -6, 6).slope.unique().tolist() == [0]


def test_a_module_with_weights_of_another_precision_is_taken_as_it_is():
    own = nn.PReLU(init=0.5).double()
    assert float(curve(own, -2, 2).y[0]) == -1
    half = nn.Sequential(nn.PReLU(init=0.5), nn.Tanh())
    assert float(curve(half, -2, 2).y[0]) == pytest.approx(math.tanh(-1), abs=1e-6)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda x: x if x > 0 else 0 * x, r"raised RuntimeError: Boolean.*torch\.where"),
        (lambda x: x.sum(), r"a tensor of shape \[601, 2\]; got one of shape \[\]"),
        (lambda x: x[:, :1], r"got one of shape \[601, 1\]"),
        (lambda x: x.long(), "of int64"),
        (lambda _: 3, "got 3"),
        (torch.log, r"returned nan at x = -6"),
        (lambda x: 1 / x, r"returned inf at x = 0"),
        (lambda x: x.abs().sqrt(), "returned nan at x = 0|its derivative"),
        (lambda x: x - x.mean(), "changes from call to call, or with the other numbers"),
        (nn.Dropout(), "changes from call to call"),
        (nn.Softmax(dim=0), "changes from call to call"),
        (nn.Linear(3, 2), "raised RuntimeError"),
    ],
)
def test_what_is_no_activation_gets_a_sentence(function, sentence):
    torch.manual_seed(0)
    with pytest.raises(InputError, match=sentence):
        curve(function, -6, 6)


def test_flat_stretches_are_where_hardly_any_gradient_gets_through():
    def stretches(name, cut=0.6):
        found = curve(make(name, {**SETTINGS, "cut": cut}), -6, 6)
        return [(one.low, one.high, one.dead) for one in flat_stretches(found)]

    edge = math.acosh(math.sqrt(1 / 0.05))  # where the slope is 0.05
    (left, right) = stretches("Tanh")
    assert left == (-6, pytest.approx(-edge, abs=0.02), False)
    assert right == (pytest.approx(edge, abs=0.02), 6, False)
    assert stretches("ReLU") == [(-6, 0, True)]
    assert stretches("Hardshrink", cut=0.2) == [(-0.2, pytest.approx(0.2), True)]
    assert stretches("LeakyReLU") == []
    # GELU and SiLU turn round, which is no saturation.
    assert [dead for *_, dead in stretches("SiLU")] == [False]


def built(count: int, width: int, function: nn.Module, scale: float, batch_norm: bool):
    """Return activations and gradients of a network of modules with the same draws."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(EXAMPLES, width, generator=generator)
    modules, before, after = [], [], []
    for _ in range(count):
        linear = nn.Linear(width, width)
        with torch.no_grad():
            linear.weight.copy_(scale * torch.randn(width, width, generator=generator))
            linear.bias.fill_(0.3)
        modules += [linear, *([nn.BatchNorm1d(width)] if batch_norm else [])]
        modules += [function]
    for module in modules:
        if module is function:
            before.append(x)
            x.retain_grad()
        x = module(x)
        if module is function:
            after.append(x)
    (x * torch.randn(x.shape, generator=generator)).sum().backward()
    return after, [z.grad for z in before]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    ("initialization", "scale"),
    [("he", math.sqrt(2 / 32)), ("xavier", math.sqrt(1 / 32)), ("own", 0.4)],
)
def test_layers_are_those_of_a_network_of_modules(initialization, scale, batch_norm):
    found = layers(
        nn.ReLU(),
        4,
        32,
        initialization=initialization,
        scale=0.4,
        bias=0.3,
        batch_norm=batch_norm,
        seed=5,
    )
    after, gradients = built(4, 32, nn.ReLU(), scale, batch_norm)
    for i, (h, g) in enumerate(zip(after, gradients, strict=True)):
        assert float(found.spread[i]) == pytest.approx(float(h.detach().std()), rel=1e-5)
        assert float(found.zeros[i]) == pytest.approx(float((h == 0).float().mean()), abs=1e-6)
        assert float(found.gradient[i]) == pytest.approx(float(g.square().mean().sqrt()), rel=1e-4)
        dead = float((g == 0).all(0).float().mean())
        assert float(found.dead[i]) == pytest.approx(dead, abs=1e-6)
        reach = ACTIVATION_REACH
        counts, _ = np.histogram(h.detach().clamp(-reach, reach), ACTIVATION_BINS, (-reach, reach))
        assert np.abs(found.activations[i].numpy() - counts).sum() <= 4  # on the border of two
        low, high = GRADIENT_POWERS
        powers = g[g != 0].abs().log10().clamp(low, high)
        counts, _ = np.histogram(powers, GRADIENT_BINS, (low, high))
        assert np.abs(found.gradients[i].numpy() - counts).sum() <= 4


def test_pytorchs_own_initialization_is_uniform():
    found = layers(nn.Identity(), 1, 256, initialization="torch")
    # Of a sum of n inputs of variance 1 and weights of variance 1 / (3n).
    assert float(found.spread[0]) == pytest.approx(math.sqrt(1 / 3), rel=0.02)


def test_what_the_lesson_says_is_so():
    sigmoids = layers(nn.Sigmoid(), 10, 128, initialization="xavier")
    assert float(sigmoids.gradient[0] / sigmoids.gradient[-1]) < 4**-9
    he = layers(nn.ReLU(), 20, 128)
    assert 0.3 < float(he.spread[-1] / he.spread[0]) < 3
    assert 0.3 < float(he.gradient[0] / he.gradient[-1]) < 3
    xavier = layers(nn.ReLU(), 20, 128, initialization="xavier")
    assert float(xavier.spread[-1] / xavier.spread[0]) < 0.01
    small = {"initialization": "own", "scale": 0.01}
    assert float(layers(nn.Tanh(), 10, 128, **small).spread[-1]) < 1e-6
    assert float(layers(nn.Tanh(), 10, 128, batch_norm=True, **small).spread[-1]) > 0.5
    dying = layers(nn.ReLU(), 10, 128, bias=-0.5)
    assert bool((dying.zeros.diff() >= 0).float().mean() > 0.8)
    assert float(dying.zeros[-1]) == 1
    # Nothing but 0 arrives, and a histogram of no values is empty.
    assert float(dying.gradients[0].sum()) == 0


def test_what_explodes_beyond_all_numbers_is_still_drawn():
    found = layers(nn.Identity(), 20, 512, initialization="own", scale=2)
    assert bool(found.activations.sum(1).gt(0).any())
    broken = layers(lambda x: x**3, 20, 128, initialization="own", scale=2)
    assert broken.activations.isfinite().all()
