"""What a refusal carries to a view: its sentence, and the same in the view's language."""

from __future__ import annotations

import json
import string
import threading
from pathlib import Path

import pytest

import dl_lab
from dl_lab.errors import SENTENCES, InputError
from dl_lab.protocol import Message, decode, encode
from dl_lab.widgets.base.widget import STATIC, refusal, sentence
from tests.widgets.page import Page

LOCALES = Path(__file__).resolve().parents[3] / "js" / "shared" / "locales"


def spanish() -> dict[str, str]:
    text = (LOCALES / "es.json").read_text(encoding="utf-8")
    errors: dict[str, str] = json.loads(text)["error"]
    return errors


def test_the_build_collected_all_sentences_in_spanish():
    built = json.loads((STATIC / "sentences.json").read_text(encoding="utf-8"))
    assert built == {"es": spanish()}


@pytest.mark.parametrize("key", SENTENCES)
def test_every_refusal_can_be_said_in_spanish(key):
    templates = sentence(InputError(key, **parameters(key)))["templates"]
    assert templates == {"es": spanish()[key]}
    # With what the English one was filled with.
    assert "{" not in templates["es"].format(**parameters(key))


def parameters(key: str) -> dict[str, str]:
    fields = string.Formatter().parse(SENTENCES[key])
    return {name: f"<{name}>" for _, name, _, _ in fields if name}


def test_what_a_view_is_told_when_it_is_refused(page: Page):
    error = page.request("settings.set", noise="loud").meta["error"]
    assert error["key"] == "number"
    said = error["templates"]["es"].format(**error["params"])
    assert said == "noise debe ser un número entre 0 y 50; 'loud' no lo es."
    assert error["text"] == str(InputError(error["key"], **error["params"]))


def test_an_unexpected_failure_is_told_in_spanish_too():
    error = refusal(ZeroDivisionError("division by zero"))["error"]
    assert (error["key"], error["params"]["kind"]) == ("unexpected", "ZeroDivisionError")
    said = error["templates"]["es"].format(**error["params"])
    assert "ZeroDivisionError" in said
    assert said != error["text"]


def test_what_a_view_says_while_a_widget_is_made_is_answered_once_it_is(monkeypatch):
    hello, _ = encode(Message("hello", {"view": "early", "have": {}}, id="1"))
    sent = []

    def set_trait(plot, *_: object) -> None:
        # As a subshell does it: the comm is open, and the widget is not finished.
        thread = threading.Thread(target=plot._receive, args=(None, hello, []))
        thread.start()
        thread.join()
        assert sent == []

    monkeypatch.setattr(dl_lab.LossPlot, "set_trait", set_trait)
    monkeypatch.setattr(dl_lab.LossPlot, "send", lambda _, content, __: sent.append(content))
    plot = dl_lab.LossPlot(dl_lab.History())
    reply = decode(sent[0], [])
    assert (reply.id, reply.meta["ok"]) == ("1", True)
    plot.close()
