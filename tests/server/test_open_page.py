"""The page that opens a TensorBoard where there is no panel for it."""

from __future__ import annotations

import pytest

from dl_lab.server.open_page import WORDS
from dl_lab.server.problems import SENTENCES
from tests.server.test_tensorboards import API


@pytest.mark.parametrize("language", WORDS)
def test_the_page_names_the_folder_and_starts_nothing(server, language):
    headers = {"Accept-Language": f"{language}-XX,en;q=0.5"}
    before = server.ask("GET", API).json
    answer = server.ask(
        "GET", "/dl-lab/tensorboard?logdir=/runs/%3Cimg%20src=x%3E", headers=headers
    )
    page = answer.body.decode()
    assert answer.status == 200
    assert "/runs/&lt;img src=x&gt;" in page
    assert "<img" not in page
    assert f"{server.base_url}dl-lab/api/tensorboards" in page
    for sentence in WORDS[language].values():
        assert sentence in page
    assert server.ask("GET", API).json == before


def test_a_page_in_spanish_knows_all_refusals(server):
    answer = server.ask("GET", "/dl-lab/tensorboard", headers={"Accept-Language": "es"})
    assert all(f"&quot;{key}&quot;" in answer.body.decode() for key in SENTENCES)


def test_its_words_are_there_in_both_languages():
    assert WORDS["en"].keys() == WORDS["es"].keys()
