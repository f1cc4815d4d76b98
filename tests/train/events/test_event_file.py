"""Records byte by byte against TensorBoard's own writer and reader; files that fail."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

from dl_lab.train.events.event_file import EventFile, record, scalar_records


def payloads(path) -> list[bytes]:
    return [bytes(data) for data in RawEventFileLoader(str(path)).Load()]


def events(path) -> list[Event]:
    return [Event.FromString(data) for data in payloads(path)]


steps = st.integers(0, 2**32 - 1)
floats = st.floats(width=32)


@given(st.lists(st.tuples(steps, st.floats(0, 4e9), floats), min_size=1), st.text(max_size=300))
def test_records_of_many_values_hold_what_was_given(rows, tag):
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    data = scalar_records(tag, columns[0].astype("u4"), columns[1], columns[2].astype("f4"))
    length = len(data) // len(rows)
    for index, (step, wall_time, value) in enumerate(rows):
        one = data[index * length : (index + 1) * length]
        event = Event.FromString(one[12:-4])
        assert (event.step, event.wall_time) == (step, wall_time)
        (summary,) = event.summary.value
        assert summary.tag == tag
        read = summary.simple_value
        assert read == value or (math.isnan(read) and math.isnan(value))
        # The frame, its checksums too, is what TensorBoard's own writer puts around these bytes.

        class Same:
            def SerializeToString(self, data=one[12:-4]):  # noqa: N802  # protobuf's name
                return data

        assert record(Same()) == one


def test_values_beyond_float32_become_infinite(tmp_path):
    file = EventFile(tmp_path)
    file.write([scalar_records("x", np.array([1]), np.array([0.0]), np.array([1e300]))])
    assert events(file.path)[1].summary.value[0].simple_value == math.inf


def test_a_file_begins_with_its_version_and_grows(tmp_path):
    file = EventFile(tmp_path / "a" / "b")
    assert not file.path.exists()
    file.write([record(Event(step=1)), record(Event(step=2))])
    file.write([record(Event(step=3))])
    found = events(file.path)
    assert found[0].file_version == "brain.Event:2"
    assert [event.step for event in found[1:]] == [1, 2, 3]


def test_files_of_the_same_moment_have_different_names(tmp_path):
    assert len({EventFile(tmp_path).path for _ in range(100)}) == 100


def test_a_deleted_file_is_missed_and_not_made_again(tmp_path):
    file = EventFile(tmp_path)
    file.write([record(Event(step=1))])
    file.path.unlink()
    with pytest.raises(FileNotFoundError):
        file.write([record(Event(step=2))])
    assert not file.path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_device_raises(tmp_path):
    file = EventFile(tmp_path)
    file.path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        file.write([record(Event(step=1))])
