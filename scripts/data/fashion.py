"""Make dl_lab/data/files/fashion.npz from the Debian package `dataset-fashion-mnist`."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import tempfile
from pathlib import Path

import numpy as np

FILES = Path(__file__).resolve().parents[2] / "dl_lab" / "data" / "files"
PACKAGE = "dataset-fashion-mnist"
SHA256 = "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0"
FIRST = {"train": 600, "t10k": 100}  # of each class


def pixels(path: Path, header: int) -> np.ndarray:
    """Return the bytes of an idx file behind its header."""
    return np.frombuffer(gzip.decompress(path.read_bytes()), "u1", offset=header)


def part(folder: Path, name: str, count: int) -> np.ndarray:
    """Return the first images of each class, [10, count, 28, 28]."""
    images = pixels(folder / f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = pixels(folder / f"{name}-labels-idx1-ubyte.gz", 8)
    return np.stack([images[labels == label][:count] for label in range(10)])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
        (package,) = Path(folder).glob("*.deb")
        if hashlib.sha256(package.read_bytes()).hexdigest() != SHA256:
            raise SystemExit(f"{PACKAGE} is not the file that it was.")
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
        originals = Path(folder) / "usr" / "share" / "datasets" / "fashion-mnist"
        train, test = (part(originals, name, count) for name, count in FIRST.items())
    np.savez_compressed(FILES / "fashion.npz", train=train, test=test)
