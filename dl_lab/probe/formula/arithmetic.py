"""How a single unit comes to its answer: its formula with the actual numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.probe.formula import kinds
from dl_lab.probe.formula.explanation import Explanation, Link
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.formula.windows import (
    Window,
    convolution_values,
    convolution_window,
    cut,
    pooling_divisor,
    pooling_window,
    transposed_window,
)
from dl_lab.probe.layer import index_of, place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from dl_lab.probe.capture import Capture
    from dl_lab.probe.formula.kinds import Sizes
    from dl_lab.probe.layer import Layer

_MOST_DIMENSIONS = 4


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
        Its `result` is computed from its numbers alone, in double precision.

    Raises
    ------
    InputError
        The place is not one of the layer's, or what the layer computes is not known in numbers.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab.probe.capture import capture
    >>> seen = capture(nn.Conv2d(1, 4, 3, padding=1), torch.rand(1, 1, 8, 8))
    >>> unit = explain(seen, seen.layers[0], (2, 0, 7))
    >>> unit.window.shape, unit.place.start, abs(unit.value - unit.result) < 1e-6
    (torch.Size([1, 3, 3]), (-1, 6), True)
    """
    units = layer.units_at(at)
    known = operation(layer)
    sizes = [one.ndim - (one.ndim > 0 and one.shape[0] == layer.rows) for one in layer.inputs]
    if known is None or max(sizes, default=0) > _MOST_DIMENSIONS:
        raise InputError("layer_unknown", layer=layer.name, kind=layer.kind)
    with torch.no_grad():
        return _Unit(seen, layer, at, float(units[at])).explain(known)


class _Unit:
    """One unit at one position, about to be explained."""

    def __init__(self, seen: Capture, layer: Layer, at: Sizes, value: float) -> None:
        self.seen = seen
        self.layer = layer.units_first()
        self.channels_last = layer.channels_last
        self.at = at
        self.value = value
        self.units = _exact(self.layer.input_units())

    def explain(self, known: kinds.Operation) -> Explanation:  # noqa: C901, PLR0911, PLR0912  # one for each kind
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

    # -- windows

    def _convolution(self, known: kinds.Convolution) -> Explanation:
        unit, position = self.at[0], self.at[1:]
        window = convolution_window(known, position)
        weights = _exact(known.weight[unit])
        group = unit // (known.weight.shape[0] // known.groups)
        channels = range(group * len(weights), (group + 1) * len(weights))
        values = convolution_values(known, self.units[channels.start : channels.stop], window)
        return self._windowed(known, values, weights, window, channels)

    def _transposed(self, known: kinds.TransposedConvolution) -> Explanation:
        unit, position = self.at[0], self.at[1:]
        shape = tuple(self.units.shape[1:])
        window, cells = transposed_window(known, position, shape)
        kernels = known.by_unit
        flipped = _exact(kernels[unit]).flip(tuple(range(1, kernels.ndim - 1)))
        group = unit // (len(kernels) // known.groups)
        channels = range(group * len(flipped), (group + 1) * len(flipped))
        values = torch.stack([cut(self.units, channel, window) for channel in channels])
        return self._windowed(known, values, flipped[(slice(None), *cells)], window, channels)

    def _windowed(
        self,
        known: kinds.Convolution | kinds.TransposedConvolution,
        values: Tensor,
        weights: Tensor,
        window: Window,
        channels: range,
    ) -> Explanation:
        """Explain a sum over a window of several channels, values and weights [channels, size…]."""
        bias = 0.0 if known.bias is None else float(known.bias[self.at[0]])
        shares = (values * weights).flatten(1).sum(1)
        result, numbers, name, then = float(shares.sum()) + bias, {"bias": bias}, "transposed", ""
        if isinstance(known, kinds.Convolution):
            name = known.padding_mode
            if known.then is not None:
                numbers["sum"], then = result, known.then.name
                result = _applied(known.then, result)
        return Explanation(
            "convolution",
            name,
            self.value,
            result,
            values,
            weights,
            numbers,
            window,
            window.inside(tuple(self.units.shape[1:])),
            tuple(channels),
            then=then,
            links=self._links(
                {unit: float(share) for unit, share in zip(channels, shares, strict=True)}
            ),
        )

    def _pooling(self, known: kinds.Pooling) -> Explanation:
        shape = tuple(self.units.shape[1:])
        output = self.layer.units
        assert output is not None  # noqa: S101  # `explain` has seen to that
        # Of the whole input there may be one answer without a position.
        unit, position = self.at[0], self.at[1:] or (0,) * len(shape)
        sizes = tuple(output.shape[1:]) or (1,) * len(shape)
        window = pooling_window(known, position, shape, sizes)
        values = cut(self.units, unit, window)
        numbers: dict[str, float] = {}
        if known.largest:
            result, chosen = float(values.max()), int(values.argmax())
        else:
            divisor = pooling_divisor(known, position, shape, window)
            result, chosen = float(values.sum()) / divisor, -1
            numbers["divisor"] = divisor
        return Explanation(
            "pooling",
            "max" if known.largest else "mean",
            self.value,
            result,
            values,
            numbers=numbers,
            place=window,
            units=(unit,),
            chosen=chosen,
            links=self._links({unit: result}),
        )

    # -- values alone

    def _pointwise(self, known: kinds.Pointwise) -> Explanation:
        value = self.units[self.at]
        # As the layer computes it: GELU's own precision is part of the answer.
        result = float(known.function(value))
        return self._single("pointwise", known.name, float(value), result, known.scalars)

    def _per_unit(self, known: kinds.PerUnit) -> Explanation:
        value = float(self.units[self.at])
        slope = float(known.slopes[self.at[0] if len(known.slopes) > 1 else 0])
        result = value if value >= 0 else slope * value
        return self._single("pointwise", "prelu", value, result, {"slope": slope})

    def _dropout(self, known: kinds.Dropout) -> Explanation:
        value = float(self.units[self.at])
        factor = self.value / value if known.active and value else 1.0
        return self._single("pointwise", "dropout", value, value * factor, {"factor": factor})

    def _norm(self, known: kinds.Norm) -> Explanation:
        value = float(self.units[self.at])
        mean, variance, place = self._statistics(known)
        weight = 1.0 if known.weight is None else float(known.weight[place])
        bias = 0.0 if known.bias is None else float(known.bias[place])
        result = (value - mean) / math.sqrt(variance + known.eps) * weight + bias
        numbers = {
            "mean": mean,
            "variance": variance,
            "eps": known.eps,
            "weight": weight,
            "bias": bias,
        }
        name = known.over if known.centred else "rms"
        return self._single("norm", name, value, result, numbers)

    def _statistics(self, known: kinds.Norm) -> tuple[float, float, Sizes]:
        """Return mean, variance, and the place of the unit's weight and bias."""
        unit = self.at[0]
        if known.over == "running":
            assert known.mean is not None  # noqa: S101  # so it was made
            assert known.variance is not None  # noqa: S101
            return float(known.mean[unit]), float(known.variance[unit]), (unit,)
        place: Sizes = (unit,)
        if known.over == "batch":
            values = _exact(self.layer.inputs[0][:, unit])
        elif known.over == "units":
            column: tuple[slice | int, ...] = (slice(None), *self.at[1:])
            values = self.units[column]
        elif known.over == "instance":
            values = self.units[unit]
        elif known.over == "group":
            size = len(self.units) // known.groups
            first = unit // size * size
            values = self.units[first : first + size]
        else:
            before = len(self.at) - known.dimensions
            values, place = self.units[self.at[:before]], self.at[before:]
        if not known.centred:
            return 0.0, float(values.square().mean()), place
        return float(values.mean()), float(values.var(unbiased=False)), place

    def _single(
        self, kind: str, name: str, value: float, result: float, numbers: Mapping[str, float]
    ) -> Explanation:
        window = torch.tensor([value], dtype=torch.float64)
        links = self._links({self.at[0]: value})
        return Explanation(kind, name, self.value, result, window, numbers=numbers, links=links)

    # -- sums over many

    def _linear(self, known: kinds.Linear) -> Explanation:
        values = self.units[self.at[:-1]]
        weights = _exact(known.weight[self.at[-1]])
        bias = 0.0 if known.bias is None else float(known.bias[self.at[-1]])
        products = values * weights
        if self.units.ndim == 1:
            origin = self._units_before(len(values))
            sums = torch.zeros(int(origin.max()) + 1, dtype=torch.float64)
            sums.index_add_(0, origin, products)
            links = self._linked(dict(enumerate(sums.tolist())))
        else:
            links = self._links({self.at[0]: float(products.sum())})
        result, numbers, then = float(products.sum()) + bias, {"bias": bias}, ""
        if known.then is not None:
            numbers["sum"] = result
        if isinstance(known.then, kinds.Pointwise):
            result, then = _applied(known.then, result), known.then.name
        elif known.then is not None:
            then = "log_softmax" if known.then.logarithm else "softmax"
            shift = None if known.bias is None else _exact(known.bias)
            sums = functional.linear(values, _exact(known.weight), shift)
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
        )

    def _softmax(self, known: kinds.Softmax) -> Explanation:
        dimension = known.dimension - 1
        before, after = self.at[:dimension], self.at[dimension + 1 :]
        place: tuple[int | slice, ...] = (*before, slice(None), *after)
        values = self.units[place]
        own = self.at[dimension]
        exponentials = values.exp()
        total = float(exponentials.sum())
        result = float(exponentials[own]) / total
        name = "log" if known.logarithm else ""
        if dimension:
            links = self._links({self.at[0]: float(values[own])})
        else:
            links = self._links(dict(enumerate(values.tolist())))
        return Explanation(
            "softmax",
            name,
            self.value,
            math.log(result) if known.logarithm else result,
            values,
            numbers={"value": float(values[own]), "total": total},
            chosen=own,
            links=links,
        )

    def _mean(self, known: kinds.Mean) -> Explanation:
        inputs = self.layer.inputs[0]
        left = iter(self.at)
        kept = self.layer.output is not None and self.layer.output.ndim == inputs.ndim
        place: list[int | slice] = []
        for dimension in range(1, inputs.ndim):
            if dimension in known.dimensions:
                place.append(slice(None))
                if kept:
                    next(left)
            else:
                place.append(next(left))
        values = self.units[tuple(place)].flatten()
        result = float(values.mean())
        first = place[0]
        links = self._links({first: result} if isinstance(first, int) else {})
        return Explanation(
            "mean", "", self.value, result, values, numbers={"divisor": len(values)}, links=links
        )

    # -- several inputs, or none changed

    def _combination(self, known: kinds.Combination) -> Explanation:
        given = self.layer.arguments
        # A function has arguments; a layer of Keras has two inputs.
        terms = [given["input"], given["other"]] if given else list(self.layer.inputs)
        values = [self._broadcast(term) for term in terms]
        result = {
            "+": values[0] + values[1],
            "−": values[0] - values[1],  # noqa: RUF001
            "·": values[0] * values[1],
            "/": values[0] / values[1] if values[1] else math.nan,
        }[known.sign]
        made = iter(self.layer.sources)
        tensors = [one for one in terms if any(one is given for given in self.layer.inputs)]
        links = tuple(
            Link(next(made), self.at[0], float(value))
            for term, value in zip(terms, values, strict=True)
            if any(term is one for one in tensors)
        )
        window = torch.tensor(values, dtype=torch.float64)
        return Explanation("combination", known.sign, self.value, result, window, links=links)

    def _broadcast(self, term: object) -> float:
        if not isinstance(term, torch.Tensor):
            return float(term)  # type: ignore[arg-type]  # torch has added it
        output = self.layer.output
        assert output is not None  # noqa: S101  # `explain` has seen to that
        whole = term.detach().expand(output.shape)
        return float(whole[(0, *self.at)] if output.ndim > len(self.at) else whole[self.at])

    def _join(self, known: kinds.Join) -> Explanation:
        at = list(self.at)
        dimension = known.dimension - 1
        for piece, source in zip(self.layer.inputs, self.layer.sources, strict=True):
            length = piece.shape[known.dimension]
            if at[dimension] < length:
                value = float(piece[(0, *at)])
                return self._copied(value, Link(source, at[0], value))
            at[dimension] -= length
        raise InputError("layer_unknown", layer=self.layer.name, kind=self.layer.kind)

    def _reshape(self) -> Explanation:
        output = self.layer.units
        assert output is not None  # noqa: S101  # `explain` has seen to that
        flat = index_of(self.at, tuple(output.shape), self.channels_last)
        place = place_of(flat, tuple(self.units.shape), self.channels_last)
        value = float(self.units[place])
        unit = int(self._units_before(self.units.numel())[flat])
        return self._copied(value, Link(self.layer.sources[0], unit, value))

    def _copied(self, value: float, link: Link) -> Explanation:
        window = torch.tensor([value], dtype=torch.float64)
        return Explanation("copy", "", self.value, value, window, links=(link,))

    # -- where it comes from

    def _units_before(self, count: int) -> Tensor:
        """Return the source's unit of each of the input's values in their order, i8 [count]."""
        source = self.layer.sources[0]
        before = self.seen.layers[source].units if source >= 0 else self.layer.input_units()
        units = len(before) if before is not None and before.numel() == count else count
        order = torch.arange(count)
        return order % units if self.channels_last else order // (count // units)

    def _links(self, shares: Mapping[int, float]) -> tuple[Link, ...]:
        """Turn shares by the input's units into links to those that made them."""
        source = self.layer.sources[0]
        before = self.seen.layers[source].units if source >= 0 else None
        count = self.units.numel()
        if before is not None and before.numel() == count and len(before) != len(self.units):
            # Reshaped on the way.
            each, origin = count // len(self.units), self._units_before(count)
            merged: dict[int, float] = {}
            for unit, share in shares.items():
                into = int(origin[unit * each])
                merged[into] = merged.get(into, 0.0) + share
            shares = merged
        return self._linked(shares)

    def _linked(self, shares: Mapping[int, float]) -> tuple[Link, ...]:
        links = [Link(self.layer.sources[0], unit, share) for unit, share in shares.items()]
        return tuple(sorted(links, key=lambda link: -abs(link.share)))


def _applied(function: kinds.Pointwise, value: float) -> float:
    return float(function.function(torch.tensor(value, dtype=torch.float64)))


def _exact(values: Tensor) -> Tensor:
    # On the CPU first: Apple's GPU has no float64.
    return values.detach().cpu().double()
