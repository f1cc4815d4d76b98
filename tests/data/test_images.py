from __future__ import annotations

import hashlib

import pytest
import torch
from sklearn.datasets import load_digits

import dl_lab
from dl_lab.data import images, mnist_family, photographs
from dl_lab.nets import lenet


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


@pytest.mark.parametrize("name", ["digits", "fashion", "mnist", "photos"])
def test_a_damaged_or_missing_file_is_refused(name, tmp_path, monkeypatch):
    for module in (images, mnist_family, photographs):
        monkeypatch.setattr(module, "FILES", tmp_path)
    with pytest.raises(OSError, match=r"\.npz is missing. Install dl-lab again."):
        getattr(dl_lab.data, name)()
    (tmp_path / f"{name}.npz").write_bytes(b"no images")
    with pytest.raises(OSError, match=r"\.npz is damaged. Install dl-lab again."):
        getattr(dl_lab.data, name)()


@pytest.mark.parametrize("files", [images.FILES, lenet.FILES], ids=["data", "nets"])
def test_the_files_are_listed_with_their_checksums(files):
    listed = (files / "README.md").read_text()
    shipped = [path for path in files.iterdir() if path.suffix != ".md"]
    assert shipped
    for path in shipped:
        line = next(line for line in listed.splitlines() if f"`{path.name}`" in line)
        assert hashlib.sha256(path.read_bytes()).hexdigest() in line
