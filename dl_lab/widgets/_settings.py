"""Settings of a widget: traits that change together or not at all, by a call or by assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from dl_lab.errors import InputError
from dl_lab.widgets._base import Widget

if TYPE_CHECKING:
    from collections.abc import Mapping


class SettingsWidget(Widget):
    """A widget with settings: an assignment to one of them is a call of `set`.

    A subclass names them in `_SETTINGS`; its `set` validates, then takes them on.
    """

    _SETTINGS: ClassVar[tuple[str, ...]] = ()

    def set(self, **changes: object) -> None:
        """Change several settings at once: all of them, or none if one is not allowed."""
        raise NotImplementedError

    def __setattr__(self, name: str, value: object) -> None:
        if self._ready and name in self._SETTINGS:
            self.set(**{name: value})
        else:
            super().__setattr__(name, value)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings by name, as they are now."""
        return {name: getattr(self, name) for name in self._SETTINGS}

    def _validated(self, changes: Mapping[str, object]) -> dict[str, Any]:
        """Return the values that the traits make of these, each by itself."""
        traits = type(self).class_traits()
        for name in changes:
            if name not in self._SETTINGS:
                raise InputError.unknown("setting", name, self._SETTINGS)
        return {name: traits[name].validate(self, value) for name, value in changes.items()}

    def _take_on(self, settings: Mapping[str, object]) -> None:
        """Let traits and views have them, in one message."""
        with self.hold_sync():
            for name, value in settings.items():
                super().__setattr__(name, value)
