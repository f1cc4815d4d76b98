from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.gradient_norms import GradientNorms
from dl_lab.train.trainer import Trainer
from tests.train.callbacks.problem import LOSS, TRAIN, plain_loop, same_weights, trainer


class Own(Callback):
    """torch's own function on the gradients of the two layers and of all."""

    def __init__(self) -> None:
        self.norms = []

    def on_gradients(self, trainer):
        layers = [list(trainer.model[index].parameters()) for index in (0, 2)]
        parts = [*layers, [*trainer.model.parameters()]]
        self.norms.append(
            [torch.nn.utils.get_total_norm([p.grad for p in part]).item() for part in parts]
        )


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_they_are_torchs_norms_before_clipping(every, clip):
    own = Own()
    run = trainer(GradientNorms(every, layers=True), own, clip_norm=clip)
    run.fit(4)
    names = ("gradient_norm/0", "gradient_norm/2", "gradient_norm")
    for name, norms in zip(names, np.array(own.norms).T, strict=True):
        series = run.history[name]
        assert series.steps.tolist() == list(range(every, 13, every))
        assert np.array_equal(series.values, norms[every - 1 :: every])


def test_they_are_the_norms_of_a_plain_loop_and_change_nothing():
    plain = plain_loop(4)
    run = trainer(GradientNorms(1))
    run.fit(4)
    assert run.history["gradient_norm"].values == pytest.approx(plain.norms, rel=1e-5)
    assert same_weights(run.model, plain.weights[-1])
    assert not [name for name in run.history if name.startswith("gradient_norm/")]


def test_a_frozen_layer_has_no_norm():
    run = trainer(GradientNorms(1, layers=True))
    run.model[0].requires_grad_(False)
    run.fit(1)
    assert "gradient_norm/0" not in run.history
    total = run.history["gradient_norm"].values
    assert np.array_equal(total, run.history["gradient_norm/2"].values)


def test_a_trunk_that_the_optimizer_does_not_have_neither_counts_nor_piles_up():
    run = trainer(GradientNorms(1, layers=True), make=head_alone)
    run.fit(2)
    assert "gradient_norm/0" not in run.history
    norms = run.history["gradient_norm"].values
    assert np.array_equal(norms, run.history["gradient_norm/2"].values)
    # The same three batches and weights twice.
    assert norms[:3] == pytest.approx(norms[3:])
    expected = torch.autograd.grad(LOSS(run.model(TRAIN[2][0]), TRAIN[2][1]), run.model[0].weight)
    assert torch.allclose(run.model[0].weight.grad, expected[0], atol=1e-6)


def head_alone(model):
    return torch.optim.SGD(model[2].parameters(), lr=0.0)


class Weighed(nn.Module):
    """A loss with a weight of its own, which nobody trains."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, outputs, targets):
        return self.weight * (outputs - targets).square().mean()


def test_gradients_of_the_loss_do_not_pile_up_either():
    model, loss = nn.Linear(6, 1), Weighed()
    run = Trainer(model, loss, torch.optim.SGD(model.parameters(), lr=0.0), TRAIN, device="cpu")
    run.fit(2)
    value = loss(model(TRAIN[2][0]), TRAIN[2][1])
    assert loss.weight.grad.item() == pytest.approx(value.item() / 2)


@pytest.mark.parametrize("settings", [{}, {"clip_norm": 0.1}, {"clip_norm": 0.1, "accumulate": 2}])
def test_sparse_gradients_are_those_of_a_dense_layer(settings, tmp_path):
    words = torch.tensor([[1, 1, 2], [2, 5, 1], [1, 1, 1], [0, 5, 5]])
    targets = torch.randn(4, 1)
    runs = []
    for sparse in (True, False):
        torch.manual_seed(0)
        layers = nn.Embedding(9, 2, sparse=sparse), nn.Flatten(), nn.Linear(6, 1)
        model = nn.Sequential(*layers)
        sgd = torch.optim.SGD(model.parameters(), lr=0.5)
        run = Trainer(
            model, LOSS, sgd, [(words[:2], targets[:2]), (words[1:], targets[1:])], device="cpu",
            callbacks=[GradientNorms(1, layers=True)], logdir=tmp_path / str(sparse), **settings,
        )  # fmt: skip
        run.fit(3)
        runs.append(run)
    for name in ("gradient_norm", "gradient_norm/0", "gradient_norm/2"):
        ours, dense = (run.history[name].values for run in runs)
        assert ours == pytest.approx(dense, rel=1e-5)
    assert torch.allclose(runs[0].model[0].weight, runs[1].model[0].weight, atol=1e-6)


class Wrapped(nn.Module):
    """Has parameters of its own beside a layer called model."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Linear(6, 1)
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.model(x) + self.shift


def test_a_layer_called_model_has_a_series_of_its_own():
    model = Wrapped()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    run = Trainer(model, LOSS, sgd, TRAIN, callbacks=[GradientNorms(1, layers=True)], device="cpu")
    run.fit(1)
    own, layer = run.history["gradient_norm/(model)"], run.history["gradient_norm/model"]
    assert own.last == pytest.approx(model.shift.grad.norm().item())
    grads = [one.grad for one in model.model.parameters()]
    assert layer.last == pytest.approx(torch.nn.utils.get_total_norm(grads).item())


@pytest.mark.parametrize("settings", [{"every": 0}, {"every": 1.5}, {"layers": 1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        GradientNorms(**settings)
