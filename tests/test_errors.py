"""Every sentence of a refusal can be said in both languages."""

from __future__ import annotations

import json
import math
import string
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from dl_lab.errors import SENTENCES, InputError, number, refuse_unknown, shown, whole

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


def printed(cell: str) -> str:
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
    assert printed(f"from dl_lab.errors import InputError\n{cell}").strip() == SENTENCE


def test_an_error_of_ones_own_after_it_has_its_traceback():
    cell = f"try:\n    {REFUSED}\nexcept InputError as error:\n    raise KeyError('own') from error"
    text = printed(f"from dl_lab.errors import InputError\n{cell}")
    assert "KeyError: 'own'" in text
    assert "Traceback" in text
    assert SENTENCE in text


class Unwritable:
    def __repr__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "given",
    [
        "x" * 10**6,
        ["x" * 10**6],
        {"x" * 10**6: [0] * 10**6},
        10**5000,
        [-(10**400)] * 10**4,
        Fraction(10**5000, 3),
        Unwritable(),
        [Unwritable()],
        torch.zeros(1000, 1000),
        "\ud800",
    ],
    ids=lambda given: type(given).__name__,
)
def test_no_sentence_holds_a_large_value_whole(given):
    for refuse in (
        lambda: number("rate", given, 0, 1),
        lambda: whole("steps", given, 0, 1),
        lambda: refuse_unknown(dict, {str(type(given)) * 10**5: 1}, ["known"]),
    ):
        with pytest.raises((InputError, TypeError)) as caught:
            refuse()
        assert len(str(caught.value)) < 1000
    assert len(str(InputError.unknown("data", given, ["circle"] * 10**4))) < 1500
    for key, sentence in [*SENTENCES.items()][::30]:
        names = [name for _, name, _, _ in string.Formatter().parse(sentence) if name]
        error = InputError(key, **dict.fromkeys(names, given))
        assert len(str(error)) <= len(sentence) + len(names) * 500


def test_what_is_short_is_told_as_it_is():
    assert str(InputError("number", name="x", low=0, high=1, given=shown([0.5, "two"]))) == (
        "x must be a number between 0 and 1; got [0.5, 'two']."
    )


def test_an_integer_beyond_all_floats_is_a_number_too_large():
    with pytest.raises(InputError, match=r"between 0 and 1; got ≈ 1e400, beyond ±1.8e308\."):
        number("rate", 10**400, 0, 1)
    with pytest.raises(InputError, match="got ≈ -1e400"):
        number("rate", -(10**400), -math.inf, math.inf)
