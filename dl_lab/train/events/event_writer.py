"""A run's TensorBoard event files, written by a thread of their own."""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from dl_lab import forks, paths
from dl_lab.errors import InputError
from dl_lab.train.events.budget import Budget
from dl_lab.train.events.event_file import EventFile, record, scalar_records
from dl_lab.train.history.new_rows import HistoryRows, last_step
from dl_lab.train.notes import Notes

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from pathlib import Path

    from dl_lab.train.history.history import History

_BEAT = 1.0
_AGAIN = 5.0
_MOST_WAITING = 64
_MOST_BYTES = 64 * 2**20
_ROWS = 50_000
_AT_EXIT = 0.7


def tag_of(name: str) -> str:
    """Return the tag of a series: ``train_loss`` is ``loss/train``, as TensorBoard groups charts.

    Examples
    --------
    >>> tag_of("train_loss"), tag_of("validation_top5"), tag_of("learning_rate")
    ('loss/train', 'top5/validation', 'learning_rate')
    """
    for part in ("train", "validation", "test"):
        if name.startswith(f"{part}_"):
            return f"{name.removeprefix(part + '_')}/{part}"
    return name


class EventWriter:
    """Event files in a folder: curves of a History, and whatever else is submitted.

    Parameters
    ----------
    folder
        Made by the first write.

    Attributes
    ----------
    folder
        Where the files are.
    problem
        None, or a sentence: why something is missing in them.
    dropped
        How many things that were submitted did not get in, because of the time or room they
        would have taken.

    Notes
    -----
    While a run goes on, a thread wakes once a second, makes records of what has come and appends
    them in one write. Curves are complete: the thread reads the History, at 0.4 µs a row and
    nothing for the thread that trains. The rest keeps to these limits:

    =========================  ==========================================================
    weights and gradients      1 % of a run's time, samples 1/8 s apart, soon 2 s
    images, sounds, all else   2 % of the time, with 2 s of work in hand for the beginning
    that is computed
    texts, settings, graph     no limit of time
    all but curves             64 at a time may wait, 64 MB together
    =========================  ==========================================================

    A disk that is full, a folder that is gone and what cannot be written are told of once, in the
    log `dl_lab`; training goes on. When writing works again, the curves are completed. Between runs
    what is submitted is written at once.

    Examples
    --------
    >>> import tempfile
    >>> from dl_lab.train.history.history import History
    >>> history = History()
    >>> log = EventWriter(tempfile.mkdtemp())
    >>> fresh = log.begin(history)
    >>> history.append(1, train_loss=0.5)
    >>> log.end()
    >>> log.path.name[:19]
    'events.out.tfevents'
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = paths.folder("folder", folder)
        self.problem: InputError | None = None
        self.dropped = 0
        self.budgets = {
            "histograms": Budget(0.01, ahead=0.5, apart=2),
            "pictures": Budget(0.02, ahead=2),
        }
        self._file = EventFile(self.folder)
        self._notes = Notes()
        self.note: Callable[[InputError, str], None] = self._notes.add
        """Told of each problem and what it is about; the log `dl_lab` by default."""
        self._lost = False
        self._again = 0.0
        self._rows: HistoryRows | None = None
        self._waiting: deque[tuple[int, Callable[[], list[Any]]]] = deque()
        self._size = 0
        self._records: list[bytes] = []
        # Whoever makes records and writes them holds it: the thread, or a caller who flushes.
        self._turn = forks.opens(threading.RLock())
        self._queue = forks.opens(threading.Lock())
        self._lock = forks.opens(threading.Lock())
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        forks.tell(self)

    def forked(self) -> None:
        """Begin anew, in a file of its own: what has come is the parent's to write."""
        self._thread, self._ending = None, threading.Event()
        atexit.unregister(self._exit)
        self._file = EventFile(self.folder)
        self._rows = None
        self._waiting.clear()
        self._size = 0
        self._records = []

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._file.path

    def begin(self, history: History, written: int = -1) -> bool:
        """Write what `history` gets from now on, once a second: a run starts.

        Parameters
        ----------
        history
            Anything in it that is not written yet, is.
        written
            The last step that files of an earlier process in this folder hold of this history.

        Returns
        -------
        bool
            Whether the files begin anew: TensorBoard hides all that they held before. A history
            that was cut goes on after what is left of it.
        """
        fresh = False
        with self._turn:
            rows = self._rows
            if rows is None or rows.history is not history or rows.void:
                if rows is not None:
                    written = rows.step if rows.history is history else -1
                elif not self._others():
                    written = -1
                # The rows of step 0 may be other ones after a reset.
                last = last_step(history)
                after = min(written, last) if last > 0 else -1
                fresh = after < 0
                session = SessionLog(status=SessionLog.START)
                start = record(Event(wall_time=time.time(), step=after + 1, session_log=session))
                # TensorBoard hides what is later than a start, but not at the first start of a
                # folder; and the files that are there may be someone else's, without any.
                self._records += [start, start] if self._others() else [start]
                self._rows = HistoryRows(history, after)
        with self._lock:
            if self._thread is None:
                self.budgets["histograms"].resume()
                self._ending.clear()
                thread = threading.Thread(target=self._run, name="dl-lab events", daemon=True)
                thread.start()
                self._thread = thread
                atexit.register(self._exit)
        return fresh

    @property
    def written(self) -> int:
        """The step up to which the curves are in the file; -1: perhaps none."""
        return -1 if self._rows is None or self._rows.void else self._rows.step

    def _others(self) -> bool:
        try:
            return any(self.folder.glob("events.out.tfevents.*"))
        except OSError:  # writing will tell
            return False

    def end(self) -> None:
        """Write all that is left and return when it is in the file: the run pauses or ends."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._ending.set()
                thread.join()
                atexit.unregister(self._exit)
                self.budgets["histograms"].pause()
        self.flush()

    def _exit(self) -> None:
        """Write what is left, unless the thread hangs in something that it makes or writes."""
        self._ending.set()
        thread = self._thread
        if thread is not None:
            thread.join(_AT_EXIT)
        if self._turn.acquire(timeout=_AT_EXIT):
            self._turn.release()
            self.flush()

    def flush(self) -> None:
        """Write all that has come so far; returns when it is in the file."""
        self._again = 0.0
        with self._turn:
            self._write()

    def submit(
        self,
        kind: str,
        name: str,
        make: Callable[[], Any],
        *,
        step: int,
        size: int = 0,
        spent: float = 0,
    ) -> None:
        """Have something made and written by the thread.

        Parameters
        ----------
        kind
            Whose time budget it uses, a key of `budgets`; another for none.
        name
            For people, should it fail.
        make
            Returns a summary, an event, a list of these or None.
        step
            Of the events.
        size
            Bytes of memory it holds until then.
        spent
            Seconds of the budget that the caller has used for it already.
        """
        budget = self.budgets.get(kind)
        with self._queue:
            fits = len(self._waiting) < _MOST_WAITING and self._size + size <= _MOST_BYTES
        if not fits or not (budget is None or budget.allows()):
            self._drop(InputError("events_dropped", path=self.folder, name=name))
            return
        if budget is not None:
            budget.begin()
        now = time.time()

        def events() -> list[Event]:
            began = time.thread_time()
            try:
                made = make()
            except Exception as error:  # noqa: BLE001  # whatever people's data lead to
                self.failed(name, error)
                made = None
            finally:
                if budget is not None:
                    budget.spend(time.thread_time() - began + spent)
            return [
                one if isinstance(one, Event) else Event(wall_time=now, step=step, summary=one)
                for one in (made if isinstance(made, list) else [made])
                if one is not None
            ]

        with self._queue:
            self._waiting.append((size, events))
            self._size += size
        if self._thread is None:
            self.flush()

    def _run(self) -> None:
        while not self._ending.wait(_BEAT):
            with self._turn:
                self._write()

    def _write(self) -> None:
        """Make records of all that waits and append them; what cannot be written waits."""
        while self._waiting:
            with self._queue:
                size, events = self._waiting.popleft()
                self._size -= size
            self._records.extend(map(record, events()))
        if self._lost or time.monotonic() < self._again:
            self._shed()
            return
        try:
            self._write_rows()
        except OSError as error:
            self._trouble(error)
        except Exception as error:  # noqa: BLE001  # a name that no record can hold
            self._again = time.monotonic() + _AGAIN
            self.failed("curves", error)

    def _write_rows(self) -> None:
        while True:
            rows = self._rows
            new = rows.new(_ROWS) if rows is not None else []
            curves = [
                scalar_records(tag_of(name), steps, times, values)
                for name, steps, times, values in new
            ]
            if not curves and not self._records:
                return
            self._file.write([*self._records, *curves])
            self._records = []
            if self.problem is not None and self.problem.key == "events_full" and not self.dropped:
                self.problem = None
            if rows is None or not new:
                return
            rows.taken()

    def _trouble(self, error: OSError) -> None:
        gone = self._file.begun and isinstance(error, FileNotFoundError)
        detail = error.strerror or type(error).__name__
        self._lost = gone
        self._again = time.monotonic() + _AGAIN
        self._tell(
            InputError("events_gone" if gone else "events_full", path=self.path, detail=detail)
        )
        self._shed()

    def _shed(self) -> None:
        """Let go of the oldest records where too many wait for the disk."""
        size = sum(map(len, self._records))
        while self._records and (self._lost or size > _MOST_BYTES):
            size -= len(self._records.pop(0))
            self.dropped += 1

    def _drop(self, problem: InputError) -> None:
        self.dropped += 1
        if self.dropped == 1:
            self._tell(problem)

    def failed(self, name: str, error: Exception) -> None:
        """Take note that something cannot be put into the files: training goes on without it.

        Parameters
        ----------
        name
            For people; what goes by one name is told of once.
        error
            What was raised.
        """
        detail = f"{type(error).__name__}: {error}".rstrip(".")
        self._tell(InputError("event_failed", name=name, detail=detail), name)

    def _tell(self, problem: InputError, about: str = "") -> None:
        self.problem = problem
        self.note(problem, about)
