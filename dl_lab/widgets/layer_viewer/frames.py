"""Layers, frames and formulas as messages: what `docs/protocol.md` says of LayerViewer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor  # noqa: TC002

from dl_lab.errors import whole
from dl_lab.probe.capture import Capture
from dl_lab.probe.formula.explanation import Explanation
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.health import Health
from dl_lab.probe.layer import Layer
from dl_lab.probe.tiles import filters, has_filters, tiles
from dl_lab.protocol import Array
from dl_lab.widgets.base.widget import Reply, sentence

MOST_UNITS = 4096
MOST_CELLS = 128
MOST_ROWS = 64
_MOST_TERMS = 4096
_COLOURS = 3
_VOLUME = 3
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Row:
    """What a view shows of one layer: some of its units, each with room for so many cells."""

    layer: int
    first: int
    count: int
    height: int
    width: int
    depth: int


def read_rows(given: object) -> list[Row]:
    """Check what a view asks for."""
    rows = []
    for one in given if isinstance(given, list) else []:
        asked: Mapping[str, Any] = one if isinstance(one, Mapping) else {}
        rows.append(
            Row(
                whole("layer", asked.get("layer"), 0, 2**20),
                whole("first", asked.get("first"), 0, 2**31),
                whole("count", asked.get("count"), 1, MOST_UNITS),
                whole("height", asked.get("height"), 1, MOST_CELLS),
                whole("width", asked.get("width"), 1, MOST_CELLS * 4),
                whole("depth", asked.get("depth", 0), 0, 2**20),
            )
        )
    return rows[:MOST_ROWS]


def described(seen: Capture) -> list[dict[str, Any]]:
    """Return what there is to know about the layers before anything is shown of them."""
    return [
        {
            "name": layer.name,
            "kind": layer.kind,
            "call": layer.call,
            "shape": [] if layer.units is None else list(layer.units.shape),
            "layout": layer.layout,
            "text": "" if layer.module is None else layer.module.extra_repr(),
            "parameters": 0
            if layer.module is None
            else sum(one.numel() for one in layer.module.parameters()),
            "sources": list(layer.sources),
            "known": operation(layer) is not None,
            "filters": has_filters(layer),
            "note": None if layer.note is None else sentence(layer.note),
        }
        for layer in seen.layers
    ]


def row_arrays(
    seen: Capture, rows: Sequence[Row], show: str, gradients: Sequence[Tensor | None]
) -> tuple[list[dict[str, int]], dict[str, Array]]:
    """Return of each row which units it shows, and their images where it has some.

    Of a layer at which two views show other units there are two rows.
    """
    meta: list[dict[str, int]] = []
    arrays: dict[str, Array] = {}
    for row in rows:
        others = [one["first"] for one in meta if one["layer"] == row.layer]
        if row.layer >= len(seen.layers) or row.first in others:
            continue
        layer = seen.layers[row.layer]
        if show != "filters" and not layer.kept:
            continue
        images = _images(seen, layer, row, show, gradients)
        meta.append({"layer": row.layer, "first": row.first, "depth": row.depth})
        if images is None:
            continue
        name = f"row{row.layer}.{row.first}" if others else f"row{row.layer}"
        arrays[name] = np.clip(images, -_LARGEST, _LARGEST)
    return meta, arrays


def _images(
    seen: Capture, layer: Layer, row: Row, show: str, gradients: Sequence[Tensor | None]
) -> Array | None:
    units = layer.units
    if show == "filters":
        return filters(seen, layer, row.first, row.count)
    if show == "gradients":
        gradient = gradients[layer.index] if gradients else None
        units = None if gradient is None else layer.like_output(gradient)
    if units is None:
        return None
    room = {"height": row.height, "width": row.width, "depth": row.depth}
    return tiles(units, row.first, row.count, **room)


def largest(seen: Capture, show: str, gradients: Sequence[Tensor | None]) -> list[float | None]:
    """Return the largest absolute value of each layer, for colours that can be compared."""
    found: list[float | None] = []
    for layer in seen.layers:
        values = layer.units
        if show == "gradients":
            values = gradients[layer.index] if gradients else None
        elif show == "filters":
            known = operation(layer)
            values = getattr(known, "weight", None) if has_filters(layer) else None
        if show == "activations" and not layer.kept:
            size = layer.largest or 0.0
        elif values is None or not values.numel():
            size = 0.0
        else:
            size = float(values.detach().abs().max())
        found.append(size if math.isfinite(size) else None)
    return found


def own_input(planes: Tensor, *, exact: bool) -> Array:
    """Return the network's first input, f4 [channels, …], its first 3 channels.

    Where it is not to be drawn on exactly, such as a graph's thousands of nodes, every so many rows
    and columns are enough.
    """
    shown = planes.detach()[: _COLOURS if planes.ndim > 1 else MOST_UNITS]
    # Of a complex number only the size can be shown.
    values = (shown.abs() if shown.is_complex() else shown).float()
    return np.asarray(values.cpu().numpy(), dtype="f4") if exact else _sampled(values.cpu())


def heat_map(heat: Tensor, *, exact: bool) -> Array:
    """Return an attribution, f4 of the shape of the input without its channels."""
    values = heat.detach().float().cpu()
    return np.asarray(values.numpy(), dtype="f4") if exact else _sampled(values)


def _sampled(values: Tensor) -> Array:
    """Return values in at most as many cells as a view has room for, f4."""
    if values.ndim < 2:  # noqa: PLR2004  # a row of numbers
        return np.asarray(values.numpy(), dtype="f4")
    units = values if values.ndim > 2 else values[None]  # noqa: PLR2004  # [rows, columns]
    cells = tiles(units, 0, len(units), height=MOST_CELLS, width=4 * MOST_CELLS)
    return np.asarray(cells if values.ndim > 2 else cells[0], dtype="f4")  # noqa: PLR2004


def maps(
    layer: Layer, at: tuple[int, ...], source: int | None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return a unit's own image and that of a unit which feeds it, whole where they are not large.

    Raises
    ------
    InputError
        The place is not one of the layer's.
    """
    units = layer.units_at(at)
    room: dict[str, int] = {"height": MOST_CELLS, "width": MOST_CELLS}
    arrays = {"map": tiles(units, at[0], 1, **room, depth=at[1] if units.ndim > _VOLUME else 0)[0]}
    meta: dict[str, Any] = {"answer": _plain(float(units.detach()[at])), "source": None}
    before = layer.input_units() if layer.inputs else None
    if before is not None and before.ndim > 1 and before.ndim == units.ndim:
        unit = min(at[0] if source is None else source, len(before) - 1)
        depth = at[1] if before.ndim > _VOLUME else 0
        meta["source"] = unit
        meta["size"] = list(before.shape)
        arrays["below"] = tiles(before, unit, 1, **room, depth=depth)[0]
    return meta, arrays


def health_meta(found: Sequence[Health]) -> list[dict[str, Any]]:
    """Return the signs of trouble, layer by layer."""
    plain = [asdict(one) for one in found]
    for one in plain:
        one["dead"] = list(one["dead"])
        if one["gradient"] is not None and not math.isfinite(one["gradient"]):
            one["gradient"] = None
    return plain


def explanation(found: Explanation) -> Reply:
    """Return a unit's formula with its numbers."""
    meta: dict[str, Any] = {
        "kind": found.kind,
        "name": found.name,
        "then": found.then,
        "last_step": found.step,
        "value": _plain(found.value),
        "result": _plain(found.result),
        "numbers": {name: _plain(value) for name, value in found.numbers.items()},
        "units": list(found.units),
        "chosen": found.chosen,
        "links": [
            {"source": link.source, "unit": link.unit, "share": _plain(link.share)}
            for link in found.links[:MOST_ROWS]
        ],
        "count": found.window.numel(),
        "start": None if found.place is None else list(found.place.start),
        "step": None if found.place is None else list(found.place.step),
    }
    arrays = {"window": _f4(found.window[:_MOST_TERMS])}
    if found.weights is not None:
        arrays["weights"] = _f4(found.weights[:_MOST_TERMS])
    if found.inside is not None:
        arrays["inside"] = found.inside.numpy().astype("u1")
    return meta, arrays


def _f4(values: Tensor) -> Array:
    held: Array = np.clip(values.numpy(), -_LARGEST, _LARGEST).astype("f4")
    return held


def _plain(value: float) -> float | str:
    """JSON has no words for these."""
    return value if math.isfinite(value) else str(value)
