"""Costs of one example of several classes, and how hard each pulls on every logit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dl_lab.errors import InputError, shown
from dl_lab.theory.costs.curve import OwnCost, tried
from dl_lab.theory.costs.table import cases
from dl_lab.theory.own import name_of

FRAMES = 3
"""Of the sequence that CTC is shown with; all have the same logits, and class 0 is its blank."""


@dataclass(frozen=True)
class Example:
    """Logits [1, classes], the right class [1], and what the costs are told besides.

    Attributes
    ----------
    smoothing
        Share of the target that goes to all classes alike.
    weights
        What each class counts, [classes].
    gamma
        How little easy examples count for the focal loss.
    """

    logits: Tensor
    right: Tensor
    smoothing: float
    weights: Tensor
    gamma: float

    @property
    def target(self) -> Tensor:
        """The distribution that cross-entropy pulls towards, [1, classes]."""
        classes = self.logits.shape[1]
        one = functional.one_hot(self.right, classes).to(self.logits)
        return (1 - self.smoothing) * one + self.smoothing / classes


def _cross_entropy(one: Example) -> Tensor:
    # Of one example the weighted mean would divide the weight away.
    return functional.cross_entropy(
        one.logits, one.right, one.weights, label_smoothing=one.smoothing, reduction="sum"
    )


def _nll(one: Example) -> Tensor:
    log = one.logits.log_softmax(1)
    return functional.nll_loss(log, one.right, one.weights, reduction="sum")


def _kl_div(one: Example) -> Tensor:
    return functional.kl_div(one.logits.log_softmax(1), one.target, reduction="batchmean")


def _focal(one: Example) -> Tensor:
    right = one.logits.softmax(1).gather(1, one.right[:, None])[:, 0]
    return (one.weights[one.right] * -((1 - right) ** one.gamma) * right.log()).sum()


def _squared(one: Example) -> Tensor:
    return functional.mse_loss(one.logits.softmax(1), one.target, reduction="sum")


def _margin(one: Example, power: int) -> Tensor:
    return functional.multi_margin_loss(one.logits, one.right, p=power, weight=one.weights)


def _multi_label_margin(one: Example) -> Tensor:
    labels = torch.full_like(one.logits, -1, dtype=torch.long)
    labels[:, 0] = one.right
    return functional.multilabel_margin_loss(one.logits, labels)


def _multi_label_soft_margin(one: Example) -> Tensor:
    tags = functional.one_hot(one.right, one.logits.shape[1]).to(one.logits)
    return functional.multilabel_soft_margin_loss(one.logits, tags, one.weights)


def _ctc(one: Example) -> Tensor:
    frames = one.logits.log_softmax(1).expand(FRAMES, 1, -1)
    # Where the blank is right, nothing was said.
    said = (one.right > 0).long()
    return functional.ctc_loss(
        frames, one.right[None], torch.tensor([FRAMES]), said, reduction="sum"
    )


@dataclass(frozen=True)
class ClassCost:
    """A cost of an example, its formula in TeX, its line of PyTorch, the settings that count."""

    value: Callable[[Example], Tensor]
    formula: str
    line: str
    settings: tuple[str, ...] = ()


_P = r"\quad p = \softmax(z)"

CLASS_COSTS: Mapping[str, ClassCost] = {
    "CrossEntropy": ClassCost(
        _cross_entropy,
        r"-\sum_i w_i q_i \ln p_i" + _P,
        "F.cross_entropy(z, y, weight, label_smoothing={smoothing}, reduction='sum')",
        ("smoothing", "weights"),
    ),
    "NLL": ClassCost(
        _nll,
        r"-w_y \ln p_y" + _P,
        "F.nll_loss(z.log_softmax(1), y, weight, reduction='sum')",
        ("weights",),
    ),
    "Focal": ClassCost(
        _focal,
        r"-w_y (1 - p_y)^{\val{gamma}} \ln p_y" + _P,
        "-weight[y] * (1 - p[0, y]) ** {gamma} * p[0, y].log()",
        ("gamma", "weights"),
    ),
    "SquaredError": ClassCost(
        _squared,
        r"\sum_i (p_i - q_i)^2" + _P,
        "F.mse_loss(z.softmax(1), q, reduction='sum')",
        ("smoothing",),
    ),
    "KLDiv": ClassCost(
        _kl_div,
        r"\sum_i q_i \ln \frac{q_i}{p_i}" + _P,
        "F.kl_div(z.log_softmax(1), q, reduction='batchmean')",
        ("smoothing",),
    ),
    "MultiMargin": ClassCost(
        lambda one: _margin(one, 1),
        r"\frac{w_y}{n} \sum_{i \ne y} \max(0, 1 - z_y + z_i)",
        "F.multi_margin_loss(z, y, weight=weight)",
        ("weights",),
    ),
    "MultiMargin2": ClassCost(
        lambda one: _margin(one, 2),
        r"\frac{w_y}{n} \sum_{i \ne y} \max(0, 1 - z_y + z_i)^2",
        "F.multi_margin_loss(z, y, p=2, weight=weight)",
        ("weights",),
    ),
    "MultiLabelMargin": ClassCost(
        _multi_label_margin,
        r"\frac{1}{n} \sum_{i \ne y} \max(0, 1 - z_y + z_i)",
        "F.multilabel_margin_loss(z, labels)  # labels: y, then -1",
    ),
    "MultiLabelSoftMargin": ClassCost(
        _multi_label_soft_margin,
        r"\frac{1}{n} \sum_i w_i (\ln(1 + e^{z_i}) - t_i z_i) \quad t_y = 1",
        "F.multilabel_soft_margin_loss(z, F.one_hot(y, z.shape[1]).float(), weight)",
        ("weights",),
    ),
    "CTC": ClassCost(
        _ctc,
        r"-\ln " + cases(r"p_y^3 + 2 p_y^2 p_0 + 3 p_y p_0^2 & y > 0", r"p_0^3 & y = 0") + _P,
        "F.ctc_loss(z.log_softmax(1).expand(3, 1, -1), y[None], torch.tensor([3]), "
        "(y > 0).long(), reduction='sum')",
    ),
}


@dataclass(frozen=True)
class ClassPull:
    """A cost of an example, and its gradient by every logit, f8 [classes]."""

    value: float
    gradient: Tensor


def example(
    logits: tuple[float, ...],
    right: int,
    *,
    smoothing: float = 0.0,
    weights: Sequence[float] = (),
    gamma: float = 2.0,
) -> Example:
    """Return an example; `weights` is what each class counts, 1 where there is none.

    Examples
    --------
    >>> one = example((2.0, 0.0, 0.0), 0, smoothing=0.3)
    >>> one.target
    tensor([[0.8000, 0.1000, 0.1000]], dtype=torch.float64)
    """
    z = torch.tensor([logits], dtype=torch.float64)
    counted = torch.ones_like(z[0])
    given = torch.tensor(weights[: len(logits)], dtype=z.dtype)
    counted[: len(given)] = given
    return Example(z, torch.tensor([right]), smoothing, counted, gamma)


def class_pull(cost: ClassCost | OwnCost, one: Example) -> ClassPull:
    """Return a cost of an example and its gradient by the logits.

    Parameters
    ----------
    cost
        One of the table, or a function of (logits [1, classes], right class [1]).
    one
        The example.

    Raises
    ------
    InputError
        The function returns no single number.

    Examples
    --------
    >>> found = class_pull(CLASS_COSTS["CrossEntropy"], example((0.0, 0.0), 0))
    >>> found.gradient
    tensor([-0.5000,  0.5000], dtype=torch.float64)
    """
    logits = one.logits.detach().requires_grad_()
    leaf = Example(logits, one.right, one.smoothing, one.weights, one.gamma)
    with torch.enable_grad():
        if isinstance(cost, ClassCost):
            value = cost.value(leaf)
        else:
            value = tried(cost, logits, one.right)
            if value.numel() != 1 or not value.requires_grad:
                raise InputError("cost_classes", given=name_of(cost), result=shown(value))
            value = value.reshape(())
        (gradient,) = torch.autograd.grad(value, logits)
    return ClassPull(float(value.detach()), gradient[0])
