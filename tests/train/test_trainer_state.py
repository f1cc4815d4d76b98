"""Going back and going on: exactly where it stood, also in the middle of an epoch."""

from __future__ import annotations

import copy
import io
import multiprocessing

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from dl_lab.errors import InputError
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.callbacks import Callback, EarlyStopping, LRSchedule
from dl_lab.train.trainer import Trainer

INPUTS, TARGETS = torch.randn(50, 6), torch.randint(3, (50,))


def network():
    return nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3)
    )


class Noisy(Dataset):
    """Draws at each item, between the draws of dropout."""

    def __len__(self) -> int:
        return 50

    def __getitem__(self, index) -> object:
        return INPUTS[index] + 0.1 * torch.randn(6), TARGETS[index]


LOADERS = {
    "tensors": lambda: (INPUTS, TARGETS),
    "loader": lambda: DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=8, shuffle=True),
    "own generator": lambda: DataLoader(
        TensorDataset(INPUTS, TARGETS), 8, shuffle=True, generator=torch.Generator().manual_seed(4)
    ),
    "noisy": lambda: DataLoader(Noisy(), batch_size=8, shuffle=True),
    "workers": lambda: DataLoader(Noisy(), batch_size=8, shuffle=True, num_workers=1),
    "batches": lambda: Batches(INPUTS, TARGETS, 8, shuffle=True),
    "list": lambda: list(zip(INPUTS.split(8), TARGETS.split(8), strict=True)),
}


def trainer_on(loader="tensors", *, optimizer=torch.optim.Adam, **settings: object):
    torch.manual_seed(0)
    model = network()
    return Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer(model.parameters(), lr=0.01),
        LOADERS.get(loader, loader)(),
        (INPUTS, TARGETS),
        **{
            "seed": 3,
            "batch_size": 8,
            "device": "cpu",
            "callbacks": [LRSchedule(lambda one: torch.optim.lr_scheduler.StepLR(one, 2, 0.5))],
            **settings,
        },
    )


def left(trainer):
    """All that a run leaves but the times."""
    state = trainer.optimizer.state_dict()
    tensors = [*trainer.model.parameters(), *trainer.model.buffers()]
    tensors += [item for entry in state["state"].values() for item in entry.values()]
    series = {name: trainer.history[name] for name in trainer.history}
    return [
        [tensor.detach().clone() for tensor in tensors],
        {
            name: (one.steps.tolist(), np.asarray(one.values).tolist())
            for name, one in series.items()
        },
        trainer.history.epochs.tolist(),
        [group["lr"] for group in state["param_groups"]],
        (trainer.epoch, trainer.steps),
    ]


def assert_same(one, other):
    assert len(one[0]) == len(other[0])
    assert all(map(torch.equal, one[0], other[0]))
    assert one[1:] == other[1:]


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("steps", [0, 3, 6, 7, 10])
def test_a_state_goes_on_exactly_where_it_stood(loader, steps):
    whole, first, second = (trainer_on(loader) for _ in range(3))
    whole.step(20)
    if steps:
        first.step(steps)
    state = through_a_file(first.state_dict())
    first.step(2)
    with torch.no_grad():
        second.model[0].weight.fill_(5)
    second.step(1)
    second.load_state_dict(state)
    assert (second.state, second.steps) == ("paused", steps)
    second.step(20 - steps)
    assert_same(left(second), left(whole))


@pytest.mark.parametrize("loader", ["tensors", "noisy"])
def test_a_state_from_every_hook_goes_on_exactly(loader):
    class Save(Callback):
        order = 5
        states = ()

        def keep(self, trainer):
            self.states = (*self.states, trainer.state_dict())

        on_step_begin = on_step_end = on_epoch_begin = on_epoch_end = keep

    save = Save()
    first = trainer_on(loader)
    saving = trainer_on(loader, callbacks=[*trainer_on(loader).callbacks, save])
    first.step(16)
    saving.step(16)
    assert len(save.states) == 16 * 2 + 3 + 2
    for state in save.states[::3]:
        again = trainer_on(loader)
        again.load_state_dict(through_a_file(state))
        if again.steps < 16:
            again.step(16 - again.steps)
        assert_same(left(again), left(first))


def test_accumulated_groups_go_on_exactly():
    whole, first, second = (trainer_on(accumulate=3) for _ in range(3))
    whole.step(8)
    first.step(4)
    second.load_state_dict(first.state_dict())
    second.step(4)
    assert_same(left(second), left(whole))


def test_a_saved_run_is_made_anew_from_its_file(tmp_path):
    whole, first = trainer_on(callbacks=[]), trainer_on(callbacks=[])
    whole.fit(3)
    first.start(3)
    first.pause()
    first.step(2)
    first.save(tmp_path / "run.pt")
    again = Trainer.load(
        tmp_path / "run.pt",
        network(),
        train=(INPUTS, TARGETS),
        validation=(INPUTS, TARGETS),
        device="cpu",
    )
    assert type(again.optimizer) is torch.optim.Adam
    again.fit(3 - again.epoch)
    assert_same(left(again), left(whole))


def test_a_loaded_run_asks_for_its_data_and_finds_its_place_in_them(tmp_path):
    whole, first = trainer_on(callbacks=[]), trainer_on(callbacks=[])
    whole.step(9)
    first.step(4)
    first.save(tmp_path / "run.pt")
    again = Trainer.load(tmp_path / "run.pt", network(), device="cpu")
    with pytest.raises(InputError, match="set_data"):
        again.step()
    again.save(tmp_path / "again.pt")
    again = Trainer.load(tmp_path / "again.pt", network(), device="cpu")
    again.set_data((INPUTS, TARGETS), (INPUTS, TARGETS))
    again.step(5)
    assert_same(left(again), left(whole))


def test_a_state_of_something_else_gets_a_sentence_and_changes_nothing():
    trainer = trainer_on()
    trainer.step(3)
    before = left(trainer)
    state = trainer.state_dict()
    wide = copy.deepcopy(state)
    wide["model"]["state"]["0.weight"] = torch.zeros(9, 6)
    with pytest.raises(InputError, match=r"0\.weight is \[9, 6\] there and \[8, 6\] here"):
        trainer.load_state_dict(wide)
    less = copy.deepcopy(state)
    del less["model"]["state"]["4.bias"]
    with pytest.raises(InputError, match=r"4\.bias is missing there"):
        trainer.load_state_dict(less)
    with pytest.raises(InputError, match="optimizer Adam; this one is SGD"):
        trainer_on(optimizer=torch.optim.SGD).load_state_dict(state)
    assert_same(left(trainer), before)


def test_a_loss_or_an_optimizer_that_cannot_be_made_anew_is_asked_for(tmp_path):
    class Mine(torch.optim.SGD):
        pass

    model = network()
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)
    trainer = Trainer(model, loss, Mine(model.parameters(), lr=0.1), (INPUTS, TARGETS))
    trainer.save(tmp_path / "run.pt")
    with pytest.raises(InputError) as caught:
        Trainer.load(tmp_path / "run.pt", network())
    assert caught.value.key == "give_loss"
    with pytest.raises(InputError) as caught:
        Trainer.load(tmp_path / "run.pt", network(), loss)
    assert caught.value.key == "give_optimizer"


@pytest.mark.parametrize("loader", LOADERS)
def test_rewinding_brings_everything_back(loader):
    trainer, whole = trainer_on(loader, keep=5), trainer_on(loader)
    per_epoch = 6 if loader == "batches" else 7
    whole.fit(6)
    trainer.fit(6)
    assert trainer.checkpoints == tuple(per_epoch * epoch for epoch in (0, 2, 4, 6))
    end = left(trainer)
    assert_same(end, left(whole))
    for step in (4 * per_epoch, 2 * per_epoch, 0):
        trainer.rewind(step)
        assert (trainer.state, trainer.steps) == ("paused", step)
        assert trainer.checkpoints[-1] == step
        assert max(one.steps[-1] for one in map(trainer.history.series, trainer.history)) <= step
        trainer.fit(6 - trainer.epoch)
        assert_same(left(trainer), end)
    with pytest.raises(InputError, match="Go back to one of: 0, "):
        trainer.rewind(1)


def test_rewinding_while_it_runs_and_in_mid_epoch():
    trainer = trainer_on()
    trainer.fit(1)
    end = left(trainer)
    trainer.step(3)
    trainer.rewind(7)
    assert_same(left(trainer), end)
    trainer.start()
    trainer.rewind(7)
    assert trainer.state == "paused"
    assert_same(left(trainer), end)


def test_the_beginning_can_always_be_gone_back_to():
    trainer = trainer_on(keep=0)
    trainer.learning_rate = 0.02
    begin = left(trainer)
    trainer.fit(2)
    assert trainer.checkpoints == (0,)
    trainer.rewind(0)
    assert_same(left(trainer), begin)


def test_reset_gives_callbacks_their_first_state_too():
    stopping = EarlyStopping(patience=2, min_delta=10)
    trainer = trainer_on(callbacks=[stopping])
    trainer.fit(20)
    assert (trainer.state, trainer.epoch) == ("finished", 3)
    assert trainer.message.key == "stopped_early"
    end = left(trainer)
    trainer.reset()
    assert stopping.best is None
    assert trainer.message is None
    trainer.fit(20)
    assert_same(left(trainer), end)


@pytest.mark.parametrize("loader", [name for name in LOADERS if name != "workers"])
@pytest.mark.parametrize("steps", [0, 4, 7])
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
def test_a_trial_leaves_no_trace(loader, steps, optimizer):
    trainer, whole = (trainer_on(loader, optimizer=optimizer) for _ in range(2))
    whole.step(15)
    if steps:
        trainer.step(steps)
    before = left(trainer)
    gradients = [
        None if one.grad is None else one.grad.clone() for one in trainer.model.parameters()
    ]
    random, flags = torch.get_rng_state(), [one.training for one in trainer.model.modules()]
    with trainer.trial() as trial:
        assert trial.learning_rate == before[3][0]
        losses = []
        for factor in range(12):
            trial.learning_rate = 0.01 * 2**factor
            losses.append(trial.step())
        assert not torch.equal(trainer.model[0].weight, before[0][0])
    assert len(set(losses)) > 6
    assert_same(left(trainer), before)
    assert torch.equal(torch.get_rng_state(), random)
    assert flags == [one.training for one in trainer.model.modules()]
    for parameter, gradient in zip(trainer.model.parameters(), gradients, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        assert gradient is None or torch.equal(parameter.grad, gradient)
    assert trainer.state == ("paused" if steps else "idle")
    trainer.step(15 - steps)
    assert_same(left(trainer), left(whole))


def test_a_trial_returns_what_is_not_finite_and_needs_a_trainer_at_rest():
    model = nn.Linear(6, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    trainer = Trainer(model, nn.MSELoss(), sgd, (INPUTS, INPUTS[:, :1]), device="cpu")
    with trainer.trial() as trial:
        trial.learning_rate = 1e6
        losses = [trial.step() for _ in range(30)]
    assert not np.isfinite(losses).all()
    assert trainer.message is None
    trainer.start()
    with pytest.raises(InputError, match="Pause it first"), trainer.trial():
        pass
    trainer.pause()


def test_closing_ends_a_loaders_processes_and_keeps_the_place_in_the_data():
    others = set(multiprocessing.active_children())
    run = trainer_on("workers")
    run.step(2)
    workers = set(multiprocessing.active_children()) - others
    assert workers
    run.close()
    assert not workers & set(multiprocessing.active_children())
    other = trainer_on("workers")
    other.load_state_dict(run.state_dict())
    assert other._state.feed.taken == 2
    other.close()


def test_workers_that_persist_are_begun_anew():
    def loader():
        data = TensorDataset(INPUTS, TARGETS)
        return DataLoader(data, 8, shuffle=True, num_workers=1, persistent_workers=True)

    whole, first, second = (trainer_on(loader) for _ in range(3))
    whole.step(12)
    first.step(4)
    with first.trial() as trial:
        for _ in range(9):
            trial.step()
    second.load_state_dict(first.state_dict())
    for trainer in (first, second):
        trainer.step(8)
        assert_same(left(trainer), left(whole))


@pytest.mark.parametrize("loader", ["tensors", "own generator", "batches", "noisy"])
@pytest.mark.parametrize("steps", [4, 7])
def test_a_loaded_run_resets_to_the_beginning_of_the_saved_one(loader, steps):
    def made():
        torch.manual_seed(0)
        model = network()
        adam = torch.optim.Adam(model.parameters(), lr=0.01)
        model(INPUTS).square().mean().backward()
        adam.step()
        adam.zero_grad()
        return Trainer(
            model, nn.CrossEntropyLoss(), adam, LOADERS[loader](), seed=3, batch_size=8,
            device="cpu",
        )  # fmt: skip

    whole, first = made(), made()
    whole.step(10)
    first.step(steps)
    state = through_a_file(first.state_dict())
    again = trainer_on(loader, callbacks=[], seed=99)
    with torch.no_grad():
        again.model[0].weight.fill_(5)
    again.step(2)
    again.load_state_dict(state)
    again.reset()
    assert (again.state, again.steps) == ("idle", 0)
    again.step(10)
    assert all(map(torch.equal, left(again)[0], left(whole)[0]))
    losses = (one.history["train_loss"].values for one in (again, whole))
    assert np.array_equal(*losses)
    # And once more, after a second file.
    third = trainer_on(loader, callbacks=[])
    third.load_state_dict(through_a_file(again.state_dict()))
    third.reset()
    third.step(10)
    assert all(map(torch.equal, left(third)[0], left(whole)[0]))


@pytest.mark.parametrize("steps", [9, 14])
def test_what_diverges_in_an_epoch_that_was_loaded_goes_back_to_its_beginning(steps):
    def spoilt(trainer):
        trainer.optimizer.param_groups[0]["lr"] = float("inf")
        with pytest.raises(InputError) as caught:
            trainer.fit(2)
        assert caught.value.key == "diverged"
        return caught.value.params["kept"], left(trainer)[0]

    whole, first = trainer_on(), trainer_on()
    for trainer in (whole, first):
        trainer.step(steps)
    again = trainer_on()
    again.load_state_dict(through_a_file(first.state_dict()))
    kept, expected = spoilt(whole)
    assert int(kept) == steps // 7
    found, weights = spoilt(again)
    assert found == kept
    assert all(map(torch.equal, weights, expected))
