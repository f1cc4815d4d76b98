"""An activation function as a curve with its derivative, and what a stack of layers makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError, shortened, shown
from dl_lab.theory.own import name_of

Function = Callable[[Tensor], Tensor]
Initialization = Literal["he", "xavier", "torch", "own"]

POINTS = 601
EXAMPLES = 256
FLAT = 0.05
"""Where less of a gradient than this gets through, an activation counts as saturated."""
_NARROW = 0.6
"""Where it is flat for less than this, but not dead, it only turns round."""

ACTIVATION_BINS, ACTIVATION_REACH = 48, 4.0
GRADIENT_BINS, GRADIENT_POWERS = 54, (-14, 4)


@dataclass(frozen=True)
class Curve:
    """A function of one number and its derivative, by autograd: f8 [n] each."""

    x: Tensor
    y: Tensor
    slope: Tensor


def curve(function: Function, low: float, high: float, beside: float = 0.0) -> Curve:
    """Return an activation and its derivative between two numbers.

    Parameters
    ----------
    function
        A module or a function of a tensor, called with two columns: the numbers, and `beside`
        throughout. The first column of what it returns is drawn.
    low, high
        The ends.
    beside
        The other input, for what brings several together, as softmax does.

    Raises
    ------
    InputError
        It fails, returns no tensor of that shape or what is not finite, or a value depends on
        other numbers than those of its row.

    Examples
    --------
    >>> found = curve(torch.nn.Sigmoid(), -6, 6)
    >>> found.y[300], found.slope[300]
    (tensor(0.5000, dtype=torch.float64), tensor(0.2500, dtype=torch.float64))
    """
    like = next(iter(function.parameters()), None) if isinstance(function, nn.Module) else None
    options: dict[str, Any] = {"dtype": torch.float64}
    if like is not None:
        options = {"dtype": like.dtype, "device": like.device}
    # Zero itself is among them, where many a function bends.
    x = torch.linspace(low, high, POINTS, **options).round(decimals=9) + 0.0
    rows = torch.stack([x, torch.full_like(x, beside)], 1).requires_grad_()
    with torch.enable_grad():
        y = called(function, rows)[:, 0]
        # A function without a gradient, as a step, has the slope 0.
        found = (
            torch.autograd.grad(y.sum(), rows, allow_unused=True)[0] if y.requires_grad else None
        )
    y = y.detach()
    slope = torch.zeros_like(x) if found is None else found[:, 0]
    for values in (y, slope):
        wrong = ~values.isfinite()
        if wrong.any():
            first = int(wrong.int().argmax())
            raise InputError(
                "activation_not_finite",
                given=name_of(function),
                value=str(float(values[first])),
                x=f"{float(x[first]):g}",
            )
    half = called(function, rows.detach()[: POINTS // 2])[:, 0].detach()
    if not torch.allclose(half, y[: POINTS // 2], rtol=1e-4, atol=1e-6):
        raise InputError("activation_depends", given=name_of(function))
    return Curve(*(values.double().cpu() for values in (x, y, slope)))


def called(function: Function, rows: Tensor) -> Tensor:
    """Return what an activation makes of rows, [n, features], or say why that is none."""
    try:
        if isinstance(function, nn.Softmax2d):
            result = function(rows[..., None, None])[..., 0, 0]
        else:
            result = function(rows)
    except Exception as error:
        raise InputError(
            "activation_failed",
            given=name_of(function),
            kind=type(error).__name__,
            detail=shortened(str(error)),
        ) from error
    if not isinstance(result, Tensor):
        raise InputError("activation_returned", given=name_of(function), result=shown(result))
    halved = (len(rows), rows.shape[1] // 2) if isinstance(function, nn.GLU) else tuple(rows.shape)
    if tuple(result.shape) != halved or not result.is_floating_point():
        raise InputError(
            "activation_shape",
            given=name_of(function),
            wanted=list(halved),
            shape=list(result.shape),
            dtype=str(result.dtype).removeprefix("torch."),
        )
    return result


@dataclass(frozen=True)
class Flat:
    """A stretch of x in which hardly anything of a gradient gets through, or nothing at all."""

    low: float
    high: float
    dead: bool


def flat_stretches(found: Curve) -> list[Flat]:
    """Return where the slope is below `FLAT`, dead where it is 0.

    Examples
    --------
    >>> flat_stretches(curve(torch.nn.ReLU(), -6, 6))
    [Flat(low=-6.0, high=0.0, dead=True)]
    """
    size = found.slope.abs()
    kinds = ((size < FLAT).int() + (size == 0).int()).tolist()
    stretches: list[Flat] = []
    begin = 0
    for end in range(1, len(kinds) + 1):
        if end < len(kinds) and kinds[end] == kinds[begin]:
            continue
        low, high = float(found.x[begin]), float(found.x[end - 1])
        dead = kinds[begin] > 1
        if kinds[begin] > 0 and high - low >= (0 if dead else _NARROW):
            stretches.append(Flat(low, high, dead))
        begin = end
    return stretches


@dataclass(frozen=True)
class Layers:
    """What passes through a stack of layers, forwards and backwards, one row a layer.

    Attributes
    ----------
    activations
        Counts in `ACTIVATION_BINS` equal stretches from -`ACTIVATION_REACH` to +, what is beyond
        in the outermost: f4 [layers, bins].
    gradients
        Counts of the powers of ten of gradients other than 0 in `GRADIENT_BINS` equal stretches of
        `GRADIENT_POWERS`: f4 [layers, bins].
    spread, gradient
        Standard deviation of the activations, root mean square of the gradients: f4 [layers].
    zeros, dead
        Share of activations that are 0, and of neurons that pass no gradient on for any example:
        f4 [layers].
    """

    activations: Tensor
    gradients: Tensor
    spread: Tensor
    gradient: Tensor
    zeros: Tensor
    dead: Tensor


def layers(
    function: Function,
    count: int,
    width: int,
    *,
    initialization: Initialization = "he",
    scale: float = 0.01,
    bias: float = 0.0,
    batch_norm: bool = False,
    seed: int = 0,
) -> Layers:
    """Send noise through layers of one width, and noise back as the gradient of the last.

    Parameters
    ----------
    function
        The activation behind each layer.
    count, width
        Layers, and neurons in each.
    initialization
        ``"he"``: N(0, 2/width); ``"xavier"``: N(0, 1/width); ``"torch"``: what `nn.Linear` begins
        with, U(±1/√width); ``"own"``: N(0, scale²).
    scale
        The standard deviation of the weights for ``"own"``.
    bias
        Of every neuron.
    batch_norm
        Whether `nn.BatchNorm1d` stands before each activation.
    seed
        Of weights, inputs and the gradient at the end, all N(0, 1) before they are scaled.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
       neural networks", 2010
    .. [2] K. He et al., "Delving deep into rectifiers", 2015, https://arxiv.org/abs/1502.01852

    Examples
    --------
    >>> found = layers(torch.nn.Sigmoid(), 10, 64, initialization="xavier")
    >>> bool(found.gradient[0] < 1e-5 * found.gradient[-1])
    True
    """
    generator = torch.Generator().manual_seed(seed)
    like = next(iter(function.parameters()), None) if isinstance(function, nn.Module) else None
    kind = torch.empty(0) if like is None else like
    outputs = 2 * width if isinstance(function, nn.GLU) else width

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(kind)

    before: list[Tensor] = []
    after: list[Tensor] = []
    with torch.enable_grad():
        hidden = noise(EXAMPLES, width)
        for _ in range(count):
            drawn = noise(outputs, width)
            weight = _scaled(drawn, initialization, scale)
            hidden = nn.functional.linear(
                hidden, weight.requires_grad_(), torch.full_like(drawn[:, 0], bias)
            )
            if batch_norm:
                hidden = nn.functional.batch_norm(hidden, None, None, training=True)
            before.append(hidden)
            hidden = called(function, hidden)
            after.append(hidden)
        last = noise(*hidden.shape)
        found = (
            torch.autograd.grad(hidden, before, last, allow_unused=True)
            if hidden.requires_grad
            else [None] * count
        )
    passed = [torch.zeros_like(z) if g is None else g for z, g in zip(before, found, strict=True)]
    return _summary(
        torch.stack([values.detach() for values in after]).float().cpu(),
        [values.detach().float().cpu() for values in passed],
    )


def _scaled(drawn: Tensor, initialization: Initialization, scale: float) -> Tensor:
    width = drawn.shape[1]
    if initialization == "torch":
        # The same noise, made uniform: the weights move smoothly from one choice to the next.
        return torch.erf(drawn / math.sqrt(2)) / math.sqrt(width)
    spread = {"he": math.sqrt(2 / width), "xavier": math.sqrt(1 / width), "own": scale}
    return drawn * spread[initialization]


def _summary(after: Tensor, passed: list[Tensor]) -> Layers:
    reach, (low, high) = ACTIVATION_REACH, GRADIENT_POWERS
    sizes = [gradient.abs() for gradient in passed]
    return Layers(
        torch.stack(
            [torch.histc(_held(one, reach), ACTIVATION_BINS, -reach, reach) for one in after]
        ),
        torch.stack([_powers(size[size > 0], low, high) for size in sizes]),
        after.flatten(1).std(1),
        torch.stack([size.double().square().mean().sqrt().float() for size in sizes]),
        (after == 0).flatten(1).float().mean(1),
        torch.stack([(size.amax(0) == 0).float().mean() for size in sizes]),
    )


def _held(values: Tensor, reach: float) -> Tensor:
    return values[~values.isnan()].clamp(-reach, reach)


def _powers(sizes: Tensor, low: int, high: int) -> Tensor:
    return torch.histc(sizes[~sizes.isnan()].log10().clamp(low, high), GRADIENT_BINS, low, high)
