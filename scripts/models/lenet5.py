"""Train dl_lab/nets/files/lenet5.safetensors on the digits that dl-lab ships.

Each epoch shows every digit once, turned, sized, slanted and moved a little at random: digits
that a person draws with a mouse lie less neatly than those of the set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample
from torch.optim.lr_scheduler import OneCycleLR

from dl_lab import Trainer
from dl_lab.callbacks import LRSchedule
from dl_lab.data import mnist
from dl_lab.nets import lenet5
from dl_lab.train.checkpoint.file import save_weights

PATH = Path(__file__).resolve().parents[2] / "dl_lab" / "nets" / "files" / "lenet5.safetensors"
EPOCHS = 40
BATCH_SIZE = 50
LEARNING_RATE = 4e-3
SEED = 0

TURN = math.radians(15)
SIZE = 0.15
SLANT = 0.2
MOVE = 0.15  # of half the image's width


class Moved:
    """Batches of images, each one changed a little; others in every epoch."""

    def __init__(self, images: Tensor, labels: Tensor, seed: int) -> None:
        self.images, self.labels = images, labels
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return math.ceil(len(self.images) / BATCH_SIZE)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(self.images), generator=self.generator)
        for rows in order.split(BATCH_SIZE):
            yield self.moved(self.images[rows]), self.labels[rows]

    def moved(self, images: Tensor) -> Tensor:
        """Return the images as seen through a random affine map each."""
        draws = 2 * torch.rand(6, len(images), generator=self.generator) - 1
        turn, wide, high, slant, right, down = draws
        cos, sin, slant = torch.cos(TURN * turn), torch.sin(TURN * turn), SLANT * slant
        wide, high = 1 + SIZE * wide, 1 + SIZE * high
        row = (wide * cos, wide * (slant * cos - sin), MOVE * right)
        column = (high * sin, high * (slant * sin + cos), MOVE * down)
        maps = torch.stack(row + column, dim=1).unflatten(1, (2, 3))
        grid = affine_grid(maps, list(images.shape), align_corners=False)
        return grid_sample(images, grid, align_corners=False)


def train(epochs: int = EPOCHS) -> tuple[nn.Module, float]:
    """Return the network and the share of the test part that it gets right."""
    digits = mnist()
    batches = Moved(*digits.train, SEED)
    torch.manual_seed(SEED)
    model = lenet5()
    adam = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(label_smoothing=0.05),
        adam,
        batches,
        digits.test,
        metrics="accuracy",
        callbacks=[
            LRSchedule(
                lambda optimizer: OneCycleLR(
                    optimizer, LEARNING_RATE, total_steps=epochs * len(batches)
                ),
                every="step",
            )
        ],
        device="cpu",
        seed=SEED,
        keep=0,
    )
    trainer.fit(epochs)
    return model, float(trainer.history["validation_accuracy"].values[-1])


if __name__ == "__main__":
    model, accuracy = train()
    save_weights(PATH, model, made_by="scripts/models/lenet5.py", accuracy=f"{accuracy:.3f}")
    print(f"{accuracy:.1%} of the test part right; {PATH.stat().st_size} bytes in {PATH.name}")
