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

# Torch's threads wait without work of their own: with as many workers as processors, each would
# keep the others from theirs.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

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


# What `make test-quick` leaves out, beside all that takes a kernel.
SLOW_FOLDERS = {"accelerator", "adapters", "packaging", "scripts", "server"}
SLOW_FILES = {
    "test_callbacks",
    "test_cell_turns",
    "test_crash",
    "test_event_writer",
    "test_layer_viewer_look",
    "test_no_waiting",
    "test_notebooks",
    "test_playground",
    "test_trainer_state",
}


# What shares something built or started once: folders, but for files that share nothing with them.
SHARING = {
    "packaging": "packaging",
    "server": "server",
    "test_generic_proxy": "students",
    "test_faults": "faults",
}


def pytest_collection_modifyitems(items):
    """Keep on one worker what shares something, and mark what takes long."""
    for item in items:
        folder = item.path.parent.name
        if group := SHARING.get(item.path.stem, SHARING.get(folder)):
            item.add_marker(pytest.mark.xdist_group(group))
        kernel = "warm_kernels" in getattr(item, "fixturenames", ())
        if kernel or folder in SLOW_FOLDERS or item.path.stem in SLOW_FILES:
            item.add_marker(pytest.mark.slow)
