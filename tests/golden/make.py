"""Write the golden vectors: run it only when the protocol itself changes, and read the diff."""

from __future__ import annotations

import json
import struct
from pathlib import Path

HERE = Path(__file__).parent


def valid() -> list[dict[str, object]]:
    """Bytes written with struct alone, so that they do not depend on either codec."""
    return [
        {
            "name": "no arrays",
            "content": {"v": 1, "kind": "hello", "id": "a1", "meta": {"view": "x"}, "arrays": []},
            "buffers": [],
            "values": {},
        },
        {
            "name": "each dtype",
            "content": {
                "v": 1,
                "kind": "frame.show",
                "seq": 7,
                "meta": {"epoch": 12, "é": "ñ"},
                "arrays": [
                    {"name": "weights", "dtype": "f4", "shape": [2, 2]},
                    {"name": "rows", "dtype": "u4", "shape": [1]},
                    {"name": "units", "dtype": "u1", "shape": [1, 3]},
                ],
            },
            "buffers": [
                struct.pack("<4f", 0.5, -1.25, 3.0, 1e-3).hex(),
                struct.pack("<I", 4294967295).hex(),
                bytes([0, 128, 255]).hex(),
            ],
            "values": {
                "weights": [0.5, -1.25, 3.0, struct.unpack("<f", struct.pack("<f", 1e-3))[0]],
                "rows": [4294967295],
                "units": [0, 128, 255],
            },
        },
        {
            "name": "empty and scalar",
            "content": {
                "v": 1,
                "kind": "loss.append",
                "meta": {},
                "arrays": [
                    {"name": "none", "dtype": "f4", "shape": [0, 4]},
                    {"name": "one", "dtype": "u4", "shape": []},
                ],
            },
            "buffers": ["", struct.pack("<I", 5).hex()],
            "values": {"none": [], "one": [5]},
        },
        {
            "name": "non-finite",
            "content": {
                "v": 1,
                "kind": "loss.append",
                "meta": {},
                "arrays": [{"name": "loss", "dtype": "f4", "shape": [3]}],
            },
            "buffers": ["0000c07f" + "0000807f" + "000080ff"],
            "values": {"loss": ["NaN", "Infinity", "-Infinity"]},
        },
    ]


def invalid() -> list[dict[str, object]]:
    """Messages that both sides must refuse."""
    array = {"name": "a", "dtype": "f4", "shape": [1]}
    base = {"v": 1, "kind": "a.b", "meta": {}, "arrays": []}
    return [
        {"name": "version", "content": {**base, "v": 2}, "buffers": []},
        {"name": "no version", "content": {"kind": "a.b", "meta": {}, "arrays": []}, "buffers": []},
        {"name": "kind", "content": {**base, "kind": "A b"}, "buffers": []},
        {"name": "no kind", "content": {"v": 1, "meta": {}, "arrays": []}, "buffers": []},
        {"name": "meta", "content": {**base, "meta": [1]}, "buffers": []},
        {"name": "too few buffers", "content": {**base, "arrays": [array]}, "buffers": []},
        {"name": "too many buffers", "content": base, "buffers": ["00"]},
        {
            "name": "dtype",
            "content": {**base, "arrays": [{**array, "dtype": "f8"}]},
            "buffers": ["00" * 8],
        },
        {
            "name": "shape",
            "content": {**base, "arrays": [{**array, "shape": [-1]}]},
            "buffers": ["00" * 4],
        },
        {"name": "length", "content": {**base, "arrays": [array]}, "buffers": ["000000"]},
        {
            "name": "no name",
            "content": {**base, "arrays": [{"dtype": "f4", "shape": [1]}]},
            "buffers": ["00" * 4],
        },
        {"name": "id", "content": {**base, "id": 5}, "buffers": []},
        {"name": "seq", "content": {**base, "seq": "5"}, "buffers": []},
    ]


if __name__ == "__main__":
    for name, vectors in (("valid", valid()), ("invalid", invalid())):
        text = json.dumps(vectors, indent=1, ensure_ascii=False)
        (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")
