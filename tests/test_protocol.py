from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dl_lab.protocol import DTYPES, Message, ProtocolError, decode, encode

GOLDEN = Path(__file__).parent / "golden"


def vectors(name: str) -> list[Any]:
    entries = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


@pytest.mark.parametrize("vector", vectors("valid"))
def test_golden_vectors_decode_to_their_values_and_encode_to_their_bytes(vector: Any) -> None:
    buffers = [bytes.fromhex(text) for text in vector["buffers"]]
    message = decode(vector["content"], buffers)
    assert message.kind == vector["content"]["kind"]
    assert message.meta == vector["content"]["meta"]
    assert set(message.arrays) == set(vector["values"])
    for entry in vector["content"]["arrays"]:
        array = message.arrays[entry["name"]]
        assert list(array.shape) == entry["shape"]
        expected = [float(value) for value in vector["values"][entry["name"]]]
        np.testing.assert_array_equal(array.reshape(-1).astype(float), expected)
    content, sent = encode(message)
    assert content == vector["content"]
    assert [bytes(buffer) for buffer in sent] == buffers


@pytest.mark.parametrize("vector", vectors("invalid"))
def test_broken_messages_are_refused_in_a_sentence(vector: Any) -> None:
    buffers = [bytes.fromhex(text) for text in vector["buffers"]]
    with pytest.raises(ProtocolError, match=r"\.$"):
        decode(vector["content"], buffers)


@pytest.mark.parametrize("content", [None, 3, "text", [1]])
def test_a_message_must_be_an_object(content: object) -> None:
    with pytest.raises(ProtocolError, match="object"):
        decode(content)


@given(
    hnp.arrays(
        st.sampled_from(list(DTYPES.values())),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_any_array_survives_the_way_there_and_back(array: np.ndarray[Any, Any]) -> None:
    content, buffers = encode(Message("array.send", arrays={"a": array}))
    back = decode(json.loads(json.dumps(content)), [bytes(buffer) for buffer in buffers])
    assert back.arrays["a"].dtype == array.dtype
    np.testing.assert_array_equal(back.arrays["a"], array)


def test_strided_arrays_are_sent_in_row_order() -> None:
    array = np.arange(6, dtype="u4").reshape(2, 3).T
    _, buffers = encode(Message("array.send", arrays={"a": array}))
    assert np.frombuffer(buffers[0], "u4").tolist() == [0, 3, 1, 4, 2, 5]


def test_other_dtypes_are_not_converted_silently() -> None:
    with pytest.raises(ProtocolError, match=r"float64; the protocol carries f4, u4, u1"):
        encode(Message("array.send", arrays={"a": np.zeros(2)}))
