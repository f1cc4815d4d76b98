"""Costs, their gradients and the lines that they fit, against closed forms and other ways."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.theory.costs.classes import CLASS_COSTS, class_pull, example
from dl_lab.theory.costs.curve import pull, wants_classes
from dl_lab.theory.costs.outlier import NAMES, RATE, STEPS, Fitting, points
from dl_lab.theory.costs.pairs import PAIR_COSTS, pair_pull
from dl_lab.theory.costs.table import COSTS

SETTINGS = {"delta": 0.7, "tau": 0.8, "variance": 1.9, "gamma": 1.5}
DELTA, TAU, V, GAMMA = 0.7, 0.8, 1.9, 1.5


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def clipped(low: float, x: float, high: float) -> float:
    return min(max(low, x), high)


def focal(z: float, y: float) -> float:
    p = sigmoid(z) if y == 1 else 1 - sigmoid(z)
    return -((1 - p) ** GAMMA) * math.log(p)


def focal_slope(z: float, y: float) -> float:
    p = sigmoid(z) if y == 1 else 1 - sigmoid(z)
    return (2 * y - 1) * (1 - p) ** GAMMA * (GAMMA * p * math.log(p) + p - 1)


# Value and derivative by what the cost is given, of a = prediction or logit, and the target y.
CLOSED = {
    "MSE": (lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y)),
    "L1": (lambda a, y: abs(a - y), lambda a, y: np.sign(a - y)),
    "Huber": (
        lambda a, y: (a - y) ** 2 / 2 if abs(a - y) <= DELTA else DELTA * (abs(a - y) - DELTA / 2),
        lambda a, y: clipped(-DELTA, a - y, DELTA),
    ),
    "SmoothL1": (
        lambda a, y: (a - y) ** 2 / 2 / DELTA if abs(a - y) < DELTA else abs(a - y) - DELTA / 2,
        lambda a, y: clipped(-1, (a - y) / DELTA, 1),
    ),
    "Quantile": (
        lambda a, y: TAU * (y - a) if a < y else (1 - TAU) * (a - y),
        lambda a, y: -TAU if a < y else 1 - TAU,
    ),
    "GaussianNLL": (
        lambda a, y: (math.log(V) + (a - y) ** 2 / V) / 2,
        lambda a, y: (a - y) / V,
    ),
    "BCE": (
        lambda a, y: -y * math.log(a) - (1 - y) * math.log(1 - a),
        lambda a, y: (a - y) / a / (1 - a),
    ),
    "BCEWithLogits": (
        lambda a, y: math.log1p(math.exp(a)) - y * a,
        lambda a, y: sigmoid(a) - y,
    ),
    "Focal": (focal, focal_slope),
    "Hinge": (lambda a, y: max(0, 1 - y * a), lambda a, y: -y * (y * a < 1)),
    "SquaredHinge": (lambda a, y: max(0, 1 - y * a) ** 2, lambda a, y: -2 * y * max(0, 1 - y * a)),
    "SoftMargin": (
        lambda a, y: math.log1p(math.exp(-y * a)),
        lambda a, y: -y / (1 + math.exp(y * a)),
    ),
    "PoissonNLL": (lambda a, y: math.exp(a) - y * a, lambda a, y: math.exp(a) - y),
}
OUTPUTS = {
    "identity": (lambda z: z, lambda _: 1),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
}


@pytest.mark.parametrize("target", [1.0, -0.6])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("name", COSTS)
def test_value_and_both_gradients_are_those_of_the_reference(name, output, target):
    cost = COSTS[name]
    found = pull(cost, target, SETTINGS, output)
    y = cost.allowed(target)
    assert y in {target, 0.0, 1.0, -1.0}
    behind = {"probability": "sigmoid", "logit": "identity"}.get(cost.of, output)
    activation, slope = OUTPUTS[behind]
    value, derivative = CLOSED[name]
    for z, prediction, got, gradient, arriving in zip(*vars(found).values(), strict=True):
        a = activation(float(z))
        if abs(a - y) < 1e-9 or abs(1 - y * a) < 1e-9:
            continue  # where it bends
        expected = derivative(a, y)
        assert float(prediction) == pytest.approx(a, abs=1e-9)
        assert float(got) == pytest.approx(value(a, y), rel=1e-7, abs=1e-7)
        assert float(gradient) == pytest.approx(expected, rel=1e-6, abs=1e-7)
        assert float(arriving) == pytest.approx(expected * slope(float(z)), rel=1e-6, abs=1e-7)


def test_behind_a_sigmoid_squared_error_stalls_where_cross_entropy_does_not():
    weak = pull(COSTS["MSE"], 1.0, SETTINGS, "sigmoid")
    strong = pull(COSTS["BCE"], 1.0, SETTINGS, "sigmoid")
    at = int((weak.z + 5).abs().argmin())
    assert float(weak.arriving[at]) == pytest.approx(-0.0132, abs=5e-5)
    assert float(strong.arriving[at]) == pytest.approx(-0.9933, abs=5e-5)


@pytest.mark.parametrize(
    "own",
    [
        nn.MSELoss(),
        nn.MSELoss(reduction="sum"),
        nn.MSELoss(reduction="none"),
        lambda a, y: (a - y) ** 2,
    ],
)
def test_a_cost_of_ones_own_may_return_each_or_their_mean(own):
    found, known = (pull(cost, 0.5, SETTINGS, "tanh") for cost in (own, COSTS["MSE"]))
    for mine, theirs in zip(vars(found).values(), vars(known).values(), strict=True):
        assert torch.allclose(mine, theirs)


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (lambda *_: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda *_: 3.0, "must return a tensor.*got 3.0"),
        (lambda a, y: (a - y)[:7], r"each of 481 predictions.*of shape \[7\]"),
        (lambda a, y: ((a - y) ** 2).detach(), "has no gradient"),
        (lambda a, y: (a - y).log(), "returned nan for the prediction -6 and the target 1"),
        (lambda a, y: (a - y).abs().sqrt(), "its gradient is that"),
    ],
)
def test_what_is_no_cost_gets_a_sentence(own, sentence):
    with pytest.raises(InputError, match=sentence):
        pull(own, 1.0, SETTINGS)


def test_whether_a_cost_is_of_classes_is_found_out():
    assert [wants_classes(one()) for one in (nn.CrossEntropyLoss, nn.MultiMarginLoss)] == [True] * 2
    assert wants_classes(lambda z, y: -z.log_softmax(1)[torch.arange(len(y)), y].mean())
    plain = (nn.L1Loss(), nn.HuberLoss(), nn.SoftMarginLoss(), nn.functional.poisson_nll_loss)
    assert [wants_classes(one) for one in plain] == [False] * 4
    with pytest.raises(InputError, match="raised KeyError"):
        wants_classes(lambda *_: {}["nothing"])


# -- classes

LOGITS = (1.2, -0.4, 0.3, 2.0)
RIGHT, SMOOTHING = 2, 0.2
WEIGHTS = (0.5, 1.5, 3.0, 0.0)


def softmax(z):
    p = np.exp(np.array(z) - max(z))
    return p / p.sum()


def margin(z, power):
    z = np.array(z)
    others = np.arange(len(z)) != RIGHT
    return WEIGHTS[RIGHT] * (np.maximum(0, 1 - z[RIGHT] + z[others]) ** power).sum() / len(z)


def class_cost(name: str, z: list[float]) -> float:
    """Return a cost of the logits as its formula has it."""
    n = len(z)
    p, q = softmax(z), np.full(n, SMOOTHING / n)
    q[RIGHT] += 1 - SMOOTHING
    w = np.array(WEIGHTS)
    one = np.eye(n)[RIGHT]
    z = np.array(z)
    return {
        "CrossEntropy": -(w * q * np.log(p)).sum(),
        "NLL": -w[RIGHT] * np.log(p[RIGHT]),
        "Focal": -w[RIGHT] * (1 - p[RIGHT]) ** GAMMA * np.log(p[RIGHT]),
        "SquaredError": ((p - q) ** 2).sum(),
        "KLDiv": (q * np.log(q / p)).sum(),
        "MultiMargin": margin(z, 1),
        "MultiMargin2": margin(z, 2),
        "MultiLabelMargin": margin(z, 1) / w[RIGHT],
        "MultiLabelSoftMargin": (w * (np.log1p(np.exp(z)) - one * z)).sum() / n,
        "CTC": -np.log(said(p, RIGHT)),
    }[name]


def said(p, right: int) -> float:
    """Return how likely three frames say no more than one class: the sum over all their ways."""
    ways = itertools.product(range(len(p)), repeat=3)
    wanted = [right] if right else []
    return sum(
        np.prod([p[i] for i in way])
        for way in ways
        if [i for i, _ in itertools.groupby(way) if i] == wanted
    )


@pytest.mark.parametrize("name", CLASS_COSTS)
def test_a_cost_of_classes_is_its_formula_and_its_pull_the_difference_quotient(name):
    one = example(LOGITS, RIGHT, smoothing=SMOOTHING, weights=WEIGHTS, gamma=GAMMA)
    found = class_pull(CLASS_COSTS[name], one)
    assert found.value == pytest.approx(class_cost(name, list(LOGITS)), rel=1e-6)
    step = 1e-5
    for i in range(len(LOGITS)):
        up, down = ([z + sign * step * (i == j) for j, z in enumerate(LOGITS)] for sign in (1, -1))
        slope = (class_cost(name, up) - class_cost(name, down)) / (2 * step)
        assert float(found.gradient[i]) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_ctc_with_the_blank_right_is_that_nothing_was_said():
    found = class_pull(CLASS_COSTS["CTC"], example(LOGITS, 0))
    assert found.value == pytest.approx(-np.log(said(softmax(LOGITS), 0)))
    assert found.gradient.tolist() == pytest.approx((3 * (softmax(LOGITS) - np.eye(4)[0])).tolist())


def test_classes_without_a_weight_count_1():
    assert example(LOGITS, 0, weights=(2.0,)).weights.tolist() == [2, 1, 1, 1]
    assert example((1.0, 2.0), 0, weights=WEIGHTS).weights.tolist() == [0.5, 1.5]


def test_cross_entropy_pulls_by_what_is_missing():
    found = class_pull(CLASS_COSTS["CrossEntropy"], example(LOGITS, RIGHT))
    assert found.gradient.tolist() == pytest.approx((softmax(LOGITS) - np.eye(4)[RIGHT]).tolist())
    smoothed = class_pull(CLASS_COSTS["CrossEntropy"], example((6.0, 0, 0, 0), 0, smoothing=0.2))
    assert float(smoothed.gradient[0]) > 0  # too sure: it is pulled back


def test_a_cost_of_ones_own_of_classes():
    one = example(LOGITS, RIGHT)
    own = class_pull(nn.CrossEntropyLoss(), one)
    assert torch.allclose(own.gradient, class_pull(CLASS_COSTS["NLL"], one).gradient)
    with pytest.raises(InputError, match="must return one number for logits"):
        class_pull(lambda z, _: z, one)
    with pytest.raises(InputError, match="raised IndexError"):
        class_pull(lambda z, _: z[:, 9].sum(), one)


# -- lines

OUTLIER = (2.0, -3.0)


def mean_cost(name: str, line, x, y) -> float:
    cost, _ = CLOSED[name]
    return float(np.mean([cost(line[0] + line[1] * a, b) for a, b in zip(x, y, strict=True)]))


def through_two(name: str, x, y):
    """Return the best line through two of the points, as the best by L1 or a quantile is."""
    lines = []
    for (a, b), (c, d) in itertools.combinations(zip(x, y, strict=True), 2):
        if a != c:
            slope = (d - b) / (c - a)
            lines.append((b - slope * a, slope))
    return min(lines, key=lambda line: mean_cost(name, line, x, y))


def reweighted(x, y):
    """Return Huber's line by repeated least squares, each point with the weight that it is due."""
    columns = np.stack([np.ones_like(x), x], 1)
    line = np.zeros(2)
    for _ in range(500):
        error = np.abs(y - columns @ line)
        root = np.sqrt(np.where(error <= DELTA, 1, DELTA / np.maximum(error, DELTA)))
        line, *_ = np.linalg.lstsq(columns * root[:, None], y * root, rcond=None)
    return line


def test_training_finds_the_lines_that_other_ways_find():
    x, y = points(OUTLIER)
    fitting = Fitting(x, y, SETTINGS)
    fitting.advance(STEPS)
    assert fitting.done
    x, y = x.numpy(), y.numpy()
    columns = np.stack([np.ones_like(x), x], 1)
    best = {
        "MSE": np.linalg.lstsq(columns, y, rcond=None)[0],
        "L1": through_two("L1", x, y),
        "Huber": reweighted(x, y),
        "Quantile": through_two("Quantile", x, y),
    }
    for i, name in enumerate(NAMES):
        assert fitting.lines[i].tolist() == pytest.approx(list(best[name]), abs=0.02), name
        assert mean_cost(name, fitting.lines[i].tolist(), x, y) == pytest.approx(
            mean_cost(name, best[name], x, y), rel=1e-3
        )


def test_all_at_once_is_each_by_itself():
    x, y = points(OUTLIER)
    together = Fitting(x, y, SETTINGS, {"mine": nn.MSELoss()})
    together.advance(30)
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([line], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    for _ in range(30):
        adam.zero_grad()
        nn.functional.huber_loss(line[0] + line[1] * x, y, delta=DELTA).backward()
        adam.step()
        schedule.step()
    assert torch.allclose(together.lines[NAMES.index("Huber")], line.detach())
    assert torch.allclose(together.lines[-1], together.lines[0])
    assert together.costs.shape == (30, 5)


def test_the_lines_go_on_from_where_they_are():
    x, y = points(OUTLIER)
    first = Fitting(x, y, SETTINGS)
    first.advance(50)
    assert torch.equal(Fitting(x, y, SETTINGS, lines=first.lines).lines, first.lines)


# -- points of a plane

PLACES = ((0.3, 0.4), (1.5, 0.9), (-0.2, 1.0))


def pair_cost(name: str, places, margin: float) -> float:
    a, p, n = np.array(places)
    # F.pairwise_distance adds this to every difference.
    near, far = (np.linalg.norm(a - other + 1e-6) for other in (p, n))

    def cosine(b):
        return (a @ b) / np.linalg.norm(a) / np.linalg.norm(b)

    return {
        "TripletMargin": max(0, near - far + margin),
        "HingeEmbedding": near + max(0, margin - far),
        "CosineEmbedding": 1 - cosine(p) + max(0, cosine(n) - margin),
        "MarginRanking": max(0, near - far + margin),
    }[name]


@pytest.mark.parametrize("margin", [0.2, 1.0])
@pytest.mark.parametrize("name", PAIR_COSTS)
def test_a_cost_of_points_is_its_formula_and_its_arrows_the_difference_quotient(name, margin):
    found = pair_pull(name, PLACES, margin)
    assert found.value == pytest.approx(pair_cost(name, PLACES, margin), rel=1e-5)
    step = 1e-5
    for i, j in itertools.product(range(3), range(2)):
        moved = [np.array(PLACES), np.array(PLACES)]
        moved[0][i, j] += step
        moved[1][i, j] -= step
        slope = (pair_cost(name, moved[0], margin) - pair_cost(name, moved[1], margin)) / (2 * step)
        assert float(found.gradient[i, j]) == pytest.approx(slope, abs=1e-4)
