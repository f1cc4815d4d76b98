"""TensorBoard's event files: records as bytes, and a file that they go to many at a time."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Iterable


def record(event: Event) -> bytes:
    """Frame one event as TensorBoard's reader wants it: length, checksum, data, checksum."""
    buffer = io.BytesIO()
    RecordWriter(buffer).write(event.SerializeToString())
    return buffer.getvalue()


def scalar_records(
    tag: str,
    steps: npt.NDArray[np.integer[Any]],
    wall_times: npt.NDArray[np.float64],
    values: npt.NDArray[np.floating[Any]],
) -> bytes:
    """Return the records of many values of one tag, at 0.4 µs each.

    Parameters
    ----------
    tag
        As TensorBoard shows it; what stands before a slash groups its charts.
    steps
        [n], 0 to 2³² - 1.
    wall_times
        f8 [n], seconds since 1970.
    values
        [n], stored as f4, the only kind of TensorBoard's scalars; NaN and infinities too.

    Notes
    -----
    One event at a time, through protobuf and a checksum in Python, takes 12 µs of the interpreter,
    which the training thread then lacks. Here all records have one length and are made as the
    columns of one array: the step takes five bytes whatever it is (a varint may have leading
    zeros), and the checksum runs over all rows at once.
    """
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=1)]).SerializeToString()
    # The event's fields: 1 wall_time, 2 step, 5 summary. The value is the summary's last field.
    end = bytes([5 << 3 | 2]) + _varint(len(summary)) + summary[:-4]
    length = 1 + 8 + 1 + 5 + len(end) + 4
    head = _record_head(length)
    rows = np.empty(
        len(steps),
        [
            ("head", f"V{len(head)}"),
            ("wall_time_key", "u1"),
            ("wall_time", "<f8"),
            ("step_key", "u1"),
            ("step", "u1", 5),
            ("end", f"V{len(end)}"),
            ("value", "<f4"),
            ("checksum", "<u4"),
        ],
    )
    rows["head"] = np.void(head)
    rows["wall_time_key"] = 1 << 3 | 1
    rows["wall_time"] = wall_times
    rows["step_key"] = 2 << 3
    rows["step"] = (steps.astype("u8")[:, None] >> np.arange(0, 35, 7, dtype="u8")) & 0x7F
    rows["step"][:, :4] |= 0x80
    rows["end"] = np.void(end)
    with np.errstate(over="ignore"):  # beyond f4 is infinity
        rows["value"] = values
    data = rows.view("u1").reshape(len(rows), -1)[:, len(head) : -4]
    rows["checksum"] = _masked(_checksums(data))
    return rows.tobytes()


def _record_head(length: int) -> bytes:
    """Return what stands before a record's data."""
    size = struct.pack("<Q", length)
    (checksum,) = _masked(_checksums(np.frombuffer(size, "u1")[None]))
    return size + struct.pack("<I", checksum)


def _varint(value: int) -> bytes:
    pieces = bytearray()
    while value > 0x7F:  # noqa: PLR2004
        pieces.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*pieces, value])


def _table() -> npt.NDArray[np.uint32]:
    """Return the checksum's step for each byte (CRC-32C, reflected)."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = ((table >> 1) ^ (table & 1) * 0x82F63B78).astype(np.uint32)
    return table


_TABLE = _table()


def _checksums(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """Return the CRC-32C of each row."""
    checksums = np.full(len(data), 0xFFFFFFFF, "u4")
    for column in np.ascontiguousarray(data.T):
        checksums = _TABLE[(checksums ^ column) & 0xFF] ^ (checksums >> 8)
    return ~checksums


def _masked(checksums: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Mask them as the record format does, so that checksums of checksums stay good."""
    turned = (checksums >> 15) | (checksums << 17)
    return turned.astype(np.uint32) + np.uint32(0xA282EAD8)


class EventFile:
    """One event file, made by the first write.

    Parameters
    ----------
    folder
        Made where it is missing.

    Notes
    -----
    It is open only while it is written to, once for a whole batch of records. So nothing needs
    closing, and a file that someone deleted is missed at once instead of being written to in vain.

    Examples
    --------
    >>> import tempfile
    >>> file = EventFile(tempfile.mkdtemp())
    >>> file.write([record(Event(step=1)), record(Event(step=2))])
    >>> file.path.exists()
    True
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # Readers take the files of a folder in the order of their names.
        name = (
            f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}"
            f".{os.getpid()}.{secrets.token_hex(3)}"
        )
        self.path = Path(folder) / name
        self._size = 0

    @property
    def begun(self) -> bool:
        """Whether it was written to."""
        return self._size > 0

    def write(self, records: Iterable[bytes]) -> None:
        """Append the records, all of them or none.

        Raises
        ------
        OSError
            They could not be written; FileNotFoundError when the file was deleted.
        """
        data = b"".join(records)
        if not self.begun:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            first = record(Event(wall_time=time.time(), file_version="brain.Event:2"))
            data = first + data
        # Exclusive only the first time: what a failed first write left is empty.
        with self.path.open("r+b" if self.begun or self.path.exists() else "xb", 0) as file:
            file.seek(self._size)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                # Half a record would stop every reader there; the next write begins there anyway.
                with contextlib.suppress(OSError):
                    file.truncate(self._size)
                raise
        self._size += len(data)
