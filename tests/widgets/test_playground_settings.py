"""The Playground's settings: what they may be, and what a change of each does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import parameters


def test_defaults_are_those_of_the_original(pg: dl_lab.Playground) -> None:
    assert pg.settings == {
        "data": "circle",
        "problem": "classification",
        "noise": 0,
        "train_ratio": 0.5,
        "batch_size": 10,
        "features": ("x", "y"),
        "hidden": (4, 2),
        "activation": "tanh",
        "learning_rate": 0.03,
        "regularization": None,
        "regularization_rate": 0.0,
        "seed": 0,
        "shuffle": False,
        "speed": None,
        "show_test": False,
        "discretize": False,
        "language": None,
    }
    points, targets = pg.train_data
    assert points.shape == (250, 2)
    assert targets.shape == (250,)
    assert points.dtype == targets.dtype == torch.float32
    assert pg.model(points).shape == (250,)


def test_a_setting_from_the_start_equals_one_set_later() -> None:
    early, late = dl_lab.Playground(noise=30, hidden=(3,)), dl_lab.Playground()
    late.noise = 30
    late.hidden = (3,)
    torch.testing.assert_close(early.train_data, late.train_data)
    np.testing.assert_array_equal(parameters(early), parameters(late))
    early.close()
    late.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0.3),
        ("batch_size", 7),
        ("regularization", "L1"),
        ("regularization_rate", 0.1),
        ("speed", 5),
        ("shuffle", True),
        ("show_test", True),
        ("discretize", True),
        ("language", "es"),
    ],
)
def test_these_change_in_mid_run(pg: dl_lab.Playground, name: str, value: object) -> None:
    pg.step(epochs=2)
    trainer, weights = pg.trainer, parameters(pg)
    setattr(pg, name, value)
    assert pg.trainer is trainer
    np.testing.assert_array_equal(parameters(pg), weights)
    assert pg.trainer.epoch == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data", "xor"),
        ("problem", "regression"),
        ("noise", 10),
        ("train_ratio", 0.3),
        ("features", ("x", "sin_x")),
        ("hidden", ()),
        ("activation", "relu"),
        ("seed", 5),
    ],
)
def test_these_start_again(pg: dl_lab.Playground, name: str, value: object) -> None:
    pg.step(epochs=2)
    setattr(pg, name, value)
    assert pg.trainer.epoch == 0
    assert pg.state == "idle"
    pg.step()
    assert pg.trainer.epoch == 1


def test_each_problem_remembers_its_data(pg: dl_lab.Playground) -> None:
    pg.data = "spiral"
    pg.problem = "regression"
    assert pg.data == "plane"
    assert len(pg.train_data[0]) == 600
    pg.problem = "classification"
    assert pg.data == "spiral"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"data": "moons"}, "circle, xor, gauss, spiral"),
        ({"data": "cirle"}, "did you mean circle"),
        ({"data": "plane"}, "circle, xor, gauss, spiral"),
        ({"problem": "clustering"}, "classification, regression"),
        ({"noise": 80}, "between 0 and 50"),
        ({"noise": float("nan")}, "between 0 and 50"),
        ({"noise": "high"}, "between 0 and 50"),
        ({"train_ratio": 1}, "between 0.1 and 0.9"),
        ({"batch_size": 2.5}, "whole number between 1 and 30"),
        ({"batch_size": True}, "whole number between 1 and 30"),
        ({"features": ()}, "at least one of"),
        ({"features": ("x", "z")}, "x, y, x2, y2, xy, sin_x, sin_y"),
        ({"hidden": 4}, "list of whole numbers"),
        ({"hidden": (4, 17)}, "between 1 and 16"),
        ({"hidden": (1,) * 9}, "at most 8"),
        ({"activation": "Tanh"}, "did you mean tanh"),
        ({"learning_rate": 0}, "between 1e-05 and 10"),
        ({"regularization": "L3"}, "None, L1, L2"),
        ({"regularization_rate": -1}, "between 0 and 10"),
        ({"shuffle": 1}, "true or false"),
        ({"seed": -1}, "whole number"),
    ],
)
def test_what_is_not_allowed_is_refused_and_changes_nothing(
    pg: dl_lab.Playground, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        dl_lab.Playground(**arguments)
    before, trainer = pg.settings, pg.trainer
    with pytest.raises(InputError, match=sentence):
        pg.set(activation="relu", **arguments) if "activation" not in arguments else pg.set(
            **arguments
        )
    assert pg.settings == before
    assert pg.trainer is trainer
