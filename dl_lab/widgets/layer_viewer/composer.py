"""What the views of a LayerViewer show, composed from one look at the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from torch import Tensor  # noqa: TC002

from dl_lab.errors import InputError
from dl_lab.probe.answer import Guess
from dl_lab.probe.capture import Capture
from dl_lab.probe.health import Health
from dl_lab.probe.looks.turns import CalledOff, called_off_by
from dl_lab.protocol import Array
from dl_lab.widgets.base.widget import Reply, sentence
from dl_lab.widgets.layer_viewer import frames
from dl_lab.widgets.layer_viewer.job import Job
from dl_lab.widgets.layer_viewer.look import Look

GUESSES = 5
_HEALTH_APART = 2.0
_SLICE = 0.1
"""Seconds in one go for what takes a while; a single pass may take longer."""


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
    asked: Asked
    target: int
    gradients: Sequence[Tensor | None]

    def rows(self, rows: Sequence[frames.Row]) -> Reply:
        """Return the images of some rows."""
        shown, images = frames.row_arrays(self.seen, rows, self.asked.show, self.gradients)
        return {"rows": shown}, images


class Composer:
    """Composes frames, and the rows that a view lacks.

    Parameters
    ----------
    look
        Looks at the network; all methods run within its `between` or `aside`.
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
        self._last: object = None
        self._has_rows = False
        self._attribution: Job[Tensor] | None = None
        self._heat: Tensor | None = None
        self._heat_of: object = None
        self._checkup: Job[list[Health]] | None = None
        self._health: list[dict[str, Any]] = []
        self._healthy: object = None
        self._health_due = 0.0
        self._owed = False

    def describe(self, seen: Capture) -> None:
        """Take note of the layers, which may have become others."""
        if seen is self._described:
            return
        self._described = seen
        layers = frames.described(seen)
        if layers != self.layers:
            self.layers = layers
            self.revision += 1

    def frame(
        self,
        asked: Asked,
        rows: Sequence[frames.Row],
        *,
        moving: bool = False,
        over: Callable[[], bool] = lambda: False,
    ) -> Reply:
        """Return a whole frame with the images of the rows, and go on with what takes a while.

        Parameters
        ----------
        asked
            The settings.
        rows
            What the views show.
        moving
            Whether the weights change meanwhile.
        over
            Answers whether other settings have been asked for.
        """
        began = monotonic()
        # A view may choose another one meanwhile.
        row, changes = self._look.shown.row, len(self._look.changes)
        gradients: Sequence[Tensor | None] = ()
        # Looking and computing in turns: neither keeps the other waiting while the network learns.
        newest = not (moving and self._owed)
        last = self._pictures
        seen = self._seen(asked, rows, newest=newest)
        anew = last is None or seen is not last.seen
        self.describe(seen)
        found = self._look.best(seen, GUESSES) if asked.has_classes else ()
        target = _target(asked, found)
        examples = self._look.examples
        exact = not examples.is_whole
        arrays: dict[str, Array] = {
            "input": frames.own_input(examples.planes(seen.inputs[0]), exact=exact)
        }
        problem: InputError | None = None
        try:
            if asked.show == "gradients":
                gradients = self._look.gradients(seen, target)
        except InputError as error:
            problem = error
        self._plan(asked, target, seen, moving=moving)
        now = monotonic()
        # What is seen comes first, where that took its time.
        self._owed = anew and now - began > _SLICE and self.is_busy
        if not self._owed:
            self._go_on(now + _SLICE, over)
        if self._attribution is not None:
            problem = problem or self._attribution.problem
            if self._heat is not None:
                arrays["attribution"] = frames.heat_map(self._heat, exact=exact)
        self._pictures = _Pictures(seen, asked, target, gradients)
        look = self._look.number, asked.show, target if asked.show == "gradients" else None
        if look != self._last:
            self._number, self._last = self._number + 1, look
        shown, images = self._pictures.rows(rows)
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
            "health": self._health,
            "progress": self._progress(asked),
            "problem": None if problem is None else sentence(problem),
        }
        return {**meta, **shown}, {**arrays, **images}

    def rows(self, rows: Sequence[frames.Row]) -> Reply:
        """Return more rows of what the newest frame shows; nothing where there was none yet."""
        self._has_rows = True
        last = self._pictures
        if last is None:
            return {}, {}
        seen = self._seen(last.asked, rows, newest=False)
        if seen is not last.seen:
            gradients = last.gradients and self._look.gradients(seen, last.target)
            last = self._pictures = replace(last, seen=seen, gradients=gradients)
        shown, images = last.rows(rows)
        return {"look": self._number, **shown}, images

    def _seen(self, asked: Asked, rows: Sequence[frames.Row], *, newest: bool) -> Capture:
        # Weights are not what a layer answers.
        layers = () if asked.show == "filters" else (row.layer for row in rows)
        gradients = asked.show == "gradients"
        return self._look.seen(
            asked.mode, gradients=gradients, layers=frozenset(layers), newest=newest
        )

    def _plan(self, asked: Asked, target: int, seen: Capture, *, moving: bool) -> None:
        """Decide what is to be computed that takes a while."""
        look = self._look
        key = asked.attribution, target, look.shown, tuple(look.changes.items()), asked.kept
        if key != self._heat_of:
            # What was computed of another input says nothing of this one.
            self._heat, self._heat_of, self._attribution = None, key, None
        last = self._attribution
        if asked.attribution is not None and (
            last is None or (last.outdated if last.next else last.state != look.state())
        ):
            passes = look.attribution(asked.attribution, target)
            self._attribution = Job(look, key, passes, copy=moving)
        checkup = self._checkup
        if checkup is not None and checkup.outdated:
            checkup = self._checkup = None
        due = look.state() != self._healthy and monotonic() >= self._health_due
        if checkup is None and self._has_rows and due:
            self._checkup = Job(look, None, look.health(seen), copy=moving)

    def _go_on(self, until: float, over: Callable[[], bool]) -> None:
        """Compute what takes a while, for as long as there is time."""
        try:
            with called_off_by(over):
                if self._attribution is not None and self._attribution.next is not None:
                    self._attribution.advance(until)
                if self._attribution is not None and self._attribution.next is None:
                    self._heat = self._attribution.result
                if self._checkup is not None and (not self.is_attributing or monotonic() < until):
                    self._checkup.advance(until)
                    self._note_health(self._checkup)
            self._look.insists = False
        except CalledOff:
            self._look.insists = True

    def _note_health(self, checkup: Job[list[Health]]) -> None:
        if checkup.next is not None:
            return
        self._checkup = None
        self._healthy = checkup.state
        self._health = [] if checkup.result is None else frames.health_meta(checkup.result)
        apart = max(_HEALTH_APART, 4 * checkup.seconds / self._share)
        self._health_due = monotonic() + apart

    @property
    def is_attributing(self) -> bool:
        """Whether an attribution has begun and is not over."""
        return self._attribution is not None and self._attribution.next is not None

    @property
    def is_busy(self) -> bool:
        """Whether something has begun that takes a while, or is to begin at once."""
        lacks = self._has_rows and self._healthy is None
        return self.is_attributing or self._checkup is not None or lacks

    def hurry(self) -> None:
        """Look for signs of trouble with the next frame."""
        self._health_due = 0.0

    def _progress(self, asked: Asked) -> dict[str, Any] | None:
        for job, name in ((self._attribution, asked.attribution), (self._checkup, "health")):
            if job is not None and job.next is not None:
                return {"name": name, "done": job.next.done, "of": job.next.of}
        return None


def _target(asked: Asked, found: Sequence[Guess]) -> int:
    if asked.target is not None:
        return asked.target
    return found[0].index if found else 0
