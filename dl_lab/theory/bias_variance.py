"""Bias and variance: many trainings on resampled data, their mean, their spread, their errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from dl_lab.errors import InputError, shortened, shown
from dl_lab.train.batches.random_stream import RandomStream
from dl_lab.train.batches.structure import described

FAMILIES = ("polynomial", "features", "network")
LAST_STEP = 1000
"""So many steps of training count as to the end."""

CAPACITIES = {
    "polynomial": (*range(15), 16, 18, 20, 24, 28, 32, 40),
    "features": (1, 2, 3, 4, 6, 8, 10, 12, 14, 15, 16, 18, 20, 25, 30, 40, 60, 100, 200, 400),
    "network": (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64),
}
"""Those whose errors are shown: degrees, or numbers of hidden units."""

KEPT_STEPS = tuple(sorted({round(LAST_STEP ** (power / 40)) for power in range(41)}))
"""After how many steps a network in training is looked at: more often at first."""

_GRID = 100
_RATE = 0.02
_AT_ONCE = 5
_NETWORKS = 20
# Each with a hidden layer of its own, for which all is solved anew; L1 goes down step by step.
_LAYERS, _LAYERS_L1 = 100, 20
_FREQUENCY = 10.0
_RCOND = 1e-10


@dataclass(frozen=True)
class Penalty:
    """What holds the fits back.

    Attributes
    ----------
    l1, l2
        Times the sum of the weights' sizes, or of their squares, is added to half the sum of the
        squared errors.
    dropout
        The share of features, or hidden units, that a training step leaves out.
    steps
        Steps of gradient descent from 0; `LAST_STEP` is until nothing changes any more.
    """

    l1: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    steps: int = LAST_STEP


@dataclass(frozen=True)
class Samples:
    """Training sets drawn anew again and again.

    Attributes
    ----------
    x
        [1, n] where all have the same places, else [sets, n]; within -1 and 1.
    y
        [sets, n].
    grid, truth
        [m], places to look at and what is right there; NaN where nobody knows.
    test_x, test_y
        Held back: [m] the grid and the truth with it, or [sets, k] of a person's own points.
    noise
        The variance of the targets around the truth, where known.
    """

    x: Tensor
    y: Tensor
    grid: Tensor
    truth: Tensor
    test_x: Tensor
    test_y: Tensor
    noise: float


def legendre(x: Tensor, degree: int) -> Tensor:
    """Return the Legendre polynomials of `x`, [..., degree + 1].

    Examples
    --------
    >>> legendre(torch.tensor([0.0, 1.0]), 2)
    tensor([[ 1.0000,  0.0000, -0.5000],
            [ 1.0000,  1.0000,  1.0000]])
    """
    columns = [torch.ones_like(x), x]
    for k in range(1, degree):
        columns.append(((2 * k + 1) * x * columns[-1] - k * columns[-2]) / (k + 1))
    return torch.stack(columns[: degree + 1], -1)


def random_features(x: Tensor, width: int, sets: int, seed: int = 0) -> Tensor:
    """Return frozen hidden layers of cosines, drawn anew for each training set, of `x`.

    Parameters
    ----------
    x
        [1 or sets, n].
    width
        Hidden units.
    sets
        How many layers.
    seed
        Where the draws begin.

    Returns
    -------
    Tensor
        [sets, n, width].

    References
    ----------
    .. [1] A. Rahimi, B. Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007

    Examples
    --------
    >>> random_features(torch.zeros(1, 5), 3, 2).shape
    torch.Size([2, 5, 3])
    """
    generator = torch.Generator().manual_seed(seed)
    draws = torch.randn(sets, 1, width, generator=generator, dtype=x.dtype)
    phases = 2 * math.pi * torch.rand(sets, 1, width, generator=generator, dtype=x.dtype)
    return torch.cos(_FREQUENCY * draws * x[..., None] + phases) * math.sqrt(2 / width)


def fit(design: Tensor, targets: Tensor, penalty: Penalty | None = None) -> Tensor:
    """Return the weights to which gradient descent leads, from 0, by least squares.

    Without anything that holds it back, that is the solution of least norm.

    Parameters
    ----------
    design
        [batch, n, features], float64.
    targets
        [batch, n, columns].
    penalty
        None for none. Dropout is taken in its mean over all masks: a ridge of p/(1-p) · Σx² for
        each feature [1]_; steps then go down in units in which all features have the same.

    Returns
    -------
    Tensor
        [batch, features, columns].

    References
    ----------
    .. [1] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", JMLR 15, 2014, section 9.1

    Examples
    --------
    >>> x, y = (torch.tensor([[[1.0], [2.0]]]).double() * by for by in (1, 2))
    >>> round(fit(x, y).item(), 9), round(fit(x, y, Penalty(l2=5.0)).item(), 9)
    (2.0, 1.0)
    """
    penalty = penalty or Penalty()
    if penalty.l1:
        return _lasso(design, targets, penalty)
    scale, ridge = torch.ones_like(design[..., :1, :]), penalty.l2
    if penalty.dropout:
        scale, ridge = _ridge(design, penalty).sqrt()[..., None, :], 1.0
        scale = torch.where(scale > 0, scale, 1.0)
    left, singular, right = torch.linalg.svd(design / scale, full_matrices=False)
    largest = singular[..., :1].clamp(min=1e-300)
    curvature = singular.square() + ridge
    inverse = torch.where(singular > _RCOND * largest, singular / curvature, 0.0)
    if penalty.steps < LAST_STEP:
        rate = 1 / (largest.square() + ridge)
        inverse = inverse * (1 - (1 - rate * curvature).clamp(min=0) ** penalty.steps)
    weights: Tensor = right.mT @ (inverse[..., None] * (left.mT @ targets)) / scale.mT
    return weights


def _ridge(design: Tensor, penalty: Penalty) -> Tensor:
    """Return what each feature's squared weight costs, [batch, features]."""
    odds = penalty.dropout / (1 - penalty.dropout)
    return penalty.l2 + odds * design.square().sum(-2)


def _lasso(design: Tensor, targets: Tensor, penalty: Penalty) -> Tensor:
    """Descend, and pull each weight towards 0 after each step (FISTA)."""
    ridge = _ridge(design, penalty)[..., None]
    curvature = torch.linalg.matrix_norm(design, 2)[:, None, None].square() + ridge.amax(1, True)
    step = 1 / curvature.clamp(min=1e-300)
    pull = penalty.l1 * step
    weights = ahead = torch.zeros_like(design.mT @ targets)
    momentum = 1.0
    for _ in range(penalty.steps):
        before = weights
        slope = design.mT @ (design @ ahead - targets) + ridge * ahead
        moved = ahead - step * slope
        weights = moved.sign() * (moved.abs() - pull).clamp(min=0)
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = weights + (momentum - 1) / following * (weights - before)
        momentum = following
    return weights


def sampled(
    function: Callable[[Tensor], Tensor], points: int, noise: float, sets: int, seed: int = 0
) -> Samples:
    """Draw training sets: the same places each time, other noise.

    Raises
    ------
    InputError
        The function raises, or does not return a finite number for each place.
    """
    grid = torch.linspace(-1, 1, _GRID).double()
    x = torch.linspace(-1, 1, points).double()
    clean, truth = called(function, x), called(function, grid)
    drawn = [
        torch.randn(points, generator=torch.Generator().manual_seed(seed + one)).double()
        for one in range(sets)
    ]
    y = clean + noise * torch.stack(drawn)
    return Samples(x[None], y, grid, truth, grid, truth, noise**2)


def drawn_from(x: Tensor, y: Tensor, points: int, sets: int, seed: int = 0) -> Samples:
    """Draw training sets from a person's own points; the rest of them tests each fit."""
    generator = torch.Generator().manual_seed(seed)
    low, high = x.min(), x.max()
    scaled = 2 * (x - low) / (high - low) - 1
    orders = torch.stack([torch.randperm(len(x), generator=generator) for _ in range(sets)])
    taken, held = orders[:, :points], orders[:, points:]
    grid = torch.linspace(-1, 1, _GRID).double()
    return Samples(
        scaled[taken], y[taken], grid, torch.full_like(grid, torch.nan), scaled[held], y[held], 0.0
    )


def called(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return a person's function of places, or say what is the matter with it."""
    if not callable(function):
        raise InputError("own_function", name="function", given=described(function))
    try:
        values: object = function(x.clone())
    except Exception as error:
        kind = type(error).__name__
        raise InputError("curve_failed", kind=kind, detail=shortened(str(error))) from error
    if not isinstance(values, Tensor) or values.shape != x.shape:
        raise InputError("curve_shape", given=described(values), wanted=list(x.shape))
    if not bool(values.isfinite().all()):
        raise InputError("curve_not_finite", x=f"{float(x[~values.isfinite()][0]):g}")
    return values.detach().double()


def own_points(data: object) -> tuple[Tensor, Tensor]:
    """Return a person's own points as float64, [n] each, or say what is the matter with them."""
    if not isinstance(data, (tuple, list)) or len(data) != 2:  # noqa: PLR2004  # x and y
        raise InputError("curve_points", given=described(data))
    try:
        x, y = (torch.as_tensor(one).detach().cpu().double().squeeze() for one in data)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError("curve_points", given=shown(data)) from error
    if x.shape != y.shape or x.ndim != 1 or len(x) < MOST_HELD + 5:
        raise InputError("curve_points", given=described((x, y)))
    if not bool((x.isfinite() & y.isfinite()).all()):
        raise InputError("not_finite_points")
    if bool(x.min() == x.max()):
        raise InputError("curve_points", given=described((x, y)))
    return x, y


MOST_HELD = 5
"""Own points that are held back at least."""


def _network(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Dropout(0.0), nn.Linear(width, 1))


@dataclass(frozen=True)
class Fits:
    """Many fits of one capacity.

    Attributes
    ----------
    grid
        [sets, m], what each says.
    train, test
        Mean squared errors, of all together; of test data as they are measured, noise included.
    bias, variance
        Means over the places: of (mean minus truth)², and of the variance of the fits. Where nobody
        knows the truth, the bias has the noise in it.
    """

    grid: Tensor
    train: float
    test: float
    bias: float
    variance: float


class Study:
    """The fits of one family for all capacities, computed as time allows.

    Parameters
    ----------
    family
        One of `FAMILIES`.
    samples
        The training sets.
    build
        Makes a network of a width; None for one hidden layer of tanh.
    seed
        Of the random features and the first weights.
    """

    def __init__(
        self,
        family: str,
        samples: Samples,
        build: Callable[[int], nn.Module] | None = None,
        seed: int = 0,
    ) -> None:
        self.family = family
        self.samples = samples
        self._build = build or _network
        self._seed = seed
        self._known: dict[tuple[int, Penalty], Fits] = {}
        self._training: dict[tuple[int, Penalty], Iterator[tuple[int, Fits | None]]] = {}

    def known(self, capacity: int, penalty: Penalty) -> Fits | None:
        """Return the fits; of networks those of the last kept step, as far as training has come."""
        if self.family != "network":
            return self._known.get((capacity, penalty))
        for step in reversed(KEPT_STEPS):
            kept = self._known.get((capacity, replace(penalty, steps=step)))
            if kept is not None and step <= penalty.steps:
                return kept
        return None

    def missing(self, capacity: int, penalty: Penalty) -> list[int]:
        """Return the capacities still to be computed, the one that is looked at first."""
        if self.family == "network":
            # All steps of a training are kept.
            penalty = replace(penalty, steps=LAST_STEP)
        wanted = [capacity, *CAPACITIES[self.family][::4], *CAPACITIES[self.family]]
        return [one for one in dict.fromkeys(wanted) if (one, penalty) not in self._known]

    def advance(self, capacity: int, penalty: Penalty, seconds: float) -> bool:
        """Compute for about so long; return whether something is left to do."""
        end = perf_counter() + seconds
        first = True
        while (left := self.missing(capacity, penalty)) and (first or perf_counter() < end):
            self._go_on(left[0], penalty)
            first = False
        return bool(left)

    def _go_on(self, capacity: int, penalty: Penalty) -> None:
        if self.family != "network":
            self._known[capacity, penalty] = self._solved(capacity, penalty)
            return
        key = (capacity, replace(penalty, steps=LAST_STEP))
        if key not in self._training:
            self._training[key] = self._trained(*key)
        step, fits = next(self._training[key])
        if fits is not None:
            self._known[capacity, replace(penalty, steps=step)] = fits
        if step == LAST_STEP:
            del self._training[key]

    def _solved(self, capacity: int, penalty: Penalty) -> Fits:
        samples = self.samples
        sets = len(samples.y)
        if self.family == "features":
            sets = min(sets, _LAYERS_L1 if penalty.l1 else _LAYERS)

        def features(x: Tensor) -> Tensor:
            x = x[:sets]
            if self.family == "polynomial":
                return legendre(x, capacity)
            return random_features(x, capacity, sets, self._seed)

        design, targets = features(samples.x), samples.y[:sets]
        # Of the same places and features one solution serves all sets.
        shared = len(design) == 1
        weights = fit(design, targets.mT[None] if shared else targets[..., None], penalty)

        def answer(x: Tensor) -> Tensor:
            said = features(x) @ weights
            return said[0].mT if shared else said[..., 0]

        held = samples.test_x if samples.test_x.ndim > 1 else samples.test_x[None]
        return self._measured(answer(samples.x), answer(samples.grid[None]), answer(held))

    def _trained(self, width: int, penalty: Penalty) -> Iterator[tuple[int, Fits | None]]:
        """Train networks of one width, all in one batch; yield what they say after some steps."""
        samples, sets = self.samples, min(_NETWORKS, len(self.samples.y))
        stream = RandomStream(self._seed)
        stream.use(())
        with stream:
            models = [self._build(width) for _ in range(sets)]
        parameters, buffers = stack_module_state(models)
        base = models[0]
        for module in base.modules():
            if isinstance(module, nn.Dropout):
                module.p = penalty.dropout
        optimizer = torch.optim.Adam(parameters.values(), _RATE)

        def one(own: dict[str, Tensor], held: dict[str, Tensor], x: Tensor) -> Tensor:
            said: Tensor = functional_call(base, (own, held), (x,))
            return said[..., 0]

        call = vmap(one, (0, 0, None if len(samples.x) == 1 else 0), randomness="different")
        x = samples.x.float()[..., None]
        x = x[0] if len(samples.x) == 1 else x[:sets]
        y = samples.y[:sets].float()
        weights = [value for value in parameters.values() if value.ndim > 2]  # noqa: PLR2004  # no biases
        for step in range(1, LAST_STEP + 1):
            base.train()
            with stream:
                loss = (call(parameters, buffers, x) - y).square().sum() / 2
                for value in weights:
                    if penalty.l2:
                        loss = loss + penalty.l2 / 2 * value.square().sum()
                    if penalty.l1:
                        loss = loss + penalty.l1 * value.abs().sum()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
                optimizer.step()
            if step in KEPT_STEPS:
                yield step, self._answers(base, call, parameters, buffers, sets)
            elif step % _AT_ONCE == 0:
                yield step, None

    def _answers(
        self,
        base: nn.Module,
        call: Callable[..., Tensor],
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        sets: int,
    ) -> Fits:
        samples = self.samples
        shared = len(samples.x) == 1
        base.eval()

        def answer(x: Tensor) -> Tensor:
            if not shared:
                x = x.expand(sets, -1) if x.ndim == 1 else x[:sets]
            return call(parameters, buffers, x.float()[..., None]).detach().double()

        with torch.no_grad():
            train = answer(samples.x[0] if shared else samples.x)
            return self._measured(train, answer(samples.grid), answer(samples.test_x))

    def _measured(self, train: Tensor, grid: Tensor, test: Tensor) -> Fits:
        samples = self.samples
        sets = len(grid)
        mean = grid.mean(0)
        variance = float(grid.var(0).mean()) if sets > 1 else 0.0
        held = samples.test_y[:sets] if samples.test_y.ndim > 1 else samples.test_y
        error = float((test - held).square().mean()) + samples.noise
        bias = float((mean - samples.truth).square().mean())
        if math.isnan(bias):
            bias = max(0.0, error - variance)
        return Fits(grid, float((train - samples.y[:sets]).square().mean()), error, bias, variance)
