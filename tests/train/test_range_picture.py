from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from dl_lab.train.lr_finder import RangeTest
from dl_lab.train.range_picture import svg

RATES = np.geomspace(1e-7, 10, 100)
LOSSES = 1.1 - np.tanh(3 * np.log10(RATES / 0.02)) + (RATES / 3) ** 3
TEST = RangeTest(RATES, LOSSES, LOSSES, "exponential", current=0.1, suggestion=0.02)
NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}


def parse(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in parse(picture).iter() if element.text]


def curve(picture: str, index: int) -> list[tuple[float, float]]:
    """Return the points of a curve in pixels, from its relative path in tenths."""
    (inner,) = parse(picture).findall("svg:svg", NAMESPACE)
    path = inner.findall("svg:path", NAMESPACE)[index].get("d")
    numbers = [int(number) for number in re.findall(r"-?\d+", path)]
    points = np.cumsum(np.array(numbers).reshape(-1, 2), axis=0) / 10
    return [(float(x), float(y)) for x, y in points]


def test_it_names_the_suggestion_and_the_rate_in_use():
    picture = svg(TEST, in_use=0.1, name="LeNet")
    assert "Learning rate range test · LeNet" in texts(picture)
    assert {"suggestion: 0.02", "in use: 0.1"} <= set(texts(picture))


def test_it_speaks_spanish():
    assert {"sugerencia: 0.02", "tasa de aprendizaje"} <= set(texts(svg(TEST, language="es")))


def test_text_from_people_stays_text():
    picture = svg(TEST, name='<script>&"', identifier='a"b')
    assert any(text.endswith('· <script>&"') for text in texts(picture))
    assert parse(picture).get("id") == 'a"b'


@pytest.mark.parametrize("index", [0, 1])
def test_rates_stand_by_their_logarithm_and_low_losses_low(index):
    points = curve(svg(TEST), index)
    assert len(points) == 100
    across = np.array([x for x, _ in points])
    assert np.diff(across) == pytest.approx((across[-1] - across[0]) / 99, abs=0.11)
    heights = np.array([y for _, y in points])
    assert abs(int(np.argmax(heights)) - int(np.argmin(LOSSES))) <= 1


def test_a_linear_test_has_a_linear_axis():
    rates = np.array([0.0, 0.1, 0.4, 1.0])
    losses = np.array([2.0, 1.5, 1.2, 1.0])
    points = curve(svg(RangeTest(rates, losses, losses, "linear", current=0.1)), 1)
    left, right = points[0][0], points[-1][0]
    assert [(x - left) / (right - left) for x, _ in points] == pytest.approx(rates, abs=1e-3)


def test_a_loss_that_took_off_does_not_flatten_the_others():
    losses = np.where(np.arange(100) > 95, 1e30, LOSSES)
    heights = [y for _, y in curve(svg(RangeTest(RATES, losses, losses, "exponential", 0.1)), 1)]
    assert max(heights[:90]) - min(heights[:90]) > 50


def test_a_long_one_stays_small_and_keeps_its_spikes():
    rates = np.geomspace(1e-7, 10, 10_000)
    losses = np.random.default_rng(0).uniform(1, 2, 10_000)
    losses[7123] = 0.5
    picture = svg(RangeTest(rates, losses, np.full(10_000, 1.5), "exponential", 0.1))
    assert len(picture.encode()) < 20_000
    points = curve(picture, 0)
    assert len(points) <= 300
    lowest = max(points, key=lambda point: point[1])
    assert lowest[0] == pytest.approx(56 + (744 - 56) * 7123 / 9999, abs=0.11)


@pytest.mark.parametrize("count", [0, 1])
def test_one_without_losses_says_so(count):
    values = np.ones(count)
    picture = svg(RangeTest(values, values, values, "exponential", current=0.1))
    assert "Nothing was measured." in texts(picture)


@pytest.mark.parametrize("losses", [np.full(50, 3.0), np.zeros(50), np.linspace(-5, -7, 50)])
def test_any_losses_have_an_axis(losses):
    picture = svg(RangeTest(np.geomspace(1e-3, 1, 50), losses, losses, "exponential", 0.1))
    assert "nan" not in picture
    assert all(0 <= y <= 320 for _, y in curve(picture, 1))
