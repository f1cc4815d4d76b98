"""What a custom layer does within itself: it is called once more, and listened to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dl_lab.probe.looks.turns import one_look
from dl_lab.probe.nested import tensors_in
from dl_lab.probe.recorder import ALL, Recorder
from dl_lab.probe.untouched import untouched, weights_of

if TYPE_CHECKING:
    from dl_lab.probe.call import Origin
    from dl_lab.probe.layer import Layer


@dataclass(frozen=True, eq=False)
class Step:
    """The last step on a layer's way to its answer.

    Attributes
    ----------
    last
        The call that made the answer; None where it is one of the inputs.
    origin
        Where the answer comes from: one of the steps, or ``-1 - k`` for the layer's k-th tensor.
    output
        The answer.
    count
        How many steps there are.
    inputs
        The tensors that the layer was called with.
    """

    last: Layer | None
    origin: Origin
    output: Tensor
    count: int
    inputs: tuple[Tensor, ...]


def step_of(layer: Layer) -> Step | None:
    """Return the last step of a layer, None where its answer comes out of something not seen.

    Parameters
    ----------
    layer
        Of a module. Its `forward` runs again, with the same inputs, weights and mode, and leaves
        no trace.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> class Twice(nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x.abs()
    >>> step = step_of(capture(nn.Sequential(Twice()), torch.rand(1, 2)).layers[0])
    >>> step.count, step.last.name
    (2, 'mul')
    """
    module, made = layer.module, layer.made
    if module is None:
        return None
    own = tensors_in((made.args, made.kwargs))
    recorder = Recorder(
        module, own, {}, gradients=False, training=layer.training, keep=ALL, listening=False
    )
    weights = {name: one for name, one in layer.settings.items() if isinstance(one, Tensor)}
    with (
        one_look(module),
        weights_of(module, weights),
        untouched(module, "train" if layer.training else "eval"),
        torch.no_grad(),
    ):
        args, kwargs = recorder.copies(made.args, made.kwargs)
        with recorder:
            output = made.function(*args, **kwargs)
        answers = [one for one in tensors_in(output) if one.is_floating_point()]
        found = recorder.origin_of(answers[0]) if answers else None
    if found is None:
        return None
    origin, values = found
    count = len(recorder.layers)
    if origin.source < 0:
        return Step(None, origin, values, count, tuple(own))
    last = recorder.layers[origin.source]
    if not origin.shown or last.output is None or last.output.numel() != values.numel():
        return None
    return Step(last, origin, values, count, tuple(own))
