"""Make dl_lab/data/files/photos.npz from photos that scikit-learn and scikit-image ship.

Needs both and Pillow: `pip install pillow scikit-image scikit-learn`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from skimage.data import chelsea, coffee
from sklearn.datasets import load_sample_image

FILES = Path(__file__).resolve().parents[2] / "dl_lab" / "data" / "files"
SIZE = (384, 256)  # width, height

if __name__ == "__main__":
    originals = {
        "china": load_sample_image("china.jpg"),
        "flower": load_sample_image("flower.jpg"),
        "cat": chelsea(),
        "coffee": coffee(),
    }
    fitted = [
        np.asarray(ImageOps.fit(Image.fromarray(pixels), SIZE, Image.Resampling.LANCZOS))
        for pixels in originals.values()
    ]
    np.savez_compressed(
        FILES / "photos.npz",
        images=np.stack(fitted).transpose(0, 3, 1, 2),
        names=np.array([*originals]),
    )
