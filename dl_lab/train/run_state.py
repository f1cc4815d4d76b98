"""A run's data, counts and history, and how to copy them and bring them back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from dl_lab.errors import InputError
from dl_lab.kept.draws import may_draw_from
from dl_lab.kept.objects import Kept
from dl_lab.train.batches.epoch import Feed
from dl_lab.train.batches.loaders import check_data
from dl_lab.train.callbacks.dispatch import Hooks
from dl_lab.train.checkpoint.rewind import Checkpoints
from dl_lab.train.checkpoint.state import (
    Place,
    arrays,
    check_mapping,
    check_structure,
    copied,
    or_structure,
    pack,
    unpack,
)
from dl_lab.train.dense.steps import DenseSteps
from dl_lab.train.history.history import History
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
from dl_lab.train.steps.stages import StageClock
from dl_lab.train.steps.upcoming import Upcoming

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    import numpy.typing as npt
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
        self.clock = StageClock(device)
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
        self.loss: Loss | None = None if isinstance(loss, OwnSteps) else loss
        self._first = self.objects()
        self._good = self.objects()
        self.good_epoch = 0
        """The epoch of the weights that `keep` took."""
        self.draws = True
        """Whether steps may draw random numbers, as far as that is known."""
        self._in_step = False
        self._choose()
        self._awaited: Mapping[str, Any] | None = None
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
            found, self._awaited = self.feed.read(self._awaited), None
            self._find_place(found)

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

    def objects(self, away: torch.device | None = None) -> Kept:
        """Copy what the model, the loss, the metrics and the optimizer hold, and what callbacks do.

        Parameters
        ----------
        away
            Where the copies lie; None for where the tensors are.
        """
        return Kept(self._roots(), away=away)

    def _roots(self) -> dict[str, object]:
        metrics = {f"metrics/{name}": metric for name, metric in self.metrics.items()}
        computes = {"model": self.model, "loss": self._own.function if self._own else self.loss}
        optimizers = {
            f"optimizer/{name}" if name else "optimizer": part
            for name, part in parts_of(self.optimizer).items()
        }
        return {**computes, **metrics, **optimizers, **self.hooks.parts}

    def find_draws(self) -> None:
        """Find out whose random numbers are drawn from, before a run."""
        if self.engine is self._dense:
            self.stream.use(may_draw_from(self.feed.loader))
            return
        self.stream.use(may_draw_from(self.feed.loader, *self._roots().values()))

    def _choose(self) -> None:
        """Take the fast path if it computes the same as autograd, else what does any step."""
        self.engine.timing = None  # it may come back much later
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

    def upcoming(self) -> Upcoming | None:
        """Return the batch of the next step, where there is one and its loss is known."""
        batch = self.feed.batch
        if batch is None or self.loss is None:
            return None
        return Upcoming(batch, self.loss, self.precision)

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
        tensors = self.engine.tensors()
        if tensors is not None:
            memory = [one for state in self.optimizer.state.values() for one in state.values()]
            tensors += [one for one in memory if isinstance(one, Tensor)]
        if tensors is not None and self._good.knows(tensors):
            self._good.again(tensors)
        else:
            self._good = self.objects()
        self.good_epoch = self.epoch

    def restore_good(self) -> None:
        """Go back to the last good weights."""
        self._good.put_back(settings=False)

    def mark_beginning(self) -> None:
        """Make the present state the first checkpoint, and forget the others."""
        self.checkpoints.begin(self.place)

    def begin_with_settings(self) -> None:
        """Make what a person has set since it was made a part of the beginning."""
        present = self.objects()
        present.take_weights(self._first)
        self._first = present
        self.mark_beginning()

    def mark_epoch(self) -> None:
        """Make a checkpoint of the present state, at an epoch's end."""
        self.checkpoints.add(self.epoch, self.steps, self.place)

    def begin(self, *, from_here: bool) -> None:
        """Go back to the first weights, or make the present ones the first; start counting anew."""
        self.between_steps("reset")
        self._first.check()
        present = self.objects() if from_here else None
        with self._or_as_before():
            self._first.put_back(settings=False)
            if present is not None:
                self._first.take_weights(present)
                self._first.put_back(settings=False)
            self._first = self.objects()
            self.stream.restart()
            self.feed.restart()
            self.hooks.reset()
            if self._own is not None:
                self._own.load_state_dict(self._own.first)
            self.refresh()
        self.epoch = self.steps = 0
        self.last_epoch = self.last_step = self.message = None
        self.keep()
        self.notes.clear()
        self.recorder.clear()
        self.recorder.begin_epoch()
        self.record_losses()
        self.mark_beginning()
        self.hooks.run("on_reset")

    def rewind(self, step: int) -> None:
        """Go back to a kept checkpoint; what was recorded later is dropped."""
        self.between_steps("rewind")
        place: Place = self.checkpoints.look(step)
        place.objects.check()
        with self._or_as_before():
            self._restore(place)
        self.keep()
        self.checkpoints.go_back(step)
        self.last_epoch = self.last_step = self.message = None
        self.recorder.go_back(self.epoch, self.steps)
        self.hooks.run("on_reset")

    def weights_at(self, step: int) -> dict[str, Tensor]:
        """Return parameters and buffers as they were at a kept checkpoint, by their names."""
        kept: Kept = self.checkpoints.look(step).objects
        return kept.weights(self.model)

    def place(self) -> Place:
        """Copy all that steps change, and where the data stand."""
        return Place(
            epoch=self.epoch,
            steps=self.steps,
            objects=self.objects(away=_CPU),
            scaler=self.precision.state_dict(),
            callbacks=copied(self.hooks.state_dict()),
            first=self.stream.first,
            now=self.stream.state,
            own=None if self._own is None else self._own.state_dict(),
            own_first=None if self._own is None else self._own.first,
            feed=None if self._awaited is not None else self.feed.state_dict(),
            awaited=self._awaited,
        )

    def state_dict(self) -> dict[str, Any]:
        """Copy everything: the run can go on from it as if nothing had been."""
        if self._in_step or (self._own is not None and self._own.running):
            raise InputError("within_step")
        self.recorder.flush()
        place = self.place()
        place.objects.check()
        # Between epochs the weights themselves are the last good ones.
        good = self._good if self.feed.open else None
        feed = place.awaited if place.feed is None else self.feed.written(place.feed)
        return {
            **pack(place, self._first, good, feed),
            "good_epoch": self.good_epoch,
            "last_epoch": self.last_epoch,
            "recorder": self.recorder.state_dict(),
            "history": self.history.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned: all of it, or nothing is changed."""
        self.between_steps("load_state_dict")
        check_mapping(state)
        if (state.get("own") is None) is not (self._own is None):
            raise InputError("own_step_state" if self._own is None else "own_step_none")
        with or_structure():
            state = arrays(state)
        check_structure(state)
        roots = self._roots()
        with or_structure():
            found, first, good = unpack(
                state, roots, first=self._first, device=self.device, stream=self.stream
            )
            if self.feed.data is not None:
                found.feed, found.awaited = self.feed.read(state["feed"]), None
            series = History.read(state["history"])
            sums = self.recorder.read(state["recorder"])
        with self._or_as_before():
            self._restore(found)
        self._first = first
        if good is None:
            self.keep()
        else:
            self._good = good
        self.recorder.clear()
        self.good_epoch = state["good_epoch"]
        self.last_epoch, self.last_step, self.message = state["last_epoch"], None, None
        self.history.take(series)
        self.recorder.take(sums)
        self.checkpoints.clear()
        if self.checkpoints.most and not self.feed.open:
            self.mark_epoch()
        self.hooks.run("on_reset")

    @contextlib.contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """Put everything back where not all of it could be done."""
        before, first = self.place(), self._first
        try:
            with or_structure(), self.feed.or_as_before():
                yield
        except BaseException:
            self._restore(replace(before, feed=None))
            self._first = first
            raise

    def _restore(self, place: Place) -> None:
        place.objects.put_back()
        if self._own is not None and place.own is not None:
            self._own.first = place.own_first or self._own.first
            self._own.load_state_dict(place.own)
        self.precision.load_state_dict(place.scaler)
        self.hooks.load_state_dict(copied(place.callbacks))
        self.epoch, self.steps = place.epoch, place.steps
        self.stream.first = self.stream.fitting(place.first)
        self.stream.state = self.stream.fitting(place.now)
        self._awaited = place.awaited
        if place.feed is not None:
            self._find_place(place.feed)
        self.refresh()

    def _find_place(self, state: Mapping[str, Any]) -> None:
        now = self.stream.state
        self.feed.load_state_dict(state, self.epoch)
        self.stream.state = now
        self.draws = True
        if self.feed.open:
            self.set_mode()


_CPU = torch.device("cpu")
