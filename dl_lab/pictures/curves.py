"""A static picture of a few curves over one axis, small enough to stay in a saved notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import numpy.typing as npt

from dl_lab.pictures.chart import Scale, line, number
from dl_lab.train.history.series_kind import look_of

Values = npt.NDArray[np.float64]

TRAIN = look_of("train").on_white
ORANGE, DARK = "#b34700", "#222"

_WIDTH, _HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, _WIDTH - 16, 60, _HEIGHT - 40
_MOST_POINTS = 300
_LABEL = 140  # pixels that a mark's name needs beside it


@dataclass(frozen=True)
class Curve:
    """A line through values, [n] each."""

    x: Values
    y: Values
    label: str
    colour: str = TRAIN
    width: float = 2.5
    opacity: float = 1.0


@dataclass(frozen=True)
class Mark:
    """A line across the curves with its name; at a height also a diamond there."""

    x: float
    label: str
    colour: str = DARK
    dash: str = ""
    height: float | None = None


def svg(
    title: str,
    curves: Sequence[Curve],
    *,
    x_label: str,
    y_label: str,
    nothing: str = "",
    marks: Sequence[Mark] = (),
    log: bool = False,
    y_range: tuple[float, float] | None = None,
    identifier: str | None = None,
) -> str:
    """Draw curves as an SVG document of at most 20 kB for two of them.

    Parameters
    ----------
    title, x_label, y_label
        Words beside them.
    curves
        Drawn in this order, each with at most 300 points of which none that stands out is lacking.
    nothing
        Said in place of curves that have fewer than two points.
    marks
        Those outside of the curves are left out.
    log
        Whether the x-axis is logarithmic.
    y_range
        What is shown of the values; None is all of them.
    identifier
        The ``id`` of the document.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)
    >>> svg("Square", [Curve(x, x**2, "x²")], x_label="x", y_label="y")[:4]
    '<svg'
    """
    body = [_text(12, 22, title, weight=600)]
    if any(len(curve.x) > 1 for curve in curves):
        x = Scale.around([curve.x for curve in curves], _LEFT, _RIGHT, log=log)
        y = Scale.around([curve.y for curve in curves], _BOTTOM, _TOP, log=False, room=0.05)
        if y_range is not None:
            y = Scale(*y_range, _BOTTOM, _TOP)
        body += [*_axes(x, y, x_label, y_label), *_lines(curves, x, y), *_marks(marks, x, y)]
    else:
        body.append(_text(_WIDTH / 2, _HEIGHT / 2, nothing, anchor="middle"))
    called = f" id={quoteattr(identifier)}" if identifier else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"{called} width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" font-size="12" '
        f'role="img"><title>{escape(title)}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>{"".join(body)}</svg>'
    )


def _lines(curves: Sequence[Curve], x: Scale, y: Scale) -> list[str]:
    paths, legend = [], []
    for place, curve in enumerate(curves):
        kept = _kept(curve.y)
        # A value far above the range would only make its number long.
        values = np.clip(curve.y[kept], 2 * y.low - y.high, 2 * y.high - y.low)
        paths.append(
            f'<path d="{line(curve.x[kept], values, x, y)}" fill="none" stroke="{curve.colour}" '
            f'stroke-width="{10 * curve.width:g}" stroke-opacity="{curve.opacity:g}" '
            'stroke-linejoin="round"/>'
        )
        left = _LEFT + 150 * place
        look = (curve.colour, curve.width, "", curve.opacity)
        legend.append(_line(left, 42, left + 18, 42, *look))
        legend.append(_text(left + 24, 46, curve.label))
    # Clips what rises above it, in the tenths of a pixel that paths are written in.
    wide, tall = _RIGHT - _LEFT, _BOTTOM - _TOP
    clipped = (
        f'<svg x="{_LEFT}" y="{_TOP}" width="{wide}" height="{tall}" '
        f'viewBox="{10 * _LEFT} {10 * _TOP} {10 * wide} {10 * tall}">{"".join(paths)}</svg>'
    )
    return [clipped, *legend]


def _kept(values: Values) -> npt.NDArray[np.intp]:
    """Return the places of the lowest and the highest of each stretch."""
    if len(values) <= _MOST_POINTS:
        return np.arange(len(values))
    stretches = np.array_split(np.arange(len(values)), _MOST_POINTS // 2)
    return np.unique(
        [place[pick(values[place])] for place in stretches for pick in (np.argmin, np.argmax)]
    )


def _axes(x: Scale, y: Scale, x_label: str, y_label: str) -> list[str]:
    parts = []
    for value in y.ticks(5):
        at = y.pixel(value)
        parts.append(_line(_LEFT, at, _RIGHT, at, "#ddd", 1))
        parts.append(_text(_LEFT - 8, at + 4, number(value), anchor="end"))
    for value in x.ticks(10):
        at = x.pixel(value)
        parts.append(_line(at, _TOP, at, _BOTTOM, "#eee", 1))
        parts.append(_text(at, _BOTTOM + 16, number(value), anchor="middle"))
    parts.append(_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "#888", 1))
    parts.append(_text(_RIGHT, _HEIGHT - 6, x_label, anchor="end"))
    parts.append(_text(12, 46, y_label))
    return parts


def _marks(marks: Sequence[Mark], x: Scale, y: Scale) -> list[str]:
    parts = []
    for mark in marks:
        if not x.low <= mark.x <= x.high:
            continue
        at = x.pixel(mark.x)
        top = mark.height is not None
        parts.append(_line(at, _TOP, at, _BOTTOM, mark.colour, 1 if top else 1.5, mark.dash))
        if mark.height is not None:
            level = y.pixel(mark.height)
            sign = f'<path d="M{at:.1f} {level - 6:.1f}l5 6-5 6-5-6z" fill="{mark.colour}" '
            parts.append(f'{sign}stroke="#fff"/>')
        parts.append(_label(at, _TOP + 4 if top else _BOTTOM - 8, mark.label, mark.colour))
    return parts


def _label(at: float, level: float, text: str, colour: str) -> str:
    ends = at > _RIGHT - _LABEL
    place, anchor = (at - 8, "end") if ends else (at + 8, "start")
    # A white edge keeps it readable where a curve runs behind it.
    edge = ' stroke="#fff" stroke-width="4" paint-order="stroke"'
    return _text(place, level, text, anchor=anchor, weight=600, fill=colour, more=edge)


def _line(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str,
    width: float,
    dash: str = "",
    opacity: float = 1.0,
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    faint = f' stroke-opacity="{opacity:g}"' if opacity < 1 else ""
    return (
        f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width:g}"{dashed}{faint}/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    weight: int = 400,
    fill: str = "#444",
    more: str = "",
) -> str:
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    weighed = "" if weight == 400 else f' font-weight="{weight}"'  # noqa: PLR2004 - CSS's normal
    return (
        f'<text x="{x:.1f}" y="{y:.1f}"{anchored}{weighed} fill="{fill}"{more}>'
        f"{escape(text)}</text>"
    )
