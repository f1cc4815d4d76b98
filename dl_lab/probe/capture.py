"""What every layer of a network answers to one input, without changing the network."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError, said
from dl_lab.probe.layer import Layer
from dl_lab.probe.looks.turns import go_on, interruptible, one_look
from dl_lab.probe.modules import (
    copied,
    every_module,
    is_compiled,
    is_keras,
    is_waiting,
    original,
    parameters,
)
from dl_lab.probe.nested import mapped, shapes, tensors_in
from dl_lab.probe.recorder import ALL, Changes, Inputs, Keep, Recorder, listed
from dl_lab.probe.untouched import Mode, own_random, untouched, weights_of


class ModelError(InputError):
    """What a model raised, told with the shapes of its inputs.

    Parameters
    ----------
    error
        What it raised.
    inputs
        What it was called with.
    reached
        How many layers had answered before.

    Examples
    --------
    >>> str(ModelError(ValueError("no"), torch.ones(2), reached=0))
    'The model raised ValueError: no. Its input is float32 [2].'
    """

    def __init__(self, error: Exception, inputs: Inputs, *, reached: int) -> None:
        given = inputs[0] if isinstance(inputs, tuple) and len(inputs) == 1 else inputs
        kind = type(error).__name__
        super().__init__("model_failed", kind=kind, detail=error, given=shapes(given))
        self.reached = reached


@dataclass(frozen=True)
class Capture:
    """What `capture` saw.

    Attributes
    ----------
    layers
        In the order in which they were called.
    inputs
        The network's own input tensors.
    output
        What the network returned.
    rows
        How many examples it was given.
    """

    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...] = field(repr=False)
    output: Any = field(repr=False)
    rows: int = 1

    def __getitem__(self, name: str) -> Layer:
        """Return the first call of a layer by its name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise InputError.unknown("layer", name, dict.fromkeys(layer.name for layer in self.layers))


def capture(
    model: nn.Module,
    inputs: Inputs,
    *,
    mode: Mode | None = "eval",
    changes: Changes | None = None,
    gradients: bool = False,
    weights: Mapping[str, Tensor] | None = None,
    batch: Sequence[int | None] | None = None,
    keep: Keep = ALL,
) -> Capture:
    """Run a model once and keep what goes into and comes out of each of its layers.

    Layers are the modules that compute something themselves, and the functions that the model
    calls between them. Afterwards parameters, buffers, gradients, training flags, hooks and random
    states are exactly as before.

    Parameters
    ----------
    model
        Any module. Of one that `torch.compile` made the original runs; lazy layers are initialized
        in a copy.
    inputs
        What the model is called with: a tensor with one row for each example, several in a tuple
        or list, or a dictionary by the names of its arguments. They may be nested, and hold what
        is not a tensor.
    mode
        ``"eval"`` or ``"train"``; None leaves each module's own.
    changes
        Factors for single units; 0 takes a unit out.
    gradients
        Whether outputs stay in autograd's graph, and can be differentiated by.
    weights
        Other parameters and buffers for this run, by their names.
    batch
        For each tensor of the inputs the dimension that counts the examples, None for one that has
        none. Without it that is the first of each.
    keep
        Whose values are kept. All take several times the memory of a forward, and with `gradients`
        again as much.

    Returns
    -------
    Capture
        Its tensors are the model's own answers as they were, on its device: what is written over
        in the pass is copied before. With `gradients` they have a graph.

    Raises
    ------
    ModelError
        What the model itself raises; a model that differentiates within may do so.
    CalledOff
        The look was called off (`dl_lab.probe.looks.turns`).

    References
    ----------
    Hooks as in https://pytorch.org/docs/stable/generated/torch.nn.Module.html, functions by
    https://pytorch.org/docs/stable/torch.overrides.html

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten())
    >>> seen = capture(model, torch.randn(1, 1, 8, 8))
    >>> [(layer.name, layer.kind, tuple(layer.units.shape)) for layer in seen.layers]
    [('0', 'Conv2d', (4, 6, 6)), ('1', 'ReLU', (4, 6, 6)), ('2', 'Flatten', (144,))]
    """
    with one_look(original(model)):
        go_on()
        look = _Look(changes or {}, gradients, gradients, gradients, batch, keep)
        shown = original(model)
        if is_waiting(shown):
            shown = copied(shown)
            _initialize(shown, inputs)
        return _captured(shown, inputs, mode, look, weights)


def _captured(
    model: nn.Module,
    inputs: Inputs,
    mode: Mode | None,
    look: _Look,
    weights: Mapping[str, Tensor] | None,
) -> Capture:
    try:
        # One that differentiates within may call `backward` for it.
        with own_gradients(model) if look.graph else _nothing():
            return _passed(model, inputs, mode, look, weights)
    except ModelError as error:
        if look.by_inputs or not wants_gradients(error):
            raise
    # By its inputs, if autograd alone was not enough: whoever calls it lets them require gradients.
    more = replace(look, graph=True, by_inputs=look.graph)
    return _captured(model, inputs, mode, more, weights)


def _initialize(model: nn.Module, inputs: Inputs) -> None:
    """Let lazy layers learn their sizes, in a copy."""
    flags = [(module, module.training) for module in every_module(model)]
    # In train mode, statistics of the batch would be added to those of the next pass.
    model.eval()
    given = listed(mapped(inputs, lambda one: one.detach().clone()))
    try:
        with own_random(model), torch.enable_grad():
            model(**given) if isinstance(given, Mapping) else model(*given)
    except Exception as error:
        raise ModelError(error, inputs, reached=0) from error
    for module, flag in flags:
        module.training = flag


def _passed(
    model: nn.Module,
    inputs: Inputs,
    mode: Mode | None,
    look: _Look,
    weights: Mapping[str, Tensor] | None,
) -> Capture:
    own = [_prepared(one, look.by_inputs) for one in tensors_in(listed(inputs))]
    recorder = Recorder(
        model,
        own,
        look.changes,
        look.gradients,
        training=mode == "train",
        keep=look.keep,
        batch=look.batch,
    )
    with (
        weights_of(model, weights),
        untouched(model, mode),
        _eager(model),
        torch.set_grad_enabled(look.graph),
    ):
        positional, named = recorder.call_with(inputs)
        if is_keras(model) and mode is not None:
            named["training"] = mode == "train"
        with recorder:
            try:
                output = model(*positional, **named)
            except Exception as error:
                if isinstance(error, InputError) or _is_ours(error):
                    raise
                raise ModelError(error, inputs, reached=len(recorder.layers)) from error
    if look.graph > look.gradients:
        output = mapped(output, torch.Tensor.detach)
    return Capture(tuple(recorder.layers), tuple(own), output, recorder.rows)


@dataclass(frozen=True)
class _Look:
    """How a model is looked at."""

    changes: Changes
    gradients: bool
    graph: bool
    by_inputs: bool
    batch: Sequence[int | None] | None
    keep: Keep


def wants_gradients(error: BaseException) -> bool:
    """Tell whether something failed because it differentiates, which nobody allowed it.

    Examples
    --------
    >>> wants_gradients(ValueError("another"))
    False
    """
    told = error.__cause__ if isinstance(error, InputError) else error
    return isinstance(told, RuntimeError) and any(one in said(told) for one in _NO_GRADIENT)


# The second: by a part of a tensor that was cut from it where autograd was off.
_NO_GRADIENT = ("does not require grad", "not have been used in the graph")


def _is_ours(error: Exception) -> bool:
    """Tell whether what was raised comes from the listening, not from the model it listens to."""
    ours = [
        frame.f_code.co_name
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__", "")).startswith("dl_lab.probe.")
    ]
    # These hand on to what the model itself calls.
    return ours[-1] not in {"_passed", "heard", "__torch_function__", "__torch_dispatch__"}


@contextlib.contextmanager
def own_gradients(model: nn.Module) -> Iterator[None]:
    """Keep apart what a model that calls `backward` within adds to its parameters' gradients.

    Examples
    --------
    >>> model = nn.Linear(1, 1)
    >>> with own_gradients(model):
    ...     model(torch.ones(1)).backward()
    >>> model.weight.grad is None
    True
    """
    kept = [(one, one.grad) for one in parameters(model)]
    for parameter, _ in kept:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, gradient in kept:
            parameter.grad = gradient


def differentiable(tensor: Tensor) -> Tensor:
    """Return a tensor by which can be differentiated, itself where it has no fractions.

    Examples
    --------
    >>> differentiable(torch.ones(1)).requires_grad, differentiable(torch.tensor(1)).requires_grad
    (True, False)
    """
    return tensor.detach().requires_grad_() if tensor.is_floating_point() else tensor


def _prepared(tensor: Tensor, by_inputs: bool) -> Tensor:
    own = tensor.detach().requires_grad_(tensor.requires_grad)
    return differentiable(own) if by_inputs else own


@contextlib.contextmanager
def _eager(model: nn.Module) -> Iterator[None]:
    # It loads torch._dynamo, which takes seconds where nothing was compiled.
    with torch.compiler.set_stance("force_eager") if is_compiled(model) else _nothing():
        yield


def _nothing() -> contextlib.nullcontext[None]:
    return contextlib.nullcontext()


def slopes(score: Tensor, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return the gradient of a score by each tensor, None where none flows back to it.

    The graph stays.

    Raises
    ------
    InputError
        The model differentiates within its forward, and lets go of the graph there.

    Examples
    --------
    >>> x, y = torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True)
    >>> slopes(x * 3, [x, y, None])
    [tensor([3., 3.]), None, None]
    """
    wanted = [one for one in tensors if one is not None and one.requires_grad]
    if not score.requires_grad or not wanted:
        return [None] * len(tensors)
    try:
        with interruptible():
            grads = torch.autograd.grad(score.sum(), wanted, retain_graph=True, allow_unused=True)
    except RuntimeError as error:
        raise InputError("gradient_failed", detail=error) from error
    found = iter(grads)
    return [next(found) if one is not None and one.requires_grad else None for one in tensors]
