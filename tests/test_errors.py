"""Every sentence of a refusal can be said in both languages."""

from __future__ import annotations

import json
import string
from pathlib import Path

import pytest

from dl_lab.errors import SENTENCES, InputError

LOCALES = Path(__file__).resolve().parents[1] / "js" / "shared" / "locales"


def catalogue(language: str) -> dict[str, str]:
    text = (LOCALES / f"{language}.json").read_text(encoding="utf-8")
    errors: dict[str, str] = json.loads(text)["error"]
    return errors


def test_the_english_catalogue_holds_these_very_sentences():
    assert catalogue("en") == SENTENCES


@pytest.mark.parametrize("key", SENTENCES)
def test_the_spanish_sentence_has_the_same_placeholders(key):
    def placeholders(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    assert placeholders(catalogue("es")[key]) == placeholders(SENTENCES[key])


def test_the_nearest_choice_is_named():
    assert "did you mean spiral?" in str(InputError.unknown("data", "spirl", ["circle", "spiral"]))
