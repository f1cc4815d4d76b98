"""Written states, back into objects made in the same way: checked whole before any is touched."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from types import CellType, FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dl_lab.errors import InputError
from dl_lab.kept.generators import is_generator, same_kind, set_state
from dl_lab.kept.kinds import attributes_of, computing_hooks, slots_of
from dl_lab.kept.objects import Kept
from dl_lab.kept.optimizers import check_step, loaded
from dl_lab.kept.written import KIND, LOOSE, PLAIN, parts_of

_MISSING = object()
_NEEDED = {"model", "optimizer"}
# What wrong structures raise.
WRONG = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    AssertionError,
    ArithmeticError,
)


def read(
    saved: Mapping[str, Any],
    roots: Mapping[str, object],
    data: Mapping[str, object] | None = None,
    *,
    weights: Mapping[str, Tensor] | None = None,
    first: Kept | None = None,
    device: torch.device,
) -> Kept:
    """Find the objects that a written state is of, and return it as what they are to hold.

    Nothing is touched until that is put back.

    Parameters
    ----------
    saved, weights
        From `written`.
    roots, data
        As for `Kept`. Where another kind of object stands than was written, but for the model, it
        stays as it is.
    first
        What the objects held when they were new: attributes that were not written stay those.
    device
        Where tensors go that did not lie on the CPU.

    Raises
    ------
    InputError
        It is of other objects, or no such state.
    """
    reader = _Reader(weights or {}, first, device)
    for name, root in {**roots, **(data or {})}.items():
        needed = name.partition("/")[0] in _NEEDED
        if needed or (name in saved and _alike(saved[name], root)):
            found = reader.read(saved.get(name), root, name)
            if needed and found is not root:
                raise _misfit(name, _told(saved.get(name)), _told(root))
    loose = (first or Kept(roots, data)).loose
    for name, generator in loose.items():
        there = f"{LOOSE}/{name}"
        if there in saved and _alike(saved[there], generator):
            reader.read(saved[there], generator, there)
    reader.kept.roots, reader.kept.data = dict(roots), dict(data or {})
    reader.kept.loose = loose
    return reader.kept


class _Reader:
    def __init__(
        self, weights: Mapping[str, Tensor], first: Kept | None, device: torch.device
    ) -> None:
        self.kept = Kept({})
        self._weights = weights
        self._first = first
        self._device = device
        self._places: dict[str, object] = {}

    def read(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # any object
        """Return what is to stand at a place where `live` stands now."""
        found = self._read(saved, live, place)
        lasting = isinstance(live, (nn.Module, Optimizer)) or is_generator(live)
        if lasting and not isinstance(found, type(live)):
            raise _misfit(place, _told(saved), _told(live))
        return found

    def _read(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401, PLR0911  # any object; a return a kind
        if type(saved) in PLAIN:
            return saved
        if isinstance(saved, Tensor):
            return self._tensor({"values": saved, "away": False, "grad": False}, live, place)
        if isinstance(saved, np.ndarray):
            fresh = saved.copy()
            return self._note(place, "array", fresh, saved.copy())
        if isinstance(saved, list):
            return self._list(saved, live if type(live) is list else [], live, place)
        if isinstance(saved, tuple):
            return tuple(self._each(saved, live, place))
        if isinstance(saved, Mapping) and KIND not in saved:
            owner = live if type(live) is dict else {}
            self._places[place] = owner
            items = {
                key: self.read(one, owner.get(key, _MISSING), f"{place}/{key!r}")
                for key, one in saved.items()
            }
            return self._note(place, "items", owner, items)
        kind = saved.get(KIND) if isinstance(saved, Mapping) else None
        reading = _READ.get(kind) if isinstance(kind, str) else None
        if reading is None:
            raise _misfit(place, _told(saved), _told(live))
        try:
            return reading(self, saved, live, place)
        except InputError:
            raise
        except WRONG as error:
            raise _misfit(place, f"{kind} ({error!r})", _told(live)) from error

    def _note(self, place: str, how: str, owner: Any, held: object) -> Any:  # noqa: ANN401  # any object
        self._places[place] = owner
        self.kept.registers[id(owner)] = (how, owner, held)
        return owner

    def _each(self, saved: Any, live: Any, place: str) -> list[Any]:  # noqa: ANN401  # any sequence
        there = [*live] if isinstance(live, (list, tuple, deque)) else []
        there += [_MISSING] * (len(saved) - len(there))
        return [self.read(one, there[index], f"{place}/{index}") for index, one in enumerate(saved)]

    def _list(self, saved: list[Any], owner: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # any list
        self._places[place] = owner
        return self._note(place, "list", owner, self._each(saved, live, place))

    def _tensor(self, saved: Any, live: Any, place: str) -> Tensor:  # noqa: ANN401  # from a file
        values, grad = saved["values"], saved["grad"]
        if not isinstance(values, Tensor) or type(grad) is not bool:
            raise _misfit(place, _told(values), "a tensor")
        trained = isinstance(live, Tensor) and live.requires_grad and live.is_leaf
        if isinstance(live, nn.Parameter) or (trained and live.shape == values.shape):
            # An optimizer has it, too.
            return self._weight(values, live, place, grad=grad)
        device = self._device if saved["away"] else torch.device("cpu")
        fresh = values.to(device, copy=True)
        if grad:
            fresh.requires_grad_()
        return self._target(values, fresh, place, grad=grad)

    def _target(self, values: Tensor, target: Tensor, place: str, *, grad: bool) -> Tensor:
        self._places[place] = target
        self.kept.tensors[id(target)] = target, values.shape, values
        if target.is_floating_point():
            self.kept.flags[id(target)] = target, grad
        return target

    def _weight(self, values: Tensor, live: Tensor, place: str, *, grad: bool) -> Tensor:
        if values.shape != live.shape or _number_kind(values) != _number_kind(live):
            raise _other_model(place, values, live)
        return self._target(values, live, place, grad=grad)

    def module(self, saved: Any, live: Any, place: str) -> nn.Module:  # noqa: ANN401  # from a file
        if not isinstance(live, nn.Module):
            raise _misfit(place, saved["class"], _told(live))
        torchs = type(live).__module__.startswith("torch.nn.")
        if torchs and saved["class"] != type(live).__name__:
            raise _misfit(place, saved["class"], type(live).__name__)
        self._places[place] = live
        for register in ("_parameters", "_buffers"):
            self._registers(
                saved[register],
                vars(live)[register],
                place,
                strict=torchs or register == "_parameters",
            )
        own = vars(live)["_modules"]
        children = {}
        for name in {**saved["_modules"], **own}:
            child, there = own.get(name), saved["_modules"].get(name)
            if (child is None) is not (there is None):
                raise _misfit(f"{place}/{name}", _told(there), _told(child))
            children[name] = None if child is None else self.read(there, child, f"{place}/{name}")
        self.kept.registers[id(own)] = ("items", own, children)
        if live._forward_pre_hooks:  # noqa: SLF001  # no public way
            self.kept.registers["hooks", id(live)] = ("hooks", live, computing_hooks(live))
        if torchs:
            self._check_settings(saved["attributes"], live, place)
        self._attributes(saved["attributes"], live, place)
        if saved["extra"] is not None:
            self.kept.add_extra(live, saved["extra"])
        return live

    def _registers(self, saved: Any, own: Any, place: str, *, strict: bool) -> None:  # noqa: ANN401  # from a file
        held = {}
        for name in {**saved, **own}:
            there = f"{place}/{name}"
            # A buffer may come into being as a module of a person's own runs.
            if name not in saved and not strict and not self._was_there(own, name):
                continue
            if name not in saved or (strict and name not in own):
                raise _other_model(there, saved.get(name, _MISSING), own.get(name))
            held[name] = self._register(saved[name], own.get(name), there, strict=strict)
        self.kept.registers[id(own)] = ("tensors", own, held)

    def _was_there(self, register: Any, name: str) -> bool:  # noqa: ANN401  # of a module
        return self._first is None or name in self._first.held(register)

    def _register(self, saved: Any, live: Tensor | None, place: str, *, strict: bool) -> Any:  # noqa: ANN401  # from a file
        if saved is None:
            if live is not None and strict:
                raise _other_model(place, None, live)
            return None
        if isinstance(saved, Mapping) and saved.get(KIND) == "same":
            return self.same(saved, live, place)
        grad = isinstance(saved, Mapping) and saved.get("grad", False)
        if isinstance(saved, Mapping) and saved.get(KIND) == "weight":
            values = self._weights.get(".".join(place.split("/")[1:]), _MISSING)
        else:
            values = saved["values"] if isinstance(saved, Mapping) else saved
        if not isinstance(values, Tensor) or type(grad) is not bool:
            raise _other_model(place, values, live)
        if live is not None and (strict or values.shape == live.shape):
            return self._weight(values, live, place, grad=grad)
        if strict:
            raise _other_model(place, values, live)
        away = live.device if live is not None else self._device
        return self._target(values, values.to(away, copy=True), place, grad=False)

    @staticmethod
    def _check_settings(saved: Any, live: nn.Module, place: str) -> None:  # noqa: ANN401  # from a file
        """Compare the kinds of what torch's own modules hold."""
        for name, value in vars(live).items():
            there = saved.get(name, value)
            if type(value) in PLAIN and value is not None and type(there) is not type(value):
                if {type(value), type(there)} <= {int, float}:
                    continue
                raise _misfit(f"{place}/{name}", _told(there), _told(value))

    def _attributes(self, saved: Any, live: Any, place: str) -> None:  # noqa: ANN401  # from a file
        own = attributes_of(live)
        held = self._named(saved, own, f"{place}/@")
        # A class may have got new ones since; others come into being only as it runs.
        for name, value in (self._first.held(live) if self._first else {}).items():
            held.setdefault(name, value)
        self.kept.registers[id(live)] = ("attributes", live, held)

    def _named(self, saved: Any, own: Mapping[str, Any], place: str) -> dict[str, Any]:  # noqa: ANN401  # as above
        return {
            str(name): self.read(value, own.get(name, _MISSING), f"{place}/{name}")
            for name, value in saved.items()
        }

    def same(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # from a file
        if saved["as"] not in self._places:
            raise _misfit(place, f"the same as {saved['as']}", _told(live))
        return self._places[saved["as"]]

    def read_items(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        owner = _of_class(saved, live, place, {"dict": dict})
        self._places[place] = owner
        here = [*owner.items()]
        here += [(_MISSING, _MISSING)] * (len(saved["pairs"]) - len(here))
        pairs = [
            (
                self.read(key, here[index][0], f"{place}/key {index}"),
                self.read(value, here[index][1], f"{place}/{index}"),
            )
            for index, (key, value) in enumerate(saved["pairs"])
        ]
        self._beside(saved, owner, place)
        return self._note(place, "items", owner, dict(pairs))

    def _beside(self, saved: Any, owner: Any, place: str) -> None:  # noqa: ANN401  # from a file
        if "attributes" in saved and hasattr(owner, "__dict__"):
            held = self._named(saved["attributes"], vars(owner), f"{place}/@")
            self.kept.registers["attributes of", id(owner)] = ("attributes of", owner, held)

    def read_list(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        owner = _of_class(saved, live, place, {"bytearray": bytearray})
        self._beside(saved, owner, place)
        return self._list(saved["items"], owner, live, place)

    def read_tuple(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        kind = _kind(saved, live, place, tuple)
        items = self._each(saved["items"], live, place)
        if hasattr(kind, "_fields") and len(kind._fields) == len(items):
            return tuple.__new__(kind, items)
        return kind(items) if kind is type(live) else _fail(place, saved, live)

    def read_set(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        items = self._each(saved["items"], (), place)
        if saved["class"] == "frozenset":
            return frozenset(items)
        owner = live if isinstance(live, set) else set()
        return self._note(place, "set", owner, set(items))

    def array(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        if saved["dtype"] is None:
            there = live.ravel().tolist() if isinstance(live, np.ndarray) else ()
            fresh = np.empty(len(saved["items"]), dtype=object)
            fresh[:] = self._each(saved["items"], there, place)
        else:
            kind = np.lib.format.descr_to_dtype(saved["dtype"])
            if kind.hasobject:
                _fail(place, saved, live)
            fresh = np.frombuffer(saved["bytes"], kind).copy()
        fresh = fresh.reshape(saved["shape"])
        return self._note(place, "array", fresh, fresh.copy())

    def cell(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        owner = live if isinstance(live, CellType) else _fail(place, saved, live)
        return self._note(
            place, "cell", owner, self.read(saved["value"], owner.cell_contents, f"{place}/cell")
        )

    def parts(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        owner, parts = _of_class(saved, live, place, {}), parts_of(live)
        if len(parts) != len(saved["parts"]):
            _fail(place, saved, live)
        self._places[place] = owner
        self._each(saved["parts"], parts, place)
        if saved["attributes"]:
            self._attributes(saved["attributes"], owner, place)
        return owner

    def function(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        cells = (live.__closure__ or ()) if isinstance(live, FunctionType) else ()
        if not isinstance(live, FunctionType) or len(cells) != len(saved["cells"]):
            _fail(place, saved, live)
        self._places[place] = live
        self._each(saved["cells"], cells, f"{place}/()")
        self._attributes(saved["attributes"], live, place)
        return live

    def read_object(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        owner = _of_class(saved, live, place, {})
        self._places[place] = owner
        if hasattr(owner, "__dict__"):
            self._attributes(saved["attributes"], owner, place)
        if saved["slots"]:
            self.kept.add_slots(
                owner, self._named(saved["slots"], slots_of(owner), f"{place}/slots")
            )
        return owner

    def generator(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        owner = _of_class(saved, live, place, {})
        if not is_generator(owner):
            _fail(place, saved, live)
        # Whether it takes that state shows on another one.
        set_state(same_kind(owner), saved["state"])
        return self._note(place, "generator", owner, saved["state"])

    def state_dict(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        owner = _of_class(saved, live, place, {})
        return self._note(place, "state_dict", owner, saved["state"])

    def scalar(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        del live, place
        return saved["value"][()]

    def enum(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        return _kind(saved, live, place, Enum)[saved["name"]]

    def optimizer(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        kind = saved["kind"]
        if not isinstance(live, Optimizer) or kind != type(live).__name__:
            raise InputError("other_kind", there=kind, here=type(live).__name__)
        groups = self._groups(saved, live)
        self._check_memory(saved["state"], groups, place)
        shell = loaded(live, groups, saved)
        check_step(shell)
        remembered = Kept({"memory": [*shell.state.values()]})
        self.kept.registers.update(remembered.registers)
        self.kept.tensors.update(remembered.tensors)
        here = [*live.param_groups]
        here += [{} for _ in groups[len(here) :]]
        held = []
        for group, found, members in zip(here, shell.param_groups, groups, strict=False):
            self.kept.add_settings(group, found)
            held.append((group, members))
            for parameter in members:
                self.kept.tensors.setdefault(
                    id(parameter), (parameter, parameter.shape, parameter.detach())
                )
        self._note(place, "optimizer", live, ({**shell.state}, held))
        self.kept.add_beside(live, self._named(saved["attributes"], vars(live), f"{place}/@"))
        return live

    @staticmethod
    def _check_memory(memory: Any, groups: Any, place: str) -> None:  # noqa: ANN401  # from a file
        """Refuse numbers of another kind than the parameters have: cast, they would change."""
        members = [parameter for group in groups for parameter in group]
        for index, state in memory.items():
            if type(index) is int and not 0 <= index < len(members):
                raise _misfit(f"{place}/state/{index}", _told(state), "one of a parameter")
            for name, value in state.items() if type(index) is int else ():
                complex_ = isinstance(value, Tensor) and value.is_complex()
                if complex_ and not members[index].is_complex():
                    raise _misfit(f"{place}/state/{index}/{name}", "complex", "real")

    def _groups(self, saved: Any, live: Optimizer) -> list[list[Tensor]]:  # noqa: ANN401  # from a file
        """Return the parameters of each group: training may have added some, or is to again."""
        here = [list(group["params"]) for group in live.param_groups]
        counts = [len(group["params"]) for group in saved["param_groups"]]
        first = None if self._first is None else self._first.registers.get(id(live))
        least = len(here) if first is None else len(first[2][1])
        wrong = InputError("other_groups", there=counts, here=[len(group) for group in here])
        if counts[: len(here)] != [len(group) for group in here][: len(counts)]:
            raise wrong
        if len(counts) < min(least, len(here)):
            raise wrong
        groups = here[: len(counts)]
        for names in saved["names"][len(groups) :]:
            places = [name if "/" in name else "model/" + name.replace(".", "/") for name in names]
            found = [self._places.get(place) for place in places]
            members = [one for one in found if isinstance(one, Tensor)]
            if len(members) < len(names):
                raise wrong
            groups.append(members)
        if [len(group) for group in groups] != counts:
            raise wrong
        return groups

    def fixed(self, saved: Any, live: Any, place: str) -> Any:  # noqa: ANN401  # as above
        # Of a method or a class of another name there may be as much.
        if live is _MISSING or live is None:
            _fail(place, saved, live)
        return live


_READ: dict[str, Callable[[_Reader, Any, Any, str], Any]] = {
    "module": _Reader.module,
    "tensor": _Reader._tensor,  # noqa: SLF001  # in this file
    "same": _Reader.same,
    "items": _Reader.read_items,
    "list": _Reader.read_list,
    "tuple": _Reader.read_tuple,
    "set": _Reader.read_set,
    "array": _Reader.array,
    "cell": _Reader.cell,
    "parts": _Reader.parts,
    "function": _Reader.function,
    "object": _Reader.read_object,
    "generator": _Reader.generator,
    "state_dict": _Reader.state_dict,
    "optimizer": _Reader.optimizer,
    "scalar": _Reader.scalar,
    "enum": _Reader.enum,
    "fixed": _Reader.fixed,
}


def _alike(saved: Any, live: Any) -> bool:  # noqa: ANN401  # any object
    """Whether a state may be one of an object of this kind."""
    if not isinstance(saved, Mapping) or not isinstance(saved.get(KIND), str):
        return False
    kind = saved[KIND]
    if kind == "function":
        cells = live.__closure__ or () if isinstance(live, FunctionType) else None
        return cells is not None and len(saved.get("cells", ())) == len(cells)
    if kind == "parts" and len(saved.get("parts", ())) != len(parts_of(live)):
        return False
    if kind == "optimizer":
        return True
    return bool(saved.get("class") == type(live).__name__ and kind != "fixed")


def _number_kind(tensor: Tensor) -> tuple[bool, bool, bool]:
    return tensor.is_floating_point(), tensor.is_complex(), tensor.dtype is torch.bool


def _of_class(saved: Any, live: Any, place: str, made: Mapping[str, type]) -> Any:  # noqa: ANN401  # any object
    """Return `live` where it is of the class that was written, or a new one where that is plain."""
    if type(live).__name__ == saved["class"]:
        return live
    if saved["class"] in made:
        return made[saved["class"]]()
    return _fail(place, saved, live)


def _kind(saved: Any, live: Any, place: str, base: type) -> Any:  # noqa: ANN401  # any object
    """Return the class of a value that never changes: of `live`, or the loaded one of that name.

    To make one of these runs no code of its own.
    """
    if type(live).__name__ == saved["class"] and isinstance(live, base):
        return type(live)
    module = sys.modules.get(saved["module"])
    found = None if module is None else vars(module).get(saved["class"])
    fits = isinstance(found, type) and issubclass(found, base)
    return found if fits else _fail(place, saved, live)


def _fail(place: str, saved: Any, live: Any) -> Any:  # noqa: ANN401  # any object
    name, kind = place.replace("/@", "").replace("/", "."), saved.get("class", saved.get(KIND))
    raise InputError("state_not_made", name=name, there=kind, here=_told(live))


def _misfit(place: str, there: str, here: str) -> InputError:
    name = place.replace("/@", "").replace("/", ".")
    return InputError("state_structure", name=name, there=there, here=here)


def _other_model(place: str, there: object, here: object) -> InputError:
    name = ".".join(place.split("/")[1:]) or place
    return InputError("other_model", name=name, there=_told(there), here=_told(here))


def _told(value: object) -> str:
    if value is _MISSING:
        return "missing"
    if isinstance(value, Tensor):
        return f"{list(value.shape)}"
    if isinstance(value, Mapping) and isinstance(value.get("class"), str):
        return str(value["class"])[:60]
    return "None" if value is None else type(value).__name__
