"""What all tests need around them."""

from __future__ import annotations

import os
from pathlib import Path

# The two kernels that `make test` sets up (scripts/kernels.py).
KERNELS = Path(__file__).resolve().parents[1] / ".cache" / "kernels"
os.environ["JUPYTER_PATH"] = os.pathsep.join(
    filter(None, [str(KERNELS), os.environ.get("JUPYTER_PATH")])
)
