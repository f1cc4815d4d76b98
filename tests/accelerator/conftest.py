"""The device is there for all tests of this folder."""

from __future__ import annotations

import pytest

from tests.accelerator import far


@pytest.fixture(scope="session", autouse=True)
def _far():
    far.load()
