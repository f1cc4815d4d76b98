"""Tiny VGG, small enough to see every unit of it."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def tiny_vgg() -> nn.Sequential:
    """Build Tiny VGG for colour images of 64×64 pixels in ten classes.

    The network of CNN Explainer: four convolutions of ten 3×3 filters without padding, in two
    blocks that end in pooling, and one linear layer; 19,920 parameters, not trained.

    Returns
    -------
    nn.Sequential
        From images [n, 3, 64, 64] to logits [n, 10]: ``conv_1_1, relu_1_1, conv_1_2, relu_1_2,
        max_pool_1, conv_2_1, relu_2_1, conv_2_2, relu_2_2, max_pool_2, flatten, output``. The
        maps shrink from 64 over 62, 60, 30, 28 and 26 to 13 pixels.

    References
    ----------
    .. [1] Z. J. Wang et al., "CNN Explainer: Learning Convolutional Neural Networks with
       Interactive Visualization", IEEE TVCG 27 (2), 2021, https://arxiv.org/abs/2004.15004

    Examples
    --------
    >>> model = tiny_vgg()
    >>> sum(parameter.numel() for parameter in model.parameters())
    19920
    >>> model(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 10])
    """
    return nn.Sequential(
        OrderedDict(
            conv_1_1=nn.Conv2d(3, 10, kernel_size=3),
            relu_1_1=nn.ReLU(),
            conv_1_2=nn.Conv2d(10, 10, kernel_size=3),
            relu_1_2=nn.ReLU(),
            max_pool_1=nn.MaxPool2d(2),
            conv_2_1=nn.Conv2d(10, 10, kernel_size=3),
            relu_2_1=nn.ReLU(),
            conv_2_2=nn.Conv2d(10, 10, kernel_size=3),
            relu_2_2=nn.ReLU(),
            max_pool_2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            output=nn.Linear(10 * 13 * 13, 10),
        )
    )
