"""Event files as TensorBoard itself reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("compressedHistograms", "scalars", "images", "audio", "histograms", "tensors", "graph")


def read(folder: Path) -> EventAccumulator:
    """Read all files of a folder and keep every event."""
    return EventAccumulator(str(folder), size_guidance=dict.fromkeys(KINDS, 0)).Reload()


def shown(folder: Path, tag: str) -> list[tuple[int, Any]]:
    """Read steps and values as TensorBoard's server does, which has a reader of its own."""
    reader = plugin_event_accumulator.EventAccumulator(
        str(folder), tensor_size_guidance={"scalars": 0, "text": 0}
    )
    reader.Reload()
    if tag not in reader.Tags()["tensors"]:
        return []
    events = reader.Tensors(tag)
    return [(event.step, make_ndarray(event.tensor_proto).item()) for event in events]
