from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.nets.dense import ACTIVATIONS, dense
from dl_lab.nets.features import FEATURES, PointFeatures
from dl_lab.probe.unit_grid import UnitGrid


def flat(model):
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy()


def centres(size, span):
    """Points of all cells, row by row from the top left."""
    step = 2 * span / size
    return torch.tensor(
        [
            [-span + (column + 0.5) * step, span - (row + 0.5) * step]
            for row in range(size)
            for column in range(size)
        ]
    )


def coded(values):
    return np.clip(np.floor(values.double().numpy() * 128) + 128, 0, 255)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("features", [("x", "y"), FEATURES])
def test_every_unit_on_the_grid(activation, features):
    model = dense(features, (4, 3), activation, "linear")
    units = UnitGrid(model, size=20, span=3.0).units(flat(model))
    assert (units.shape, units.dtype) == ((8, 20, 20), np.uint8)
    assert units.flags.c_contiguous
    values, seen = centres(20, 3.0), []
    for module in model:
        values = module(values)
        if type(module) in ACTIVATIONS.values():
            seen.append(values.detach().T)
    expected = coded(torch.cat(seen)).reshape(8, 20, 20)
    # A value within rounding of a byte's edge may fall on either side.
    difference = np.abs(units.astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_top_left_is_small_x_and_large_y():
    x, y = UnitGrid(dense(), span=1.0).features(["x", "y"]).astype(int)
    assert (x[0, 0], x[0, -1]) == (1, 254)
    assert (y[0, 0], y[-1, 0]) == (254, 1)
    assert (np.diff(x, axis=1) >= 0).all()
    assert (np.diff(y, axis=0) <= 0).all()


def test_features_that_the_network_does_not_use():
    grid = UnitGrid(dense(["x"]), size=30)
    values = PointFeatures(FEATURES)(centres(30, 6.0)).T
    expected = coded(values).reshape(7, 30, 30)
    assert np.abs(grid.features(FEATURES).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("value", "byte"),
    [
        (-1.0, 0),
        (0.0, 128),
        (-0.0, 128),
        (-1e-30, 127),
        (1e-30, 128),
        (0.999, 255),
        (1.0, 255),
        (7.0, 255),
        (-7.0, 0),
        (np.inf, 255),
        (-np.inf, 0),
        (np.nan, 128),
    ],
)
def test_the_code_of_a_value(value, byte):
    model = dense(["x"], (), "tanh", "linear")
    parameters = np.array([0.0, value], "f4")
    assert (UnitGrid(model, size=2).units(parameters) == byte).all()


def test_what_was_returned_is_not_written_again():
    model = dense()
    grid = UnitGrid(model, size=10)
    first = grid.units(flat(model))
    kept = first.copy()
    grid.units(np.zeros(len(flat(model)), "f4"))
    grid.features(["x", "y"])
    assert np.array_equal(first, kept)
    assert np.array_equal(grid.units(flat(model)), kept)


def test_it_touches_neither_weights_nor_parameters_nor_random_state():
    model = dense()
    before, state = flat(model).copy(), torch.get_rng_state()
    parameters = np.ones(len(before), "f4")
    threads = torch.get_num_threads()
    UnitGrid(model).units(parameters)
    assert np.array_equal(flat(model), before)
    assert (parameters == 1).all()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_bad_input_gets_a_sentence():
    with pytest.raises(InputError, match="This network has 25 parameters; got 3"):
        UnitGrid(dense()).units(np.zeros(3, "f4"))
    with pytest.raises(InputError, match="another network"):
        UnitGrid(nn.Linear(2, 1))
