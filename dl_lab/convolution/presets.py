"""Every case of the guide to convolution arithmetic, and a few that it leaves to the reader.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
https://arxiv.org/abs/1603.07285, and its animations.
"""

from __future__ import annotations

from dl_lab.convolution.arithmetic import AVG_POOL, CONV, MAX_POOL, TRANSPOSED, Convolution


def _plane(
    kind: str,
    size: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    output_padding: int = 0,
) -> Convolution:
    return Convolution(
        kind,
        (size, size),
        (kernel, kernel),
        (stride, stride),
        (padding, padding),
        (dilation, dilation),
        (output_padding, output_padding),
    )


def _line(
    size: int, kernel: int, *, padding: str | tuple[int] = (0,), dilation: int = 1, layers: int = 1
) -> Convolution:
    return Convolution(CONV, (size,), (kernel,), (1,), padding, (dilation,), (0,), layers=layers)


PRESETS: dict[str, dict[str, Convolution]] = {
    "convolution": {
        "no_padding_no_strides": _plane(CONV, 4, 3),
        "arbitrary_padding": _plane(CONV, 5, 4, padding=2),
        "half_padding": _plane(CONV, 5, 3, padding=1),
        "full_padding": _plane(CONV, 5, 3, padding=2),
        "no_padding_strides": _plane(CONV, 5, 3, stride=2),
        "padding_strides": _plane(CONV, 5, 3, stride=2, padding=1),
        "padding_strides_odd": _plane(CONV, 6, 3, stride=2, padding=1),
        "dilation": _plane(CONV, 7, 3, dilation=2),
        "numerical": _plane(CONV, 5, 3),
        "numerical_padding_strides": _plane(CONV, 5, 3, stride=2, padding=1),
    },
    "transposed": {
        "no_padding_no_strides_transposed": _plane(TRANSPOSED, 2, 3),
        "arbitrary_padding_transposed": _plane(TRANSPOSED, 6, 4, padding=2),
        "half_padding_transposed": _plane(TRANSPOSED, 5, 3, padding=1),
        "full_padding_transposed": _plane(TRANSPOSED, 7, 3, padding=2),
        "no_padding_strides_transposed": _plane(TRANSPOSED, 2, 3, stride=2),
        "padding_strides_transposed": _plane(TRANSPOSED, 3, 3, stride=2, padding=1),
        "padding_strides_odd_transposed": _plane(
            TRANSPOSED, 3, 3, stride=2, padding=1, output_padding=1
        ),
    },
    "pooling": {
        "average_pooling": _plane(AVG_POOL, 5, 3),
        "max_pooling": _plane(MAX_POOL, 5, 3),
    },
    "channels": {
        "three_channels": Convolution(
            CONV, (5, 5), (3, 3), (2, 2), (1, 1), in_channels=3, out_channels=2, bias=True
        ),
        "depthwise": Convolution(
            CONV, (5, 5), (3, 3), padding=(1, 1), in_channels=4, out_channels=4, groups=4
        ),
        "pointwise": Convolution(CONV, (4, 4), (1, 1), in_channels=4, out_channels=2),
    },
    "line": {
        "one_dimension": _line(12, 3),
        "causal": _line(12, 3, padding="causal"),
        "causal_dilated": _line(16, 2, padding="causal", dilation=4),
        "causal_stack": _line(16, 2, padding="causal", layers=4),
        "same_stack": _line(15, 3, padding="same", layers=3),
        "wavenet": _line(1024, 2, padding="causal", layers=10),
    },
}
"""Group → name → setting, in the order in which they are offered."""
