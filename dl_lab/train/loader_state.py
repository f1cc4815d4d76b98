"""Where a source of batches stands, as far as it can tell."""

from __future__ import annotations

import copy
from typing import Any

import torch


def loader_state(loader: object) -> Any:  # noqa: ANN401  # whatever `state_dict` returns
    """Return the loader's own ``state_dict()``, or its generator's state, or None.

    Examples
    --------
    >>> loader_state([1, 2, 3]) is None
    True
    """
    if hasattr(loader, "state_dict"):
        return copy.deepcopy(loader.state_dict())
    generator = getattr(loader, "generator", None)
    return generator.get_state() if isinstance(generator, torch.Generator) else None


def restore_loader(loader: object, state: Any) -> None:  # noqa: ANN401  # from `loader_state`
    """Put the loader back to where `loader_state` found it."""
    if hasattr(loader, "load_state_dict"):
        loader.load_state_dict(copy.deepcopy(state))
        return
    generator = getattr(loader, "generator", None)
    if isinstance(generator, torch.Generator):
        generator.set_state(state)
