from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from dl_lab.errors import InputError
from dl_lab.filters.image_filter import ImageFilter
from dl_lab.filters.image_kernels import (
    NAMES,
    KernelParameters,
    image_kernel,
    normalized,
    resized,
)
from dl_lab.filters.kernel_bank import KernelBank

SETOSA = {
    "identity": [0, 0, 0, 0, 1, 0, 0, 0, 0],
    "blur": [0.0625, 0.125, 0.0625, 0.125, 0.25, 0.125, 0.0625, 0.125, 0.0625],
    "sharpen": [0, -1, 0, -1, 5, -1, 0, -1, 0],
    "emboss": [-2, -1, 0, -1, 1, 1, 0, 1, 2],
    "outline": [-1, -1, -1, -1, 8, -1, -1, -1, -1],
    "left_sobel": [1, 0, -1, 2, 0, -2, 1, 0, -1],
    "right_sobel": [-1, 0, 1, -2, 0, 2, -1, 0, 1],
    "top_sobel": [1, 2, 1, 0, 0, 0, -1, -2, -1],
    "bottom_sobel": [-1, -2, -1, 0, 0, 0, 1, 2, 1],
}


@pytest.mark.parametrize(("name", "values"), SETOSA.items())
def test_those_of_setosa_have_its_values(name: str, values: Sequence[float]):
    assert image_kernel(name).flatten().tolist() == values


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", range(1, 12))
def test_each_is_made_in_every_size(name, size):
    kernel = image_kernel(name, size)
    assert kernel.shape == (size, size)
    assert kernel.dtype == torch.float32
    assert kernel.isfinite().all()


def test_a_gaussian_is_the_product_of_two_bells():
    kernel = image_kernel("gaussian", 7, KernelParameters(sigma=1.3))
    bell = [math.exp(-((i - 3) ** 2) / (2 * 1.3**2)) for i in range(7)]
    wanted = torch.tensor([[a * b for a in bell] for b in bell]) / sum(bell) ** 2
    torch.testing.assert_close(kernel, wanted)


def test_a_gabor_wave_goes_across_its_angle():
    known = KernelParameters(sigma=2, angle=90, wavelength=4)
    upright, lying = image_kernel("gabor", 9, known), image_kernel("gabor", 9)
    # Across 90 degrees: a row stays on one stripe, the rows alternate.
    middle = upright[:, 4]
    assert middle[4] == 1
    assert middle[2] == pytest.approx(-math.exp(-(2**2) / (2 * 2**2)))
    assert (upright[4] > 0).all()
    assert (lying[:, 4] > 0).all()


def test_motion_is_a_line_at_its_angle():
    torch.testing.assert_close(image_kernel("motion", 5)[2], torch.full((5,), 0.2))
    upright = image_kernel("motion", 5, KernelParameters(angle=90))
    torch.testing.assert_close(upright[:, 2], torch.full((5,), 0.2))
    slanted = image_kernel("motion", 5, KernelParameters(angle=45)).flip(1)
    torch.testing.assert_close(slanted, torch.eye(5) / 5)
    torch.testing.assert_close(image_kernel("motion", 4)[1:3], torch.full((2, 4), 0.125))
    for angle in range(0, 360, 7):
        total = image_kernel("motion", 9, KernelParameters(angle=angle)).sum()
        assert total.item() == pytest.approx(1)


def test_random_is_as_a_layer_begins_and_the_same_for_a_seed():
    kernel = image_kernel("random", 5, KernelParameters(seed=3))
    assert kernel.abs().max() <= 1 / 5
    assert torch.equal(kernel, image_kernel("random", 5, KernelParameters(seed=3)))
    assert not torch.equal(kernel, image_kernel("random", 5))


@pytest.mark.parametrize("size", [4, 5, 8, 11])
def test_a_kernel_does_the_same_with_zeros_around(size):
    image = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0))
    small = image_kernel("emboss")[None]
    large = resized(small, size)
    torch.testing.assert_close(ImageFilter()(image, large), ImageFilter()(image, small))


def test_normalized_keeps_brightness():
    kernel = torch.tensor([[1.0, 2], [3, 4]])
    torch.testing.assert_close(normalized(kernel), kernel / 10)
    torch.testing.assert_close(normalized(image_kernel("outline")), image_kernel("outline") / 8)
    assert torch.equal(normalized(torch.zeros(2, 2)), torch.zeros(2, 2))


@pytest.mark.parametrize(
    ("name", "size", "changes", "said"),
    [
        ("sharp", 3, {}, "did you mean sharpen"),
        ("blur", 12, {}, "size must be a whole number between 1 and 11"),
        ("gaussian", 3, {"sigma": 0}, "sigma must be a number between 0.1 and 10"),
        ("gabor", 3, {"wavelength": math.nan}, "wavelength must be"),
    ],
)
def test_what_is_not_allowed_is_said(name, size, changes, said):
    with pytest.raises(InputError, match=said):
        image_kernel(name, size, KernelParameters(**changes))


class TestBank:
    def test_a_parameter_changes_those_that_have_it(self):
        bank = KernelBank.named("gaussian", 1, KernelParameters()).spread(3)
        bank = bank.with_preset("identity", 1)
        wider = bank.with_parameters(KernelParameters(sigma=3))
        assert torch.equal(wider.values[1], bank.values[1])
        for i in (0, 2):
            wanted = image_kernel("gaussian", 5, KernelParameters(sigma=3))
            assert torch.equal(wider.values[i], wanted)

    def test_an_edit_takes_the_name_away_from_that_kernel_alone(self):
        bank = KernelBank.named("blur", 3, KernelParameters())
        values = bank.values.clone()
        values[1, 0, 0] = 7
        assert bank.with_values(values).presets == ("blur", None, "blur")

    def test_an_own_kernel_keeps_its_middle_in_another_size(self):
        bank = KernelBank.named("blur", 1, KernelParameters())
        own = bank.with_values(torch.arange(9.0).view(1, 3, 3)).with_size(5)
        assert own.values[0, 1:4, 1:4].flatten().tolist() == [*range(9)]
        assert own.with_size(1).values.item() == 4
        assert own.presets == (None,)
