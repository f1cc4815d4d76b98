"""Write random filters and what torch makes of them, for the convolution in the browser."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

FILE = Path(__file__).with_name("image_filters.json")
MODES = ("zeros", "reflect", "replicate", "circular")


def torch_output(case: dict[str, object], image: Tensor, kernels: Tensor) -> Tensor:
    """Compute a case by torch.nn alone, so that it does not depend on this package."""
    if case["channels"] == "grey" and len(image) > 1:
        shares = [0.299, 0.587, 0.114] if len(image) == 3 else [1 / len(image)] * len(image)
        image = sum(share * plane for share, plane in zip(shares, image, strict=True))[None]
    channels, size = len(image), kernels.shape[-1]
    kernels = kernels[:1] if case["channels"] == "grey" else kernels.expand(channels, -1, -1)
    apart = case["channels"] == "each"
    weight = kernels[:, None] if apart else kernels[None]
    layer = torch.nn.Conv2d(
        channels,
        len(weight),
        size,
        case["stride"],
        0,
        case["dilation"],
        groups=channels if apart else 1,
    )
    layer.weight.data, layer.bias.data = weight, torch.full((len(weight),), case["bias"])
    if case["padding"] == "same":
        # nn.Conv2d pads so itself where the stride is 1; here as its source does.
        left = case["dilation"] * (size - 1) // 2
        right = case["dilation"] * (size - 1) - left
    else:
        left = right = case["padding"]
    mode = "constant" if case["padding_mode"] == "zeros" else case["padding_mode"]
    with torch.no_grad():
        return layer(functional.pad(image[None], (left, right, left, right), mode=mode))[0]


def cases() -> list[dict[str, object]]:
    """All ways of padding with all ways of channels, the rest at random."""
    pick = random.Random(5)  # noqa: S311 - to be the same each time
    generator = torch.Generator().manual_seed(5)
    found = []
    combinations = itertools.product(MODES, ("grey", "each", "sum"), ("same", "number"), range(2))
    for mode, channels, padding, _ in combinations:
        size, dilation = pick.choice(
            [(1, 1), (2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (6, 1), (11, 1)]
        )
        planes = pick.choice([1, 3, 3, 4])
        sides = (pick.randint(6, 11), pick.randint(6, 11))
        # Few digits, most of which float32 has to round.
        image = torch.randn(planes, *sides, generator=generator).mul(100).round().div(100)
        shape = (pick.choice([1, planes]), size, size)
        kernels = torch.randn(shape, generator=generator).mul(1000).round().div(1000)
        kernels[torch.rand(shape, generator=generator) < 0.2] = 0
        reach = dilation * (size - 1) + 1
        fewest = max(0, -((min(image.shape[1:]) - reach) // 2))
        case = {
            "channels": channels,
            "padding": "same" if padding == "same" else pick.randint(fewest, fewest + 2),
            "padding_mode": mode,
            "stride": pick.randint(1, 3),
            "dilation": dilation,
            "bias": pick.choice([0.0, 0.1]),
        }
        output = torch_output(case, image, kernels)
        found.append(
            {
                "filter": case,
                "image": rounded(image.tolist()),
                "kernels": rounded(kernels.tolist()),
                "output": rounded(output.tolist()),
            }
        )
    return found


def rounded(numbers: object) -> object:
    """Keep the seven digits that float32 has."""
    return [rounded(n) for n in numbers] if isinstance(numbers, list) else float(f"{numbers:.7g}")


if __name__ == "__main__":
    text = json.dumps(cases(), separators=(",", ":"))
    FILE.write_text(text.replace('{"filter"', '\n{"filter"') + "\n", encoding="utf-8")
