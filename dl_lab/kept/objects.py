"""What a person's objects hold at a moment, and how to put it back in place.

Nothing is known of models, losses or samplers here but how Python and torch hold things: every
register that leads to others (a module's parameters and buffers, an object's attributes, lists,
dictionaries, a function's closure) is noted with what stands in it, every tensor and array with
its values, every generator with its state.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections import deque
from types import (
    AsyncGeneratorType,
    CellType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
    SimpleNamespace,
)
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from dl_lab.errors import InputError
from dl_lab.kept.generators import is_generator, state_of
from dl_lab.kept.kinds import (
    ATOMS,
    KEEPS_ITS_PLACE,
    LOADER_ONLY,
    MODULE_ONLY,
    OPTIMIZER_ONLY,
    bytes_of,
    computing_hooks,
    is_keras,
    is_persons,
    methods_of,
    named_globals,
    slots_of,
    variables,
)
from dl_lab.kept.put import PUT, expanded, own_memory, put_groups, put_values, with_fresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_REGISTERS = ("_parameters", "_buffers", "_modules")

# Of what a data set holds, more is the data themselves.
_MOST_BYTES = 1 << 16
_MOST_ITEMS = 1_000

# They are at another place once they were used, and there is no way back.
_RUNNING = (GeneratorType, CoroutineType, AsyncGeneratorType)
# Whose iterators move on as well; a file, which has lines to read, does not count.
_ITERATING = {"builtins", "itertools", "torch"}
# A copy of one of these goes on by itself; it stands in the place of the one that was used.
_COPIED: tuple[type, ...] = (
    *(type(iter([])), type(iter(())), type(iter(range(0))), type(iter("")), type(reversed([]))),
    *(itertools.count, itertools.repeat),
)


class Kept:
    """All that objects hold now, to be put back into these very objects.

    Parameters
    ----------
    roots
        Models, losses, optimizers, samplers, functions and the like, by name. What they lead to
        counts too: objects of a person's own classes, of torch's and plain containers. Objects of
        other libraries count by their ``state_dict``, else they are taken to stay as they are.
    data
        Sources of data by name: their generators, counters and samplers count, not the data.
    away
        Where the copies lie; None for where the tensors are.
    values
        Which of the modules' own tensors to copy; None for all.

    Examples
    --------
    >>> model = nn.BatchNorm1d(1)
    >>> model.calls = 0
    >>> kept = Kept({"model": model})
    >>> model.calls += 1
    >>> _ = model(torch.rand(4, 1))
    >>> kept.put_back()
    >>> model.calls, model.running_mean
    (0, tensor([0.]))
    """

    def __init__(
        self,
        roots: Mapping[str, object],
        data: Mapping[str, object] | None = None,
        *,
        away: torch.device | None = None,
        values: Callable[[nn.Module, str], bool] | None = None,
    ) -> None:
        self.roots = dict(roots)
        self.data = dict(data or {})
        self.registers: dict[object, tuple[str, Any, Any]] = {}
        """By identity: kind, the object, what stood in it."""
        self.tensors: dict[int, tuple[Tensor, torch.Size, Tensor]] = {}
        """By identity: a tensor, its shape, and a copy of as much as has memory of its own."""
        self.flags: dict[int, tuple[Tensor, bool]] = {}
        """Tensors, and whether they asked for gradients."""
        self.settings: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
        """Groups of optimizers, and their settings."""
        self.iterators: dict[int, Any] = {}
        """By identity: a copy of an iterator."""
        self.loose: dict[str, Any] = {}
        """Generators that code draws from though no object holds them: variables of a notebook."""
        self._away = away
        self._values = values
        self._moving: list[tuple[str, str]] = []
        self._seen: dict[int, object] = {}
        self._waiting: list[tuple[Any, str, bool]] = []
        for name, root in reversed([*self.roots.items(), *self.data.items()]):
            # Of batches that a person has at hand there is nothing to keep.
            if name not in self.data or not isinstance(root, (Tensor, tuple, list)):
                self._waiting.append((root, name, name in self.data))
        with torch.no_grad():
            while self._waiting:
                self._note(*self._waiting.pop())
        # What was looked at is held by those that hold it.
        self._seen = {}

    @property
    def nbytes(self) -> int:
        """Bytes of all copies."""
        return sum(bytes_of(kept) for _, _, kept in self.tensors.values())

    def check(self) -> None:
        """Refuse what cannot be put back, before anything is touched.

        Raises
        ------
        InputError
            A generator or an iterator that has begun.
        """
        for name, kind in self._moving:
            raise InputError("state_not_kept", name=name, kind=kind)

    def values_of(self, tensor: Tensor) -> Tensor | None:
        """Return what a tensor held, not to be written into; None where it is not among them."""
        found = self.tensors.get(id(tensor))
        return None if found is None else expanded(found[2], found[1])

    def held(self, owner: object) -> dict[str, Any]:
        """Return what stood in a register; empty where it is not among them."""
        found = self.registers.get(id(owner))
        return {} if found is None else dict(found[2])

    def slots(self, owner: object) -> dict[str, Any] | None:
        """Return what stood in the ``__slots__`` of an object; None without such."""
        found = self.registers.get(("slots", id(owner)))
        return None if found is None else dict(found[2])

    def extra_state(self, module: nn.Module) -> Any:  # noqa: ANN401  # what a module likes
        """Return what a module's ``get_extra_state`` returned; None without such."""
        found = self.registers.get(("extra", id(module)))
        return None if found is None else found[2]

    def beside(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return an optimizer's attributes, beside its memory and its groups."""
        return dict(self.registers["optimizer attributes", id(optimizer)][2])

    def settings_of(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of an optimizer's group."""
        return self.settings[id(group)][1]

    def weights(self, module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
        """Return a module's parameters and buffers by their names, not to be written into."""
        found: dict[str, Tensor] = {}
        for register in ("_parameters", "_buffers"):
            for name, tensor in self.held(vars(module).get(register)).items():
                values = None if tensor is None else self.values_of(tensor)
                if values is not None:
                    found[f"{prefix}{name}"] = values
        for name, child in self.held(vars(module).get("_modules")).items():
            if child is not None:
                found |= self.weights(child, f"{prefix}{name}.")
        return found

    def take_weights(self, other: Kept) -> None:
        """Hold what modules held as parameters and buffers in another one; the rest stays."""
        for key, entry in other.registers.items():
            if entry[0] == "tensors":
                self.registers[key] = entry
                for tensor in entry[2].values():
                    if id(tensor) in other.tensors:
                        self.tensors[id(tensor)] = other.tensors[id(tensor)]

    def add_slots(self, owner: object, held: dict[str, Any]) -> None:
        """Have the ``__slots__`` of an object hold that."""
        self._add("slots", owner, held, beside=True)

    def add_extra(self, module: nn.Module, held: object) -> None:
        """Have a module be given that by ``set_extra_state``."""
        self._add("extra", module, held, beside=True)

    def add_beside(self, optimizer: Optimizer, held: dict[str, Any]) -> None:
        """Have an optimizer hold these attributes, beside its memory and its groups."""
        self._add("optimizer attributes", optimizer, held, beside=True)

    def add_settings(self, group: dict[str, Any], held: Mapping[str, Any]) -> None:
        """Have an optimizer's group hold these settings."""
        settings = {key: value for key, value in held.items() if key != "params"}
        self.settings[id(group)] = group, copy.deepcopy(settings)

    def needs_gradient(self, tensor: Tensor) -> bool:
        """Whether a tensor asked for gradients."""
        found = self.flags.get(id(tensor))
        return found is not None and found[1]

    def put_back(self, *, settings: bool = True, if_changed: bool = False) -> None:
        """Put all back.

        Parameters
        ----------
        settings
            Whether settings of optimizers, such as rates, go back too; which parameters they have
            does in any case.
        if_changed
            Write only into tensors that hold something else by now.
        """
        fresh = {place: copy.copy(one) for place, one in self.iterators.items()}
        # A scheduler that goes back sets what comes next by the rates that it left.
        scheduled = {
            id(owner.optimizer)
            for kind, owner, _ in self.registers.values()
            if kind == "state_dict" and isinstance(owner, LRScheduler)
        }
        for kind, owner, held in [*self.registers.values(), *self._new_hooks()]:
            if kind == "optimizer":
                groups = [(group, members, self.settings_of(group)) for group, members in held[1]]
                whole = settings or id(owner) in scheduled
                put_groups(owner, held[0], groups, settings=whole)
            else:
                PUT[kind](owner, with_fresh(held, fresh) if fresh else held)
        with torch.no_grad():
            put_values(self.tensors.values(), if_changed=if_changed)
            for tensor, flag in self.flags.values():
                if tensor.requires_grad is not flag and tensor.is_leaf:
                    tensor.requires_grad_(flag)

    def _new_hooks(self) -> list[tuple[str, nn.Module, dict[int, Any]]]:
        """Return the modules that had no hooks of torch's that compute, and may have them now."""
        return [
            ("hooks", owner, {})
            for _, owner, _ in self.registers.values()
            if isinstance(owner, nn.Module)
            and owner._forward_pre_hooks  # noqa: SLF001  # no public way
            and ("hooks", id(owner)) not in self.registers
        ]

    @property
    def leaves(self) -> list[Tensor]:
        """The tensors that may have gradients."""
        return [tensor for tensor, _ in self.flags.values()]

    def knows(self, tensors: Sequence[Tensor]) -> bool:
        """Whether all these tensors are among those that were copied, and of the same shapes."""
        found = [self.tensors.get(id(one)) for one in tensors]
        return all(
            entry is not None and entry[1] == one.shape == entry[2].shape
            for entry, one in zip(found, tensors, strict=True)
        )

    def again(self, tensors: Sequence[Tensor]) -> None:
        """Copy these tensors anew, where all the rest is known to be as it was."""
        copies = [self.tensors[id(one)][2] for one in tensors]
        if copies:
            with torch.no_grad():
                torch._foreach_copy_(copies, list(tensors))

    def _note(self, value: Any, name: str, data: bool) -> None:  # noqa: ANN401, C901  # any object; a branch a kind
        """Note one object, and have what stands in it noted next."""
        kind = type(value)
        if kind in ATOMS or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, Tensor):
            self._note_tensor(value, data=data)
        elif isinstance(value, nn.Module):
            self._note_module(value, name, data=data)
        elif isinstance(value, Optimizer):
            self._note_optimizer(value, name)
        elif isinstance(value, np.ndarray):
            if value.flags.writeable and (not data or value.nbytes <= _MOST_BYTES):
                self._add("array", value, value.copy())
                if value.dtype.hasobject:
                    self._follow(value.ravel().tolist(), name, data=data)
        elif is_generator(value):
            self._add("generator", value, state_of(value))
        elif isinstance(value, (list, dict, set, deque, tuple, CellType, bytearray)):
            self._note_container(value, name, data=data)
        elif isinstance(value, (FunctionType, MethodType, functools.partial)):
            self._note_function(value, name, data=data)
        elif isinstance(value, _RUNNING) or (
            hasattr(kind, "__next__") and kind.__module__.partition(".")[0] in _ITERATING
        ):
            self._note_running(value, name, data=data)
        else:
            self._note_object(value, name, data=data)

    def _add(self, kind: str, owner: object, held: object, *, beside: bool = False) -> None:
        key = (kind, id(owner)) if beside else id(owner)
        self.registers[key] = (kind, owner, held)

    def _follow(self, values: Iterable[Any], name: str, *, data: bool) -> None:
        for value in values:
            if type(value) not in ATOMS:
                self._waiting.append((value, name, data))

    def _follow_named(self, values: Mapping[Any, Any], name: str, *, data: bool) -> None:
        for key, value in values.items():
            if type(value) not in ATOMS:
                self._waiting.append((value, f"{name}.{key}", data))

    def _note_tensor(self, tensor: Tensor, *, data: bool = False) -> None:
        if is_lazy(tensor) or tensor.is_meta or (data and bytes_of(tensor) > _MOST_BYTES):
            return
        self._seen[id(tensor)] = tensor
        values = own_memory(tensor.detach())
        kept = values.to(self._away, copy=True) if self._away else values.clone()
        self.tensors[id(tensor)] = tensor, tensor.shape, kept
        if tensor.is_leaf and tensor.is_floating_point():
            self.flags[id(tensor)] = tensor, tensor.requires_grad

    def _note_module(self, module: nn.Module, name: str, *, data: bool) -> None:  # noqa: C901  # as above
        if isinstance(module, torch.jit.ScriptModule):
            self._follow([*module.parameters(), *module.buffers()], name, data=data)
            return
        inside = vars(module)
        for register in _REGISTERS:
            entries = inside[register]
            self._add("items" if register == "_modules" else "tensors", entries, {**entries})
        for part, child in inside["_modules"].items():
            if child is not None:
                self._waiting.append((child, f"{name}.{part}", data))
        for register in ("_parameters", "_buffers"):
            for part, tensor in inside[register].items():
                if tensor is None or id(tensor) in self._seen:
                    continue
                if self._values is None or self._values(module, part):
                    self._note_tensor(tensor)
                else:
                    self._seen[id(tensor)] = tensor
        if is_keras(type(module)):
            # What changes is in its parameters; its attributes lead to all of Keras.
            return
        attributes = {key: value for key, value in inside.items() if key not in MODULE_ONLY}
        self._add("attributes", module, attributes)
        self._follow_named(attributes, name, data=data)
        if inside["_forward_pre_hooks"]:
            self._add("hooks", module, computing_hooks(module), beside=True)
        self._note_methods(type(module), data=data)
        if type(module).get_extra_state is not nn.Module.get_extra_state:
            # Beside the attributes: of what another library keeps in an object of its own.
            self.add_extra(module, copy.deepcopy(module.get_extra_state()))

    def _note_optimizer(self, optimizer: Optimizer, name: str) -> None:
        memory = {**optimizer.state}
        groups = [(group, list(group["params"])) for group in optimizer.param_groups]
        self._add("optimizer", optimizer, (memory, groups))
        for group, members in groups:
            self.add_settings(group, group)
            self._follow(members, f"{name}.param_groups", data=False)
        self._follow(memory, f"{name}.state", data=False)
        self._follow(memory.values(), f"{name}.state", data=False)
        attributes = {key: one for key, one in vars(optimizer).items() if key not in OPTIMIZER_ONLY}
        self.add_beside(optimizer, attributes)
        self._follow_named(attributes, name, data=False)

    def _note_container(self, value: Any, name: str, *, data: bool) -> None:  # noqa: ANN401  # see `_note`
        if isinstance(value, tuple):
            if not data or len(value) <= _MOST_ITEMS:
                self._follow(value, name, data=data)
            return
        if isinstance(value, CellType):
            try:
                held = value.cell_contents
            except ValueError:
                return
            self._add("cell", value, held)
            self._follow([held], name, data=data)
            return
        if data and len(value) > _MOST_ITEMS:
            return
        if isinstance(value, dict):
            items = {**value} if type(value) is dict else dict(value.items())
            self._add("items", value, items)
            self._follow(items, name, data=data)
            self._follow_named(items, name, data=data)
        elif isinstance(value, set):
            self._add("set", value, set(value))
        else:
            self._add("list", value, list(value))
            self._follow(value, name, data=data)
        if hasattr(value, "__dict__") and is_persons(type(value)):
            self._add("attributes of", value, {**vars(value)}, beside=True)
            self._follow_named(vars(value), name, data=data)

    def _note_function(self, value: Any, name: str, *, data: bool) -> None:  # noqa: ANN401  # a function
        if isinstance(value, MethodType):
            self._waiting.append((value.__self__, name, data))
        elif isinstance(value, functools.partial):
            self._follow([value.func, *value.args, *value.keywords.values()], name, data=data)
        elif is_persons(value):
            self._follow([*(value.__closure__ or ()), *(value.__defaults__ or ())], name, data=data)
            self._follow((value.__kwdefaults__ or {}).values(), name, data=data)
            self._add("attributes", value, {**vars(value)})
            self._follow_named(vars(value), name, data=data)
            for word, one in named_globals(value)[1].items():
                if isinstance(one, (nn.Module, Tensor)):
                    self._waiting.append((one, word, data))
            self._note_loose(value, data=data)

    def _note_methods(self, kind: type, *, data: bool) -> None:
        """Note what a person's class draws from: variables outside of it."""
        if id(kind) not in self._seen and is_persons(kind):
            self._seen[id(kind)] = kind
            for function in methods_of(kind):
                self._note_loose(function, data=data)

    def _note_loose(self, function: FunctionType, *, data: bool) -> None:
        for word, one in variables(function).items():
            if is_generator(one):
                self.loose[f"{function.__qualname__}/{word}"] = one
                self._waiting.append((one, word, data))

    def _note_running(self, value: Any, name: str, *, data: bool) -> None:  # noqa: ANN401  # an iterator
        if data or (isinstance(value, GeneratorType) and value.gi_frame is None):
            return
        if type(value) in _COPIED:
            self.iterators[id(value)] = copy.copy(value)
        else:
            self._moving.append((name, type(value).__name__))

    def _note_object(self, value: Any, name: str, *, data: bool) -> None:  # noqa: ANN401  # any object
        kind = type(value)
        ours = kind.__module__.partition(".")[0] == "dl_lab"
        if isinstance(value, type) or (ours and not hasattr(kind, KEEPS_ITS_PLACE)):
            return
        if hasattr(kind, "state_dict") and hasattr(kind, "load_state_dict"):
            self._add("state_dict", value, copy.deepcopy(value.state_dict()))
            return
        hidden: frozenset[str] = frozenset()
        if isinstance(value, DataLoader):
            hidden = LOADER_ONLY
            parts = (value.sampler, value.batch_sampler, value.generator, value.collate_fn)
            self._follow(parts, name, data=data)
            self._waiting.append((value.dataset, f"{name}.dataset", True))
        if not (is_persons(kind) or isinstance(value, (Dataset, Sampler, SimpleNamespace))):
            return
        data = data or isinstance(value, Dataset)
        if hasattr(value, "__dict__"):
            inside = {key: one for key, one in vars(value).items() if key not in hidden}
            self._add("attributes", value, inside)
            self._follow_named(inside, name, data=data)
        slots = slots_of(value)
        if slots:
            self.add_slots(value, slots)
            self._follow_named(slots, name, data=data)
        self._note_methods(kind, data=data)


def put_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Have a model's parameters and buffers be as `Kept.weights` returned them.

    Examples
    --------
    >>> model = nn.Linear(1, 1)
    >>> put_weights(model, {"weight": torch.ones(1, 1), "bias": torch.zeros(1)})
    >>> model.weight.item()
    1.0
    """
    kept = Kept({"model": model})
    for path, module in model.named_modules():
        for register in (module._parameters, module._buffers):  # noqa: SLF001  # no public way
            for name, tensor in kept.held(register).items():
                values = weights.get(f"{path}.{name}" if path else name)
                if tensor is not None and values is not None:
                    kept.tensors[id(tensor)] = tensor, values.shape, values
                elif register is module._buffers:  # noqa: SLF001  # no public way
                    fresh = None if values is None else values.clone()
                    kept.registers[id(register)][2][name] = fresh
    kept.put_back()
