"""What does a run's steps: autograd, or something that computes the same faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from torch import Tensor

if TYPE_CHECKING:
    from dl_lab.train.steps.evaluate import Batch, Data
    from dl_lab.train.steps.observed import Count
    from dl_lab.train.steps.stages import StageClock

Measured: TypeAlias = Tensor | float | Mapping[str, Tensor | float] | None
"""A step's loss, or several numbers by name."""


class Engine(Protocol):
    """What does a step: forward, backward and update."""

    draws: bool
    """Whether a step may draw from the global random state."""
    own: bool
    """Whether the step is a person's own: it sets the models' modes, and may draw at any time."""
    timing: StageClock | None
    """What measures the stages of the step to come; None: nothing does."""
    measured: list[Tensor | float]
    """Each metric on the last step's batches, in the order given."""
    unlabelled: bool
    """Whether to the loss none of the last step's targets counted, as far as that is known."""

    @property
    def counts(self) -> Sequence[Count]:
        """What loss and metrics of the last step stand for, where that was asked for."""

    def attach(self, train: Data) -> None:
        """Make ready for an epoch whose batches come from `train`."""

    def step(self, inputs: Any, targets: Any, *, measure: bool) -> Measured:  # noqa: ANN401  # any structure
        """Do one update; return the loss before it, which may be None unless `measure`."""

    def step_group(self, batches: list[Batch]) -> float | Tensor:
        """Do one update by the loss of all batches as if they were one; return it."""

    def evaluate(self, data: Data) -> float:
        """Return the mean loss on `data`, leaving no trace."""

    def measure(self, data: Data) -> dict[str, float]:
        """Return the mean ``loss`` on `data` and each metric by its name, leaving no trace."""

    def tensors(self) -> list[Tensor] | None:
        """Return all that a step changes in the model; None where nobody knows."""

    def finite(self) -> bool:
        """Whether every parameter is a finite number."""
