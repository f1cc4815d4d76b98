"""BiasVariance: many trainings on resampled data, their mean and spread, and their errors."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dl_lab import forks
from dl_lab.errors import InputError
from dl_lab.pictures.curves import ORANGE, Curve, Mark, svg
from dl_lab.theory.bias_variance import (
    CAPACITIES,
    FAMILIES,
    LAST_STEP,
    MOST_HELD,
    Fits,
    Penalty,
    Study,
    called,
    drawn_from,
    own_points,
    sampled,
)
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Number

_SECONDS = 0.03
_SHOWN = 12


def sine(x: Tensor) -> Tensor:
    """Return sin πx."""
    return torch.sin(math.pi * x)


class BiasVariance(Explainer):
    """Train many times on data drawn anew: what all get wrong together, and how they differ.

    Parameters
    ----------
    target
        What is to be learnt: a function of a tensor of places between -1 and 1, or your own points
        ``(x, y)``, each a row of numbers. Of points, each training takes some and is tested with
        the rest. None is sin πx.
    network
        ``network(width)`` makes the module that the family ``"network"`` trains, from [n, 1] to
        [n, 1]; None for a hidden layer of tanh.
    family
        ``"polynomial"`` of a degree, ``"features"``: a hidden layer of random cosines, frozen, or
        ``"network"``, trained as a whole.
    capacity
        The degree, or the number of hidden units; 0 to 400.
    points
        In each training set.
    noise
        Standard deviation of the targets around the function.
    l2, l1
        Times half the sum of the squared weights, and the sum of their sizes, is added to half the
        sum of the squared errors.
    dropout
        The share of features or hidden units left out while training.
    steps
        Steps of training; 1000 is to the end.
    sets
        Training sets drawn; of networks at most 20 are trained.
    seed
        Where the draws begin.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        If a value is not allowed, or the target or the network cannot be used; the sentence says
        what is.

    References
    ----------
    .. [1] M. Belkin et al., "Reconciling modern machine-learning practice and the classical
       bias-variance trade-off", PNAS 116, 2019

    Examples
    --------
    >>> import dl_lab
    >>> explainer = dl_lab.BiasVariance(capacity=3)
    >>> fits = explainer.fits()
    >>> fits.bias < 0.01 < fits.variance < fits.test
    True
    >>> explainer.close()
    """

    PRESETS: ClassVar = {
        "underfit": {"family": "polynomial", "capacity": 1},
        "overfit": {"family": "polynomial", "capacity": 13},
        "descent": {"family": "features", "capacity": 200},
        "ridge": {"family": "polynomial", "capacity": 13, "l2": 0.05},
    }

    family = Choice(FAMILIES)
    capacity = Number(0, 400, 3, whole=True, group="drawn")
    points = Number(6, 100, 15, whole=True)
    l2 = Number(0, 10, 0.0, log=True)
    dropout = Number(0, 0.9, 0.0, step=0.05)
    steps = Number(1, LAST_STEP, LAST_STEP, whole=True, log=True)
    l1 = Number(0, 10, 0.0, log=True, group="advanced")
    noise = Number(0, 1, 0.3, step=0.05, group="advanced")
    sets = Number(10, 500, 200, step=10, whole=True, group="advanced")
    seed = Number(0, 9999, 0, step=None, whole=True, group="advanced")

    def __init__(
        self,
        target: Callable[[Tensor], Tensor] | tuple[Any, Any] | None = None,
        network: Callable[[int], nn.Module] | None = None,
        **settings: Any,
    ) -> None:
        self._function = sine if target is None else target
        self._points: tuple[Tensor, Tensor] | None = None
        if not callable(self._function):
            self._points = own_points(self._function)
        else:
            called(self._function, torch.linspace(-1, 1, 9).double())
        self._network = network
        if network is not None:
            _check(network)
        self._study: Study | None = None
        self._drawn: tuple[object, ...] = ()
        # The view's thread computes too.
        self._turn = forks.opens(threading.RLock())
        super().__init__(**settings)

    @property
    def penalty(self) -> Penalty:
        """What holds the fits back, of the settings."""
        return Penalty(self.l1, self.l2, self.dropout, self.steps)

    def study(self) -> Study:
        """Return the training sets and the fits of them as far as they are known."""
        drawn = (self.family, self.points, self.noise, self.sets, self.seed)
        if self._study is None or drawn != self._drawn:
            if self._points is not None:
                taken = min(self.points, len(self._points[0]) - MOST_HELD)
                samples = drawn_from(*self._points, taken, self.sets, self.seed)
            else:
                assert callable(self._function)  # noqa: S101  # __init__ saw to it
                samples = sampled(self._function, self.points, self.noise, self.sets, self.seed)
            self._study = Study(self.family, samples, self._network, self.seed)
            self._drawn = drawn
        return self._study

    @property
    def reached(self) -> int:
        """The capacity that is shown: the setting, within what the family has."""
        least, most = CAPACITIES[self.family][0], CAPACITIES[self.family][-1]
        capacity: int = self.capacity
        within: int = max(least, min(most, capacity))
        return within

    def fits(self) -> Fits:
        """Return the fits of the present settings, trained to the end."""
        with self._turn:
            study, capacity, penalty = self.study(), self.reached, self.penalty
            while capacity in study.missing(capacity, penalty):
                study.advance(capacity, penalty, 0)
            found = study.known(capacity, penalty)
        assert found is not None  # noqa: S101  # it is not missing
        return found

    def compute(self) -> tuple[dict[str, Any], dict[str, Tensor | np.ndarray]]:
        """Return the fits of the capacity that is looked at, and the errors of all known."""
        with self._turn:
            return self._computed_now()

    def _computed_now(self) -> tuple[dict[str, Any], dict[str, Tensor | np.ndarray]]:
        study, capacity, penalty = self.study(), self.reached, self.penalty
        unfinished = study.advance(capacity, penalty, _SECONDS if self._ready else 0)
        samples, fits = study.samples, study.known(capacity, penalty)
        assert fits is not None  # noqa: S101  # `advance` begins with it
        self.unfinished = unfinished
        capacities = sorted({*CAPACITIES[self.family], capacity})
        known = {one: found for one in capacities if (found := study.known(one, penalty))}
        low, high = self._span()

        def raw(x: Tensor) -> Tensor:
            return low + (x + 1) / 2 * (high - low)

        mean, spread = fits.grid.mean(0), fits.grid.std(0)
        columns = {
            name: [getattr(found, name) for found in known.values()]
            for name in ("train", "test", "bias", "variance")
        }
        meta = {
            "capacity": capacity,
            "limits": [CAPACITIES[self.family][0], CAPACITIES[self.family][-1]],
            "taken": samples.x.shape[1],
            "own": self._points is not None,
            "noise": samples.noise,
            "done": not unfinished,
            "numbers": {name: getattr(fits, name) for name in columns},
        }
        shown = fits.grid[:_SHOWN]
        return meta, {
            "grid": raw(samples.grid),
            "truth": samples.truth,
            "mean": mean,
            "low": mean - spread,
            "high": mean + spread,
            "fits": shown,
            "x": raw(samples.x[0]),
            "y": samples.y[0],
            "capacities": np.array([*known], "f8"),
            **{name: np.array(values, "f8") for name, values in columns.items()},
        }

    def _span(self) -> tuple[float, float]:
        if self._points is None:
            return -1.0, 1.0
        return float(self._points[0].min()), float(self._points[0].max())

    def source(self) -> str:
        """Return the same fits in plain PyTorch."""
        data = (
            "import torch\n\n\n"
            "def target(x):\n    return torch.sin(torch.pi * x)\n\n\n"
            f"x = torch.linspace(-1, 1, {self.points}).double()\n"
            f"y = target(x) + {self.noise!r} * torch.randn({self.sets}, len(x)).double()\n"
            "grid = torch.linspace(-1, 1, 100).double()\n"
        )
        learn = self._networks() if self.family == "network" else self._solution()
        return (
            data
            + learn
            + (
                "mean, variance = fits.mean(0), fits.var(0)\n"
                "print(float((mean - target(grid)).square().mean()), float(variance.mean()))\n"
            )
        )

    def _solution(self) -> str:
        size = self.reached
        if self.family == "polynomial":
            design = (
                "def features(x):\n    legendre = torch.special.legendre_polynomial_p\n"
                f"    return torch.stack([legendre(x, k) for k in range({size + 1})], 1)\n"
            )
        else:
            design = (
                f"draws = 10 * torch.randn({size}).double()\n"
                f"phases = torch.rand({size}).double()\n\n\n"
                "def features(x):\n"
                "    angles = x[:, None] * draws + 2 * torch.pi * phases\n"
                f"    return torch.cos(angles) * (2 / {size}) ** 0.5\n"
            )
        rows = "\n\nrows, values = features(x), y.T\n"
        if self.l2 or self.dropout:
            odds = self.dropout / (1 - self.dropout)
            rows += (
                f"ridge = {self.l2!r} + {odds:.6g} * rows.square().sum(0)\n"
                "values = torch.cat([values, torch.zeros(rows.shape[1], values.shape[1])])\n"
                "rows = torch.cat([rows, ridge.sqrt().diag()])\n"
            )
        solve = "weights = torch.linalg.lstsq(rows, values, driver='gelsd').solution\n"
        if self.l1 or self.steps < LAST_STEP:
            shrink = (
                f"    size = (weights.abs() - {self.l1!r} * step).clamp(min=0)\n"
                "    weights = weights.sign() * size\n"
            )
            solve = (
                "step = 1 / torch.linalg.matrix_norm(rows, 2) ** 2\n"
                "weights = torch.zeros(rows.shape[1], values.shape[1]).double()\n"
                f"for _ in range({self.steps}):\n"
                "    weights = weights - step * rows.T @ (rows @ weights - values)\n"
                + (shrink if self.l1 else "")
            )
        return design + rows + solve + "fits = (features(grid) @ weights).T\n"

    def _networks(self) -> str:
        return (
            "from torch import nn\n"
            "from torch.func import functional_call, stack_module_state, vmap\n\n"
            f"models = [nn.Sequential(nn.Linear(1, {self.reached}), nn.Tanh(), "
            f"nn.Dropout({self.dropout!r}), nn.Linear({self.reached}, 1)) for _ in y[:20]]\n"
            "parameters, buffers = stack_module_state(models)\n"
            "optimizer = torch.optim.Adam(parameters.values(), 0.02)\n\n\n"
            "def answer(parameters, buffers, x):\n"
            "    return functional_call(models[0], (parameters, buffers), (x,))[:, 0]\n\n\n"
            "answers = vmap(answer, (0, 0, None), randomness='different')\n"
            f"for _ in range({self.steps}):\n"
            "    said = answers(parameters, buffers, x.float()[:, None])\n"
            "    loss = (said - y[:20].float()).square().sum() / 2\n"
            "    for weight in (parameters['0.weight'], parameters['3.weight']):\n"
            f"        loss = loss + {self.l2!r} / 2 * weight.square().sum()\n"
            f"        loss = loss + {self.l1!r} * weight.abs().sum()\n"
            "    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
            "models[0].eval()\n"
            "fits = answers(parameters, buffers, grid.float()[:, None]).detach().double()\n"
        )

    def picture(self) -> str:
        """Return the errors over capacity as SVG, for the saved notebook."""
        words = self.words()
        with self._turn:
            study, penalty = self.study(), self.penalty
            known = {
                one: found
                for one in CAPACITIES[self.family]
                if (found := study.known(one, penalty))
            }
        x = np.array([*known], "f8")
        test, train = (
            np.log10([max(getattr(one, name), 1e-6) for one in known.values()])
            for name in ("test", "train")
        )
        return svg(
            words["title"],
            [Curve(x, test, words["test"], ORANGE), Curve(x, train, words["train"])],
            x_label=words[f"axis_{self.family}"],
            y_label=words["axis_log_error"],
            nothing=words["status_busy"],
            marks=[Mark(self.reached, str(self.reached), dash="4 3")],
            identifier=self._mark,
        )


def _check(network: Any) -> None:
    """Refuse what does not make a network from one number to one."""
    if not callable(network) or isinstance(network, nn.Module):
        raise InputError("network_maker", given=type(network).__name__)
    try:
        module = network(2)
        answer = module(torch.zeros(3, 1))
        fits = isinstance(module, nn.Module) and answer.shape == (3, 1)
    except Exception as error:
        raise InputError("network_failed", kind=type(error).__name__, detail=error) from error
    if not fits:
        raise InputError("network_maker", given=type(module).__name__)
