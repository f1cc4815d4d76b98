"""Steps of training that leave no trace."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from dl_lab.errors import InputError, number
from dl_lab.kept.generators import same_random
from dl_lab.kept.kinds import bytes_of
from dl_lab.train.batches.loader_state import loader_state, restore_loader
from dl_lab.train.batches.structure import rows, split, tensors, to_device
from dl_lab.train.learning_rate import HIGHEST_RATE, learning_rate, set_learning_rate
from dl_lab.train.steps.evaluate import measured_batches
from dl_lab.train.steps.upcoming import Upcoming

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from dl_lab.train.batches.epoch import Feed
    from dl_lab.train.checkpoint.state import Place
    from dl_lab.train.loop import Loop
    from dl_lab.train.steps.evaluate import Batch

_MOST_BYTES = 256 << 20


class Trial:
    """A Trainer's ordinary steps, tried out: afterwards everything is exactly as before.

    Weights, buffers, gradients, the optimizer's state and settings, the scaler, the random stream
    and the place in the data come back; nothing is recorded and no callback hears of it. Made by
    `Trainer.trial`.

    Parameters
    ----------
    loop
        The Trainer's, which nothing else uses meanwhile.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._state = loop.state
        self._feed: Feed = loop.state.feed
        self._epoch = loop.state.epoch

    @property
    def learning_rate(self) -> float:
        """Of the optimizer's first group; the others keep their proportion to it."""
        return learning_rate(self._state.optimizer)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        set_learning_rate(self._state.optimizer, number("lr", rate, 0, HIGHEST_RATE))

    def step(self, group: Sequence[Batch] | None = None) -> float:
        """Do one step; return its loss, finite or not.

        Parameters
        ----------
        group
            The batches to do it on; None for the next ones of the data.

        Raises
        ------
        InputError
            What a step of training would raise.
        """
        if group is not None:
            return self._loop.try_group(group)
        self._open()
        loss = self._loop.try_group(_group(self._feed))
        self._fetch()
        return loss

    def groups(self, most: int) -> list[list[Batch]]:
        """Fetch the batches of an epoch, those of each step together.

        Parameters
        ----------
        most
            Of them. There are fewer where 256 MB hold no more, but two if the data have them.
        """
        feed = self._feed
        feed.drop()
        feed.begin(self._state.epoch)
        found: list[list[Batch]] = []
        size = 0
        while feed.batch is not None and len(found) < most:
            if size >= _MOST_BYTES and len(found) > 1:
                break
            found.append(_group(feed))
            size += sum(bytes_of(one) for batch in found[-1] for one in tensors(batch))
            self._fetch()
        feed.drop()
        return found

    def go_to(self, step: int) -> None:
        """Stand where the run stood at a kept checkpoint, as if what came then were still to come.

        Steps are the same as then, as far as no callback changes what they compute.

        Parameters
        ----------
        step
            Of the checkpoint.

        Raises
        ------
        InputError
            None is kept of that step.
        """
        state = self._state
        place: Place = state.checkpoints.look(step)
        place.objects.put_back()
        state.precision.load_state_dict(place.scaler)
        self._epoch = place.epoch
        if place.feed is not None:
            self._feed.load_state_dict(place.feed, place.epoch)
        state.stream.state = state.stream.fitting(place.now)
        state.model.train()
        state.refresh()

    def upcoming(self) -> list[Upcoming]:
        """Return the batches of the next step, to be looked at; the step is still to come."""
        self._open()
        state = self._state
        assert state.loss is not None  # noqa: S101  # there is no trial of a step of one's own
        return [Upcoming(batch, state.loss, state.precision) for batch in _group(self._feed)]

    @property
    def random(self) -> tuple[Any, ...]:
        """Where the run's random stream stands; set it to draw the same numbers again."""
        return self._state.stream.state

    @random.setter
    def random(self, states: tuple[Any, ...]) -> None:
        self._state.stream.state = states

    def drawing(self) -> AbstractContextManager[None]:
        """Return what is entered to draw from the run's random stream, as its steps do."""
        return self._state.stream

    def _open(self) -> None:
        if self._feed.batch is None:
            if self._feed.open:
                self._feed.drop()
                self._epoch += 1
            self._feed.begin(self._epoch)

    @property
    def whole(self) -> bool:
        """Whether the data come all at once, as they were given: their rows belong together."""
        return self._feed.whole

    def validation(self, most: int) -> list[Batch]:
        """Return the batches of the validation data, if they have at most so many rows.

        They are none where there are no such data, or where names were given for several.
        """
        data = self._state.validation
        if data is None or isinstance(data, Mapping):
            return []
        found: list[Batch] = []
        count = 0
        loader = measured_batches(data, self._state.most_rows)
        state = loader_state(loader)
        with same_random(self._state.device):
            for batch in loader:
                inputs, targets = (to_device(part, self._state.device) for part in split(batch))
                found.append((inputs, targets))
                count += rows(targets, inputs)
                if count > most:
                    found = []
                    break
        restore_loader(loader, state)
        return found

    def loss(self, batch: Batch) -> float:
        """Measure the loss on a batch in evaluation mode; NaN where none of its targets counts.

        Raises
        ------
        InputError
            What the model or the loss raised.
        """
        try:
            return self._state.engine.evaluate([batch])
        except InputError as error:
            if error.key == "no_labels":
                return math.nan
            raise

    def back(self, *, random: bool = True) -> None:
        """Go back to the weights, the optimizer and the random stream that it began with.

        Parameters
        ----------
        random
            Go back in the random stream too, so that steps draw the same numbers again.
        """
        state = self._state
        self._kept.put_back()
        state.precision.load_state_dict(self._scaler)
        if random:
            state.stream.state = self._random
        state.refresh()

    def _fetch(self) -> None:
        with self._state.stream:
            self._feed.fetch(self._state.stream.now())

    def __enter__(self) -> Trial:  # noqa: PYI034  # typing has Self from Python 3.11 on
        state = self._state
        state.between_steps("trial")
        if state.engine.own:
            raise InputError("own_step_loss")
        self._kept = state.objects()
        self._kept.check()
        state.find_draws()
        self._gradients = [
            (tensor, tensor.grad, None if tensor.grad is None else tensor.grad.clone())
            for tensor in self._kept.leaves
        ]
        self._scaler = copy.deepcopy(state.precision.state_dict())
        self._random = state.stream.state
        self._loader = loader_state(state.feed.loader)
        self._place = state.feed.state_dict()
        self._feed, self._epoch = state.new_feed(), state.epoch
        state.model.train()
        state.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        state = self._state
        self._feed.drop()
        self.back()
        with torch.no_grad():
            for parameter, gradient, values in self._gradients:
                parameter.grad = gradient
                if gradient is not None and values is not None:
                    gradient.copy_(values)
        feed = state.feed
        if feed.open and feed.single:
            # The trial has begun its only iterator anew.
            feed.load_state_dict(self._place, state.epoch)
        else:
            restore_loader(feed.loader, self._loader)
        state.stream.state = self._random
        state.refresh()


def _group(feed: Feed) -> list[Batch]:
    assert feed.batch is not None  # noqa: S101  # the caller has seen to that
    return [feed.batch, *feed.more]
