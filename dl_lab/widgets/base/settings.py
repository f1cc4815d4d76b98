"""Settings of a widget: traits that change together or not at all, by a call or by assignment."""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from dl_lab import forks
from dl_lab.errors import InputError, refuse_unknown
from dl_lab.widgets.base.traits import Choice, Setting
from dl_lab.widgets.base.widget import Widget, handles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from dl_lab.protocol import Message


class SettingsWidget(Widget):
    """A widget with settings: an assignment to one of them is a call of `set`.

    Its settings are its traits of the kinds in `_traits`, in the order in which the class has them.
    """

    _SETTINGS: ClassVar[Mapping[str, Setting]] = {}

    language = Choice((None, "en", "es"))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # traitlets knows them only later. Those of the class itself come first.
        found: dict[str, Setting] = {}
        for base in cls.__mro__:
            for name, value in vars(base).items():
                if isinstance(value, Setting):
                    found.setdefault(name, value)
        cls._SETTINGS = found

    def __init__(self, **settings: Any) -> None:
        self._lock = forks.opens(threading.RLock())
        super().__init__(**settings)

    def set(self, /, **changes: object) -> None:
        """Change several settings at once: all of them, or none if one is not allowed.

        Raises
        ------
        InputError
            If a value is not allowed; the sentence says what is. Nothing has changed then.
        """
        with self._lock:
            settings = self._checked(changes)
            changed = {name for name, value in settings.items() if getattr(self, name) != value}
            self._take_on(settings)
            self._apply(changed)

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        """Return the values to take on, or refuse those that do not go together."""
        return self._validated(changes)

    def _apply(self, changed: AbstractSet[str]) -> None:
        """Do what follows from settings that have changed; their names are given."""

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
        for name in changes:
            if name not in self._SETTINGS:
                raise InputError.unknown("setting", name, self._SETTINGS)
        settings = self._SETTINGS
        return {name: settings[name].validate(self, value) for name, value in changes.items()}

    def _take_on(self, settings: Mapping[str, object]) -> None:
        """Let traits and views have them, in one message."""
        with self.hold_sync():
            for name, value in settings.items():
                super().__setattr__(name, value)

    def _refuse(self, unknown: Mapping[str, object]) -> None:
        """Raise TypeError for arguments that the class does not take, naming the nearest."""
        parameters = inspect.signature(type(self)).parameters.values()
        known = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
        refuse_unknown(type(self), unknown, known)

    @handles("settings.set")
    def _set_settings(self, message: Message) -> None:
        self.set(**message.meta)
