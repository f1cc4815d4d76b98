"""Formulas that a function of torch gives itself: it runs again, on numbers that tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dl_lab.probe.formula.explanation import Explanation, Link
from dl_lab.probe.nested import mapped, tensors_in

if TYPE_CHECKING:
    from dl_lab.probe.formula import kinds
    from dl_lab.probe.formula.kinds import Sizes
    from dl_lab.probe.formula.origins import Origins
    from dl_lab.probe.layer import Layer

_OPERANDS = ("input", "value", "mat1", "batch1", "self", "vec1", "source")
_TURNED = {"rsub": "−", "rdiv": "/", "rpow": "^"}  # noqa: RUF001  # as it is shown
_SIGNS = {"add": "+", "sub": "−", "mul": "·", "div": "/", "pow": "^"}  # noqa: RUF001
_SCALARS = {
    "clamp": ("min", "max"), "clip": ("min", "max"), "clamp_min": ("min",), "clamp_max": ("max",),
    "softshrink": ("lambd",), "hardshrink": ("lambd",), "threshold": ("threshold", "value"),
}  # fmt: skip


def exact(values: Tensor) -> Tensor:
    """Return values in double precision, on the CPU: Apple's GPU has none."""
    return values.detach().cpu().double()


def size_of(terms: Tensor) -> float:
    """Return how large a sum's terms are: rounding is measured against that.

    Examples
    --------
    >>> size_of(torch.tensor([3.0, -4.0]))
    5.0
    """
    return float(terms.double().square().sum().sqrt())


def along(at: Sizes, dimensions: Sizes, count: int) -> tuple[int | slice, ...]:
    """Return the values of an input that a place of a reduced output is made of.

    Examples
    --------
    >>> along((4, 2), (1,), 3)
    (4, slice(None, None, None), 2)
    """
    kept = iter(at)
    place: list[int | slice] = []
    for one in range(count):
        if one in dimensions:
            place.append(slice(None))
            if len(at) == count:
                next(kept)
        else:
            place.append(next(kept))
    return tuple(place)


def moved(layer: Layer, at: Sizes, origins: Origins) -> Explanation | None:
    """Find out which value of its inputs a function has moved there: it is given their numbers."""
    tensors: dict[int, tuple[Tensor, int]] = {}
    total = 0
    for one in tensors_in((layer.made.args, dict(layer.made.kwargs))):
        if one.is_floating_point() and id(one) not in tensors:
            tensors[id(one)] = (one, total)
            total += one.numel()

    def numbered(base: int) -> float:
        def number(one: Tensor) -> Tensor:
            if id(one) not in tensors:
                return one.cpu().clone()
            first = base + tensors[id(one)][1]
            numbers = torch.arange(first, first + one.numel(), dtype=torch.float64)
            return numbers.reshape(one.shape)

        return float(_again(layer, number)[at])

    number, other = numbered(1), numbered(1 + total)
    if other - number != total or not 1 <= number <= total:
        # The same whatever went in: padding, or something filled in.
        window = torch.tensor([number], dtype=torch.float64)
        return Explanation("constant", "", number, number, window) if number == other else None
    for one, before in tensors.values():
        flat = int(number) - 1 - before
        if 0 <= flat < one.numel():
            value = float(one.flatten()[flat])
            window = torch.tensor([value], dtype=torch.float64)
            links = _links(one, torch.tensor([flat]), window, layer, origins)
            return Explanation("copy", "", value, value, window, links=links)
    return None


def summed(known: kinds.Summed, layer: Layer, at: Sizes, origins: Origins) -> Explanation | None:
    """Find out the weights of a sum: how much each value of an argument moves the result."""
    made = layer.made
    args: list[Any] = [mapped(one, exact_or_same) for one in made.args]
    kwargs = {name: mapped(one, exact_or_same) for name, one in made.kwargs.items()}
    holder: Any
    key: int | str
    if known.argument < len(args):
        holder, key, own = args, known.argument, made.args[known.argument]
        if isinstance(own, (list, tuple)) and known.name == "einsum":
            holder = args[known.argument] = list(args[known.argument])
            key, own = 0, own[0]
    else:
        name = next((one for one in _OPERANDS if one in kwargs), None)
        if name is None:
            return None
        holder, key, own = kwargs, name, made.kwargs[name]
    if isinstance(own, Tensor) and own.layout is not torch.strided and len(args) > 1:
        # By a sparse matrix: what it is multiplied with is taken apart.
        holder, key, own = args, 1, made.args[1]
    if not isinstance(own, Tensor) or not own.is_floating_point():
        return None
    leaf = holder[key] = exact(own).requires_grad_()
    with torch.enable_grad():
        output = first_of(made.function(*args, **kwargs))[at]
        (slope,) = torch.autograd.grad(output, leaf)
    flat = slope.flatten().nonzero().flatten()
    weights, values = slope.flatten()[flat], leaf.detach().flatten()[flat]
    products = weights * values
    size, total = size_of(products), float(products.sum())
    bias = float(output) - total
    if abs(bias) <= 1e-9 * (size + abs(total)):
        bias = 0.0
    links = _links(own, flat, products, layer, origins)
    return Explanation(
        "linear",
        known.name,
        float(output),
        total + bias,
        values,
        weights,
        {"bias": bias},
        links=links,
        size=size + abs(bias),
    )


def computed(
    known: kinds.Computed, layer: Layer, at: Sizes, origins: Origins
) -> Explanation | None:
    """Compute a function of one value of each argument."""
    made = layer.made
    terms = [one for one in made.args if _is_number(one)]
    plain = not made.kwargs and len(terms) == len(made.args)
    if plain and len(terms) == len(("a", "b")) and known.name in {**_SIGNS, **_TURNED}:
        if known.name in _TURNED:
            terms.reverse()
        sign = _SIGNS.get(known.name) or _TURNED[known.name]
        return combined(sign, terms, layer, layer, at, origins)
    output = layer.output
    assert output is not None  # noqa: S101  # its operation is known
    values: list[Tensor] = []
    links: tuple[Link, ...] = ()

    def one_value(one: Tensor) -> Tensor:
        nonlocal links
        value = exact_or_same(one).expand(output.shape)[at].clone()
        if one.is_floating_point():
            values.append(value)
            numbers = torch.arange(one.numel()).reshape(one.shape).expand(output.shape)[at]
            links += _links(one, numbers.reshape(1), value, layer, origins)
        return value

    result = float(_again(layer, one_value))
    window = torch.stack(values)
    names = _SCALARS.get(known.name, ())
    numbers = {
        **dict(zip(names, [one for one in made.args[1:] if _is_scalar(one)], strict=False)),
        **{name: float(one) for name, one in made.kwargs.items() if _is_scalar(one)},
    }
    kind = "pointwise" if len(values) == 1 else "function"
    size = 1 + float(window.abs().sum()) if known.name in {"add", "sub", "rsub"} else 1.0
    return Explanation(
        kind, known.name, result, result, window, numbers=numbers, links=links, size=size
    )


def combined(
    sign: str, terms: Sequence[Any], given: Layer, layer: Layer, at: Sizes, origins: Origins
) -> Explanation:
    """Combine two tensors, or a tensor and a number, value by value."""
    output = layer.output
    assert output is not None  # noqa: S101  # its operation is known
    values: list[float] = []
    links: tuple[Link, ...] = ()
    for term in terms:
        if not isinstance(term, Tensor):
            values.append(float(term))
            continue
        value = exact(term).expand(output.shape)[at]
        values.append(float(value))
        for which, one in enumerate(layer.inputs):
            if one is term:
                numbers = origins.numbers(which, given.channels_last).expand(output.shape)[at]
                links += origins.links(which, numbers.reshape(1), value)
                break
    window = torch.tensor(values, dtype=torch.float64)
    a, b = window
    result = {
        "+": a + b,
        "−": a - b,  # noqa: RUF001  # as it is shown
        "·": a * b,
        "/": a / b,
        "^": a**b,
    }[sign]
    size = abs(values[0]) + abs(values[1]) if sign in {"+", "−"} else 0.0  # noqa: RUF001
    answer = float(result)
    return Explanation("combination", sign, answer, answer, window, links=links, size=size)


def reduced(known: kinds.Reduced, layer: Layer, at: Sizes, origins: Origins) -> Explanation | None:
    """Compute a function of all values along some dimensions."""
    if len(tensors_in(layer.made.args)) > 1:
        # The larger of two tensors.
        return None
    given = layer.inputs[0]
    place = along(at, known.dimensions, given.ndim)
    values = exact(given[place]).flatten()
    result = float(_again(layer, exact_or_same)[at])
    flat = origins.numbers(0)[place].flatten()
    chosen = int(values.argmax() if "max" in known.name else values.argmin())
    largest = known.name.strip("a") in {"mx", "max", "min"}
    if largest:
        flat, shares = flat[chosen : chosen + 1], values[chosen : chosen + 1]
    else:
        chosen, shares = -1, values
    return Explanation(
        "reduction",
        known.name,
        result,
        result,
        values,
        chosen=chosen,
        links=origins.links(0, flat, shares),
        size=0.0 if largest else float(values.abs().max()) ** (2 if known.name == "var" else 1),
    )


def normalized(
    known: kinds.Normalized, layer: Layer, at: Sizes, origins: Origins
) -> Explanation | None:
    """Divide a value by the norm of all along some dimensions."""
    given = layer.inputs[0]
    place = tuple(slice(None) if one in known.dimensions else index for one, index in enumerate(at))
    values = exact(given[place]).flatten()
    norm = float(torch.linalg.vector_norm(values, known.order))
    value = float(given[at])
    links = origins.links(0, origins.numbers(0)[at].reshape(1), torch.tensor([value]))
    return Explanation(
        "normalize",
        "",
        value,
        value / max(norm, known.eps),
        values,
        numbers={"value": value, "norm": max(norm, known.eps)},
        links=links,
    )


def gated(known: kinds.Gated, layer: Layer, at: Sizes, origins: Origins) -> Explanation:
    """Multiply a value with the gate that its other half opens."""
    half = layer.inputs[0].shape[known.dimension] // 2
    other = list(at)
    other[known.dimension] += half
    flat = torch.stack([origins.numbers(0)[at], origins.numbers(0)[tuple(other)]])
    window = exact(layer.inputs[0].flatten()[flat])
    result = float(window[0] * window[1].sigmoid())
    links = origins.links(0, flat, window)
    size = abs(float(window[0]))
    return Explanation("function", "glu", result, result, window, links=links, size=size)


def exact_or_same(one: Tensor) -> Tensor:
    """Return a tensor to compute with in double precision; whole numbers as they are."""
    return exact(one).clone() if one.is_floating_point() else one.cpu().clone()


def first_of(output: Any) -> Tensor:  # noqa: ANN401  # whatever a function returns
    """Return the first floating-point tensor of an answer."""
    return next(one for one in tensors_in(output) if one.is_floating_point())


def _again(layer: Layer, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Call a function once more, with changed tensors."""
    made = layer.made
    args = [mapped(one, change) for one in made.args]
    kwargs = {name: mapped(one, change) for name, one in made.kwargs.items() if name != "out"}
    output = made.function(*args, **kwargs)
    # `a[i] = x` returns nothing.
    return first_of(args[0] if output is None else output)


def _links(
    given: Tensor, flat: Tensor, shares: Tensor, layer: Layer, origins: Origins
) -> tuple[Link, ...]:
    """Return the links of an argument's values, if it is one that a layer has made."""
    for which, one in enumerate(layer.inputs):
        if one is given:
            return origins.links(which, flat, shares)
    return ()


def _is_number(value: object) -> bool:
    return isinstance(value, Tensor) or _is_scalar(value)


def _is_scalar(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
