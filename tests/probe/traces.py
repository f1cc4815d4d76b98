"""All of a model and of the random generators that a look must leave alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def state(model: nn.Module) -> dict[str, Any]:
    """Return all that a look must leave alone."""
    return {
        "weights": {name: one.detach().clone() for name, one in model.named_parameters()},
        "buffers": {name: one.clone() for name, one in model.named_buffers()},
        "same": {
            name: id(one) for name, one in (*model.named_parameters(), *model.named_buffers())
        },
        "grads": {
            name: None if one.grad is None else one.grad.clone()
            for name, one in model.named_parameters()
        },
        "flags": [module.training for module in model.modules()],
        "needs": [one.requires_grad for one in model.parameters()],
        "hooks": [
            [
                len(value)
                for key, value in sorted(vars(module).items())
                if "hook" in key and hasattr(value, "__len__")
            ]
            for module in model.modules()
        ],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),  # noqa: NPY002,
        "python": random.getstate(),
        "grad": torch.is_grad_enabled(),
    }


def same(one: object, other: object) -> bool:
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other
