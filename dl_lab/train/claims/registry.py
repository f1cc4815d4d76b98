"""The claims of all runs to their models, and what happens where two of them meet."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from itertools import combinations
from time import monotonic
from typing import TYPE_CHECKING

from dl_lab import forks
from dl_lab.errors import InputError
from dl_lab.train.claims.cell import Moment, moment, names_of, names_replaced
from dl_lab.train.claims.claimant import PATIENCE, Claimant
from dl_lab.train.claims.holders import holders
from dl_lab.train.claims.overlap import Footprint, footprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(eq=False)
class _Entry:
    """A run that trains: since when, by which names, how often it was claimed."""

    claimant: Claimant
    started: Moment
    names: frozenset[str]
    footprint: Footprint
    count: int = 0
    leaving: bool = False
    """Whether it was told to make way."""

    def disturbs(self, other: Footprint) -> bool:
        # Looked at anew each time: layers and parameters may have been replaced since.
        with contextlib.suppress(RuntimeError):  # its own thread is just doing that
            self.footprint = footprint(self.claimant.model, self.claimant.optimizer)
        return self.footprint.disturbs(other)


class Claim:
    """A run's right to train its model, until it is released."""

    def __init__(self, claims: Claims, entry: _Entry) -> None:
        self._claims = claims
        self._entry: _Entry | None = entry

    def release(self) -> None:
        """Give it up; again changes nothing."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self._claims._release(entry)  # noqa: SLF001  # its maker

    def __enter__(self) -> Claim:  # noqa: PYI034  # Self is younger than Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Claims:
    """All runs that train now. A model, or what two models share, is trained by one at a time.

    Two runs at once would write into each other's steps, which ends the kernel at worst. So a run
    claims its model when it starts and releases it when it pauses or ends; its steps know nothing
    of that. Where the model is claimed already, there is one of three ways.

    1. The older run makes way: it is paused, completely, before the newer one touches the model,
       and both the cell and the older run's `message` say so. That is so where **no variable of
       the person's leads to the older run any more** and

       - the cell that made or started it was run again, or
       - its name now stands for the newer run, or
       - nothing on the page and no result of a cell (``Out``) shows it, so that nobody could
         pause it.

       A list, dictionary, attribute, closure or coroutine that a variable leads to holds a run as
       the variable itself does, and so does a variable of a function that has not ended. A widget
       does not: it shows a run, and says that it was paused.
    2. The older run is a loop of the person's own that is over, or that waits in the very thread
       that starts the newer one (no ``with`` block tells which): it gives its claim up, and has to
       make it anew if it goes on.
    3. In all other cases the newer run is refused, in a sentence that says what to pause.

    A cell that is run again pauses runs of the first kind that it started even if their model is
    another, which it has made anew: they would train on what nobody has any more. Runs that one
    run of a cell or a script starts are never in each other's place: they are refused.

    Making a Trainer and asking one that rests (`Trainer.evaluate`, `Trainer.look`) is refused
    nowhere: the run that trains the same model waits between two steps meanwhile.
    """

    def __init__(self) -> None:
        self._changed = forks.opens(threading.Condition())
        self._entries: dict[Claimant, _Entry] = {}

    @property
    def any(self) -> bool:
        """Whether any run trains now."""
        return bool(self._entries)

    def claim(self, claimant: Claimant) -> Claim:
        """Take note that a run trains from now on; what it takes the place of is paused.

        Raises
        ------
        InputError
            Another run trains the same, and is not to make way or does not in time.
        """
        now, mark = moment(), footprint(claimant.model, claimant.optimizer)
        with self._changed:
            leaving = self._leaving(claimant, mark, now)
            outdated = self._outdated(claimant, now, leaving)
            entry = self._entries.get(claimant)
            if entry is None:
                entry = _Entry(claimant, now, names_of(claimant.run), mark)
                self._entries[claimant] = entry
            entry.count += 1
            entry.leaving = False
        claim = Claim(self, entry)
        try:
            self._pause(leaving, now, wait=True)
            self._pause(outdated, now, wait=False)
        except BaseException:
            claim.release()
            raise
        return claim

    def check(self, runs: Mapping[str, object]) -> None:
        """Refuse, before any of them starts, runs that cannot train at once.

        Parameters
        ----------
        runs
            By name; those that train nothing are left aside.

        Raises
        ------
        InputError
            Two of them train the same, or another run trains what one of them does.
        """
        found = {name: getattr(run, "claimant", None) for name, run in runs.items()}
        claimants = {name: one for name, one in found.items() if isinstance(one, Claimant)}
        marks = {name: footprint(one.model, one.optimizer) for name, one in claimants.items()}
        for one, other in combinations(marks, 2):
            if claimants[one] is not claimants[other] and marks[one].disturbs(marks[other]):
                raise InputError("models_shared", first=one, second=other)
        now = moment()
        with self._changed:
            for name, claimant in claimants.items():
                self._leaving(claimant, marks[name], now)

    def make_room(self, claimant: Claimant) -> None:
        """Pause what a run takes the place of that is just being made."""
        now, mark = moment(), footprint(claimant.model, claimant.optimizer)
        with self._changed:
            leaving = [
                entry
                for entry in self._rivals(claimant, mark)
                if entry.claimant.pauses and self._refusal(claimant, entry, now) is None
            ]
        self._pause(leaving, now, wait=True)

    def retire(self, claimant: Claimant) -> None:
        """Pause what an earlier run of the same cell started and no variable leads to."""
        now = moment()
        with self._changed:
            outdated = self._outdated(claimant, now)
        self._pause(outdated, now, wait=False)

    @contextlib.contextmanager
    def beside(self, claimant: Claimant) -> Iterator[None]:
        """Keep whoever trains the same between two steps meanwhile.

        Raises
        ------
        InputError
            It did not come to the end of its step in time.
        """
        rivals = []
        if self._entries:
            mark = footprint(claimant.model, claimant.optimizer)
            with self._changed:
                rivals = [entry.claimant for entry in self._rivals(claimant, mark)]
        with contextlib.ExitStack() as stack:
            # In one order everywhere: no two wait for each other.
            for rival in sorted(rivals, key=id):
                stack.enter_context(rival.between_steps())
            yield

    def _release(self, entry: _Entry) -> None:
        with self._changed:
            entry.count -= 1
            if not entry.count and self._entries.get(entry.claimant) is entry:
                del self._entries[entry.claimant]
                self._changed.notify_all()

    def _rivals(self, claimant: Claimant, mark: Footprint) -> list[_Entry]:
        others = [one for one in [*self._entries.values()] if one.claimant is not claimant]
        return [entry for entry in others if entry.disturbs(mark)]

    def _leaving(self, claimant: Claimant, mark: Footprint, now: Moment) -> list[_Entry]:
        """Return the rivals of a run that are to make way; raise for one that is not."""
        leaving = []
        for entry in self._rivals(claimant, mark):
            if entry.claimant.concede():
                del self._entries[entry.claimant]
                continue
            refusal = self._refusal(claimant, entry, now)
            if refusal is not None:
                raise refusal
            leaving.append(entry)
        return leaving

    def _refusal(self, newer: Claimant, entry: _Entry, now: Moment) -> InputError | None:
        """Return why a run cannot take the place of one that trains the same; None if it can."""
        older, replaced = entry.claimant, names_replaced()
        name: str | None = min(names_of(older.run) - replaced, default=None)
        together = now.execution is not None and now.execution == entry.started.execution
        if not older.pauses:
            key = "trained_loop"
        elif older.thread is threading.current_thread():
            key = "trained_callback"
        elif name is not None:
            key = "trained_by"
        else:
            found = holders(older, replaced)
            name = found.name
            if name is None:
                taken = entry.names & (names_of(newer.run) | replaced)
                if not together and (taken or _again(newer, entry, now)):
                    return None
                name = found.shown(replaced, results=True)
            if name is None and not together:
                return None
            key = "trained_held" if name else "trained_here" if name is None else "trained_shown"
        return InputError(key, model=older.kind, run=name)

    def _outdated(
        self, newer: Claimant, now: Moment, leaving: Sequence[_Entry] = ()
    ) -> list[_Entry]:
        """Return what an earlier run of the same cell started and no variable leads to."""
        found = []
        for entry in [*self._entries.values()]:
            older = entry.claimant
            if older is newer or entry in leaving or entry.leaving or not older.pauses:
                continue
            # What a button started is no business of a cell.
            if entry.started.cell is None or not _again(newer, entry, now):
                continue
            if older.thread is threading.current_thread():
                continue
            replaced = names_replaced()
            if names_of(older.run) - replaced:
                continue
            held = holders(older, replaced)
            # One that never had a name may have been started by the widget that has one.
            named = not entry.names and held.shown(replaced, results=False)
            if held.name is None and not named:
                found.append(entry)
        return found

    def _pause(self, entries: Sequence[_Entry], now: Moment, *, wait: bool) -> None:
        """Have runs make way; with `wait` return only when their threads are out of their steps."""
        end = monotonic() + PATIENCE
        for entry in entries:
            older, told, entry.leaving = entry.claimant, entry.leaving, True
            name = older.run.name or min(entry.names, default=older.kind)
            note = InputError("gave_way", name=name)
            older.make_way(note)
            if wait:
                with self._changed:
                    while self._entries.get(older) is entry:
                        if not self._changed.wait(end - monotonic()):
                            raise older.late()
            if now.cell is not None and not told:
                print(note)  # noqa: T201  # in the notebook, under the cell that was run


def _again(newer: Claimant, entry: _Entry, now: Moment) -> bool:
    """Whether a cell runs again that made or started an older run."""
    made, started = entry.claimant.made, entry.started
    cells = {now.cell, newer.made.cell} & {started.cell, made.cell}
    runs = {now.execution, newer.made.execution} & {started.execution, made.execution}
    return bool(cells - {None}) and not runs - {None}


CLAIMS = Claims()
"""Those of this process."""
