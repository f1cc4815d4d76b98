"""A race of optimizers: each goes its plain loop over a surface, and what it remembers is kept."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.optim import Optimizer, lr_scheduler

from dl_lab.errors import InputError, number, shown
from dl_lab.probe.looks.own_random import OwnRandom
from dl_lab.theory.surfaces import Place, Surface

Values = npt.NDArray[np.float32]
Make = Callable[[list[Tensor]], Optimizer]

MOST = 24
"""Optimizers in a race."""

_CHUNK = 5
"""Steps that one goes before it is the next one's turn."""

# What a plain call of the class does not say.
_VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    # One gradient a step, as the others; torch's own default is up to 20.
    "LBFGS": ("LBFGS", {"max_iter": 1}),
    # Else it pulls towards 0, which a surface does not ask for.
    "Muon": ("Muon", {"weight_decay": 0.0}),
}
SHOWN = ("SGD", "momentum", "RMSprop", "Adam")
"""Those that run where nobody has said which."""

LIMITS: dict[str, tuple[float, float]] = {
    "lr": (1e-5, 100.0),
    "momentum": (0.0, 0.999),
    "dampening": (0.0, 1.0),
    "beta1": (0.0, 0.999),
    "beta2": (0.0, 0.9999),
    "alpha": (0.0, 0.9999),
    "rho": (0.0, 0.9999),
    "weight_decay": (0.0, 1.0),
    "max_iter": (1, 20),
}
"""Settings that may be changed on the way, and how far."""

SCHEDULES: dict[str, Callable[[Optimizer, int], Any] | None] = {
    "constant": None,
    "step": lambda one, steps: lr_scheduler.StepLR(one, max(1, steps // 3), 0.3),
    "exponential": lambda one, steps: lr_scheduler.ExponentialLR(one, 0.01 ** (1 / steps)),
    "cosine": lr_scheduler.CosineAnnealingLR,
    "warmup": lambda one, steps: lr_scheduler.LinearLR(one, 0.05, 1.0, max(1, steps // 5)),
    "one_cycle": lambda one, steps: lr_scheduler.OneCycleLR(
        one, one.param_groups[0]["lr"], total_steps=steps + 1, cycle_momentum=False
    ),
}
"""Learning rates over the steps: what makes torch's scheduler from an optimizer and the steps."""


@dataclass(frozen=True)
class Entrant:
    """An optimizer that takes part: what makes it, and whether a person has written it."""

    name: str
    make: Make
    own: bool = False

    def fresh(self, start: Place) -> tuple[Tensor, Optimizer]:
        """Return a parameter at a place, and the optimizer over it.

        Raises
        ------
        InputError
            It cannot be made, or is not one.
        """
        parameter = torch.tensor([float(one) for one in start], requires_grad=True)
        try:
            made = self.make([parameter])
        except ValueError as error:
            if "2D" not in str(error):
                raise self._failed(error) from error
            # Muon's are matrices.
            parameter = torch.tensor([[float(one) for one in start]], requires_grad=True)
            made = self.make([parameter])
        except Exception as error:
            raise self._failed(error) from error
        if not isinstance(made, Optimizer):
            raise InputError("not_optimizer_class", given=shown(made))
        return parameter, made

    def _failed(self, error: Exception) -> InputError:
        return InputError(
            "optimizer_not_made", name=self.name, kind=type(error).__name__, detail=error
        )


def torchs() -> dict[str, type[Optimizer]]:
    """Return every optimizer of ``torch.optim``, by its name."""
    return {
        name: one
        for name, one in sorted(vars(torch.optim).items())
        if isinstance(one, type) and issubclass(one, Optimizer) and one is not Optimizer
    }


def entrants(given: Any, rates: Mapping[str, float]) -> dict[str, Entrant]:  # noqa: ANN401  # what is given
    """Return who takes part, by names of which each is there once.

    Parameters
    ----------
    given
        Classes, names of ``torch.optim``, or whatever makes an optimizer from a list of parameters;
        None for all of ``torch.optim``.
    rates
        The learning rate of each of torch's own where its maker says none.

    Raises
    ------
    InputError
        One that makes no optimizer, none at all, or too many.
    """
    known = torchs()
    plain: dict[str, Any] = {}
    named = {name: (cls, plain) for name, cls in known.items()} | {
        name: (known[cls], more) for name, (cls, more) in _VARIANTS.items() if cls in known
    }
    if given is None:
        order = [*_VARIANTS, *known]
        names = [name for name in dict.fromkeys(order) if name in named]
        return {name: _of_torch(name, *named[name], rates) for name in names}
    found: dict[str, Entrant] = {}
    if not isinstance(given, Iterable) or isinstance(given, str):
        given = [given]
    for one in given:
        name = getattr(one, "__name__", "") if isinstance(one, type) else one
        if isinstance(name, str) and (isinstance(one, str) or known.get(name) is one):
            if name not in named:
                raise InputError.unknown("optimizers", name, named)
            entrant = _of_torch(name, *named[name], rates)
        elif callable(one) and not isinstance(one, Optimizer):
            name = _name(one)
            entrant = Entrant(name, one, own=True)
        else:
            raise InputError("not_optimizer_class", given=shown(one))
        again = sum(other.split(" ")[0] == name for other in found)
        name = f"{name} {again + 1}" if again else name
        found[name] = Entrant(name, entrant.make, entrant.own)
    if not found:
        raise InputError("some", name="optimizers", allowed=", ".join(named))
    if len(found) > MOST:
        raise InputError("too_many", name="optimizers", given=len(found), most=MOST)
    return found


def _of_torch(
    name: str, cls: type[Optimizer], more: Mapping[str, Any], rates: Mapping[str, float]
) -> Entrant:
    rate = rates.get(name, rates.get(cls.__name__))
    settings: dict[str, Any] = dict(more) if rate is None else {**more, "lr": rate}
    return Entrant(name, functools.partial(cls, **settings))


def _name(one: object) -> str:
    inner = one.func if isinstance(one, functools.partial) else one
    found = getattr(inner, "__name__", type(inner).__name__)
    return "own" if found == "<lambda>" else str(found)


def settings_of(optimizer: Optimizer) -> dict[str, float]:
    """Return those of an optimizer's settings that may be changed on the way.

    Examples
    --------
    >>> settings_of(torch.optim.Adam([torch.zeros(2)], lr=0.1))
    {'lr': 0.1, 'beta1': 0.9, 'beta2': 0.999, 'weight_decay': 0}
    """
    found: dict[str, float] = {}
    for name, value in optimizer.param_groups[0].items():
        if name == "betas":
            found |= {"beta1": float(value[0]), "beta2": float(value[1])}
        elif name in LIMITS and isinstance(value, (int, float)) and not isinstance(value, bool):
            found[name] = value
    return found


@dataclass
class Lane:
    """One optimizer's way: where it was before each step, and what it remembered after it."""

    entrant: Entrant
    objective: Callable[[Tensor, int], Tensor]
    start: Place
    steps: int
    schedule: str = "constant"
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    changes: dict[int, dict[str, float]] = field(default_factory=dict)
    """Settings that are others from a step on."""

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.parameter, self.optimizer = self.entrant.fresh(self.start)
        take_on(self.optimizer, None, self.changes.get(0, {}), begun=False)
        self.scheduler = scheduler(self.optimizer, self.schedule, self.steps)
        self.points: list[list[float]] = [self._place()]
        self.gradients: list[list[float]] = []
        self.rates: list[float] = []
        self.vectors: dict[str, list[list[float]]] = {}
        self.numbers: dict[str, list[float]] = {}
        self.losses: list[float] = []
        self.problem: InputError | None = None
        self.around_me = self.around()
        self.sparse = isinstance(self.optimizer, torch.optim.SparseAdam)

    @property
    def done(self) -> int:
        """How many steps."""
        return len(self.points) - 1

    @property
    def finished(self) -> bool:
        """Whether it goes no further: all steps are done, it left for infinity, or it raised."""
        last = self.points[-1]
        return self.done >= self.steps or self.problem is not None or not _finite(last)

    def tune(self, at: int, settings: Mapping[str, float]) -> None:
        """Have other settings from a step on; what came after it is gone."""
        self.changes = {step: one for step, one in self.changes.items() if step < at} | {
            at: {**self.changes.get(at, {}), **settings}
        }
        goal = min(at, self.done)
        self._begin()
        # The same numbers again: all that it draws from begins anew as well.
        while self.done < goal and not self.finished:
            self.advance(1)

    def advance(self, count: int) -> None:
        """Go on for some steps."""
        with self.around_me:
            for _ in range(count):
                if self.finished:
                    return
                self._step()

    def _step(self) -> None:
        step = self.done
        parameter, optimizer = self.parameter, self.optimizer
        if step:
            take_on(optimizer, self.scheduler, self.changes.get(step, {}), begun=True)
        self.rates.append(float(optimizer.param_groups[0]["lr"]) if self._has_rate() else math.nan)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = self.objective(parameter if parameter.ndim == 1 else parameter[0], step)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            if self.sparse and parameter.grad is not None:
                parameter.grad = parameter.grad.to_sparse()
            return loss

        try:
            step_with(optimizer, closure)
            if self.scheduler is not None:
                self.scheduler.step()
        except InputError as error:
            self.problem = error
            return
        except Exception as error:  # noqa: BLE001  # a person's own optimizer or surface
            self.problem = InputError(
                "race_failed",
                name=self.entrant.name,
                step=step,
                kind=type(error).__name__,
                detail=error,
            )
            return
        gradient = parameter.grad
        if gradient is not None and gradient.is_sparse:
            gradient = gradient.to_dense()
        self.gradients.append(
            [math.nan] * 2 if gradient is None else gradient.detach().flatten().tolist()
        )
        self._remember(step)
        self.points.append(self._place())

    def _remember(self, step: int) -> None:
        """Keep what stands in ``optimizer.state`` now."""
        for name, value in self.optimizer.state.get(self.parameter, {}).items():
            if isinstance(value, Tensor) and value.numel() == 2:  # noqa: PLR2004  # one a weight
                series = self.vectors.setdefault(name, [])
                series += [[math.nan] * 2] * (step - len(series))
                series.append(value.detach().flatten().tolist())
            elif isinstance(value, (int, float)) or (
                isinstance(value, Tensor) and value.numel() == 1
            ):
                numbers = self.numbers.setdefault(name, [])
                numbers += [math.nan] * (step - len(numbers))
                numbers.append(float(value))

    def memory(self) -> dict[str, Values]:
        """Return what the optimizer was given and remembered, NaN where it was not there.

        ``gradients`` [steps, 2], ``rates`` [steps], ``vectors`` [k, steps, 2] and ``numbers``
        [k, steps], in the order of the attributes of these names.
        """
        found = {
            "gradients": np.full((self.steps, 2), np.nan, np.float32),
            "rates": np.full(self.steps, np.nan, np.float32),
            "vectors": np.full((len(self.vectors), self.steps, 2), np.nan, np.float32),
            "numbers": np.full((len(self.numbers), self.steps), np.nan, np.float32),
        }
        found["gradients"][: len(self.gradients)] = np.reshape(self.gradients, (-1, 2))
        found["rates"][: len(self.rates)] = self.rates
        for at, vectors in enumerate(self.vectors.values()):
            found["vectors"][at, : len(vectors)] = vectors
        for at, numbers in enumerate(self.numbers.values()):
            found["numbers"][at, : len(numbers)] = numbers
        return found

    def _place(self) -> list[float]:
        place: list[float] = self.parameter.detach().flatten().tolist()
        return place

    def _has_rate(self) -> bool:
        return isinstance(self.optimizer.param_groups[0].get("lr"), (int, float, Tensor))


def step_with(optimizer: Optimizer, closure: Callable[[], Tensor]) -> None:
    """Do a step as a plain loop does: the gradient, then the step, which LBFGS asks for itself."""
    if _asks(optimizer):
        optimizer.step(closure)  # type: ignore[arg-type]  # a loss, as torch's own examples return
    else:
        closure()
        optimizer.step()


def _asks(optimizer: Optimizer) -> bool:
    if type(optimizer).__module__.startswith("torch.optim."):
        return isinstance(optimizer, torch.optim.LBFGS)
    wanted = inspect.signature(optimizer.step).parameters.values()
    return any(one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD for one in wanted)


def scheduler(optimizer: Optimizer, name: str, steps: int) -> Any:  # noqa: ANN401  # torch's have no common type in use
    """Return torch's scheduler for one of `SCHEDULES`; None where the rate stays.

    An optimizer without a learning rate has none either.
    """
    make = SCHEDULES[name]
    has_rate = "lr" in optimizer.param_groups[0]
    return None if make is None or not has_rate else make(optimizer, steps)


def take_on(
    optimizer: Optimizer,
    schedule: Any,  # noqa: ANN401  # as above
    settings: Mapping[str, float],
    *,
    begun: bool,
) -> None:
    """Give an optimizer other settings; on its way, a schedule goes on in proportion."""
    before = settings_of(optimizer) if settings else {}
    for group in optimizer.param_groups:
        for name, value in settings.items():
            if name == "lr" and begun and schedule is not None:
                ratio = value / schedule.base_lrs[0]
                for rate in ("lr", "initial_lr", "max_lr", "min_lr"):
                    if rate in group:
                        group[rate] *= ratio
                schedule.base_lrs = [one * ratio for one in schedule.base_lrs]
            elif name in {"beta1", "beta2"} and name in before:
                first, second = group["betas"]
                group["betas"] = (value, second) if name == "beta1" else (first, value)
            elif name in before:
                group[name] = type(before[name])(value)


class Race:
    """Optimizers on a surface, which advance side by side.

    Parameters
    ----------
    surface
        The loss.
    entrants
        Who takes part.
    start
        Where all begin.
    steps
        How many each goes.
    schedule
        One of `SCHEDULES`.
    noise
        Of the gradient: its standard deviation, as a share of the gradient's median length in what
        is shown of the surface. All get the same.
    batch
        How many examples each step takes, of a surface that has any; None for all.
    seed
        Of noise and batches.
    tuned
        Settings by the optimizers' names.

    Examples
    --------
    >>> from dl_lab.theory.surfaces import SURFACES
    >>> race = Race(SURFACES["ravine"](), entrants([torch.optim.SGD], {"SGD": 0.02}), steps=3)
    >>> race.advance()
    >>> [round(x, 3) for x, y in race.lanes["SGD"].points]
    [-4.0, -3.92, -3.842, -3.765]
    """

    def __init__(
        self,
        surface: Surface,
        entrants: Mapping[str, Entrant],
        *,
        start: Place | None = None,
        steps: int = 200,
        schedule: str = "constant",
        noise: float = 0.0,
        batch: int | None = None,
        seed: int = 0,
        tuned: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.surface = surface
        self.steps = steps
        self.tuned = {name: dict(settings) for name, settings in (tuned or {}).items()}
        draw = torch.Generator().manual_seed(seed)
        self._noise: Tensor | None = None
        if noise:
            self._noise = noise * _typical(surface) * torch.randn(steps, 2, generator=draw)
        self._rows: list[Tensor] | None = None
        if batch is not None and batch < surface.rows and surface.on_rows is not None:
            weights = torch.ones(surface.rows)
            self._rows = [torch.multinomial(weights, batch, generator=draw) for _ in range(steps)]
        self.lanes = {
            name: Lane(
                entrant,
                self.objective,
                surface.start if start is None else start,
                steps,
                schedule,
                functools.partial(_drawing, seed) if entrant.own or surface.own else nullcontext,
                {0: dict(self.tuned[name])} if name in self.tuned else {},
            )
            for name, entrant in entrants.items()
        }

    def objective(self, point: Tensor, step: int) -> Tensor:
        """Return the loss that a step sees: of its mini-batch, with its noise."""
        if self._rows is not None and self.surface.on_rows is not None:
            loss = self.surface.on_rows(point, self._rows[step])
        else:
            loss = self.surface.function(point)
        loss = loss.reshape(()) if self.surface.own else loss
        return loss if self._noise is None else loss + (point * self._noise[step]).sum(-1)

    def tune(self, name: str, at: int, settings: Mapping[str, float]) -> None:
        """Give one of them other settings from a step on."""
        self.lanes[name].tune(at, settings)
        self.tuned[name] = {**self.tuned.get(name, {}), **settings}

    def losses(self, name: str) -> list[float]:
        """Return the loss where one of them has been, without noise and of all examples."""
        lane = self.lanes[name]
        new = lane.points[len(lane.losses) :]
        if new:
            lane.losses += self.surface.values(torch.tensor(new)).tolist()
        return lane.losses

    def finished(self, names: Iterable[str]) -> bool:
        """Whether all of these have come to an end."""
        return all(self.lanes[name].finished for name in names)

    def ready(self, names: Iterable[str]) -> int:
        """Return the last step that all of these have done which are still on their way."""
        lanes = [self.lanes[name] for name in names]
        return min((lane.done for lane in lanes if not lane.finished), default=self.steps)

    def advance(self, names: Iterable[str] | None = None, until: float = math.inf) -> None:
        """Go on, those first that are behind, up to a time of `monotonic` or the end."""
        lanes = [self.lanes[name] for name in (self.lanes if names is None else names)]
        while going := [lane for lane in lanes if not lane.finished]:
            min(going, key=lambda lane: lane.done).advance(_CHUNK)
            if monotonic() >= until:
                return


def starting_rates(surface: Surface) -> dict[str, float]:
    """Return learning rates that suit a surface, by the names of torch's optimizers.

    Those whose step is as long as the gradient go by the curvature at the start and at the
    minimum; those that divide by its size by the way that there is to go.

    Examples
    --------
    >>> from dl_lab.theory.surfaces import SURFACES
    >>> rates = starting_rates(SURFACES["ravine"]())
    >>> rates["SGD"], rates["Adam"]
    (0.01, 0.1)
    """
    start = surface.start
    places = [start, *surface.minima[:1]]
    curved = max((abs(one) for place in places for one in curvatures(surface, place)), default=1.0)
    far = min(
        (math.dist(start, one) for one in surface.minima),
        default=(surface.x[1] - surface.x[0]) / 2,
    )
    by_gradient = _round(0.5 / max(curved, 1e-6))
    by_way = _round(max(far, 1e-3) / 40)
    shares = {
        **dict.fromkeys(("SGD", "momentum", "Nesterov", "ASGD"), by_gradient),
        **dict.fromkeys(("Adam", "AdamW", "SparseAdam", "NAdam", "Adamax"), by_way),
        # Its first steps are as long as the gradient.
        "RAdam": _round(min(far / 40, 1 / max(curved, 1e-6))),
        "RMSprop": _round(far / 80),
        "Adagrad": _round(far / 5),
        "Adadelta": 10.0,
        "Rprop": _round(far / 100),
        "Adafactor": 0.1,
        "Muon": by_way,
        "LBFGS": 0.5,
    }
    return {name: min(max(rate, LIMITS["lr"][0]), LIMITS["lr"][1]) for name, rate in shares.items()}


def curvatures(surface: Surface, place: Place) -> list[float]:
    """Return the eigenvalues of the Hessian at a place, the smaller first; none where it has none.

    Examples
    --------
    >>> from dl_lab.theory.surfaces import SURFACES
    >>> curvatures(SURFACES["ravine"](), (0.0, 0.0))
    [1.0, 50.0]
    """
    point = torch.tensor(place, dtype=torch.float32)
    try:
        hessian = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]  # torch has no types here
            lambda one: surface.function(one).reshape(()), point
        )
    except Exception:  # noqa: BLE001  # a person's function that can be differentiated once only
        return []
    if not hessian.isfinite().all():
        return []
    found: list[float] = torch.linalg.eigvalsh(hessian.double()).tolist()
    return [round(one, 6) for one in found]


@dataclass(frozen=True)
class Damping:
    """How momentum moves along one direction of a quadratic.

    Attributes
    ----------
    curvature
        The eigenvalue of the Hessian.
    phase
        ``"under"``: it swings about the minimum; ``"critical"``; ``"over"``: it creeps there from
        one side; ``"bouncing"``: it changes sides each step; ``"diverging"``.
    factor
        By which the distance shrinks in a step, in the long run.
    """

    curvature: float
    phase: str
    factor: float


def damping(curvature: float, rate: float, momentum: float) -> Damping:
    """Return how gradient descent with momentum moves along a direction of a quadratic.

    Source: Goh, "Why Momentum Really Works", Distill 2017, https://doi.org/10.23915/distill.00006

    Parameters
    ----------
    curvature
        The eigenvalue of the Hessian.
    rate, momentum
        Of ``torch.optim.SGD``.

    Examples
    --------
    >>> damping(1.0, 0.1, 0.0).phase, damping(1.0, 0.1, 0.9).phase
    ('over', 'under')
    """
    # z² = (1 + β - αλ)·z - β, where z is what a step multiplies by.
    half = (1 + momentum - rate * curvature) / 2
    inside = half**2 - momentum
    if inside < 0:
        factor = math.sqrt(momentum)
    else:
        factor = max(abs(half + math.sqrt(inside)), abs(half - math.sqrt(inside)))
    if factor > 1 + 1e-9:
        phase = "diverging"
    elif abs(inside) < 1e-4:  # noqa: PLR2004  # slider steps come no nearer
        phase = "critical"
    elif inside < 0:
        phase = "under"
    else:
        phase = "bouncing" if half < 0 else "over"
    return Damping(curvature, phase, factor)


def _typical(surface: Surface) -> float:
    """Return the median length of the gradient in what is shown."""
    x, y = (torch.linspace(*ends, 9) for ends in (surface.x, surface.y))
    lengths = []
    for place in torch.stack([x.repeat(9), y.repeat_interleave(9)], 1):
        point = place.requires_grad_()
        (gradient,) = torch.autograd.grad(surface.function(point).reshape(()), point)
        lengths.append(gradient.norm())
    found = torch.stack(lengths)
    return float(found[found.isfinite()].median())


def _drawing(seed: int) -> AbstractContextManager[Any]:
    """Return what gives a person's own code random numbers that begin with the seed."""
    return OwnRandom(torch.Generator().manual_seed(seed))


def _finite(place: list[float]) -> bool:
    return all(map(math.isfinite, place))


def _round(value: float) -> float:
    """Return 1, 2 or 5 times a power of ten, the nearest below."""
    power = 10.0 ** math.floor(math.log10(value))
    digit = max(one for one in (1, 2, 5) if one * power <= value * (1 + 1e-9))
    return float(f"{digit * power:.3g}")


def checked(name: str, value: object) -> float:
    """Return a setting's value, or refuse it.

    Raises
    ------
    InputError
        There is no such setting, or its value is out of range.
    """
    if name not in LIMITS:
        raise InputError.unknown("setting", name, LIMITS)
    return number(name, value, *LIMITS[name])
