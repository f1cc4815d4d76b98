"""Learning rates that change by a plan, or when a run gets no better."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from dl_lab.errors import InputError, number, whole
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.monitor import Monitor
from dl_lab.train.learning_rate import learning_rate, set_learning_rate
from dl_lab.train.steps.several import parts_of

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from dl_lab.train.run import Training

EVERY = ("epoch", "step")

# What schedulers write into a parameter group; the others of its settings are a person's.
_RATES = ("lr", "initial_lr", "max_lr", "min_lr")
_MOMENTA = ("momentum", "betas", "base_momentum", "max_momentum")


class _Scheduled(Callback):
    """Holds a scheduler, makes it when the run begins, and goes back and forth with the run."""

    def __init__(
        self,
        scheduler: LRScheduler | Callable[[Optimizer], LRScheduler],
        optimizer: str | None = None,
    ) -> None:
        self._name = optimizer
        self.scheduler: LRScheduler | None = None
        """torch's scheduler; None until the run starts where a function makes it."""
        self._make: Callable[[Optimizer], LRScheduler] | None = None
        self._state: dict[str, Any] = {}
        self._first: dict[str, Any] = {}
        self._count = 0
        # The rate of a loaded run that was reset before it went on.
        self._left: float | None = None
        if isinstance(scheduler, LRScheduler):
            self._take(scheduler)
        else:
            self._make = scheduler

    def _take(self, scheduler: LRScheduler) -> None:
        self.scheduler = scheduler
        self._first = self._first or self._state_of(scheduler)

    def _advance(self, *value: float) -> None:
        if self.scheduler is not None:
            self.scheduler.step(*value)  # type: ignore[arg-type]  # a plateau's takes a value
            self._count += 1

    def on_start(self, trainer: Training) -> None:
        """Make the scheduler if there is none yet."""
        parts = parts_of(trainer.optimizer)
        if self.scheduler is None and self._make is not None:
            optimizer = self._chosen(parts)
            before = [dict(group) for group in optimizer.param_groups]
            scheduler = self._make(optimizer)
            # What was loaded stands, or its beginning after a reset.
            state = self._state or self._first
            self._take(scheduler)
            if state:
                # Making one sets the rates of its first step.
                for group, settings in zip(optimizer.param_groups, before, strict=True):
                    group.update(settings)
                self._restore(scheduler, state)
                # A rate that a person has set since stands, too.
                rate = float(before[0]["lr"])
                if rate not in {learning_rate(optimizer), self._left}:
                    set_learning_rate(optimizer, rate, [scheduler])
        if self.scheduler is None or self.scheduler.optimizer not in parts.values():
            raise InputError("other_optimizer")

    def _chosen(self, parts: Mapping[str, Optimizer]) -> Optimizer:
        if self._name is not None and self._name not in parts:
            raise InputError.unknown("optimizer", self._name, parts)
        if self._name is None and len(parts) > 1:
            names = ", ".join(parts)
            raise InputError("which_optimizer", names=names, callback=type(self).__name__)
        return next(iter(parts.values())) if self._name is None else parts[self._name]

    def state_dict(self) -> dict[str, Any]:
        """Return the scheduler's state, the rates it has set, and its beginning.

        Empty before it is made.
        """
        if self.scheduler is None:
            return self._state
        return {**self._state_of(self.scheduler), "first": copy.deepcopy(self._first)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned; an empty one is the beginning.

        Raises
        ------
        TypeError, KeyError
            It is none.
        """
        if state:
            _check(state)
            _check(state["first"])
            float(state["groups"][0]["lr"])
            self._first = copy.deepcopy(state["first"])
        if self.scheduler is None:
            if self._state and not state:
                self._left = float(self._state["groups"][0]["lr"])
            self._state = state
        elif state.get("count"):
            self._restore(self.scheduler, state)
        else:
            self._begin(self.scheduler)

    def _restore(self, scheduler: LRScheduler, state: dict[str, Any]) -> None:
        state = copy.deepcopy(state)
        self._count = state["count"]
        scheduler.load_state_dict(state["scheduler"])
        for group, settings in zip(scheduler.optimizer.param_groups, state["groups"], strict=True):
            group.update(settings)

    def _begin(self, scheduler: LRScheduler) -> None:
        """Go back to the first rates, as far as a person has not set others since."""
        groups = scheduler.optimizer.param_groups
        bases = getattr(scheduler, "base_lrs", None)
        lasts = getattr(scheduler, "_last_lr", None)
        rates = [group["lr"] for group in groups]
        self._restore(scheduler, self._first)
        if bases is not None:
            firsts = scheduler.base_lrs
            scheduler.base_lrs = bases
            for group, base, first in zip(groups, bases, firsts, strict=True):
                if base != first and first:
                    group["lr"] *= base / first
                    group["initial_lr"] = base
        elif lasts is not None:
            for group, rate, last in zip(groups, rates, lasts, strict=True):
                if rate != last:
                    group["lr"] = rate

    def _state_of(self, scheduler: LRScheduler) -> dict[str, Any]:
        keys = _RATES + (_MOMENTA if getattr(scheduler, "cycle_momentum", False) else ())
        groups = [
            {key: group[key] for key in keys if key in group}
            for group in scheduler.optimizer.param_groups
        ]
        state = {"count": self._count, "scheduler": scheduler.state_dict(), "groups": groups}
        return copy.deepcopy(state)


def _check(state: dict[str, Any]) -> None:
    """Refuse what a scheduler that is made only later would stumble over."""
    groups = state["groups"]
    kinds = isinstance(state["scheduler"], dict) and isinstance(groups, list)
    if type(state["count"]) is not int or not kinds or not all(type(one) is dict for one in groups):
        raise TypeError("scheduler")


class LRSchedule(_Scheduled):
    """Let a scheduler of ``torch.optim.lr_scheduler`` set the learning rates.

    Parameters
    ----------
    scheduler
        One that was made on the trainer's optimizer, or a function that makes it from the
        optimizer: ``lambda optimizer: CosineAnnealingLR(optimizer, T_max=20)``.
    every
        ``"epoch"`` or ``"step"``: after what it goes one on.
    optimizer
        Where `scheduler` is a function and the trainer has several optimizers: the name of one.

    Raises
    ------
    InputError
        `scheduler` is none, or needs a value as torch's ReduceLROnPlateau does; an unknown
        `every`.

    Notes
    -----
    It may be used with any other callback that changes rates, and with rates set by hand: most
    schedulers go on from those.

    Examples
    --------
    >>> from dl_lab import Trainer
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> halved = LRSchedule(lambda sgd: torch.optim.lr_scheduler.StepLR(sgd, 2, gamma=0.5))
    >>> data, loss = (torch.ones(4, 2), torch.ones(4, 1)), torch.nn.functional.mse_loss
    >>> trainer = Trainer(model, loss, sgd, data, callbacks=[halved])
    >>> trainer.fit(epochs=4)
    >>> trainer.learning_rate
    0.025
    """

    def __init__(
        self,
        scheduler: LRScheduler | Callable[[Optimizer], LRScheduler],
        every: str = "epoch",
        optimizer: str | None = None,
    ) -> None:
        if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
            raise InputError("plateau_scheduler")
        if not isinstance(scheduler, LRScheduler) and not callable(scheduler):
            raise InputError("no_scheduler", given=repr(type(scheduler).__name__))
        if every not in EVERY:
            raise InputError.unknown("every", every, EVERY)
        super().__init__(scheduler, optimizer)
        self.every = every

    def on_start(self, trainer: Training) -> None:
        """Make the scheduler if there is none yet."""
        super().on_start(trainer)
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            raise InputError("plateau_scheduler")

    def on_step_end(self, trainer: Training) -> None:  # noqa: ARG002  # the hook's signature
        """Go one on, if it goes by steps."""
        if self.every == "step":
            self._advance()

    def on_epoch_end(self, trainer: Training) -> None:  # noqa: ARG002  # the hook's signature
        """Go one on, if it goes by epochs."""
        if self.every == "epoch":
            self._advance()


class ReduceLROnPlateau(_Scheduled):
    """Multiply the learning rates by `factor` once `monitor` has stopped improving.

    torch's own ``ReduceLROnPlateau`` decides; it is told the monitored value of each epoch.

    Parameters
    ----------
    factor
        Above 0 and below 1.
    patience
        How many epochs without an improvement are borne before a reduction.
    monitor, mode
        As for `EarlyStopping`.
    threshold, threshold_mode
        A value is better if it is so by more than this part of the best (``"rel"``) or by more
        than this much (``"abs"``).
    cooldown
        Epochs after a reduction in which none is counted.
    min_lr
        No rate goes below it.
    optimizer
        As for `LRSchedule`.

    Raises
    ------
    InputError
        A setting out of range, or a name that does not tell the mode.

    Examples
    --------
    >>> from dl_lab import Trainer
    >>> model = torch.nn.Linear(1, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> zeros, loss = (torch.zeros(4, 1), torch.randn(4, 1)), torch.nn.functional.mse_loss
    >>> reduce = ReduceLROnPlateau(factor=0.5, patience=2)
    >>> trainer = Trainer(model, loss, sgd, zeros, zeros, callbacks=[reduce])
    >>> trainer.fit(epochs=50)
    >>> trainer.learning_rate < 0.01
    True
    """

    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        monitor: str = "validation_loss",
        mode: str | None = None,
        *,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        optimizer: str | None = None,
    ) -> None:
        if threshold_mode not in {"rel", "abs"}:
            raise InputError.unknown("threshold_mode", threshold_mode, ("rel", "abs"))
        self._monitor = Monitor(monitor, mode)
        factor = number("factor", factor, 0, 1)
        if factor in {0.0, 1.0}:
            raise InputError("number", name="factor", low=0, high=1, given=factor)
        settings: dict[str, Any] = {
            "mode": self._monitor.mode,
            "factor": factor,
            "patience": whole("patience", patience, 0, 2**32 - 1),
            "threshold": number("threshold", threshold, 0, math.inf),
            "threshold_mode": threshold_mode,
            "cooldown": whole("cooldown", cooldown, 0, 2**32 - 1),
            "min_lr": number("min_lr", min_lr, 0, math.inf),
        }
        super().__init__(
            lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, **settings), optimizer
        )

    def on_start(self, trainer: Training) -> None:
        """Make the scheduler if there is none yet."""
        self._monitor.check(trainer)
        super().on_start(trainer)

    def on_epoch_end(self, trainer: Training) -> None:
        """Tell the scheduler the epoch's value."""
        value = self._monitor.read(trainer)
        if value is not None:
            self._advance(value)
