"""Networks, optimizers and data that a suggested learning rate has to train.

The rule was chosen on `CHOSEN_ON`; `KEPT_ASIDE` shows whether it holds for others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

import dl_lab
from dl_lab.data.toy import toy
from dl_lab.train.trainer import Trainer

Points = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Case:
    """A training problem.

    Attributes
    ----------
    name
        Network, optimizer, data.
    network
        Makes the model.
    optimizer
        Makes it from the parameters and a rate.
    loss
        Of outputs and targets.
    data
        Returns the points to train on and those to measure with.
    batch_size
        Rows of a step; None for all.
    """

    name: str
    network: Callable[[], nn.Module]
    optimizer: Callable[..., Optimizer]
    loss: Callable[[Tensor, Tensor], Tensor]
    data: Callable[[], tuple[Points, Points]]
    batch_size: int | None = 64

    def trainer(self, rate: float, seed: int, *, validated: bool = True) -> Trainer:
        """Return a Trainer that has not begun; `seed` is that of weights and order."""
        train, held_out = self.data()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.network()
        return Trainer(
            model,
            self.loss,
            self.optimizer(model.parameters(), lr=rate),
            train,
            held_out if validated else None,
            seed=seed,
            device="cpu",
            batch_size=self.batch_size,
            keep=0,
        )


# -- networks


def mlp(
    *sizes: int,
    activation: Callable[[], nn.Module] = nn.ReLU,
    between: Callable[[int], nn.Module] | None = None,
) -> nn.Sequential:
    """Return linear layers with `activation` between them, and what `between` makes before it."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes[:-1]):
        layers.append(nn.Linear(inputs, outputs))
        if between is not None:
            layers.append(between(outputs))
        layers.append(activation())
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def lesson() -> nn.Sequential:
    """Return the network of ``notebooks/training.ipynb``."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


class Block(nn.Module):
    """A residual block with batch normalization."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Add what the path makes of the inputs to them."""
        return functional.relu(inputs + self.path(inputs))


def resnet() -> nn.Sequential:
    """Return two residual blocks for 8 × 8 images."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        Block(12),
        nn.MaxPool2d(2),
        Block(12),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 10),
    )


def group_norm() -> nn.Sequential:
    """Return a convolutional network with group normalization and GELU, for 28 × 28 images."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2),
        nn.GroupNorm(2, 8),
        nn.GELU(),
        nn.Conv2d(8, 16, 3, stride=2),
        nn.GroupNorm(4, 16),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(400, 10),
    )


class Recurrent(nn.Module):
    """A recurrent layer and a linear one on its last output."""

    def __init__(self, kind: type[nn.RNNBase], inputs: int, units: int, outputs: int) -> None:
        super().__init__()
        self.memory = kind(inputs, units, batch_first=True)
        self.output = nn.Linear(units, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Read the sequence, answer at its end."""
        return self.output(self.memory(inputs)[0][:, -1])  # type: ignore[no-any-return]  # a tensor


class Transformer(nn.Module):
    """An encoder for sequences of whole numbers, its outputs averaged."""

    def __init__(self, tokens: int, length: int, outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, 32)
        self.place = nn.Parameter(0.1 * torch.randn(length, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.output = nn.Linear(32, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return an answer for each sequence."""
        found = self.encoder(self.embedding(inputs) + self.place)
        return self.output(found.mean(1))  # type: ignore[no-any-return]  # a tensor


class Lion(Optimizer):
    """Sign of the momentum, as X. Chen et al. describe it, https://arxiv.org/abs/2302.06675."""

    def __init__(self, params: Any, lr: float = 1e-4) -> None:  # noqa: ANN401  # as torch's
        super().__init__(params, {"lr": lr, "betas": (0.9, 0.99)})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure here
        """Move every weight by the rate."""
        for group in self.param_groups:
            first, second = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                memory = self.state[parameter]
                if not memory:
                    memory["average"] = torch.zeros_like(parameter)
                average = memory["average"]
                update = torch.lerp(parameter.grad, average, first).sign()
                parameter.add_(update, alpha=-group["lr"])
                average.lerp_(parameter.grad, 1 - second)


# -- data


def images(kind: Callable[[], Any], most: int = 1500) -> tuple[Points, Points]:
    """Return the first images of a set that ships with dl_lab."""
    data = kind()
    train, held_out = ((x[:most], y[:most]) for x, y in (data.train, data.test))
    return train, (held_out[0][:300], held_out[1][:300])


def rows(kind: Callable[[], Any], most: int = 1500) -> tuple[Points, Points]:
    """Return images as sequences of their rows."""
    return tuple((x[:, 0], y) for x, y in images(kind, most))  # type: ignore[return-value]  # two


def themselves(kind: Callable[[], Any], most: int = 1500) -> tuple[Points, Points]:
    """Return images as their own targets."""
    return tuple((x, x.flatten(1)) for x, _ in images(kind, most))  # type: ignore[return-value]  # two


def points(name: str, problem: str = "classification", noise: float = 10) -> tuple[Points, Points]:
    """Return one of the Playground's sets, targets as a column."""
    data = toy(name, problem, noise=noise)
    return tuple((x, y[:, None]) for x, y in (data.train, data.test))  # type: ignore[return-value]  # two


def binary(name: str) -> tuple[Points, Points]:
    """Return the same with targets 0 and 1."""
    return tuple((x, (y > 0).float()) for x, y in points(name))  # type: ignore[return-value]  # two


def table(name: str, *, scaled: bool = True, regression: bool = False) -> tuple[Points, Points]:
    """Return a set of scikit-learn; regression's targets as they are."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    return split(found.data, found.target, scaled=scaled, regression=regression)


def made(name: str, *, regression: bool = False, **arguments: Any) -> tuple[Points, Points]:  # noqa: ANN401
    """Return a set that scikit-learn makes."""
    from sklearn import datasets

    found = getattr(datasets, f"make_{name}")(**arguments, random_state=0)
    return split(*found, scaled=True, regression=regression)


def split(x: Any, y: Any, *, scaled: bool, regression: bool) -> tuple[Points, Points]:  # noqa: ANN401
    """Shuffle; three quarters to train on."""
    inputs = torch.as_tensor(x, dtype=torch.float32)
    targets = torch.as_tensor(y, dtype=torch.float32 if regression else torch.long)
    if regression:
        targets = targets.reshape(len(inputs), -1)
    if scaled:
        inputs = (inputs - inputs.mean(0)) / inputs.std(0).clamp_min(1e-6)
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    first = 3 * len(inputs) // 4
    return (
        (inputs[order[:first]], targets[order[:first]]),
        (inputs[order[first:]], targets[order[first:]]),
    )


def even_numbers() -> tuple[Points, Points]:
    """Return sequences of eight numbers below ten, and how many of each are even."""
    x = torch.randint(0, 10, (2000, 8), generator=torch.Generator().manual_seed(0))
    y = (x % 2 == 0).sum(1)
    return (x[:1500], y[:1500]), (x[1500:], y[1500:])


digits, mnist, fashion = dl_lab.data.digits, dl_lab.data.mnist, dl_lab.data.fashion
entropy, squares = functional.cross_entropy, functional.mse_loss

SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
Momentum = partial(SGD, momentum=0.9)
RMSprop, Adagrad = torch.optim.RMSprop, torch.optim.Adagrad

CHOSEN_ON = (
    Case("lesson's CNN · SGD · digits", lesson, SGD, entropy, partial(images, digits)),
    Case(
        "3-layer sigmoid · Adam · digits",
        partial(mlp, 64, 32, 32, 32, 10, activation=nn.Sigmoid),
        Adam,
        entropy,
        partial(images, digits),
    ),
    Case("MLP · SGD · digits", partial(mlp, 64, 64, 10), SGD, entropy, partial(images, digits)),
    Case(
        "MLP · SGD, batch 4 · digits",
        partial(mlp, 64, 64, 10),
        SGD,
        entropy,
        partial(images, digits),
        4,
    ),
    Case("MLP · Lion · digits", partial(mlp, 64, 64, 10), Lion, entropy, partial(images, digits)),
    Case(
        "tanh MLP · momentum · spiral",
        partial(mlp, 2, 24, 24, 1, activation=nn.Tanh),
        Momentum,
        squares,
        partial(points, "spiral"),
        25,
    ),
    Case(
        "tanh MLP · SGD, batch 10 · circle",
        partial(mlp, 2, 4, 2, 1, activation=nn.Tanh),
        SGD,
        squares,
        partial(points, "circle"),
        10,
    ),
    Case(
        "logistic · SGD, weight decay · iris",
        partial(mlp, 4, 3),
        partial(SGD, weight_decay=0.01),
        entropy,
        partial(table, "iris"),
        16,
    ),
    Case(
        "MLP · SGD, all rows · breast cancer",
        partial(mlp, 30, 32, 2),
        SGD,
        entropy,
        partial(table, "breast_cancer"),
        None,
    ),
    Case(
        "MLP · Adagrad · wine",
        partial(mlp, 13, 32, 3),
        Adagrad,
        entropy,
        partial(table, "wine"),
        32,
    ),
    Case(
        "linear · SGD · diabetes, unscaled targets",
        partial(mlp, 10, 1),
        SGD,
        squares,
        partial(table, "diabetes", regression=True),
        32,
    ),
    Case(
        "MLP · Adam · diabetes, unscaled targets",
        partial(mlp, 10, 64, 1),
        Adam,
        squares,
        partial(table, "diabetes", regression=True),
        32,
    ),
    Case(
        "8-layer MLP · Adam · fashion",
        partial(mlp, 784, *[48] * 7, 10),
        Adam,
        entropy,
        partial(images, fashion),
    ),
    Case(
        "MLP with BatchNorm · momentum · fashion",
        partial(mlp, 784, 48, 48, 10, between=nn.BatchNorm1d),
        Momentum,
        entropy,
        partial(images, fashion),
    ),
    Case(
        "MLP with dropout · AdamW · mnist",
        partial(mlp, 784, 64, 64, 10, between=lambda _: nn.Dropout(0.3)),
        AdamW,
        entropy,
        partial(images, mnist),
    ),
    Case("ResNet · momentum · digits", resnet, Momentum, entropy, partial(images, digits), 16),
    Case(
        "GRU · Adam · digits by row",
        partial(Recurrent, nn.GRU, 8, 32, 10),
        Adam,
        entropy,
        partial(rows, digits),
    ),
    Case(
        "transformer · AdamW · even numbers",
        partial(Transformer, 10, 8, 9),
        AdamW,
        entropy,
        even_numbers,
        32,
    ),
    Case(
        "autoencoder · Adam · digits",
        partial(mlp, 64, 32, 8, 32, 64),
        Adam,
        squares,
        partial(themselves, digits),
    ),
)

KEPT_ASIDE = (
    Case(
        "CNN with GroupNorm · NAdam · fashion",
        group_norm,
        torch.optim.NAdam,
        entropy,
        partial(images, fashion),
        16,
    ),
    Case(
        "RNN · SGD · digits by row",
        partial(Recurrent, nn.RNN, 8, 32, 10),
        SGD,
        entropy,
        partial(rows, digits),
    ),
    Case(
        "MLP · RMSprop · Friedman",
        partial(mlp, 10, 64, 64, 1),
        RMSprop,
        functional.smooth_l1_loss,
        partial(made, "friedman1", regression=True, n_samples=1000, noise=1.0),
    ),
    Case(
        "ELU MLP · Adam, batch 16 · moons",
        partial(mlp, 2, 16, 16, 2, activation=nn.ELU),
        Adam,
        entropy,
        partial(made, "moons", n_samples=600, noise=0.2),
        16,
    ),
    Case(
        "MLP · momentum, all rows · xor",
        partial(mlp, 2, 8, 8, 1),
        Momentum,
        functional.binary_cross_entropy_with_logits,
        partial(binary, "xor"),
        None,
    ),
    Case(
        "SiLU MLP · RAdam · plane, regression",
        partial(mlp, 2, 16, 16, 1, activation=nn.SiLU),
        torch.optim.RAdam,
        squares,
        partial(points, "plane", "regression"),
        32,
    ),
    Case(
        "linear · Adam · 20 features, unscaled",
        partial(mlp, 20, 1),
        Adam,
        squares,
        partial(made, "regression", regression=True, n_samples=600, n_features=20, noise=10.0),
        32,
    ),
    Case(
        "MLP with LayerNorm · SGD · wine",
        partial(mlp, 13, 32, 32, 3, between=nn.LayerNorm),
        SGD,
        entropy,
        partial(table, "wine"),
        16,
    ),
)
