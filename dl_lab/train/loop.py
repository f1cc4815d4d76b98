"""The training loop itself: what one step is, what an epoch ends with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from torch.nn.utils import parameters_to_vector

from dl_lab.errors import InputError
from dl_lab.train.batches.epoch import Feed
from dl_lab.train.batches.loaders import not_finite
from dl_lab.train.diagnosis.explain import explain
from dl_lab.train.learning_rate import learning_rate
from dl_lab.train.run import Progress
from dl_lab.train.run_state import RunState
from dl_lab.train.worker import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from dl_lab.train.steps.evaluate import Batch


_Result = TypeVar("_Result")


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


class Loop(RunState):
    """The steps of a run. It knows no thread: `Trainer` calls it from one at a time."""

    def new_feed(self) -> Feed:
        """Return the training data once more, at an epoch's beginning."""
        return self._feed_of(self.train)

    def try_group(self, group: Sequence[Batch]) -> float:
        """Do a step on these batches without counting or recording it; return its loss."""
        with self.stream:
            loss: float | Tensor | None = (
                self._autograd.step_group(list(group))
                if len(group) > 1
                else self.engine.step(*group[0], measure=True)
            )
        return math.nan if loss is None else float(loss)

    def between(self, function: Callable[[], _Result]) -> _Result:
        """Run someone's function between two steps, and note that it may have changed things."""
        before = self._versions()
        try:
            return function()
        finally:
            self._touched = True
            self._edited = self._edited or self._versions() != before

    def _versions(self) -> list[tuple[int, int]]:
        """Tell apart parameters that were replaced, or written to in place."""
        return [
            (id(parameter), parameter._version)  # noqa: SLF001  # there is no public way to ask
            for parameter in self.model.parameters()
        ]

    def advance(self) -> bool | State:
        """Do one step. Return whether it was an epoch's last, or the state to end in."""
        if self._touched:
            self._settle()
        feed, hooks = self.feed, self.hooks
        if feed.batch is None:
            if feed.open:
                # Its last step was done, and a callback raised or saved the state there.
                return self._close_epoch() or True
            self._open_epoch()
        if hooks.step_begin:
            hooks.run("on_step_begin")
        try:
            if self._draws:
                with self.stream:
                    self._step(feed)
                self._draws = self.stream.drawn
            else:
                self._step(feed)
        except BaseException:
            # The next step begins a new epoch.
            feed.drop()
            raise
        finally:
            if hooks.step_end and self.steps != self._told:
                self._told = self.steps
                hooks.run("on_step_end")
        if self.recorder.spoilt is not None and (state := self._spoilt(self.epoch + 1)):
            return state
        ended = feed.batch is None
        if ended and (state := self._close_epoch()):
            return state
        return State.PAUSED if self.steps == self.last_step else ended

    def _step(self, feed: Feed) -> None:
        batch, recorder, engine = feed.batch, self.recorder, self.engine
        assert batch is not None  # noqa: S101  # `advance` has opened an epoch
        rate = self.optimizer.param_groups[0]["lr"]
        metrics: list[Any] = []
        loss: float | Tensor | None
        if feed.more:
            loss = self._autograd.step_group([batch, *feed.more])
            metrics = self._autograd.measured
        else:
            loss = engine.step(*batch, measure=self._measure)
            if self.metrics:
                metrics = self._autograd.measured
        self.steps = steps = self.steps + 1
        if loss is not None:
            recorder.step(steps, loss, metrics, batch[1])
        recorder.rate(steps, rate)
        try:
            feed.fetch(self.stream.now() if self._draws else self.stream.state)
        except InputError:
            raise
        except Exception as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> InputError:
        return explain(error, model=self.model, loss=self._loss, where="batch")

    def _open_epoch(self) -> None:
        if not self.model.training:
            self.model.train()
        self._choose()
        self.engine.attach(self.train)
        if not self.steps:
            # With what a person has set since it was made.
            self.checkpoints.begin(self._weights_and_place)
        # The first step of an epoch shows whether steps draw random numbers at all.
        self._draws = self.engine.draws
        try:
            self.feed.begin()
        except InputError:
            self.feed.drop()
            raise
        except Exception as error:
            self.feed.drop()
            raise self._explain(error) from error
        self.recorder.begin_epoch()
        self.hooks.run("on_epoch_begin")

    def _close_epoch(self) -> State | None:
        self.recorder.flush()
        if self.recorder.spoilt is not None and (state := self._spoilt(self.epoch + 1)):
            return state
        self.feed.drop()
        self.epoch += 1
        self.recorder.mark(self.steps)
        measured = self._record_losses()
        # A metric may well have no value; a loss must.
        for name in self._measured:
            if not math.isfinite(measured[name]) and self.hooks.stops_on_nan:
                return self._diverge(self.epoch, measured[name])
        if self.hooks.stops_on_nan and not self.engine.finite():
            return self._diverge(self.epoch, math.inf)
        self._keep()
        self.hooks.run("on_epoch_end")
        # After the hooks: schedulers have gone on.
        self.checkpoints.add(self.epoch, self.steps, self._weights_and_place)
        if self.epoch == self.last_epoch:
            self.last_epoch = None
            return State.FINISHED
        return None

    def enter(self) -> None:
        """Tell the callbacks that a run starts or goes on."""
        self.hooks.run("on_start")

    def leave(self) -> None:
        """Complete the history and tell the callbacks that the run is about to end."""
        self.recorder.flush()
        self.hooks.run("on_stop")

    def _settle(self) -> None:
        """Take what was changed from outside for good."""
        self._touched = False
        self.refresh()
        # Only weights set by hand are kept: others may be on their way to infinity.
        if self._edited and self.engine.finite():
            self._keep()
        self._edited = False

    def touch(self) -> None:
        """Note that settings were changed from outside."""
        self._touched = True

    def _spoilt(self, epoch: int) -> State | None:
        value, self.recorder.spoilt = self.recorder.spoilt, None
        if value is None or not self.hooks.stops_on_nan:
            return None
        return self._diverge(epoch, value)

    def _diverge(self, epoch: int, value: float) -> State:
        where = {"value": value, "epoch": epoch, "kept": self._good_epoch}
        rate = format(learning_rate(self.optimizer), "g")
        self.message = InputError("diverged", **where, learning_rate=rate)
        for name, data in {"train": self.train, **self._measured}.items():
            if count := not_finite(data):
                self.message = InputError("not_finite_data", name=name, count=count, **where)
                break
        self.recorder.flush()
        self.recorder.spoilt = None
        self._good.restore()
        self.feed.drop()
        return State.PAUSED

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
