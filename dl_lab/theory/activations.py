"""The activation functions of `torch.nn`: how each is made, its formula and derivative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Activation:
    r"""An activation function: TeX of f(x) and f'(x), and which settings its class takes.

    Formulas have a setting's value as ``\val{name}``. Where an activation brings several inputs
    together, as softmax does, x is the first of two and c the other.
    """

    formula: str
    derivative: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Setting → argument of the class."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the class is given besides."""


def _cases(*rows: str) -> str:
    return r"\begin{cases}" + r" \\ ".join(rows) + r"\end{cases}"


_SIGMOID = r"\frac{1}{1 + e^{-x}}"
_SOFTMAX = r"\frac{e^x}{e^x + e^c}"
_BESIDE = r"\quad c = \val{beside}"
_LEAKY = _cases(r"x & x > 0", r"\val{slope} x & x \le 0")
_LEAKY_SLOPE = _cases(r"1 & x > 0", r"\val{slope} & x \le 0")

ACTIVATIONS: Mapping[str, Activation] = {
    "Identity": Activation("x", "1"),
    "Sigmoid": Activation(_SIGMOID, r"f(x) (1 - f(x)) \le \frac{1}{4}"),
    "Tanh": Activation(r"\tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}", r"1 - f(x)^2 \le 1"),
    "ReLU": Activation(r"\max(0, x)", _cases(r"1 & x > 0", r"0 & x \le 0")),
    "LeakyReLU": Activation(_LEAKY, _LEAKY_SLOPE, {"slope": "negative_slope"}),
    "PReLU": Activation(_LEAKY, _LEAKY_SLOPE, {"slope": "init"}),
    "RReLU": Activation(
        _cases(r"x & x > 0", r"\frac{1}{2} (\frac{1}{8} + \frac{1}{3}) x & x \le 0"),
        _cases(r"1 & x > 0", r"\frac{11}{48} & x \le 0"),
    ),
    "ReLU6": Activation(r"\min(\max(0, x), 6)", _cases(r"1 & 0 < x < 6", r"0 & x \le 0, x \ge 6")),
    "ELU": Activation(
        _cases(r"x & x > 0", r"\val{alpha} (e^x - 1) & x \le 0"),
        _cases(r"1 & x > 0", r"\val{alpha} e^x & x \le 0"),
        {"alpha": "alpha"},
    ),
    "CELU": Activation(
        _cases(r"x & x > 0", r"\val{alpha} (e^{x / \val{alpha}} - 1) & x \le 0"),
        _cases(r"1 & x > 0", r"e^{x / \val{alpha}} & x \le 0"),
        {"alpha": "alpha"},
    ),
    "SELU": Activation(
        r"1.0507 \cdot " + _cases(r"x & x > 0", r"1.6733 (e^x - 1) & x \le 0"),
        r"1.0507 \cdot " + _cases(r"1 & x > 0", r"1.6733 e^x & x \le 0"),
    ),
    "GELU": Activation(
        r"x \Phi(x)",
        r"\Phi(x) + x \frac{e^{-x^2 / 2}}{\sqrt{2 \pi}} \quad \Phi(x) = P(N(0, 1) \le x)",
    ),
    "SiLU": Activation(
        r"x \sigma(x)",
        r"\sigma(x) (1 + x (1 - \sigma(x))) \quad \sigma(x) = " + _SIGMOID,
    ),
    "Mish": Activation(
        r"x \tanh s \quad s = \ln(1 + e^x)", r"\tanh s + x \sigma(x) (1 - \tanh^2 s)"
    ),
    "Softplus": Activation(
        r"\frac{1}{\val{beta}} \ln(1 + e^{\val{beta} x})",
        r"\frac{1}{1 + e^{-\val{beta} x}}",
        {"beta": "beta"},
    ),
    "Softsign": Activation(r"\frac{x}{1 + |x|}", r"\frac{1}{(1 + |x|)^2}"),
    "LogSigmoid": Activation(r"\ln " + _SIGMOID, r"\frac{1}{1 + e^x}"),
    "Hardsigmoid": Activation(
        r"\min(\max(0, \frac{x}{6} + \frac{1}{2}), 1)",
        _cases(r"\frac{1}{6} & |x| < 3", r"0 & |x| \ge 3"),
    ),
    "Hardswish": Activation(
        r"x \min(\max(0, \frac{x}{6} + \frac{1}{2}), 1)",
        _cases(r"0 & x \le -3", r"\frac{x}{3} + \frac{1}{2} & |x| < 3", r"1 & x \ge 3"),
    ),
    "Hardtanh": Activation(r"\min(\max(-1, x), 1)", _cases(r"1 & |x| < 1", r"0 & |x| \ge 1")),
    "Tanhshrink": Activation(r"x - \tanh x", r"\tanh^2 x"),
    "Hardshrink": Activation(
        _cases(r"x & |x| > \val{cut}", r"0 & |x| \le \val{cut}"),
        _cases(r"1 & |x| > \val{cut}", r"0 & |x| \le \val{cut}"),
        {"cut": "lambd"},
    ),
    "Softshrink": Activation(
        _cases(r"x - \val{cut} \sign(x) & |x| > \val{cut}", r"0 & |x| \le \val{cut}"),
        _cases(r"1 & |x| > \val{cut}", r"0 & |x| \le \val{cut}"),
        {"cut": "lambd"},
    ),
    "Threshold": Activation(
        _cases(r"x & x > \val{cut}", r"0 & x \le \val{cut}"),
        _cases(r"1 & x > \val{cut}", r"0 & x \le \val{cut}"),
        {"cut": "threshold"},
        {"value": 0.0},
    ),
    "GLU": Activation(r"x \sigma(c)" + _BESIDE, r"\sigma(c)", {"beside": ""}, {"dim": 1}),
    "Softmax": Activation(_SOFTMAX + _BESIDE, r"f(x) (1 - f(x))", {"beside": ""}, {"dim": 1}),
    "Softmin": Activation(
        r"\frac{e^{-x}}{e^{-x} + e^{-c}}" + _BESIDE, r"-f(x) (1 - f(x))", {"beside": ""}, {"dim": 1}
    ),
    "LogSoftmax": Activation(
        r"\ln " + _SOFTMAX + _BESIDE, r"1 - e^{f(x)}", {"beside": ""}, {"dim": 1}
    ),
    "Softmax2d": Activation(_SOFTMAX + _BESIDE, r"f(x) (1 - f(x))", {"beside": ""}),
}
"""By the name of the class in `torch.nn`: all of its activations, and what does nothing."""


def make(name: str, settings: Mapping[str, float]) -> nn.Module:
    """Return the module of a name in `ACTIVATIONS`, as in `evaluation <nn.Module.eval>`.

    Examples
    --------
    >>> make("LeakyReLU", {"slope": 0.2, "alpha": 1.0})
    LeakyReLU(negative_slope=0.2)
    """
    module: nn.Module = getattr(nn, name)(**_arguments(name, settings))
    return module.eval()


def line(name: str, settings: Mapping[str, float]) -> str:
    """Return the line of PyTorch that makes it.

    Examples
    --------
    >>> line("LeakyReLU", {"slope": 0.2, "alpha": 1.0}), line("Softmax", {"beside": 1.0})
    ('nn.LeakyReLU(negative_slope=0.2)', 'nn.Softmax(dim=1)')
    """
    given = ", ".join(f"{key}={value!r}" for key, value in _arguments(name, settings).items())
    return f"nn.{name}({given})"


def _arguments(name: str, settings: Mapping[str, float]) -> dict[str, Any]:
    activation = ACTIVATIONS[name]
    taken = {
        argument: settings[setting] for setting, argument in activation.settings.items() if argument
    }
    return {**taken, **activation.arguments}
