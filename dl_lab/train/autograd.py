"""One step of training by autograd, for any module and any optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dl_lab.train.evaluate import Data, Loss, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn
    from torch.optim import Optimizer


class AutogradSteps:
    """Forward, backward and update as PyTorch does them.

    Parameters
    ----------
    model, loss, optimizer
        Any; optimizers that ask for the loss again, such as LBFGS, too.
    """

    draws = True
    """Whether a step may draw from the global random state."""

    def __init__(self, model: nn.Module, loss: Loss, optimizer: Optimizer) -> None:
        self._model = model
        self._loss = loss
        self._optimizer = optimizer

    def step(self, inputs: Tensor, targets: Tensor, *, measure: bool) -> float | None:
        """Do one update; return the loss before it. It is measured in any case."""
        del measure

        def closure() -> Tensor:
            self._optimizer.zero_grad()
            loss = self._loss(self._model(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            return loss

        # torch types the closure's loss as a float and passes on the tensor that it gets.
        loss = cast("Tensor", self._optimizer.step(cast("Callable[[], float]", closure)))
        return loss.item()

    def attach(self, train: Data) -> None:
        """Make ready for an epoch; nothing to do here."""

    def tensors(self) -> list[Tensor]:
        """Return all that a step changes in the model."""
        return [*self._model.parameters(), *self._model.buffers()]

    def finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return all(bool(parameter.isfinite().all()) for parameter in self._model.parameters())

    def evaluate(self, data: Data) -> float:
        """Return the mean loss on `data`, leaving no trace."""
        return evaluate(self._model, self._loss, data)
