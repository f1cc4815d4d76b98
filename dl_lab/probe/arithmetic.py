"""How a single unit comes to its answer: its formula with the actual numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from dl_lab.errors import InputError
from dl_lab.probe import operation as op
from dl_lab.probe.windows import (
    Window,
    convolution_values,
    convolution_window,
    cut,
    pooling_divisor,
    pooling_window,
)

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.probe.capture import Capture
    from dl_lab.probe.layer import Layer
    from dl_lab.probe.operation import Sizes

_MOST_DIMENSIONS = 4


@dataclass(frozen=True)
class Link:
    """What one unit of an earlier layer adds to the answer.

    Attributes
    ----------
    source
        The earlier layer's index, ``-1 - k`` for the network's k-th input.
    unit
        Which of its units.
    share
        Its part of the sum; where nothing is summed, its value.
    """

    source: int
    unit: int
    share: float


@dataclass(frozen=True)
class Explanation:
    """The formula of one unit at one position.

    Attributes
    ----------
    kind
        ``"convolution"``, ``"pooling"``, ``"pointwise"``, ``"norm"``, ``"linear"``, ``"softmax"``,
        ``"combination"``, ``"mean"`` or ``"copy"``.
    name
        Which of its kind: ``"relu"``, ``"max"``, ``"running"``, ``"+"``.
    value
        What the layer answered.
    result
        What the numbers here give.
    window
        The input's values that it is computed from: [channels, size…] for a convolution, [size…]
        for pooling, else [count].
    weights
        One for each value of the window, or None.
    numbers
        The other numbers of the formula by their names.
    place
        Where on the input the window lies; None where it is no window.
    inside
        Which cells of the window lie on the input and not in its padding, [size…].
    units
        The input's units that the window's channels are.
    chosen
        The window's cell that a maximum took, -1 where there is none.
    links
        The earlier units that it comes from, the largest shares first.
    """

    kind: str
    name: str
    value: float
    result: float
    window: Tensor = field(repr=False)
    weights: Tensor | None = field(default=None, repr=False)
    numbers: Mapping[str, float] = field(default_factory=dict)
    place: Window | None = None
    inside: Tensor | None = field(default=None, repr=False)
    units: tuple[int, ...] = ()
    chosen: int = -1
    links: tuple[Link, ...] = field(default=(), repr=False)


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
    units = layer.units
    if units is None:
        raise layer.note or InputError("layer_no_tensor", layer=layer.name)
    if len(at) != units.ndim or any(
        not 0 <= place < size for place, size in zip(at, units.shape, strict=False)
    ):
        shape = "×".join(map(str, units.shape))
        raise InputError("no_place", layer=layer.name, given=at, shape=shape)
    known = op.operation(layer)
    sizes = [one.ndim - (one.ndim > 0 and one.shape[0] == layer.rows) for one in layer.inputs]
    if known is None or max(sizes, default=0) > _MOST_DIMENSIONS:
        raise InputError("layer_unknown", layer=layer.name, kind=layer.kind)
    with torch.no_grad():
        return _Unit(seen, layer, at, float(units[at])).explain(known)


class _Unit:
    """One unit at one position, about to be explained."""

    def __init__(self, seen: Capture, layer: Layer, at: Sizes, value: float) -> None:
        self.seen = seen
        self.layer = layer
        self.at = at
        self.value = value
        self.units = layer.input_units().double().cpu()

    def explain(self, known: op.Operation) -> Explanation:  # noqa: C901, PLR0911  # one for each kind
        match known:
            case op.Convolution():
                return self._convolution(known)
            case op.Pooling():
                return self._pooling(known)
            case op.Pointwise():
                return self._pointwise(known)
            case op.PerUnit():
                return self._per_unit(known)
            case op.Norm():
                return self._norm(known)
            case op.Linear():
                return self._linear(known)
            case op.Softmax():
                return self._softmax(known)
            case op.Combination():
                return self._combination(known)
            case op.Join():
                return self._join(known)
            case op.Mean():
                return self._mean(known)
            case op.Reshape():
                return self._reshape()
            case op.Dropout():
                return self._dropout(known)

    # -- windows

    def _convolution(self, known: op.Convolution) -> Explanation:
        unit, position = self.at[0], self.at[1:]
        window = convolution_window(known, position)
        weights = known.weight[unit].detach().double().cpu()
        group = unit // (known.weight.shape[0] // known.groups)
        channels = range(group * len(weights), (group + 1) * len(weights))
        values = convolution_values(known, self.units[channels.start : channels.stop], window)
        bias = 0.0 if known.bias is None else float(known.bias[unit])
        shares = (values * weights).flatten(1).sum(1)
        return Explanation(
            "convolution",
            known.padding_mode,
            self.value,
            float(shares.sum()) + bias,
            values,
            weights,
            {"bias": bias},
            window,
            window.inside(tuple(self.units.shape[1:])),
            tuple(channels),
            links=self._links(
                {unit: float(share) for unit, share in zip(channels, shares, strict=True)}
            ),
        )

    def _pooling(self, known: op.Pooling) -> Explanation:
        unit, position = self.at[0], self.at[1:]
        shape = tuple(self.units.shape[1:])
        output = self.layer.units
        assert output is not None  # noqa: S101  # `explain` has seen to that
        window = pooling_window(known, position, shape, tuple(output.shape[1:]))
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

    def _pointwise(self, known: op.Pointwise) -> Explanation:
        value = self.units[self.at]
        # As the layer computes it: GELU's own precision is part of the answer.
        result = float(known.function(value))
        return self._single("pointwise", known.name, float(value), result, known.scalars)

    def _per_unit(self, known: op.PerUnit) -> Explanation:
        value = float(self.units[self.at])
        slope = float(known.slopes[self.at[0] if len(known.slopes) > 1 else 0])
        result = value if value >= 0 else slope * value
        return self._single("pointwise", "prelu", value, result, {"slope": slope})

    def _dropout(self, known: op.Dropout) -> Explanation:
        value = float(self.units[self.at])
        factor = self.value / value if known.active and value else 1.0
        return self._single("pointwise", "dropout", value, value * factor, {"factor": factor})

    def _norm(self, known: op.Norm) -> Explanation:
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

    def _statistics(self, known: op.Norm) -> tuple[float, float, Sizes]:
        """Return mean, variance, and the place of the unit's weight and bias."""
        unit = self.at[0]
        if known.over == "running":
            assert known.mean is not None  # noqa: S101  # so it was made
            assert known.variance is not None  # noqa: S101
            return float(known.mean[unit]), float(known.variance[unit]), (unit,)
        place: Sizes = (unit,)
        if known.over == "batch":
            values = self.layer.inputs[0].double()[:, unit]
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

    def _linear(self, known: op.Linear) -> Explanation:
        values = self.units[self.at[:-1]]
        weights = known.weight[self.at[-1]].detach().double().cpu()
        bias = 0.0 if known.bias is None else float(known.bias[self.at[-1]])
        products = values * weights
        if self.units.ndim == 1:
            origin = self._units_before(len(values))
            sums = torch.zeros(int(origin.max()) + 1, dtype=torch.float64)
            sums.index_add_(0, origin, products)
            links = self._linked(dict(enumerate(sums.tolist())))
        else:
            links = self._links({self.at[0]: float(products.sum())})
        result = float(products.sum()) + bias
        return Explanation(
            "linear", "", self.value, result, values, weights, {"bias": bias}, links=links
        )

    def _softmax(self, known: op.Softmax) -> Explanation:
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

    def _mean(self, known: op.Mean) -> Explanation:
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

    def _combination(self, known: op.Combination) -> Explanation:
        terms = [self.layer.arguments["input"], self.layer.arguments["other"]]
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

    def _join(self, known: op.Join) -> Explanation:
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
        flat = 0
        for place, size in zip(self.at, output.shape, strict=True):
            flat = flat * size + place
        value = float(self.units.flatten()[flat])
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
        return torch.arange(count) // (count // units)

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
