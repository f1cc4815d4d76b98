from __future__ import annotations

import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.nets.dense import ACTIVATIONS, dense, draw_weights
from dl_lab.nets.features import FEATURES, PointFeatures


def test_the_features_are_what_their_names_say():
    points = torch.tensor([[0.5, -2.0], [3.0, 1.0]])
    x, y = points[:, 0], points[:, 1]
    expected = torch.stack([x, y, x**2, y**2, x * y, torch.sin(x), torch.sin(y)], dim=1)
    assert torch.equal(PointFeatures(FEATURES)(points), expected)
    assert torch.equal(PointFeatures(["sin_y", "x"])(points), expected[:, [6, 0]])


@pytest.mark.parametrize(
    ("names", "sentence"),
    [([], "Keep at least one of: x, y, x2"), (["z"], "Choose one of"), (["x", "x"], "twice")],
)
def test_features_refuse_with_a_sentence(names, sentence):
    with pytest.raises(InputError) as caught:
        PointFeatures(names)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (1,), (16,) * 8])
def test_it_maps_points_to_numbers(activation, hidden):
    model = dense(FEATURES, hidden, activation)
    assert model(torch.randn(5, 2)).shape == (5,)
    linear = [module for module in model if isinstance(module, nn.Linear)]
    assert [module.out_features for module in linear] == [*hidden, 1]
    inner = [type(module) for module in model if type(module) in ACTIVATIONS.values()]
    assert inner == [ACTIVATIONS[activation]] * len(hidden) + [nn.Tanh]


def test_a_linear_output_goes_beyond_one():
    model = dense(hidden=(), output="linear")
    assert model(torch.full((1, 2), 1e3)).abs() > 1


def test_weights_are_drawn_as_in_the_original_and_from_the_generator_alone():
    before = torch.get_rng_state()
    model = dense(FEATURES, (16,) * 8, generator=torch.Generator().manual_seed(1))
    again = dense(FEATURES, (16,) * 8, generator=torch.Generator().manual_seed(1))
    other = dense(FEATURES, (16,) * 8)
    assert torch.equal(torch.get_rng_state(), before)
    weights = torch.cat([p.flatten() for p in model.parameters() if p.dim() == 2])
    assert -0.5 <= weights.min() < -0.49
    assert 0.49 < weights.max() <= 0.5
    assert abs(weights.mean()) < 0.03
    assert all((p == torch.tensor(0.1)).all() for p in model.parameters() if p.dim() == 1)
    pairs = list(zip(model.parameters(), again.parameters(), strict=True))
    assert all(torch.equal(one, two) for one, two in pairs)
    assert not torch.equal(model[1].weight, other[1].weight)


def test_new_weights_keep_the_parameters_themselves():
    model = dense()
    parameters = list(model.parameters())
    before = model[1].weight.clone()
    draw_weights(model, torch.Generator().manual_seed(5))
    assert all(one is two for one, two in zip(model.parameters(), parameters, strict=True))
    assert not torch.equal(model[1].weight, before)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden": (4, 17)}, "hidden must be a whole number between 1 and 16; got 17."),
        ({"hidden": (0,)}, "got 0."),
        ({"hidden": (2,) * 9}, "hidden can have at most 8 entries; got 9."),
        ({"activation": "tan"}, "did you mean tanh?"),
        ({"output": "relu"}, "Choose one of: tanh, linear."),
    ],
)
def test_bad_input_gets_a_sentence(settings, sentence):
    with pytest.raises(InputError) as caught:
        dense(**settings)
    assert sentence in str(caught.value)
