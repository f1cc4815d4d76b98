"""What a series means and looks like: the one place that tells, for curves, pictures and files."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "eval": "validation",
    "test": "test",
}
"""First words of series' names, and the part of the data that each stands for."""

GROUPS = ("loss", "share", "other", "rate")
"""What has a y-axis of its own, in their order: losses, shares from 0 to 1, all else, rates."""

_SHARES = (
    "accuracy",
    "acc",
    "auc",
    "auroc",
    "dice",
    "f1",
    "iou",
    "precision",
    "r2",
    "recall",
    "top",
)
_RISING = (*_SHARES, "bleu", "score")
_FALLING = ("error", "mae", "mse", "rmse", "perplexity")
_RATES = ("learning_rate", "lr")

# The front end reads the same.
_LOOKS = json.loads((Path(__file__).parent / "looks.json").read_text(encoding="utf-8"))


class SeriesKind(NamedTuple):
    """What a series means.

    Attributes
    ----------
    quantity
        What it measures: ``"loss"``, ``"accuracy"`` …; curves of one quantity belong together.
    part
        Of which data: ``"train"``, ``"validation"``, ``"test"``; None where no one can say.
    group
        One of `GROUPS`.
    higher
        Whether it is better the higher it is; None where no one can say.
    """

    quantity: str
    part: str | None
    group: str
    higher: bool | None

    @property
    def smoothed(self) -> bool:
        """Whether smoothing means anything.

        A learning rate is not noisy, and of the few values of a validation an average lags behind.
        """
        return self.group != "rate" and self.part in {"train", None}


def kind_of(quantity: str, part: str | None) -> SeriesKind:
    """Return the kind of a quantity measured on a part of the data.

    Examples
    --------
    >>> kind_of("accuracy", "validation")
    SeriesKind(quantity='accuracy', part='validation', group='share', higher=True)
    """
    words = quantity.lower().replace("-", "_").split("_")
    plain = {word.rstrip("0123456789") for word in words} | set(words)
    if quantity in _RATES:
        return SeriesKind("learning_rate", part, "rate", higher=None)
    if any(word.startswith("loss") or word.endswith("loss") for word in words):
        return SeriesKind(quantity, part, "loss", higher=False)
    if plain & set(_FALLING):
        return SeriesKind(quantity, part, "other", higher=False)
    group = "share" if plain & set(_SHARES) else "other"
    return SeriesKind(quantity, part, group, True if plain & set(_RISING) else None)


@functools.lru_cache(1024)
def guessed(name: str) -> SeriesKind:
    """Return the kind that a series' name suggests, where nothing else is known of it.

    Examples
    --------
    >>> guessed("eval_loss").part, guessed("val_acc").group, guessed("gradient_norm").group
    ('validation', 'share', 'other')
    """
    first, _, rest = name.partition("_")
    part = PARTS.get(first)
    return kind_of(rest if part and rest else name, part)


class Look(NamedTuple):
    """How a series is drawn.

    Attributes
    ----------
    color
        The place of its colour in the palette, which is another on a dark background.
    dash
        Pixels drawn and left out in turn; empty for a line without gaps.
    width
        Pixels.
    marker
        ``"circle"``, ``"square"``, ``"diamond"`` or ``"triangle"``: the sign of single values.
    """

    color: int
    dash: tuple[float, ...]
    width: float
    marker: str

    @property
    def on_white(self) -> str:
        """Its colour on a white background, ``"#rrggbb"``."""
        color: str = _LOOKS["palette"]["light"][self.color]
        return color


def look_of(part: str) -> Look:
    """Return how the loss on a part of the data, or a ``"rate"``, looks in a run drawn alone."""
    plain = _LOOKS[part]
    return Look(plain["color"], tuple(plain["dash"]), plain["width"], plain["marker"])


_COLORS = len(_LOOKS["palette"]["light"])
_RATE = look_of("rate")


def looks(runs: Sequence[Mapping[str, SeriesKind]]) -> list[dict[str, Look]]:
    """Return how the series of runs that are drawn together look, by their names.

    Of a single run each quantity has colours of its own, and dash and marker tell the part of the
    data. Several runs are told apart by colour, dash and marker, their series by width and axis.

    Parameters
    ----------
    runs
        For each run the kinds of its series by their names, oldest first.

    Examples
    --------
    >>> [looks] = looks([{"train_loss": guessed("train_loss"), "val_loss": guessed("val_loss")}])
    >>> looks["train_loss"].dash, looks["val_loss"].dash
    ((), (6, 3))
    """
    if len(runs) == 1:
        return [_of_one(runs[0])]
    return [
        {name: _of_several(index, kind) for name, kind in kinds.items()}
        for index, kinds in enumerate(runs)
    ]


def _of_one(kinds: Mapping[str, SeriesKind]) -> dict[str, Look]:
    rows: list[dict[str, int]] = _LOOKS["quantities"]
    # The loss has the first row, whenever it comes.
    order: dict[str, int] = {"loss": 0}
    places = {
        name: (order.setdefault(kind.quantity, len(order)), kind.part or "train")
        for name, kind in kinds.items()
        if kind.group != "rate"
    }
    taken = {color for row, _ in places.values() for color in rows[row % len(rows)].values()}
    free = [color for color in range(_COLORS) if color not in taken] or [_RATE.color]
    again = 0
    found: dict[str, Look] = {}
    for name in kinds:
        if name not in places:
            found[name] = _RATE
            continue
        row, part = places[name]
        found[name] = look_of(part)._replace(color=rows[row % len(rows)][part])
        if found[name] in list(found.values())[:-1]:
            # As the losses on two sets of validation data.
            found[name] = found[name]._replace(color=free[again % len(free)])
            again += 1
    return found


def _of_several(run: int, kind: SeriesKind) -> Look:
    dashes, markers, widths = _LOOKS["dashes"], _LOOKS["markers"], _LOOKS["widths"]
    part = "rate" if kind.group == "rate" else kind.part or "train"
    return Look(
        run % _COLORS,
        tuple(dashes[run % len(dashes)]),
        widths[part],
        markers[run % len(markers)],
    )
