"""What a view of a plot draws: windows of curves, in messages of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dl_lab.errors import InputError, number, shown, whole
from dl_lab.protocol import Array
from dl_lab.train.history.curves import AXES, SCALES, Curve, curve, extent
from dl_lab.train.run import Run
from dl_lab.widgets.base.widget import Reply

MOST_BYTES = 256_000
MOST_SMOOTHING = 0.999
LEAST_PIXELS, MOST_PIXELS = 16, 4096

FAR = 1e300


def choice(name: str, given: object, allowed: Sequence[str]) -> str:
    """Return `given` if it is one of `allowed`, or raise `InputError`."""
    if not isinstance(given, str) or given not in allowed:
        raise InputError.unknown(name, given, allowed)
    return given


def end(name: str, given: object) -> float | None:
    """Return one end of a window."""
    return None if given is None else number(name, given, -FAR, FAR)


def curves(runs: Sequence[Run], asked: Mapping[str, Any], x_scale: str) -> Reply:
    """Answer `curves.get`."""
    axis = choice("axis", asked.get("axis", "step"), AXES)
    scale = choice("x_scale", asked.get("x_scale", x_scale), SCALES)
    low, high = end("low", asked.get("low")), end("high", asked.get("high"))
    pixels = whole("pixels", asked.get("pixels"), LEAST_PIXELS, MOST_PIXELS)
    smoothing = number("smoothing", asked.get("smoothing", 0.0), 0, MOST_SMOOTHING)
    pairs = [(whole("run", run, 0, len(runs) - 1), name) for run, name in _asked(asked)]
    stretch = 4 * (4 if smoothing else 3)
    # Two rows come on top, so that lines reach the edges.
    pixels = max(1, min(pixels, MOST_BYTES // (stretch * max(1, len(pairs))) - 2))
    described: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {}
    for place, (index, name) in enumerate(pairs):
        run = runs[index]
        history = run.history
        revision = history.revision
        series = dict(history.items()).get(name)
        found = _EMPTY
        if series is not None:
            found = curve(
                history,
                series,
                pixels=pixels,
                axis=axis,
                low=low,
                high=high,
                smoothing=smoothing if history.kind(name).smoothed else 0.0,
                scale=scale,
                epoch_length=run.progress.steps_per_epoch,
            )
        origin = float(found.x[0]) if len(found.x) else 0.0
        described.append(
            {
                "run": index,
                "name": name,
                "revision": revision,
                "rows": found.rows,
                "exact": found.exact,
                "origin": origin,
                "smooth": found.smooth is not None,
            }
        )
        arrays[f"x{place}"] = (found.x - origin).astype(np.float32)
        arrays[f"low{place}"], arrays[f"high{place}"] = found.low, found.high
        if found.smooth is not None:
            arrays[f"smooth{place}"] = found.smooth
    return {"curves": described, "extent": _extent(runs, axis)}, arrays


def _asked(asked: Mapping[str, Any]) -> Iterator[tuple[object, str]]:
    """Yield the pairs of a run and the name of its series."""
    given = asked.get("series", ())
    for pair in given if isinstance(given, (list, tuple)) else (given,):
        match pair:
            case [run, str(name)]:
                yield run, name
            case _:
                raise InputError("series_pairs", given=shown(pair))


def _extent(runs: Sequence[Run], axis: str) -> list[float] | None:
    ends = [
        found
        for run in runs
        if (found := extent(run.history, axis, epoch_length=run.progress.steps_per_epoch))
    ]
    return [min(low for low, _ in ends), max(high for _, high in ends)] if ends else None


_NOTHING = np.empty(0, np.float32)
_EMPTY = Curve(np.empty(0), _NOTHING, _NOTHING, None, 0, exact=True)
