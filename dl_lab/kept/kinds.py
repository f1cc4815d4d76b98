"""Kinds of objects: which of them are a person's own, and what of theirs is theirs."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device, torch.Size}
)
"""Kinds of values that never change."""

KEEPS_ITS_PLACE = "keeps_its_place"
"""Attribute of those of our own classes that count by their ``state_dict``, as data do."""

MODULE_ONLY = frozenset(vars(nn.Module())) - {"training"}
"""What torch itself keeps in a module: registers, noted apart, and hooks, which listen."""
# Not read from one: to make an optimizer imports torch's compiler.
OPTIMIZER_ONLY = frozenset(
    {
        *("defaults", "state", "param_groups", "step", "_zero_grad_profile_name"),
        *("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"),
        *("_optimizer_state_dict_pre_hooks", "_optimizer_state_dict_post_hooks"),
        *("_optimizer_load_state_dict_pre_hooks", "_optimizer_load_state_dict_post_hooks"),
        "_warned_capturable_if_run_uncaptured",
    }
)
LOADER_ONLY = frozenset(vars(DataLoader(TensorDataset(torch.zeros(1)))))


@functools.lru_cache(4096)
def _home(module: str) -> bool:
    """Whether a module is a person's: neither ours, nor Python's, nor an installed package's."""
    if module == "__main__":
        return True
    root = module.partition(".")[0]
    if root in {"dl_lab", "builtins"} or root in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return not ({"site-packages", "dist-packages"} & {*file.replace("\\", "/").split("/")})


def is_persons(kind: Any) -> bool:  # noqa: ANN401  # a class or a function
    """Whether a class or a function is a person's own rather than an installed library's.

    Examples
    --------
    >>> is_persons(nn.Linear), is_persons(type("Mine", (), {"__module__": "__main__"}))
    (False, True)
    """
    if _home(getattr(kind, "__module__", None) or "builtins"):
        return True
    # What `functools.wraps` made bears the name of the module that the wrapped one is from.
    return isinstance(kind, FunctionType) and _home(str(kind.__globals__.get("__name__")))


def bytes_of(tensor: Tensor) -> int:
    """Return the bytes of a tensor's values; of a sparse one those that it would have if dense.

    Examples
    --------
    >>> bytes_of(torch.eye(2)), bytes_of(torch.eye(2).to_sparse())
    (16, 16)
    """
    return tensor.numel() * tensor.element_size()


def attributes_of(owner: object) -> dict[str, Any]:
    """Return an object's attributes, of a module those that are a person's."""
    hidden = MODULE_ONLY if isinstance(owner, nn.Module) else ()
    return {name: value for name, value in vars(owner).items() if name not in hidden}


def slots_of(owner: object) -> dict[str, Any]:
    """Return what stands in the ``__slots__`` of an object."""
    names = slot_names(type(owner))
    return {name: getattr(owner, name) for name in names if hasattr(owner, name)}


def is_keras(kind: type) -> bool:
    """Whether a class is one of Keras, whose layers are modules too."""
    return any(base.__module__.partition(".")[0] == "keras" for base in kind.__mro__)


def slot_names(kind: type) -> tuple[str, ...]:
    """Return the names in the ``__slots__`` of a class and its bases."""
    found: list[str] = []
    for base in kind.__mro__:
        own = base.__dict__.get("__slots__", ())
        found += [own] if isinstance(own, str) else own
    return tuple(name for name in found if name not in {"__dict__", "__weakref__"})


def computing_hooks(module: nn.Module) -> dict[int, Any]:
    """Return the hooks that make a module's weights before each call: of pruning and the like.

    Examples
    --------
    >>> from torch.nn.utils import prune
    >>> len(computing_hooks(prune.random_unstructured(nn.Linear(2, 1), "weight", 1)))
    1
    """
    hooks = module._forward_pre_hooks  # noqa: SLF001  # no public way
    return {
        key: hook
        for key, hook in hooks.items()
        if type(hook).__module__.startswith("torch.nn.utils.")
    }


def methods_of(kind: type) -> list[FunctionType]:
    """Return the functions that a person's class and its bases of theirs have for methods."""
    found: list[FunctionType] = []
    for base in kind.__mro__:
        if is_persons(base):
            for one in vars(base).values():
                plain = getattr(one, "fget", None) or getattr(one, "__func__", one)
                found += [plain] if isinstance(plain, FunctionType) else []
    return found


def named_globals(function: FunctionType) -> tuple[set[str], dict[str, Any]]:
    """Return all names in a function's code, and the global variables among them."""
    names: set[str] = set()
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes += [one for one in code.co_consts if inspect.iscode(one)]
    variables = function.__globals__
    return names, {name: variables[name] for name in names if name in variables}


def variables(function: FunctionType) -> dict[str, Any]:
    """Return the variables outside of a function that its code names, with their values."""
    found = named_globals(function)[1]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not filled yet
            found[name] = cell.cell_contents
    return found
