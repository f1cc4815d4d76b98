"""The settings of a graph's view: what is open, chosen and looked for, and where one looks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from dl_lab.errors import InputError, number, shown
from dl_lab.widgets.base.traits import Setting

MOST_TEXT = 1000
MOST_KEYS = 100_000
MOST_GRAPHS = 2


class Text(Setting):
    """A short text.

    Parameters
    ----------
    optional
        Whether None is allowed.
    """

    kind = "text"

    def __init__(self, default: str | None = "", *, optional: bool = False, **kwargs: Any) -> None:
        self.optional = optional
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> str | None:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        if isinstance(value, str) and len(value) <= MOST_TEXT:
            return value
        if value is None and self.optional:
            return None
        raise InputError("short_text", name=self.name, most=MOST_TEXT, given=shown(value))


class Keys(Setting):
    """Names of groups, each once, or None for what fits."""

    kind = "keys"

    def validate(self, obj: Any, value: Any) -> tuple[str, ...] | None:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        if value is None:
            return None
        if isinstance(value, (list, tuple, set, frozenset)) and len(value) <= MOST_KEYS:
            keys = tuple(dict.fromkeys(one for one in value if isinstance(one, str)))
            if len(keys) == len(value) and all(len(one) <= MOST_TEXT for one in keys):
                return keys
        raise InputError("graph_keys", name=self.name, given=shown(value))


class Cameras(Setting):
    """For each graph x, y and zoom of what is looked at, or None for all of it."""

    kind = "cameras"

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        refusal = InputError("graph_cameras", name=self.name, given=shown(value))
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise refusal
        places = list(value)
        if len(places) > MOST_GRAPHS:
            raise refusal
        return tuple(None if one is None else _place(one, refusal) for one in places)


def _place(given: object, refusal: InputError) -> tuple[float, float, float]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise refusal
    try:
        x, y, zoom = (number("camera", one, -1e9, 1e9) for one in given)
    except (InputError, ValueError) as error:
        raise refusal from error
    if zoom <= 0 or not math.isfinite(zoom):
        raise refusal
    return x, y, zoom
