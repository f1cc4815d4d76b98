"""How a single unit comes to its answer: its formula with the actual numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from dl_lab.errors import InputError, said
from dl_lab.probe.formula import asked, kinds, sequences
from dl_lab.probe.formula.asked import along, exact, size_of
from dl_lab.probe.formula.explanation import Explanation
from dl_lab.probe.formula.guard import agrees
from dl_lab.probe.formula.inside import step_of
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.formula.origins import Origins
from dl_lab.probe.formula.windows import (
    Window,
    convolution_values,
    convolution_window,
    cut,
    pooling_divisor,
    pooling_window,
    transposed_window,
)
from dl_lab.probe.layer import flat_of, unflat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from dl_lab.probe.capture import Capture
    from dl_lab.probe.formula.kinds import Sizes
    from dl_lab.probe.layer import Layer

Place = list["int | slice"]
_LARGEST_EXPONENT = 80.0


def explain(seen: Capture, layer: Layer, at: Sizes) -> Explanation:
    """Take one answer of a layer apart.

    Parameters
    ----------
    seen
        What was captured.
    layer
        One of its layers.
    at
        Place in `Layer.units`: the unit, then its position.

    Returns
    -------
    Explanation
        Its `result` is computed from its numbers alone, in double precision, and is the layer's
        own answer, but for the rounding of the numbers' type.

    Raises
    ------
    InputError
        The place is not one of the layer's, or what the layer computes is not known in numbers, or
        what is known of it would give another answer.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> seen = capture(nn.Conv2d(1, 4, 3, padding=1), torch.rand(1, 1, 8, 8))
    >>> unit = explain(seen, seen.layers[0], (2, 0, 7))
    >>> unit.window.shape, unit.place.start, abs(unit.value - unit.result) < 1e-6
    (torch.Size([1, 3, 3]), (-1, 6), True)
    """
    value = float(layer.units_at(at)[at].detach())
    with torch.no_grad():
        try:
            found = formula(layer, layer.place(at), Origins(seen, layer))
        except InputError:
            raise
        except Exception as error:
            # A formula that cannot be worked out is none; whatever someone's objects do in it,
            # the person who clicked hears of it.
            kind, detail = type(error).__name__, said(error)
            raise InputError(
                "formula_failed", layer=layer.name, kind=layer.kind, error=kind, detail=detail
            ) from error
    if found is None:
        raise InputError("layer_unknown", layer=layer.name, kind=layer.kind)
    found = replace(found, value=value)
    if not agrees(found, layer, layer.factors.get(at[0], 1.0)):
        hooked = layer.module is not None and layer.module._forward_hooks  # noqa: SLF001  # no public way
        raise InputError(
            "formula_hooked" if hooked else "formula_differs",
            layer=layer.name,
            kind=layer.kind,
            result=f"{found.result:.6g}",
            value=f"{value:.6g}",
        )
    return found


def formula(layer: Layer, place: Sizes, origins: Origins) -> Explanation | None:
    """Return the formula of one value of a layer's output; None where it is not known.

    Parameters
    ----------
    layer
        Of any capture, or a step within another layer.
    place
        In its `output`.
    origins
        Tells which units its inputs' values are of.
    """
    known = operation(layer)
    if known is None:
        return None
    if isinstance(known, kinds.Inside):
        return _of_step(layer, place, origins)
    return _Unit(layer, place, origins).explain(known)


def _of_step(layer: Layer, place: Sizes, origins: Origins) -> Explanation | None:
    """Return the formula of the last step that a custom layer takes."""
    step = step_of(layer)
    if step is None:
        return None
    flat = flat_of(place, tuple(layer.output.shape))  # type: ignore[union-attr]  # it has a place
    inner = origins.within(step)
    if step.last is None:
        value = float(step.output.flatten()[flat])
        links = inner.links_of(step.origin, torch.tensor([flat]), torch.tensor([value]))
        window = torch.tensor([value], dtype=torch.float64)
        return Explanation("copy", "", value, value, window, links=links)
    last = step.last
    assert last.output is not None  # noqa: S101  # it made the layer's
    found = formula(last, unflat(flat, tuple(last.output.shape)), inner.of(last))
    if found is None:
        return None
    # Some work in single precision whatever they are given.
    found = replace(found, eps=torch.finfo(last.output.dtype).eps)
    return found if step.count == 1 else replace(found, step=last.name)


class _Unit:
    """One value of a layer's output, about to be explained.

    Dimensions are those of `kinds`: of Keras the units stand behind the rows here, too.
    """

    def __init__(self, layer: Layer, place: Sizes, origins: Origins) -> None:
        self.origins = origins
        self.given = layer
        self.place = place
        self.layer = layer.units_first()
        assert layer.output is not None  # noqa: S101  # its operation is known
        self.value = float(layer.output[place].detach())
        turned = layer.channels_last and len(place) > 2  # noqa: PLR2004  # [rows, units]
        self.at: Sizes = (place[0], place[-1], *place[1:-1]) if turned else place
        self.inputs = self.layer.inputs

    @property
    def input(self) -> Tensor:
        return self.inputs[0]

    def explain(self, known: kinds.Operation) -> Explanation | None:  # noqa: C901, PLR0911, PLR0912  # one for each kind
        match known:
            case kinds.Convolution():
                return self._convolution(known)
            case kinds.TransposedConvolution():
                return self._transposed(known)
            case kinds.Pooling():
                return self._pooling(known)
            case kinds.Pointwise():
                return self._pointwise(known)
            case kinds.PerUnit():
                return self._per_unit(known)
            case kinds.Norm():
                return self._norm(known)
            case kinds.Linear():
                return self._linear(known)
            case kinds.Softmax():
                return self._softmax(known)
            case kinds.Combination():
                return self._combination(known)
            case kinds.Join():
                return self._join(known)
            case kinds.Mean():
                return self._mean(known)
            case kinds.Reshape():
                return self._reshape()
            case kinds.Dropout():
                return self._dropout(known)
            case kinds.Lookup():
                return self._lookup(known)
            case kinds.Moved():
                return asked.moved(self.given, self.at, self.origins)
            case kinds.Summed():
                return asked.summed(known, self.given, self.at, self.origins)
            case kinds.Computed():
                return asked.computed(known, self.given, self.at, self.origins)
            case kinds.Reduced():
                return asked.reduced(known, self.given, self.at, self.origins)
            case kinds.Normalized():
                return asked.normalized(known, self.given, self.at, self.origins)
            case kinds.Gated():
                return asked.gated(known, self.given, self.at, self.origins)
            case kinds.Recurrent():
                return sequences.recurrent(known, self.given, self.at)
            case kinds.Attention():
                return sequences.attention(self.given, self.at)
        return None

    # -- windows

    def _sample(self, count: int) -> tuple[Tensor, tuple[int, ...]]:
        """Return an input of [units, …] with `count` dimensions of positions, and where it is."""
        row = self.at[:1] if self.input.ndim == count + 2 else ()
        return self.input[row], row

    def _convolution(self, known: kinds.Convolution) -> Explanation:
        count = known.weight.ndim - 2
        unit, position = self.at[-count - 1], self.at[-count:]
        units, row = self._sample(count)
        window = convolution_window(known, position)
        weights = exact(known.weight[unit])
        group = unit // (known.weight.shape[0] // known.groups)
        channels = range(group * len(weights), (group + 1) * len(weights))
        values = convolution_values(known, exact(units[channels.start : channels.stop]), window)
        inside = window.inside(tuple(units.shape[1:]))
        return self._windowed(known, unit, values, weights, window, inside, channels, row)

    def _transposed(self, known: kinds.TransposedConvolution) -> Explanation:
        count = known.weight.ndim - 2
        unit, position = self.at[-count - 1], self.at[-count:]
        units, row = self._sample(count)
        shape = tuple(units.shape[1:])
        window, cells = transposed_window(known, position, shape)
        kernels = known.by_unit
        flipped = exact(kernels[unit]).flip(tuple(range(1, kernels.ndim - 1)))
        group = unit // (len(kernels) // known.groups)
        channels = range(group * len(flipped), (group + 1) * len(flipped))
        values = torch.stack([exact(cut(units, channel, window)) for channel in channels])
        weights = flipped[(slice(None), *cells)]
        inside = window.inside(shape)
        return self._windowed(known, unit, values, weights, window, inside, channels, row)

    def _windowed(
        self,
        known: kinds.Convolution | kinds.TransposedConvolution,
        unit: int,
        values: Tensor,
        weights: Tensor,
        window: Window,
        inside: Tensor,
        channels: range,
        row: tuple[int, ...],
    ) -> Explanation:
        """Explain a sum over a window of several channels, values and weights [channels, size…]."""
        bias = 0.0 if known.bias is None else float(known.bias[unit])
        products = values * weights
        shares = products.flatten(1).sum(1)
        result, numbers, name, then = float(shares.sum()) + bias, {"bias": bias}, "transposed", ""
        if isinstance(known, kinds.Convolution):
            name = known.padding_mode
            if known.then is not None:
                numbers["sum"], then = result, known.then.name
                result = _applied(known.then, result)
        each = self._numbers()[row][channels.start : channels.stop]
        first = each.reshape(len(channels), -1)[:, 0]
        return Explanation(
            "convolution",
            name,
            self.value,
            result,
            values,
            weights,
            numbers,
            window,
            inside,
            tuple(channels),
            then=then,
            links=self.origins.links(0, first, shares),
            size=size_of(products) + abs(bias),
        )

    def _pooling(self, known: kinds.Pooling) -> Explanation:
        before = self.input.ndim - known.count
        row, position = self.at[:before], self.at[before:]
        units = self.input[row]
        output = self.layer.output
        assert output is not None  # noqa: S101  # its operation is known
        # Of the whole input there may be one answer without a position.
        position = position or (0,) * known.count
        sizes = tuple(output.shape[before:]) or (1,) * known.count
        shape = tuple(units.shape)
        window = pooling_window(known, position, shape, sizes)
        values = exact(cut(units[None], 0, window))
        numbers: dict[str, float] = {}
        if known.largest:
            result, chosen = float(values.max()), int(values.argmax())
        else:
            divisor = pooling_divisor(known, position, shape, window)
            result, chosen = float(values.sum()) / divisor, -1
            numbers["divisor"] = divisor
        first = self._numbers()[row].flatten()[:1]
        return Explanation(
            "pooling",
            "max" if known.largest else "mean",
            self.value,
            result,
            values,
            numbers=numbers,
            place=window,
            units=row[-1:],
            chosen=chosen,
            links=self.origins.links(0, first, torch.tensor([result])),
            size=0.0 if known.largest else size_of(values) / numbers["divisor"],
        )

    # -- values alone

    def _pointwise(self, known: kinds.Pointwise) -> Explanation | None:
        if self.layer.output is None or self.input.shape != self.layer.output.shape:
            return None
        value = exact(self.input[self.at])
        # As the layer computes it: GELU's own precision is part of the answer.
        result = float(known.function(value))
        size = 1 + abs(float(value))
        return self._single("pointwise", known.name, float(value), result, known.scalars, size)

    def _per_unit(self, known: kinds.PerUnit) -> Explanation:
        value = float(self.input[self.at])
        unit = self.at[1 if len(self.at) > 1 else 0]
        slope = float(known.slopes[unit if len(known.slopes) > 1 else 0])
        result = value if value >= 0 else slope * value
        return self._single("pointwise", "prelu", value, result, {"slope": slope})

    def _dropout(self, known: kinds.Dropout) -> Explanation:
        value = float(self.input[self.at])
        factor = 1.0
        if known.active and value:
            factor = 0.0 if self.value == 0 else 1 / (1 - known.rate)
        return self._single("pointwise", "dropout", value, value * factor, {"factor": factor})

    def _norm(self, known: kinds.Norm) -> Explanation:
        value = float(self.input[self.at])
        mean, variance, place = self._statistics(known)
        weight = 1.0 if known.weight is None else float(known.weight[place])
        bias = 0.0 if known.bias is None else float(known.bias[place])
        deviation = math.sqrt(variance + known.eps)
        scale = weight / deviation if deviation else math.nan
        numbers = {
            "mean": mean,
            "variance": variance,
            "eps": known.eps,
            "weight": weight,
            "bias": bias,
        }
        name = known.over if known.centred else "rms"
        size = (abs(value) + abs(mean)) * abs(scale) + abs(bias)
        return self._single("norm", name, value, (value - mean) * scale + bias, numbers, size)

    def _statistics(self, known: kinds.Norm) -> tuple[float, float, Sizes]:
        """Return mean, variance, and the place of the unit's weight and bias."""
        # An instance alone has no rows.
        alone = known.over in {"running", "instance"} and self.input.ndim == known.dimensions + 1
        before = 0 if alone else 1
        unit = self.at[min(before, len(self.at) - 1)]
        if known.over == "running":
            assert known.mean is not None  # noqa: S101  # so it was made
            assert known.variance is not None  # noqa: S101
            return float(known.mean[unit]), float(known.variance[unit]), (unit,)
        place: Sizes = (unit,)
        if known.over == "batch":
            values = self.input[:, unit]
        elif known.over == "units":
            column: tuple[slice | int, ...] = (self.at[0], slice(None), *self.at[2:])
            values = self.input[column]
        elif known.over == "instance":
            values = self.input[self.at[: before + 1]]
        elif known.over == "group":
            size = self.input.shape[1] // known.groups
            first = unit // size * size
            values = self.input[self.at[0], first : first + size]
        else:
            before = len(self.at) - known.dimensions
            values, place = self.input[self.at[:before]], self.at[before:]
        values = exact(values)
        if not known.centred:
            return 0.0, float(values.square().mean()), place
        return float(values.mean()), float(values.var(unbiased=False)), place

    def _single(
        self,
        kind: str,
        name: str,
        value: float,
        result: float,
        numbers: Mapping[str, float],
        size: float = 0.0,
    ) -> Explanation:
        window = torch.tensor([value], dtype=torch.float64)
        links = self.origins.links(0, self._number(), window)
        return Explanation(
            kind, name, self.value, result, window, numbers=numbers, links=links, size=size
        )

    def _lookup(self, known: kinds.Lookup) -> Explanation:
        token, column = int(known.tokens[self.at[:-1]]), self.at[-1]
        value = float(known.weight[token, column])
        window = torch.tensor([value], dtype=torch.float64)
        numbers = {"row": token, "column": column}
        return Explanation("embedding", "", self.value, value, window, numbers=numbers)

    # -- sums over many

    def _linear(self, known: kinds.Linear) -> Explanation:
        values = exact(self.input[self.at[:-1]])
        weights = exact(known.weight[self.at[-1]] if known.weight.ndim > 1 else known.weight)
        bias = 0.0
        if known.bias is not None:
            bias = float(known.bias[self.at[-1]] if known.bias.ndim else known.bias)
        products = values * weights
        links = self.origins.links(0, self._numbers()[self.at[:-1]], products)
        result, numbers, then = float(products.sum()) + bias, {"bias": bias}, ""
        if known.then is not None:
            numbers["sum"] = result
        if isinstance(known.then, kinds.Pointwise):
            result, then = _applied(known.then, result), known.then.name
        elif known.then is not None:
            then = "log_softmax" if known.then.logarithm else "softmax"
            shift = None if known.bias is None else exact(known.bias)
            sums = functional.linear(values, exact(known.weight), shift)
            numbers["total"] = float(sums.exp().sum())
            logarithm = result - float(sums.logsumexp(0))
            result = logarithm if known.then.logarithm else math.exp(logarithm)
        return Explanation(
            "linear",
            "",
            self.value,
            result,
            values,
            weights,
            numbers,
            then=then,
            links=links,
            size=size_of(products) + abs(bias),
        )

    def _softmax(self, known: kinds.Softmax) -> Explanation:
        place: Place = list(self.at)
        place[known.dimension] = slice(None)
        values = exact(self.input[tuple(place)])
        own = self.at[known.dimension]
        value, most = float(values[own]), float(values.max())
        numbers = {"value": value}
        if abs(most) > _LARGEST_EXPONENT and math.isfinite(most):
            # e to that power is beyond what can be shown; all of them are divided by it.
            numbers["shift"] = most
        shift = numbers.get("shift", 0.0)
        total = float((values - shift).exp().sum())
        numbers["total"] = total
        if known.logarithm:
            result = value - float(values.logsumexp(0))
            size = abs(value) + abs(most) + 1
        else:
            result = math.exp(value - shift) / total if total else math.nan
            size = result * (1 + abs(value) + abs(most)) if math.isfinite(value) else 0.0
        numbers_before = self._numbers()[tuple(place)]
        links = self.origins.links(0, numbers_before, values)
        if len(links) == 1:
            # All of one unit: its own value is what counts.
            links = self.origins.links(0, numbers_before[own : own + 1], values[own : own + 1])
        return Explanation(
            "softmax",
            "log" if known.logarithm else "",
            self.value,
            result,
            values,
            numbers=numbers,
            chosen=own,
            links=links,
            size=size,
        )

    def _mean(self, known: kinds.Mean) -> Explanation:
        place = along(self.at, known.dimensions, self.input.ndim)
        values = exact(self.input[place]).flatten()
        result = float(values.mean())
        first = self._numbers()[place].flatten()
        links = self.origins.links(0, first, values / len(values))
        size = size_of(values) / max(1, len(values))
        numbers = {"divisor": len(values)}
        return Explanation(
            "mean", "", self.value, result, values, numbers=numbers, links=links, size=size
        )

    # -- several inputs, or none changed

    def _combination(self, known: kinds.Combination) -> Explanation:
        given = self.layer.arguments
        # A function has arguments; a layer of Keras has two inputs.
        terms = [given["input"], given["other"]] if given else list(self.inputs)
        return asked.combined(known.sign, terms, self.given, self.layer, self.at, self.origins)

    def _join(self, known: kinds.Join) -> Explanation | None:
        at = list(self.at)
        for which, piece in enumerate(self.inputs):
            length = piece.shape[known.dimension]
            if at[known.dimension] < length:
                number = self._numbers(which)[tuple(at)]
                return self._copied(float(piece[tuple(at)]), which, number)
            at[known.dimension] -= length
        return None

    def _reshape(self) -> Explanation:
        output = self.given.output
        assert output is not None  # noqa: S101  # its operation is known
        flat = flat_of(self.place, tuple(output.shape))
        value = float(self.given.inputs[0].flatten()[flat])
        return self._copied(value, 0, torch.tensor(flat))

    def _copied(self, value: float, which: int, flat: Tensor) -> Explanation:
        window = torch.tensor([value], dtype=torch.float64)
        links = self.origins.links(which, flat.reshape(1), window)
        return Explanation("copy", "", self.value, value, window, links=links)

    # -- where it comes from

    def _numbers(self, which: int = 0) -> Tensor:
        """Return how many values of an input lie before each of them, in the input's shape."""
        return self.origins.numbers(which, self.given.channels_last)

    def _number(self) -> Tensor:
        return self._numbers()[self.at].reshape(1)


def _applied(function: kinds.Pointwise, value: float) -> float:
    return float(function.function(torch.tensor(value, dtype=torch.float64)))
