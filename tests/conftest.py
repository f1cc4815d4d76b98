"""What all tests need around them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The two kernels that `make test` sets up (scripts/kernels.py).
KERNELS = Path(__file__).resolve().parents[1] / ".cache" / "kernels"
os.environ["JUPYTER_PATH"] = os.pathsep.join(
    filter(None, [str(KERNELS), os.environ.get("JUPYTER_PATH")])
)

# Keras reads it when it is first imported.
os.environ["KERAS_BACKEND"] = "torch"
# No test fetches models.
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_collection_modifyitems(items):
    """Keep on one worker what shares something built or started once."""
    for item in items:
        folder = item.path.parent.name
        if folder in {"packaging", "server"}:
            item.add_marker(pytest.mark.xdist_group(folder))
