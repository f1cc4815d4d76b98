"""Watching a Hugging Face Trainer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from dl_lab.adapters._watched import HeldRate, begun, logged, numbers, present, renamed
from dl_lab.train.learning_rate import OptimizerRate
from dl_lab.train.watch.run import WatchedRun

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

# What transformers reports about its speed.
_SPEED = ("_runtime", "_per_second", "_time", "total_flos")


class TransformersCallback(TrainerCallback):
    """Record and hold `transformers.Trainer.train`: Pause, Step and Stop work after each step.

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
    A callback is told the loss each ``logging_steps`` only, as the mean since the last time. Set
    ``logging_steps=1`` in the TrainingArguments for a row each step.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import transformers
    >>> class Line(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = torch.nn.Linear(2, 1)
    ...
    ...     def forward(self, x, labels):
    ...         outputs = self.linear(x)
    ...         return {"loss": (outputs - labels).square().mean(), "logits": outputs}
    >>> rows = [{"x": x, "labels": x.sum(0, keepdim=True)} for x in torch.rand(64, 2)]
    >>> watching = TransformersCallback()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     settings = transformers.TrainingArguments(
    ...         folder, num_train_epochs=2, per_device_train_batch_size=16, logging_steps=1,
    ...         lr_scheduler_type="constant", save_strategy="no", report_to=[], use_cpu=True,
    ...         disable_tqdm=True,
    ...     )
    ...     trainer = transformers.Trainer(
    ...         Line(), settings, train_dataset=rows, callbacks=[watching]
    ...     )
    ...     trainer.remove_callback(transformers.PrinterCallback)
    ...     _ = trainer.train()
    >>> watching.run.history
    History(learning_rate[1], train_loss[8], train_grad_norm[8])
    """

    def __init__(self, run: WatchedRun | None = None) -> None:
        self.run = run
        self._offset = 0
        self._rate: HeldRate | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002  # transformers' signature
        **parts: Any,
    ) -> None:
        """Begin the run."""
        left = state.max_steps - state.global_step
        epochs = math.ceil(args.num_train_epochs) if args.max_steps <= 0 else None
        self.run = begun(self.run, parts.get("model"), epochs=epochs, steps=left)
        self._offset = self.run.steps - state.global_step
        # accelerate wraps both; what it wraps is what counts.
        scheduler = parts.get("lr_scheduler")
        optimizer = getattr(parts.get("optimizer"), "optimizer", parts.get("optimizer"))
        if optimizer is not None:
            schedulers = [getattr(scheduler, "scheduler", scheduler)]
            self._rate = HeldRate(OptimizerRate(optimizer, schedulers))
            self.run.attach(optimizer=self._rate)

    def on_step_begin(self, *_: object, **__: object) -> None:
        """Look at the learning rate."""
        if self._rate is not None:
            self._rate.begin_step()

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002  # as above
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Count the step, and wait while the run is paused."""
        steps = state.global_step + self._offset - self._run.steps
        if logged(self._run, {}, steps=steps):
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002  # as above
        state: TrainerState,  # noqa: ARG002  # as above
        control: TrainerControl,  # noqa: ARG002  # as above
        logs: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Record the loss and what else of the training is logged, but for the last summary."""
        logs = dict(logs or {})
        if self.run is None or "train_runtime" in logs:
            return
        for name in ("epoch", "learning_rate", *filter(_is_speed, logs)):
            logs.pop(name, None)
        self.run.record(**numbers(self.run, renamed(logs, "train", of=("train",))))

    def on_evaluate(
        self,
        args: TrainingArguments,  # noqa: ARG002  # as above
        state: TrainerState,  # noqa: ARG002  # as above
        control: TrainerControl,  # noqa: ARG002  # as above
        metrics: dict[str, Any] | None = None,
        **_: object,
    ) -> None:
        """Record what an evaluation gave."""
        if self.run is not None:
            values = renamed(metrics or {}, "other", of=("validation",), but=_is_speed)
            self.run.record(**numbers(self.run, values))

    def on_epoch_end(self, *_: object, **__: object) -> None:
        """Mark the epoch."""
        self._run.epoch_end()

    def on_train_end(self, *_: object, **__: object) -> None:
        """End the run."""
        self._run.end()

    @property
    def _run(self) -> WatchedRun:
        return present(self.run)


def _is_speed(name: str) -> bool:
    return name.endswith(_SPEED)
