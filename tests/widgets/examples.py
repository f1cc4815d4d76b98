"""One example of each widget, which the contract tests in Python, TypeScript and browsers share.

``cells/NAME.py`` makes it, as ``widget``, where the class needs something to show. Run as a program
this prints what a page gets of each, for the tests in TypeScript.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from dl_lab.protocol import Message, encode
from dl_lab.widgets.base.widget import Widget
from tests.test_stems import WIDGETS
from tests.widgets.page import Page

CELLS = Path(__file__).parent / "cells"
STEMS = sorted(WIDGETS)


def class_name(stem: str) -> str:
    return "".join(word.capitalize() for word in stem.split("_"))


def example(stem: str) -> Widget:
    """Make the widget as a person's cell does."""
    file = CELLS / f"{stem}.py"
    plain = f"import dl_lab\n\nwidget = dl_lab.{class_name(stem)}()\n"
    names: dict[str, Any] = {}
    exec(file.read_text() if file.exists() else plain, names)  # noqa: S102 - what a person would run
    widget: Widget = names["widget"]
    return widget


def recorded(stem: str) -> dict[str, Any]:
    """Return what a page gets: the traits, the reply to hello, the first message of the stream."""
    widget = example(stem)
    state = {
        name: value
        for name, value in widget.get_state().items()
        if not name.startswith("_") and name not in {"layout", "tabbable", "tooltip"}
    }
    hello = Page(widget).request("hello", view="page", have={})
    stream = widget.compose(touched=True)
    widget.close()
    return {
        "state": state,
        "hello": _packed(hello),
        "stream": None if stream is None else _packed(stream),
    }


def _packed(message: Message) -> dict[str, Any]:
    content, buffers = encode(message)
    return {"content": content, "buffers": [base64.b64encode(one).decode() for one in buffers]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps({stem: recorded(stem) for stem in STEMS}))
