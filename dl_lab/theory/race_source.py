"""The plain loop of one optimizer in a race, as PyTorch code."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from dl_lab.theory.optimizer_race import Entrant
from dl_lab.theory.slices import NETWORK
from dl_lab.theory.surfaces import SURFACES, Place, Surface

_FIT = """draw = torch.Generator().manual_seed(0)
x = 4 * torch.rand(64, generator=draw)
y = 1.5 * x - 0.5 + 0.5 * torch.randn(64, generator=draw)


def fit(p):
    return (p[0] * x + p[1] - y).square().mean()
"""
_PLANE = """
# A plane through the weights, along two filter-normalised directions.
weights = [one.detach() for one in model.parameters()]
flat = torch.cat([one.flatten() for one in weights])
draw = torch.Generator().manual_seed(0)


def direction():
    parts = []
    for w in weights:
        if w.ndim < 2:
            parts.append(torch.zeros(w.numel()))
            continue
        d = torch.randn(w.shape, generator=draw)
        parts.append((d * (w.norm(dim=1) / (d.norm(dim=1) + 1e-10))[:, None]).flatten())
    return torch.cat(parts)


directions = torch.stack([direction(), direction()])
names = [name for name, _ in model.named_parameters()]


def network(p):
    parts = (flat + p @ directions).split([w.numel() for w in weights])
    here = {name: part.view(w.shape) for name, part, w in zip(names, parts, weights)}
    return loss(torch.func.functional_call(model, here, (points,)), targets)
"""
_SCHEDULES = {
    "step": "StepLR(optimizer, {third}, 0.3)",
    "exponential": "ExponentialLR(optimizer, 0.01 ** (1 / {steps}))",
    "cosine": "CosineAnnealingLR(optimizer, {steps})",
    "warmup": "LinearLR(optimizer, 0.05, 1.0, {fifth})",
    "one_cycle": 'OneCycleLR(\n    optimizer, optimizer.param_groups[0]["lr"],'
    " total_steps={steps} + 1, cycle_momentum=False\n)",
}


def source_of(
    name: str,
    surface: Surface,
    entrant: Entrant,
    *,
    start: Place,
    steps: int,
    schedule: str = "constant",
    tuned: Mapping[str, float] | None = None,
) -> str:
    """Return the loop that goes the same way, as one would write it.

    Examples
    --------
    >>> from dl_lab.theory.optimizer_race import entrants
    >>> adam = entrants(["Adam"], {"Adam": 0.1})["Adam"]
    >>> text = source_of("ravine", SURFACES["ravine"](), adam, start=(-4, 1), steps=200)
    >>> names = {}
    >>> exec(text, names)
    >>> names["p"].numel()
    2
    """
    function, before = _function(name, surface)
    place = [float(one) for one in start]
    optimizer, matrix = _optimizer(entrant, tuned or {})
    one = "p[0]" if matrix else "p"
    lines = [
        f"p = torch.tensor({[place] if matrix else place}, requires_grad=True)",
        f"optimizer = {optimizer}",
    ]
    if schedule in _SCHEDULES:
        made = _SCHEDULES[schedule].format(
            steps=steps, third=max(1, steps // 3), fifth=max(1, steps // 5)
        )
        lines.append(f"schedule = torch.optim.lr_scheduler.{made}")
    lines.append(f"for step in range({steps}):")
    if optimizer.startswith("torch.optim.LBFGS"):
        lines += [
            "    def closure():",
            "        optimizer.zero_grad()",
            f"        value = {function}({one})",
            "        value.backward()",
            "        return value",
            "",
            "    optimizer.step(closure)",
        ]
    else:
        lines += [
            "    optimizer.zero_grad()",
            f"    value = {function}({one})",
            "    value.backward()",
        ]
        if optimizer.startswith("torch.optim.SparseAdam"):
            lines.append("    p.grad = p.grad.to_sparse()")
        lines.append("    optimizer.step()")
    if schedule in _SCHEDULES:
        lines.append("    schedule.step()")
    return "import torch\n\n" + before + "\n\n" + "\n".join(lines) + "\n"


def _function(name: str, surface: Surface) -> tuple[str, str]:
    """Return what the surface is called, and the code that defines it."""
    if name == "fit":
        return "fit", _FIT
    if name == "network":
        return "network", NETWORK.replace("\nimport torch\n", "").lstrip() + _PLANE
    try:
        text = inspect.getsource(surface.function)
    except (OSError, TypeError):
        text = ""
    if not text.startswith("def "):
        return "surface", "# Here stands your own surface: def surface(p): …\n"
    called = surface.function.__name__
    if name in SURFACES:
        text = text.replace("(p: Tensor) -> Tensor", "(p)")
    return called, text


def _optimizer(entrant: Entrant, tuned: Mapping[str, float]) -> tuple[str, bool]:
    """Return the call that makes it, and whether its parameter is a matrix."""
    made = entrant.make
    settings: dict[str, Any] = dict(tuned)
    if not isinstance(made, functools.partial) or entrant.own:
        settings.update(made.keywords if isinstance(made, functools.partial) else {})
        made = made.func if isinstance(made, functools.partial) else made
        called = getattr(made, "__name__", "optimizer")
        if getattr(made, "__module__", "").startswith("torch.optim"):
            called = f"torch.optim.{called}"
    else:
        called = f"torch.optim.{made.func.__name__}"
        settings = {**made.keywords, **settings}
    if "beta1" in settings or "beta2" in settings:
        settings["betas"] = (settings.pop("beta1", 0.9), settings.pop("beta2", 0.999))
    given = "".join(f", {name}={value!r}" for name, value in settings.items())
    return f"{called}([p]{given})", called.endswith("Muon")
