"""One step of training by autograd, for any module and any optimizer."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import forward, rows
from dl_lab.train.diagnosis.explain import check_loss, explain
from dl_lab.train.steps.evaluate import CPU, Batch, Data, Loss, measure, numbers
from dl_lab.train.steps.metrics import Metric, Note, tried
from dl_lab.train.steps.precision import Precision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn


class AutogradSteps:
    """Forward, backward and update as PyTorch does them.

    Parameters
    ----------
    model, loss, optimizer
        Any; optimizers that ask for the loss again, such as LBFGS, too.
    metrics
        Measured on the outputs of each step.
    device
        Where the model lies.
    precision
        What to compute in; None for the tensors' own types.
    clip_norm
        The largest norm of the gradient; None for any.
    gradients
        Called when the gradients are there, before clipping and update.
    note
        Told why a metric fails, which then is NaN; None to raise that.
    """

    draws = True
    """Whether a step may draw from the global random state."""
    own = False

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        metrics: Mapping[str, Metric] | None = None,
        device: torch.device = CPU,
        precision: Precision | None = None,
        clip_norm: float | None = None,
        gradients: Callable[[], None] | None = None,
        note: Note | None = None,
    ) -> None:
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._metrics = dict(metrics or {})
        self._device = device
        self._here = device.type == "cpu"
        self._precision = precision or Precision("fp32", device)
        self._clip_norm = clip_norm
        self._gradients = gradients
        self._note = note
        self._simple = (
            not self._metrics and self._precision.plain and clip_norm is None and gradients is None
        )
        self._asks = _asks_again(optimizer)
        self._unchecked = True
        self.measured: list[Tensor | float] = []
        """Each metric on the last step's batch, in the order given."""
        self.attach(None)
        if self._asks and self._precision.scaler is not None:
            raise InputError("closure_scaled", optimizer=type(optimizer).__name__)

    def attach(self, train: Data) -> None:
        """Make ready for an epoch."""
        del train
        optimizer = self._optimizer
        self._zero_grad = (
            None
            if type(optimizer).zero_grad is Optimizer.zero_grad
            and "zero_grad" not in vars(optimizer)
            else optimizer.zero_grad
        )
        self._lean = self._simple and not self._asks
        self._unchecked = True

    def step(self, inputs: Any, targets: Any, *, measure: bool) -> float | Tensor:  # noqa: ANN401  # any structure
        """Do one update; return the loss before it. It is measured in any case.

        On an accelerator it stays there, as a 0-d tensor.
        """
        del measure
        if not self._lean:
            return self.step_group([(inputs, targets)])
        where, outputs, loss = "forward", None, None
        try:
            self._clear()
            if type(inputs) is Tensor:
                outputs = self._model(inputs)
            else:
                outputs = forward(self._model, inputs)
            where = "loss"
            loss = self._loss(outputs, targets)
            if self._unchecked:
                check_loss(loss, outputs, targets, self._loss)
                self._unchecked = False
            where = "backward"
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            where = "update"
            self._optimizer.step()
        except InputError:
            raise
        except Exception as error:
            raise self._explained(error, where, inputs, outputs, targets, loss) from error
        return loss.item() if self._here else loss.detach()

    def step_group(self, batches: list[Batch]) -> float | Tensor:
        """Do one update by the mean loss over the rows of all batches; return it."""
        counts = [rows(targets) for _, targets in batches]
        shares = [count / max(1, sum(counts)) for count in counts]
        losses: list[float | Tensor] = []
        first: list[list[Tensor | float]] = []

        def closure() -> Tensor:
            self._clear()
            again = bool(losses)
            total: Tensor | None = None
            for batch, share in zip(batches, shares, strict=True):
                loss, metrics = self._pass(*batch, share)
                part = loss if share == 1 else loss * share
                total = part if total is None else total + part
                if not again:
                    first.append(metrics)
            if not again:
                losses.append(cast("Tensor", total).item() if self._here else cast("Tensor", total))
            self._finish(again=again)
            return cast("Tensor", total)

        try:
            self._update(closure)
        except InputError:
            raise
        except Exception as error:
            raise self._explained(error, "update", *batches[0], None, None) from error
        self.measured = (
            first[0]
            if len(first) == 1
            else [
                sum(value * share for value, share in zip(column, shares, strict=True))
                for column in zip(*first, strict=True)
            ]
        )
        return losses[0]

    def _update(self, closure: Callable[[], Tensor]) -> None:
        scaler, optimizer = self._precision.scaler, self._optimizer
        if self._asks:
            called = False

            def noting() -> Tensor:
                nonlocal called
                called = True
                return closure()

            self._clear()
            # torch types the closure's loss as a float and passes on the tensor that it gets.
            optimizer.step(cast("Callable[[], float]", noting))
            if called:
                return
            # It takes a closure, as all do, and has no use for it.
            self._asks = False
        closure()
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()

    def _clear(self) -> None:
        if self._zero_grad is not None:
            self._zero_grad()
            return
        # What Optimizer.zero_grad does, without its 10 µs of book-keeping.
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _pass(
        self,
        inputs: Any,  # noqa: ANN401  # any structure
        targets: Any,  # noqa: ANN401  # any structure
        share: float,
    ) -> tuple[Tensor, list[Tensor | float]]:
        """Add one batch's share to the gradients; return its loss and its metrics."""
        where, outputs, loss = "forward", None, None
        try:
            with torch.enable_grad():
                with self._precision.context():
                    outputs = forward(self._model, inputs)
                    where = "loss"
                    loss = self._loss(outputs, targets)
                if self._unchecked:
                    check_loss(loss, outputs, targets, self._loss)
                where = "backward"
                scaler = self._precision.scaler
                part = loss if share == 1 else loss * share
                (part if scaler is None else scaler.scale(part)).backward()  # type: ignore[no-untyped-call]  # torch has no types here
            self._unchecked = False
            with torch.no_grad():
                values = [
                    tried(name, metric, outputs, targets, self._note)
                    for name, metric in self._metrics.items()
                ]
            return loss.detach(), [*numbers(values)] if self._here else values
        except InputError:
            raise
        except Exception as error:
            raise self._explained(error, where, inputs, outputs, targets, loss) from error

    def _finish(self, *, again: bool) -> None:
        if self._precision.scaler is not None:
            self._precision.scaler.unscale_(self._optimizer)
        if self._gradients is not None and not again:
            self._gradients()
        if self._clip_norm is not None:
            clip_grad_norm_(
                [one for group in self._optimizer.param_groups for one in group["params"]],
                self._clip_norm,
            )

    def _explained(
        self,
        error: Exception,
        where: str,
        inputs: Any,  # noqa: ANN401  # any structure
        outputs: Any,  # noqa: ANN401  # any structure
        targets: Any,  # noqa: ANN401  # any structure
        loss: object,
    ) -> InputError:
        if where == "backward":
            try:
                check_loss(loss, outputs, targets)
            except InputError as sentence:
                return sentence
        return explain(
            error,
            model=self._model,
            loss=self._loss,
            inputs=inputs,
            outputs=outputs,
            targets=targets,
            where=where,
        )

    def tensors(self) -> list[Tensor]:
        """Return all that a step changes in the model."""
        return [*self._model.parameters(), *self._model.buffers()]

    def finite(self) -> bool:
        """Whether every parameter is a finite number."""
        finite = [parameter.isfinite().all() for parameter in self._model.parameters()]
        return all(numbers([*finite]))

    def evaluate(self, data: Data) -> float:
        """Return the mean loss on `data`, leaving no trace."""
        return self.measure(data)["loss"]

    def measure(self, data: Data) -> dict[str, float]:
        """Return the mean loss and the mean of each metric on `data`, leaving no trace."""
        measures: dict[str, Metric] = {"loss": self._loss, **self._metrics}
        return measure(
            self._model,
            measures,
            data,
            device=self._device,
            precision=self._precision,
            note=self._note,
        )


def _asks_again(optimizer: Optimizer) -> bool:
    """Whether the optimizer may want to compute the loss itself; most of torch's do not."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is None:
        return False
    known = type(optimizer).__module__.startswith(("torch.optim.", "dl_lab."))
    return closure.default is inspect.Parameter.empty or not known
