"""A run on the disk: the best weights, and all that it takes to go on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dl_lab import paths
from dl_lab.errors import InputError, whole
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.monitor import Monitor
from dl_lab.train.checkpoint.file import save_weights

if TYPE_CHECKING:
    from dl_lab.train.run import Training

_MOST = 2**32 - 1


class ModelCheckpoint(Callback):
    """Keep two files up to date: ``best.safetensors`` and ``last.pt``.

    ``last.pt`` is what ``trainer.save`` writes, and ``Trainer.load(folder / "last.pt", model)``
    goes on from there exactly, after a crash of the kernel too. ``best.safetensors`` holds the
    weights of the best epoch: ``safetensors.torch.load_model(model, folder / "best.safetensors")``.
    Both are written atomically, in the training thread, after the other callbacks have done their
    part of the step or epoch. Where that fails, as on a full disk, training goes on with a note.

    Parameters
    ----------
    folder
        Made where it is missing; ``~`` is your home. Files of an earlier run in it are replaced.
    monitor
        The series whose best epoch is kept; None for ``last.pt`` alone.
    mode
        ``"min"``: smaller is better; ``"max"``: larger; None: as the name of the series says.
    every_epochs, every_steps
        How often ``last.pt`` is written; None for not after epochs, or steps. It is written when
        the run stops besides.

    Raises
    ------
    InputError
        `folder` is not the path of a folder here, a setting is out of range, or the name does not
        tell the mode.

    Examples
    --------
    >>> import tempfile
    >>> from dl_lab import Trainer
    >>> from safetensors.torch import load_model
    >>> model = torch.nn.Linear(2, 1)
    >>> data, loss = (torch.ones(4, 2), torch.ones(4, 1)), torch.nn.functional.mse_loss
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> kept = ModelCheckpoint(tempfile.mkdtemp())
    >>> trainer = Trainer(model, loss, sgd, data, data, callbacks=[kept])
    >>> trainer.fit(epochs=3)
    >>> Trainer.load(kept.last, torch.nn.Linear(2, 1)).epoch
    3
    >>> load_model(torch.nn.Linear(2, 1), kept.best)
    (set(), [])
    """

    order = 1

    def __init__(
        self,
        folder: str | os.PathLike[str],
        monitor: str | None = "validation_loss",
        mode: str | None = None,
        *,
        every_epochs: int | None = 1,
        every_steps: int | None = None,
    ) -> None:
        self.folder = paths.folder("folder", folder)
        self._monitor = None if monitor is None else Monitor(monitor, mode)
        self._epochs, self._steps = (
            None if every is None else whole(name, every, 1, _MOST)
            for name, every in (("every_epochs", every_epochs), ("every_steps", every_steps))
        )
        self._saved: tuple[int, int] | None = None

    @property
    def best(self) -> Path:
        """The file of the best epoch's weights."""
        return self.folder / "best.safetensors"

    @property
    def last(self) -> Path:
        """The file to go on from."""
        return self.folder / "last.pt"

    def on_start(self, trainer: Training) -> None:
        """Refuse a series that cannot come."""
        if self._monitor is not None:
            self._monitor.check(trainer)

    def on_step_end(self, trainer: Training) -> None:
        """Write ``last.pt``, if it is time."""
        if self._steps is not None and not trainer.steps % self._steps:
            self._save(trainer)

    def on_epoch_end(self, trainer: Training) -> None:
        """Write what it is time for."""
        monitor = self._monitor
        if monitor is not None:
            value = monitor.read(trainer)
            before = monitor.state_dict()
            if value is not None and monitor.take(value, trainer.epoch):
                notes = {"epoch": trainer.epoch, "step": trainer.steps, monitor.name: value}
                try:
                    save_weights(self.best, trainer.model, **notes)
                except InputError:
                    # The file still holds the best epoch before.
                    monitor.load_state_dict(before)
                    raise
        if self._epochs is not None and not trainer.epoch % self._epochs:
            self._save(trainer)

    def on_stop(self, trainer: Training) -> None:
        """Write ``last.pt``."""
        self._save(trainer)

    def _save(self, trainer: Training) -> None:
        trainer.save(self.last)

    def state_dict(self) -> dict[str, Any]:
        """Return the best so far."""
        return {} if self._monitor is None else self._monitor.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; an empty one is the beginning."""
        if self._monitor is not None:
            self._monitor.load_state_dict(state)
