"""Where a source of batches stands, as far as it can tell."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch.utils.data import DataLoader

from dl_lab.train.batches.random_stream import kept_random_state


def loader_state(loader: object) -> Any:  # noqa: ANN401  # whatever `state_dict` returns
    """Return the loader's own ``state_dict()``, or its generator's state, or None.

    Of a DataLoader with workers that persist also whether they are there: once they are, it draws
    one random number less an epoch.

    Examples
    --------
    >>> loader_state([1, 2, 3]) is None
    True
    """
    if hasattr(loader, "state_dict"):
        return copy.deepcopy(loader.state_dict())
    generator = getattr(loader, "generator", None)
    state = generator.get_state() if isinstance(generator, torch.Generator) else None
    if isinstance(loader, DataLoader) and loader.persistent_workers:
        return {"workers": loader._iterator is not None, "generator": state}  # noqa: SLF001  # no public way
    return state


def restore_loader(loader: object, state: Any) -> None:  # noqa: ANN401  # from `loader_state`
    """Put the loader back to where `loader_state` found it."""
    if hasattr(loader, "load_state_dict"):
        loader.load_state_dict(copy.deepcopy(state))
        return
    if isinstance(loader, DataLoader) and loader.persistent_workers and isinstance(state, dict):
        if not state["workers"]:
            loader._iterator = None  # noqa: SLF001  # no public way
        elif loader._iterator is None:  # noqa: SLF001  # no public way
            with kept_random_state():
                iter(loader)
        state = state["generator"]
    generator = getattr(loader, "generator", None)
    if isinstance(generator, torch.Generator) and isinstance(state, torch.Tensor):
        generator.set_state(state)
