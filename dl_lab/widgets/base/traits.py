"""Traits whose refusals are sentences: what was given, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import traitlets

from dl_lab.errors import InputError, number, shown, whole

if TYPE_CHECKING:
    Trait = traitlets.TraitType[Any, Any]
else:
    # Its subscripts need traitlets 5.10, and hosted notebooks have older ones.
    Trait = traitlets.TraitType

_FIRST = object()
"""Stands for the default that a kind of setting has of its own."""


class Setting(Trait):
    """A value that a person may change, and that the views follow.

    Parameters
    ----------
    default
        The value where none is given.
    group
        None shows its control in the row of settings; a name puts it behind "Advanced", under the
        heading ``group_NAME`` of the widget's words (``"advanced"`` has none). ``"drawn"`` is left
        to the widget's view, which places it by ``settingControl``.
    """

    kind = "other"

    def __init__(self, default: object = None, *, group: str | None = None, **kwargs: Any) -> None:
        self.group = group
        super().__init__(default_value=default, **kwargs)
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the value as it is kept, or refuse it in a sentence."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """Return what a view needs to know to offer this setting."""
        return {
            "name": self.name,
            "kind": self.kind,
            "default": self.default_value,
            "group": self.group,
        }


class Choice(Setting):
    """One of a few values; the first is the default.

    Where a widget has others, such as what a person gave it, its `offers` lists them all under the
    setting's name.
    """

    kind = "choice"

    def __init__(self, allowed: Iterable[object], default: object = _FIRST, **kwargs: Any) -> None:
        self.allowed = tuple(allowed)
        super().__init__(self.allowed[0] if default is _FIRST else default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the value as it is kept, or refuse it in a sentence."""
        allowed = getattr(obj, "offers", {}).get(self.name, self.allowed)
        if isinstance(value, (str, type(None))) and value in allowed:
            return value
        raise InputError.unknown(self.name or "value", value, allowed)

    def describe(self) -> dict[str, Any]:
        """Tell a page what may be set."""
        return {**super().describe(), "allowed": list(self.allowed)}


class Number(Setting):
    """A number between two limits, both allowed; without a default the lower one, or None.

    Parameters
    ----------
    low, high
        The limits.
    step
        Between two places of its slider: 1 for whole numbers, else a hundredth of the range. None
        offers a field to type in.
    whole
        Whether only whole numbers are allowed.
    log
        Whether its slider goes by powers of ten; where `low` is 0, over the six below `high`.
    optional
        Whether None is allowed.
    """

    kind = "number"

    def __init__(
        self,
        low: float,
        high: float,
        default: object = _FIRST,
        *,
        step: object = _FIRST,
        whole: bool = False,
        log: bool = False,
        optional: bool = False,
        **kwargs: Any,
    ) -> None:
        self.low, self.high, self.whole, self.optional = low, high, whole, optional
        self.log = log
        self.step = (1 if whole else (high - low) / 100) if step is _FIRST else step
        if default is _FIRST:
            default = None if optional else low
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        if value is None and self.optional:
            return None
        name = self.name or "value"
        if self.whole:
            return whole(name, value, int(self.low), int(self.high))
        return number(name, value, self.low, self.high)

    def describe(self) -> dict[str, Any]:
        """Tell a page what may be set."""
        limits = {"low": self.low, "high": self.high, "step": self.step, "whole": self.whole}
        return {**super().describe(), **limits, "log": self.log, "optional": self.optional}


class Flag(Setting):
    """True or false."""

    kind = "flag"

    def __init__(self, default: bool = False, **kwargs: Any) -> None:
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        if isinstance(value, bool):
            return value
        raise InputError("yes_no", name=self.name, given=shown(value))


class Choices(Setting):
    """Some of a few values, each once, kept in their own order; without a default all of them."""

    kind = "choices"

    def __init__(self, allowed: Iterable[str], default: object = _FIRST, **kwargs: Any) -> None:
        self.allowed = tuple(allowed)
        super().__init__(self.allowed if default is _FIRST else default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        given = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else value
        given = tuple(given)
        for item in given:
            if not isinstance(item, str) or item not in self.allowed:
                raise InputError.unknown(self.name or "value", item, self.allowed)
        if not given:
            raise InputError("some", name=self.name, allowed=", ".join(self.allowed))
        return tuple(item for item in self.allowed if item in given)

    def describe(self) -> dict[str, Any]:
        """Tell a page what may be set."""
        return {**super().describe(), "allowed": list(self.allowed)}


class Chosen(Choices):
    """Some of many values, or none; the widget's view draws what chooses them.

    Parameters
    ----------
    most
        How many at once.
    """

    kind = "chosen"

    def __init__(
        self, allowed: Iterable[str], default: object = (), *, most: int, **kwargs: Any
    ) -> None:
        self.most = most
        super().__init__(allowed, default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the value as it is kept, or refuse it in a sentence."""
        if isinstance(value, (list, tuple)) and not value:
            return ()
        chosen = super().validate(obj, value)
        if len(chosen) > self.most:
            raise InputError("too_many", name=self.name, given=len(chosen), most=self.most)
        return chosen


class Numbers(Setting):
    """A list of numbers between two limits, such as a place; the widget's view draws it."""

    kind = "numbers"

    def __init__(
        self,
        least: int,
        most: int,
        low: float,
        high: float,
        default: tuple[float, ...],
        **kwargs: Any,
    ) -> None:
        self.least, self.most, self.low, self.high = least, most, low, high
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        given = tuple(value) if isinstance(value, (list, tuple)) else None
        if given is None or not self.least <= len(given) <= self.most:
            raise InputError(
                "numbers", name=self.name, least=self.least, most=self.most, given=shown(value)
            )
        return tuple(number(self.name or "value", one, self.low, self.high) for one in given)

    def describe(self) -> dict[str, Any]:
        """Tell a page what may be set."""
        limits = {"least": self.least, "most": self.most, "low": self.low, "high": self.high}
        return {**super().describe(), **limits}


class Sizes(Setting):
    """A list of whole numbers, as the neurons of each layer."""

    kind = "sizes"

    def __init__(
        self, most: int, low: int, high: int, default: tuple[int, ...] = (), **kwargs: Any
    ) -> None:
        self.most, self.low, self.high = most, low, high
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise InputError("sizes", name=self.name, given=shown(value))
        sizes = tuple(whole(self.name or "value", size, self.low, self.high) for size in value)
        if len(sizes) > self.most:
            raise InputError("too_many", name=self.name, given=len(sizes), most=self.most)
        return sizes

    def describe(self) -> dict[str, Any]:
        """Tell a page what may be set."""
        limits = {"most": self.most, "low": self.low, "high": self.high}
        return {**super().describe(), **limits}
