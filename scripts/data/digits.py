"""Make dl_lab/data/files/digits.npz from scikit-learn's copy of the UCI digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

FILES = Path(__file__).resolve().parents[2] / "dl_lab" / "data" / "files"

if __name__ == "__main__":
    digits = load_digits()
    np.savez_compressed(
        FILES / "digits.npz",
        images=digits.images.astype("u1"),
        labels=digits.target.astype("u1"),
    )
