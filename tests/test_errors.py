"""Every sentence of a refusal can be said in both languages."""

from __future__ import annotations

import json
import string
import subprocess
import sys
from pathlib import Path

import pytest

from dl_lab.errors import SENTENCES, InputError

CATALOGUE = Path(__file__).resolve().parents[1] / "js" / "shared" / "locales" / "es.json"
SPANISH: dict[str, str] = json.loads(CATALOGUE.read_text(encoding="utf-8"))["error"]


def test_the_spanish_catalogue_holds_these_very_keys():
    assert set(SPANISH) == set(SENTENCES)


@pytest.mark.parametrize("key", SENTENCES)
def test_the_spanish_sentence_has_the_same_placeholders(key):
    def placeholders(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    assert placeholders(SPANISH[key]) == placeholders(SENTENCES[key])


def test_the_nearest_choice_is_named():
    assert "did you mean spiral?" in str(InputError.unknown("data", "spirl", ["circle", "spiral"]))


def shown(cell: str) -> str:
    """Run a cell in an IPython shell of its own and return what it prints."""
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "--no-banner", "-c", cell]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


REFUSED = "raise InputError('closed', name='This trainer')"
SENTENCE = "InputError: This trainer is closed. Create a new one to continue."


@pytest.mark.parametrize(
    "cell",
    [
        REFUSED,
        f"{REFUSED} from KeyError('x')",
        f"try:\n    1 / 0\nexcept ZeroDivisionError:\n    {REFUSED}",
    ],
)
def test_a_cell_shows_the_sentence_alone(cell):
    assert shown(f"from dl_lab.errors import InputError\n{cell}").strip() == SENTENCE


def test_an_error_of_ones_own_after_it_has_its_traceback():
    cell = f"try:\n    {REFUSED}\nexcept InputError as error:\n    raise KeyError('own') from error"
    text = shown(f"from dl_lab.errors import InputError\n{cell}")
    assert "KeyError: 'own'" in text
    assert "Traceback" in text
    assert SENTENCE in text
