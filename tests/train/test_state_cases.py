"""What training changes beside weights: each kind, put back by everything that goes back."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, WeightedRandomSampler
from torch.utils.data.distributed import DistributedSampler

import dl_lab
from dl_lab.errors import InputError
from dl_lab.kept.draws import may_draw_from
from dl_lab.probe.capture import capture
from dl_lab.train.callbacks import Callback
from dl_lab.train.range_test import range_test
from dl_lab.train.trainer import Trainer

X = torch.linspace(-1, 1, 32).reshape(8, 4)
Y = X.sum(1, keepdim=True)


def run(model=None, loss=None, data=(X, Y), *, more=(), **settings: object):
    torch.manual_seed(0)
    model = model or nn.Linear(4, 1)
    sgd = torch.optim.SGD([*model.parameters(), *more], lr=0.1)
    return Trainer(
        model, loss or nn.MSELoss(), sgd, data, seed=1, batch_size=4, device="cpu", **settings
    )


class Task(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(()))

    def forward(self, outputs, targets):
        return (outputs - targets).square().mean() * (-self.log_var).exp() + self.log_var


def test_a_learnt_weight_of_the_loss_goes_back_with_the_model(tmp_path):
    task = Task()
    trainer = run(loss=task, more=task.parameters())
    range_test(trainer, steps=20, training_steps=20)
    assert task.log_var.item() == 0
    trainer.fit(1)
    value = task.log_var.item()
    trainer.save(tmp_path / "a.pt")
    trainer.fit(1)
    trainer.rewind(2)
    assert task.log_var.item() == value
    trainer.reset()
    assert task.log_var.item() == 0
    other = Task()
    again = Trainer.load(tmp_path / "a.pt", nn.Linear(4, 1), other, train=(X, Y), device="cpu")
    assert other.log_var.item() == value
    assert again.optimizer.param_groups[0]["params"][-1] is other.log_var


def test_parameters_that_only_the_optimizer_and_a_function_know_go_back():
    scale = nn.Parameter(torch.ones(()))
    trainer = run(loss=lambda outputs, targets: (outputs * scale - targets).square().mean(),
                  more=[scale])  # fmt: skip
    trainer.fit(1)
    assert scale.item() != 1
    trainer.reset()
    assert scale.item() == 1


class Buffers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("nothing", None)
        self.register_buffer("grows", torch.zeros(0))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        self.nothing = x.mean()
        self.grows = torch.cat([self.grows, x[:1, 0]])
        return self.layer(x - self.mean)


def test_buffers_assigned_anew_go_back_and_into_a_file(tmp_path):
    model = Buffers()
    trainer = run(model)
    trainer.fit(1)
    kept = [model.mean.clone(), model.nothing.clone(), model.grows.clone()]
    trainer.save(tmp_path / "a.pt")
    assert sorted(trainer.weights_at(2)) == sorted(trainer.state_dict()["model"]["state"])
    trainer.fit(1)
    trainer.rewind(2)
    assert all(map(torch.equal, [model.mean, model.nothing, model.grows], kept))
    trainer.reset()
    assert (model.mean.tolist(), model.nothing, len(model.grows)) == ([0] * 4, None, 0)
    other = Buffers()
    Trainer.load(tmp_path / "a.pt", other, train=(X, Y), device="cpu")
    assert all(map(torch.equal, [other.mean, other.nothing, other.grows], kept))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.calls = 0
        self.hidden = None

    def forward(self, x):
        self.calls += 1
        old = 0 if self.hidden is None else self.hidden
        self.hidden = (0.5 * old + x.mean()).detach()
        return self.layer(x) + self.hidden


def test_looking_and_measuring_leave_a_carried_state_alone():
    model = Recurrent()
    trainer = run(model, validation=(X, Y))
    assert (model.calls, model.hidden) == (0, None)
    trainer.step(1)
    before = model.calls, model.hidden.clone()
    capture(model, X, mode="train", gradients=True)
    trainer.evaluate()
    assert model.calls == before[0] == 1
    assert torch.equal(model.hidden, before[1])


def test_a_scripted_module_goes_back_by_its_tensors():
    model = torch.jit.script(nn.Sequential(nn.Linear(4, 1), nn.BatchNorm1d(1)))
    trainer = run(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer.fit(2)
    trainer.reset()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("batches", [False, True])
def test_a_sampler_draws_the_same_again(batches):
    sampler = WeightedRandomSampler([1.0] * 8, 8, generator=torch.Generator().manual_seed(1))
    data = TensorDataset(X, Y)
    if batches:
        loader = DataLoader(data, batch_sampler=torch.utils.data.BatchSampler(sampler, 4, True))
    else:
        loader = DataLoader(data, 4, sampler=sampler)
    trainer = run(data=loader)
    trainer.fit(3)
    losses = trainer.history["train_loss"].values.tolist()
    trainer.reset()
    range_test(trainer, steps=20, training_steps=20)
    trainer.fit(3)
    assert trainer.history["train_loss"].values.tolist() == losses
    trainer.rewind(2)
    trainer.fit(2)
    assert trainer.history["train_loss"].values.tolist() == losses


def test_each_epoch_is_told_to_who_wants_to_know():
    told = []

    class Tells(DistributedSampler):
        def set_epoch(self, epoch):
            told.append(epoch)
            super().set_epoch(epoch)

    loader = DataLoader(TensorDataset(X, Y), 4, sampler=Tells(X, 1, 0))
    trainer = run(data=loader)
    trainer.fit(3)
    assert told == [0, 1, 2]
    trainer.rewind(4)
    trainer.fit(1)
    assert told == [0, 1, 2, 2]


class Augmented(Dataset):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index) -> object:
        noise = random.random() + np.random.rand()  # noqa: NPY002, S311  # what people write
        return X[index] + noise, Y[index]


def test_pythons_and_numpys_random_numbers_come_again_and_are_left_alone():
    mine = random.getstate(), np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    trainer = run(data=Augmented(), validation=Augmented())
    trainer.fit(2)
    losses = trainer.history["train_loss"].values.tolist()
    range_test(trainer, steps=20, training_steps=20)
    trainer.reset()
    trainer.fit(2)
    assert trainer.history["train_loss"].values.tolist() == losses
    after = random.getstate(), np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    assert after == mine


def test_groups_added_while_training_go_when_it_goes_back(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    sgd = torch.optim.SGD(model[1].parameters(), lr=0.1, momentum=0.9)

    class Thaws(Callback):
        def on_epoch_end(self, trainer):  # noqa: ARG002  # the hook's signature
            if len(sgd.param_groups) == 1:
                sgd.add_param_group({"params": [*model[0].parameters()], "lr": 0.01})

    def fits(trainer):
        trainer.fit(2)
        return trainer.history["train_loss"].values.tolist()

    trainer = Trainer(model, nn.MSELoss(), sgd, (X, Y), seed=1, batch_size=4, callbacks=Thaws())
    losses = fits(trainer)
    trainer.save(tmp_path / "a.pt")
    trainer.rewind(0)
    assert len(sgd.param_groups) == 1
    assert fits(trainer) == losses
    trainer.reset()
    assert len(sgd.param_groups) == 1
    assert fits(trainer) == losses
    other = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    again = Trainer.load(tmp_path / "a.pt", other, train=(X, Y))
    groups = again.optimizer.param_groups
    assert [group["lr"] for group in groups] == [0.1, 0.01]
    assert groups[1]["params"][0] is other[0].weight
    again.reset()
    assert len(again.optimizer.param_groups) == 1


def test_what_cannot_be_put_back_is_refused_before_anything_is_touched(tmp_path):
    class Endless(nn.Linear):
        def forward(self, x):
            if not hasattr(self, "noise"):
                self.noise = (0.1 * number for number in itertools.count())
            return super().forward(x) + next(self.noise)

    trainer = run(Endless(4, 1), logdir=tmp_path / "runs")
    trainer.step(2)
    before = trainer.model.weight.clone()
    for refused in (
        lambda: trainer.save(tmp_path / "a.pt"),
        lambda: range_test(trainer, steps=20),
        lambda: capture(trainer.model, X),
    ):
        with pytest.raises(InputError, match=r"model\.noise.* generator") as caught:
            refused()
        assert caught.value.key == "state_not_kept"
    assert torch.equal(trainer.model.weight, before)
    assert next(trainer.model.noise) == pytest.approx(0.2)
    trainer.reset()
    assert not hasattr(trainer.model, "noise")


def test_a_callback_that_fails_to_go_back_leaves_all_as_it_was():
    class Fails(Callback):
        broken = False

        def state_dict(self):
            return {"count": 1}

        def load_state_dict(self, state):  # noqa: ARG002  # as above
            if self.broken:
                self.broken = False
                raise KeyError("count")

    fails = Fails()
    trainer = run(callbacks=[fails])
    trainer.fit(2)
    before = trainer.model.weight.clone()
    state = trainer.state_dict()
    for go_back in (lambda: trainer.rewind(2), lambda: trainer.load_state_dict(state)):
        fails.broken = True
        with pytest.raises(InputError) as caught:
            go_back()
        assert caught.value.key == "state_failed"
        assert torch.equal(trainer.model.weight, before)
        assert (trainer.steps, trainer.checkpoints) == (4, (0, 2, 4))
        assert len(trainer.history["train_loss"]) == 4


def test_divergence_brings_back_what_a_model_and_a_loss_hold():
    class Diverges(Recurrent):
        def forward(self, x):
            answer = super().forward(x)
            return answer * float("nan") if self.calls == 4 else answer

    trainer = run(Diverges())
    trainer.fit(1)
    before = trainer.model.calls, trainer.model.hidden.clone()
    with pytest.raises(InputError, match="diverged"):
        trainer.fit(1)
    assert trainer.model.calls == before[0] == 2
    assert torch.equal(trainer.model.hidden, before[1])


def test_whose_code_may_draw_is_found():
    def draws_numpy(x):
        return x + np.random.rand()  # noqa: NPY002  # what people write

    def shapes(x):
        return x.reshape(np.prod(x.shape))

    assert may_draw_from(nn.Sequential(nn.Dropout()), nn.functional.mse_loss, shapes) == set()
    assert "numpy" in may_draw_from(draws_numpy)
    assert may_draw_from(Augmented()) == {"numpy", "python"}
    assert may_draw_from(DataLoader(Augmented(), num_workers=1)) == set()
    assert may_draw_from(random.shuffle) == {"python"}
    assert dl_lab.Trainer is Trainer


def test_a_file_or_a_log_that_a_model_holds_is_no_hindrance(tmp_path):
    class Logs(nn.Linear):
        def __init__(self) -> None:
            super().__init__(4, 1)
            self.file = (tmp_path / "log").open("w")
            self.done = (number for number in ())
            next(self.done, None)

        def forward(self, x):
            self.file.write("called\n")
            return super().forward(x)

    trainer = run(Logs())
    trainer.fit(2)
    trainer.save(tmp_path / "a.pt")
    trainer.rewind(2)
    model = Logs()
    Trainer.load(tmp_path / "a.pt", model, train=(X, Y), device="cpu")
    assert not model.file.closed
    for one in (trainer.model, model):
        one.file.close()
