"""One panel of a static picture: the curves of one quantity, its axis and its legend."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from dl_lab.pictures.chart import Scale, band, dots, line, number
from dl_lab.train.history.curves import Curve, curve, place
from dl_lab.train.history.history import History
from dl_lab.train.history.series import Series
from dl_lab.train.history.series_kind import Look, SeriesKind

WORDS = {
    "en": {
        "step": "step",
        "epoch": "epoch",
        "time": "time in seconds",
        "last": "last",
        "best": "best",
        "nothing": "Nothing is recorded yet.",
        "more": "and {count} more",
    },
    "es": {
        "step": "paso",
        "epoch": "época",
        "time": "tiempo en segundos",
        "last": "último",
        "best": "mejor",
        "nothing": "Todavía no hay nada registrado.",
        "more": "y {count} más",
    },
}

ROW = 30
"""Pixels of an entry of the legend."""

_FEW = 40
_INK, _QUIET, _GRID = "#222", "#5a5a5a", "#e4e4e4"


@dataclass(frozen=True)
class Window:
    """What of the curves is drawn, and how: the arguments of `picture.svg`."""

    axis: str
    low: float | None
    high: float | None
    smoothing: float
    x_log: bool
    y_log: bool


@dataclass(frozen=True)
class Line:
    """A curve's data and looks."""

    history: History
    series: Series
    label: str
    kind: SeriesKind
    look: Look
    epoch_length: float | None

    def stroke(self, width: float | None = None, *, dashed: bool = False) -> str:
        """Return the attributes of its lines, in tenths of a pixel."""
        dash = " ".join(f"{10 * length:g}" for length in self.look.dash) if dashed else ""
        return (
            f'stroke="{self.look.on_white}" stroke-width="{10 * (width or self.look.width):g}"'
            + (f' stroke-dasharray="{dash}"' if dash else "")
        )

    def seen(self, window: Window, pixels: int) -> Curve:
        """Return the curve in a window."""
        return curve(
            self.history,
            self.series,
            pixels=pixels,
            axis=window.axis,
            low=window.low,
            high=window.high,
            smoothing=window.smoothing if self.kind.smoothed else 0.0,
            scale="log" if window.x_log else "linear",
            epoch_length=self.epoch_length,
        )


@dataclass(frozen=True)
class Panel:
    """The lines of one quantity in a rectangle of pixels."""

    name: str
    lines: list[Line]
    curves: list[Curve]
    x: Scale
    top: float
    bottom: float
    window: Window
    words: dict[str, str]

    def draw(self) -> str:
        """Return it as elements of SVG."""
        left, right = self.x.begin, self.x.end
        values = [array for seen in self.curves for array in (seen.low, seen.high)]
        y = Scale.around(values, self.bottom, self.top, log=self.window.y_log, room=0.04)
        parts = [text(left, self.top - 8, self.name.replace("_", " "), fill=_INK, weight=600)]
        for tick in y.ticks(max(2, int((self.bottom - self.top) / 40))):
            at = round(y.pixel(tick), 1)
            parts += [
                f'<path d="M{left:g} {at:g}H{right:g}" stroke="{_GRID}"/>',
                text(left - 6, at + 4, number(tick), fill=_QUIET, anchor="end"),
            ]
        parts.append(f'<path d="M{left:g} {self.bottom:g}H{right:g}" stroke="{_QUIET}"/>')
        parts.append('<g transform="scale(.1)" fill="none" stroke-linejoin="round">')
        for line_, seen in zip(self.lines, self.curves, strict=True):
            parts.append(self._curve(line_, seen, y))
        parts.append("</g>")
        parts += self._bests(y)
        return "".join(parts) + self._legend(right + 14)

    def _curve(self, drawn: Line, seen: Curve, y: Scale) -> str:
        smooth = "" if seen.smooth is None else line(seen.x, seen.smooth, self.x, y)
        over = f'<path d="{smooth}" {drawn.stroke(dashed=True)}/>' if smooth else ""
        if not seen.exact:
            raw = band(seen, self.x, y)
            fill = f'fill="{drawn.look.on_white}" fill-opacity=".3"'
            return f'<path d="{raw}" {drawn.stroke(0.6)} stroke-opacity=".6" {fill}/>{over}'
        raw = line(seen.x, seen.low, self.x, y)
        if smooth:
            return f'<path d="{raw}" {drawn.stroke(1)} stroke-opacity=".3"/>{over}'
        path = f'<path d="{raw}" {drawn.stroke(dashed=True)}/>'
        if seen.rows <= _FEW:
            points = dots(seen.x, seen.low, self.x, y)
            path += f'<path d="{points}" {drawn.stroke(5)} stroke-linecap="round"/>'
        return path

    def _bests(self, y: Scale) -> list[str]:
        """Return a ring around the best value of each curve that is not of the training data."""
        rings = []
        for drawn in self.lines:
            series = drawn.series
            row = series.best_row(drawn.kind.higher)
            if row is None or drawn.kind.part == "train":
                continue
            best = place(drawn.history, series, row, epoch_length=drawn.epoch_length)
            epoch = best.step if best.epoch is None else best.epoch
            at = {"step": best.step, "epoch": epoch, "time": best.seconds}[self.window.axis]
            values = series.values
            across, height = self.x.pixel(at), y.pixel(float(values[row]))
            if self.x.begin <= across <= self.x.end and self.top <= height <= self.bottom:
                rings.append(
                    f'<circle cx="{across:.1f}" cy="{height:.1f}" r="5" fill="none" '
                    f'stroke="{drawn.look.on_white}" stroke-width="1.5"/>'
                )
        return rings

    def _legend(self, left: float) -> str:
        parts, top = [], self.top + 8
        fitting = max(1, int((self.bottom - self.top + 8) // ROW))
        shown = self.lines if len(self.lines) <= fitting else self.lines[: fitting - 1]
        for drawn in shown:
            parts += [
                f'<g transform="translate({left:g} {top:g}) scale(.1)">',
                f'<path d="M0 0H220" {drawn.stroke(dashed=True)}/></g>',
                text(left + 28, top + 4, shortened(drawn.label), fill=_INK),
                text(left + 28, top + 17, self._figures(drawn), fill=_QUIET, size=10),
            ]
            top += ROW
        if len(shown) < len(self.lines):
            more = self.words["more"].format(count=len(self.lines) - len(shown))
            parts.append(text(left + 28, top + 4, more, fill=_QUIET))
        return "".join(parts)

    def _figures(self, drawn: Line) -> str:
        series = drawn.series
        last, values = series.last, series.values
        words = [self.words["last"], number(last) if last is not None else "-"]
        row = series.best_row(drawn.kind.higher)
        if row is not None:
            best, step = number(float(values[row])), number(int(series.steps[row]))
            words += ["·", self.words["best"], f"{best} ({step})"]
        return " ".join(words)


def shortened(label: str, most: int = 26) -> str:
    """Return a label that fits beside the chart."""
    return label if len(label) <= most else label[: most - 1] + "…"


def text(
    x: float,
    y: float,
    content: str,
    *,
    fill: str = _INK,
    anchor: str | None = None,
    weight: int | None = None,
    size: int | None = None,
) -> str:
    """Return an element of text."""
    options = {"text-anchor": anchor, "font-weight": weight, "font-size": size}
    written = "".join(
        f" {name}={quoteattr(str(value))}" for name, value in options.items() if value is not None
    )
    return f'<text x="{x:g}" y="{y:g}" fill="{fill}"{written}>{escape(content)}</text>'
