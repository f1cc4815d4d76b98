"""The callbacks of a run, called where they have something to do."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dl_lab.errors import InputError, said, shown
from dl_lab.kept.generators import is_generator
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.stop_on_nan import StopOnNaN
from dl_lab.train.diagnosis.place import frames

if TYPE_CHECKING:
    from dl_lab.train.run import Training

HOOKS = (
    "on_start",
    "on_stop",
    "on_reset",
    "on_epoch_begin",
    "on_epoch_end",
    "on_step_begin",
    "on_gradients",
    "on_step_end",
)

_EVENTS = "dl_lab.train.events."


class Hooks:
    """All callbacks, and for each hook those that override it.

    Parameters
    ----------
    callbacks
        Called by their `order`, and among equals as given.
    trainer
        What each hook is given.
    """

    def __init__(self, callbacks: Iterable[Callback], trainer: Training) -> None:
        given = listed(callbacks)
        self.callbacks = tuple(sorted(given, key=lambda one: one.order))
        self.running = False
        """Whether a hook runs now."""
        self._trainer = trainer
        self._table = {
            hook: tuple(one for one in self.callbacks if _overrides(one, hook)) for hook in HOOKS
        }
        self.stops_on_nan = all(one.enabled for one in given if isinstance(one, StopOnNaN))
        self.step_begin = bool(self._table["on_step_begin"])
        self.gradients = bool(self._table["on_gradients"])
        self.step_end = bool(self._table["on_step_end"])
        self._first = copy.deepcopy(self.state_dict())

    def run(self, hook: str) -> None:
        """Call a hook of all callbacks that override it.

        Raises
        ------
        InputError
            One of them raised: which, where and what. Trouble with a file and that of a callback
            which only observes is noted instead, and training goes on.
        """
        for callback in self._table[hook]:
            self.running = True
            try:
                getattr(callback, hook)(self._trainer)
            except Exception as error:
                name = type(callback).__name__
                told = {"callback": name, "hook": hook, "kind": type(error).__name__}
                if not _goes_on(callback, hook, error):
                    raise InputError("callback_failed", **told, detail=error) from error
                problem = InputError("observer_failed", **told, detail=said(error).rstrip("."))
                problem.__cause__ = error
                self._trainer.note(problem, f"{name}.{hook}")
            finally:
                self.running = False

    def names(self, hook: str) -> str:
        """Return the classes of the callbacks that override a hook."""
        return ", ".join(type(callback).__name__ for callback in self._table[hook])

    @property
    def schedulers(self) -> list[object]:
        """The schedulers that callbacks show in an attribute of that name."""
        found = (getattr(callback, "scheduler", None) for callback in self.callbacks)
        return [scheduler for scheduler in found if scheduler is not None]

    @property
    def parts(self) -> dict[str, object]:
        """What callbacks without a state of their own hold that has one: networks, schedulers.

        Their plain values are a person's, and may well be a log.
        """
        return {
            f"callbacks/{index}/{name}": value
            for index, callback in enumerate(self.callbacks)
            if type(callback).state_dict is Callback.state_dict
            for name, value in vars(callback).items()
            if isinstance(value, (nn.Module, Optimizer, LRScheduler)) or is_generator(value)
        }

    def reset(self) -> None:
        """Give every callback back the state that it began with."""
        self.load_state_dict(copy.deepcopy(self._first))

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of each callback with its class's name."""
        return [
            {"kind": type(callback).__name__, "state": callback.state_dict()}
            for callback in self.callbacks
        ]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Give each callback the next state of its kind; one without keeps what it has."""
        left = list(states)
        for callback in self.callbacks:
            kind = type(callback).__name__
            found = next((state for state in left if state["kind"] == kind), None)
            if found is not None:
                left.remove(found)
                callback.load_state_dict(found["state"])


def listed(callbacks: object) -> list[Callback]:
    """Return the callbacks a person gave: one, several or None.

    Raises
    ------
    InputError
        Something is not a callback.

    Examples
    --------
    >>> listed(None), len(listed(StopOnNaN()))
    ([], 1)
    """
    if callbacks is None:
        return []
    several = isinstance(callbacks, Iterable) and not isinstance(callbacks, str)
    given: list[Callback] = []
    for one in cast("Iterable[object]", callbacks) if several else [callbacks]:
        if inspect.isclass(one) and issubclass(one, Callback):
            raise InputError("callback_class", given=one.__name__)
        if not isinstance(one, Callback):
            raise InputError("not_callback", given=shown(one))
        given.append(one)
    return given


def _goes_on(callback: Callback, hook: str, error: Exception) -> bool:
    """Whether training is to go on although a hook has raised."""
    if hook == "on_start" and (isinstance(error, InputError) or not callback.observes):
        # Nothing is lost by refusing to begin.
        return False
    return callback.observes or _of_files(error) or _of_files(error.__cause__)


def _of_files(error: BaseException | None) -> bool:
    """Whether it is trouble with a file, or with what is put into TensorBoard's."""
    if error is None:
        return False
    places = {"path_is_file", "path_is_folder"}
    return (
        isinstance(error, OSError)
        or (isinstance(error, InputError) and error.key in places)
        or any(
            str(frame.f_globals.get("__name__")).startswith(_EVENTS) for frame, _ in frames(error)
        )
    )


def _overrides(callback: Callback, hook: str) -> bool:
    own = hook in vars(callback)
    return own or getattr(type(callback), hook) is not getattr(Callback, hook)
