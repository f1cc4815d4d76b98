"""What all tests need around them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.kernels.warm import WarmKernels

# The two kernels that `make test` sets up (scripts/kernels.py).
KERNELS = Path(__file__).resolve().parents[1] / ".cache" / "kernels"
os.environ["JUPYTER_PATH"] = os.pathsep.join(
    filter(None, [str(KERNELS), os.environ.get("JUPYTER_PATH")])
)

# Keras reads it when it is first imported.
os.environ["KERAS_BACKEND"] = "torch"
# No test fetches models.
os.environ["HF_HUB_OFFLINE"] = "1"


# For --hypothesis-profile: each search and each random walk ten times as long (tests/lengths.py).
settings.register_profile("long", max_examples=1000)


@pytest.fixture(scope="session")
def warm_kernels():
    """Make managers of kernels that start at once: `warm_kernels.manager("ipykernel-7.4")`."""
    with WarmKernels() as kernels:
        yield kernels


def pytest_collection_modifyitems(items):
    """Keep on one worker what shares something built or started once."""
    for item in items:
        folder = item.path.parent.name
        if folder in {"packaging", "server"}:
            item.add_marker(pytest.mark.xdist_group(folder))
