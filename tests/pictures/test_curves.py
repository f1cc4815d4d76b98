from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from dl_lab.pictures.curves import Curve, Mark, svg

RATES = np.geomspace(1e-7, 10, 100)
LOSSES = 1.1 - np.tanh(3 * np.log10(RATES / 0.02)) + (RATES / 3) ** 3
NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}
LABELS = {"x_label": "rate", "y_label": "loss", "nothing": "Nothing was measured."}


def drawn(*losses: np.ndarray, rates=RATES, title="Test", **options: object) -> str:
    curves = [Curve(rates, values, f"curve {i}") for i, values in enumerate(losses)]
    return svg(title, curves, **{**LABELS, "log": True, **options})


def parse(picture: str) -> ET.Element:
    return ET.fromstring(picture)  # noqa: S314 - our own


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in parse(picture).iter() if element.text]


def points(picture: str, index: int = 0) -> list[tuple[float, float]]:
    """Return the points of a curve in pixels, from its relative path in tenths."""
    (inner,) = parse(picture).findall("svg:svg", NAMESPACE)
    path = inner.findall("svg:path", NAMESPACE)[index].get("d")
    numbers = [int(number) for number in re.findall(r"-?\d+", path)]
    places = np.cumsum(np.array(numbers).reshape(-1, 2), axis=0) / 10
    return [(float(x), float(y)) for x, y in places]


def test_it_names_axes_curves_and_marks_and_leaves_out_a_mark_beyond_them():
    marks = [Mark(0.1, "in use", height=0.5), Mark(99, "far away")]
    found = set(texts(drawn(LOSSES, LOSSES, marks=marks)))
    assert {"Test", "rate", "loss", "curve 0", "curve 1", "in use"} <= found
    assert "far away" not in found


def test_text_from_people_stays_text():
    picture = drawn(LOSSES, title='<script>&"', identifier='a"b')
    assert '<script>&"' in texts(picture)
    assert parse(picture).get("id") == 'a"b'


@pytest.mark.parametrize("index", [0, 1])
def test_values_stand_by_their_logarithm_and_low_ones_low(index):
    places = points(drawn(LOSSES, LOSSES, y_range=(0.0, 2.5)), index)
    assert len(places) == 100
    across = np.array([x for x, _ in places])
    assert np.diff(across) == pytest.approx((across[-1] - across[0]) / 99, abs=0.11)
    heights = np.array([y for _, y in places])
    assert abs(int(np.argmax(heights)) - int(np.argmin(LOSSES))) <= 1


def test_a_linear_axis_is_linear():
    rates = np.array([0.0, 0.1, 0.4, 1.0])
    places = points(drawn(np.array([2.0, 1.5, 1.2, 1.0]), rates=rates, log=False))
    left, right = places[0][0], places[-1][0]
    assert [(x - left) / (right - left) for x, _ in places] == pytest.approx(rates, abs=1e-3)


def test_what_is_far_above_the_range_does_not_flatten_the_others():
    losses = np.where(np.arange(100) > 95, 1e30, LOSSES)
    heights = [y for _, y in points(drawn(losses, y_range=(0.0, 2.5)))]
    assert max(heights[:90]) - min(heights[:90]) > 50


def test_a_long_one_stays_small_and_keeps_its_spikes():
    rates = np.geomspace(1e-7, 10, 10_000)
    losses = np.random.default_rng(0).uniform(1, 2, 10_000)
    losses[7123] = 0.5
    picture = drawn(losses, np.full(10_000, 1.5), rates=rates)
    assert len(picture.encode()) < 20_000
    places = points(picture)
    assert len(places) <= 300
    lowest = max(places, key=lambda place: place[1])
    assert lowest[0] == pytest.approx(56 + (744 - 56) * 7123 / 9999, abs=0.11)


@pytest.mark.parametrize("count", [0, 1])
def test_one_without_a_curve_says_so(count):
    assert "Nothing was measured." in texts(drawn(np.ones(count), rates=np.ones(count)))


@pytest.mark.parametrize("losses", [np.full(50, 3.0), np.zeros(50), np.linspace(-5, -7, 50)])
def test_any_values_have_an_axis(losses):
    picture = drawn(losses, rates=np.geomspace(1e-3, 1, 50))
    assert "nan" not in picture
    assert all(0 <= y <= 320 for _, y in points(picture))
