"""A run's data, counts and history, and how to copy them and bring them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from torch.nn.utils import parameters_to_vector

from dl_lab.errors import InputError
from dl_lab.train.batches.epoch import Feed
from dl_lab.train.batches.loaders import check_data
from dl_lab.train.callbacks.dispatch import Hooks
from dl_lab.train.checkpoint.backup import Keep
from dl_lab.train.checkpoint.rewind import Checkpoints
from dl_lab.train.checkpoint.state import (
    VERSION,
    arrays,
    check_state,
    copied,
    model_state,
    optimizer_state,
    restore_model,
    restore_optimizer,
)
from dl_lab.train.dense.steps import DenseSteps
from dl_lab.train.history.named import NamedRecorder
from dl_lab.train.history.recorder import Recorder, measured_name
from dl_lab.train.notes import Notes
from dl_lab.train.run import Progress
from dl_lab.train.steps.autograd import AutogradSteps
from dl_lab.train.steps.engine import Engine
from dl_lab.train.steps.evaluate import MOST_ROWS, Data, Loss
from dl_lab.train.steps.metrics import Metric, forget
from dl_lab.train.steps.own import OwnSteps, check_function
from dl_lab.train.steps.precision import Precision
from dl_lab.train.steps.several import parts_of

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt
    import torch
    from torch import nn
    from torch.optim import Optimizer

    from dl_lab.train.batches.random_stream import RandomStream
    from dl_lab.train.steps.own import Numbers


@dataclass(frozen=True)
class Snapshot:
    """A network between two steps.

    Attributes
    ----------
    epoch, steps
        Epochs and steps done.
    parameters
        f4 [count], a copy of all parameters, flat, in the order of ``model.parameters()``.
    """

    epoch: int
    steps: int
    parameters: npt.NDArray[np.float32]


class RunState:
    """All that a run is made of, between two steps.

    Parameters
    ----------
    model, loss, optimizer, train, validation, device, precision, record, keep
        As for `Trainer`; the model lies on the device. Steps of a person's own stand for the loss.
    metrics
        By name.
    stream
        Where training draws its random numbers.
    hooks
        What to call on the way.
    batch_size, accumulate, clip_norm
        As for `Trainer`.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss | OwnSteps,
        optimizer: Optimizer,
        train: Data | None,
        validation: Data | Mapping[str, Data] | None,
        *,
        metrics: Mapping[str, Metric],
        device: torch.device,
        precision: Precision,
        record: str,
        stream: RandomStream,
        hooks: Hooks,
        batch_size: int | None,
        accumulate: int,
        clip_norm: float | None,
        keep: int,
    ) -> None:
        own = loss if isinstance(loss, OwnSteps) else None
        if own is not None and hooks.gradients:
            raise InputError("own_gradients", callback=hooks.names("on_gradients"))
        self.model = model
        self.optimizer = optimizer
        self.hooks = hooks
        self.device = device
        self.precision = precision
        self.stream = stream
        self.epoch = 0
        self.steps = 0
        self.last_epoch: int | None = None
        self.last_step: int | None = None
        self.message: InputError | None = None
        self.notes = Notes()
        self.metrics = dict(metrics)
        self.recorder = (
            Recorder(record, metrics) if own is None else NamedRecorder(record, parts_of(optimizer))
        )
        self.history = self.recorder.history
        self._batch_size = batch_size
        self._accumulate = accumulate
        self.most_rows = None if batch_size is None else MOST_ROWS
        """Rows of validation tensors that are measured at a time; None for all."""
        self._own = own
        self._autograd: Engine = own or AutogradSteps(
            model,
            cast("Loss", loss),
            optimizer,
            metrics=metrics,
            device=device,
            precision=precision,
            clip_norm=clip_norm,
            gradients=self._tell_gradients if hooks.gradients else None,
            note=self.notes.add,
            counting=record == "epoch",
            most_rows=self.most_rows,
        )
        self._simple = (
            own is None
            and not metrics
            and precision.plain
            and clip_norm is None
            and accumulate == 1
            and device.type == "cpu"
            and not hooks.gradients
        )
        self._dense: DenseSteps | None = None
        self.engine: Engine = self._autograd
        """What does the steps; another one after `refresh`, maybe."""
        self._first = Keep(model, optimizer)
        self._good = Keep(model, optimizer)
        self.good_epoch = 0
        """The epoch of the weights that `keep` took."""
        self.draws = True
        """Whether steps may draw random numbers, as far as that is known."""
        self._in_step = False
        self.loss: Loss | None = None if isinstance(loss, OwnSteps) else loss
        self._choose()
        self._awaited: dict[str, Any] | None = None
        self.take(train, validation)
        self.record_losses()
        self.checkpoints = Checkpoints(keep)
        self.mark_beginning()

    def take(self, train: Data | None, validation: Data | Mapping[str, Data] | None) -> None:
        """Go on with these data from a new epoch on."""
        self.between_steps("set_data")
        feed = self._feed_of(train)
        measured: dict[str, Data] = {}
        if isinstance(validation, Mapping) and self._own is None:
            measured = dict(validation)
        elif self._own is not None:
            if validation is not None:
                check_function("validation", validation)
        elif validation is not None:
            measured = {"validation_loss": validation}
        for name, data in measured.items():
            whole = self.most_rows is None
            check_data(data, "validation" if name == "validation_loss" else name, whole=whole)
        self.recorder.measured(measured)
        self.feed = feed
        forget(self.metrics)
        self.validation = validation
        self.measured = measured
        """The validation data by name."""
        self.measures_steps = self.recorder.series is not None
        """Whether the loss of each step is wanted."""
        if train is not None and self._awaited is not None:
            # A state was loaded before there were data to find its place in.
            state, self._awaited = self._awaited, None
            self._find_place(state)

    def _feed_of(self, train: Data | None) -> Feed:
        return Feed(
            train,
            batch_size=self._batch_size,
            accumulate=self._accumulate,
            device=self.device,
            stream=self.stream,
            whole=self._own is not None,
        )

    def new_feed(self) -> Feed:
        """Return the training data once more, at an epoch's beginning."""
        return self._feed_of(self.train)

    def refresh(self) -> None:
        """Make the engine ready after model or optimizer were written to."""
        self._choose()
        self.engine.attach(self.train)

    def _choose(self) -> None:
        """Take the fast path if it computes the same as autograd, else what does any step."""
        if self._simple and (self._dense is None or not self._dense.fits()):
            self._dense = DenseSteps.match(self.model, cast("Loss", self.loss), self.optimizer)
        self.engine = self._autograd if self._dense is None else self._dense

    @property
    def train(self) -> Data | None:
        """The training data as they were given."""
        return self.feed.data

    def set_mode(self) -> None:
        """Put the model into training mode, unless that is the step's own business."""
        if not self.engine.own and not self.model.training:
            self.model.train()

    def _tell_gradients(self) -> None:
        self._in_step = True
        try:
            self.hooks.run("on_gradients")
        finally:
            self._in_step = False

    def progress(self) -> Progress:
        """Tell how far it is."""
        epoch, steps = self.epoch, self.steps
        last_epoch, last_step = self.last_epoch, self.last_step
        length = self.feed.steps
        if last_step is None and last_epoch is not None and length is not None:
            begun = -(-self.feed.taken // self._accumulate) if self.feed.open else 0
            last_step = steps + (last_epoch - epoch) * length - begun
        return Progress(steps, epoch, last_step, last_epoch, length)

    def snapshot(self) -> Snapshot:
        """Copy all parameters."""
        flat = parameters_to_vector(self.model.parameters()).detach()
        return Snapshot(self.epoch, self.steps, flat.float().cpu().numpy().astype("f4", copy=True))

    def between_steps(self, name: str) -> None:
        """Refuse what a callback's hook or a step of a person's own cannot do.

        Raises
        ------
        InputError
            One runs.
        """
        if self.hooks.running or (self._own is not None and self._own.running):
            raise InputError("within_hook", name=name)

    def record_losses(self) -> dict[str, float]:
        """Measure the validation data and record it for the present epoch."""
        measured = self.losses()
        self.recorder.epoch(self.epoch, self.steps, measured)
        return measured

    def losses(self) -> dict[str, float]:
        """Measure the validation data: the loss under each name, metrics beside it.

        Where steps are a person's own, it is what their function of the validation returns.
        """
        found: dict[str, float] = {}
        if self._own is not None and self.validation is not None:
            found = self._own.validate(cast("Callable[[], Numbers]", self.validation))
        for name, data in self.measured.items():
            for measure, value in self.engine.measure(data).items():
                found[measured_name(name, measure)] = value
        return found

    def keep(self) -> None:
        """Take the present weights for the last good ones."""
        self._good.save(self.engine.tensors())
        self.good_epoch = self.epoch

    def restore_good(self) -> None:
        """Go back to the last good weights."""
        self._good.restore()

    def mark_beginning(self) -> None:
        """Make the present state the first checkpoint, and forget the others."""
        self.checkpoints.begin(self._weights_and_place)

    def mark_epoch(self) -> None:
        """Make a checkpoint of the present state, at an epoch's end."""
        self.checkpoints.add(self.epoch, self.steps, self._weights_and_place)

    def begin(self, *, from_here: bool) -> None:
        """Go back to the first weights, or make the present ones the first; start counting anew."""
        self.between_steps("reset")
        self._first.restore(weights=not from_here)
        self._first.save()
        if self._own is not None:
            self._own.load_state_dict(self._own.first)
        self.epoch = self.steps = 0
        self.last_epoch = self.last_step = self.message = None
        self.keep()
        self.stream.restart()
        self.feed.restart()
        self.notes.clear()
        self.recorder.clear()
        self.recorder.begin_epoch()
        self.hooks.reset()
        self.record_losses()
        self.mark_beginning()
        self.hooks.run("on_reset")

    def rewind(self, step: int) -> None:
        """Go back to a kept checkpoint; what was recorded later is dropped."""
        self.between_steps("rewind")
        state = self.checkpoints.go_back(step)
        self.last_epoch = self.last_step = self.message = None
        self._restore(state)
        self.recorder.go_back(self.epoch, self.steps)
        self.hooks.run("on_reset")

    def state_dict(self) -> dict[str, Any]:
        """Copy everything: the run can go on from it as if nothing had been."""
        if self._in_step or (self._own is not None and self._own.running):
            raise InputError("within_step")
        self.recorder.flush()
        state = self._weights_and_place()
        return {
            **state,
            "version": VERSION,
            "first": self._first.state_dict(),
            "own_first": None if self._own is None else self._own.first,
            # Between epochs the weights themselves are the last good ones.
            "good": self._good.state_dict() if state["feed"]["open"] else None,
            "good_epoch": self.good_epoch,
            "last_epoch": self.last_epoch,
            "recorder": self.recorder.state_dict(),
            "history": self.history.state_dict(),
        }

    def _weights_and_place(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "model": model_state(self.model),
            "optimizer": optimizer_state(self.model, self.optimizer),
            "own": None if self._own is None else self._own.state_dict(),
            "scaler": self.precision.state_dict(),
            "callbacks": copied(self.hooks.state_dict()),
            "random": {"first": list(self.stream.first), "now": list(self.stream.state)},
            "feed": self.feed.state_dict() if self._awaited is None else self._awaited,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.between_steps("load_state_dict")
        if (state.get("own") is None) is not (self._own is None):
            raise InputError("own_step_state" if self._own is None else "own_step_none")
        check_state(self.model, self.optimizer, state)
        self.recorder.clear()
        self._first.load_state_dict(state["first"])
        if self._own is not None:
            self._own.first = state["own_first"]
        if state["good"] is not None:
            self._good.load_state_dict(state["good"])
        self._restore(state, good=state["good"] is None)
        self.good_epoch = state["good_epoch"]
        self.last_epoch, self.last_step, self.message = state["last_epoch"], None, None
        self.history.load_state_dict(arrays(copied(state["history"])))
        self.recorder.load_state_dict(state["recorder"])
        self.checkpoints.clear()
        if self.checkpoints.most and not self.feed.open:
            self.mark_epoch()
        self.hooks.run("on_reset")

    def _restore(self, state: Mapping[str, Any], *, good: bool = True) -> None:
        restore_model(self.model, state["model"])
        restore_optimizer(self.optimizer, state["optimizer"])
        if self._own is not None:
            self._own.load_state_dict(state["own"])
        self.precision.load_state_dict(state["scaler"])
        self.hooks.load_state_dict(copied(state["callbacks"]))
        self.epoch, self.steps = state["epoch"], state["steps"]
        self.stream.first = self.stream.fitting(state["random"]["first"])
        self.stream.state = self.stream.fitting(state["random"]["now"])
        self._find_place(state["feed"])
        self.refresh()
        if good:
            self.keep()

    def _find_place(self, state: dict[str, Any]) -> None:
        if self.feed.data is None:
            self._awaited = state
            return
        now = self.stream.state
        self.feed.load_state_dict(state)
        self.stream.state = now
        self.draws = True
        if self.feed.open:
            self.set_mode()
