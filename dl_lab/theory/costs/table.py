"""The cost functions of one prediction: what torch computes, the formula and its derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

Settings = Mapping[str, float]
Target = Literal["any", "share", "sign", "count"]


@dataclass(frozen=True)
class Cost:
    r"""A cost of one prediction.

    Attributes
    ----------
    value
        (predictions, targets, settings) → costs, each of the shape [n].
    formula, derivative
        TeX of C and of dC/dŷ; settings are ``\val{name}``.
    line
        The call in PyTorch, of `y_hat` and `y`.
    of
        What it is given: ``"prediction"`` is the output behind its activation, ``"probability"``
        the sigmoid of the logit whatever the activation, ``"logit"`` the logit itself.
    target
        What targets can be: any number, a share from 0 to 1, -1 or 1, a count from 0.
    settings
        Those that count.
    """

    value: Callable[[Tensor, Tensor, Settings], Tensor]
    formula: str
    derivative: str
    line: str
    of: Literal["prediction", "probability", "logit"] = "prediction"
    target: Target = "any"
    settings: tuple[str, ...] = field(default=())

    def allowed(self, target: float) -> float:
        """Return the nearest target that this cost can have."""
        if self.target == "share":
            return min(max(target, 0.0), 1.0)
        if self.target == "sign":
            return 1.0 if target > 0 else -1.0
        return max(target, 0.0) if self.target == "count" else target


def _each(name: str, **more: Any) -> Callable[[Tensor, Tensor, Settings], Tensor]:  # noqa: ANN401
    """Return a cost of `torch.nn.functional`; of settings where `more` names one."""

    def value(given: Tensor, target: Tensor, settings: Settings) -> Tensor:
        arguments = {
            key: settings[one] if isinstance(one, str) else one for key, one in more.items()
        }
        found: Tensor = getattr(functional, name)(given, target, reduction="none", **arguments)
        return found

    return value


def quantile(given: Tensor, target: Tensor, tau: float) -> Tensor:
    """Return the pinball loss, which a quantile minimizes: torch has none."""
    missing = target - given
    return torch.maximum(tau * missing, (tau - 1) * missing)


def focal(logit: Tensor, target: Tensor, gamma: float) -> Tensor:
    """Return the focal loss of a logit, which easy examples hardly count for: torch has none."""
    plain = functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    right = target * logit.sigmoid() + (1 - target) * (1 - logit.sigmoid())
    return (1 - right) ** gamma * plain


def _hinge(given: Tensor, target: Tensor, settings: Settings) -> Tensor:  # noqa: ARG001
    return (1 - target * given).clamp(min=0)


def _gaussian(given: Tensor, target: Tensor, settings: Settings) -> Tensor:
    variance = torch.full_like(given, settings["variance"])
    return functional.gaussian_nll_loss(given, target, variance, reduction="none")


def cases(*rows: str) -> str:
    """Return TeX of rows of which one holds."""
    return r"\begin{cases}" + r" \\ ".join(rows) + r"\end{cases}"


_ERROR = r"e = \hat y - y"
_CROSS = r"-y \ln \hat y - (1 - y) \ln(1 - \hat y)"

COSTS: Mapping[str, Cost] = {
    "MSE": Cost(
        _each("mse_loss"),
        r"(\hat y - y)^2",
        r"2 (\hat y - y)",
        "F.mse_loss(y_hat, y, reduction='none')",
    ),
    "L1": Cost(
        _each("l1_loss"),
        r"|\hat y - y|",
        r"\sign(\hat y - y)",
        "F.l1_loss(y_hat, y, reduction='none')",
    ),
    "Huber": Cost(
        _each("huber_loss", delta="delta"),
        cases(
            r"\frac{1}{2} e^2 & |e| \le \val{delta}",
            r"\val{delta} (|e| - \frac{1}{2} \cdot \val{delta}) & |e| > \val{delta}",
        )
        + r"\quad "
        + _ERROR,
        r"\min(\max(-\val{delta}, e), \val{delta})",
        "F.huber_loss(y_hat, y, delta={delta}, reduction='none')",
        settings=("delta",),
    ),
    "SmoothL1": Cost(
        _each("smooth_l1_loss", beta="delta"),
        cases(
            r"\frac{e^2}{2 \cdot \val{delta}} & |e| < \val{delta}",
            r"|e| - \frac{1}{2} \cdot \val{delta} & |e| \ge \val{delta}",
        )
        + r"\quad "
        + _ERROR,
        r"\min(\max(-1, \frac{e}{\val{delta}}), 1)",
        "F.smooth_l1_loss(y_hat, y, beta={delta}, reduction='none')",
        settings=("delta",),
    ),
    "Quantile": Cost(
        lambda given, target, settings: quantile(given, target, settings["tau"]),
        r"\max(\val{tau} (y - \hat y), (\val{tau} - 1) (y - \hat y))",
        cases(r"-\val{tau} & \hat y < y", r"1 - \val{tau} & \hat y > y"),
        "torch.maximum({tau} * (y - y_hat), ({tau} - 1) * (y - y_hat))",
        settings=("tau",),
    ),
    "GaussianNLL": Cost(
        _gaussian,
        r"\frac{1}{2} \left(\ln \val{variance} + \frac{(\hat y - y)^2}{\val{variance}}\right)",
        r"\frac{\hat y - y}{\val{variance}}",
        "F.gaussian_nll_loss(y_hat, y, torch.full_like(y, {variance}), reduction='none')",
        settings=("variance",),
    ),
    "BCE": Cost(
        _each("binary_cross_entropy"),
        _CROSS,
        r"\frac{\hat y - y}{\hat y (1 - \hat y)}",
        "F.binary_cross_entropy(y_hat, y, reduction='none')",
        of="probability",
        target="share",
    ),
    "BCEWithLogits": Cost(
        _each("binary_cross_entropy_with_logits"),
        r"\ln(1 + e^z) - y z",
        r"\sigma(z) - y",
        "F.binary_cross_entropy_with_logits(z, y, reduction='none')",
        of="logit",
        target="share",
    ),
    "Focal": Cost(
        lambda given, target, settings: focal(given, target, settings["gamma"]),
        r"-(1 - p)^{\val{gamma}} \ln p \quad p = "
        + cases(r"\sigma(z) & y = 1", r"1 - \sigma(z) & y = 0"),
        r"(2 y - 1) (1 - p)^{\val{gamma}} (\val{gamma} p \ln p + p - 1)",
        "(1 - p) ** {gamma} * -p.log()  # p: of the right answer",
        of="logit",
        target="share",
        settings=("gamma",),
    ),
    "Hinge": Cost(
        _hinge,
        r"\max(0, 1 - y z) \quad y = \pm 1",
        cases(r"-y & y z < 1", r"0 & y z > 1"),
        "(1 - y * z).clamp(min=0)",
        of="logit",
        target="sign",
    ),
    "SquaredHinge": Cost(
        lambda given, target, settings: _hinge(given, target, settings) ** 2,
        r"\max(0, 1 - y z)^2 \quad y = \pm 1",
        r"-2 y \max(0, 1 - y z)",
        "(1 - y * z).clamp(min=0) ** 2",
        of="logit",
        target="sign",
    ),
    "SoftMargin": Cost(
        _each("soft_margin_loss"),
        r"\ln(1 + e^{-y z}) \quad y = \pm 1",
        r"\frac{-y}{1 + e^{y z}}",
        "F.soft_margin_loss(z, y, reduction='none')",
        of="logit",
        target="sign",
    ),
    "PoissonNLL": Cost(
        _each("poisson_nll_loss"),
        r"e^z - y z",
        r"e^z - y",
        "F.poisson_nll_loss(z, y, reduction='none')",
        of="logit",
        target="count",
    ),
}
"""By their names in `torch.nn`, where they have one, without "Loss"."""
