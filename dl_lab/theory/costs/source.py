"""What the cost explorer shows as PyTorch code that runs by itself."""

from __future__ import annotations

from typing import Any

from dl_lab.theory.costs.classes import CLASS_COSTS
from dl_lab.theory.costs.curve import OwnCost
from dl_lab.theory.costs.outlier import COUNT, NOISE, RATE, SLOPE, STEPS
from dl_lab.theory.costs.pairs import PAIR_COSTS
from dl_lab.theory.costs.table import COSTS
from dl_lab.theory.own import definition

Settings = dict[str, Any]

_IMPORTS = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"
_OUTPUTS = {"identity": "z * 1", "sigmoid": "z.sigmoid()", "tanh": "z.tanh()"}
_FOCAL = "p = y * z.sigmoid() + (1 - y) * (1 - z.sigmoid())  # of the right answer\n"


def prediction_source(settings: Settings, own: OwnCost | None) -> str:
    """Return code for a cost over one prediction."""
    cost = None if settings["cost"] is None else COSTS[settings["cost"]]
    target = settings["target"] if cost is None else cost.allowed(settings["target"])
    given = {"probability": "z.sigmoid()", "logit": "z * 1"}.get(
        "prediction" if cost is None else cost.of, _OUTPUTS[settings["output"]]
    )
    line = "cost(y_hat, y)" if cost is None else cost.line.format(**settings)
    if cost is not None and cost.of == "logit" and settings["cost"] != "Focal":
        line = line.replace("z", "y_hat")
    before = definition(own, "cost") + "\n" if cost is None else ""
    return (
        f"{_IMPORTS}{before}"
        "z = torch.linspace(-6, 6, 481, requires_grad=True)\n"
        f"y = torch.full_like(z, {target!r}).detach()\n"
        f"y_hat = {given}\n"
        f"{_FOCAL if settings['cost'] == 'Focal' else ''}"
        f"C = {line}\n"
        "dC_dz, = torch.autograd.grad(C.sum(), z)\n"
    )


def classes_source(settings: Settings, own: OwnCost | None) -> str:
    """Return code for a cost of several classes."""
    name, right = settings["class_cost"], settings["right"]
    logits = list(settings["logits"])
    lines = [f"z = torch.tensor([{logits}], requires_grad=True)", f"y = torch.tensor([{right}])"]
    if name is None:
        lines.insert(0, definition(own, "cost"))
        line = "cost(z, y)"
    else:
        line = CLASS_COSTS[name].line.format(**settings)
        smoothing = settings["smoothing"]
        lines += [
            f"weight = torch.tensor({settings['weights']!r})",
            "p = z.softmax(1)",
            f"q = F.one_hot(y, {len(logits)}).float()",
            f"q = (1 - {smoothing!r}) * q + {smoothing!r} / {len(logits)}",
            "labels = torch.full_like(z, -1, dtype=torch.long)",
            "labels[:, 0] = y",
        ]
    lines += [f"C = {line}", "gradient, = torch.autograd.grad(C.sum(), z)"]
    return _IMPORTS + "\n".join(lines) + "\n"


def outlier_source(settings: Settings, own: OwnCost | None) -> str:
    """Return code that fits a line with each cost."""
    x, y = settings["outlier"]
    costs = {
        name: COSTS[name].line.format(**settings) for name in ("MSE", "L1", "Huber", "Quantile")
    }
    listed = "".join(f"    lambda y_hat, y: {line},  # {name}\n" for name, line in costs.items())
    mine = "" if own is None else definition(own, "cost") + "\n"
    listed += "" if own is None else "    cost,\n"
    return (
        f"{_IMPORTS}{mine}"
        f"costs = [\n{listed}]\n"
        f"x = torch.cat([torch.linspace(-2.5, 2.5, {COUNT}), torch.tensor([{x!r}])])\n"
        f"y = {SLOPE} * x + {NOISE} * torch.randn(len(x))\n"
        f"y[-1] = {y!r}\n\n"
        f"lines = torch.zeros(len(costs), 2, requires_grad=True)\n"
        f"adam = torch.optim.Adam([lines], lr={RATE})\n"
        f"schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, {STEPS})\n"
        f"for _ in range({STEPS}):\n"
        "    y_hat = lines[:, :1] + lines[:, 1:] * x\n"
        "    adam.zero_grad()\n"
        "    sum(cost(row, y).mean() for cost, row in zip(costs, y_hat)).backward()\n"
        "    adam.step()\n"
        "    schedule.step()\n"
        "print(lines)  # intercept and slope\n"
    )


def pairs_source(settings: Settings) -> str:
    """Return code for a cost of three points."""
    margin = settings["margin"]
    line = PAIR_COSTS[settings["pair_cost"]].line.format(margin=margin, cosine=min(margin, 1.0))
    points = [list(settings[name]) for name in ("anchor", "positive", "negative")]
    return (
        f"{_IMPORTS}"
        f"points = torch.tensor({points}, requires_grad=True)\n"
        "a, p, n = points.split(1)\n"
        "d_p, d_n = F.pairwise_distance(a, p), F.pairwise_distance(a, n)\n"
        "d = torch.cat([d_p, d_n])\n"
        "aa, pn = torch.cat([a, a]), torch.cat([p, n])\n"
        f"C = {line}\n"
        "gradient, = torch.autograd.grad(C.sum(), points)\n"
    )
