"""Traits whose refusals are sentences: what was given, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import traitlets

from dl_lab.errors import InputError, number, whole

if TYPE_CHECKING:
    Trait = traitlets.TraitType[Any, Any]
else:
    # Its subscripts need traitlets 5.10, and hosted notebooks have older ones.
    Trait = traitlets.TraitType


class Choice(Trait):
    """One of a few values."""

    def __init__(self, allowed: Iterable[object], **kwargs: Any) -> None:
        self.allowed = tuple(allowed)
        super().__init__(default_value=self.allowed[0], **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        if isinstance(value, (str, type(None))) and value in self.allowed:
            return value
        raise InputError.unknown(self.name or "value", value, self.allowed)


class Number(Trait):
    """A number between two limits, both allowed."""

    def __init__(
        self, low: float, high: float, *, whole: bool = False, optional: bool = False, **kwargs: Any
    ) -> None:
        self.low, self.high, self.whole, self.optional = low, high, whole, optional
        super().__init__(default_value=None if optional else low, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        if value is None and self.optional:
            return None
        name = self.name or "value"
        if self.whole:
            return whole(name, value, int(self.low), int(self.high))
        return number(name, value, self.low, self.high)


class Flag(Trait):
    """True or false."""

    default_value = False

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        if isinstance(value, bool):
            return value
        raise InputError("yes_no", name=self.name, given=repr(value))


class Choices(Trait):
    """Some of a few values, each once, kept in their own order."""

    def __init__(self, allowed: Iterable[str], **kwargs: Any) -> None:
        self.allowed = tuple(allowed)
        super().__init__(default_value=self.allowed, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        given = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else value
        given = tuple(given)
        for item in given:
            if not isinstance(item, str) or item not in self.allowed:
                raise InputError.unknown(self.name or "value", item, self.allowed)
        if not given:
            raise InputError("some", name=self.name, allowed=", ".join(self.allowed))
        return tuple(item for item in self.allowed if item in given)


class Sizes(Trait):
    """A list of whole numbers, as the neurons of each layer."""

    def __init__(self, most: int, low: int, high: int, **kwargs: Any) -> None:
        self.most, self.low, self.high = most, low, high
        super().__init__(default_value=(), **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise InputError("sizes", name=self.name, given=repr(value))
        sizes = tuple(whole(self.name or "value", size, self.low, self.high) for size in value)
        if len(sizes) > self.most:
            raise InputError("too_many", name=self.name, given=len(sizes), most=self.most)
        return sizes
