"""The runs of a plot: their names, and how far each is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from dl_lab.errors import InputError, shown
from dl_lab.train.history.curves import place
from dl_lab.train.history.history import History
from dl_lab.train.history.series import Series
from dl_lab.train.history.series_kind import Look, looks
from dl_lab.train.run import Progress, Run
from dl_lab.widgets.base.speed import Pace
from dl_lab.widgets.base.widget import sentence

_STATM = Path("/proc/self/statm")
_PAGE = 4096
try:
    import resource
except ImportError:  # Windows has none
    pass
else:
    _PAGE = resource.getpagesize()


class Recorded:
    """A history alone, as a run that is over."""

    controls: tuple[str, ...] = ()
    state = "finished"
    message: InputError | None = None
    notes: tuple[InputError, ...] = ()
    device = ""
    learning_rate: float | None = None

    def __init__(self, history: History, name: str | None = None) -> None:
        self.history = history
        self.name = name

    @property
    def steps(self) -> int:
        """The last step of any series."""
        series = self.history.values()
        return max((int(one.steps[-1]) for one in series if len(one)), default=0)

    @property
    def epoch(self) -> int:
        """Epochs that were marked."""
        return len(self.history.epochs)

    @property
    def progress(self) -> Progress:
        """How far it went."""
        return Progress(self.steps, self.epoch)

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002
        """Nothing changes."""
        return lambda: None

    def while_waiting(self, poll: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002
        """Nothing waits."""
        return lambda: None

    def _refuse(self, *_: object) -> None:
        raise InputError("no_control", name=self.name or "A History", control="play")

    start = pause = resume = stop = step = reset = _refuse


def named(runs: object) -> dict[str, Run]:
    """Return runs by the names they go by in a plot, each another.

    Raises
    ------
    InputError
        There is none, or something is not a run.
    """
    given: list[tuple[str | None, object]]
    if isinstance(runs, Mapping):
        given = [(str(name), run) for name, run in runs.items()]
    elif isinstance(runs, History) or hasattr(runs, "history"):
        given = [(None, runs)]
    elif isinstance(runs, Iterable) and not isinstance(runs, str):
        given = [(None, run) for run in runs]
    else:
        raise InputError("not_run", given=shown(runs))
    if not given:
        raise InputError("no_runs")
    result: dict[str, Run] = {}
    for name, run in given:
        whole = _run(run, name)
        wanted = name or whole.name or ("run" if len(given) == 1 else f"run {len(result) + 1}")
        unique, count = wanted, 2
        while unique in result:
            unique, count = f"{wanted} ({count})", count + 1
        result[unique] = whole
    return result


def _run(run: Any, name: str | None) -> Run:
    if isinstance(run, History):
        recorded: Any = Recorded(run, name)
        result: Run = recorded
        return result
    if not isinstance(getattr(run, "history", None), History):
        raise InputError("not_run", given=shown(run))
    found: Run = run
    return found


def statuses(runs: Sequence[Run], paces: Sequence[Pace]) -> list[dict[str, Any]]:
    """Return how far runs are that are drawn together, as JSON has it."""
    shown = [[series for series in run.history.values() if len(series)] for run in runs]
    looked = looks(
        [
            {series.name: run.history.kind(series.name) for series in present}
            for run, present in zip(runs, shown, strict=True)
        ]
    )
    return [
        {
            **_status(run, pace),
            "series": [_series(run, series, own[series.name]) for series in present],
        }
        for run, pace, present, own in zip(runs, paces, shown, looked, strict=True)
    ]


def _status(run: Run, pace: Pace) -> dict[str, Any]:
    history, progress, message = run.history, run.progress, run.message
    running = run.state == "running"
    pace.see(history.revision, progress.step, running=running)
    rate = pace.per_second
    left = _steps_left(progress)
    return {
        "state": str(run.state),
        "message": None if message is None else sentence(message),
        "notes": [sentence(note) for note in run.notes],
        "epoch": progress.epoch,
        "step": progress.step,
        "last_epoch": progress.last_epoch,
        "last_step": progress.last_step,
        "steps_per_epoch": progress.steps_per_epoch,
        "steps_per_second": rate,
        "seconds_left": left / rate if running and rate and left is not None else None,
        "learning_rate": plain(run.learning_rate),
        "device": run.device,
        "memory": memory(run.device),
        "revision": history.revision,
    }


def _steps_left(progress: Progress) -> float | None:
    ends = []
    if progress.last_step is not None:
        ends.append(progress.last_step)
    if progress.last_epoch is not None and progress.steps_per_epoch is not None:
        ends.append(progress.last_epoch * progress.steps_per_epoch)
    return max(0, min(ends) - progress.step) if ends else None


def _series(run: Run, series: Series, look: Look) -> dict[str, Any]:
    kind, best, values = run.history.kind(series.name), None, series.values
    row = series.best_row(kind.higher)
    if row is not None and row < len(values):
        at = place(run.history, series, row, epoch_length=run.progress.steps_per_epoch)
        value = float(values[row])
        best = {"step": at.step, "epoch": at.epoch, "seconds": at.seconds, "value": value}
    return {
        "name": series.name,
        "rows": len(values),
        "last": plain(series.last),
        "best": best,
        "part": kind.part,
        "group": kind.group,
        "higher": kind.higher,
        "look": look._asdict(),
    }


def plain(value: float | None) -> float | str | None:
    """Return a number as JSON has it, or the name of one that JSON lacks."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def memory(device: str) -> int | None:
    """Return the bytes in use where a run computes; None where that cannot be told.

    Parameters
    ----------
    device
        As a `Run` tells it; of an accelerator what torch has allocated there, else what the
        kernel's process holds.
    """
    if not device:
        return None
    kind, _, index = device.partition(" ")[0].partition(":")
    if kind == "cuda" and torch.cuda.is_available():
        return int(torch.cuda.memory_allocated(int(index or 0)))
    if kind == "mps" and torch.backends.mps.is_available():
        return int(torch.mps.current_allocated_memory())
    try:
        pages = _STATM.read_text(encoding="ascii").split()[1]
    except OSError:
        return None
    return int(pages) * _PAGE
