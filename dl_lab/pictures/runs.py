"""A static picture of runs, small enough to stay in a saved notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from dl_lab.pictures.chart import Scale, number
from dl_lab.pictures.panel import ROW, WORDS, Line, Panel, Window, shortened, text
from dl_lab.train.history.history import History
from dl_lab.train.history.series_kind import looks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dl_lab.train.run import Run

MOST_BYTES = 40_000

_LEFT, _TOP, _LEGEND, _GAP, _FOOT = 64, 34, 220, 30, 38
_FIRST, _OTHER, _TALLEST = 200, 110, 320
_MOST_PANELS = 4
_MOST_LINES = 40
_VERTICES = 5000


def svg(
    runs: Mapping[str, Run | History],
    *,
    axis: str = "step",
    low: float | None = None,
    high: float | None = None,
    x_scale: str = "linear",
    y_scale: str = "linear",
    smoothing: float = 0.0,
    hidden: Collection[tuple[int, str | None]] = (),
    width: int = 760,
    height: int | None = None,
    language: str | None = None,
    identifier: str | None = None,
) -> str:
    """Draw the curves of runs as an SVG document of at most 40 kB, whatever they hold.

    Parameters
    ----------
    runs
        Runs or histories by the names they go by.
    axis, low, high
        ``"step"``, ``"epoch"`` or ``"time"``, and the window on it; None is an open end.
    x_scale, y_scale
        ``"linear"`` or ``"log"``. On a logarithmic axis values up to 0 have no place.
    smoothing
        Weight of the moving average, drawn over the raw curves; 0 to less than 1.
    hidden
        Pairs of a run's index and a series, or None for all of its series, that are not drawn.
    width, height
        Pixels; by default as high as the panels need.
    language
        ``"en"`` or ``"es"``.
    identifier
        The ``id`` of the document.

    Examples
    --------
    >>> history = History()
    >>> for step in range(100):
    ...     history.append(step, train_loss=1 / (1 + step))
    >>> svg({"LeNet": history})[:4]
    '<svg'
    """
    words = WORDS[language or "en"]
    window = Window(axis, low, high, smoothing, x_scale == "log", y_scale == "log")
    panels, left_out = _bounded(_panels(runs, hidden))
    pixels = _share(panels, _VERTICES // (3 if smoothing else 2))
    while True:
        body, bottom = _body(panels, window, words, (width, height), pixels, left_out)
        total = height or round(bottom)
        name = f" id={quoteattr(identifier)}" if identifier else ""
        title = ", ".join(runs)
        document = (
            f'<svg xmlns="http://www.w3.org/2000/svg"{name} width="{width}" height="{total}" '
            f'viewBox="0 0 {width} {total}" font-family="system-ui, sans-serif" font-size="12" '
            f'role="img"><title>{escape(shortened(title, 500))}</title>'
            f'<rect width="{width}" height="{total}" fill="#fff"/>'
            f"{text(12, 20, shortened(title, width // 8), weight=600)}{body}</svg>"
        )
        if len(document.encode()) <= MOST_BYTES or pixels == 1:
            return document
        pixels = max(1, pixels * 2 // 3)


def _share(panels: dict[str, list[Line]], total: int) -> int:
    """Return how many stretches each line may have, so that short lines leave theirs to others."""
    rows = sorted(len(line.series) for panel in panels.values() for line in panel)
    for index, count in enumerate(rows):
        each = total // (len(rows) - index)
        if count > each:
            return max(1, each)
        total -= count
    return max(1, *rows, 1)


def _panels(
    runs: Mapping[str, Run | History], hidden: Collection[tuple[int, str | None]]
) -> dict[str, list[Line]]:
    """Return the lines of each panel: the loss first, the learning rate last and if it changes."""
    panels: dict[str, list[Line]] = {"loss": []}
    histories = [run if isinstance(run, History) else run.history for run in runs.values()]
    shown = [
        {name: history.kind(name) for name, series in history.items() if len(series)}
        for history in histories
    ]
    looked = looks(shown)
    for index, (name, run) in enumerate(runs.items()):
        history = histories[index]
        length = None if isinstance(run, History) else run.progress.steps_per_epoch
        for title, kind in shown[index].items():
            if {(index, None), (index, title)} & set(hidden):
                continue
            label = kind.part or title.replace("_", " ")
            panels.setdefault(kind.quantity, []).append(
                Line(
                    history,
                    history[title],
                    label if len(runs) == 1 else f"{name}: {label}",
                    kind,
                    looked[index][title],
                    length,
                )
            )
    rates = panels.pop("learning_rate", [])
    if any(len(np.unique(rate.series.values)) > 1 for rate in rates):
        panels["learning_rate"] = rates
    return {name: panel for name, panel in panels.items() if panel}


def _bounded(panels: dict[str, list[Line]]) -> tuple[dict[str, list[Line]], int]:
    """Return as many panels and lines as a picture has room for, and how many lines it has not."""
    shown: dict[str, list[Line]] = {}
    room = _MOST_LINES
    for name, panel in list(panels.items())[:_MOST_PANELS]:
        if room:
            shown[name] = panel[:room]
            room -= len(shown[name])
    return shown, sum(map(len, panels.values())) - sum(map(len, shown.values()))


def _body(
    panels: dict[str, list[Line]],
    window: Window,
    words: dict[str, str],
    size: tuple[int, int | None],
    pixels: int,
    left_out: int,
) -> tuple[str, float]:
    """Return the panels, the axis they share, and where they end."""
    width, height = size
    if not panels:
        middle = (height or 120) / 2
        return text(width / 2, middle, words["nothing"], anchor="middle"), 2 * middle
    right = max(_LEFT + 40, width - _LEGEND)
    heights = _heights(panels, height)
    seen = {
        name: [line.seen(window, min(pixels, right - _LEFT)) for line in panel]
        for name, panel in panels.items()
    }
    places = (curve.x for curves in seen.values() for curve in curves)
    x = Scale.around(places, _LEFT, right, log=window.x_log).between(window.low, window.high)
    parts, top = [], float(_TOP)
    for (name, lines), room in zip(panels.items(), heights, strict=True):
        top += _GAP
        panel = Panel(name, lines, seen[name], x, top, top + room, window, words)
        parts.append(panel.draw())
        top += room
    for tick in x.ticks(6):
        at = round(x.pixel(tick), 1)
        parts.append(text(at, top + 16, number(tick), fill="#5a5a5a", anchor="middle"))
    parts.append(text((_LEFT + right) / 2, top + 32, words[window.axis], anchor="middle"))
    if left_out:
        more = words["more"].format(count=left_out)
        parts.append(text(right + 42, top + 16, more, fill="#5a5a5a"))
    return "".join(parts), top + _FOOT


def _heights(panels: dict[str, list[Line]], height: int | None) -> list[float]:
    """Return the height of each panel, so that its legend fits beside it."""
    wanted = [
        float(max(_OTHER if index else _FIRST, min(_TALLEST, len(panel) * ROW)))
        for index, panel in enumerate(panels.values())
    ]
    if height is None:
        return wanted
    room = max(20.0 * len(wanted), height - _TOP - _FOOT - _GAP * len(wanted))
    return [part * room / sum(wanted) for part in wanted]
