"""The Playground's training and frames beside plain PyTorch.

The peer is `nn.Sequential`, autograd and `torch.optim.SGD`, as anyone would write them, with a
plain forward for the grid. Both have one thread and the same data; rounds are interleaved.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dl_lab.data.toy import toy
from dl_lab.nets.dense import dense
from dl_lab.nets.features import FEATURES
from dl_lab.probe.unit_grid import UnitGrid
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.threads import one_thread
from dl_lab.train.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

NETS = {
    "default 2-4-2-1": (("x", "y"), (4, 2)),
    "original's largest 7-8x6-1": (FEATURES, (8,) * 6),
    "ours largest 7-16x8-1": (FEATURES, (16,) * 8),
}
ROUNDS = 9
EPOCHS = 16
BATCH = 10
LR = 0.03


class Peer:
    """Plain PyTorch."""

    def __init__(self, features: tuple[str, ...], hidden: tuple[int, ...]) -> None:
        data = toy("circle")
        self.model = dense(features, hidden)
        self.train, self.test = data.train, data.test
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LR)
        line = torch.linspace(-6, 6, 100)
        self.grid = torch.cartesian_prod(line, line)

    def epochs(self, count: int, *, losses: bool) -> None:
        """Train, and measure both losses after each epoch if `losses`."""
        points, targets = self.train
        for _ in range(count):
            for start in range(0, len(points), BATCH):
                batch = slice(start, start + BATCH)
                loss = (self.model(points[batch]) - targets[batch]).square().mean() / 2
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            if losses:
                with torch.no_grad():
                    for inputs, wanted in (self.train, self.test):
                        ((self.model(inputs) - wanted).square().mean() / 2).item()

    def draw(self) -> None:
        """Compute every unit's values on the grid."""
        values: list[Tensor] = []
        with torch.no_grad():
            inputs = self.grid
            for module in self.model:
                inputs = module(inputs)
                if isinstance(module, nn.Tanh):
                    values.append(inputs)


class Ours:
    """What the Playground runs: the Trainer's thread, and the grid as bytes."""

    def __init__(self, features: tuple[str, ...], hidden: tuple[int, ...]) -> None:
        data = toy("circle")
        model = dense(features, hidden)
        losses = {"train_loss": data.train, "test_loss": data.test}
        batches = Batches(*data.train, BATCH)
        self.trainer = Trainer(
            model, half_squared_error, RegularizedSGD(model, lr=LR), batches, losses, record="epoch"
        )
        # Without validation there is nothing to measure, and the mean of the batches instead.
        alone = dense(features, hidden)
        self.alone = Trainer(
            alone, half_squared_error, RegularizedSGD(alone, lr=LR), batches, record="epoch"
        )
        self.grid = UnitGrid(model)

    def epochs(self, count: int, *, losses: bool) -> None:
        """Train, and measure both losses after each epoch if `losses`."""
        (self.trainer if losses else self.alone).fit(count)

    def draw(self) -> None:
        """Compute every unit's values on the grid, coded as bytes."""
        self.grid.units(self.trainer.snapshot().result().parameters)


@dataclass
class Times:
    """Seconds of each round."""

    epoch: list[float]
    frame: list[float]


def measure(side: Peer | Ours, times: Times) -> None:
    """Add one round."""
    times.epoch.append(seconds(lambda: side.epochs(EPOCHS, losses=False)) / EPOCHS)
    epoch = seconds(lambda: side.epochs(EPOCHS, losses=True)) / EPOCHS
    times.frame.append(epoch + seconds(side.draw))


def seconds(act: Callable[[], None]) -> float:
    """Time one call."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    print(f"Playground: circle, 250 training points, batch {BATCH}, {ROUNDS} interleaved rounds")
    print("medians, one thread each; frame = epoch + both losses + 100x100 grid of every unit\n")
    print(f"{'net':28}{'':9}{'epochs/s':>10}{'ratio':>8}{'frame ms':>11}{'ratio':>8}")
    for name, shape in NETS.items():
        sides: dict[str, Peer | Ours] = {"plain": Peer(*shape), "dl-lab": Ours(*shape)}
        times = {side: Times([], []) for side in sides}
        with one_thread():
            for runs in sides.values():
                measure(runs, Times([], []))
            for _ in range(ROUNDS):
                for side, runs in sides.items():
                    measure(runs, times[side])
        plain = times["plain"]
        for side, own in times.items():
            faster = median(map(float.__truediv__, plain.epoch, own.epoch))
            shorter = median(map(float.__truediv__, plain.frame, own.frame))
            print(
                f"{name if side == 'plain' else '':28}{side:9}{1 / median(own.epoch):10.0f}"
                f"{faster:7.1f}x{1000 * median(own.frame):11.2f}{shorter:7.1f}x"
            )


if __name__ == "__main__":
    main()
