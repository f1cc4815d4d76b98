"""What all adapters share: the run they record into, and the names of its series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.history.logged import one_number
from dl_lab.train.history.series_kind import PARTS
from dl_lab.train.learning_rate import Rate
from dl_lab.train.watch.run import StopTraining, WatchedRun
from dl_lab.widgets.watch import watch


def begun(
    run: WatchedRun | None, model: object, *, epochs: int | None, steps: int | None
) -> WatchedRun:
    """Return a run that has begun: the given one, or a new one that shows its plot."""
    if run is None:
        run = watch()
    if isinstance(model, nn.Module):
        run.attach(model)
    run.expect(
        epochs=run.epoch + epochs if epochs is not None and epochs > 0 else None,
        steps=run.steps + steps if steps is not None and steps > 0 else None,
    )
    run.begin()
    return run


class HeldRate:
    """A learning rate as it stood when the step began.

    For libraries whose schedulers move it before callbacks hear that the step is done.

    Parameters
    ----------
    rate
        The one that is meant.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self.begin_step()

    def begin_step(self) -> None:
        """Look at it."""
        self._held = self._rate.get()

    def get(self) -> float | None:
        """Return it as it was seen."""
        return self._held

    def set(self, value: float) -> None:
        """Set it for the next step."""
        self._rate.set(value)
        self._held = value


def present(run: WatchedRun | None) -> WatchedRun:
    """Return the run that has begun."""
    if run is None:
        raise RuntimeError("The callback has not seen the beginning of the training.")
    return run


def logged(run: WatchedRun, values: Mapping[str, Any], *, steps: int = 1) -> bool:
    """Log the values of `steps` steps; return whether the training is to end."""
    try:
        run.log(step=run.steps + steps, **numbers(run, values))
    except StopTraining:
        return True
    return False


def numbers(run: WatchedRun, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are one number; the others are noted, and training goes on."""
    found = {}
    for name, value in values.items():
        try:
            found[name] = one_number(name, value)
        except InputError as problem:  # noqa: PERF203  # each by itself
            run.note(problem, name)
    return found


def series(name: str, kind: str) -> str:
    """Return the name under which a `Trainer` records what a library calls `name`.

    Parameters
    ----------
    name
        With or without a prefix: ``loss``, ``val_loss``, ``eval/accuracy``.
    kind
        The prefix of those without: ``train`` or ``validation``.

    Examples
    --------
    >>> series("val_acc", "train"), series("loss", "train")
    ('validation_accuracy', 'train_loss')
    """
    name = _plain(name)
    prefix, _, rest = name.partition("_")
    if rest and prefix in PARTS:
        kind, name = PARTS[prefix], rest
    return f"{kind}_{'accuracy' if name == 'acc' else name}"


def renamed(
    values: Mapping[str, Any],
    kind: str,
    *,
    of: Iterable[str] = ("train", "validation", "test"),
    but: Callable[[str], bool] = lambda _: False,
) -> dict[str, Any]:
    """Return the values of these kinds by the names of their series, but for those left out.

    Of several that would have one name, such as ``val_acc`` and ``eval_acc``, one has it and the
    others keep their own.
    """
    parts = tuple(of)
    names = {name: series(name, kind) for name in values if not but(name)}
    names = {name: one for name, one in names.items() if one.partition("_")[0] in parts}
    owners = {one: name for name, one in reversed(names.items())}
    owners |= {name: name for name, one in names.items() if name == one}
    return {
        one if owners[one] == name else _plain(name): values[name] for name, one in names.items()
    }


def _plain(name: str) -> str:
    return name.replace("/", "_").replace(" ", "_")
