"""A static picture of a graph of boxes, small enough to stay in a saved notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

_INK, _QUIET, _EDGE, _PAPER = "#222", "#5a5a5a", "#8a9299", "#f6f8fa"
_WIDTH = 760
_BOX, _TALL, _GAP = 150, 40, 20
_TOP, _LEFT = 36, 16
_MOST_ROWS, _MOST_BESIDE = 12, 4
_LETTERS = 22


@dataclass(frozen=True)
class Box:
    """A group or an operation.

    Attributes
    ----------
    title, detail
        Its name, and what it is.
    sources
        The boxes before it whose numbers it takes, by their places.
    failed
        Whether the pass ended in it by an error.
    late
        Whether it stands just above the first box that takes its numbers, as an input may.
    """

    title: str
    detail: str = ""
    sources: tuple[int, ...] = ()
    failed: bool = False
    late: bool = False


def picture(title: str, boxes: Sequence[Box], more: str, identifier: str) -> str:
    """Return boxes from top to bottom, in rows by what they depend on, as an SVG document.

    Parameters
    ----------
    title
        What it shows; a screen reader also says the names of the boxes.
    boxes
        Each behind those whose numbers it takes.
    more
        "and {count} more", of what is left out where there are many.
    identifier
        The document's id.
    """
    ranks: list[int] = []
    for box in boxes:
        ranks.append(1 + max((ranks[source] for source in box.sources), default=-1))
    for place, box in enumerate(boxes):
        if box.late:
            takers = [rank for rank, one in zip(ranks, boxes, strict=True) if place in one.sources]
            ranks[place] = max(ranks[place], min(takers, default=1) - 1)
    rows: list[list[int]] = [[] for _ in range(min(_MOST_ROWS, max(ranks, default=-1) + 1))]
    for place, rank in enumerate(ranks):
        if rank < len(rows) and len(rows[rank]) < _MOST_BESIDE:
            rows[rank].append(place)
    corners = {
        place: (_middle(len(row), column), _TOP + rank * (_TALL + _GAP))
        for rank, row in enumerate(rows)
        for column, place in enumerate(row)
    }
    parts = [
        f'<text x="{_LEFT}" y="22" font-weight="600" font-size="14">{escape(title)}</text>',
        *(_line(corners[a], corners[b]) for a, b in _edges(boxes) if a in corners and b in corners),
        *(_box(boxes[place], *corner) for place, corner in corners.items()),
    ]
    height = _TOP + len(rows) * (_TALL + _GAP)
    left_out = len(boxes) - len(corners)
    if left_out:
        text = escape(more.format(count=left_out))
        parts.append(f'<text x="{_LEFT}" y="{height}" fill="{_QUIET}">{text}</text>')
        height += _GAP
    names = " → ".join(box.title for box in boxes[:_LETTERS])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id={quoteattr(identifier)} role="img" '
        f"aria-label={quoteattr(f'{title}: {names}')} "
        f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" fill="{_INK}">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def _edges(boxes: Sequence[Box]) -> list[tuple[int, int]]:
    return [(source, place) for place, box in enumerate(boxes) for source in box.sources]


def _middle(count: int, column: int) -> float:
    first = _WIDTH / 2 - (count - 1) * (_BOX + _GAP) / 2
    return first + column * (_BOX + _GAP)


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x0, y0), (x1, y1) = (start[0], start[1] + _TALL), end
    if y1 - y0 > _GAP:  # past a row: beside the boxes
        side = max(x0, x1) + _BOX / 2 + _GAP / 2
        points = [(x0, y0), (x0, y0 + 6), (side, y0 + 6), (side, y1 - 8), (x1, y1 - 8), (x1, y1)]
    else:
        points = [(x0, y0), (x1, y1)]
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
    flat = all(a == b for a, b in pairwise(points))
    tip = f"M{x1 - 4:g} {y1 - 6:g}L{x1:g} {y1:g}L{x1 + 4:g} {y1 - 6:g}"
    return "" if flat else f'<path d="{path}{tip}" fill="none" stroke="{_EDGE}"/>'


def _box(box: Box, x: float, y: float) -> str:
    edge = "#c62828" if box.failed else _EDGE
    middle = y + _TALL / 2 + 4
    title_at = middle - 7 if box.detail else middle
    parts = [
        (
            f'<rect x="{x - _BOX / 2:g}" y="{y:g}" width="{_BOX}" height="{_TALL}" rx="6" '
            f'fill="{_PAPER}" stroke="{edge}"/>'
        ),
        (
            f'<text x="{x:g}" y="{title_at:g}" text-anchor="middle" font-weight="600">'
            f"{escape(_short(box.title))}</text>"
        ),
    ]
    if box.detail:
        parts.append(
            f'<text x="{x:g}" y="{middle + 9:g}" text-anchor="middle" font-size="11" '
            f'fill="{_QUIET}">{escape(_short(box.detail))}</text>'
        )
    return "".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
