"""A dense network and its training as PyTorch source that runs by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from dl_lab.errors import InputError
from dl_lab.nets.features import PointFeatures

if TYPE_CHECKING:
    from collections.abc import Iterator

_FEATURES = {
    "x": "x",
    "y": "y",
    "x2": "x**2",
    "y2": "y**2",
    "xy": "x * y",
    "sin_x": "torch.sin(x)",
    "sin_y": "torch.sin(y)",
}


def source(
    model: nn.Module,
    *,
    learning_rate: float = 0.03,
    batch_size: int = 10,
    regularization: str | None = None,
    regularization_rate: float = 0.0,
) -> str:
    """Write a network built by `dl_lab.nets.dense.dense` as plain PyTorch source.

    Parameters
    ----------
    model
        The network; its present weights are not part of the source.
    learning_rate, batch_size, regularization, regularization_rate
        The settings to train with.

    Returns
    -------
    str
        Python that needs torch alone. It defines ``model``, whose ``state_dict()`` has the same
        keys and shapes, ``optimizer``, and ``train(points, targets, epochs)``, which goes through
        the points in their order. Points that fill no batch are left out; the Playground carries
        them into the next epoch.

    Raises
    ------
    InputError
        The model is another network.

    Examples
    --------
    >>> from dl_lab.nets.dense import dense
    >>> print(source(dense(hidden=(3,))).split("model = ")[1].split("for layer")[0].rstrip())
    nn.Sequential(
        PointFeatures(),
        nn.Linear(2, 3),
        nn.Tanh(),
        nn.Linear(3, 1),
        nn.Tanh(),
        nn.Flatten(0),
    )
    """
    modules = list(model) if isinstance(model, nn.Sequential) else []
    if not modules or not isinstance(modules[0], PointFeatures):
        raise InputError("not_dense", name="The source", given=type(model).__name__)
    features = ", ".join(_FEATURES[name] for name in modules[0].names)
    layers = "\n".join(f"    {line}," for line in map(_module, modules))
    return "\n".join(
        [
            _HEAD.format(features=features, layers=layers),
            *_optimizer(learning_rate, regularization, regularization_rate),
            *_train(learning_rate, batch_size, regularization, regularization_rate),
        ]
    )


_HEAD = """\
import torch
from torch import nn


class PointFeatures(nn.Module):
    def forward(self, points):
        x, y = points.unbind(dim=1)
        return torch.stack([{features}], dim=1)


model = nn.Sequential(
{layers}
)
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.uniform_(layer.weight, -0.5, 0.5)
        nn.init.constant_(layer.bias, 0.1)
"""


def _module(module: nn.Module) -> str:
    match module:
        case PointFeatures():
            return "PointFeatures()"
        case nn.Linear():
            return f"nn.Linear({module.in_features}, {module.out_features})"
        case nn.Flatten():
            return f"nn.Flatten({module.start_dim})"
        case nn.Tanh() | nn.ReLU() | nn.Sigmoid() | nn.Identity():
            return f"nn.{type(module).__name__}()"
    raise InputError("not_dense", name="The source", given=type(module).__name__)


def _optimizer(lr: float, regularization: str | None, rate: float) -> Iterator[str]:
    yield "weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)]"
    yield "biases = [layer.bias for layer in model if isinstance(layer, nn.Linear)]"
    if regularization == "L2" and rate:
        yield "optimizer = torch.optim.SGD("
        yield f'    [{{"params": weights, "weight_decay": {rate!r}}}, {{"params": biases}}],'
        yield f"    lr={lr!r},"
        yield ")"
    else:
        yield f"optimizer = torch.optim.SGD(model.parameters(), lr={lr!r})"
    if regularization == "L1" and rate:
        yield "# A weight that L1 pulls over zero becomes 0 and stays there."
        yield "dead = [torch.zeros_like(weight, dtype=torch.bool) for weight in weights]"
    yield ""
    yield ""


def _train(lr: float, batch_size: int, regularization: str | None, rate: float) -> Iterator[str]:
    l1 = regularization == "L1" and rate
    yield "def train(points, targets, epochs):"
    yield "    for _ in range(epochs):"
    yield f"        for start in range(0, len(points) - {batch_size} + 1, {batch_size}):"
    yield f"            batch = slice(start, start + {batch_size})"
    yield "            loss = (model(points[batch]) - targets[batch]).square().mean() / 2"
    yield "            optimizer.zero_grad()"
    yield "            loss.backward()"
    if l1:
        yield "            signs = [weight.detach().sign() for weight in weights]"
    yield "            optimizer.step()"
    if l1:
        yield "            with torch.no_grad():"
        yield "                for weight, sign, gone in zip(weights, signs, dead):"
        yield f"                    pulled = weight - {lr!r} * {rate!r} * sign"
        yield "                    gone |= weight * pulled < 0"
        yield "                    weight.copy_(pulled.masked_fill(gone, 0))"
    yield ""
