"""Watching a Lightning module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback

from dl_lab.adapters._watched import HeldRate, begun, logged, numbers, present, renamed
from dl_lab.train.learning_rate import OptimizerRate
from dl_lab.train.watch.run import WatchedRun

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer


class LightningCallback(Callback):
    """Record and hold `lightning.Trainer.fit`: Pause, Step and Stop take effect after each step.

    Parameters
    ----------
    run
        What to record into. None makes one, which shows its plot in a notebook.

    Attributes
    ----------
    run
        The `WatchedRun`, once training has begun.

    Notes
    -----
    ``train_loss`` is what ``training_step`` returns, one row for each update of the weights: the
    mean over its batches where ``accumulate_grad_batches`` makes them several. What the module
    logs as ``val_…`` is recorded after each validation, the rest of ``train_…`` at the end of each
    epoch.

    Examples
    --------
    >>> import lightning, torch
    >>> class Line(lightning.LightningModule):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = torch.nn.Linear(2, 1)
    ...
    ...     def training_step(self, batch, index):
    ...         return (self.linear(batch) - batch.sum(1, keepdim=True)).square().mean()
    ...
    ...     def configure_optimizers(self):
    ...         return torch.optim.SGD(self.parameters(), lr=0.1)
    >>> batches = torch.utils.data.DataLoader(torch.rand(64, 2), batch_size=16)
    >>> watching = LightningCallback()
    >>> quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False,
    ...              enable_model_summary=False)
    >>> trainer = lightning.Trainer(
    ...     max_epochs=2, callbacks=[watching], accelerator="cpu", **quiet)
    >>> trainer.fit(Line(), batches)
    >>> watching.run.history
    History(train_loss[8], learning_rate[1])
    """

    def __init__(self, run: WatchedRun | None = None) -> None:
        self.run = run
        self._updates = 0
        self._losses: list[Any] = []
        self._rate: HeldRate | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the run."""
        epochs = None if trainer.max_epochs is None else trainer.max_epochs - trainer.current_epoch
        self.run = begun(self.run, pl_module, epochs=epochs, steps=trainer.max_steps)
        self._updates = trainer.global_step
        self._losses = []
        if trainer.optimizers:
            schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
            self._rate = HeldRate(OptimizerRate(trainer.optimizers[0], schedulers))
            self.run.attach(optimizer=self._rate)

    def on_train_batch_start(
        self,
        trainer: Trainer,  # noqa: ARG002  # Lightning's signature
        pl_module: LightningModule,  # noqa: ARG002  # as above
        batch: object,  # noqa: ARG002  # as above
        batch_idx: int,  # noqa: ARG002  # as above
    ) -> None:
        """Look at the learning rate."""
        if self._rate is not None:
            self._rate.begin_step()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: object,  # noqa: ARG002  # as above
        batch_idx: int,  # noqa: ARG002  # as above
    ) -> None:
        """Log a step once its weights are updated, and wait while the run is paused."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is not None:
            # Lightning has divided it by the batches of a full step, which an epoch's last may not
            # have; in manual optimization it has not.
            batches = trainer.accumulate_grad_batches if pl_module.automatic_optimization else 1
            self._losses.append(loss.detach() * batches)
        if trainer.global_step == self._updates:
            return
        self._updates = trainer.global_step
        values = {"train_loss": sum(self._losses) / len(self._losses)} if self._losses else {}
        self._losses = []
        if logged(self._run, values):
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Record what the validation gave."""
        if self.run is not None and not trainer.sanity_checking and trainer.state.fn == "fit":
            values = renamed(trainer.callback_metrics, "other", of=("validation",))
            self.run.record(**numbers(self.run, values))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Record what the module logged of the epoch."""
        values = {
            name.removesuffix("_epoch"): value
            for name, value in trainer.callback_metrics.items()
            if not name.endswith("_step")
        }
        values = renamed(values, "other", of=("train",))
        values.pop("train_loss", None)
        self._run.epoch_end(**numbers(self._run, values))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """End the run."""
        self._run.end()

    def on_exception(
        self,
        trainer: Trainer,  # noqa: ARG002  # Lightning's signature
        pl_module: LightningModule,  # noqa: ARG002  # as above
        exception: BaseException,
    ) -> None:
        """End the run as failed or interrupted."""
        if self.run is not None:
            self.run.end(exception)

    @property
    def _run(self) -> WatchedRun:
        return present(self.run)
