"""The step and the operation in which a run stopped being finite, against a plain loop."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.callbacks import StopOnNaN
from dl_lab.train.not_finite import first_not_finite
from dl_lab.train.trainer import Trainer

ROWS = 60


class Net(nn.Module):
    """Two layers, dropout, and a function of a person's own at the end."""

    def __init__(self, end=lambda x: x) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 8), nn.Linear(8, 1)
        self.drop = nn.Dropout(0.2)
        self.end = end

    def forward(self, x):
        return self.end(self.last(self.drop(torch.tanh(self.first(x)))))


def trainer_of(model, lr=0.05, callbacks=()):
    torch.manual_seed(0)
    x = torch.randn(ROWS, 3)
    data = x, x.sum(1, keepdim=True)
    sgd = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return Trainer(
        model, nn.MSELoss(), sgd, data, batch_size=6, seed=1, device="cpu", callbacks=callbacks
    )


def run_into_it(trainer, epochs):
    with pytest.raises(InputError):
        trainer.fit(epochs)


def losses_until_bad(trainer):
    """Return the number of the first step whose loss is not finite, as the History has it."""
    series = trainer.history["train_loss"]
    bad = [int(s) for s, v in zip(series.steps, series.values, strict=True) if not math.isfinite(v)]
    return bad[0]


def test_a_run_that_diverges_by_its_learning_rate():
    torch.manual_seed(2)
    model = Net(lambda x: x**3)
    trainer = trainer_of(model, lr=2.0)
    run_into_it(trainer, 20)
    state = copy.deepcopy(trainer.state_dict())
    weights = copy.deepcopy(model.state_dict())
    found = first_not_finite(trainer)
    # The loss that is not finite belongs to that step, or the weights were so before it.
    assert found.step in {losses_until_bad(trainer), losses_until_bad(trainer) - 1}
    assert found.where in {"forward", "loss", "backward", "update"}
    assert str(found.step) in str(found.sentence)
    assert all(torch.equal(one, weights[name]) for name, one in model.state_dict().items())
    assert trainer.state_dict()["history"].keys() == state["history"].keys()


class Length(nn.Module):
    """A root, whose slope is infinite where a row is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Linear(3, 3, bias=False)

    def forward(self, x):
        return self.turn(x).square().sum(1, keepdim=True).sqrt()


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_gradient_that_only_one_row_spoils(epochs):
    torch.manual_seed(5)
    trainer = trainer_of(Length())
    if epochs:
        trainer.fit(epochs)
    x, y = (one.clone() for one in trainer.train)
    x[17] = 0
    trainer.set_data((x, y))
    before = trainer.steps
    run_into_it(trainer, 1)
    found = first_not_finite(trainer)
    assert (found.where, found.operation.name) == ("backward", "sqrt")
    assert found.operation.line.text.startswith("return self.turn(x)")
    # Its own batch has the row, and the next step's loss is the first that is not finite.
    given = found.heard.values[0].values
    assert bool((given == 0).all(dim=1).any())
    assert before < found.step <= before + ROWS // 6
    assert found.step == before + ROWS // 6 or losses_until_bad(trainer) == found.step + 1


def test_a_rate_that_was_turned_up_on_the_way():
    torch.manual_seed(2)
    model = Net(lambda x: x**3)
    trainer = trainer_of(model, lr=0.001)
    trainer.fit(1)
    trainer.step(3)
    trainer.learning_rate = 50.0
    run_into_it(trainer, 5)
    found = first_not_finite(trainer)
    assert found is not None
    assert found.step > 13
    assert found.step in {losses_until_bad(trainer), losses_until_bad(trainer) - 1}


def test_without_a_pause_at_nan_the_first_step_is_found_all_the_same():
    torch.manual_seed(2)
    model = Net(lambda x: x**3)
    trainer = trainer_of(model, lr=2.0, callbacks=[StopOnNaN(enabled=False)])
    trainer.fit(12)
    bad = losses_until_bad(trainer)
    found = first_not_finite(trainer)
    assert found.step in {bad, bad - 1}


def test_a_run_that_is_well_has_none():
    torch.manual_seed(2)
    trainer = trainer_of(Net())
    trainer.fit(2)
    assert first_not_finite(trainer) is None


def test_a_loss_of_what_is_finite():
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(3, 1))
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    data = torch.randn(12, 3), torch.randn(12, 1)

    def loss(outputs, targets):
        return ((outputs - targets) * 0).log().mean()

    trainer = Trainer(model, loss, sgd, data, batch_size=6, seed=1, device="cpu")
    run_into_it(trainer, 1)
    found = first_not_finite(trainer)
    assert (found.step, found.where) == (1, "loss")
    assert found.operation.name == "linear"


def test_an_update_beyond_all_numbers():
    torch.manual_seed(2)
    model = nn.Linear(3, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=1e38)
    data = 10 * torch.ones(6, 3), 100 * torch.ones(6, 1)
    trainer = Trainer(model, nn.MSELoss(), sgd, data, batch_size=6, seed=1, device="cpu")
    run_into_it(trainer, 3)
    found = first_not_finite(trainer)
    assert (found.step, found.where, found.operation.kind) == (1, "update", "parameter")


def test_a_step_of_ones_own_has_no_loss_to_follow():
    model = nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(batch):
        return model(batch).sum()

    trainer = Trainer.of(step, model, sgd, torch.rand(4, 2), device="cpu")
    with pytest.raises(InputError, match="step"):
        first_not_finite(trainer)
