"""What every layer of a network answers to one input, without changing the network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError
from dl_lab.probe.formula.functions import tensors_in
from dl_lab.probe.layer import Layer
from dl_lab.probe.looks.turns import go_on, one_look
from dl_lab.probe.modules import initialized, is_compiled, is_keras, original
from dl_lab.probe.recorder import ALL, Changes, Inputs, Keep, Recorder, listed
from dl_lab.probe.untouched import Mode, untouched, weights_of


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
    """

    layers: tuple[Layer, ...]
    inputs: tuple[Tensor, ...] = field(repr=False)
    output: Any = field(repr=False)

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
        or list, or a dictionary by the names of its arguments.
    mode
        ``"eval"`` or ``"train"``; None leaves each module's own.
    changes
        Factors for single units; 0 takes a unit out.
    gradients
        Whether outputs stay in autograd's graph, and can be differentiated by.
    weights
        Other parameters and buffers for this run, by their names.
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
    Exception
        Whatever the model itself raises.
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
        own = initialized(original(model))
        return _captured(own, inputs, mode, changes, gradients, weights, keep)


def _captured(
    model: nn.Module,
    inputs: Inputs,
    mode: Mode | None,
    changes: Changes | None,
    gradients: bool,  # as it was given
    weights: Mapping[str, Tensor] | None,
    keep: Keep,
) -> Capture:
    own = [_prepared(one, gradients) for one in tensors_in(listed(inputs))]
    recorder = Recorder(model, own, changes or {}, gradients, training=mode == "train", keep=keep)
    with (
        weights_of(model, weights),
        untouched(model, mode),
        _eager(model),
        torch.set_grad_enabled(gradients),
    ):
        positional, named = recorder.call_with(inputs)
        if is_keras(model) and mode is not None:
            named["training"] = mode == "train"
        with recorder:
            output = model(*positional, **named)
    return Capture(tuple(recorder.layers), tuple(own), output)


def _prepared(tensor: Tensor, gradients: bool) -> Tensor:
    own = tensor.detach()
    return own.requires_grad_() if gradients and own.is_floating_point() else own


@contextlib.contextmanager
def _eager(model: nn.Module) -> Iterator[None]:
    # It loads torch._dynamo, which takes seconds where nothing was compiled.
    with torch.compiler.set_stance("force_eager") if is_compiled(model) else _nothing():
        yield


def _nothing() -> contextlib.nullcontext[None]:
    return contextlib.nullcontext()
