"""Which parts of an input speak for a class: four ways to ask."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.probe.answer import scores
from dl_lab.probe.capture import Capture, capture, slopes
from dl_lab.probe.formula import kinds
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.layer import Layer
from dl_lab.probe.looks.passes import Pass, Passes, finished, rows_at_once
from dl_lab.probe.modules import is_keras, original
from dl_lab.probe.nested import mapped, tensors_in
from dl_lab.probe.recorder import NOTHING, Changes, Inputs, Keep

if TYPE_CHECKING:
    from dl_lab.probe.given.examples import Examples

_CHUNK = 8
_MOST_PATCHES = 14
_LEAST_KERNEL = 3


METHODS = ("saliency", "integrated_gradients", "grad_cam", "occlusion")


class Attribution:
    """Asks one network about one input; the network stays as it is.

    Parameters
    ----------
    model, inputs, changes, weights
        As for `capture`; row 0 of the inputs counts, and eval mode.
    examples
        Where the inputs are from: which of their dimensions counts the examples, and how a row is
        an image. None is the first, and channels first.
    classes
        As for `scores`.

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
        examples: Examples | None = None,
        classes: int | None = None,
    ) -> None:
        self._model = model
        self._inputs = inputs
        self._examples = examples
        self._classes = classes
        self._settings: dict[str, Any] = {"changes": changes, "weights": weights}
        self._together = examples is None or examples.are_rows
        self._dimensions: Sequence[int | None] = [
            0 if one.ndim else None for one in tensors_in(inputs)
        ]
        if examples is not None:
            self._dimensions = examples.dimensions(inputs)
            self._settings["batch"] = self._dimensions

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
        inputs = self._repeated(1)
        gradient, _ = yield Pass(lambda: self._gradient(inputs, target, 1))
        found = self._planes(gradient).abs()
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
        own = self._changeable()
        along = self._dimensions[0] if self._together else None
        total = torch.zeros_like(own)
        # The first alone: how much memory a row takes is known afterwards.
        done, count = 0, 1
        while done < steps:
            count = min(count, steps - done)
            shares = (torch.arange(done, done + count, device=own.device) + 0.5) / steps
            sizes = [count if at == along else 1 for at in range(own.ndim)]
            varied = own * shares.to(own.dtype).view(sizes)
            inputs = _with_first(self._repeated(count), varied)
            gradient, seen = yield Pass(partial(self._gradient, inputs, target, count), done, steps)
            total += (gradient if along is None else gradient.sum(along, keepdim=True)) / steps
            done += count
            if along is not None:
                count = min(_CHUNK, rows_at_once(seen, graph=True))
        found = self._planes(total * own)
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
            The layer has no maps, there is no convolution, or no gradient flows back to one.

        References
        ----------
        .. [1] R. R. Selvaraju et al., "Grad-CAM", 2017, https://arxiv.org/abs/1610.02391
        """
        return finished(self._grad_cam(target, layer))

    def _grad_cam(self, target: int, layer: int | None = None) -> Passes[Tensor]:
        inputs = self._repeated(1)
        seen = yield Pass(lambda: self._seen(inputs), 0, 2)
        layers = _convolutions(seen) if layer is None else [seen.layers[layer]]
        if not layers:
            raise InputError("no_convolution")
        if layers[-1].units is None or layers[-1].units.ndim < 2:  # noqa: PLR2004
            raise InputError("no_maps", layer=layers[-1].name)
        # Behind the last may be one that another head has.
        for some in filter(None, (layers[-1:], layers[:-1])):
            indices = frozenset(one.index for one in some)
            found: Tensor | None = yield Pass(partial(self._cam, inputs, target, indices), 1, 2)
            if found is not None:
                return found
        raise InputError("no_gradient_back", layer=layers[-1].name)

    def _cam(self, inputs: Inputs, target: int, indices: frozenset[int]) -> Tensor | None:
        keep = Keep(indices, most=0)
        seen = capture(self._model, inputs, gradients=True, keep=keep, **self._settings)
        layers = [seen.layers[index] for index in sorted(indices)]
        gradients = slopes(self._score(seen, target, 1), [one.output for one in layers])
        found = [pair for pair in zip(layers, gradients, strict=True) if pair[1] is not None]
        if not found:
            return None
        chosen, slope = found[-1]
        units = chosen.units
        assert units is not None and slope is not None  # noqa: PT018, S101  # as was asked for
        gradient = chosen.like_output(slope)
        positions = tuple(range(1, units.ndim))
        weights = gradient.mean(positions, keepdim=True)
        cam = (weights * units).sum(0).clamp(min=0).detach()
        own = self._planes(seen.inputs[0])
        size = _positions(own)
        if cam.ndim == 1 and len(size) > 1:
            # A sequence that is shown as an image: its positions stand side by side.
            return functional.interpolate(cam[None, None], size=size[-1:], mode="linear")[
                0, 0
            ].expand(size)
        if cam.ndim != len(size):
            return cam
        mode = ("linear", "bilinear", "trilinear")[len(size) - 1]
        return functional.interpolate(cam[None, None], size=size, mode=mode)[0, 0]

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
        one = self._repeated(1)
        seen = yield Pass(lambda: self._seen(one))
        base = float(self._score(seen, target, 1)[0])
        own = self._changeable()
        if not own.is_floating_point():
            raise InputError("no_occlusion")
        along = self._dimensions[0] if self._together else None
        size = _positions(self._planes(own))
        side = max(2, max(size) // 7) if patch is None else patch
        step = max(1, side // 2)
        while max(size) // step > 2 * _MOST_PATCHES:
            step += 1
        places = list(itertools.product(*(range(-(side // 2), length, step) for length in size)))
        fall = torch.zeros(size, device=own.device)
        count = torch.zeros(size, device=own.device)
        most = 1 if along is None else min(2 * _CHUNK, rows_at_once(seen))
        for begin in range(0, len(places), most):
            chunk = places[begin : begin + most]
            cells = [tuple(slice(max(0, at), at + side) for at in place) for place in chunk]
            hidden = own.repeat([len(chunk) if at == along else 1 for at in range(own.ndim)])
            for row, cell in enumerate(cells):
                part = hidden if along is None else hidden.narrow(along, row, 1)
                self._planes(part)[(..., *cell)] = own.mean()  # type: ignore[index]  # its stub names no such tuple
            inputs = _with_first(self._repeated(len(chunk)), hidden)
            seen = yield Pass(partial(self._seen, inputs), begin, len(places))
            answers = self._score(seen, target, len(chunk))
            for cell, answer in zip(cells, answers.tolist(), strict=True):
                fall[cell] += base - answer
                count[cell] += 1
        return fall / count.clamp(min=1)

    def _planes(self, tensor: Tensor) -> Tensor:
        """Return row 0 of a tensor shaped as the first input, [channels, …], in its memory."""
        if self._examples is not None:
            return self._examples.planes(tensor)
        row = tensor[0]
        return row.movedim(-1, 0) if row.ndim > 1 and is_keras(original(self._model)) else row

    def _repeated(self, count: int) -> Any:  # noqa: ANN401  # as nested as the inputs
        """Return row 0 of all inputs, `count` times; once and as it is what has no rows."""
        if not self._together:
            return self._inputs
        dimensions = iter(self._dimensions)

        def repeated(tensor: Tensor) -> Tensor:
            along, own = next(dimensions), tensor.detach()
            if along is not None:
                order = torch.zeros(count, dtype=torch.long, device=own.device)
                own = own.index_select(along, order)
            return own.requires_grad_(tensor.requires_grad)

        return mapped(self._inputs, repeated)

    def _changeable(self) -> Tensor:
        """Return the first input's row, of which parts can be changed."""
        own = tensors_in(self._repeated(1))[0].detach()
        if own.layout is not torch.strided or own.is_nested:
            raise InputError("sparse_input")
        return own

    def _score(self, seen: Capture, target: int, count: int) -> Tensor:
        """Return a class's score for each of so many rows."""
        if not self._together:
            return class_score(seen, target, self._classes)[:1]
        return class_score(seen, target, self._classes, count)

    def _seen(self, inputs: Inputs) -> Capture:
        return capture(self._model, inputs, keep=NOTHING, **self._settings)

    def _gradient(self, inputs: Inputs, target: int, count: int) -> tuple[Tensor, Capture]:
        seen = capture(self._model, inputs, gradients=True, keep=NOTHING, **self._settings)
        (gradient,) = slopes(self._score(seen, target, count), [seen.inputs[0]])
        if gradient is None:
            raise InputError("no_gradient", layer="The output")
        return gradient, seen


def layer_gradients(
    seen: Capture, target: int, classes: int | None = None, rows: int | None = None
) -> list[Tensor | None]:
    """Return the gradient of a class's score by each layer's output, [rows, …].

    Parameters
    ----------
    seen
        From `capture` with ``gradients=True``. Its graph stays: another class may be asked for.
    target
        Index of the class.
    classes
        As for `scores`.
    rows
        How many rows the scores must have, if that is known.

    Examples
    --------
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> seen = capture(net, torch.rand(1, 2), gradients=True)
    >>> layer_gradients(seen, 1)[2], layer_gradients(seen, 0)[2]
    (tensor([[0., 1.]]), tensor([[1., 0.]]))
    """
    return slopes(class_score(seen, target, classes, rows), [one.output for one in seen.layers])


def class_score(
    seen: Capture, target: int, classes: int | None = None, rows: int | None = None
) -> Tensor:
    """Return a class's score for each row; `classes` and `rows` as for `layer_gradients`.

    Raises
    ------
    InputError
        There are no scores, or none of that class.

    Examples
    --------
    >>> class_score(capture(nn.Identity(), torch.tensor([[5.0, 7.0]])), 1)
    tensor([7.])
    """
    given = scores(seen.output, classes)
    if rows not in {None, len(given)}:
        # Boxes, or time first: other rows than the examples'.
        raise InputError("no_scores")
    if not 0 <= target < given.shape[1]:
        raise InputError("whole", name="target", low=0, high=given.shape[1] - 1, given=target)
    return given[:, target]


def _positions(planes: Tensor) -> tuple[int, ...]:
    """Return the positions of [channels, …]; of a row of numbers each is one."""
    return tuple(planes.shape[1:] if planes.ndim > 1 else planes.shape)


def _convolutions(seen: Capture) -> list[Layer]:
    return [layer for layer in seen.layers if _is_convolution(layer)]


def _is_convolution(layer: Layer) -> bool:
    """Tell whether a layer slides a kernel over maps, which its name alone does not say."""
    if layer.units is None or layer.units.ndim < 2:  # noqa: PLR2004  # units, positions
        return False
    if isinstance(operation(layer), kinds.Convolution | kinds.TransposedConvolution):
        return True
    weights = [] if layer.module is None else list(layer.module.parameters())
    return "Conv" in layer.kind and any(one.ndim >= _LEAST_KERNEL for one in weights)


def _with_first(inputs: Any, tensor: Tensor) -> Any:  # noqa: ANN401  # as nested as the inputs
    """Return the inputs with another first tensor."""
    first, *others = tensors_in(inputs)
    given = iter([tensor.requires_grad_(first.requires_grad), *others])
    return mapped(inputs, lambda _: next(given))
