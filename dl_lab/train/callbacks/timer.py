"""How long training takes, and how long it will take yet."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from dl_lab.train.callbacks.base import Callback

if TYPE_CHECKING:
    from dl_lab.train.run import Training

# The pace is that of the last few epochs: data in the cache, a busy machine, change it.
_EPOCHS = 5


class Timer(Callback):
    """The time of steps and epochs, pauses left out, and the time to the end of the run.

    It costs nothing a step, and may be read from any thread while training runs.

    Examples
    --------
    >>> from dl_lab import Trainer
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> data, loss = (torch.ones(4, 2), torch.ones(4, 1)), torch.nn.functional.mse_loss
    >>> timer = Timer()
    >>> trainer = Trainer(model, loss, sgd, data, callbacks=[timer])
    >>> timer.left is None
    True
    >>> trainer.fit(epochs=10)
    >>> len(timer.epochs), sum(timer.epochs) <= timer.seconds, timer.left
    (10, True, 0.0)
    """

    observes = True

    def __init__(self) -> None:
        self.epochs: list[float] = []
        """Seconds of each epoch, its validation included."""
        self._trainer: Training | None = None
        self._before = 0.0
        self._started: float | None = None
        # (steps, seconds) at the last few epochs' ends, and where the present epoch began.
        self._marks: deque[tuple[int, float]] = deque([(0, 0.0)], _EPOCHS + 1)

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        started = self._started
        return self._before + (0.0 if started is None else time.perf_counter() - started)

    @property
    def step_seconds(self) -> float | None:
        """Seconds a step, validation included: the mean of the last few epochs and this one."""
        if self._trainer is None:
            return None
        steps, seconds = self._marks[0]
        done = self._trainer.steps - steps
        return (self.seconds - seconds) / done if done > 0 else None

    @property
    def left(self) -> float | None:
        """Seconds until the run ends by itself; None where that is not known."""
        if self._trainer is None:
            return None
        progress = self._trainer.progress
        ends = []
        if progress.last_step is not None:
            ends.append(progress.last_step - progress.step)
        if progress.last_epoch is not None:
            epochs = progress.last_epoch - progress.epoch
            if epochs <= 0:
                ends.append(0)
            elif progress.steps_per_epoch is not None:
                into = progress.step - self._marks[-1][0]
                ends.append(epochs * progress.steps_per_epoch - into)
        if not ends:
            return 0.0 if self._trainer.state == "finished" else None
        each = self.step_seconds
        return None if each is None else max(0, min(ends)) * each

    def on_start(self, trainer: Training) -> None:
        """Start the clock."""
        if self._trainer is not trainer:
            self._trainer = trainer
            if not self._before:
                self._marks[-1] = (trainer.steps, 0.0)
        self._started = time.perf_counter()

    def on_stop(self, trainer: Training) -> None:  # noqa: ARG002  # the hook's signature
        """Stop the clock."""
        self._before, self._started = self.seconds, None

    def on_epoch_end(self, trainer: Training) -> None:
        """Take the epoch's time."""
        seconds = self.seconds
        self.epochs.append(seconds - self._marks[-1][1])
        self._marks.append((trainer.steps, seconds))

    def state_dict(self) -> dict[str, Any]:
        """Return all times taken."""
        return {"seconds": self.seconds, "epochs": list(self.epochs), "marks": list(self._marks)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; an empty one is the beginning."""
        self._before = state.get("seconds", 0.0)
        if self._started is not None:
            self._started = time.perf_counter()
        self.epochs = list(state.get("epochs", ()))
        self._marks = deque(map(tuple, state.get("marks", [(0, 0.0)])), _EPOCHS + 1)
