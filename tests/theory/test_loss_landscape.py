"""Losses on planes through weights, against the plain way: copy the weights in, run the model."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.theory import slices
from dl_lab.theory.loss_landscape import (
    Cut,
    Landscape,
    barrier,
    joining_cut,
    random_cut,
    run_cut,
)
from dl_lab.theory.slices import Network, filter_normalised, loss_surface, principal


class Tied(nn.Module):
    """One matrix, used twice, and a normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.again = nn.Linear(6, 6)
        self.again.weight = self.first.weight
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout()

    def forward(self, x):
        return self.drop(self.again(self.norm(self.first(x)).relu()))


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4)
    )


def cases():
    torch.manual_seed(0)
    dense = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 6))
    rows, images = torch.randn(40, 6), torch.randn(40, 1, 8, 8)
    mse, cross = nn.functional.mse_loss, nn.CrossEntropyLoss()
    return {
        "dense": (dense, mse, (rows, rows.flip(1))),
        "tied": (Tied(), mse, (rows, rows.flip(1))),
        "convolutional": (convolutional(), cross, (images, torch.randint(0, 4, (40,)))),
    }


def plainly(model, loss, data, cut, place):
    """Measure in the plain way."""
    moved = copy.deepcopy(model).eval()
    flat = cut.origin + sum(one * d for one, d in zip(place, cut.directions, strict=True))
    with torch.no_grad():
        nn.utils.vector_to_parameters(flat, moved.parameters())
        return float(loss(moved(data[0]), data[1]))


@pytest.mark.parametrize("name", ["dense", "tied", "convolutional"])
@pytest.mark.parametrize("line", [False, True])
def test_each_point_is_the_loss_of_the_network_with_those_weights(name, line):
    model, loss, data = cases()[name]
    before = copy.deepcopy(model.state_dict())
    flags = [one.training for one in model.modules()]
    cut = random_cut(Network(model, loss, data), line=line)
    landscape = Landscape(Network(model, loss, data, rows=64), cut, 9)
    landscape.advance()
    x = torch.linspace(*cut.x, 9)
    for row in range(1 if line else 9):
        for column in range(9):
            place = [x[column]] if line else [x[column], x[row]]
            there = plainly(model, loss, data, cut, place)
            assert float(landscape.values[row, column]) == pytest.approx(there, rel=1e-4)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    assert [one.training for one in model.modules()] == flags


def test_looking_leaves_all_random_numbers_as_they_are():
    model, loss, data = cases()["tied"]
    before = torch.get_rng_state()
    Landscape(Network(model, loss, data), random_cut(Network(model, loss, data)), 9).advance()
    loss_surface(model, loss, data)
    assert torch.equal(torch.get_rng_state(), before)


def test_directions_are_normalised_by_filter():
    model, loss, data = cases()["convolutional"]
    network = Network(model, loss, data)
    first, second = filter_normalised(network, seed=3)
    assert not torch.equal(first, second)
    for name, direction in network.weights(first).items():
        weight = dict(model.named_parameters())[name]
        if weight.ndim == 1:
            assert not direction.any()
            continue
        for of_direction, of_weight in zip(direction, weight, strict=True):
            assert of_direction.norm().item() == pytest.approx(of_weight.norm().item(), rel=1e-4)
    assert torch.equal(first, filter_normalised(network, seed=3)[0])


def test_it_goes_from_coarse_to_fine_and_measures_each_point_once(monkeypatch):
    model, loss, data = cases()["convolutional"]
    network = Network(model, loss, data)
    landscape = Landscape(network, random_cut(network), finest=17)
    calls = []
    measured = network.losses
    monkeypatch.setattr(
        network, "losses", lambda places, _: calls.append(1) or measured(places, -1.0)
    )
    monkeypatch.setattr(network, "_vmapped", False)
    sides, coarse = set(), None
    while not landscape.finished:
        landscape.advance(until=-1.0)
        sides.add(landscape.side)
        shown = landscape.shown()
        if landscape.side == 5 and len(calls) == 25:
            coarse = shown.clone()
    assert sides == {5, 9, 17}
    assert len(calls) == 17 * 17
    assert torch.equal(landscape.values[::4, ::4], coarse)
    assert bool(landscape.shown().isfinite().all())


def test_what_is_called_off_ends_before_its_next_batch():
    model, loss, data = cases()["dense"]
    network = Network(model, loss, data)
    network.called_off = True
    assert network.losses([network.here]) == []


def test_several_batches_give_the_mean_of_all_rows():
    model, loss, data = cases()["dense"]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*data), batch_size=7)
    many, one = Network(model, loss, loader, rows=33), Network(model, loss, data, rows=33)
    assert (many.rows, len(many.batches)) == (33, 5)
    assert many.losses([many.here]) == pytest.approx(one.losses([one.here]), rel=1e-5)


def test_the_runs_plane_is_that_of_numpys_principal_components():
    torch.manual_seed(0)
    path = [torch.randn(50) * torch.linspace(2, 0.1, 50) + t for t in range(12)]
    directions, coordinates, shares = principal(path)
    apart = (torch.stack(path) - path[-1]).double()
    values = torch.linalg.svdvals(apart)
    assert shares.double() == pytest.approx((values[:2] ** 2 / (values**2).sum()), rel=1e-5)
    assert directions @ directions.T == pytest.approx(torch.eye(2), abs=1e-5)
    assert coordinates == pytest.approx((apart @ directions.T.double()).float(), abs=1e-3)
    cut = run_cut(_network(50), path)
    for place, expected in zip(cut.places(path), coordinates, strict=True):
        assert place == pytest.approx(tuple(expected.tolist()), abs=1e-3)
    assert cut.marks["begin"] == pytest.approx(tuple(coordinates[0].tolist()), abs=1e-5)


def _network(count):
    layer = nn.Linear(count, 1, bias=False)
    return Network(layer, nn.functional.mse_loss, (torch.ones(2, count), torch.ones(2, 1)))


def test_a_trainers_way_is_recorded_and_drawn():
    model, loss, data = cases()["dense"]
    path = dl_lab.callbacks.WeightPath(every=2)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = dl_lab.Trainer(model, loss, sgd, data, callbacks=[path], batch_size=8, device="cpu")
    trainer.fit(4)
    assert path.steps == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    flat = torch.nn.utils.parameters_to_vector(model.parameters())
    assert torch.equal(path.weights[-1], flat)
    trainer.rewind(10)
    assert path.steps == [0, 2, 4, 6, 8, 10]
    trainer.reset()
    assert path.steps == [0]
    short = dl_lab.callbacks.WeightPath(every=1, most=8)
    again = dl_lab.Trainer(model, loss, sgd, data, callbacks=[short], batch_size=8, device="cpu")
    again.fit(8)
    assert len(short.steps) <= 8
    assert (short.steps[0], short.steps[-1]) == (0, 40)
    trainer.close()
    again.close()


def test_two_minima_are_joined():
    model, loss, data = cases()["dense"]
    other = copy.deepcopy(model)
    nn.init.normal_(other[0].weight)
    network = Network(model, loss, data)
    flat = network.flat(dict(other.named_parameters()))
    for line in (True, False):
        cut = joining_cut(network, flat, line=line)
        places = [[0.0], [1.0], [0.25]] if line else [[0.0, 0.0], [1.0, 0.0], [0.25, 0.5]]
        found = network.plane_losses(cut.origin, cut.directions, torch.tensor(places))
        assert found[0] == pytest.approx(float(loss(model(data[0]), data[1])), rel=1e-5)
        assert found[1] == pytest.approx(float(loss(other(data[0]), data[1])), rel=1e-4)
        if not line:
            first, second = cut.directions
            assert abs(float(first @ second)) < 1e-3 * float(first @ first)
    with pytest.raises(InputError, match="Both minima are the same weights"):
        joining_cut(network, network.here)


def test_a_barrier_is_how_far_the_loss_rises_above_the_line():
    x = torch.linspace(-0.5, 1.5, 41)
    values = 1 + 2 * x + 3 * torch.sin(math.pi * x.clamp(0, 1))
    assert barrier(values, (-0.5, 1.5)) == pytest.approx(3, abs=0.01)
    assert barrier(torch.full((5,), math.nan), (-0.5, 1.5)) is None


def test_places_beside_the_plane_are_told_by_their_foot():
    cut = Cut(torch.tensor([1.0, 0, 0]), torch.tensor([[1.0, 1, 0], [0, 1, 0]]), (0, 1), (0, 1))
    assert cut.places([torch.tensor([3.0, 5.0, 7.0])]) == [pytest.approx((2.0, 3.0))]


def test_what_cannot_be_shown_gets_a_sentence(monkeypatch):
    model, loss, data = cases()["dense"]
    monkeypatch.setattr(slices, "MOST_PARAMETERS", 70)
    with pytest.raises(InputError, match="has 71 weights, and a landscape takes up to 70"):
        Network(model, loss, data)
    monkeypatch.undo()
    for given, sentence in (
        ((nn.ReLU(), loss, data), "has no parameters"),
        ((model, loss, (data[0][:, :3], data[1])), "Linear"),
        ((model, None, data), "loss must be a function"),
        ((model, loss, 3), "data"),
        ((nn.Linear, loss, data), "is a class"),
    ):
        with pytest.raises(InputError, match=sentence):
            Network(*given)

    class Stubborn(nn.Linear):
        def __deepcopy__(self, memo: object) -> object:
            raise RuntimeError("not me")

    with pytest.raises(InputError, match=r"Stubborn cannot be copied.*not me"):
        Network(Stubborn(6, 6), loss, data)
    with pytest.raises(InputError, match="has not moved yet"):
        run_cut(_network(3), [torch.zeros(3), torch.zeros(3)])


def test_optimizers_can_race_on_a_plane_through_a_network():
    model, loss, data = cases()["dense"]
    surface = loss_surface(model, loss, data, seed=1)
    network = Network(model, loss, data)
    directions = filter_normalised(network, 1)
    point = torch.tensor([0.3, -0.2])
    cut = Cut(network.here, directions, (-1, 1), (-1, 1))
    assert float(surface.function(point)) == pytest.approx(
        plainly(model, loss, data, cut, point.tolist()), rel=1e-4
    )
    p = point.clone().requires_grad_()
    surface.function(p).backward()
    for i in range(2):
        step = torch.zeros(2)
        step[i] = 1e-2
        slope = (surface.function(point + step) - surface.function(point - step)) / 2e-2
        assert float(p.grad[i]) == pytest.approx(float(slope), rel=0.02, abs=1e-3)
    part = torch.tensor([3, 5])
    few = plainly(model, loss, (data[0][part], data[1][part]), cut, point.tolist())
    assert float(surface.on_rows(point, part)) == pytest.approx(few, rel=1e-4)
