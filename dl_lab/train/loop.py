"""The training loop itself: what one step is, what an epoch ends with."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dl_lab.errors import InputError
from dl_lab.train.batches.epoch import Feed
from dl_lab.train.batches.loaders import not_finite
from dl_lab.train.diagnosis.explain import explain
from dl_lab.train.learning_rate import learning_rate
from dl_lab.train.run_state import RunState
from dl_lab.train.worker import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from dl_lab.train.steps.engine import Measured
    from dl_lab.train.steps.evaluate import Batch

_Result = TypeVar("_Result")


class Loop:
    """The steps of a run. It knows no thread: `Trainer` calls it from one at a time.

    Parameters
    ----------
    state
        What the steps change.
    """

    def __init__(self, state: RunState) -> None:
        self.state = state
        self._touched = self._edited = False

    def try_group(self, group: Sequence[Batch]) -> float:
        """Do a step on these batches without counting or recording it; return its loss."""
        engine = self.state.engine
        loss: Measured
        with self.state.stream:
            if len(group) > 1:
                loss = engine.step_group(list(group))
            else:
                loss = engine.step(*group[0], measure=True)
        return math.nan if loss is None else float(cast("Tensor | float", loss))

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
            for parameter in self.state.model.parameters()
        ]

    def advance(self) -> bool | State:
        """Do one step. Return whether it was an epoch's last, or the state to end in."""
        if self._touched:
            self._settle()
        state = self.state
        feed, hooks, before = state.feed, state.hooks, state.steps
        if feed.batch is None:
            if feed.open:
                # Its last step was done, and a callback raised or saved the state there.
                return self._close_epoch() or True
            self._open_epoch()
        if hooks.step_begin:
            self.rest()
            hooks.run("on_step_begin")
        try:
            if state.draws:
                state.stream.enter()
            self._step(feed)
        except BaseException:
            self.rest()
            # The next step begins a new epoch.
            feed.drop()
            raise
        finally:
            if hooks.step_end and state.steps != before:
                self.rest()
                hooks.run("on_step_end")
        if state.recorder.spoilt is not None and (ending := self._spoilt(state.epoch + 1)):
            return ending
        ended = feed.batch is None
        if ended and (ending := self._close_epoch()):
            return ending
        return State.PAUSED if state.steps == state.last_step else ended

    def _time_step(self, batch: object) -> None:
        """Measure the step to come, if anybody looks on and it is its turn."""
        clock, engine = self.state.clock, self.state.engine
        if engine.timing is not None:
            # Callbacks and views between the two.
            engine.timing.lap("rest")
        engine.timing = clock.next() if clock.watched else None
        if engine.timing is not None:
            clock.batch = batch

    def _step(self, feed: Feed) -> None:
        state, batch = self.state, feed.batch
        recorder, engine = state.recorder, state.engine
        assert batch is not None  # noqa: S101  # `advance` has opened an epoch
        if state.clock.watched or engine.timing is not None:
            self._time_step(batch)
        timing = engine.timing
        rate = recorder.rates(state.optimizer)
        loss: Measured
        if timing is not None:
            timing.lap("rest")
        if feed.more:
            loss = engine.step_group([batch, *feed.more])
        else:
            loss = engine.step(*batch, measure=state.measures_steps)
        if timing is not None:
            timing.lap("step")
        state.steps = steps = state.steps + 1
        if loss is not None:
            recorder.step(steps, loss, engine.measured, engine.counts)
        recorder.rate(steps, rate)
        if timing is not None:
            timing.lap("rest")
        try:
            feed.fetch(state.stream.now() if feed.draws else state.stream.state)
            if timing is not None:
                timing.lap("wait")
        except InputError:
            raise
        except Exception as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception) -> InputError:
        return explain(error, model=self.state.model, loss=self.state.loss, where="batch")

    def _open_epoch(self) -> None:
        state = self.state
        state.set_mode()
        state.refresh()
        if not state.steps:
            state.begin_with_settings()
        state.draws = state.engine.draws or state.feed.draws
        began = perf_counter()
        try:
            state.feed.begin(state.epoch)
        except InputError:
            state.feed.drop()
            raise
        except Exception as error:
            state.feed.drop()
            raise self._explain(error) from error
        if state.clock.watched:
            state.clock.add("begin", began)
        state.recorder.begin_epoch()
        state.hooks.run("on_epoch_begin")

    def _close_epoch(self) -> State | None:
        began = perf_counter()
        try:
            return self._ended_epoch()
        finally:
            if self.state.clock.watched:
                self.state.clock.add("end", began)

    def _ended_epoch(self) -> State | None:
        self.rest()
        state = self.state
        state.recorder.flush()
        if state.recorder.spoilt is not None and (ending := self._spoilt(state.epoch + 1)):
            return ending
        state.feed.drop()
        state.epoch += 1
        state.recorder.mark(state.steps)
        measured = state.record_losses()
        # A metric may well have no value; a loss must.
        for name in state.measured:
            if not math.isfinite(measured[name]) and state.hooks.stops_on_nan:
                return self._diverge(state.epoch, measured[name])
        if state.hooks.stops_on_nan and not state.engine.finite():
            return self._diverge(state.epoch, math.inf)
        state.keep()
        state.hooks.run("on_epoch_end")
        # After the hooks: schedulers have gone on.
        state.mark_epoch()
        if state.epoch == state.last_epoch:
            state.last_epoch = None
            return State.FINISHED
        return None

    def rest(self) -> None:
        """Give the global generators back: what comes next is no step, or none at once.

        To swap them takes as long as much of a small network's step, so they stay between steps
        that follow one another.
        """
        self.state.stream.leave()

    def broken(self) -> None:
        """Begin an epoch with the next step: the one that ran goes on in another process."""
        self.rest()
        self.state.feed.leave()

    def enter(self) -> None:
        """Tell the callbacks that a run starts or goes on."""
        self.state.find_draws()
        # A pause belongs to no stage.
        self.state.engine.timing = None
        self.state.hooks.run("on_start")

    def leave(self) -> None:
        """Complete the history and tell the callbacks that the run is about to end."""
        self.state.recorder.flush()
        self.state.hooks.run("on_stop")

    def _settle(self) -> None:
        """Take what was changed from outside for good."""
        self._touched = False
        self.state.refresh()
        # Only weights set by hand are kept: others may be on their way to infinity.
        if self._edited and self.state.engine.finite():
            self.state.keep()
        self._edited = False

    def touch(self) -> None:
        """Note that settings were changed from outside."""
        self._touched = True

    def _spoilt(self, epoch: int) -> State | None:
        state = self.state
        value, state.recorder.spoilt = state.recorder.spoilt, None
        if value is None or not state.hooks.stops_on_nan:
            return None
        return self._diverge(epoch, value)

    def _reason(self, value: float, where: dict[str, Any]) -> InputError:
        """Return why a loss or a weight is not finite, as far as that can be told."""
        state = self.state
        if state.engine.unlabelled:
            return InputError("batch_unlabelled", **where)
        for name, data in {"train": state.train, **state.measured}.items():
            if count := not_finite(data):
                return InputError("not_finite_data", name=name, count=count, **where)
        rate = format(learning_rate(state.optimizer), "g")
        if math.isnan(value) and state.engine.finite():
            # Steps that were too large would have left weights that are not.
            return InputError("loss_nan", **where, learning_rate=rate)
        return InputError("diverged", **where, learning_rate=rate)

    def _diverge(self, epoch: int, value: float) -> State:
        self.rest()
        state = self.state
        where = {"value": value, "epoch": epoch, "kept": state.good_epoch}
        state.message = self._reason(value, where)
        state.recorder.flush()
        state.recorder.spoilt = None
        state.restore_good()
        state.feed.drop()
        return State.PAUSED
