"""The settings of a plot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dl_lab.errors import InputError
from dl_lab.widgets._traits import Trait

SETTINGS = ("axis", "x_scale", "y_scale", "smoothing", "hidden", "language")


class Hidden(Trait):
    """Pairs of a run's index and one of its series, or None for all of them."""

    default_value = ()

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        refusal = InputError("hidden_pairs", given=repr(value))
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise refusal
        pairs = []
        for pair in value:
            if isinstance(pair, str) or not isinstance(pair, Iterable):
                raise refusal
            match tuple(pair):
                case (int(run), (str() | None) as series) if run >= 0:
                    pairs.append((run, series))
                case _:
                    raise refusal
        return tuple(dict.fromkeys(pairs))
