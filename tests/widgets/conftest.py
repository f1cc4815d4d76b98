from __future__ import annotations

from collections.abc import Iterator

import pytest

import dl_lab
from tests.widgets.page import Page


@pytest.fixture
def pg() -> Iterator[dl_lab.Playground]:
    playground = dl_lab.Playground()
    yield playground
    playground.close()


@pytest.fixture
def page(pg: dl_lab.Playground) -> Page:
    page = Page(pg)
    page.request("hello", view="page", have={})
    assert page.wait(page.frames)
    return page
