"""A small problem that overfits, and the plain loop that callbacks are compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from dl_lab.train.callbacks.base import Callback
from dl_lab.train.trainer import Trainer

LOSS = nn.functional.mse_loss


def batches(count=3, seed=0):
    """Batches that come in the same order each time."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return [(draw(8, 6), draw(8, 1)) for _ in range(count)]


TRAIN, VALIDATION = batches(), batches(1, seed=1)[0]


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1))


def sgd(model, lr=0.2):
    """Two groups with rates of their own."""
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": lr / 4}]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9)


def trainer(*callbacks: Callback, make=sgd, **settings: object):
    model = network()
    settings = {"train": TRAIN, "validation": VALIDATION, "device": "cpu", **settings}
    return Trainer(model, LOSS, make(model), callbacks=callbacks, **settings)


@dataclass
class Plain:
    """What a loop of one's own sees."""

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    rates: list[tuple[float, ...]] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    weights: list[list[Tensor]] = field(default_factory=list)


def nothing(*_: object) -> None:
    """Do nothing."""


def plain_loop(
    epochs: int,
    *,
    make: Callable[[nn.Module], torch.optim.Optimizer] = sgd,
    scheduler: Callable[[torch.optim.Optimizer], object] = nothing,
    after_step: Callable[[object], object] = nothing,
    after_epoch: Callable[[object, float], object] = nothing,
) -> Plain:
    """Train as anyone would by hand, and keep all of it."""
    model, seen = network(), Plain()
    optimizer = make(model)
    schedule = scheduler(optimizer)
    for _ in range(epochs):
        model.train()
        for inputs, targets in TRAIN:
            optimizer.zero_grad()
            loss = LOSS(model(inputs), targets)
            loss.backward()
            squares = sum(p.grad.double().square().sum() for p in model.parameters())
            seen.norms.append(float(squares) ** 0.5)
            seen.rates.append(tuple(group["lr"] for group in optimizer.param_groups))
            optimizer.step()
            after_step(schedule)
            seen.losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            seen.validation.append(LOSS(model(VALIDATION[0]), VALIDATION[1]).item())
        after_epoch(schedule, seen.validation[-1])
        seen.weights.append([p.detach().clone() for p in model.parameters()])
    return seen


def same_weights(model, weights):
    return all(map(torch.equal, model.parameters(), weights))
