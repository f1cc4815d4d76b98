"""One step of training by autograd, for any module and any optimizer."""

from __future__ import annotations

import contextlib
import inspect
import math
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import forward
from dl_lab.train.diagnosis.explain import check_loss, explain
from dl_lab.train.steps.evaluate import (
    CPU,
    MOST_ROWS,
    Batch,
    Data,
    Loss,
    all_finite,
    measure,
    numbers,
)
from dl_lab.train.steps.gradients import clip
from dl_lab.train.steps.metrics import Metric, Note, tell, tried, undecided
from dl_lab.train.steps.observed import Count, Observed
from dl_lab.train.steps.precision import Precision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dl_lab.train.steps.stages import StageClock

# Losses weigh by whole numbers or by class weights; less is none.
_LEAST = 1e-12


class _Pass(NamedTuple):
    """What one batch of a step measured, and what loss and metrics stand for."""

    loss: Tensor
    metrics: list[Tensor | float]
    counts: list[Count]


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
    counting
        Whether `counts` are wanted.
    most_rows
        Rows of tensors that are measured at a time; None for all.
    """

    draws = True
    """Whether a step may draw from the global random state."""
    own = False
    timing: StageClock | None = None

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
        counting: bool = False,
        most_rows: int | None = MOST_ROWS,
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
        self._counting = counting
        self._most_rows = most_rows
        self._simple = (
            not self._metrics
            and self._precision.plain
            and clip_norm is None
            and gradients is None
            and not counting
        )
        self._asks = _asks_again(optimizer)
        self._unchecked = True
        self.measured: list[Tensor | float] = []
        """Each metric on the last step's batch, in the order given."""
        self.counts: list[Count] = []
        """What loss and metrics of the last step stand for, where that is wanted."""
        self.unlabelled = False
        """Whether to the loss none of the last step's targets counted, as far as that is known."""
        self._others: list[Tensor] = []
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
        self.unlabelled = False
        ours = {id(one) for group in optimizer.param_groups for one in group["params"]}
        loss = self._loss.parameters() if isinstance(self._loss, nn.Module) else ()
        self._others = [one for one in (*self._model.parameters(), *loss) if id(one) not in ours]

    def step(self, inputs: Any, targets: Any, *, measure: bool) -> float | Tensor:  # noqa: ANN401, C901, PLR0912  # any structure; a check costs less than a call
        """Do one update; return the loss before it. It is measured in any case.

        On an accelerator it stays there, as a 0-d tensor.
        """
        del measure
        if not self._lean:
            return self.step_group([(inputs, targets)])
        where, outputs, loss = "forward", None, None
        timing = self.timing
        try:
            self._clear()
            if timing is not None:
                timing.lap("update")
            if type(inputs) is Tensor:
                outputs = self._model(inputs)
            else:
                outputs = forward(self._model, inputs)
            where = "loss"
            if timing is not None:
                timing.lap("forward")
            loss = self._loss(outputs, targets)
            if self._unchecked:
                check_loss(loss, outputs, targets, self._loss)
                self._unchecked = False
            where = "backward"
            if timing is not None:
                timing.lap("loss")
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            where = "update"
            if timing is not None:
                timing.lap("backward")
            self._optimizer.step()
            if timing is not None:
                timing.lap("update")
        except InputError:
            raise
        except Exception as error:
            raise self._explained(error, where, inputs, outputs, targets, loss) from error
        if not self._here:
            return loss.detach()
        value = loss.item()
        if math.isnan(value):
            self._look_for_labels(outputs, targets)
        return value

    def _look_for_labels(self, outputs: object, targets: object) -> None:
        """Find out whether a loss is NaN for want of targets that count."""
        seen = Observed(None, targets, self._loss)
        seen.made(outputs)
        with torch.no_grad(), seen.entered(self._loss), contextlib.suppress(Exception):
            self.unlabelled = not numbers([seen.count(self._loss(outputs, targets)).of])[0]

    def step_group(self, batches: list[Batch]) -> float | Tensor:
        """Do one update by the loss of all batches as if they were one; return it.

        A mean is that of all targets that count, as far as `Observed` reads how many each batch's
        loss is the mean of; otherwise batches have the weight of their rows. A sum is that of all.
        """
        first: list[_Pass] = []
        alone = len(batches) == 1

        def closure() -> Tensor:
            self._clear()
            again = bool(first)
            passes: list[_Pass] = []
            for batch in batches:
                passes.append(self._pass(*batch, passes, alone=alone))
            if not again:
                first.extend(passes)
            self._finish(_share_of_all(passes), again=again)
            loss = _together([one.loss for one in passes], [one.counts[0] for one in passes])
            return torch.as_tensor(loss)

        try:
            self._update(closure)
            if self.timing is not None:
                self.timing.lap("update")
        except InputError:
            raise
        except Exception as error:
            raise self._explained(error, "update", *batches[0], None, None) from error
        columns = list(zip(*(one.counts for one in first), strict=True))
        self.counts = [_whole(column) for column in columns]
        values = zip(*([one.loss, *one.metrics] for one in first), strict=True)
        loss, *self.measured = map(_together, values, columns)
        if not self._here:
            return loss
        value, *others = numbers([loss, *self.measured])
        self.measured = [*others]
        if math.isnan(value) and not self.counts[0].of:
            self.unlabelled = True
        return value

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
        # Of what the optimizer does not have, gradients would pile up.
        for parameter in self._others:
            parameter.grad = None
        if self._zero_grad is not None:
            self._zero_grad()
            return
        # What Optimizer.zero_grad does, without its 10 µs of book-keeping.
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def _pass(  # noqa: C901  # a check costs less than a call
        self,
        inputs: Any,  # noqa: ANN401  # any structure
        targets: Any,  # noqa: ANN401  # any structure
        before: list[_Pass],
        *,
        alone: bool,
    ) -> _Pass:
        """Add one batch's share to the gradients; return what it measured.

        Shares are told by the first batch of the step, since the others are yet to come: `_finish`
        makes them those of all.
        """
        where, outputs, loss = "forward", None, None
        timing = self.timing
        if timing is not None:
            timing.lap("update")
        try:
            reads = bool(undecided(self._metrics))
            seen = Observed(
                inputs, targets, self._loss, wanted=reads or self._counting or not alone
            )
            with torch.enable_grad():
                with self._precision.context():
                    outputs = seen.forward(self._model, inputs, wanted=reads)
                    where = "loss"
                    if timing is not None:
                        timing.lap("forward")
                    with seen.entered(self._loss):
                        loss = self._loss(outputs, targets)
                if self._unchecked:
                    check_loss(loss, outputs, targets, self._loss)
                where = "backward"
                if timing is not None:
                    timing.lap("loss")
                counts = [self._counted(seen.count(loss))]
                part: Tensor | float = loss
                if not alone and not counts[0].total:
                    first = before[0].counts[0] if before else counts[0]
                    part = _weighted(loss, counts[0].of / _at_least_one(first.of))
                scaler = self._precision.scaler
                if isinstance(part, Tensor):
                    (part if scaler is None else scaler.scale(part)).backward()  # type: ignore[no-untyped-call]  # torch has no types here
            self._unchecked = False
            if timing is not None:
                timing.lap("backward")
            values: list[Tensor | float] = []
            with torch.no_grad():
                tell(self._metrics, seen, here=self._here)
                for name, metric in self._metrics.items():
                    value, count = tried(name, metric, outputs, targets, seen, self._note)
                    values.append(value)
                    counts.append(self._counted(count))
            if self._here and not seen.wanted and math.isnan(loss.item()):
                self._look_for_labels(outputs, targets)
            if timing is not None:
                timing.lap("rest")
            return _Pass(loss.detach(), values, counts)
        except InputError:
            raise
        except Exception as error:
            raise self._explained(error, where, inputs, outputs, targets, loss) from error

    def _counted(self, count: Count) -> Count:
        return Count(float(count.of), count.total) if self._here else count

    def _finish(self, share: Tensor | float | None, *, again: bool) -> None:
        if share is not None:
            # A parameter may have joined the optimizer since the epoch began.
            for parameter in {*self._trained(), *self._others}:
                if parameter.grad is not None:
                    parameter.grad.mul_(share)
        if self._precision.scaler is not None:
            self._precision.scaler.unscale_(self._optimizer)
        if self._gradients is not None and not again:
            self._gradients()
        if self._clip_norm is not None:
            clip(self._trained(), self._clip_norm)

    def _trained(self) -> list[Tensor]:
        return [one for group in self._optimizer.param_groups for one in group["params"]]

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

    def tensors(self) -> list[Tensor] | None:
        """Return None: a model's code and a loss's may change what they like."""
        return None

    def finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return all_finite(self._model.parameters())

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
            most_rows=self._most_rows,
            note=self._note,
        )


def _weighted(value: Tensor | float, weight: Tensor | float) -> Tensor | float:
    """Return the product; 0 where the weight is, whatever the value."""
    if isinstance(weight, Tensor):
        return torch.where(weight > 0, value, 0.0) * weight
    return value * weight if weight else 0.0


def _at_least_one(count: Tensor | float) -> Tensor | float:
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)


def _share_of_all(passes: list[_Pass]) -> Tensor | float | None:
    """Return by what the sum of the passes' gradients is to be multiplied; None for nothing."""
    counts = [one.counts[0] for one in passes]
    if len(counts) == 1 or counts[0].total:
        return None
    whole = sum(count.of for count in counts)
    first = _at_least_one(counts[0].of)
    if isinstance(whole, Tensor):
        return first / whole.clamp(min=_LEAST)
    return first / whole if whole else None


def _together(values: Sequence[Tensor | float], counts: Sequence[Count]) -> Tensor | float:
    """Return the number of all batches of a step; a batch that counts for 0 has none."""
    if len(values) == 1:
        return values[0]
    if all(count.total for count in counts):
        return sum(values)
    parts = [_weighted(value, count.of) for value, count in zip(values, counts, strict=True)]
    whole = sum(count.of for count in counts)
    return sum(parts) / whole if isinstance(whole, Tensor) or whole else math.nan


def _whole(counts: Sequence[Count]) -> Count:
    """Return what the number of all batches stands for."""
    if all(count.total for count in counts):
        return counts[0]
    return Count(sum(count.of for count in counts))


def _asks_again(optimizer: Optimizer) -> bool:
    """Whether the optimizer may want to compute the loss itself; most of torch's do not."""
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is None:
        return False
    known = type(optimizer).__module__.startswith(("torch.optim.", "dl_lab."))
    return closure.default is inspect.Parameter.empty or not known
