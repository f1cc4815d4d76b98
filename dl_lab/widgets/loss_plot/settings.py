"""The settings of a plot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dl_lab.errors import InputError, shown
from dl_lab.widgets.base.traits import Setting


class Hidden(Setting):
    """Pairs of a run's index and one of its series, or None for all of them."""

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        refusal = InputError("hidden_pairs", given=shown(value))
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
