"""A Playground's data, network and training, built from its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import torch

from dl_lab.data.toy import Points, ToyData, toy
from dl_lab.errors import number, whole
from dl_lab.nets.dense import dense
from dl_lab.nets.features import FEATURES
from dl_lab.probe.unit_grid import UnitGrid
from dl_lab.protocol import Array
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.learning_rate import set_learning_rate
from dl_lab.train.run_state import Snapshot
from dl_lab.train.trainer import Trainer

EPOCHS_A_SECOND = 25.0
"""What one epoch a frame comes to: the most frames a second that a view is sent."""

LARGEST_PARAMETER = 1000.0
CHART_BUCKETS = 256

_LOSSES = ("train_loss", "test_loss")

_revisions: Iterator[int] = count(1)


def draw_seed(seed: int, stream: int, draw: int) -> int:
    """Return the seed of the nth draw of one kind, so that data and weights do not share any."""
    return int(np.random.SeedSequence([seed, stream, draw]).generate_state(1)[0])


@dataclass(frozen=True)
class Data:
    """The points, and a revision by which a view knows whether it has them."""

    toy: ToyData
    revision: int = field(default_factory=lambda: next(_revisions))

    @classmethod
    def draw(cls, settings: Mapping[str, Any], draw: int) -> Data:
        """Draw points; another draw gives others of the same kind."""
        return cls(
            toy(
                settings["data"],
                settings["problem"],
                noise=settings["noise"],
                train_ratio=settings["train_ratio"],
                seed=draw_seed(settings["seed"], 0, draw),
            )
        )


@dataclass(frozen=True)
class Picture:
    """What a view draws of a network between two steps."""

    epoch: int
    arrays: dict[str, Array]


class Experiment:
    """One network and its Trainer; a change of the network's shape makes another."""

    def __init__(self, settings: Mapping[str, Any], data: Data, draw: int) -> None:
        self.revision = next(_revisions)
        self.data = data
        self.features = settings["features"]
        self.hidden = settings["hidden"]
        self.activation = settings["activation"]
        self.output = "tanh" if settings["problem"] == "classification" else "linear"
        seed = draw_seed(settings["seed"], 1, draw)
        self.model = dense(
            self.features,
            self.hidden,
            self.activation,
            output=self.output,
            generator=torch.Generator().manual_seed(seed),
        )
        self._parameters = list(self.model.parameters())
        self._grid = UnitGrid(self.model)
        self._optimizer = RegularizedSGD(self._parameters)
        self._batches = self._cut(settings)
        self.trainer = Trainer(
            self.model,
            half_squared_error,
            self._optimizer,
            self._batches,
            self._measured(),
            device="cpu",
            keep=0,
            record="epoch",
            seed=seed,
        )
        self.tune(settings)

    def _cut(self, settings: Mapping[str, Any]) -> Batches:
        return Batches(
            *self.data.toy.train,
            settings["batch_size"],
            shuffle=settings["shuffle"],
            seed=settings["seed"],
        )

    def _measured(self) -> dict[str, Points]:
        return {"train_loss": self.data.toy.train, "test_loss": self.data.toy.test}

    def tune(self, settings: Mapping[str, Any]) -> None:
        """Take on the settings that change in mid-run, between two steps."""

        def change() -> None:
            set_learning_rate(self._optimizer, settings["learning_rate"])
            self._optimizer.regularization = settings["regularization"]
            self._optimizer.regularization_rate = settings["regularization_rate"]
            self._batches.batch_size = settings["batch_size"]
            self._batches.shuffle = settings["shuffle"]

        speed = settings["speed"]
        self.trainer.pace = None if speed is None else speed * EPOCHS_A_SECOND
        self.trainer.call(change).result()

    def use(self, data: Data, settings: Mapping[str, Any]) -> None:
        """Go on with other points."""

        def change() -> None:
            self.data = data
            self._batches = self._cut(settings)
            self.trainer.set_data(self._batches, self._measured())

        self.trainer.call(change).result()

    def set_parameter(self, index: object, value: object) -> None:
        """Set one weight or bias, counted through ``model.parameters()``; a dead link revives."""
        count = sum(parameter.numel() for parameter in self._parameters)
        position = whole("index", index, 0, count - 1)
        given = number("value", value, -LARGEST_PARAMETER, LARGEST_PARAMETER)

        def change() -> None:
            left = position
            for parameter in self._parameters:
                if left < parameter.numel():
                    place = np.unravel_index(left, parameter.shape)
                    where = tuple(int(axis) for axis in place)
                    with torch.no_grad():
                        parameter[where] = given
                    self._optimizer.revive(parameter, where)
                    return
                left -= parameter.numel()

        self.trainer.call(change).result()

    def features_grid(self) -> Array:
        """Every feature over the plane, u1 [features, size, size]."""
        return self._grid.features(FEATURES)

    def picture(self) -> Picture:
        """Draw the network as it is: all units over the plane, the losses and their history."""
        trainer = self.trainer

        def look() -> tuple[Snapshot, dict[str, float], dict[str, Array]]:
            snapshot = trainer.snapshot().result()
            chart = self._chart()
            if trainer.state == "running":
                history = trainer.history
                return snapshot, {name: history[name].values[-1] for name in _LOSSES}, chart
            return snapshot, trainer.evaluate(), chart

        snapshot, losses, chart = trainer.call(look).result()
        arrays: dict[str, Array] = {
            "parameters": snapshot.parameters,
            "units": self._grid.units(snapshot.parameters),
            "losses": np.array([losses[name] for name in _LOSSES], dtype=np.float32),
        }
        return Picture(snapshot.epoch, arrays | chart)

    def _chart(self) -> dict[str, Array]:
        """Return both losses over all epochs; between two steps, so that they are as long."""
        arrays: dict[str, Array] = {}
        for name in _LOSSES:
            epochs, low, high = self.trainer.history[name].envelope(pixels=CHART_BUCKETS)
            short = name.removesuffix("_loss")
            arrays |= {"chart_epochs": epochs, f"{short}_low": low, f"{short}_high": high}
        return arrays

    def training_settings(self) -> dict[str, Any]:
        """Return what the plain PyTorch source of the training loop needs."""
        return {
            "learning_rate": self._optimizer.lr,
            "batch_size": self._batches.batch_size,
            "regularization": self._optimizer.regularization,
            "regularization_rate": self._optimizer.regularization_rate,
        }

    def close(self) -> None:
        """End training; the module and its history stay."""
        self.trainer.close()
