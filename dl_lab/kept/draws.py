"""Whether code may draw from Python's or numpy's global random generators.

To swap their states costs as much as a small network's step, so it is done only where code that
may draw from them is found. Torch's are swapped in any case.
"""

from __future__ import annotations

import inspect
import random
import sys
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from dl_lab.kept.generators import is_generator
from dl_lab.kept.kinds import ATOMS, MODULE_ONLY, is_persons, named_globals

PYTHON, NUMPY = "python", "numpy"
BOTH = frozenset({PYTHON, NUMPY})

# Of Python's own library these draw, or run code that is not seen here.
_DRAWING = {"random", "statistics", "importlib", "runpy"}
_MOST = 20_000


def may_draw_from(*objects: object) -> frozenset[str]:
    """Return from which of them objects and functions may draw: `PYTHON`, `NUMPY`, or neither.

    A person's own code is read; torch's draws from torch's generators alone, and of other
    libraries nothing is known: they may draw from both.

    Examples
    --------
    >>> sorted(may_draw_from(nn.Dropout(), nn.functional.mse_loss))
    []
    >>> sorted(may_draw_from(partial(random.uniform, 0)))
    ['python']
    """
    return _Search(objects).found


class _Search:
    def __init__(self, objects: tuple[object, ...]) -> None:
        self.found: frozenset[str] = frozenset()
        self._seen: dict[int, object] = {}
        self._waiting: list[Any] = [*objects]
        while self._waiting and self.found != BOTH:
            one = self._waiting.pop()
            if type(one) in ATOMS or id(one) in self._seen:
                continue
            self._seen[id(one)] = one
            self._look(one)
            if len(self._seen) > _MOST:
                self.found = BOTH

    def _add(self, *found: str) -> None:
        self.found |= {*found}

    def _look(self, one: Any) -> None:  # noqa: ANN401, C901  # any object; a branch a kind
        if isinstance(one, (Tensor, np.ndarray, np.generic)) or is_generator(one):
            return
        if isinstance(one, ModuleType):
            self._module(one)
        elif isinstance(one, type):
            self._class(one)
        elif isinstance(one, FunctionType):
            self._function(one)
        elif isinstance(one, (partial, property, staticmethod, classmethod)):
            self._waiting += _parts(one)
        elif inspect.isroutine(one):
            self._routine(one)
        elif isinstance(one, dict):
            self._waiting += [*one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            self._waiting += one
        elif isinstance(one, DataLoader):
            self._loader(one)
        else:
            self._class(type(one))
            if isinstance(one, (nn.Module, Dataset, Sampler)) or is_persons(type(one)):
                self._inside(one)

    def _loader(self, one: DataLoader[Any]) -> None:
        self._class(type(one))
        self._waiting += [one.sampler, one.batch_sampler]
        if one.num_workers:
            # They read the data, and have generators of their own. Samplers know the data too.
            self._seen[id(one.dataset)] = one.dataset
        else:
            self._waiting += [one.dataset, one.collate_fn]

    def _inside(self, one: Any) -> None:  # noqa: ANN401  # any object
        inside = getattr(one, "__dict__", {})
        if isinstance(one, nn.Module):
            self._waiting += [*inside.get("_modules", {}).values()]
            for name in ("_forward_hooks", "_forward_pre_hooks"):
                self._waiting += [*inside.get(name, {}).values()]
            inside = {name: value for name, value in inside.items() if name not in MODULE_ONLY}
        self._waiting += [*inside.values()]

    def _module(self, module: ModuleType) -> None:
        root = module.__name__.partition(".")[0]
        if module.__name__ == "random":
            self._add(PYTHON)
        elif module.__name__.startswith("numpy.random"):
            self._add(NUMPY)
        elif root in _DRAWING or not _is_known(root):
            self._add(*BOTH)

    def _class(self, kind: type) -> None:
        for base in kind.__mro__:
            if is_persons(base):
                self._waiting += [*vars(base).values()]
            elif not _is_known(base.__module__.partition(".")[0]):
                self._add(*BOTH)

    def _function(self, function: FunctionType) -> None:
        if not is_persons(function):
            if not _is_known((function.__module__ or "builtins").partition(".")[0]):
                self._add(*BOTH)
            return
        self._waiting += [cell.cell_contents for cell in function.__closure__ or () if _full(cell)]
        self._waiting += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        names, values = named_globals(function)
        if "random" in names:
            arrays = "numpy" in names or any(one is np for one in values.values())
            if arrays or "random" not in values:
                self._add(NUMPY)
            if not arrays and "random" not in values:
                # An import within, of one or the other.
                self._add(PYTHON)
        self._waiting += values.values()

    def _routine(self, one: Any) -> None:  # noqa: ANN401  # a method, or of a module in C
        owner = getattr(one, "__self__", None)
        if isinstance(owner, random.Random):
            self._add(PYTHON)
        elif isinstance(owner, np.random.RandomState):
            self._add(NUMPY)
        elif isinstance(one, MethodType):
            self._waiting += [owner, one.__func__]
        elif not _is_known((getattr(one, "__module__", None) or "builtins").partition(".")[0]):
            self._add(*BOTH)


def _is_known(root: str) -> bool:
    """Whether a package draws from no generator but torch's, as far as it does at all."""
    if root in {"torch", "dl_lab", "numpy", "builtins", "__main__"}:
        return True
    return root in sys.stdlib_module_names and root not in _DRAWING


def _parts(one: Any) -> list[Any]:  # noqa: ANN401  # what wraps a function
    if isinstance(one, property):
        return [part for part in (one.fget, one.fset) if part is not None]
    if isinstance(one, partial):
        return [one.func, *one.args, *one.keywords.values()]
    return [one.__func__]


def _full(cell: Any) -> bool:  # noqa: ANN401  # a cell
    try:
        cell.cell_contents  # noqa: B018  # whether it can be read
    except ValueError:
        return False
    return True
