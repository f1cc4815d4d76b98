"""The one protocol between a widget's two halves: envelope and array codec.

A message is JSON-able content plus binary buffers::

    {"v": 1, "kind": "noun.verb", "id"?: str, "seq"?: int, "meta": {...},
     "arrays": [{"name": str, "dtype": "f4"|"u4"|"u1", "shape": [int, ...]}]}

``buffers[i]`` holds ``arrays[i]``, C-contiguous and little-endian. ``js/shared/kernel/protocol.ts``
is the same in TypeScript; the byte vectors in ``tests/golden`` are read by the tests of both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dl_lab.errors import shown

VERSION = 1
DTYPES: dict[str, np.dtype[Any]] = {
    "f4": np.dtype("<f4"),
    "u4": np.dtype("<u4"),
    "u1": np.dtype("u1"),
}

Array = npt.NDArray[Any]
Buffer = bytes | bytearray | memoryview

LONGEST = 200
"""Characters of an id or of a view's name."""

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")


class ProtocolError(ValueError):
    """A message that breaks the protocol, told in one sentence."""


@dataclass(frozen=True)
class Message:
    """A decoded message.

    Attributes
    ----------
    kind
        What it is about, ``noun.verb`` or a single word such as ``hello``.
    meta
        Small JSON values.
    arrays
        Arrays by name, read-only views of the buffers where these allow it.
    id
        Set on requests and their replies.
    seq
        Position in a stream, for acknowledgements.
    """

    kind: str
    meta: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    id: str | None = None
    seq: int | None = None


def encode(message: Message) -> tuple[dict[str, Any], list[memoryview]]:
    """Return the content and the buffers of a message.

    Raises
    ------
    ProtocolError
        If the kind is malformed or an array's dtype is not one of `DTYPES`.

    Examples
    --------
    >>> import numpy as np
    >>> content, buffers = encode(Message("loss.append", arrays={"loss": np.float32([1, 2])}))
    >>> content["arrays"], len(buffers[0])
    ([{'name': 'loss', 'dtype': 'f4', 'shape': [2]}], 8)
    """
    if not _KIND.fullmatch(message.kind):
        raise ProtocolError(f"{shown(message.kind)} is not a message kind; write it as noun.verb.")
    described, buffers = [], []
    for name, array in message.arrays.items():
        code = f"{array.dtype.kind}{array.dtype.itemsize}"
        if code not in DTYPES:
            raise ProtocolError(
                f"Array {name!r} is {array.dtype}; the protocol carries {', '.join(DTYPES)}."
            )
        plain = np.ascontiguousarray(array, dtype=DTYPES[code])
        described.append({"name": name, "dtype": code, "shape": list(array.shape)})
        buffers.append(plain.reshape(-1).view(np.uint8).data)
    content: dict[str, Any] = {
        "v": VERSION,
        "kind": message.kind,
        "meta": message.meta,
        "arrays": described,
    }
    if message.id is not None:
        content["id"] = message.id
    if message.seq is not None:
        content["seq"] = message.seq
    return content, buffers


def decode(content: object, buffers: Sequence[Buffer] = ()) -> Message:
    """Return the message that `encode` made, checking everything that came over the wire.

    Raises
    ------
    ProtocolError
        With a sentence that names the first thing that is wrong.
    """
    if not isinstance(content, Mapping):
        raise ProtocolError("A message must be an object.")
    if content.get("v") != VERSION:
        raise ProtocolError(
            f"The message has protocol version {shown(content.get('v'))}; this side speaks "
            f"{VERSION}. Reload the page after an upgrade of dl-lab."
        )
    kind, meta, described = content.get("kind"), content.get("meta", {}), content.get("arrays", [])
    if not isinstance(kind, str) or not is_name(kind) or not _KIND.fullmatch(kind):
        raise ProtocolError(f"{shown(kind)} is not a message kind; write it as noun.verb.")
    if not isinstance(meta, Mapping):
        raise ProtocolError(f"The meta of {kind} must be an object.")
    if not isinstance(described, list) or len(described) != len(buffers):
        raise ProtocolError(f"{kind} describes other arrays than its {len(buffers)} buffers.")
    arrays = {}
    for entry, buffer in zip(described, buffers, strict=True):
        name, array = _decode_array(kind, entry, buffer)
        arrays[name] = array
    identifier, seq = content.get("id"), content.get("seq")
    if identifier is not None and not is_name(identifier):
        raise ProtocolError(f"The id of {kind} must be a string of at most {LONGEST} characters.")
    if seq is not None and (isinstance(seq, bool) or not isinstance(seq, int)):
        raise ProtocolError(f"The seq of {kind} must be a whole number.")
    return Message(kind, dict(meta), arrays, identifier, seq)


def is_name(given: object) -> bool:
    """Tell whether something can be an id or a view's name.

    Examples
    --------
    >>> is_name("page.1"), is_name(1), is_name("long" * 100)
    (True, False, False)
    """
    return isinstance(given, str) and len(given) <= LONGEST


def _decode_array(kind: str, entry: object, buffer: Buffer) -> tuple[str, Array]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ProtocolError(f"An array of {kind} has no name.")
    name, code, shape = entry["name"], entry.get("dtype"), entry.get("shape")
    if not isinstance(code, str) or code not in DTYPES:
        raise ProtocolError(
            f"Array {shown(name)} has dtype {shown(code)}; allowed are {', '.join(DTYPES)}."
        )
    if not isinstance(shape, list) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape
    ):
        raise ProtocolError(
            f"Array {shown(name)} has shape {shown(shape)}; allowed are whole numbers."
        )
    dtype = DTYPES[code]
    expected = math.prod(shape) * dtype.itemsize
    size = memoryview(buffer).nbytes
    if size != expected:
        raise ProtocolError(
            f"Array {shown(name)} of shape {shown(shape)} needs {shown(expected)} bytes; "
            f"{size} came."
        )
    try:
        return name, np.frombuffer(buffer, dtype=dtype).reshape(shape)
    except (ValueError, OverflowError) as error:  # more dimensions than an array can have
        raise ProtocolError(f"Array {shown(name)} cannot have shape {shown(shape)}.") from error
