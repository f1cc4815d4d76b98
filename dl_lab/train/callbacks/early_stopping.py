"""Ending a run that gets no better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_lab.errors import InputError, whole
from dl_lab.kept.objects import Kept, put_weights
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.monitor import Monitor

if TYPE_CHECKING:
    from torch import Tensor, nn

    from dl_lab.train.run import Training


class EarlyStopping(Callback):
    """End the run once `monitor` has not improved for `patience` epochs in a row.

    The run is then ``finished`` and ``trainer.message`` says why. Started again, it has
    `patience` epochs anew.

    Parameters
    ----------
    monitor
        A series of the history; one with a row a step counts with the mean of each epoch.
    patience
        How many epochs without an improvement are too many.
    min_delta
        By how much a value must be better than the best to count as an improvement.
    mode
        ``"min"``: smaller is better; ``"max"``: larger; None: as the name of the series says.
    restore_best
        Whether to put the weights and buffers of the best epoch back when it ends the run. They
        are copied at each improvement.

    Raises
    ------
    InputError
        A setting out of range, or a name that does not tell the mode.

    References
    ----------
    L. Prechelt, "Early Stopping - But When?", 1998. https://doi.org/10.1007/3-540-49430-8_3

    Examples
    --------
    >>> from dl_lab import Trainer
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Linear(8, 1)
    >>> adam = torch.optim.Adam(model.parameters(), lr=0.1)
    >>> train, validation = [(torch.randn(16, 8), torch.randn(16, 1)) for _ in range(2)]
    >>> loss = torch.nn.functional.mse_loss
    >>> stopping = EarlyStopping(patience=3, restore_best=True)
    >>> trainer = Trainer(model, loss, adam, train, validation, callbacks=[stopping])
    >>> trainer.fit(epochs=500)
    >>> trainer.state, trainer.epoch - stopping.best_epoch
    ('finished', 3)
    >>> trainer.evaluate()["validation_loss"] == stopping.best
    True
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str | None = None,
        *,
        restore_best: bool = False,
    ) -> None:
        self.patience = whole("patience", patience, 1, 2**32 - 1)
        self.restore_best = restore_best
        self.waited = 0
        """Epochs since the last improvement."""
        self._monitor = Monitor(monitor, mode, min_delta)
        self._stopped = False
        self._weights: dict[str, Tensor] | None = None

    @property
    def best(self) -> float | None:
        """The best value so far."""
        return self._monitor.best

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the best value."""
        return self._monitor.best_epoch

    def on_start(self, trainer: Training) -> None:
        """Have patience anew where it has run out before."""
        self._monitor.check(trainer)
        if self._stopped:
            self._stopped = False
            self.waited = 0

    def on_epoch_end(self, trainer: Training) -> None:
        """Look at the epoch's value, and end the run if it is time."""
        value = self._monitor.read(trainer)
        if value is None:
            return
        if self._monitor.take(value, trainer.epoch):
            self.waited = 0
            if self.restore_best:
                # New tensors each time: states that hold the former ones stay as they are.
                self._weights = Kept({"model": trainer.model}).weights(trainer.model)
            return
        self.waited += 1
        if self.waited >= self.patience:
            self._stop(trainer)

    def _stop(self, trainer: Training) -> None:
        self._stopped = True
        key = "stopped_early"
        if self._weights is not None:
            key = "stopped_early_best"
        note = InputError(
            key,
            epoch=trainer.epoch,
            monitor=self._monitor.name,
            patience=self.waited,
            best=format(self.best, "g") if self.best is not None else "nan",
            best_epoch=self.best_epoch or 0,
        )
        trainer.stop(note=note)

    def on_stop(self, trainer: Training) -> None:
        """Put the best weights back if it was this that ended the run."""
        # Not before: the epoch's end is for others to look at the epoch's own weights.
        if self._stopped and self._weights is not None:
            trainer.call(self._restore, trainer.model).result()

    def _restore(self, model: nn.Module) -> None:
        put_weights(model, self._weights or {})

    def state_dict(self) -> dict[str, Any]:
        """Return the best so far, its weights if they are kept, and how long it has waited."""
        return {
            **self._monitor.state_dict(),
            "waited": self.waited,
            "stopped": self._stopped,
            "weights": self._weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; an empty one is the beginning."""
        self._monitor.load_state_dict(state)
        self.waited = state.get("waited", 0)
        self._stopped = state.get("stopped", False)
        self._weights = state.get("weights")
