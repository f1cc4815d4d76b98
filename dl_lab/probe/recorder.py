"""What goes into and comes out of each layer of a network, heard in one pass."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from dl_lab.errors import InputError
from dl_lab.probe.formula.functions import ALIASES, arguments, plain_name
from dl_lab.probe.held import Held, function_writes, module_writes, plain
from dl_lab.probe.layer import Layer
from dl_lab.probe.modules import is_keras, is_plain, layers, parameters
from dl_lab.probe.nested import mapped, tensors_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

Inputs: TypeAlias = "Tensor | Sequence[Any] | Mapping[str, Any]"
Changes: TypeAlias = "Mapping[tuple[str, int, int], float]"
"""Factors by (layer, call, unit): what a unit answers is multiplied with its factor."""

_UNITS_AT_LEAST = 2


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
        batch: Sequence[int | None] | None = None,
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
        self._rows = _rows(own, batch)

    def call_with(self, inputs: Inputs) -> tuple[list[Any], dict[str, Any]]:
        """Return what to call the model with: copies, so that it cannot change the originals."""
        places = iter(enumerate(self._own))

        def copied(_: Tensor) -> Tensor:
            place, own = next(places)
            # A model that differentiates by its input within may look for its `grad`.
            given = own.clone() if self._gradients else _leaf(own)
            self._note(given, -1 - place, own)
            return given

        # A model of Keras takes several inputs as one argument.
        alone = self._keras and not (isinstance(inputs, tuple) and len(inputs) == 1)
        given = mapped(inputs if alone else listed(inputs), copied)
        if alone:
            return [given], {}
        return ([], dict(given)) if isinstance(given, Mapping) else (list(given), {})

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
            # What a layer does within is its own affair, and goes faster unheard.
            self._unheard = torch._C.DisableTorchFunction()  # noqa: SLF001  # as torch itself does
            self._unheard.__enter__()
            if module_writes(module):
                self._held.copy(tensors_in((args, kwargs)))
            self._pending = self._origins((args, kwargs) if kwargs else args)
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
        if function_writes(function, args, kwargs):
            self._held.copy(tensors_in((list(args), dict(kwargs))))
        known = [one for one in tensors_in((list(args), dict(kwargs))) if self._maker(one)]
        if not known:
            return function(*args, **kwargs)
        name = plain_name(function)
        if name in ALIASES:
            output = function(*args, **kwargs)
            self._pass_on(known[0], output)
            return output
        inputs, sources = self._origins((list(args), dict(kwargs)))
        named = {}
        for key, one in arguments(name, args, kwargs).items():
            made = self._maker(one)
            named[key] = one if made is None else made[1]
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
            if tensor.is_nested:
                # Rows of several lengths have no shape that could be shown.
                continue
            made = self._maker(tensor)
            if made is not None:
                inputs.append(made[1])
                sources.append(made[0])
            elif tensor.is_floating_point() and not isinstance(tensor, torch.nn.Parameter):
                # Made in a way that was not seen; the layer may change it in place.
                inputs.append(plain(tensor.clone()))
                sources.append(self.layers[-1].index if self.layers else -1)
        return tuple(inputs), tuple(sources)

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
        if shown is not None and (factors or self._gradients):
            replaced = self._scaled(shown, factors)
        index = len(self.layers)
        values = self._kept(shown, replaced)
        self.layers.append(
            Layer(
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
                training=module is not None
                and (self._training if self._keras else module.training),
                channels_last=self._keras,
                note=_note(name, shown),
            )
        )
        for one in tensors:
            held = values if one is shown else self._kept(one, None)
            self._note(one, index, plain(one) if held is None else held)
        if replaced is None or values is None:
            return None
        # What the next layers get is a copy again: they may write into it.
        passed = replaced.clone() if self._gradients else replaced
        self._note(passed, index, values)
        return _with_first(output, shown, passed)

    def _factors(self, name: str, call: int) -> dict[int, float]:
        return {
            unit: factor
            for (layer, at, unit), factor in self._changes.items()
            if (layer, at) == (name, call)
        }

    def _kept(self, shown: Tensor | None, replaced: Tensor | None) -> Tensor | None:
        if shown is None:
            return None
        if self._gradients:
            return None if replaced is None else plain(replaced)
        return self._held.hold(shown if replaced is None else replaced)

    def _scaled(self, output: Tensor, factors: Mapping[int, float]) -> Tensor:
        if not factors:
            return output
        scaled = output.clone()
        # A single number is a unit, too.
        units = scaled if scaled.ndim else scaled[None]
        last = self._keras and units.ndim >= _UNITS_AT_LEAST
        dimension = units.ndim - 1 if last else min(1, units.ndim - 1)
        for unit, factor in factors.items():
            if unit < units.shape[dimension]:
                units.select(dimension, unit).mul_(factor)
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
            return one.shape[dimension]
    return 1


def _with_first(output: Any, shown: Tensor | None, passed: Tensor) -> Any:  # noqa: ANN401
    """Return the output with its first floating-point tensor replaced."""
    return mapped(output, lambda one: passed if one is shown else one)
