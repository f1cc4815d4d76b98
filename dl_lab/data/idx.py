"""The full sets, from the idx files in which MNIST and its like are published."""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dl_lab import paths
from dl_lab.data.images import Labelled
from dl_lab.errors import InputError

ORIGINALS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""The files of a set: images and labels to train on, images and labels to test with."""

_BYTES = 8  # the kind of number, in an idx file's header
_CLASSES = 10
_SIDE = 28
_MOST = 100_000
"""Images of a file: these sets have 60,000 and 10,000."""


@dataclass(frozen=True)
class Published:
    """A set of images that is published as four idx files.

    Attributes
    ----------
    name, title
        As `dl_lab.data` calls it, and as people do.
    torchvision
        Its class in ``torchvision.datasets``, which is also the folder that it makes.
    """

    name: str
    title: str
    torchvision: str

    def parts(self, root: str | os.PathLike[str], *, download: bool) -> tuple[Labelled, Labelled]:
        """Read the part to train on and the part to test with.

        Parameters
        ----------
        root
            The folder with the files, or the one that torchvision made its own folder in.
        download
            Let torchvision get them if they are not there.

        Raises
        ------
        InputError
            If the files are not there or not whole, or cannot be downloaded.
        """
        folder = paths.folder("root", root)
        files = self._files(folder)
        if download and None in files:
            self._download(folder)
            files = self._files(folder)
        found = []
        for name, path in zip(ORIGINALS, files, strict=True):
            if path is None:
                call = f'dl_lab.data.{self.name}("{root}", download=True)'
                raise InputError(
                    "no_original", folder=folder, file=name, title=self.title, call=call
                )
            found.append(path)
        return _labelled(found[0], found[1]), _labelled(found[2], found[3])

    def _files(self, folder: Path) -> list[Path | None]:
        """Return where each of the originals is, unpacked or not."""
        return [
            next((path for path in self._places(folder, name) if path.is_file()), None)
            for name in ORIGINALS
        ]

    def _places(self, folder: Path, name: str) -> list[Path]:
        """Return where an original may be, unpacked or not."""
        places = (folder, folder / self.torchvision / "raw")
        return [path for place in places for path in (place / name, place / f"{name}.gz")]

    def _download(self, folder: Path) -> None:
        files = ", ".join(f"{name}.gz" for name in ORIGINALS)
        try:
            from torchvision import datasets
        except (ImportError, RuntimeError) as error:  # the latter: one for another torch
            raise InputError(
                "needs_torchvision", title=self.title, folder=folder, files=files, detail=error
            ) from error
        places = [path for name in ORIGINALS for path in self._places(folder, name)]
        new = [path for path in places if not path.exists()]
        try:
            getattr(datasets, self.torchvision)(folder, download=True)
        except BaseException as error:
            # Half a file would be taken for a whole one.
            for path in new:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            if not isinstance(error, (OSError, RuntimeError)):
                raise
            raise InputError(
                "not_downloaded",
                title=self.title,
                folder=folder,
                files=files,
                detail=" ".join(str(error).split()),
            ) from error


def _labelled(images: Path, labels: Path) -> Labelled:
    pixels, classes = _read(images, (_SIDE, _SIDE)), _read(labels, ())
    if len(classes) != len(pixels):
        detail = f"{len(classes)} labels for {len(pixels)} images"
        raise InputError("damaged_file", path=labels, detail=detail)
    if classes.max(initial=0) >= _CLASSES:
        raise InputError("damaged_file", path=labels, detail=f"label {classes.max()}")
    grey = torch.from_numpy(pixels.astype("f4")).div_(255).unsqueeze(1)
    return grey, torch.from_numpy(classes.astype("i8"))


def _read(path: Path, each: tuple[int, ...]) -> np.ndarray:
    """Read bytes [n, *each]: two zeros, their kind, the dimensions, each length, then the bytes.

    No more is unpacked than the header announces: a file may unpack to any size.
    """
    dimensions = 1 + len(each)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes([0, 0, _BYTES, dimensions]):
                raise InputError("damaged_file", path=path, detail=f"not idx{dimensions}")
            count, *lengths = np.frombuffer(header, ">u4", offset=4).tolist()
            if tuple(lengths) != each:
                detail = f"images of {'×'.join(map(str, lengths))} pixels"
                raise InputError("damaged_file", path=path, detail=detail)
            if count > _MOST:
                raise InputError("damaged_file", path=path, detail=f"{count} > {_MOST}")
            expected = count * math.prod(each)
            content = file.read(expected)
            more = file.read(1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError("damaged_file", path=path, detail=error) from error
    except OSError as error:
        raise InputError("not_read", path=path, detail=error.strerror) from error
    if len(content) < expected or more:
        size = f"> {expected}" if more else f"{len(content)} ≠ {expected}"
        raise InputError("damaged_file", path=path, detail=f"{size} bytes")
    return np.frombuffer(content, "u1").reshape(count, *each)
