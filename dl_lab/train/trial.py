"""Steps of training that leave no trace."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

from dl_lab.errors import number
from dl_lab.train import tune
from dl_lab.train.keep import Keep
from dl_lab.train.loader_state import loader_state, restore_loader

if TYPE_CHECKING:
    from types import TracebackType

    from dl_lab.train.feed import Feed
    from dl_lab.train.loop import Loop

_HIGHEST_RATE = 1e12


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
        self._feed: Feed = loop.feed

    @property
    def learning_rate(self) -> float:
        """Of the optimizer's first group; the others keep their proportion to it."""
        return tune.learning_rate(self._loop.optimizer)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        tune.set_learning_rate(self._loop.optimizer, number("lr", rate, 0, _HIGHEST_RATE))

    def step(self) -> float:
        """Do one step on the next group of batches; return its loss, finite or not.

        Raises
        ------
        InputError
            What a step of training would raise.
        """
        loop = self._loop
        if self._feed.batch is None:
            self._feed.begin()
        return loop.try_step(self._feed)

    def __enter__(self) -> Trial:  # noqa: PYI034  # typing has Self from Python 3.11 on
        loop = self._loop
        model, optimizer = loop.model, loop.optimizer
        loop.between_steps("trial")
        self._kept = Keep(model, optimizer)
        self._settings = [
            {name: copy.deepcopy(value) for name, value in group.items() if name != "params"}
            for group in optimizer.param_groups
        ]
        self._gradients = [
            (parameter, parameter.grad, None if parameter.grad is None else parameter.grad.clone())
            for parameter in model.parameters()
        ]
        self._flags = [(module, module.training) for module in model.modules()]
        self._scaler = copy.deepcopy(loop.precision.state_dict())
        self._random = loop.stream.state
        self._loader = loader_state(loop.feed.loader)
        self._place = loop.feed.state_dict()
        self._feed = loop.new_feed()
        model.train()
        loop.refresh()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = self._loop
        self._feed.drop()
        self._kept.restore()
        for group, settings in zip(loop.optimizer.param_groups, self._settings, strict=True):
            group.update(settings)
        with torch.no_grad():
            for parameter, gradient, values in self._gradients:
                parameter.grad = gradient
                if gradient is not None and values is not None:
                    gradient.copy_(values)
        for module, training in self._flags:
            module.training = training
        loop.precision.load_state_dict(self._scaler)
        feed = loop.feed
        if feed.open and isinstance(feed.loader, DataLoader) and feed.loader.persistent_workers:
            # Such a loader has a single iterator, which the trial has begun anew.
            feed.load_state_dict(self._place)
        else:
            restore_loader(feed.loader, self._loader)
        loop.stream.state = self._random
        loop.refresh()
