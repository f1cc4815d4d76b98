"""Computing with objects, which are afterwards as they were."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dl_lab.kept.generators import CPU, same_random
from dl_lab.kept.objects import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch
    from torch import nn


@contextlib.contextmanager
def unchanged(
    roots: Mapping[str, object],
    data: Mapping[str, object] | None = None,
    device: torch.device = CPU,
) -> Iterator[None]:
    """Put back what objects hold and the global random generators, whatever is computed meanwhile.

    Parameters
    ----------
    roots, data
        As for `Kept`, for a pass forward: parameters of torch's own layers are not copied, which
        no such pass writes to.
    device
        Whose generator is put back too.

    Examples
    --------
    >>> from torch import nn, rand
    >>> model = nn.BatchNorm1d(2)
    >>> with unchanged({"model": model}):
    ...     _ = model(rand(8, 2))
    >>> model.running_mean
    tensor([0., 0.])
    """
    kept = Kept(roots, data, values=written_by_forward)
    try:
        with same_random(device):
            yield
    finally:
        kept.put_back(if_changed=True)


def written_by_forward(module: nn.Module, name: str) -> bool:
    """Whether a pass forward may write into this tensor of a module."""
    buffer = name in module._buffers  # noqa: SLF001
    return buffer or not type(module).__module__.startswith("torch.nn.")
