"""The files of TensorBoard's projector: points, their labels and their pictures."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

_CONFIG = "projector_config.pbtxt"
# The projector takes sprites up to this many pixels a side.
_SHEET = 8192


def write_embedding(
    folder: Path,
    tag: str,
    step: int,
    points: npt.NDArray[Any],
    labels: Sequence[Sequence[object]] | None,
    header: Sequence[str] | None,
    images: npt.NDArray[Any] | None,
) -> None:
    """Write points [n, d], a row of labels for each, images [n, c, h, w]; list them in the config.

    The config is read and written anew, so that a run which goes on keeps what it had.
    """
    # Tags may hold anything, a file name not.
    name = "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):02x}" for c in tag)
    place = folder / f"{step:05}" / name
    place.mkdir(parents=True, exist_ok=True)
    config = ProjectorConfig()
    path = folder / _CONFIG
    if path.exists():
        text_format.Parse(path.read_text("utf-8"), config)
    tensor = f"{tag}:{step:05}"
    others = [known for known in config.embeddings if known.tensor_name != tensor]
    del config.embeddings[:]
    config.embeddings.extend(others)
    entry = config.embeddings.add(tensor_name=tensor)

    def relative(file: str) -> str:
        return (place / file).relative_to(folder).as_posix()

    buffer = io.StringIO()
    np.savetxt(buffer, points, fmt="%.9g", delimiter="\t")
    (place / "tensors.tsv").write_text(buffer.getvalue(), "utf-8")
    entry.tensor_path = relative("tensors.tsv")
    if labels is not None:
        rows = [*([header] if header else []), *labels]
        text = "".join("\t".join(map(_cell, row)) + "\n" for row in rows)
        (place / "metadata.tsv").write_text(text, "utf-8")
        entry.metadata_path = relative("metadata.tsv")
    if images is not None:
        sheet, (height, width) = sprite(images)
        (place / "sprite.png").write_bytes(sheet)
        entry.sprite.image_path = relative("sprite.png")
        entry.sprite.single_image_dim.extend([width, height])
    # Last and in one go: a reader finds the old list or the new one.
    fresh = folder / f".{_CONFIG}.new"
    fresh.write_text(text_format.MessageToString(config), "utf-8")
    fresh.replace(path)


def _cell(value: object) -> str:
    """Return a label as text without what divides cells and rows."""
    return " ".join(str(value).split())


def sprite(images: npt.NDArray[Any]) -> tuple[bytes, tuple[int, int]]:
    """Return images [n, c, h, w] row by row on a square PNG, and each one's size on it.

    Bytes are taken as they are, other values to be in [0, 1]. Images are thinned out where the
    sheet would be larger than the projector takes.
    """
    from PIL import Image

    count, _, height, width = images.shape
    if images.dtype != np.uint8:
        images = (np.nan_to_num(images.astype("f4"), nan=0) * 255).clip(0, 255).astype("u1")
    side = math.ceil(math.sqrt(count))
    thin = -(-side * max(height, width) // _SHEET)
    images = images[:, :, ::thin, ::thin]
    _, _, height, width = images.shape
    sheet = np.zeros((side * side, height, width, 3), "u1")
    sheet[:count] = images.transpose(0, 2, 3, 1)  # one channel goes to all three
    whole = sheet.reshape(side, side, height, width, 3).transpose(0, 2, 1, 3, 4)
    buffer = io.BytesIO()
    Image.fromarray(whole.reshape(side * height, side * width, 3)).save(buffer, "PNG")
    return buffer.getvalue(), (height, width)
