"""How long searches and random walks are: ten times as long in `make test-long`."""

from __future__ import annotations

from hypothesis import settings


def times(count: int) -> int:
    """Return how many examples or steps to try, where `count` of them are in `make test`."""
    return count * settings().max_examples // 100
