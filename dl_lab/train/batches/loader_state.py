"""Where a source of batches stands: its samplers, generators and counters, and its own state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader

from dl_lab.kept.generators import CPU, same_random
from dl_lab.kept.objects import Kept
from dl_lab.kept.read import read
from dl_lab.kept.written import written

if TYPE_CHECKING:
    import torch

_NAME = "train"


@dataclass(frozen=True)
class LoaderState:
    """Where a loader stood.

    Attributes
    ----------
    kept
        What it and its parts held.
    workers
        Of a DataLoader whose workers persist: whether they were there. Once they are, it draws one
        random number less an epoch.
    """

    kept: Kept
    workers: bool | None


def loader_state(loader: object) -> LoaderState:
    """Return where a loader stands.

    Examples
    --------
    >>> import torch
    >>> numbers = torch.Generator().manual_seed(1)
    >>> loader = DataLoader(range(9), shuffle=True, generator=numbers)
    >>> state = loader_state(loader)
    >>> first = [int(batch) for batch in loader]
    >>> restore_loader(loader, state)
    >>> first == [int(batch) for batch in loader]
    True
    """
    persists = isinstance(loader, DataLoader) and loader.persistent_workers
    kept = Kept({}, {_NAME: loader})
    # Workers that persist end with their loader: whoever feeds from it holds it, and nobody else.
    kept.data = {}
    return LoaderState(
        kept,
        loader._iterator is not None if persists else None,  # type: ignore[attr-defined]  # noqa: SLF001  # no public way
    )


def restore_loader(loader: object, state: LoaderState) -> None:
    """Put the loader back to where `loader_state` found it."""
    if isinstance(loader, DataLoader) and loader.persistent_workers:
        if not state.workers:
            loader._iterator = None  # noqa: SLF001  # no public way
        elif loader._iterator is None:  # noqa: SLF001  # no public way
            with same_random():
                iter(loader)
    state.kept.put_back()


def write_loader(loader: object, state: LoaderState) -> dict[str, Any]:
    """Return as plain values for a file where a loader stood."""
    return {"workers": state.workers, **written(state.kept, roots={_NAME: loader})}


def read_loader(
    loader: object, saved: Mapping[str, Any], device: torch.device = CPU
) -> LoaderState:
    """Return what `write_loader` made of the state of a loader like this one.

    Raises
    ------
    InputError
        It is none.
    """
    kept = read(saved, {}, {_NAME: loader}, device=device)
    kept.data = {}
    return LoaderState(kept, saved["workers"])


def set_epoch(loader: object, epoch: int) -> None:
    """Tell the loader and its parts which epoch begins, counted from 0, if they want to know.

    Examples
    --------
    >>> from torch.utils.data.distributed import DistributedSampler
    >>> sampler = DistributedSampler(range(9), num_replicas=1, rank=0)
    >>> set_epoch(DataLoader(range(9), sampler=sampler), 3)
    >>> sampler.epoch
    3
    """
    # By identity, with the part, so that nothing else gets its identity.
    seen: dict[int, object] = {}
    waiting: list[object] = [loader]
    while waiting:
        part = waiting.pop(0)
        if part is None or id(part) in seen:
            continue
        seen[id(part)] = part
        tell = getattr(part, "set_epoch", None)
        if callable(tell):
            tell(epoch)
        inside = [getattr(part, name, None) for name in ("dataset", "sampler", "batch_sampler")]
        several = getattr(part, "datasets", None)
        waiting += inside + (several if isinstance(several, list) else [])
