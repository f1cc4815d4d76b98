"""A table of the epochs that other programs read while training runs."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from typing import TYPE_CHECKING

from dl_lab import paths
from dl_lab.errors import InputError
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.monitor import epoch_value
from dl_lab.train.checkpoint.atomic_write import write_atomically

if TYPE_CHECKING:
    from dl_lab.train.run import Training

_FIRST = ("epoch", "step", "seconds")


class CSVLogger(Callback):
    """Add one line an epoch to a CSV file: epoch, step, seconds, and every recorded series.

    A series with a row a step counts with the mean of the epoch, the learning rate with its last
    value. Every step losslessly: ``trainer.history.to_csv``. What could not be written, for want of
    room, is written with the next epoch. A run that was loaded goes on with
    the lines up to its epoch; a new one begins the file anew.

    Parameters
    ----------
    path
        Of the file; its folder is made where it is missing. ``~`` is your home.

    Raises
    ------
    InputError
        `path` is not the path of a file here.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from dl_lab import Trainer
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> data, loss = (torch.ones(4, 2), torch.ones(4, 1)), torch.nn.functional.mse_loss
    >>> trainer = Trainer(model, loss, sgd, data, data, callbacks=[CSVLogger(path)])
    >>> trainer.fit(epochs=2)
    >>> lines = path.read_text().splitlines()
    >>> len(lines), lines[0].startswith("epoch,step,seconds,"), lines[2].startswith("2,2,")
    (3, True, True)
    """

    observes = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = paths.file("path", path)
        self._columns: list[str] = []
        self._rows: list[dict[str, str]] = []
        self._trainer: Training | None = None
        # Whether the file lacks rows that could not be written.
        self._behind = False

    def on_start(self, trainer: Training) -> None:
        """Begin the file, or find the place in it to go on from."""
        if self._trainer is not trainer:
            self._trainer = trainer
            self._read()
            self.on_reset(trainer)
        elif self._behind:
            self._write()

    def on_reset(self, trainer: Training) -> None:
        """Drop the lines of epochs that are no longer done."""
        if self._trainer is trainer:
            self._rows = [row for row in self._rows if int(row["epoch"]) <= trainer.epoch]
            self._columns = list(_FIRST)
            self._widen()
            self._write()

    def on_epoch_end(self, trainer: Training) -> None:
        """Add the epoch's line."""
        history = trainer.history
        row = {
            "epoch": str(trainer.epoch),
            "step": str(trainer.steps),
            "seconds": format(history.seconds(), ".3f"),
        }
        for name in history:
            if history.kind(name).group == "rate":
                row[name] = repr(float(history[name].values[-1]))
            else:
                value = epoch_value(trainer, name)
                row[name] = "" if value is None else repr(value)
        self._rows.append(row)
        behind, self._behind = self._behind, True
        if self._widen() or behind or not self.path.exists():
            self._write()
            return
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, self._columns, restval="").writerow(row)
            self._behind = False
        except OSError as error:
            detail = error.strerror or error
            raise InputError("not_written", path=self.path, detail=detail) from error

    def _widen(self) -> bool:
        """Take in the series that are new; return whether there are any."""
        known = len(self._columns)
        for row in self._rows:
            self._columns += [name for name in row if name not in self._columns]
        return len(self._columns) > known

    def _write(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns, restval="")
        writer.writeheader()
        writer.writerows(self._rows)
        self._behind = True
        write_atomically(self.path, lambda file: file.write(text.getvalue().encode()))
        self._behind = False

    def _read(self) -> None:
        """Take the lines of an earlier process."""
        self._rows = []
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("foreign_table", path=self.path) from error
        # The last line may be cut short, which shows only by its end.
        whole = text[: text.rfind("\n") + 1]
        try:
            begins = tuple(next(csv.reader(text.splitlines()), ()))[: len(_FIRST)]
            lines = [*csv.DictReader(io.StringIO(whole, newline=""))]
        except csv.Error as error:
            raise InputError("foreign_table", path=self.path) from error
        if text and begins != _FIRST:
            raise InputError("foreign_table", path=self.path)
        for line in lines:
            with contextlib.suppress(ValueError):
                int(line["epoch"])
                self._rows.append({name: text or "" for name, text in line.items() if name})
