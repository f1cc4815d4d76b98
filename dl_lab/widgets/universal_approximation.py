"""UniversalApproximation: any function from enough neurons, built by hand and learned."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import Any, ClassVar

import torch
import traitlets
from torch import Tensor

from dl_lab.errors import InputError, number, shown, whole
from dl_lab.pictures.curves import ORANGE, Curve, svg
from dl_lab.protocol import Array, Message
from dl_lab.theory.universal_approximation import (
    ACTIVATIONS,
    FUNCTIONS,
    POINTS,
    SIDE,
    SURFACES,
    TOWER,
    Learner,
    Target,
    best_heights,
    bump,
    bumps,
    error_of,
    grid,
    neuron,
    target_of,
    target_through,
    towers,
)
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Number
from dl_lab.widgets.base.widget import handles

BUDGET = 0.02
"""Seconds of training between two pictures."""

STEPS = 5000
"""After so many training steps it pauses by itself."""

_LARGEST = 1e6


class UniversalApproximation(Explainer):
    """Build any function from the steps of sigmoid neurons, then let torch learn it.

    Parameters
    ----------
    function
        What to approximate: a function of one tensor, or of two for a surface, that returns a
        number for each place. Without one, a preset.
    points
        The same as places and values: ``(x, y)`` with x [n] or [n, 2] and y [n].
    domain
        Where the function is looked at, ``(low, high)``.
    stage
        ``"step"``: one neuron; ``"bump"``: two; ``"bumps"``: many, whose heights one drags;
        ``"learn"``: a network that is trained.
    target
        ``"nielsen"``, ``"sine"``, ``"jump"``, or the surfaces ``"hills"`` and ``"waves"``;
        ``"drawn"`` is what was drawn in the page; None is the function, or the points, of your
        own.
    weight, bias
        Of the neuron, -200 to 200 each; the weight is that of the bumps, too.
    neurons
        In the hidden layer, 1 to 64. A bump takes two.
    activation
        Of the network that is trained: ``"tanh"``, ``"sigmoid"`` or ``"relu"``.
    learning_rate
        Adam's, 0.0001 to 1.
    left, right, height
        Of the one bump, 0 to 1, 0 to 1, and -10 to 10.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        The function or the points cannot be used, or a value is not allowed.

    References
    ----------
    .. [1] M. Nielsen, "Neural Networks and Deep Learning", chapter 4,
       http://neuralnetworksanddeeplearning.com/chap4.html

    Examples
    --------
    >>> import torch
    >>> import dl_lab
    >>> explainer = dl_lab.UniversalApproximation(torch.sin, domain=(-3, 3), weight=100)
    >>> explainer.stage = "bumps"
    >>> explainer.fit()
    >>> explainer.error < 0.2
    True
    >>> explainer.close()
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "step": {"stage": "step", "weight": 200.0, "bias": -80.0},
        "many": {"stage": "bumps", "weight": 200.0, "neurons": 40},
        "learned": {"stage": "learn", "neurons": 10},
        "tower": {"stage": "bump", "target": "hills", "weight": 100.0},
    }

    stage = Choice(("step", "bump", "bumps", "learn"))
    target = Choice((*FUNCTIONS, "drawn", None))
    weight = Number(-200, 200, 12.0, step=1)
    bias = Number(-200, 200, -6.0, step=0.5)
    neurons = Number(1, 64, 10, whole=True)
    activation = Choice(tuple(ACTIVATIONS), group="advanced")
    learning_rate = Number(1e-4, 1, 0.02, step=None, group="advanced")
    left = Number(0, 1, 0.4, group="advanced")
    right = Number(0, 1, 0.6, group="advanced")
    height = Number(-10, 10, 0.8, step=0.05, group="advanced")
    running = traitlets.Bool(False, read_only=True).tag(sync=True)

    def __init__(
        self,
        function: Callable[..., Tensor] | None = None,
        *,
        points: tuple[object, object] | None = None,
        domain: tuple[float, float] = (0.0, 1.0),
        **settings: Any,
    ) -> None:
        self._given = _given(function, points, domain)
        if self._given is not None:
            settings.setdefault("target", None)
        self._drawn = FUNCTIONS["sine"](grid(1)[:, 0])
        self._target = Target(grid(1), self._drawn)
        self._heights: Tensor | None = None
        self._learner: Learner | None = None
        super().__init__(**settings)

    @property
    def error(self) -> float:
        """The mean absolute difference between what is shown and the target."""
        with self._lock:
            return error_of(self._output(self._target.x), self._target)

    def fit(self) -> None:
        """Give each bump, or tower, the height that the target has there on average."""
        with self._lock:
            self._heights = best_heights(self._target, self._side())
        self.refresh()

    def train(self, steps: int = 100) -> None:
        """Train the networks for so many steps.

        Raises
        ------
        InputError
            `steps` is no whole number from 1 to 100,000.
        """
        steps = whole("steps", steps, 1, 100_000)
        with self._lock:
            self._learning().train(steps)
        self.refresh()

    def reset(self) -> None:
        """Flatten the bumps and begin the training anew."""
        with self._lock:
            self.set_trait("running", False)
            self._heights = self._learner = None
        self.refresh()

    def compute(self) -> tuple[dict[str, Any], Mapping[str, Array | Tensor]]:
        """Return target and output, f4 [201] or f4 [31, 31], and what makes up the output."""
        with self._lock:
            if self.running:
                self._train_on()
            self.unfinished = self.running
            target = self._target
            places = grid(target.dimensions)
            output = self._output(places)
            low, high = target.ends
            meta: dict[str, Any] = {
                "stage": self.stage,
                "dimensions": target.dimensions,
                "low": target.low,
                "high": target.high,
                "range": [low, high],
                "error": error_of(self._output(target.x), target),
                "side": self._side(),
                "neurons": self._count(),
                "points": target.points,
                "steps": 0 if self._learner is None else self._learner.steps,
                "most_steps": STEPS,
            }
            arrays: dict[str, Array | Tensor] = {
                "target_x": target.x,
                "target": _upwards(target.y) if self._is_surface() else target.y,
                "output": _upwards(output) if target.dimensions > 1 else output,
                "parts": self._parts(places),
            }
            if self.stage == "learn":
                learner = self._learning()
                pairs = sorted(zip(learner.sizes, learner.errors(), strict=True))
                arrays["sizes"] = torch.tensor(pairs)
            return meta, arrays

    def source(self) -> str:
        """Return the network of this stage in plain PyTorch."""
        x = "import torch\n\nx = torch.linspace(0, 1, 201)\n"
        if self.stage == "step":
            return f"{x}y = torch.sigmoid({self.weight!r} * x + {self.bias!r})\n"
        if self.stage == "bump":
            return (
                f"{x}w = {self.weight!r}\n"
                f"y = {self.height!r} * (torch.sigmoid(w * (x - {self.left!r}))"
                f" - torch.sigmoid(w * (x - {self.right!r})))\n"
            )
        if self.stage == "bumps":
            heights = self._heights_now().flatten()[: self._side()].tolist()
            return (
                f"{x}w = {self.weight!r}\n"
                f"heights = torch.tensor({[round(height, 4) for height in heights]})\n"
                "edges = torch.linspace(0, 1, len(heights) + 1)\n"
                "steps = torch.sigmoid(w * (x[:, None] - edges))\n"
                "y = (steps[:, :-1] - steps[:, 1:]) @ heights\n"
            )
        name = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "ReLU"}[self.activation]
        return (
            "import torch\nfrom torch import nn\n\nx = torch.linspace(-1, 1, 201)[:, None]\n"
            "y = torch.sin(3 * x)  # what is to be learned\n"
            f"model = nn.Sequential(nn.Linear(1, {self.neurons}), nn.{name}(), "
            f"nn.Linear({self.neurons}, 1))\n"
            f"optimizer = torch.optim.Adam(model.parameters(), lr={self.learning_rate!r})\n"
            "for step in range(100):\n"
            "    optimizer.zero_grad()\n"
            "    nn.functional.mse_loss(model(x), y).backward()\n"
            "    optimizer.step()\n"
        )

    def picture(self) -> str:
        """Return target and output as SVG; of a surface, along the line through its middle."""
        words = self.words()
        with self._lock:
            target, places = self._target, grid(1)
            x, y = target.x, target.y
            if target.dimensions > 1:
                places = torch.cat([places, torch.full_like(places, 0.5)], 1)
                on_line = (x[:, 1] - 0.5).abs() < 1 / (4 * SIDE)
                x, y = x[on_line], y[on_line]
            output = self._output(places)
        order = x[:, 0].argsort()
        low, wide = target.low[0], target.high[0] - target.low[0]
        curves = [
            Curve(_numbers(low + wide * x[order, 0]), _numbers(y[order]), words["target"], ORANGE),
            Curve(_numbers(low + wide * places[:, 0]), _numbers(output), words["output"]),
        ]
        return svg(
            f"{words['title']} · {words['stage_' + self.stage]}",
            [curve for curve in curves if len(curve.x) > 0],
            x_label="x",
            y_label="y",
            identifier=self._mark,
        )

    # -- what is shown

    def on_stream_failed(self, error: Exception) -> None:
        """Stop training on what cannot be computed."""
        self.set_trait("running", False)
        super().on_stream_failed(error)

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        settings = super()._checked(changes)
        if "target" in settings:
            settings_target = settings["target"]
            if settings_target is None and self._given is None:
                raise InputError("target_nothing")
            if not self._ready:
                self._target = self._target_of(settings_target)
        return settings

    def _apply(self, changed: AbstractSet[str]) -> None:
        if "target" in changed:
            self._aim(self._target_of(self.target))
        if "neurons" in changed:
            self._heights = None
        if changed & {"neurons", "activation", "learning_rate"}:
            self._learner = None
        if "stage" in changed:
            self.set_trait("running", False)
        super()._apply(changed)

    def _target_of(self, name: str | None) -> Target:
        if name is None and self._given is not None:
            return self._given
        if name is None or name == "drawn":
            return Target(grid(1), self._drawn)
        dimensions = 2 if name in SURFACES else 1
        return target_of(FUNCTIONS[name], dimensions, [0.0] * dimensions, [1.0] * dimensions)

    def _aim(self, target: Target) -> None:
        self._target = target
        self._heights = self._learner = None

    def _is_surface(self) -> bool:
        return self._target.dimensions > 1 and not self._target.points

    def _side(self) -> int:
        """Bumps, or towers along each side."""
        pairs = max(1, int(self.neurons) // 2)
        return pairs if self._target.dimensions == 1 else max(1, round(pairs / 2))

    def _count(self) -> int:
        """Hidden neurons of what is shown."""
        if self.stage == "learn":
            return int(self.neurons)
        pairs = {"step": 0.5, "bump": 1.0}.get(self.stage, float(self._side()))
        return int(2 * pairs * self._target.dimensions)

    def _heights_now(self) -> Tensor:
        if self._heights is None:
            low, high = self._target.ends
            shape = (self._side(),) * self._target.dimensions
            self._heights = torch.full(shape, low + 0.5 * (high - low))
        return self._heights

    def _learning(self) -> Learner:
        if self._learner is None:
            self._learner = Learner(self._target, self.neurons, self.activation, self.learning_rate)
        return self._learner

    def _train_on(self) -> None:
        end, learner = monotonic() + BUDGET, self._learning()
        while monotonic() < end and learner.steps < STEPS:
            learner.train(1)
        if learner.steps >= STEPS:
            self.set_trait("running", False)

    def _output(self, x: Tensor) -> Tensor:
        if self.stage == "learn":
            return self._learning().output(x)
        if self.stage == "step":
            return neuron(x[:, 0], self.weight, self.bias)
        if self.stage == "bump":
            height, edges = float(self.height), (self.left, self.right, self.weight)
            along = [bump(x[:, i], *edges) for i in range(x.shape[1])]
            if len(along) == 1:
                return height * along[0]
            return height * torch.sigmoid(TOWER * (along[0] + along[1] - 1.5))
        if x.shape[1] == 1:
            return bumps(x, self._heights_now(), self.weight)
        return towers(x, self._heights_now(), self.weight)

    def _parts(self, x: Tensor) -> Tensor:
        """Return what the neurons of a bump contribute each, [parts, 201]; none of a surface."""
        if self._target.dimensions > 1:
            return torch.zeros(0, len(x))
        if self.stage == "bump":
            one = self.height * torch.sigmoid(self.weight * (x[:, 0] - self.left))
            other = -self.height * torch.sigmoid(self.weight * (x[:, 0] - self.right))
            return torch.stack([one, other])
        return torch.zeros(0, len(x))

    # -- what the page asks

    @handles("height.set")
    def _set_height(self, message: Message) -> None:
        asked = message.meta
        value = number("height", asked.get("value"), -_LARGEST, _LARGEST)
        with self._lock:
            heights = self._heights_now().clone()
            at = whole("bump", asked.get("at"), 0, heights.numel() - 1)
            heights.view(-1)[at] = value
            self._heights = heights
        self.refresh()

    @handles("heights.fit")
    def _fit(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self.fit()

    @handles("target.draw")
    def _draw(self, message: Message) -> None:
        values = message.arrays.get("values")
        if values is None or values.shape != (POINTS,):
            raise InputError("target_shape", given=shown(values), count=POINTS)
        drawn = torch.tensor(values, dtype=torch.float32)
        if not bool(drawn.isfinite().all()):
            raise InputError("points_infinite")
        with self._lock:
            self._drawn = drawn
            if self.target != "drawn":
                self.set(target="drawn")
            else:
                self._aim(self._target_of("drawn"))
        self.refresh()

    @handles("train.run")
    def _run(self, message: Message) -> None:
        running = message.meta.get("value")
        if not isinstance(running, bool):
            raise InputError("yes_no", name="running", given=shown(running))
        with self._lock:
            if running and self._learning().steps >= STEPS:
                self._learner = None
            self.set_trait("running", running)
        self.refresh()

    @handles("train.reset")
    def _reset(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self.reset()


def _numbers(values: Tensor) -> Array:
    return values.detach().double().cpu().numpy()


def _upwards(values: Tensor) -> Tensor:
    """Return the values of `grid` as rows from the lowest up."""
    return values.reshape(SIDE, SIDE).T.contiguous()


def _given(function: object, points: object, domain: Sequence[float]) -> Target | None:
    """Read what the learner wants approximated; None where nothing was given."""
    if points is not None:
        if not isinstance(points, (tuple, list)) or len(points) != 2:  # noqa: PLR2004
            raise InputError("points_kind", given=shown(points))
        return target_through(*points)
    if function is None:
        return None
    if not callable(function):
        raise InputError("own_function", name="function", given=shown(function))
    low, high = _ends(domain)
    count = _dimensions(function)
    return target_of(function, count, [low] * count, [high] * count)


def _ends(domain: object) -> tuple[float, float]:
    if not isinstance(domain, (tuple, list)) or len(domain) != 2:  # noqa: PLR2004
        raise InputError("domain", given=shown(domain))
    low, high = (number("domain", one, -1e9, 1e9) for one in domain)
    if not low < high:
        raise InputError("domain", given=shown(domain))
    return low, high


def _dimensions(function: Callable[..., object]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of a function that C defines
        return 1
    needed = [
        one
        for one in parameters
        if one.default is one.empty and one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}
    ]
    return 2 if len(needed) == 2 else 1  # noqa: PLR2004
