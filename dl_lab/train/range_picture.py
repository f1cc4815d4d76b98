"""A static picture of a range test, small enough to stay in a saved notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from dl_lab.train.chart import Scale, line, number
from dl_lab.train.series_kind import look_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from dl_lab.train.lr_finder import RangeTest, Values

WORDS = {
    "en": {
        "title": "Learning rate range test",
        "rate": "learning rate",
        "loss": "loss",
        "smoothed": "smoothed loss",
        "raw": "loss of each step",
        "suggestion": "suggestion: {rate}",
        "in_use": "in use: {rate}",
        "nothing": "Nothing was measured.",
    },
    "es": {
        "title": "Prueba de la tasa de aprendizaje",
        "rate": "tasa de aprendizaje",
        "loss": "pérdida",
        "smoothed": "pérdida suavizada",
        "raw": "pérdida de cada paso",
        "suggestion": "sugerencia: {rate}",
        "in_use": "en uso: {rate}",
        "nothing": "No se midió nada.",
    },
}

_WIDTH, _HEIGHT = 760, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, _WIDTH - 16, 60, _HEIGHT - 40
_MOST_POINTS = 300
_LABEL = 140  # pixels that a mark's name needs beside it
_TRAIN = look_of("train").on_white
_ORANGE, _DARK = "#b34700", "#222"
_FAINT = 0.4


def svg(
    test: RangeTest,
    *,
    in_use: float | None = None,
    name: str | None = None,
    language: str | None = None,
    identifier: str | None = None,
) -> str:
    """Draw the losses over the learning rates as an SVG document of at most 20 kB.

    Parameters
    ----------
    test
        What was measured.
    in_use
        The rate to mark as in use.
    name
        What the trainer is called.
    language
        ``"en"`` or ``"es"``.
    identifier
        The ``id`` of the document.

    Examples
    --------
    >>> import numpy as np
    >>> from dl_lab.train.lr_finder import RangeTest
    >>> rates, losses = np.geomspace(1e-5, 1, 50), np.linspace(2, 1, 50)
    >>> svg(RangeTest(rates, losses, losses, "exponential", current=0.1))[:4]
    '<svg'
    """
    words = WORDS[language or "en"]
    title = words["title"] if name is None else f"{words['title']} · {name}"
    body = [_text(12, 22, title, weight=600)]
    if len(test.rates) > 1:
        body += _chart(test, in_use, words)
    else:
        body.append(_text(_WIDTH / 2, _HEIGHT / 2, words["nothing"], anchor="middle"))
    called = f" id={quoteattr(identifier)}" if identifier else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"{called} width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="system-ui, sans-serif" font-size="12" '
        f'role="img"><title>{escape(title)}</title>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>{"".join(body)}</svg>'
    )


def _chart(test: RangeTest, in_use: float | None, words: dict[str, str]) -> list[str]:
    log = test.scale == "exponential"
    x = Scale(float(test.rates[0]), float(test.rates[-1]), _LEFT, _RIGHT, log=log)
    low, high = _extent(test)
    y = Scale(low, high, _BOTTOM, _TOP)
    body = [*_axes(x, y, words)]
    curves = []
    for values, width, opacity in ((test.losses, 1, _FAINT), (test.smoothed, 2.5, 1)):
        kept = _kept(values)
        path = line(test.rates[kept], np.clip(values[kept], low, high + (high - low)), x, y)
        curves.append(
            f'<path d="{path}" fill="none" stroke="{_TRAIN}" stroke-width="{10 * width:g}" '
            f'stroke-opacity="{opacity}" stroke-linejoin="round"/>'
        )
    # Clips what rises above it, in the tenths of a pixel that paths are written in.
    wide, tall = _RIGHT - _LEFT, _BOTTOM - _TOP
    body.append(
        f'<svg x="{_LEFT}" y="{_TOP}" width="{wide}" height="{tall}" '
        f'viewBox="{10 * _LEFT} {10 * _TOP} {10 * wide} {10 * tall}">{"".join(curves)}</svg>'
    )
    legend = ((words["smoothed"], 2.5, 1), (words["raw"], 1, _FAINT))
    for place, (text, width, opacity) in enumerate(legend):
        left = _LEFT + 150 * place
        body.append(_line(left, 42, left + 18, 42, _TRAIN, width, opacity=opacity))
        body.append(_text(left + 24, 46, text))
    if in_use is not None and x.low <= in_use <= x.high:
        at = _at(x, in_use)
        text = words["in_use"].format(rate=number(in_use))
        body.append(_line(at, _TOP, at, _BOTTOM, _DARK, 1.5, dash="4 3"))
        body.append(_label(at, _BOTTOM - 8, text, _DARK))
    if test.suggestion is not None:
        at = _at(x, test.suggestion)
        nearest = int(np.argmin(np.abs(x(test.rates) - at)))
        level = _at(y, float(test.smoothed[nearest]))
        text = words["suggestion"].format(rate=number(test.suggestion))
        body.append(_line(at, _TOP, at, _BOTTOM, _ORANGE, 1))
        body.append(
            f'<path d="M{at:.1f} {level - 6:.1f}l5 6-5 6-5-6z" fill="{_ORANGE}" stroke="#fff"/>'
        )
        body.append(_label(at, _TOP + 4, text, _ORANGE))
    return body


def _extent(test: RangeTest) -> tuple[float, float]:
    """Return the losses to show: a loss that has taken off would flatten all the others."""
    least = float(min(test.losses.min(), test.smoothed.min()))
    most = float(max(test.losses.max(), test.smoothed.max()))
    start = float(test.smoothed[: max(1, len(test.smoothed) // 2)].max())
    lowest = float(test.smoothed.min())
    fall = max(start - lowest, 0.2 * abs(lowest))
    most = min(most, start + 0.6 * fall)
    room = 0.05 * ((most - least) or abs(most) or 1.0)
    return max(0.0, least - room) if least >= 0 else least - room, most + room


def _kept(values: Values) -> npt.NDArray[np.intp]:
    """Return the places of the lowest and the highest of each stretch."""
    if len(values) <= _MOST_POINTS:
        return np.arange(len(values))
    stretches = np.array_split(np.arange(len(values)), _MOST_POINTS // 2)
    return np.unique(
        [place[pick(values[place])] for place in stretches for pick in (np.argmin, np.argmax)]
    )


def _axes(x: Scale, y: Scale, words: dict[str, str]) -> list[str]:
    parts = []
    for value in y.ticks(5):
        at = _at(y, value)
        parts.append(_line(_LEFT, at, _RIGHT, at, "#ddd", 1))
        parts.append(_text(_LEFT - 8, at + 4, number(value), anchor="end"))
    for value in x.ticks(10):
        at = _at(x, value)
        parts.append(_line(at, _TOP, at, _BOTTOM, "#eee", 1))
        parts.append(_text(at, _BOTTOM + 16, number(value), anchor="middle"))
    parts.append(_line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "#888", 1))
    parts.append(_text(_RIGHT, _HEIGHT - 6, words["rate"], anchor="end"))
    parts.append(_text(12, 46, words["loss"]))
    return parts


def _at(scale: Scale, value: float) -> float:
    return float(scale(np.array([value]))[0])


def _label(at: float, level: float, text: str, colour: str) -> str:
    ends = at > _RIGHT - _LABEL
    place = at - 8 if ends else at + 8
    # A white edge keeps it readable where a curve runs behind it.
    return _text(
        place,
        level,
        text,
        anchor="end" if ends else "start",
        weight=600,
        fill=colour,
        more=' stroke="#fff" stroke-width="4" paint-order="stroke"',
    )


def _line(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str,
    width: float,
    *,
    dash: str = "",
    opacity: float = 1,
) -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    faint = f' stroke-opacity="{opacity}"' if opacity < 1 else ""
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
