"""Choices of training on real small nets: two runs that differ in one of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dl_lab.data.images import digits
from dl_lab.errors import InputError
from dl_lab.train.batches.random_stream import RandomStream
from dl_lab.train.batches.structure import described
from dl_lab.train.diagnosis.explain import check_model, explain

SWITCHES = (
    "initialization",
    "batch_norm",
    "dropout",
    "weight_decay",
    "early_stopping",
    "augmentation",
)
INITIALIZATIONS = ("he", "xavier", "small", "large", "default")
"""N(0, 2/in); uniform, ±√(6/(in + out)); N(0, 0.01²); N(0, 1); PyTorch's, uniform ±1/√in."""

PROBLEMS = ("moons", "digits")
OPTIMIZERS = ("Adam", "AdamW", "SGD")

Loss = Callable[[Tensor, Tensor], Tensor]

_EVERY = 5
_MOST_TESTED = 1000
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_LEAST_ROWS = 8


@dataclass(frozen=True)
class Choices:
    """What one run does; by default nothing of it.

    Attributes
    ----------
    initialization
        One of `INITIALIZATIONS`.
    batch_norm
        After each layer with weights but the last.
    dropout
        The share of hidden units left out, behind each activation.
    weight_decay
        The optimizer's.
    patience
        Steps without a better test loss after which it stops, and takes the best weights back; 0
        for never.
    augmentation
        Of images, by which share of their size they are moved at most; else the standard deviation
        of the noise that is added to the inputs.
    """

    initialization: str = "default"
    batch_norm: bool = False
    dropout: float = 0.0
    weight_decay: float = 0.0
    patience: int = 0
    augmentation: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What both runs have in common.

    Attributes
    ----------
    train, test
        Inputs [n, …] and targets [n, …].
    loss
        ``loss(outputs, targets)``.
    model
        A person's own, of which each run trains a copy; None for `layers` hidden layers of `width`
        ReLUs.
    """

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    loss: Loss
    model: nn.Module | None = None
    layers: int = 2
    width: int = 256
    optimizer: str = "Adam"
    learning_rate: float = 0.01
    batch_size: int = 64
    steps: int = 500
    seed: int = 0


def moons(count: int, noise: float = 0.3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return two half circles that reach into each other: points [n, 2], 0 or 1 for each [n].

    The points are those of scikit-learn's ``make_moons(count, noise=noise, random_state=seed)``.

    Examples
    --------
    >>> points, labels = moons(4)
    >>> points.shape, sorted(labels.tolist())
    (torch.Size([4, 2]), [0.0, 0.0, 1.0, 1.0])
    """
    outer = count // 2
    up, down = np.linspace(0, np.pi, outer), np.linspace(0, np.pi, count - outer)
    points = np.concatenate(
        [
            np.stack([np.cos(up), np.sin(up)], 1),
            np.stack([1 - np.cos(down), 1 - np.sin(down) - 0.5], 1),
        ]
    )
    labels = np.concatenate([np.zeros(outer), np.ones(count - outer)])
    draw = np.random.RandomState(seed)  # the generator that scikit-learn has
    order = np.arange(count)
    draw.shuffle(order)
    points = points[order] + draw.normal(scale=noise, size=points.shape)
    return torch.from_numpy(points).float(), torch.from_numpy(labels[order]).float()


def binary(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of one logit for each row."""
    return functional.binary_cross_entropy_with_logits(outputs[..., 0], targets)


def problem(name: str, examples: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], Loss]:
    """Return training data, test data and loss of one of `PROBLEMS`."""
    if name == "moons":
        most = min(examples, 1000)
        x, y = moons(most + 1000)
        return (x[:most], y[:most]), (x[most:], y[most:]), binary
    images = digits()
    x, y = images.train
    return (x[:examples], y[:examples]), images.test, functional.cross_entropy


def own_problem(
    data: object, loss: Loss | None
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], Loss]:
    """Return a person's own data as `problem` does, or say what is the matter with them.

    Parameters
    ----------
    data
        ``(inputs, targets)``, of which a quarter is held back, or ``((inputs, targets), (inputs,
        targets))`` for training and test.
    loss
        None for cross-entropy where targets are whole numbers, else squared error.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:  # noqa: PLR2004  # a pair
        raise InputError("choices_data", given=described(data))
    first, second = data
    if isinstance(first, (tuple, list)) and isinstance(second, (tuple, list)):
        train, test = _pair(first), _pair(second)
    else:
        x, y = _pair(data)
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        held = len(x) // 4
        train, test = (x[order[held:]], y[order[held:]]), (x[order[:held]], y[order[:held]])
    if min(len(train[0]), len(test[0])) < _LEAST_ROWS:
        raise InputError("choices_rows", count=len(train[0]) + len(test[0]), least=4 * _LEAST_ROWS)
    if loss is None:
        whole = not train[1].is_floating_point()
        loss = functional.cross_entropy if whole else functional.mse_loss
    return train, test, loss


def _pair(data: object) -> tuple[Tensor, Tensor]:
    several: Any = data
    if (
        len(several) != 2  # noqa: PLR2004  # inputs and targets
        or not all(isinstance(one, Tensor) and one.ndim for one in several)
        or len(several[0]) != len(several[1])
    ):
        raise InputError("choices_data", given=described(data))
    x, y = several
    return x.detach().cpu(), y.detach().cpu()


def build(recipe: Recipe, choices: Choices) -> nn.Module:
    """Return the network of a run, its weights drawn from torch's global generator.

    Raises
    ------
    InputError
        A person's own model is not an `nn.Sequential`, into which alone layers can be put.
    """
    x, y = recipe.train
    if recipe.model is None:
        outputs = 1 if recipe.loss is binary else _outputs(y)
        sizes = [x[0].numel(), *[recipe.width] * recipe.layers, outputs]
        parts: list[nn.Module] = [nn.Flatten()] if x.ndim > 2 else []  # noqa: PLR2004  # rows
        for into, out in pairwise(sizes):
            parts.append(nn.Linear(into, out))
            parts.append(nn.ReLU())
        model: nn.Module = nn.Sequential(*parts[:-1])
    else:
        model = copy.deepcopy(recipe.model)
    if choices.batch_norm or choices.dropout:
        if type(model) is not nn.Sequential:
            raise InputError("choices_sequential", given=type(model).__name__)
        model = _with_layers(model, choices)
    if choices.initialization != "default":
        for module in model.modules():
            if isinstance(module, _WEIGHTED):
                initialize(module, choices.initialization)
    return model


def _outputs(targets: Tensor) -> int:
    if not targets.is_floating_point():
        return int(targets.max()) + 1
    return 1 if targets.ndim == 1 else targets[0].numel()


def _with_layers(model: nn.Sequential, choices: Choices) -> nn.Sequential:
    """Put batch normalization behind layers with weights, dropout before them."""
    weighted = [one for one in model if isinstance(one, _WEIGHTED)]
    parts: list[nn.Module] = []
    for one in model:
        if choices.dropout and one in weighted[1:]:
            parts.append(nn.Dropout(choices.dropout))
        parts.append(one)
        if choices.batch_norm and one in weighted[:-1]:
            kind = nn.BatchNorm2d if isinstance(one, nn.Conv2d) else nn.BatchNorm1d
            size = one.out_features if isinstance(one, nn.Linear) else one.out_channels
            parts.append(kind(int(size)))
    return nn.Sequential(*parts)


def initialize(layer: nn.Module, how: str) -> None:
    """Draw the weights of a layer anew in one of the ways of `INITIALIZATIONS`; biases are 0."""
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, Tensor)  # noqa: S101  # of `_WEIGHTED`
    if how == "he":
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    elif how == "xavier":
        nn.init.xavier_uniform_(weight)
    else:
        nn.init.normal_(weight, 0, {"small": 0.01, "large": 1.0}[how])
    if isinstance(bias, Tensor):
        nn.init.zeros_(bias)


def augmented(x: Tensor, amount: float) -> Tensor:
    """Move images by up to a share of their size, each by itself; add noise to what is no image."""
    if x.ndim != 4:  # noqa: PLR2004  # [n, channels, height, width]
        return x + amount * torch.randn_like(x)
    height, width = x.shape[-2:]
    most = max(1, round(amount * min(height, width)))
    padded = functional.pad(x, [most] * 4)
    down, right = torch.randint(0, 2 * most + 1, (2, len(x), 1))
    rows = (down + torch.arange(height))[:, None, :, None]
    columns = (right + torch.arange(width))[:, None, None, :]
    every = torch.arange(len(x))[:, None, None, None]
    channels = torch.arange(x.shape[1])[None, :, None, None]
    return padded[every, channels, rows, columns]


class Run:
    """One training, a few steps at a time, with what it measures on the way.

    Its random numbers are its own: those of the person stay where they are.

    Raises
    ------
    InputError
        Model, data and loss do not go together; the sentence says why.
    """

    def __init__(self, recipe: Recipe, choices: Choices) -> None:
        self.recipe, self.choices = recipe, choices
        self._stream = RandomStream(recipe.seed)
        self._stream.use(())
        with self._stream:
            self.model = build(recipe, choices)
        self._optimizer: torch.optim.Optimizer | None = None
        self.step = 0
        self.stopped: int | None = None
        """The step at which it stopped early or took off."""
        self.diverged = False
        self.best = (math.inf, 0)
        """The lowest test loss, and its step."""
        self.rows: list[tuple[int, float, float]] = []
        """Step, train loss, test loss; measured in evaluation mode."""
        self._best_weights: dict[str, Any] | None = None
        self._order = torch.empty(0, dtype=torch.long)
        self._measure()

    @property
    def done(self) -> bool:
        """Whether no step is to come."""
        return self.stopped is not None or self.step >= self.recipe.steps

    def advance(self) -> None:
        """Do one step."""
        optimizer = self._optimizer
        if optimizer is None:
            # The first that is made loads much of torch, for a second.
            kind = getattr(torch.optim, self.recipe.optimizer)
            decay, rate = self.choices.weight_decay, self.recipe.learning_rate
            optimizer = kind(self.model.parameters(), lr=rate, weight_decay=decay)
            self._optimizer = optimizer
        x, y = self._batch()
        outputs: Any = None
        with self._stream:
            self.model.train()
            try:
                if self.choices.augmentation:
                    x = augmented(x, self.choices.augmentation)
                optimizer.zero_grad()
                outputs = self.model(x)
                loss = self.recipe.loss(self._fitting(outputs, y), y)
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
                optimizer.step()
            except InputError:
                raise
            except Exception as error:
                raise self._explained(error, x, outputs, y) from error
        self.step += 1
        if self.step % _EVERY == 0 or self.step == self.recipe.steps:
            self._measure()

    def _batch(self) -> tuple[Tensor, Tensor]:
        x, y = self.recipe.train
        size = self.recipe.batch_size
        if size >= len(x):
            return x, y
        # What would be left over is too little for batch normalization, and left out.
        if len(self._order) < size:
            with self._stream:
                self._order = torch.randperm(len(x))
        rows, self._order = self._order[:size], self._order[size:]
        return x[rows], y[rows]

    def _fitting(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Let a single output column stand for targets of one dimension."""
        alone = targets.is_floating_point() and targets.ndim == 1 and self.recipe.loss is not binary
        return outputs[:, 0] if alone and outputs.shape == (len(targets), 1) else outputs

    def _explained(self, error: Exception, x: object, outputs: object, y: object) -> InputError:
        where = "forward" if outputs is None else "loss"
        return explain(
            error,
            model=self.model,
            loss=self.recipe.loss,
            inputs=x,
            outputs=outputs,
            targets=y,
            where=where,
        )

    @torch.no_grad()
    def _losses(self, data: tuple[Tensor, Tensor]) -> tuple[float, Tensor]:
        x, y = data[0][:_MOST_TESTED], data[1][:_MOST_TESTED]
        outputs: object = None
        with self._stream:
            self.model.eval()
            try:
                outputs = self.model(x)
                assert isinstance(outputs, Tensor)  # noqa: S101  # else explained below
                outputs = self._fitting(outputs, y)
                return float(self.recipe.loss(outputs, y)), outputs
            except Exception as error:
                raise self._explained(error, x, outputs, y) from error

    def _measure(self) -> None:
        train, test = self._losses(self.recipe.train)[0], self._losses(self.recipe.test)[0]
        self.rows.append((self.step, train, test))
        if not math.isfinite(train):
            self.diverged, self.stopped = True, self.step
            return
        if test < self.best[0]:
            self.best = (test, self.step)
            if self.choices.patience:
                self._best_weights = copy.deepcopy(self.model.state_dict())
        elif self.choices.patience and self.step - self.best[1] >= self.choices.patience:
            self.stopped = self.step
            assert self._best_weights is not None  # noqa: S101  # taken at the best step
            self.model.load_state_dict(self._best_weights)

    def numbers(self) -> dict[str, float]:
        """Return losses of the weights as they are, the test accuracy, the share of dead ReLUs."""
        train, test = self._losses(self.recipe.train)[0], self._losses(self.recipe.test)
        return {
            "train": train,
            "test": test[0],
            "accuracy": _accuracy(self.recipe.loss, test[1], self.recipe.test[1]),
            "dead": self.signal()[1],
        }

    @torch.no_grad()
    def signal(self) -> tuple[list[float], float]:
        """Return the standard deviation behind each activation, and the share of dead ReLUs.

        A unit is dead that is 0 for all training data. Of models that are no `nn.Sequential`
        nothing is known.
        """
        if type(self.model) is not nn.Sequential:
            return [], math.nan
        spreads: list[float] = []
        dead: list[Tensor] = []
        x = self.recipe.train[0][:_MOST_TESTED]
        with self._stream:
            self.model.eval()
            for module in self.model:
                x = module(x)
                if isinstance(module, nn.Linear) or type(module).__module__ != _ACTIVATIONS:
                    continue
                spreads.append(float(x.std()))
                if isinstance(module, nn.ReLU):
                    units = x.flatten(2).amax(2) if x.ndim > 2 else x  # noqa: PLR2004  # of channels
                    dead.append(units.amax(0) <= 0)
        return spreads, float(torch.cat(dead).float().mean()) if dead else math.nan


_ACTIVATIONS = nn.ReLU.__module__


def _accuracy(loss: Loss, outputs: Tensor, targets: Tensor) -> float:
    targets = targets[: len(outputs)]
    if loss is binary:
        return float(((outputs[..., 0] > 0) == (targets > 1 / 2)).float().mean())
    if targets.is_floating_point() or outputs.ndim != 2:  # noqa: PLR2004  # [n, classes]
        return math.nan
    return float((outputs.argmax(1) == targets).float().mean())


class Pair:
    """Two runs that differ in one choice, trained in turn.

    Parameters
    ----------
    recipe
        What they have in common.
    switch
        One of `SWITCHES`: the first run goes without, the second has it as `choices` say.
    choices
        Of the second; of them only the switch's counts.
    """

    def __init__(self, recipe: Recipe, switch: str, choices: Choices) -> None:
        plain = Choices()
        name = "patience" if switch == "early_stopping" else switch
        changed: dict[str, Any] = {name: getattr(choices, name)}
        self.left, self.right = Run(recipe, plain), Run(recipe, replace(plain, **changed))

    @property
    def done(self) -> bool:
        """Whether both are."""
        return self.left.done and self.right.done

    def advance(self, seconds: float) -> None:
        """Train both for about so long, at least a step."""
        end = perf_counter() + seconds
        while not self.done:
            for run in (self.left, self.right):
                if not run.done:
                    run.advance()
            if perf_counter() >= end:
                return


def check_own(model: nn.Module | None) -> None:
    """Refuse what is not a model."""
    if model is not None:
        check_model(model)
