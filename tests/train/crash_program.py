"""A run that is killed: `python crash_program.py KIND FOLDER` trains until then.

Each kind draws from all that must come back: dropout, the loader's order, moments, schedules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.early_stopping import EarlyStopping
from dl_lab.train.callbacks.model_checkpoint import ModelCheckpoint
from dl_lab.train.callbacks.schedule import LRSchedule, ReduceLROnPlateau
from dl_lab.train.trainer import Trainer

EVERY = 7


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(12, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(32, 3),
    )


def data() -> tuple[TensorDataset, TensorDataset]:
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(75, 12, generator=generator)
    targets = torch.randint(3, (75,), generator=generator)
    return TensorDataset(inputs[:43], targets[:43]), TensorDataset(inputs[43:], targets[43:])


def momentum(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def groups(model: nn.Module) -> torch.optim.Optimizer:
    norms = [*model[1].parameters()]
    others = [*model[0].parameters(), *model[4].parameters()]
    parts = [{"params": others, "weight_decay": 0.1}, {"params": norms, "lr": 0.01}]
    return torch.optim.AdamW(parts, lr=0.003, amsgrad=True)


def restarts(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 9)


KINDS: dict[str, tuple[Callable[[nn.Module], torch.optim.Optimizer], dict[str, Any]]] = {
    "momentum": (momentum, {}),
    "groups": (groups, {"accumulate": 2, "clip_norm": 0.5}),
    "tensors": (momentum, {"batch_size": 8}),
    "workers": (groups, {}),
}


def settings(kind: str) -> tuple[Any, ...]:
    """Return loss, train and validation data, and the other settings, all anew."""
    train, validation = data()
    loader: object = DataLoader(train, 8, shuffle=True)
    if kind == "tensors":
        loader = train.tensors
    if kind == "workers":
        loader = DataLoader(train, 8, shuffle=True, num_workers=2)
    callbacks: list[Callback] = []
    if kind == "groups":
        callbacks = [LRSchedule(restarts, "step"), EarlyStopping(patience=10**6)]
    if kind == "momentum":
        callbacks = [ReduceLROnPlateau(factor=0.9, patience=1)]
    rest = {**KINDS[kind][1], "device": "cpu", "callbacks": callbacks, "metrics": ["accuracy"]}
    return nn.CrossEntropyLoss(), loader, DataLoader(validation, 16), rest


def fresh(kind: str, *more: Callback) -> Trainer:
    """Return a run at its beginning."""
    model = network()
    loss, train, validation, rest = settings(kind)
    rest["callbacks"] += more
    return Trainer(model, loss, KINDS[kind][0](model), train, validation, seed=5, **rest)


def loaded(kind: str, path: Path) -> Trainer:
    """Return the run that a file holds, in a model of other weights."""
    model = network()
    torch.manual_seed(77)
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    loss, train, validation, rest = settings(kind)
    return Trainer.load(path, model, loss, KINDS[kind][0](model), train, validation, **rest)


if __name__ == "__main__":
    keep = ModelCheckpoint(sys.argv[2], every_epochs=None, every_steps=EVERY)
    fresh(sys.argv[1], keep).fit(epochs=10**6)
