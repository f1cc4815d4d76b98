"""Photographs in colour, for kernels and networks to look at."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dl_lab.data.images import FILES
from dl_lab.errors import InputError
from dl_lab.shipped import read

_SHA256 = "d00ae02bd1b129cf752a582809191b07a7d513ec105cfe014c4462ab1d152004"


@dataclass(frozen=True, repr=False)
class Photos:
    """Photographs of one size, each with a name.

    Iterating gives the names; ``photos["cat"]`` is that photograph, [3, height, width].

    Attributes
    ----------
    images
        [n, 3, height, width] float32 in [0, 1]: red, green, blue.
    names
        What each of them is called.
    source, licence
        Where the photographs come from and how they may be used.
    """

    images: Tensor
    names: tuple[str, ...]
    source: str
    licence: str

    def __getitem__(self, name: str) -> Tensor:
        """Return one photograph, [3, height, width], or raise `InputError`."""
        if name not in self.names:
            raise InputError.unknown("photo", name, self.names)
        return self.images[self.names.index(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        """Tell shapes, names, source and licence."""
        size = "×".join(str(length) for length in self.images.shape[1:])
        return (
            f"photos: {len(self)} images {size} ({', '.join(self.names)})\n"
            f"Source: {self.source}\nLicence: {self.licence}"
        )


def photos() -> Photos:
    """Return four photographs of 256×384 pixels: a palace, a flower, a cat and a cup of coffee.

    Lines, soft and sharp edges, fur and wood: what image kernels and first layers answer to.

    Returns
    -------
    Photos
        ``china``, ``flower``, ``cat`` and ``coffee``, each [3, 256, 384] float32 in [0, 1].

    Raises
    ------
    OSError
        If the shipped file is missing or damaged.

    Examples
    --------
    >>> photos()["cat"].shape
    torch.Size([3, 256, 384])
    >>> [*photos()]
    ['china', 'flower', 'cat', 'coffee']
    """
    with np.load(io.BytesIO(read(FILES / "photos.npz", _SHA256))) as arrays:
        images = torch.from_numpy(arrays["images"]).float().div(255)
        names = tuple(arrays["names"].tolist())
    return Photos(
        images,
        names,
        "china by danielbuechele, flower by vultilion, both on Flickr (as in scikit-learn); cat by "
        "Stéfan van der Walt, coffee by Rachel Michetti, courtesy of Pikolo Espresso Bar (as in "
        "scikit-image); scaled down to 256×384 pixels",
        "china and flower: CC BY 2.0; cat and coffee: CC0 1.0",
    )
