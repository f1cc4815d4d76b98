"""UniversalApproximation: what is built against numpy, what is learned against networks alone."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.protocol import Message, encode
from dl_lab.theory.universal_approximation import FUNCTIONS, Learner, grid, target_of
from tests.widgets.page import Page


@pytest.fixture
def approximation():
    made = dl_lab.UniversalApproximation()
    yield made
    made.close()


def sigmoid(x):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


X = np.linspace(0, 1, 201)
NIELSEN = 0.2 + 0.4 * X**2 + 0.3 * X * np.sin(15 * X) + 0.05 * np.cos(50 * X)


def test_a_step_and_a_bump(approximation):
    approximation.set(weight=50, bias=-20)
    meta, arrays = approximation.compute()
    expected = sigmoid(50 * X - 20)
    assert arrays["output"].numpy() == pytest.approx(expected, abs=1e-5)
    assert arrays["target"].numpy() == pytest.approx(NIELSEN, abs=1e-5)
    assert meta["error"] == pytest.approx(np.abs(expected - NIELSEN).mean(), abs=1e-5)
    approximation.set(stage="bump", left=0.2, right=0.5, height=0.7)
    parts = np.stack([0.7 * sigmoid(50 * (X - 0.2)), -0.7 * sigmoid(50 * (X - 0.5))])
    arrays = approximation.compute()[1]
    assert arrays["parts"].numpy() == pytest.approx(parts, abs=1e-5)
    assert arrays["output"].numpy() == pytest.approx(parts.sum(0), abs=1e-5)


@pytest.mark.parametrize(("neurons", "most"), [(10, 0.08), (20, 0.055), (40, 0.02), (64, 0.01)])
def test_more_bumps_come_nearer(approximation, neurons, most):
    approximation.set(stage="bumps", weight=200, neurons=neurons)
    flat = approximation.error
    approximation.fit()
    cells = np.minimum((X * (neurons // 2)).astype(int), neurons // 2 - 1)
    heights = [NIELSEN[cells == cell].mean() for cell in range(neurons // 2)]
    edges = np.linspace(0, 1, neurons // 2 + 1)
    edges[0], edges[-1] = -1, 2
    steps = sigmoid(200 * (X[:, None] - edges))
    expected = np.abs((steps[:, :-1] - steps[:, 1:]) @ heights - NIELSEN).mean()
    assert approximation.error == pytest.approx(expected, rel=0.02)
    assert approximation.error < most < flat


def test_towers_stand_on_a_surface(approximation):
    approximation.set(stage="bump", target="hills", weight=200, left=0.25, right=0.5, height=1)
    output = approximation.compute()[1]["output"].numpy()
    assert output.shape == (31, 31)
    # Nielsen's numbers: 0.993 within, 0.007 on the arms of the cross.
    assert output[11, 11] == pytest.approx(sigmoid(5), abs=1e-3)
    assert output[11, 25] == pytest.approx(sigmoid(-5), abs=1e-3)
    approximation.set(stage="bumps", neurons=64)
    approximation.fit()
    meta, arrays = approximation.compute()
    assert (meta["side"], meta["neurons"]) == (16, 64)
    assert meta["error"] < 0.06
    high = np.unravel_index(int(arrays["target"].argmax()), (31, 31))
    assert [index / 30 for index in high] == pytest.approx([0.6, 0.35], abs=0.03)  # y, x


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_networks_that_are_trained_together_go_as_each_goes_alone(activation):
    target = target_of(FUNCTIONS["nielsen"], 1, [0.0], [1.0])
    learner = Learner(target, 5, activation, 0.02)
    slopes, biases, outer, last = (one.detach().clone() for one in learner.parameters)
    learner.train(50)
    middle, half = sum(target.ends) / 2, (target.ends[1] - target.ends[0]) / 2
    inputs, outputs = 2 * target.x - 1, ((target.y - middle) / half)[:, None]
    for place, size in enumerate(learner.sizes):
        kind = {"tanh": nn.Tanh, "relu": nn.ReLU}[activation]
        net = nn.Sequential(nn.Linear(1, size), kind(), nn.Linear(size, 1))
        values = [slopes[place, 0, :size, None], biases[place, :size], outer[place, None, :size]]
        with torch.no_grad():
            for parameter, value in zip(net.parameters(), [*values, last[place]], strict=True):
                parameter.copy_(value)
        adam = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(50):
            adam.zero_grad()
            nn.functional.mse_loss(net(inputs), outputs).backward()
            adam.step()
        error = half * float((net(inputs) - outputs).detach().abs().mean())
        assert learner.errors()[place] == pytest.approx(error, rel=0.01)
    shown = learner.output(grid(1))
    assert float((shown - target.y).abs().mean()) == pytest.approx(learner.errors()[0], rel=1e-4)


def test_training_does_better_than_as_many_neurons_in_bumps(approximation):
    approximation.set(stage="bumps", weight=200, neurons=10)
    approximation.fit()
    built = approximation.error
    approximation.stage = "learn"
    approximation.train(400)
    assert approximation.error < built
    sizes = approximation.compute()[1]["sizes"]
    assert sizes[:, 0].tolist() == [1, 2, 4, 8, 10, 16, 32, 64]


def test_a_function_of_ones_own_of_one_and_of_two_numbers():
    wave = dl_lab.UniversalApproximation(torch.sin, domain=(-3, 3), stage="bumps", neurons=40)
    meta, arrays = wave.compute()
    assert (meta["low"], meta["high"], wave.target) == ((-3.0,), (3.0,), None)
    assert arrays["target"].numpy() == pytest.approx(np.sin(np.linspace(-3, 3, 201)), abs=1e-5)
    bowl = dl_lab.UniversalApproximation(lambda x, y: x**2 + y**2, domain=(-1, 1), stage="learn")
    meta, arrays = bowl.compute()
    assert meta["dimensions"] == 2
    assert float(arrays["target"][0, 15]) == pytest.approx(1, abs=1e-5)
    wave.close()
    bowl.close()


def test_points_of_ones_own():
    x = [3.0, 1.0, 2.0]
    own = dl_lab.UniversalApproximation(points=(x, [30.0, 10.0, 20.0]), stage="learn")
    meta, arrays = own.compute()
    assert meta["points"] is True
    assert arrays["target_x"].flatten().tolist() == [0, 0.5, 1]
    assert arrays["target"].tolist() == [10, 20, 30]
    own.train(500)
    assert own.error < 1
    own.close()
    cloud = torch.rand(50, 2)
    over = dl_lab.UniversalApproximation(points=(cloud, cloud.sum(1)), stage="bumps")
    over.fit()
    assert over.compute()[0]["dimensions"] == 2
    assert over.error < 0.3
    over.close()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"function": lambda x: x.sum(0, keepdim=True)[:0]}, "one number for each of 201 places"),
        ({"function": torch.log}, r"not a finite number at 0\. Choose another domain"),
        ({"function": math.sin}, "raised TypeError|raised ValueError|raised RuntimeError"),
        ({"function": 3}, "function must be a function"),
        ({"function": torch.sin, "domain": (1, 0)}, "the lower one first"),
        ({"points": 5}, r"must be a pair \(x, y\)"),
        ({"points": ([1.0], [1.0])}, "n from 2 to 10,000"),
        ({"points": ([1.0, 2.0], [1.0, math.nan])}, "NaN or infinite"),
        ({"points": (["a"], [1.0])}, "must be a pair"),
        ({"target": None}, "no function or set of points of your own"),
    ],
)
def test_what_cannot_be_approximated_gets_a_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence):
        dl_lab.UniversalApproximation(**given)


def test_the_page_draws_builds_and_trains(approximation):
    page = Page(approximation)
    page.request("hello", view="page", have={})
    drawn = np.linspace(1, 0, 201, dtype="f4")
    content, buffers = encode(Message("target.draw", {}, {"values": drawn}, id="page.draw"))
    approximation._handle_custom_msg(content, buffers)
    assert page.wait(lambda: approximation.target == "drawn")
    assert approximation.compute()[1]["target"].numpy() == pytest.approx(drawn)
    page.request("settings.set", stage="bumps", neurons=4, weight=200)
    page.request("height.set", at=0, value=0.75)
    page.request("height.set", at=1, value=0.25)
    assert approximation.error == pytest.approx(0.125, abs=0.01)
    page.request("train.reset")
    assert approximation.error == pytest.approx(0.25, abs=0.01)
    page.request("heights.fit")
    assert approximation.error == pytest.approx(0.125, abs=0.01)
    page.request("settings.set", stage="learn")
    page.request("train.run", value=True)
    assert page.wait(lambda: approximation.compute()[0]["steps"] > 20)
    page.request("train.run", value=False)
    assert approximation.running is False
    for kind, meta, key in (
        ("height.set", {"at": 99, "value": 0}, "whole"),
        ("height.set", {"at": 0, "value": None}, "number"),
        ("target.draw", {}, "target_shape"),
        ("train.run", {"value": "yes"}, "yes_no"),
    ):
        assert page.request(kind, **meta).meta["error"]["key"] == key


def drawn(picture: str) -> list[tuple[list[float], list[float]]]:
    """Return the places of each curve in pixels, from its relative path in tenths."""
    paths = re.findall(r'<path d="M(-?[^"]*)" fill="none"', picture)
    steps = [np.array(re.findall(r"-?\d+", path), float).reshape(-1, 2) for path in paths]
    return [tuple((step.cumsum(0) / 10).T.tolist()) for step in steps]


@pytest.mark.parametrize("stage", ["step", "bump", "bumps", "learn"])
@pytest.mark.parametrize("target", ["nielsen", "hills"])
def test_the_saved_notebook_keeps_target_and_output(approximation, stage, target):
    approximation.set(stage=stage, target=target)
    picture = approximation.picture()
    assert approximation.words()[f"stage_{stage}"] in picture
    assert len(picture) < 20_000
    (_, wanted), (x, output) = drawn(picture)
    arrays = approximation.compute()[1]
    told = arrays["target"].numpy(), arrays["output"].numpy()
    if target == "hills":
        told = tuple(rows[len(rows) // 2] for rows in told)
    for pixels, values in zip((wanted, output), told, strict=True):
        lowest = pixels[int(np.argmin(values) * (len(pixels) - 1) / (len(values) - 1))]
        assert lowest == pytest.approx(max(pixels), abs=3)  # pixels go down
    assert len(x) == 201


def test_the_picture_of_points_of_ones_own_goes_from_left_to_right():
    made = dl_lab.UniversalApproximation(points=([3.0, 1.0, 2.0], [0.0, 1.0, 0.5]))
    (x, y), _ = drawn(made.picture())
    assert x == sorted(x)
    assert y == sorted(y)
    made.close()
