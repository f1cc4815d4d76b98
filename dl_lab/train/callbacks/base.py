"""The hooks of a training run, each of which does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dl_lab.train.run import Training


class Callback:
    """Base of all callbacks: override the hooks you need, the others cost nothing.

    Hooks run in the training thread, one at a time. `trainer.stop`, `trainer.pause` and changes of
    `trainer.learning_rate` may be called in them and take effect after the step. What a hook raises
    stops the run in order and names the callback; but trouble with a file (a full disk, a folder
    that is gone, a picture that TensorBoard cannot show) is noted once in ``trainer.notes``, and
    training goes on.

    Attributes
    ----------
    observes
        Whether it only looks on, so that whatever its hooks raise is noted once, and training goes
        on. What `on_start` refuses with an `InputError` does not begin all the same.
    order
        Of the callbacks of a run those with a smaller one are called first; otherwise they are
        called in the order they were given in.

    Examples
    --------
    >>> class Count(Callback):
    ...     steps = 0
    ...
    ...     def on_step_end(self, trainer):
    ...         self.steps += 1
    """

    observes: bool = False
    order: int = 0

    def on_start(self, trainer: Training) -> None:
        """Do something when a run starts or goes on."""

    def on_stop(self, trainer: Training) -> None:
        """Do something when the run pauses, ends or fails, before that is told."""

    def on_reset(self, trainer: Training) -> None:
        """Do something after the Trainer went back to its beginning or to a checkpoint."""

    def on_epoch_begin(self, trainer: Training) -> None:
        """Do something when the first batch of an epoch has come."""

    def on_epoch_end(self, trainer: Training) -> None:
        """Do something when an epoch is done and its validation recorded."""

    def on_step_begin(self, trainer: Training) -> None:
        """Do something before a step."""

    def on_gradients(self, trainer: Training) -> None:
        """Look at the gradients, unscaled and unclipped, before the weights are updated."""

    def on_step_end(self, trainer: Training) -> None:
        """Do something when a step is done and recorded."""

    def state_dict(self) -> dict[str, Any]:
        """Return what goes into a checkpoint: tensors and plain values."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
