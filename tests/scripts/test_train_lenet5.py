"""The script that trained the shipped LeNet-5."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from dl_lab.data import mnist

PATH = Path(__file__).resolve().parents[2] / "scripts" / "models" / "lenet5.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("train_lenet5", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_epoch_of_it_teaches_most_digits(script):
    _, accuracy = script.train(epochs=1)
    assert accuracy > 0.8


def test_each_epoch_shows_every_digit_once_and_otherwise(script):
    images, labels = (part[:120] for part in mnist().train)
    batches = script.Moved(images, labels, seed=0)
    first, second = ([*batches] for _ in range(2))
    assert len(first) == len(batches) == 3
    for epoch in (first, second):
        assert torch.cat([shown for _, shown in epoch]).bincount().tolist() == [12] * 10
    assert not torch.equal(first[0][0], second[0][0])
    again = [*script.Moved(images, labels, seed=0)]
    assert all(torch.equal(one, other) for one, other in zip(first[1], again[1], strict=True))


def test_what_it_changes_is_where_the_ink_lies_and_not_how_much_there_is(script):
    images, labels = (part[:500] for part in mnist().train)
    moved = script.Moved(images, labels, seed=1).moved(images)
    assert moved.shape == images.shape
    assert moved.sum() == pytest.approx(images.sum().item(), rel=0.1)
    assert (moved - images).abs().mean() > 0.05
