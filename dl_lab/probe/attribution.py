"""Which parts of an input speak for a class: four ways to ask."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.probe.answer import scores
from dl_lab.probe.capture import Capture, capture
from dl_lab.probe.formula import kinds
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.looks.passes import Pass, Passes, finished, rows_at_once
from dl_lab.probe.looks.turns import interruptible
from dl_lab.probe.recorder import NOTHING, Changes, Inputs, Keep

if TYPE_CHECKING:
    from torch import nn

    from dl_lab.probe.layer import Layer

_CHUNK = 8
_MOST_PATCHES = 14


METHODS = ("saliency", "integrated_gradients", "grad_cam", "occlusion")


class Attribution:
    """Asks one network about one input; the network stays as it is.

    Parameters
    ----------
    model, inputs, changes, weights
        As for `capture`; row 0 of the inputs counts, and eval mode.

    Examples
    --------
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> ask = Attribution(net, torch.rand(1, 1, 8, 8))
    >>> ask.saliency(1).shape, ask.grad_cam(1).shape
    (torch.Size([8, 8]), torch.Size([8, 8]))
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Inputs,
        *,
        changes: Changes | None = None,
        weights: Mapping[str, Tensor] | None = None,
    ) -> None:
        self._model = model
        self._inputs = inputs
        self._settings: dict[str, Any] = {"changes": changes, "weights": weights}

    def passes(self, method: str, target: int) -> Passes[Tensor]:
        """Compute one of `METHODS` pass by pass, as `dl_lab.probe.looks.passes` says.

        Examples
        --------
        >>> passes = Attribution(torch.nn.Linear(2, 2), torch.rand(1, 2)).passes("saliency", 0)
        >>> (first := next(passes)).of
        1
        >>> try:
        ...     passes.send(first.compute())
        ... except StopIteration as end:
        ...     end.value.shape
        torch.Size([2])
        """
        compute: Callable[[int], Passes[Tensor]] = getattr(self, f"_{method}")
        return compute(target)

    def saliency(self, target: int) -> Tensor:
        """Return the largest absolute gradient of the class's score over the channels.

        References
        ----------
        .. [1] K. Simonyan, A. Vedaldi, A. Zisserman, "Deep Inside Convolutional Networks", 2013,
           https://arxiv.org/abs/1312.6034
        """
        return finished(self._saliency(target))

    def _saliency(self, target: int) -> Passes[Tensor]:
        inputs = _rows(self._inputs, 1)
        gradient, seen = yield Pass(lambda: self._gradient(inputs, target))
        found: Tensor = seen.layers[0].own_units(gradient).abs()
        return found.amax(0) if found.ndim > 1 else found

    def integrated_gradients(self, target: int, steps: int = 32) -> Tensor:
        """Return what each position adds to the score, from an input of zeros on.

        Parameters
        ----------
        target
            Index of the class.
        steps
            Points between zeros and the input at which gradients are taken. With 32 the sum differs
            from the difference of the two scores by about a percent.

        References
        ----------
        .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic Attribution for Deep Networks", 2017,
           https://arxiv.org/abs/1703.01365
        """
        return finished(self._integrated_gradients(target, steps))

    def _integrated_gradients(self, target: int, steps: int = 32) -> Passes[Tensor]:
        own = _first(_rows(self._inputs, 1))
        total = torch.zeros_like(own)
        # The first alone: how much memory a row takes is known afterwards.
        done, count = 0, 1
        while done < steps:
            count = min(count, steps - done)
            shares = (torch.arange(done, done + count, device=own.device) + 0.5) / steps
            shares = shares.to(own.dtype).view(-1, *[1] * (own.ndim - 1))
            inputs = _with_first(_rows(self._inputs, count), own * shares)
            gradient, seen = yield Pass(partial(self._gradient, inputs, target), done, steps)
            total += gradient.sum(0, keepdim=True) / steps
            done += count
            count = min(_CHUNK, rows_at_once(seen, graph=True))
        found: Tensor = seen.layers[0].own_units(total * own)
        return found.sum(0) if found.ndim > 1 else found

    def grad_cam(self, target: int, layer: int | None = None) -> Tensor:
        """Return where the maps of a convolution speak for the class, in the input's size.

        Parameters
        ----------
        target
            Index of the class.
        layer
            Index of the layer in the order of the calls; None is the last convolution.

        Raises
        ------
        InputError
            The layer has no maps, or there is no convolution.

        References
        ----------
        .. [1] R. R. Selvaraju et al., "Grad-CAM", 2017, https://arxiv.org/abs/1610.02391
        """
        return finished(self._grad_cam(target, layer))

    def _grad_cam(self, target: int, layer: int | None = None) -> Passes[Tensor]:
        inputs = _rows(self._inputs, 1)
        if layer is None:
            seen = yield Pass(lambda: self._seen(inputs), 0, 2)
            layer = _last_convolution(seen).index
        found: Tensor = yield Pass(partial(self._weighted, inputs, target, layer), 1, 2)
        return found

    def _weighted(self, inputs: Inputs, target: int, layer: int) -> Tensor:
        keep = Keep(frozenset({layer}), most=0)
        seen = capture(self._model, inputs, gradients=True, keep=keep, **self._settings)
        chosen = seen.layers[layer]
        units = chosen.units
        if units is None or units.ndim < 2:  # noqa: PLR2004
            raise InputError("no_maps", layer=chosen.name)
        assert chosen.output is not None  # noqa: S101  # it has units
        (slopes,) = _grad(seen, target, [chosen.output])
        gradient = chosen.like_output(slopes)
        positions = tuple(range(1, units.ndim))
        weights = gradient.mean(positions, keepdim=True)
        found = (weights * units).sum(0).clamp(min=0).detach()
        size = tuple(chosen.own_units(seen.inputs[0]).shape[1:])
        if found.ndim != len(size):
            return found
        mode = ("linear", "bilinear", "trilinear")[len(size) - 1]
        return functional.interpolate(found[None, None], size=size, mode=mode)[0, 0]

    def occlusion(self, target: int, patch: int | None = None) -> Tensor:
        """Return how much the score falls when a patch around each position is hidden.

        Parameters
        ----------
        target
            Index of the class.
        patch
            Side of the patch; None is a seventh of the input's longest side, at least 2. A patch is
            filled with the input's mean, and moves by half its side.

        Raises
        ------
        InputError
            The input holds whole numbers, which have no mean to hide a patch behind.

        References
        ----------
        .. [1] M. D. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks",
           2013, https://arxiv.org/abs/1311.2901
        """
        return finished(self._occlusion(target, patch))

    def _occlusion(self, target: int, patch: int | None = None) -> Passes[Tensor]:
        one = _rows(self._inputs, 1)
        seen = yield Pass(lambda: self._seen(one))
        base = float(_score(seen, target)[0])
        own = _first(_rows(self._inputs, 1))
        if not own.is_floating_point():
            raise InputError("no_occlusion")
        layer = seen.layers[0]
        size = tuple(layer.own_units(own).shape[1:]) or tuple(own.shape[1:])
        side = max(2, max(size) // 7) if patch is None else patch
        step = max(1, side // 2)
        while max(size) // step > 2 * _MOST_PATCHES:
            step += 1
        places = list(itertools.product(*(range(-(side // 2), length, step) for length in size)))
        fall = torch.zeros(size, device=own.device)
        count = torch.zeros(size, device=own.device)
        most = min(2 * _CHUNK, rows_at_once(seen))
        for begin in range(0, len(places), most):
            chunk = places[begin : begin + most]
            cells = [tuple(slice(max(0, at), at + side) for at in place) for place in chunk]
            hidden = own.repeat(len(chunk), *[1] * (own.ndim - 1))
            for row, cell in zip(hidden, cells, strict=True):
                where = (*cell, slice(None)) if layer.channels_last else (..., *cell)
                row[where] = own.mean()
            inputs = _with_first(_rows(self._inputs, len(chunk)), hidden)
            seen = yield Pass(partial(self._seen, inputs), begin, len(places))
            answers = _score(seen, target)
            for cell, answer in zip(cells, answers.tolist(), strict=True):
                fall[cell] += base - answer
                count[cell] += 1
        return fall / count.clamp(min=1)

    def _seen(self, inputs: Inputs) -> Capture:
        return capture(self._model, inputs, keep=NOTHING, **self._settings)

    def _gradient(self, inputs: Inputs, target: int) -> tuple[Tensor, Capture]:
        seen = capture(self._model, inputs, gradients=True, keep=NOTHING, **self._settings)
        (gradient,) = _grad(seen, target, [seen.inputs[0]])
        return gradient, seen


def layer_gradients(seen: Capture, target: int) -> list[Tensor | None]:
    """Return the gradient of a class's score by each layer's output, [rows, …].

    Parameters
    ----------
    seen
        From `capture` with ``gradients=True``. Its graph stays: another class may be asked for.
    target
        Index of the class.

    Examples
    --------
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> seen = capture(net, torch.rand(1, 2), gradients=True)
    >>> layer_gradients(seen, 1)[2], layer_gradients(seen, 0)[2]
    (tensor([[0., 1.]]), tensor([[1., 0.]]))
    """
    outputs = [layer.output for layer in seen.layers]
    wanted = [one for one in outputs if one is not None and one.requires_grad]
    score = _score(seen, target)
    if not score.requires_grad:
        return [None] * len(outputs)
    with interruptible():
        found = iter(torch.autograd.grad(score.sum(), wanted, retain_graph=True, allow_unused=True))
    return [next(found) if one is not None and one.requires_grad else None for one in outputs]


def _score(seen: Capture, target: int) -> Tensor:
    given = scores(seen.output)
    if not 0 <= target < given.shape[1]:
        raise InputError("whole", name="target", low=0, high=given.shape[1] - 1, given=target)
    return given[:, target]


def _grad(seen: Capture, target: int, wanted: list[Tensor]) -> list[Tensor]:
    score = _score(seen, target)
    if not score.requires_grad or not all(one.requires_grad for one in wanted):
        raise InputError("no_gradient", layer="The output")
    with interruptible():
        found = torch.autograd.grad(score.sum(), wanted, allow_unused=True)
    if any(one is None for one in found):
        raise InputError("no_gradient", layer="The output")
    return list(found)


def _last_convolution(seen: Capture) -> Layer:
    for layer in reversed(seen.layers):
        spatial = layer.units is not None and layer.units.ndim > 1
        if spatial and (isinstance(operation(layer), kinds.Convolution) or "Conv" in layer.kind):
            return layer
    raise InputError("no_convolution")


def _rows(inputs: Inputs, count: int) -> Any:  # noqa: ANN401  # as nested as the inputs
    """Return row 0 of all inputs, `count` times."""
    if isinstance(inputs, torch.Tensor):
        return inputs[:1].detach().repeat(count, *[1] * (inputs.ndim - 1))
    if isinstance(inputs, Mapping):
        return {name: _rows(one, count) for name, one in inputs.items()}
    if isinstance(inputs, (list, tuple)):
        return type(inputs)(_rows(one, count) for one in inputs)
    return inputs


def _first(inputs: Any) -> Tensor:  # noqa: ANN401
    if isinstance(inputs, torch.Tensor):
        return inputs
    return _first(next(iter(inputs.values() if isinstance(inputs, Mapping) else inputs)))


def _with_first(inputs: Any, tensor: Tensor) -> Any:  # noqa: ANN401
    if isinstance(inputs, torch.Tensor):
        return tensor
    if isinstance(inputs, Mapping):
        name = next(iter(inputs))
        return {**inputs, name: _with_first(inputs[name], tensor)}
    return type(inputs)((_with_first(inputs[0], tensor), *inputs[1:]))
