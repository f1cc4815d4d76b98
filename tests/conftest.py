"""What all tests need around them."""

from __future__ import annotations

import os
from pathlib import Path

# The two kernels that `make test` sets up (scripts/kernels.py).
KERNELS = Path(__file__).resolve().parents[1] / ".cache" / "kernels"
os.environ["JUPYTER_PATH"] = os.pathsep.join(
    filter(None, [str(KERNELS), os.environ.get("JUPYTER_PATH")])
)

# Keras reads it when it is first imported.
os.environ["KERAS_BACKEND"] = "torch"
# No test fetches models.
os.environ["HF_HUB_OFFLINE"] = "1"
