"""Widgets that leave a static picture in the saved notebook."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from dl_lab.errors import InputError
from dl_lab.widgets.base.saved_picture import SavedPicture
from dl_lab.widgets.base.settings import SettingsWidget
from dl_lab.widgets.base.widget import STATIC, Reply, weakly


class PicturedWidget(SettingsWidget):
    """A widget whose ``picture() -> str``, where it has one, is a second output of its cell.

    While a live view is on the page, that view hides it.
    """

    _saved: SavedPicture | None = None

    def _be_ready(self) -> None:
        # What the picture's text contains; a closed widget has no id any more.
        self._mark = f"dl-lab-{self.model_id}"
        if hasattr(self, "picture"):
            self._saved = SavedPicture(weakly(self.picture), self._mark)
        super()._be_ready()

    def words(self) -> dict[str, str]:
        """Return what the picture says, as the page says it; in English where nobody chose."""
        return _words(self._stem)[self.language or "en"]

    def _update_picture(self) -> None:
        """Bring the picture that was displayed up to date."""
        if self._saved is not None:
            self._saved.update()

    def on_close(self) -> None:
        """Leave the picture as it is now for good."""
        super().on_close()
        if self._saved is not None:
            self._saved.close()

    def close(self) -> None:
        """Take the widget off the page, and say so where it is displayed again."""
        super().close()
        # ipywidgets 7 has hidden what says that it is closed.
        self.__dict__.pop("_ipython_display_", None)

    def introduce(self, have: Mapping[str, Any]) -> Reply:  # noqa: ARG002 - every view lacks it
        """Tell a new view what marks the picture that it makes superfluous."""
        return {"picture": None if self._saved is None else self._mark}, {}

    def _ipython_display_(self) -> None:
        if self.comm is None:
            raise InputError("closed", name=type(self).__name__)
        self._display_view()
        if self._saved is not None:
            self._saved.show()


@functools.cache
def _words(stem: str) -> dict[str, dict[str, str]]:
    """Return a widget's words by language, as the build put them beside its bundle."""
    words: dict[str, dict[str, str]] = json.loads(
        (STATIC / f"{stem}.json").read_text(encoding="utf-8")
    )
    return words
