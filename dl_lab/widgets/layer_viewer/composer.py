"""What the views of a LayerViewer show, composed from one look at the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from torch import Tensor  # noqa: TC002

from dl_lab.errors import InputError
from dl_lab.probe.answer import Guess
from dl_lab.probe.capture import Capture
from dl_lab.protocol import Array
from dl_lab.widgets.base.widget import Reply, sentence
from dl_lab.widgets.layer_viewer import frames
from dl_lab.widgets.layer_viewer.look import Look

GUESSES = 5
_HEALTH_APART = 2.0


@dataclass(frozen=True)
class Asked:
    """The settings that a frame follows."""

    mode: str
    show: str
    attribution: str | None
    target: int | None
    kept: int | None
    has_classes: bool


@dataclass(frozen=True, eq=False)
class _Pictures:
    """What the images of all rows are made of."""

    seen: Capture
    show: str
    gradients: Sequence[Tensor | None]

    def rows(self, rows: Sequence[frames.Row]) -> Reply:
        """Return the images of some rows."""
        shown, images = frames.row_arrays(self.seen, rows, self.show, self.gradients)
        return {"rows": shown}, images


class Composer:
    """Composes frames, and the rows that a view lacks.

    Parameters
    ----------
    look
        Looks at the network; all methods run within its `between`.
    share
        Of the time that may go into looking.
    """

    def __init__(self, look: Look, share: float) -> None:
        self._look = look
        self.layers: list[dict[str, Any]] = []
        self.revision = 0
        """Another where the network has other layers."""
        self._share = share
        self._described: Capture | None = None
        self._pictures: _Pictures | None = None
        self._number = 0
        self._has_rows = False
        self._health: list[dict[str, Any]] = []
        self._healthy: object = None
        self._health_due = 0.0

    def describe(self, seen: Capture) -> None:
        """Take note of the layers, which may have become others."""
        if seen is self._described:
            return
        self._described = seen
        layers = frames.described(seen)
        if layers != self.layers:
            self.layers = layers
            self.revision += 1

    def frame(self, asked: Asked, rows: Sequence[frames.Row]) -> Reply:
        """Return a whole frame with the images of the rows."""
        # A view may choose another one meanwhile.
        row, changes = self._look.shown.row, len(self._look.changes)
        gradients: Sequence[Tensor | None] = ()
        problem: InputError | None = None
        seen = self._look.seen(asked.mode, gradients=asked.show == "gradients")
        self.describe(seen)
        found = self._look.best(seen, GUESSES) if asked.has_classes else ()
        target = _target(asked, found)
        examples = self._look.examples
        exact = not examples.is_whole
        arrays: dict[str, Array] = {
            "input": frames.own_input(examples.planes(seen.inputs[0]), exact=exact)
        }
        try:
            if asked.show == "gradients":
                gradients = self._look.gradients(seen, target)
            if asked.attribution is not None:
                heat = self._look.attribution(asked.attribution, target)
                arrays["attribution"] = frames.heat_map(heat, exact=exact)
        except InputError as error:
            problem = error
        shown, images = self._show(seen, asked.show, gradients).rows(rows)
        # Signs of trouble take a while: the layers come first.
        health = self._newest_health() if self._has_rows else self._health
        self._has_rows = self._has_rows or bool(rows)
        meta = {
            "revision": self.revision,
            "look": self._number,
            "row": row,
            "guesses": [vars(guess) for guess in found],
            "target": target,
            "show": asked.show,
            "mode": asked.mode,
            "kept": asked.kept,
            "attribution": asked.attribution if "attribution" in arrays else None,
            "changes": changes,
            "largest": frames.largest(seen, asked.show, gradients),
            "health": health,
            "problem": None if problem is None else sentence(problem),
        }
        return {**meta, **shown}, {**arrays, **images}

    def rows(self, rows: Sequence[frames.Row]) -> Reply:
        """Return more rows of what the newest frame shows; nothing where there was none yet."""
        if self._pictures is None:
            return {}, {}
        self._has_rows = True
        shown, images = self._pictures.rows(rows)
        return {"look": self._number, **shown}, images

    def _show(self, seen: Capture, show: str, gradients: Sequence[Tensor | None]) -> _Pictures:
        last = self._pictures
        if (
            last is None
            or last.seen is not seen
            or last.show != show
            or last.gradients is not gradients
        ):
            self._number += 1
            last = self._pictures = _Pictures(seen, show, gradients)
        return last

    @property
    def lacks_health(self) -> bool:
        """Whether nobody has looked for signs of trouble yet."""
        return self._healthy is None

    def hurry(self) -> None:
        """Look for signs of trouble with the next frame."""
        self._health_due = 0.0

    def _newest_health(self) -> list[dict[str, Any]]:
        state = self._look.state()
        if state == self._healthy or monotonic() < self._health_due:
            return self._health
        self._healthy = state
        began = monotonic()
        try:
            self._health = frames.health_meta(self._look.health())
        except InputError:
            self._health = []
        now = monotonic()
        self._health_due = now + max(_HEALTH_APART, 4 * (now - began) / self._share)
        return self._health


def _target(asked: Asked, found: Sequence[Guess]) -> int:
    if asked.target is not None:
        return asked.target
    return found[0].index if found else 0
