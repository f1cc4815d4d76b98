"""What people's own code may hold, kind by kind: it goes back, into a file and out of it."""

from __future__ import annotations

import collections
import enum
import functools
import threading
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset

from dl_lab.probe.capture import capture
from dl_lab.train.callbacks import Callback
from dl_lab.train.trainer import Trainer
from tests.train.test_whole_state import same, through_a_file

X = torch.linspace(-1, 1, 48).reshape(16, 3)
Y = X.sum(1, keepdim=True).sin()


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Transition(NamedTuple):
    state: Tensor
    reward: float


class Notes(dict):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0


class Replay(collections.deque):
    seen = 0


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 1)
        self.begin()

    def begin(self) -> None:
        """Make what is changed."""

    def forward(self, x):
        return self.layer(x) + self.more(x)

    def more(self, _) -> Any:
        raise NotImplementedError


class Counts(Model):
    def begin(self):
        self.counter = collections.Counter()
        self.order = collections.OrderedDict(a=1, b=2)

    def more(self, _):
        self.counter["calls"] += 1
        self.order.move_to_end(next(iter(self.order)))
        return 0.01 * self.counter["calls"] + 0.01 * next(iter(self.order.values()))

    def told(self):
        return [dict(self.counter), [*self.order.items()]]


class Chosen(Model):
    def begin(self):
        self.colour, self.by_colour, self.seen = Colour.RED, {}, set()
        self.frozen = frozenset()

    def more(self, _):
        self.colour = Colour.BLUE if self.colour is Colour.RED else Colour.RED
        self.by_colour[self.colour] = self.by_colour.get(self.colour, 0) + 1
        self.seen.add((len(self.seen), self.colour))
        self.frozen |= {len(self.frozen)}
        return 0.01 * (self.by_colour[self.colour] + len(self.seen) + len(self.frozen))

    def told(self):
        seen = sorted((number, colour.name) for number, colour in self.seen)
        counts = {colour.name: count for colour, count in self.by_colour.items()}
        return [self.colour.name, counts, seen, sorted(self.frozen)]


class Arrays(Model):
    def begin(self):
        self.objects = np.array([None, 1], dtype=object)
        self.records = np.zeros(2, dtype=[("calls", "i4"), ("mean", "f8")])
        self.words = np.array(["a", "bc"])

    def more(self, _):
        self.records["calls"] += 1
        self.objects[0] = int(self.records["calls"][0])
        self.words[0] = str(self.objects[0])[-1]
        return 0.01 * self.objects[0] + 0.01 * int(self.words[0])

    def told(self):
        return [self.objects.tolist(), self.records.tolist(), self.words.tolist()]


class Subclasses(Model):
    def begin(self):
        self.notes, self.replay = Notes(), Replay(maxlen=3)

    def more(self, x):
        self.notes.calls += 1
        self.notes["mean"] = float(x.detach().mean())
        self.replay.append(Transition(x[0].detach().clone(), float(self.notes.calls)))
        self.replay.seen += 1
        return 0.01 * (self.notes.calls + self.replay.seen) + 0.1 * self.replay[0].state.sum()

    def told(self):
        replay = [[one.state.tolist(), one.reward] for one in self.replay]
        return [dict(self.notes), self.notes.calls, replay, self.replay.seen]


class TrainedTensors(Model):
    def begin(self):
        self.weight = torch.zeros(3, 1, requires_grad=True)
        self.more_weights = {"bias": torch.zeros(1, requires_grad=True)}

    def more(self, x):
        return x @ self.weight + self.more_weights["bias"]

    def told(self):
        return [self.weight.tolist(), self.more_weights["bias"].tolist()]


class LateBuffer(Model):
    def more(self, x):
        if not hasattr(self, "mean"):
            self.register_buffer("mean", torch.zeros(3))
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return self.mean.sum()

    def told(self):
        return {name: one.tolist() for name, one in self.named_buffers()}


class Expanded(Model):
    def begin(self):
        self.register_buffer("expanded", torch.ones(1).expand(3))

    def more(self, x):
        return (x * self.expanded).sum(1, keepdim=True)

    def told(self):
        return self.expanded.tolist()


class Sparse(Model):
    def begin(self):
        self.register_buffer("mask", torch.eye(3).to_sparse())
        self.table = nn.Parameter(torch.eye(3).to_sparse(), requires_grad=False)
        self.adjacency = torch.eye(3).to_sparse()

    def more(self, x):
        self.adjacency = (self.adjacency * 1.1).coalesce()
        self.mask = (self.mask * 0.9).coalesce()
        return (x @ (self.adjacency + self.mask + self.table).to_dense()).sum(1, keepdim=True)

    def told(self):
        return [one.to_dense().tolist() for one in (self.adjacency, self.mask, self.table)]


class Teacher(Model):
    """A moving average of its own weights, which each pass forward goes on with."""

    def begin(self):
        self.teacher = nn.Linear(3, 1).requires_grad_(False)

    @torch.no_grad()
    def follow(self):
        for one, other in zip(self.teacher.parameters(), self.layer.parameters(), strict=True):
            one.data = 0.9 * one.data + 0.1 * other.data

    def more(self, x):
        self.follow()
        return 0.1 * self.teacher(x)

    def told(self):
        return [one.tolist() for one in self.teacher.parameters()]


NUMBERS = np.random.default_rng()


class Drawing(Model):
    """Draws from a variable of the notebook."""

    def begin(self):
        NUMBERS.bit_generator.state = np.random.default_rng(3).bit_generator.state

    def more(self, _):
        return float(NUMBERS.random())

    def told(self):
        return repr(NUMBERS.bit_generator.state)


class Pruned(Model):
    def begin(self):
        prune.l1_unstructured(self.layer, "weight", amount=1)

    def more(self, _):
        return self.layer.weight.sum()

    def told(self):
        return [len(self.layer._forward_pre_hooks), self.layer.weight_mask.tolist()]


MODELS = [
    *(Counts, Chosen, Arrays, Subclasses, TrainedTensors, LateBuffer, Expanded, Teacher),
    *(Drawing, Pruned, Sparse),
]


def trained(model) -> list[Tensor]:
    optimized = [*model.parameters()]
    if isinstance(model, TrainedTensors):
        optimized += [model.weight, *model.more_weights.values()]
    return [one for one in optimized if one.requires_grad]


def run(model, loss=None, data=(X, Y), **settings: object) -> Trainer:
    sgd = torch.optim.SGD(trained(model), lr=0.1, momentum=0.5)
    settings = {"seed": 1, "batch_size": 4, "device": "cpu", **settings}
    return Trainer(model, loss or nn.MSELoss(), sgd, data, **settings)


def state(trainer: Trainer):
    model = trainer.model
    weights = {name: one.detach().to_dense().clone() for name, one in model.state_dict().items()}
    return [weights, model.told() if hasattr(model, "told") else None]


@pytest.mark.parametrize("kind", MODELS)
def test_each_kind_goes_back_and_through_a_file(kind):
    plain = run(kind())
    at = [state(plain)]
    for _ in range(2):
        plain.fit(1)
        at.append(state(plain))

    trainer = run(kind())
    trainer.fit(1)
    saved = through_a_file(trainer.state_dict())
    capture(trainer.model, X[:2], mode="train", gradients=True)
    assert same(state(trainer), at[1]) == []
    trainer.fit(1)
    assert same(state(trainer), at[2]) == []
    for back, now in ((lambda: trainer.rewind(4), 1), (lambda: trainer.load_state_dict(saved), 1),
                      (trainer.reset, 0)):  # fmt: skip
        back()
        assert same(state(trainer), at[now]) == []
        trainer.fit(2 - now)
        assert same(state(trainer), at[2]) == []

    other = run(kind())
    other.load_state_dict(saved)
    assert same(state(other), at[1]) == []
    other.fit(1)
    assert same(state(other), at[2]) == []


def test_measuring_leaves_weights_alone_that_each_pass_writes():
    watched, alone = run(Teacher(), validation=(X, Y)), run(Teacher())
    watched.fit(2)
    alone.fit(2)
    assert same(state(watched), state(alone)) == []


def test_measuring_leaves_alone_what_a_metric_has_added_up():
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("sum", torch.zeros(()))
            self.count = 0

        def forward(self, outputs, targets):
            self.sum += (outputs - targets).abs().mean().detach()
            self.count += 1
            return self.sum / self.count

    mean = Mean()
    trainer = run(nn.Linear(3, 1), metrics={"mean": mean}, validation=(X, Y))
    assert (mean.count, float(mean.sum)) == (0, 0.0)
    trainer.fit(1)
    values = trainer.history["train_mean"].values.tolist()
    assert mean.count == 4
    trainer.reset()
    trainer.fit(1)
    assert trainer.history["train_mean"].values.tolist() == values


def test_weights_pruned_while_training_are_whole_again_before():
    class Prunes(Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 1:
                prune.l1_unstructured(trainer.model[0], "weight", amount=4)

    torch.manual_seed(0)
    trainer = run(nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1)), callbacks=[Prunes()])
    trainer.fit(2)
    weights = state(trainer)
    trainer.reset()
    assert "weight" in dict(trainer.model[0].named_parameters())
    assert not trainer.model[0]._forward_pre_hooks
    trainer.fit(2)
    assert same(state(trainer), weights) == []


def test_a_wrapped_function_of_torch_keeps_what_its_wrapper_counts():
    def counted(function):
        calls = [0]

        @functools.wraps(function)
        def wrapper(outputs, targets):
            calls[0] += 1
            return function(outputs, targets) * (1 + 0.1 * calls[0])

        return wrapper

    trainer = run(nn.Linear(3, 1), counted(nn.functional.mse_loss))
    trainer.fit(1)
    weights = state(trainer)
    trainer.reset()
    trainer.fit(1)
    assert same(state(trainer), weights) == []


def test_a_data_set_that_draws_from_a_variable_draws_the_same_again():
    numbers = np.random.default_rng(3)

    class Noisy(Dataset):
        def __len__(self) -> int:
            return 16

        def __getitem__(self, index) -> object:
            return X[index] + float(numbers.random()), Y[index]

    def made() -> Trainer:
        numbers.bit_generator.state = np.random.default_rng(3).bit_generator.state
        torch.manual_seed(0)
        return run(nn.Linear(3, 1), data=DataLoader(Noisy(), 4, shuffle=True))

    trainer = made()
    trainer.fit(1)
    saved = through_a_file(trainer.state_dict())
    trainer.fit(1)
    weights = state(trainer)
    trainer.reset()
    trainer.fit(2)
    assert same(state(trainer), weights) == []
    other = made()
    other.load_state_dict(saved)
    other.fit(1)
    assert same(state(other), weights) == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_data_sets_and_samplers_within_others_are_told_the_epoch(wrapped):
    told = []

    class Told(TensorDataset):
        def set_epoch(self, epoch):
            told.append(epoch)

    parts = [Told(X[:8], Y[:8]), Told(X[8:], Y[8:])]
    data = ConcatDataset(parts)
    run(nn.Linear(3, 1), data=DataLoader(Subset(data, range(16)) if wrapped else data, 4)).fit(2)
    assert told == [0, 0, 1, 1]


def test_a_scheduler_that_only_a_callback_or_a_step_knows_goes_back_with_its_rates():
    def made(*, own: bool):
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 8)

        class Steps(Callback):
            def on_step_end(self, _):
                scheduler.step()

            def __init__(self) -> None:
                self.mine = scheduler

        def step(batch):
            sgd.zero_grad()
            loss = (model(batch[0]) - batch[1]).square().mean()
            loss.backward()
            sgd.step()
            scheduler.step()
            return loss

        settings = {"seed": 1, "batch_size": 4, "device": "cpu"}
        if own:
            return Trainer.of(step, model, sgd, (X, Y), **settings)
        return Trainer(model, nn.MSELoss(), sgd, (X, Y), callbacks=[Steps()], **settings)

    for own in (False, True):
        trainer = made(own=own)
        trainer.fit(1)
        weights = state(trainer)
        trainer.reset()
        assert trainer.learning_rate == 0.1
        trainer.fit(1)
        assert same(state(trainer), weights) == []


def test_sparse_gradients_and_what_sparse_adam_remembers_go_back_and_through_a_file():
    words = torch.arange(16) % 5

    def made() -> Trainer:
        torch.manual_seed(0)
        model = nn.Embedding(5, 1, sparse=True)
        adam = torch.optim.SparseAdam(model.parameters(), 0.05)
        calls = [0]

        def step(batch):
            loss = (model(batch[0]) - batch[1]).square().mean()
            loss.backward()
            adam.step()
            calls[0] += 1
            if calls[0] % 3 == 0:
                adam.zero_grad()
            return loss

        settings = {"seed": 1, "batch_size": 4, "device": "cpu"}
        return Trainer.of(step, model, adam, (words, Y), **settings)

    trainer = made()
    trainer.fit(1)
    saved = through_a_file(trainer.state_dict())
    trainer.fit(1)
    weights = state(trainer)
    trainer.rewind(4)
    trainer.fit(1)
    assert same(state(trainer), weights) == []
    other = made()
    other.load_state_dict(saved)
    other.fit(1)
    assert same(state(other), weights) == []


@pytest.mark.parametrize("given", [None, 3, [], "state"])
def test_what_is_no_state_at_all_is_refused_in_a_sentence(given):
    with pytest.raises(ValueError, match="state is"):
        run(nn.Linear(3, 1)).load_state_dict(given)


# Not an attribute of the data, which would go back as well.
PRESSED = threading.Event()


class Interrupted(Dataset):
    """Someone interrupts whoever reads it, while that is so."""

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if PRESSED.is_set():
            raise KeyboardInterrupt
        return X[index], Y[index]


def test_an_interrupt_while_data_are_read_again_leaves_a_run_as_it_was():
    def trained() -> Trainer:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Linear(4, 1))
        order = torch.Generator().manual_seed(3)
        loader = DataLoader(Interrupted(), 2, shuffle=True, generator=order)
        sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        trainer = Trainer(model, nn.MSELoss(), sgd, loader, seed=1)
        trainer.step(3)
        return trainer

    trainer = trained()
    state = trainer.state_dict()
    trainer.step(2)
    before = trainer.state_dict()
    PRESSED.set()
    try:
        with pytest.raises(KeyboardInterrupt):
            trainer.load_state_dict(state)
    finally:
        PRESSED.clear()
    differ = same(before, trainer.state_dict())
    assert [place for place in differ if not place.startswith(".history.seconds")] == []
    other = trained()
    other.step(2)
    trainer.fit(2)
    other.fit(2)
    assert trainer.steps == other.steps
    assert same(trainer.model.state_dict(), other.model.state_dict()) == []
    trainer.load_state_dict(state)
    assert trainer.steps == 3
