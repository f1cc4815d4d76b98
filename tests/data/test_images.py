from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

import dl_lab
from dl_lab.data import images


def test_the_digits_are_those_of_the_source():
    source = load_digits()
    given = dl_lab.data.digits()
    pixels = torch.cat([given.train[0], given.test[0]])
    labels = torch.cat([given.train[1], given.test[1]])
    assert pixels.dtype == torch.float32
    assert labels.dtype == torch.int64
    assert torch.equal(pixels[:, 0] * 16, torch.from_numpy(source.images).float())
    assert torch.equal(labels, torch.from_numpy(source.target))


def test_every_class_is_in_both_parts():
    given = dl_lab.data.digits()
    for _, labels in (given.train, given.test):
        assert labels.unique().tolist() == list(range(10))
    assert len(given.train[0]) == 1437
    assert len(given.test[0]) == 360


def test_its_text_tells_shapes_source_and_licence():
    text = repr(dl_lab.data.digits())
    for part in ("1437 + 360 images 1×8×8", "10 classes", "C50P49", "CC BY 4.0"):
        assert part in text


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "digits.npz").write_bytes(b"no digits")
    monkeypatch.setattr(images, "FILES", tmp_path)
    with pytest.raises(OSError, match="is damaged"):
        images.digits()


def test_the_files_are_listed_with_their_checksums():
    files = Path(images.__file__).with_name("files")
    listed = (files / "README.md").read_text()
    for path in files.glob("*.np*"):
        line = next(line for line in listed.splitlines() if path.name in line)
        assert hashlib.sha256(path.read_bytes()).hexdigest() in line
