"""What a view is told of one unit: its formula and its images, and what it sees of the input."""

from __future__ import annotations

from typing import Any

from dl_lab.errors import InputError, whole
from dl_lab.probe.capture import Capture
from dl_lab.probe.formula.arithmetic import explain
from dl_lab.probe.receptive_field import effective_field_in, receptive_field
from dl_lab.protocol import Array
from dl_lab.widgets.base.widget import Reply, sentence
from dl_lab.widgets.layer_viewer import frames
from dl_lab.widgets.layer_viewer.look import Look


def explained(
    look: Look, seen: Capture, layer: int, at: tuple[int, ...], source: int | None
) -> Reply:
    """Return a unit's images, and its formula or why there is none."""
    whole("layer", layer, 0, len(seen.layers) - 1)
    own = seen.layers[layer]
    meta, arrays = frames.maps(own, at, source)
    factor = look.changes.get((own.name, own.call, at[0] if at else 0), 1.0)
    found: dict[str, Any]
    numbers: dict[str, Array]
    try:
        found, numbers = frames.explanation(explain(seen, own, at))
    except InputError as error:
        found, numbers = {"problem": sentence(error)}, {}
    return {**meta, **found, "factor": factor}, {**arrays, **numbers}


def field(look: Look, layer: int, at: tuple[int, ...]) -> Reply:
    """Return a unit's receptive field: by the layers' sizes, and by its gradient."""
    seen = look.differentiable(layer)
    whole("layer", layer, 0, len(seen.layers) - 1)
    seen.layers[layer].units_at(at)
    picture = look.examples.picture
    positions = None if picture is None else (picture.height, picture.width)
    found = receptive_field(seen, seen.layers[layer], at, positions)
    meta: dict[str, Any] = {"box": [list(span) for span in found.box], "exact": found.exact}
    try:
        effective = effective_field_in(seen, layer, at, look.examples)
    except InputError as error:
        return {**meta, "problem": sentence(error)}, {}
    return meta, {"effective": effective.float().cpu().numpy().astype("f4")}
