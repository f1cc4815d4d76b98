"""Kernels that are known by name: what each does to an image one can see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dl_lab.errors import InputError, number, whole

LARGEST = 11
"""Rows and columns that a kernel can have at most."""

# Row by row as in "Image Kernels Explained Visually" (V. Powell, https://setosa.io/ev/image-kernels),
# and the Laplacian of four neighbours.
_EXACT: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "blur": ((1 / 16, 2 / 16, 1 / 16), (2 / 16, 4 / 16, 2 / 16), (1 / 16, 2 / 16, 1 / 16)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
    "outline": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "left_sobel": ((1, 0, -1), (2, 0, -2), (1, 0, -1)),
    "right_sobel": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "top_sobel": ((1, 2, 1), (0, 0, 0), (-1, -2, -1)),
    "bottom_sobel": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "laplacian": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
}

# Name → size in which it shows what it does, and the parameters that it has.
_COMPUTED: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "gaussian": (5, ("sigma",)),
    "gabor": (9, ("sigma", "angle", "wavelength")),
    "motion": (9, ("angle",)),
    "random": (3, ("seed",)),
}

NAMES = (*_EXACT, *_COMPUTED)
"""Of all kernels that `image_kernel` makes."""


@dataclass(frozen=True)
class KernelParameters:
    """What the computed kernels depend on.

    Attributes
    ----------
    sigma
        Standard deviation of the Gaussian, and of the one around the Gabor wave, 0.1 to 10 pixels.
    angle
        Of the motion, and across the stripes of the Gabor wave, 0 to 360 degrees against the clock
        from the horizontal.
    wavelength
        Of the Gabor wave, 2 to 20 pixels.
    seed
        Of the random kernel.
    """

    sigma: float = 1.0
    angle: float = 0.0
    wavelength: float = 4.0
    seed: int = 0


def parameters_of(name: str) -> tuple[str, ...]:
    """Return the names of the parameters that a kernel depends on.

    Examples
    --------
    >>> parameters_of("gabor")
    ('sigma', 'angle', 'wavelength')
    >>> parameters_of("blur")
    ()
    """
    return _COMPUTED[name][1] if name in _COMPUTED else ()


def natural_size(name: str) -> int:
    """Return the size in which a kernel shows what it does: 3 for those with exact values."""
    return _COMPUTED[name][0] if name in _COMPUTED else 3


def image_kernel(
    name: str, size: int | None = None, parameters: KernelParameters | None = None
) -> Tensor:
    """Make a kernel by its name.

    Parameters
    ----------
    name
        One of `NAMES`. ``"gaussian"`` and ``"motion"``, a line, sum to 1. ``"gabor"`` is a cosine
        wave across ``angle`` under a Gaussian twice as long as wide. ``"random"`` is uniform in
        ±1/k, as the weights of an `torch.nn.Conv2d` with one input channel begin.
    size
        Rows and columns, 1 to 11; None for the one in which it shows what it does. A kernel with
        exact values keeps them in the middle, with zeros around: it does the same.
    parameters
        Of the computed kernels; None for the defaults.

    Returns
    -------
    Tensor
        [k, k] float32, to be laid over the image as it is (`torch.nn.Conv2d` does not flip).

    Raises
    ------
    InputError
        An unknown name, or a size or a parameter outside its limits.

    References
    ----------
    .. [1] V. Powell, "Image Kernels Explained Visually", https://setosa.io/ev/image-kernels
    .. [2] J. G. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and
       orientation optimized by two-dimensional visual cortical filters", J. Opt. Soc. Am. A 2 (7),
       1985

    Examples
    --------
    >>> image_kernel("sharpen")
    tensor([[ 0., -1.,  0.],
            [-1.,  5., -1.],
            [ 0., -1.,  0.]])
    >>> image_kernel("gaussian", 7, KernelParameters(sigma=1.5)).sum()
    tensor(1.)
    """
    if name not in NAMES:
        raise InputError.unknown("kernel", name, NAMES)
    size = natural_size(name) if size is None else whole("size", size, 1, LARGEST)
    known = _checked(parameters or KernelParameters())
    if name in _EXACT:
        return resized(torch.tensor(_EXACT[name], dtype=torch.float32), size)
    if name == "gaussian":
        return _gaussian(size, known.sigma).float()
    if name == "gabor":
        return _gabor(size, known).float()
    if name == "motion":
        return _motion(size, known.angle).float()
    generator = torch.Generator().manual_seed(known.seed)
    return (torch.rand(size, size, generator=generator) * 2 - 1) / size


def resized(kernel: Tensor, size: int) -> Tensor:
    """Return a kernel with zeros around it, or cut to its middle.

    Parameters
    ----------
    kernel
        [..., k, k].
    size
        Rows and columns of the result. What stands over the pixel itself stays there.

    Examples
    --------
    >>> resized(torch.ones(1, 1), 3)
    tensor([[0., 0., 0.],
            [0., 1., 0.],
            [0., 0., 0.]])
    """
    before = (size - 1) // 2 - (kernel.shape[-1] - 1) // 2
    after = size - kernel.shape[-1] - before
    return torch.nn.functional.pad(kernel, (before, after, before, after))


def normalized(kernel: Tensor) -> Tensor:
    """Scale a kernel so that brightness stays as it is.

    Parameters
    ----------
    kernel
        [k, k].

    Returns
    -------
    Tensor
        The kernel divided by the sum of its values. Where they cancel each other, as those of a
        Sobel kernel do, divided by half the sum of their sizes: a step from 0 to 1 then gives at
        most 1. Zeros stay.

    Examples
    --------
    >>> normalized(torch.tensor([[1.0, 1.0], [1.0, 1.0]]))
    tensor([[0.2500, 0.2500],
            [0.2500, 0.2500]])
    >>> normalized(image_kernel("left_sobel"))[1]
    tensor([ 0.5000,  0.0000, -0.5000])
    """
    exact = kernel.double()
    total, sizes = exact.sum(), exact.abs().sum()
    if sizes == 0:
        return kernel.clone()
    cancels = total.abs() <= 1e-6 * sizes
    return (exact / (sizes / 2 if cancels else total)).float()


def _checked(given: KernelParameters) -> KernelParameters:
    return KernelParameters(
        number("sigma", given.sigma, 0.1, 10),
        number("angle", given.angle, 0, 360),
        number("wavelength", given.wavelength, 2, 20),
        whole("seed", given.seed, 0, 2**31 - 1),
    )


def _offsets(size: int) -> tuple[Tensor, Tensor]:
    """Return how far right of and above its middle each cell lies, f8 [size, size]."""
    steps = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    down, right = torch.meshgrid(steps, steps, indexing="ij")
    return right, -down


def _gaussian(size: int, sigma: float) -> Tensor:
    right, up = _offsets(size)
    bell = torch.exp(-(right**2 + up**2) / (2 * sigma**2))
    return bell / bell.sum()


def _gabor(size: int, known: KernelParameters) -> Tensor:
    right, up = _offsets(size)
    turn = math.radians(known.angle)
    across = right * math.cos(turn) + up * math.sin(turn)
    along = up * math.cos(turn) - right * math.sin(turn)
    bell = torch.exp(-(across**2 + (along / 2) ** 2) / (2 * known.sigma**2))
    return bell * torch.cos(2 * math.pi * across / known.wavelength)


def _motion(size: int, angle: float) -> Tensor:
    """Give each cell the share of a line through the middle that lies in it."""
    turn = math.radians(angle)
    right, up = math.cos(turn), math.sin(turn)
    # From border to border.
    half = size / 2 / max(abs(right), abs(up))
    count = 64 * size
    places = ((torch.arange(count, dtype=torch.float64) + 0.5) / count * 2 - 1) * half
    line = torch.zeros(size, size, dtype=torch.float64)
    # A line between two rows, in the middle of an even number of them, belongs to both.
    for beside in (-1e-6, 1e-6):
        columns = (size / 2 + places * right + beside * up).floor().clamp(0, size - 1)
        rows = (size / 2 - places * up + beside * right).floor().clamp(0, size - 1)
        line.index_put_(
            (rows.long(), columns.long()), torch.tensor(0.5 / count).double(), accumulate=True
        )
    return line
