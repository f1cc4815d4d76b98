from __future__ import annotations

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from dl_lab.data import photos
from dl_lab.errors import InputError


def test_shapes_names_and_range():
    given = photos()
    assert [*given] == [*given.names] == ["china", "flower", "cat", "coffee"]
    assert given.images.shape == (len(given), 3, 256, 384)
    assert given.images.dtype == torch.float32
    for name, image in zip(given, given.images, strict=True):
        assert torch.equal(given[name], image)
        assert 0 <= image.min() < 0.1
        assert 0.8 < image.max() <= 1


@pytest.mark.parametrize("name", ["china", "flower"])
def test_they_are_those_of_the_source(name):
    """The same picture, scaled by another method: the mean of the pixels that each one covers."""
    small = Image.fromarray(load_sample_image(f"{name}.jpg")).resize(
        (384, 256), Image.Resampling.BOX
    )
    expected = torch.tensor([*small.tobytes()]).reshape(256, 384, 3).permute(2, 0, 1) / 255
    assert (photos()[name] - expected).abs().mean() < 0.02


def test_its_text_tells_shapes_names_source_and_licence():
    text = repr(photos())
    for part in ("4 images 3×256×384 (china, flower,", "danielbuechele", "vultilion", "CC BY 2.0"):
        assert part in text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("flowers", "photo cannot be 'flowers'; did you mean flower? Choose one of: china, flower"),
        (0, "photo cannot be 0. Choose one of: china, flower, cat, coffee."),
    ],
)
def test_an_unknown_name_gets_a_sentence(name, sentence):
    with pytest.raises(InputError) as caught:
        photos()[name]
    assert sentence in str(caught.value)
