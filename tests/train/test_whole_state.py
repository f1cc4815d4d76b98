"""Whatever training changes: saved, loaded, rewound, reset, tried, looked at, it goes on alike."""

from __future__ import annotations

import io
import random
from collections import deque

import numpy as np
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from torch.utils.data.distributed import DistributedSampler

from dl_lab.kept.generators import global_generators, same_state, state_of
from dl_lab.probe.capture import capture
from dl_lab.train.callbacks import Callback, LRSchedule
from dl_lab.train.checkpoint.plain_state import from_plain
from dl_lab.train.trainer import Trainer
from tests.lengths import times

X = torch.linspace(-1, 1, 48).reshape(16, 3)
Y = X.sum(1, keepdim=True).sin()
NO_SHRINKING = [one for one in Phase if one is not Phase.shrink]
EPOCH = 4
"""Steps of one."""


class Meter:
    __slots__ = ("count", "seen")

    def __init__(self) -> None:
        self.count = 0
        self.seen: list[float] = []


class Part(nn.Module):
    """Changes with each call, and its answer with it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.begin()

    def begin(self) -> None:
        """Make what is changed."""


class Plain(Part):
    def forward(self, x):
        return x * self.scale


class Assigned(Part):
    def begin(self):
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return (x - self.mean) * self.scale


class Nothing(Part):
    def begin(self):
        self.register_buffer("mean", None)
        self.register_buffer("seen", torch.zeros(0), persistent=False)

    def forward(self, x):
        old = 0 if self.mean is None else self.mean
        self.mean = 0.5 * old + 0.1 * x.detach().mean(0)
        self.seen = torch.cat([self.seen, x.detach()[:1, 0]])
        return (x - self.mean + self.seen.mean()) * self.scale


class Counted(Part):
    def begin(self):
        self.calls = 0
        self.meter = Meter()

    def forward(self, x):
        self.calls += 1
        self.meter.count += 2
        self.meter.seen.append(float(x.detach().mean()))
        if not hasattr(self, "late"):
            self.late = {"calls": 0}
        self.late["calls"] += 1
        factor = 1 + 0.001 * (self.calls + self.meter.count + self.late["calls"])
        return x * self.scale * factor + sum(self.meter.seen[-3:])


class Carried(Part):
    def begin(self):
        self.state = None
        self.recent = deque(maxlen=2)

    def forward(self, x):
        mean = x.mean(0)
        hidden = mean if self.state is None else torch.tanh(self.state[0] + mean)
        self.state = (hidden.detach(), 1)
        self.recent.append(hidden.detach().clone())
        return x * self.scale + hidden + torch.stack(list(self.recent)).mean(0)


class WrittenInPlace(Part):
    def begin(self):
        self.hidden = torch.zeros(3)
        self.array = np.zeros(3, "f4")

    def forward(self, x):
        self.hidden += 0.1 * x.detach().mean(0)
        self.array *= 0.5
        self.array += self.hidden.numpy()
        return x * self.scale + self.hidden + torch.from_numpy(self.array.copy())


class Noisy(Part):
    def begin(self):
        python = random.Random(3)  # noqa: S311  # no secret
        self.own = [python, np.random.default_rng(4), torch.Generator().manual_seed(5)]
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        python, numbers, torchs = self.own
        noise = python.random() + numbers.random() + torch.rand(1, generator=torchs)
        if self.calls % 3 == 0:
            # Not in an epoch's first step.
            noise = noise + random.random() + np.random.rand() + torch.rand(1)  # noqa: NPY002, S311
        return x * self.scale + 0.1 * noise


class Task(nn.Module):
    """A loss with a weight that is learnt, and a mean that it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(1))
        self.register_buffer("mean", torch.zeros(1))
        self.calls = 0

    def forward(self, outputs, targets):
        self.calls += 1
        error = (outputs - targets).square().mean()
        self.mean = 0.9 * self.mean + 0.1 * error.detach()
        return error * (-self.log_var).exp().sum() + self.log_var.sum() + 0.01 * self.mean.sum()


def closure_loss():
    calls = 0

    def loss(outputs, targets):
        nonlocal calls
        calls += 1
        return (outputs - targets).square().mean() * (1 + 0.01 * calls)

    return loss


class Augmented(Dataset):
    def __init__(self, kind) -> None:
        self.kind = kind
        self.numbers = np.random.default_rng(3)
        self.calls = 0

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index) -> object:
        self.calls += 1
        noise = {
            "python": random.random,
            "numpy": np.random.rand,
            "own": self.numbers.random,
            "counter": lambda: self.calls % 5,
        }[self.kind]()
        return X[index] + 0.1 * noise, Y[index]


class Shuffled:
    """A batch sampler that draws from a generator of its own, and tells epochs apart."""

    def __init__(self) -> None:
        self.random = random.Random(7)  # noqa: S311  # no secret
        self.epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self) -> int:
        return EPOCH

    def __iter__(self) -> object:
        order = list(range(16))
        self.random.shuffle(order)
        order = order[self.epoch :] + order[: self.epoch]
        for start in range(0, 16, 4):
            yield order[start : start + 4]


def own(seed):
    return torch.Generator().manual_seed(seed)


DATA = TensorDataset(X, Y)
LOADERS = {
    "tensors": lambda: (X, Y),
    "loader": lambda: DataLoader(DATA, 4, shuffle=True),
    "generator": lambda: DataLoader(DATA, 4, shuffle=True, generator=own(2)),
    "weighted": lambda: DataLoader(
        DATA, 4, sampler=WeightedRandomSampler([1.0] * 16, 16, generator=own(3))
    ),
    "batches": lambda: DataLoader(
        DATA, batch_sampler=BatchSampler(RandomSampler(DATA, generator=own(4)), 4, drop_last=False)
    ),
    "own batches": lambda: DataLoader(DATA, batch_sampler=Shuffled()),
    "distributed": lambda: DataLoader(
        DATA, 4, sampler=DistributedSampler(DATA, 1, 0, shuffle=True)
    ),
    **{
        kind: lambda kind=kind: DataLoader(Augmented(kind), 4, shuffle=True)
        for kind in ("python", "numpy", "own", "counter")
    },
}
PARTS = [Plain, Assigned, Nothing, Counted, Carried, WrittenInPlace, Noisy]
LOSSES = {"mse": nn.MSELoss, "learnt": Task, "closure": closure_loss}


class Grows(Callback):
    """Lets the optimizer train one more layer after each of the first two epochs."""

    def on_epoch_end(self, trainer):
        groups = trainer.optimizer.param_groups
        if len(groups) < 3:
            head = trainer.model[-1]
            one = head.weight if len(groups) == 1 else head.bias
            one.requires_grad_(True)
            trainer.optimizer.add_param_group({"params": [one], "lr": 0.05})


def made(parts, loss, loader, optimizer, callback):
    torch.manual_seed(0)
    model = nn.Sequential(*[part() for part in parts], nn.Dropout(0.2), nn.Linear(3, 1))
    loss = LOSSES[loss]()
    trained = [*model.parameters(), *(loss.parameters() if isinstance(loss, nn.Module) else ())]
    callbacks = {
        "none": [],
        "schedule": [LRSchedule(lambda one: torch.optim.lr_scheduler.StepLR(one, 1, 0.9))],
        "grows": [Grows()],
    }[callback]
    if callback == "grows":
        trained = [one for one in trained if one not in {*model[-1].parameters()}]
        model[-1].requires_grad_(False)
    return Trainer(
        model,
        loss,
        optimizer(trained),
        LOADERS[loader](),
        (X, Y),
        seed=3,
        batch_size=4,
        device="cpu",
        callbacks=callbacks,
        clip_norm=1.0,
    )


def left(trainer):
    """All that a run leaves but the times, as plain values."""
    state = trainer.state_dict()
    keep = ("epoch", "steps", "model", "optimizer", "objects", "random", "feed")
    series = {name: trainer.history[name] for name in trainer.history}
    curves = {name: [one.steps.tolist(), one.values.tolist()] for name, one in series.items()}
    return [{name: state[name] for name in keep}, curves, trainer.history.epochs.tolist()]


def same(one, other, place="") -> list[str]:
    """Return where two differ."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if torch.equal(one, other) else [place]
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return [f"{place}: {one.keys() ^ other.keys()}"]
        return [at for key in one for at in same(one[key], other[key], f"{place}.{key}")]
    if isinstance(one, (list, tuple)) and type(one) is type(other):
        if len(one) != len(other):
            return [f"{place}: length"]
        pairs = zip(one, other, strict=True)
        return [at for i, (a, b) in enumerate(pairs) for at in same(a, b, f"{place}.{i}")]
    return [] if type(one) is type(other) and one == other else [f"{place}: {one} {other}"]


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return from_plain(torch.load(file, weights_only=True))


def interrupted(trainer, how, make, steps):
    """Return the trainer to go on with, where `steps` are done again."""
    if how == "save":
        state = through_a_file(trainer.state_dict())
        trainer.step(1)
        trainer = make()
        trainer.load_state_dict(state)
    elif how == "load":
        state = through_a_file(trainer.state_dict())
        trainer.step(3)
        trainer.load_state_dict(state)
    elif how == "rewind" and trainer.checkpoints:
        step = trainer.checkpoints[-1]
        trainer.rewind(step)
        if steps > step:
            trainer.step(steps - step)
    elif how == "reset":
        trainer.reset()
        if steps:
            trainer.step(steps)
    elif how == "trial":
        with trainer.trial() as trial:
            trial.learning_rate = 0.5
            for _ in range(6):
                trial.step()
            trial.back()
            group = trial.groups(2)[0]
            trial.step(group)
            trial.loss(group[0])
    elif how == "look":
        trainer.look(capture, trainer.model, X, mode="train", gradients=True).result()
        trainer.look(capture, trainer.model, X, mode="eval").result()
    else:
        trainer.evaluate()
    assert trainer.steps == steps
    return trainer


def generators():
    return [state_of(one) for one in global_generators()]


HOWS = ["save", "load", "rewind", "reset", "trial", "look", "evaluate"]


@settings(max_examples=times(25), deadline=None, phases=NO_SHRINKING)
@given(
    parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=2),
    loss=st.sampled_from(sorted(LOSSES)),
    loader=st.sampled_from(sorted(LOADERS)),
    optimizer=st.sampled_from(["sgd", "momentum", "adam"]),
    callback=st.sampled_from(["none", "schedule", "grows"]),
    interruptions=st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(HOWS)), min_size=1, max_size=3
    ),
)
def test_every_interruption_leaves_a_run_as_it_was(
    parts, loss, loader, optimizer, callback, interruptions
):
    def make():
        return made(
            parts,
            loss,
            loader,
            {
                "sgd": lambda ones: torch.optim.SGD(ones, lr=0.02),
                "momentum": lambda ones: torch.optim.SGD(ones, lr=0.02, momentum=0.9),
                "adam": lambda ones: torch.optim.Adam(ones, lr=0.02),
            }[optimizer],
            callback,
        )

    whole, trainer = make(), make()
    person = generators()
    steps = 0
    for more, how in interruptions:
        if more:
            trainer.step(more)
        steps += more
        trainer = interrupted(trainer, how, make, steps)
    trainer.step(9)
    whole.step(steps + 9)
    assert same(left(trainer), left(whole)) == []
    assert all(map(same_state, generators(), person))
