"""Models and losses that differentiate within are measured, too: no trace is left of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.steps.evaluate import evaluate, measure
from tests.probe.given import Of, PhysicsInformed

POINTS = torch.rand(12, 2, generator=torch.Generator().manual_seed(1))
GRAPHS: list[bool] = []  # what a loss notes in a list of its own is put back


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        yield


@pytest.mark.parametrize("requires", [True, False])
def test_a_physics_informed_network_is_validated_as_by_hand(requires):
    model, zeros = PhysicsInformed(requires=requires), torch.zeros(12, 1)
    points = POINTS.clone() if requires else POINTS.clone().requires_grad_()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    trainer = dl_lab.Trainer(
        model, mse_loss, optimizer, (points, zeros), validation=(points, zeros), batch_size=12
    )
    trainer.fit(3)
    own = points.detach().clone().requires_grad_()
    expected = mse_loss(model(own), zeros).item()
    assert trainer.history["validation_loss"].values[-1] == pytest.approx(expected, rel=1e-6)


def test_a_loss_that_differentiates_is_measured():
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def penalized(outputs: Tensor, targets: Tensor) -> Tensor:
        (slope,) = torch.autograd.grad(outputs.sum(), model[0].weight, create_graph=True)
        return mse_loss(outputs, targets) + slope.square().mean()

    found = evaluate(model, penalized, (POINTS, torch.zeros(12, 1)))
    assert found == pytest.approx(penalized(model(POINTS), torch.zeros(12, 1)).item(), rel=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_backward_within_stays_out_of_the_gradients():
    def energy(self, x):
        x = x.detach().requires_grad_()
        self.layer(x).sum().backward()
        return x.grad

    model = Of(energy, layer=nn.Linear(2, 1))
    model.layer.weight.grad = torch.full((1, 2), 3.0)
    assert evaluate(model, mse_loss, (POINTS, model.layer.weight.detach().expand(12, 2))) == 0
    assert model.layer.weight.grad.tolist() == [[3.0, 3.0]]
    assert model.layer.bias.grad is None


def test_all_else_is_measured_without_autograd():
    GRAPHS.clear()
    model = Of(lambda self, x: self.layer(x), layer=nn.Linear(2, 1))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        GRAPHS.append(outputs.requires_grad)
        return mse_loss(outputs, targets)

    evaluate(model, loss, (POINTS, torch.zeros(12, 1)))
    assert GRAPHS == [False]


def test_what_no_gradient_helps_is_said():
    model = Of(
        lambda self, x: torch.autograd.grad(self.layer.bias.detach().sum(), x),
        layer=nn.Linear(2, 1),
    )
    with pytest.raises(InputError, match="does not require grad"):
        evaluate(model, mse_loss, (POINTS, torch.zeros(12, 1)))


def test_a_metric_that_differentiates_is_measured_and_one_that_fails_is_noted():
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))

    def slope(outputs: Tensor, _: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(outputs.sum(), model[0].weight)
        return found.square().mean()

    def never(outputs: Tensor, _: Tensor) -> Tensor:
        return torch.autograd.grad(torch.zeros(()), outputs)[0]

    data, notes = (POINTS, torch.zeros(12, 1)), []
    measures = {"loss": mse_loss, "slope": slope, "never": never}
    found = measure(model, measures, data, note=lambda _, name: notes.append(name))
    assert found["slope"] == pytest.approx(slope(model(POINTS), POINTS).item(), rel=1e-6)
    assert notes == ["never"]
