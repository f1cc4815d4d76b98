"""What goes into and comes out of each layer of a network, heard in one pass."""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from dl_lab.errors import InputError
from dl_lab.probe.batch import batch_of_function, batch_of_module
from dl_lab.probe.call import Batch, Call, Origin
from dl_lab.probe.formula.functions import ALIASES, plain_name
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.held import (
    Held,
    function_writes,
    is_same_memory,
    is_wrapped,
    module_writes,
    plain,
)
from dl_lab.probe.layer import Layer, cells_of, shape_of, without_values
from dl_lab.probe.looks.turns import go_on
from dl_lab.probe.modules import is_keras, is_plain, layers, parameters
from dl_lab.probe.nested import mapped, tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Inputs: TypeAlias = "Tensor | Sequence[Any] | Mapping[str, Any]"
Changes: TypeAlias = "Mapping[tuple[str, int, int], float]"
"""Factors by (layer, call, unit): what a unit answers is multiplied with its factor."""


@dataclass
class _Taken:
    """What a call was given, as it was before anything wrote into it."""

    made: Call
    inputs: tuple[Tensor, ...]
    origins: tuple[Origin, ...]
    counted: list[tuple[Tensor, Batch]]


@dataclass(frozen=True)
class Keep:
    """Whose values a pass keeps; of all other layers it keeps the shapes alone.

    Attributes
    ----------
    wanted
        Layers by their index.
    most
        Bytes that the first layers may take beside those: all of a network that is not large.
    measured
        Whether the largest absolute value of those that are not kept is wanted.
    """

    wanted: frozenset[int] = frozenset()
    most: float = math.inf
    measured: bool = False


ALL, NOTHING = Keep(), Keep(most=0)


def listed(inputs: Inputs) -> Any:  # noqa: ANN401  # what a model takes
    """Return a model's inputs as a collection: a single one in a tuple.

    Examples
    --------
    >>> listed(torch.ones(1))
    (tensor([1.]),)
    """
    several = isinstance(inputs, (Mapping, list, tuple)) and not isinstance(inputs, PackedSequence)
    return inputs if several else (inputs,)


class Recorder(TorchFunctionMode):
    """An ear on all layers and functions, for one pass in one thread."""

    def __init__(
        self,
        model: nn.Module,
        own: list[Tensor],
        changes: Changes,
        gradients: bool,
        *,
        training: bool,
        keep: Keep,
        batch: Sequence[int | None] | None = None,
        listening: bool = True,
    ) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self._model = model
        self._own = own
        self._changes = changes
        self._gradients = gradients
        # Within a single layer there is nothing to be told of but functions.
        self._listening = listening
        self._keras = is_keras(model)
        # Layers of Keras are told with each call.
        self._training = training
        self._keep = keep
        self._room = keep.most
        self._thread = threading.get_ident()
        self._depth = 0
        self._calls: Counter[str] = Counter()
        # id of a tensor → who made it, and its values then. The tensor is not kept: its memory is
        # used again as in any forward, and so may be its id.
        self._made: dict[int, tuple[Origin, Tensor, weakref.ref[Tensor]]] = {}
        self._held = Held()
        self._pending: _Taken | None = None
        # What parametrizations have computed; asked again, some compute something else.
        self._computed: dict[nn.Module, dict[str, Tensor]] = {}
        self._unheard: Any = None
        self._heard: list[nn.Module] = []
        self._hooks = contextlib.ExitStack()
        self.rows = _rows(own, batch)
        self._own_batch = batch

    def call_with(self, inputs: Inputs) -> tuple[list[Any], dict[str, Any]]:
        """Return what to call the model with: copies, so that it cannot change the originals."""
        if self._keras and not (isinstance(inputs, tuple) and len(inputs) == 1):
            # A model of Keras takes several inputs as one argument.
            return self.copies((inputs,), {})
        given = listed(inputs)
        return self.copies((), given) if isinstance(given, Mapping) else self.copies(given, {})

    def copies(
        self, args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a call with copies of its tensors, which are the model's own."""
        places = iter(enumerate(self._own))

        def copied(_: Tensor) -> Tensor:
            place, own = next(places)
            # A model that differentiates by its input within may look for its `grad`.
            given = own.clone() if self._gradients else _leaf(own)
            dimensions = self._own_batch
            batch = self._counting(own) if dimensions is None else Batch(dimensions[place])
            self._note(given, Origin(-1 - place, batch), own)
            return given

        return list(mapped(tuple(args), copied)), mapped(dict(kwargs), copied)

    def __enter__(self) -> Recorder:  # noqa: PYI034  # typing.Self is younger than Python 3.10
        self._held.leave_alone(parameters(self._model))
        if self._listening:
            for module, name in layers(self._model).items():
                self._listen(module, name)
        super().__enter__()  # type: ignore[no-untyped-call]  # torch has no types here
        return self

    def __exit__(self, *exception: object) -> None:
        # A layer that raised has left it off.
        self._hear()
        try:
            super().__exit__(*exception)  # type: ignore[no-untyped-call]  # torch has no types here
        finally:
            for module in self._heard:
                del vars(module)["forward"]
            self._hooks.close()

    # -- layers

    def _listen(self, module: nn.Module, name: str) -> None:
        """Be told when a layer is called, until the end of the pass."""
        computing = module._modules.get("parametrizations")  # noqa: SLF001  # as in `layers`
        if isinstance(computing, nn.ModuleDict):
            for own, computed in computing.items():
                self._listen_to_parameter(module, own, computed)
        if not is_plain(module):
            before = module.register_forward_pre_hook(self._entered, with_kwargs=True)
            self._hooks.callback(before.remove)
            after = module.register_forward_hook(
                lambda module, _, __, output: self._left(module, name, output),
                with_kwargs=True,
            )
            self._hooks.callback(after.remove)
            return
        # Hooks cost a small layer half as much again as it takes; this costs next to nothing.
        forward = module.forward

        def heard(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            self._entered(module, args, kwargs, forward)
            output = forward(*args, **kwargs)
            changed = self._left(module, name, output)
            return output if changed is None else changed

        vars(module)["forward"] = heard
        self._heard.append(module)

    def _listen_to_parameter(self, module: nn.Module, own: str, computed: nn.Module) -> None:
        def keep(_: nn.Module, __: object, output: Tensor) -> None:
            if threading.get_ident() == self._thread:
                self._computed.setdefault(module, {})[own] = output.detach()

        self._hooks.callback(computed.register_forward_hook(keep).remove)

    def _entered(
        self,
        module: nn.Module,
        args: Any,  # noqa: ANN401
        kwargs: Any,  # noqa: ANN401
        forward: Callable[..., Any] | None = None,
    ) -> None:
        if threading.get_ident() != self._thread:
            return
        if self._depth == 0:
            go_on()
            # What a layer does within is its own affair, and goes faster unheard.
            self._unheard = torch._C.DisableTorchFunction()  # noqa: SLF001  # as torch itself does
            self._unheard.__enter__()
            given = tensors_in((args, kwargs))
            self._pending = None
            # Weights that stand for many are those of many layers.
            registers = (*module._parameters.values(), *module._buffers.values())  # noqa: SLF001
            if not any(one is not None and is_wrapped(one) for one in registers):
                self._pending = self._taken(forward or module.forward, args, kwargs, given)
                if module_writes(module):
                    self._held.copy(given)
        self._depth += 1

    def _left(self, module: nn.Module, name: str, output: Any) -> Any:  # noqa: ANN401
        """Take down what a layer answered; return what goes on instead, None for the same."""
        if threading.get_ident() != self._thread:
            return None
        self._depth -= 1
        if self._depth:
            return None
        try:
            if self._pending is None:
                return None
            return self._record(name, module, self._pending, output)
        finally:
            self._hear()

    def _hear(self) -> None:
        if self._unheard is not None:
            self._unheard.__exit__(None, None, None)
            self._unheard = None

    # -- functions

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,  # noqa: ANN401
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        given = tensors_in((list(args), dict(kwargs)))
        elsewhere = self._depth or threading.get_ident() != self._thread
        # Rows of several lengths have no shape that could be shown.
        if elsewhere or any(one.is_nested for one in given):
            return function(*args, **kwargs)
        go_on()
        known = [one for one in given if self._origin(one)]
        heard = bool(known) or (bool(given) and not self._listening)
        name = plain_name(function)
        taken = None
        if heard and name not in ALIASES:
            taken = self._taken(function, args, kwargs, given)
        if function_writes(function, args, kwargs):
            self._held.copy(given)
        if not heard:
            return function(*args, **kwargs)
        self._depth += 1
        try:
            output = function(*args, **kwargs)
        finally:
            self._depth -= 1
        if taken is None:
            if isinstance(output, Tensor) and output.numel() == given[0].numel():
                self._pass_on(name, Call(function, tuple(args), kwargs), given[0], output)
                return output
            taken = self._taken(function, args, kwargs, given)
        # `a[i] = x` returns nothing.
        result = args[0] if name == "setitem" else output
        if not any(one.is_floating_point() for one in tensors_in(result)):
            self._pass_on_whole(name, taken, result)
            return output
        changed = self._record(name, None, taken, result)
        return output if changed is None or name == "setitem" else changed

    def _pass_on(self, name: str, made: Call, before: Tensor, after: Tensor) -> None:
        """Note that a tensor holds the same values as another, in another shape."""
        origin = self._origin(before)
        if origin is None or after is before:
            return
        if is_wrapped(after):
            batch = self._counting(after)
        else:
            batch = batch_of_function(name, made, [(before, origin.batch)], after)
        values = self._held.hold(after) if self._keeps_next else shape_of(plain(after))
        self._note(after, replace(origin, batch=batch), values)

    def _pass_on_whole(self, name: str, taken: _Taken, output: Any) -> None:  # noqa: ANN401
        """Note which examples whole numbers, such as a mask, are of."""
        source = taken.origins[0].source if taken.origins else -1
        for one in tensors_in(output) if taken.counted else ():
            batch = self._batch(name, None, taken, one)
            values = self._held.hold(one) if self._keeps_next else shape_of(plain(one))
            self._note(one, Origin(source, batch, shown=False), values)

    # -- both

    def _note(self, tensor: Tensor, origin: Origin, values: Tensor) -> None:
        self._made[id(tensor)] = (origin, values, weakref.ref(tensor))

    def _origin(self, tensor: object) -> Origin | None:
        """Return where a tensor comes from, None where that is not known."""
        made = self._made.get(id(tensor))
        return made[0] if made is not None and made[2]() is tensor else None

    def origin_of(self, tensor: Tensor) -> tuple[Origin, Tensor] | None:
        """Return where a tensor comes from and what it holds, None where that is not known."""
        origin = self._origin(tensor)
        return None if origin is None else (origin, self._values(tensor))

    def _values(self, tensor: Tensor) -> Tensor:
        """Return what a tensor holds at this moment."""
        made = self._made.get(id(tensor))
        # What was written into since no longer shares its memory with what was noted then.
        if made is not None and made[2]() is tensor and is_same_memory(made[1], tensor):
            return made[1]
        if isinstance(tensor, nn.Parameter) or not self._keeps_next:
            return plain(tensor).detach()
        return self._held.hold(tensor)

    @property
    def _keeps_next(self) -> bool:
        """Whether the values of the layer that is the next to be recorded are kept."""
        return self._room > 0 or len(self.layers) in self._keep.wanted

    def _taken(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        given: Sequence[Tensor],
    ) -> _Taken:
        """Return what goes into a call, and who made it."""
        inputs: list[Tensor] = []
        origins: list[Origin] = []
        counted: list[tuple[Tensor, Batch]] = []
        held: dict[int, Tensor] = {}
        for one in given:
            values = held[id(one)] = self._values(one)
            if one.is_nested:
                continue
            origin = self._origin(one)
            if origin is not None:
                counted.append((values, origin.batch))
                if not (origin.shown or one.is_floating_point()):
                    continue
            elif one.is_floating_point() and not isinstance(one, nn.Parameter):
                # Made in a way that was not seen.
                last = self.layers[-1].index if self.layers else -1
                origin = Origin(last, self._counting(one), shown=False)
            if origin is not None:
                inputs.append(values)
                origins.append(origin)

        def now(one: Tensor) -> Tensor:
            return held[id(one)] if id(one) in held else self._values(one)

        made = Call(function, mapped(tuple(args), now), mapped(dict(kwargs), now))
        return _Taken(made, tuple(inputs), tuple(origins), counted)

    def _counting(self, tensor: Tensor) -> Batch:
        """Return where a tensor that no layer or transform answered has its rows."""
        values = plain(tensor)
        return Batch(0 if values.ndim and values.size(0) == self.rows else None)

    def _record(self, name: str, module: nn.Module | None, taken: _Taken, output: Any) -> Any:  # noqa: ANN401
        call = self._calls[name]
        self._calls[name] += 1
        tensors = [one for one in tensors_in(output) if one.is_floating_point()]
        shown = tensors[0] if tensors else None
        batches = [self._batch(name, module, taken, one) for one in tensors]
        factors = self._factors(name, call) if self._changes else {}
        replaced: Tensor | None = None
        index = len(self.layers)
        kept = self._keeps_next
        if shown is not None and (factors or (self._gradients and kept)):
            replaced = self._scaled(shown, batches[0].rows, factors)
        values = self._kept(shown, replaced, kept=kept)
        layer = Layer(
            index=index,
            name=name,
            kind=name if module is None else type(module).__name__,
            call=call,
            module=module,
            made=taken.made,
            inputs=taken.inputs,
            origins=taken.origins,
            output=values,
            batch=batches[0].rows if batches else None,
            settings={} if module is None else self._settings(module),
            factors=factors,
            training=module is not None and (self._training if self._keras else module.training),
            channels_last=self._keras,
            transformed=shown is not None and is_wrapped(shown),
            note=_note(name, shown),
        )
        if kept:
            self._room -= sum(one.numel() * one.itemsize for one in tensors)
        else:
            layer = without_values(layer, operation(layer), measured=self._keep.measured)
        self.layers.append(layer)
        for one, batch in zip(tensors, batches, strict=True):
            held = shape_of(plain(one))
            if kept:
                held = values if one is shown and values is not None else self._held.hold(one)
            self._note(one, Origin(index, batch, shown=one is shown), held)
        if replaced is None or values is None:
            return None
        # What the next layers get is a copy again: they may write into it.
        passed = replaced.clone() if self._gradients and kept else replaced
        self._note(passed, Origin(index, batches[0]), values if kept else shape_of(values))
        return _with_first(output, shown, passed)

    def _batch(self, name: str, module: nn.Module | None, taken: _Taken, output: Tensor) -> Batch:
        if self._keras:
            return Batch(0 if output.ndim else None)
        if is_wrapped(output) or output.is_nested:
            return self._counting(output)
        if module is None:
            return batch_of_function(name, taken.made, taken.counted, output)
        inputs = zip(taken.inputs, taken.origins, strict=True)
        given = [*taken.counted, *((one, origin.batch) for one, origin in inputs)]
        return batch_of_module(module, given, output)

    def _settings(self, module: nn.Module) -> dict[str, Any]:
        """Return a layer's attributes as they are in this call: its weights may be others later."""
        registers = {**module._parameters, **module._buffers}  # noqa: SLF001
        tensors = {key: None if one is None else one.detach() for key, one in registers.items()}
        return {**vars(module), **tensors, **self._computed.get(module, {})}

    def _factors(self, name: str, call: int) -> dict[int, float]:
        return {
            unit: factor
            for (layer, at, unit), factor in self._changes.items()
            if (layer, at) == (name, call)
        }

    def _kept(self, shown: Tensor | None, replaced: Tensor | None, *, kept: bool) -> Tensor | None:
        if shown is None:
            return None
        if not kept or self._gradients:
            return plain(shown if replaced is None else replaced)
        return self._held.hold(shown if replaced is None else replaced)

    def _scaled(self, output: Tensor, batch: int | None, factors: Mapping[int, float]) -> Tensor:
        if not factors:
            return output
        scaled = output.clone()
        if plain(output).ndim > output.ndim:
            # A single row, within `torch.func.vmap`.
            batch = None
        for unit, factor in factors.items():
            cells_of(scaled, unit, batch, self._keras).mul_(factor)
        return scaled


def _note(name: str, shown: Tensor | None) -> InputError | None:
    """Return why there is nothing to be seen of a layer."""
    if shown is None:
        return InputError("layer_no_tensor", layer=name)
    return None if shown.numel() else InputError("layer_empty", layer=name, shape=list(shown.shape))


def _leaf(own: Tensor) -> Tensor:
    return own.detach().clone().requires_grad_(own.requires_grad)


def _rows(own: list[Tensor], batch: Sequence[int | None] | None) -> int:
    """Return how many examples there are; one where no dimension counts them."""
    for which, one in enumerate(own):
        dimension = 0 if batch is None else batch[which]
        if one.ndim and dimension is not None:
            return one.size(dimension)
    return 1


def _with_first(output: Any, shown: Tensor | None, passed: Tensor) -> Any:  # noqa: ANN401
    """Return the output with its first floating-point tensor replaced."""
    return mapped(output, lambda one: passed if one is shown else one)
