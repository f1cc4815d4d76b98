"""What does a run's steps: autograd, or something that computes the same faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.train.steps.evaluate import Batch, Data


class Engine(Protocol):
    """Forward, backward and update of one model with one optimizer."""

    draws: bool
    """Whether a step may draw from the global random state."""
    measured: list[Tensor | float]
    """Each metric on the last step's batches, in the order given."""

    def attach(self, train: Data) -> None:
        """Make ready for an epoch whose batches come from `train`."""

    def step(self, inputs: Any, targets: Any, *, measure: bool) -> float | Tensor | None:  # noqa: ANN401  # any structure
        """Do one update; return the loss before it, which may be None unless `measure`."""

    def step_group(self, batches: list[Batch]) -> float | Tensor:
        """Do one update by the mean loss over the rows of all batches; return it."""

    def evaluate(self, data: Data) -> float:
        """Return the mean loss on `data`, leaving no trace."""

    def measure(self, data: Data) -> dict[str, float]:
        """Return the mean ``loss`` on `data` and each metric by its name, leaving no trace."""

    def tensors(self) -> list[Tensor]:
        """Return all that a step changes in the model."""

    def finite(self) -> bool:
        """Whether every parameter is a finite number."""
