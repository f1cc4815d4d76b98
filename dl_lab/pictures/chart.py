"""The parts of a static chart: scales with ticks, and paths in few characters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dl_lab.train.history.curves import Curve

Array = npt.NDArray[np.floating[Any]]

TENTHS = 10
"""Paths are written in whole tenths of a pixel."""


@dataclass(frozen=True)
class Scale:
    """From values to pixels.

    Attributes
    ----------
    low, high
        Ends of the domain; `low` < `high`, and above 0 on a logarithmic scale.
    begin, end
        The pixels where these lie.
    log
        Whether it is logarithmic.
    """

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    @classmethod
    def around(
        cls, arrays: Iterable[Array], begin: float, end: float, *, log: bool, room: float = 0.0
    ) -> Scale:
        """Return the scale on which all finite values of `arrays` have their place."""
        values = np.concatenate([np.empty(0), *(array.astype(np.float64) for array in arrays)])
        values = values[np.isfinite(values) & ((values > 0) | (not log))]
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        if log:
            low, high = (low, high) if len(values) else (0.1, 1.0)
            if low == high:
                low, high = low / 2, high * 2
            more = (high / low) ** room
            return cls(low / more, high * more, begin, end, log=True)
        if low == high:
            low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
        more = room * (high - low)
        return cls(low - more, high + more, begin, end)

    def __call__(self, values: Array) -> Array:
        """Return the pixels of values; NaN where they have none."""
        with np.errstate(all="ignore"):
            numbers = values.astype(np.float64)
            if self.log:
                low, high = math.log(self.low), math.log(self.high)
                numbers = np.log(np.where(numbers > 0, numbers, np.nan))
            else:
                low, high = self.low, self.high
            share = (numbers - low) / (high - low)
            pixels = self.begin + share * (self.end - self.begin)
        return np.where(np.isfinite(pixels), pixels, np.nan)

    def pixel(self, value: float) -> float:
        """Return the pixel of one value."""
        return float(self(np.array([value]))[0])

    def between(self, low: float | None, high: float | None) -> Scale:
        """Return the scale that shows a window; an end that has no place stays as it is."""
        ends = [
            own if end is None or (self.log and end <= 0) else float(end)
            for own, end in ((self.low, low), (self.high, high))
        ]
        if ends[0] >= ends[1]:
            return self
        return Scale(ends[0], ends[1], self.begin, self.end, log=self.log)

    def ticks(self, count: int) -> list[float]:
        """Return about `count` round values within the domain."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            every = max(1, math.ceil((last - first + 1) / count))
            decades = [10.0**power for power in range(first, last + 1, every)]
            if len(decades) > 1:
                return decades
        span = (self.high - self.low) / count
        size = 10.0 ** math.floor(math.log10(span))
        widest = next(part for part in (1, 2, 5, 10) if size * part >= span)
        ticks: list[float] = []
        for part in (10, 5, 2, 1, 0.5, 0.2):
            if part <= widest and len(ticks) < 2:  # noqa: PLR2004 - one tells no distance
                distance = size * part
                first, last = math.ceil(self.low / distance), math.floor(self.high / distance)
                ticks = [place * distance for place in range(first, last + 1)]
        return ticks


def band(curve: Curve, x: Scale, y: Scale) -> str:
    """Return the outline of the area between the lows and the highs of a curve."""
    across, low, high = x(curve.x), y(curve.low), y(curve.high)
    if y.log:
        # Stretches that reach to zero or below it go down to the edge.
        low = np.where(np.isnan(low) & ~np.isnan(high), y.begin, low)
    pieces: list[list[tuple[int, int, int]]] = [[]]
    for place, bottom, top in zip(across.tolist(), low.tolist(), high.tolist(), strict=True):
        if math.isnan(place + bottom + top):
            pieces.append([])
        else:
            at = round(place * TENTHS)
            pieces[-1].append((at, round(bottom * TENTHS), round(top * TENTHS)))
    return _path(
        [(at, top) for at, _, top in piece] + [(at, bottom) for at, bottom, _ in piece[::-1]]
        for piece in pieces
    )


def line(across: Array, values: Array, x: Scale, y: Scale) -> str:
    """Return the path through values, with gaps where they are not finite."""
    pieces: list[list[tuple[int, int]]] = [[]]
    for place, height in zip(x(across).tolist(), y(values).tolist(), strict=True):
        if math.isnan(place + height):
            pieces.append([])
        else:
            pieces[-1].append((round(place * TENTHS), round(height * TENTHS)))
    return _path(pieces)


def dots(across: Array, values: Array, x: Scale, y: Scale) -> str:
    """Return a path that a round line cap makes dots of."""
    places = zip(x(across).tolist(), y(values).tolist(), strict=True)
    return "".join(
        f"M{round(place * TENTHS)} {round(height * TENTHS)}h0"
        for place, height in places
        if not math.isnan(place + height)
    )


def _path(pieces: Iterable[Sequence[tuple[int, int]]]) -> str:
    text: list[str] = []
    for piece in pieces:
        if not piece:
            continue
        before = piece[0]
        text.append(f"M{before[0]} {before[1]}")
        numbers: list[str] = []
        for point in piece[1:]:
            for now, then in zip(point, before, strict=True):
                step = now - then
                # A minus sign also parts two numbers.
                numbers.append(str(step) if step < 0 or not numbers else f" {step}")
            before = point
        text.append("l" + "".join(numbers) if numbers else "h0")
    return "".join(text)


def number(value: float) -> str:
    """Return a number for people: four digits, thousands apart.

    Examples
    --------
    >>> number(0.123456), number(1500000), number(1e-7)
    ('0.1235', '1\u202f500\u202f000', '1e-07')
    """
    if abs(value) < 1e9 and value == round(value):  # noqa: PLR2004 - longer ones as powers of ten
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:.4g}"
