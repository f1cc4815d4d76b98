"""What goes into and comes out of each layer of a network, heard in one pass."""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from dl_lab.errors import InputError
from dl_lab.probe.formula.functions import ALIASES, arguments, plain_name, tensors_in
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.held import Held, function_writes, module_writes
from dl_lab.probe.layer import Layer, shape_of, without_values
from dl_lab.probe.looks.turns import go_on
from dl_lab.probe.modules import is_keras, is_plain, layers, parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

Inputs: TypeAlias = "Tensor | Sequence[Any] | Mapping[str, Any]"
Changes: TypeAlias = "Mapping[tuple[str, int, int], float]"
"""Factors by (layer, call, unit): what a unit answers is multiplied with its factor."""

_UNITS_AT_LEAST = 2


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
    return inputs if isinstance(inputs, (Mapping, list, tuple)) else (inputs,)


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
    ) -> None:
        super().__init__()
        self.layers: list[Layer] = []
        self._model = model
        self._own = own
        self._changes = changes
        self._gradients = gradients
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
        self._made: dict[int, tuple[int, Tensor, weakref.ref[Tensor]]] = {}
        self._held = Held()
        self._pending: tuple[tuple[Tensor, ...], tuple[int, ...]] = ((), ())
        self._unheard: Any = None
        self._heard: list[nn.Module] = []
        self._hooks = contextlib.ExitStack()
        self._rows = 0

    def call_with(self, inputs: Inputs) -> tuple[list[Any], dict[str, Any]]:
        """Return what to call the model with: copies, so that it cannot change the originals."""
        taken = iter(range(len(self._own)))

        def copied(value: Any) -> Any:  # noqa: ANN401  # any nesting
            if isinstance(value, Tensor):
                place = next(taken)
                given = self._own[place].clone()
                self._note(given, -1 - place, self._own[place])
                if given.ndim and not self._rows:
                    self._rows = given.shape[0]
                return given
            if isinstance(value, Mapping):
                return {name: copied(one) for name, one in value.items()}
            if isinstance(value, (list, tuple)):
                return type(value)(copied(one) for one in value)
            return value

        if self._keras:
            # Several inputs are one argument.
            return [copied(inputs)], {}
        given = copied(listed(inputs))
        return ([], given) if isinstance(given, dict) else (list(given), {})

    def __enter__(self) -> Recorder:  # noqa: PYI034  # typing.Self is younger than Python 3.10
        self._held.leave_alone(parameters(self._model))
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
            self._entered(module, args, kwargs)
            output = forward(*args, **kwargs)
            changed = self._left(module, name, output)
            return output if changed is None else changed

        vars(module)["forward"] = heard
        self._heard.append(module)

    def _entered(self, module: nn.Module, args: Any, kwargs: Any) -> None:  # noqa: ANN401
        if threading.get_ident() != self._thread:
            return
        if self._depth == 0:
            go_on()
            # What a layer does within is its own affair, and goes faster unheard.
            self._unheard = torch._C.DisableTorchFunction()  # noqa: SLF001  # as torch itself does
            self._unheard.__enter__()
            self._pending = self._origins((args, kwargs) if kwargs else args)
            if module_writes(module):
                self._held.copy(tensors_in((args, kwargs)))
        self._depth += 1

    def _left(self, module: nn.Module, name: str, output: Any) -> Any:  # noqa: ANN401
        """Take down what a layer answered; return what goes on instead, None for the same."""
        if threading.get_ident() != self._thread:
            return None
        self._depth -= 1
        if self._depth:
            return None
        try:
            return self._record(name, module, {}, *self._pending, output)
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
        if self._depth or threading.get_ident() != self._thread:
            return function(*args, **kwargs)
        go_on()
        given = tensors_in((list(args), dict(kwargs)))
        known = [one for one in given if self._maker(one)]
        name = plain_name(function)
        inputs: tuple[Tensor, ...] = ()
        sources: tuple[int, ...] = ()
        named = {}
        if known and name not in ALIASES:
            inputs, sources = self._origins((list(args), dict(kwargs)))
            for key, one in arguments(name, args, kwargs).items():
                made = self._maker(one)
                named[key] = one if made is None else self._as_kept(one, made)
        if function_writes(function, args, kwargs):
            self._held.copy(given)
        if not known:
            return function(*args, **kwargs)
        if name in ALIASES:
            output = function(*args, **kwargs)
            self._pass_on(known[0], output)
            return output
        self._depth += 1
        try:
            output = function(*args, **kwargs)
        finally:
            self._depth -= 1
        if not any(one.is_floating_point() for one in tensors_in(output)):
            return output
        changed = self._record(name, None, named, inputs, sources, output)
        return output if changed is None else changed

    def _pass_on(self, before: Tensor, after: Any) -> None:  # noqa: ANN401
        """Note that a tensor holds the same values as another, in another shape."""
        if not isinstance(after, Tensor) or after.numel() != before.numel():
            return
        made = self._maker(before)
        if made is not None and after is not before:
            self._note(after, made[0], self._held.hold(made[1].reshape(after.shape)))

    # -- both

    def _note(self, tensor: Tensor, source: int, values: Tensor) -> None:
        self._made[id(tensor)] = (source, values, weakref.ref(tensor))

    def _maker(self, tensor: object) -> tuple[int, Tensor] | None:
        """Return who made a tensor and its values then, None where that is not known."""
        made = self._made.get(id(tensor))
        return made[:2] if made is not None and made[2]() is tensor else None

    def _origins(self, given: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:  # noqa: ANN401
        """Return the values that go into a layer, and who made each."""
        inputs, sources = [], []
        for tensor in tensors_in(given):
            made = self._maker(tensor)
            if made is not None:
                inputs.append(self._as_kept(tensor, made))
                sources.append(made[0])
            elif tensor.is_floating_point() and not isinstance(tensor, torch.nn.Parameter):
                # Made in a way that was not seen; the layer may change it in place.
                inputs.append(tensor.clone() if self._keeps_next else tensor.detach())
                sources.append(self.layers[-1].index if self.layers else -1)
        return tuple(inputs), tuple(sources)

    @property
    def _keeps_next(self) -> bool:
        """Whether the values of the layer that is the next to be recorded are kept."""
        return self._room > 0 or len(self.layers) in self._keep.wanted

    def _as_kept(self, tensor: Tensor, made: tuple[int, Tensor]) -> Tensor:
        """Return the values of a tensor, also where the layer that made it has kept none."""
        source, values = made
        if not values.is_meta:
            return values
        if not self._keeps_next:
            return tensor.detach()
        held = self._held.hold(tensor)
        self._note(tensor, source, held)
        return held

    def _record(
        self,
        name: str,
        module: nn.Module | None,
        named: dict[str, Any],
        inputs: tuple[Tensor, ...],
        sources: tuple[int, ...],
        output: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        call = self._calls[name]
        self._calls[name] += 1
        tensors = [one for one in tensors_in(output) if one.is_floating_point()]
        shown = tensors[0] if tensors else None
        factors = self._factors(name, call) if self._changes else {}
        replaced: Tensor | None = None
        index = len(self.layers)
        kept = self._keeps_next
        if shown is not None and (factors or (self._gradients and kept)):
            replaced = self._scaled(shown, factors)
        values = self._kept(shown, replaced, kept=kept)
        layer = Layer(
            index=index,
            name=name,
            kind=name if module is None else type(module).__name__,
            call=call,
            module=module,
            arguments=named,
            inputs=inputs,
            sources=sources,
            output=values,
            rows=self._rows,
            training=module is not None and (self._training if self._keras else module.training),
            channels_last=self._keras,
            note=None if shown is not None else InputError("layer_no_tensor", layer=name),
        )
        if kept:
            self._room -= sum(one.nbytes for one in tensors)
        else:
            layer = without_values(layer, operation(layer), measured=self._keep.measured)
        self.layers.append(layer)
        for one in tensors:
            if not kept:
                held = layer.output if one is shown else shape_of(one)
            else:
                held = values if one is shown else self._kept(one, None, kept=True)
            assert held is not None  # noqa: S101  # it is one of the layer's
            self._note(one, index, held)
        if replaced is None or values is None:
            return None
        # What the next layers get is a copy again: they may write into it.
        passed = values.clone() if self._gradients and kept else replaced
        self._note(passed, index, values if kept else shape_of(values))
        return _with_first(output, shown, passed)

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
            return shown if replaced is None else replaced
        return self._held.hold(shown if replaced is None else replaced)

    def _scaled(self, output: Tensor, factors: Mapping[int, float]) -> Tensor:
        if not factors:
            return output
        scaled = output.clone()
        last = self._keras and output.ndim >= _UNITS_AT_LEAST
        dimension = output.ndim - 1 if last else min(1, output.ndim - 1)
        for unit, factor in factors.items():
            if unit < output.shape[dimension]:
                scaled.select(dimension, unit).mul_(factor)
        return scaled


def _with_first(output: Any, shown: Tensor | None, passed: Tensor) -> Any:  # noqa: ANN401
    """Return the output with its first floating-point tensor replaced."""
    if output is shown:
        return passed
    if isinstance(output, dict):
        items = {name: _with_first(one, shown, passed) for name, one in output.items()}
        return type(output)(items)
    if isinstance(output, (list, tuple)):
        replaced = [_with_first(one, shown, passed) for one in output]
        return type(output)(*replaced) if hasattr(output, "_fields") else type(output)(replaced)
    return output
