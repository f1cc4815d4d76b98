"""Computing with objects, which are afterwards as they were."""

from __future__ import annotations

import contextlib
from types import FunctionType
from typing import TYPE_CHECKING

from torch import nn

from dl_lab.kept.generators import CPU, same_random
from dl_lab.kept.kinds import is_persons, methods_of, named_globals, variables
from dl_lab.kept.objects import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import torch


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
        As for `Kept`, for a pass forward: parameters of torch's own layers are copied only where
        the code of a person's modules may write to them.
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
    models = [root for root in roots.values() if isinstance(root, nn.Module)]
    modules = [module for model in models for module in model.modules()]
    values = None if may_write_parameters(modules) else written_by_forward
    kept = Kept(roots, data, values=values)
    try:
        with same_random(device):
            yield
    finally:
        kept.put_back(if_changed=True)


def may_write_parameters(modules: Iterable[nn.Module]) -> bool:
    """Whether the code of a person's modules may write to the parameters of others.

    So does one that keeps a moving average of another network's weights.

    Examples
    --------
    >>> may_write_parameters([nn.Linear(1, 1)])
    False
    """
    waiting: list[object] = [
        method
        for kind in {type(module) for module in modules}
        for method in methods_of(kind)
        if method.__name__ not in _BEFORE
    ]
    seen: set[int] = set()
    while waiting:
        function = waiting.pop()
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        if not is_persons(function):
            continue
        names = named_globals(function)[0] - _HARMLESS
        if names & _WRITING or any(name[-1:] == "_" != name[-2:-1] for name in names):
            return True
        waiting += variables(function).values()
    return False


_WRITING = {"data", "load_state_dict", "update_parameters", "set_data", "setattr", "swap_tensors"}
# They write to what has just been computed, to new weights, or to none.
_HARMLESS = {"requires_grad_", "relu_", "masked_fill_", "detach_", *dir(nn.init)}
_BEFORE = {"__init__", "reset_parameters", "load_state_dict"}


def written_by_forward(module: nn.Module, name: str) -> bool:
    """Whether a pass forward may write into this tensor of a module."""
    buffer = name in module._buffers  # noqa: SLF001
    return buffer or not type(module).__module__.startswith("torch.nn.")
