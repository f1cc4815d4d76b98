from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_lab.pictures.chart import Scale
from dl_lab.pictures.panel import WORDS
from dl_lab.pictures.runs import svg
from dl_lab.train.history.history import History
from tests.lengths import times

SVG = "{http://www.w3.org/2000/svg}"


def recorded(**series: Any):
    history = History()
    columns = {}
    for name, values in series.items():
        rows = np.arange(len(values))
        columns[name] = {"steps": rows, "times": rows / 8, "values": np.asarray(values, "f4")}
    history.load_state_dict({"seconds": 0, "epochs": [], "series": columns})
    return history


def document(text):
    return ET.fromstring(text)  # noqa: S314 - our own


def points(path):
    """Return what a path goes through, in pixels, piece by piece."""
    pieces = []
    for x, y, rest in re.findall(r"M(-?\d+) (-?\d+)(?:h0)?(?:l([^M]*))?", path):
        at = np.array([int(x), int(y)])
        steps = np.array([int(number) for number in re.findall(r"-?\d+", rest)], int).reshape(-1, 2)
        pieces.append(np.concatenate([[at], at + steps.cumsum(0)]) / 10)
    return pieces


def paths(text):
    root = document(text)
    return [
        path.get("d") for group in root.findall(f"{SVG}g") for path in group.findall(f"{SVG}path")
    ]


def words(text):
    return [element.text for element in document(text).iter(f"{SVG}text")]


def test_a_short_curve_is_drawn_row_by_row():
    values = [4.0, 1.0, 3.0, 2.0]
    (piece,) = points(paths(svg({"net": recorded(train_loss=values)}))[0])
    x, y = piece.T
    assert np.allclose(np.diff(x), np.diff(x)[0], atol=0.2)
    # Affine, and larger values are higher up.
    slope, offset = np.polyfit(values, y, 1)
    assert slope < 0
    assert np.allclose(slope * np.array(values) + offset, y, atol=0.2)


def test_a_logarithmic_axis_is_one():
    values = [1000.0, 100.0, 10.0, 1.0, 0.1]
    (piece,) = points(paths(svg({"net": recorded(train_loss=values)}, y_scale="log"))[0])
    assert np.allclose(np.diff(piece[:, 1]), np.diff(piece[:, 1])[0], atol=0.2)


def test_what_is_not_finite_leaves_a_gap():
    values = [4.0, 1.0, math.nan, 3.0, 2.0, math.inf, 2.0]
    text = svg({"net": recorded(train_loss=values)})
    assert [len(piece) for piece in points(paths(text)[0])] == [2, 2, 1]
    assert "nan" not in text.lower().replace("nan ", "")


def test_on_a_logarithmic_axis_what_is_not_positive_leaves_a_gap():
    text = svg({"net": recorded(train_loss=[4.0, 1.0, 0.0, 3.0, -2.0, 2.0])}, y_scale="log")
    assert [len(piece) for piece in points(paths(text)[0])] == [2, 1, 1]


def test_a_long_curve_shows_its_spikes():
    values = np.ones(100_000)
    values[43_210] = 9
    (piece,) = points(paths(svg({"net": recorded(train_loss=values)}))[0])
    heights = piece[:, 1]
    assert (heights == heights.min()).sum() == 1
    spike = piece[heights.argmin(), 0]
    left, right = piece[:, 0].min(), piece[:, 0].max()
    assert abs((spike - left) / (right - left) - 0.4321) < 0.005


@pytest.mark.parametrize(
    "looks",
    [
        {},
        {"smoothing": 0.99, "y_scale": "log", "axis": "time"},
        {"x_scale": "log", "width": 1600, "height": 900},
        {"low": 400_000, "high": 600_000},
    ],
)
def test_a_million_points_of_several_runs_stay_small(looks):
    generator = np.random.default_rng(0)
    noise = generator.normal(size=1_000_000)
    runs = {
        f"run {index}": recorded(
            train_loss=noise + index, validation_loss=noise[::10], train_accuracy=noise * index
        )
        for index in range(3)
    }
    text = svg(runs, **looks)
    assert 10_000 < len(text.encode()) <= 40_000
    document(text)


@pytest.mark.parametrize("count", [1, 45, 300])
def test_any_number_of_series_stays_small(count):
    noise = np.random.default_rng(0).normal(size=5000)
    history = recorded(**{f"series_{index}": noise for index in range(count)})
    text = svg({"net": history}, smoothing=0.5)
    assert len(text.encode()) <= 40_000
    same = svg({f"net {index}": recorded(train_loss=noise) for index in range(count)})
    assert len(same.encode()) <= 40_000
    if count > 40:
        assert any(word.startswith("and ") for word in words(same))


def test_it_reads_on_its_own():
    history = recorded(train_loss=[3, 2, 1.5], validation_loss=[3, 1.25, 2])
    text = svg({"LeNet": history})
    said = words(text)
    assert said[0] == "LeNet"
    assert {"loss", "train", "validation", "step"} <= set(said)
    assert "last 1.5 · best 1.5 (2)" in said
    assert "last 2 · best 1.25 (1)" in said
    (ring,) = document(text).iter(f"{SVG}circle")
    line = points(paths(text)[2])[0]
    assert np.allclose((float(ring.get("cx")), float(ring.get("cy"))), line[1], atol=0.2)
    assert "último 1.5 · mejor 1.5 (2)" in words(svg({"LeNet": history}, language="es"))


def test_metrics_and_a_learning_rate_that_changes_have_panels_of_their_own():
    history = recorded(train_accuracy=[0, 1], train_loss=[1, 0], learning_rate=[0.1, 0.1])
    assert [word for word in words(svg({"net": history})) if word in {"loss", "accuracy"}] == [
        "loss",
        "accuracy",
    ]
    assert "learning rate" not in words(svg({"net": history}))
    history.append(2, learning_rate=0.01)
    assert "learning rate" in words(svg({"net": history}))


def test_hidden_curves_are_not_drawn():
    runs = {"a": recorded(train_loss=[1, 2], test_loss=[1, 2]), "b": recorded(train_loss=[2, 3])}
    assert "a: test" not in words(svg(runs, hidden=[(0, "test_loss")]))
    shown = words(svg(runs, hidden=[(0, None)]))
    assert "b: train" in shown
    assert "a: train" not in shown


def test_names_are_text():
    name = '<script>alert("1")</script> & co'
    text = svg({name: recorded(train_loss=[1, 2]), "b": recorded(train_loss=[1])}, identifier='"')
    assert "<script" not in text
    root = document(text)
    assert root.get("id") == '"'
    assert root.find(f"{SVG}title").text == f"{name}, b"


def test_nothing_recorded_is_said():
    assert "Nothing is recorded yet." in words(svg({"net": History()}))


def test_both_languages_have_all_words():
    assert WORDS["en"].keys() == WORDS["es"].keys()


@settings(deadline=None, max_examples=times(200))
@given(
    st.lists(st.floats(width=32), max_size=6),
    st.sampled_from(["linear", "log"]),
    st.sampled_from(["linear", "log"]),
    st.sampled_from(["step", "time"]),
    st.none() | st.floats(-10, 10),
)
def test_any_values_make_a_document(values, x_scale, y_scale, axis, low):
    runs = {"net": recorded(train_loss=values)}
    text = svg(runs, x_scale=x_scale, y_scale=y_scale, axis=axis, low=low)
    document(text)
    for path in paths(text):
        assert re.fullmatch(r"[-MlhH\d ]*", path)


@settings(deadline=None, max_examples=times(200))
@given(
    st.floats(1e-30, 1e30),
    st.floats(1.0001, 1e12),
    st.booleans(),
    st.integers(2, 8),
)
def test_ticks_lie_in_the_domain(low, factor, log, count):
    scale = Scale(low, low * factor, 0, 100, log=log)
    ticks = scale.ticks(count)
    assert 1 <= len(ticks) <= 2 * count + 2
    for tick in ticks:
        assert -0.1 <= scale.pixel(tick) <= 100.1
