"""Write the golden convolutions: random layers, what torch computes with each, as JSON.

`tests/probe/test_convolution_golden.py` asks torch again; `js/widgets/convolution_explorer`
computes the same in TypeScript. Run it when what is computed changes, and read the diff.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import torch

from dl_lab.convolution.arithmetic import (
    AVG_POOL,
    CONV,
    KINDS,
    MAX_POOL,
    TRANSPOSED,
    Convolution,
    axes,
    output_size,
    parameter_count,
    receptive_field,
    weight_shape,
)
from dl_lab.convolution.layer import (
    build,
    example_bias,
    example_input,
    example_weight,
    source,
)
from dl_lab.convolution.matrix import matrix
from dl_lab.convolution.presets import PRESETS
from dl_lab.convolution.refusal import refusal

HERE = Path(__file__).parent
CASES = 160
MOST_MATRIX = 300


def random_convolution(rng: random.Random) -> Convolution:  # noqa: C901 - one branch a field
    """Draw a setting from everything that there is; torch refuses about a third of them."""
    kind = rng.choice([CONV, CONV, TRANSPOSED, MAX_POOL, AVG_POOL])
    dims = rng.choice([1, 2])

    def sizes(low: int, high: int) -> tuple[int, ...]:
        return tuple(rng.randint(low, high) for _ in range(dims))

    values: dict[str, Any] = {
        "kind": kind,
        "input_size": sizes(2, 7) if dims == 2 else sizes(2, 12),
        "kernel_size": sizes(1, 4),
        "stride": sizes(1, 3),
        "padding": sizes(0, 2),
        "dilation": (1,) * dims,
        "output_padding": (0,) * dims,
    }
    channels = rng.choice([1, 1, 2, 4])
    values["in_channels"] = values["out_channels"] = channels
    if kind in {CONV, TRANSPOSED}:
        values["out_channels"] = rng.choice([1, 2, 3, 4])
        values["groups"] = rng.choice([1, 1, 1, 2])
        values["bias"] = rng.random() < 0.5
    if kind != AVG_POOL:
        values["dilation"] = rng.choice([(1,) * dims, sizes(1, 3)])
    if kind == TRANSPOSED:
        values["output_padding"] = rng.choice([(0,) * dims, sizes(0, 2)])
    if kind == CONV:
        values["padding_mode"] = rng.choice(["zeros", "zeros", "reflect", "replicate", "circular"])
        word = rng.choice([None, None, "same", "valid", "causal"])
        if word == "same":
            values["padding"], values["stride"] = "same", rng.choice([(1,) * dims, sizes(1, 2)])
        elif word == "valid" or (word == "causal" and dims == 1):
            values["padding"] = word
            values["padding_mode"] = "zeros"
        if dims == 1 and channels == values["out_channels"] == values.get("groups") == 1:
            values["layers"] = rng.choice([1, 2, 3])
    if kind in {MAX_POOL, AVG_POOL}:
        values["ceil_mode"] = rng.random() < 0.5
    if kind == AVG_POOL:
        values["count_include_pad"] = rng.random() < 0.5
        values["divisor_override"] = rng.choice([None, None, 3]) if dims == 2 else None
    return Convolution(**values)


def case(convolution: Convolution, rng: random.Random, *, example: bool = False) -> dict[str, Any]:
    """Return what torch computes for a setting, with whole numbers so that it is exact."""
    refused = refusal(convolution)
    found: dict[str, Any] = {
        "settings": convolution.as_dict(),
        "refused": None if refused is None else {"key": refused.key, "params": refused.params},
    }
    if refused is not None:
        return found

    def numbers(shape: tuple[int, ...]) -> torch.Tensor:
        count = math.prod(shape)
        drawn = [rng.randint(-4, 4) for _ in range(count)]
        return torch.tensor(drawn, dtype=torch.float32).reshape(shape)

    inputs = example_input(convolution)
    weight, bias = None, None
    if not example:
        inputs = numbers((convolution.in_channels, *convolution.input_size))
        if not convolution.is_pool and convolution.layers == 1:
            weight = numbers(weight_shape(convolution))
            bias = numbers((convolution.out_channels,))
    layer = build(convolution, weight, bias)
    with torch.no_grad():
        outputs = layer(inputs[None])[0]
    found |= {
        "example": example,
        "output_size": list(output_size(convolution)),
        "left_over": [axis.left_over for axis in axes(convolution)],
        "receptive_field": list(receptive_field(convolution)),
        "parameters": parameter_count(convolution),
        "line": source(convolution),
        "input": flat(inputs),
        "weight": flat(example_weight(convolution) if weight is None else weight)
        if not convolution.is_pool
        else [],
        "bias": flat(example_bias(convolution) if bias is None else bias)
        if convolution.bias
        else [],
        "output": flat(outputs),
        "matrix": None,
    }
    shape = (convolution.in_channels, *convolution.input_size)
    small = math.prod(shape) * outputs.numel() <= MOST_MATRIX
    if convolution.kind != MAX_POOL and small:
        found["matrix"] = flat(matrix(layer, shape))
    return found


def flat(values: torch.Tensor) -> list[float | int | str]:
    """Return numbers as JSON has them: whole ones as such, others with nine digits."""
    return [
        int(value)
        if value.is_integer()
        else float(f"{value:.9g}")
        if math.isfinite(value)
        else str(value)
        for value in values.flatten().tolist()
    ]


def cases() -> list[dict[str, Any]]:
    """Draw all cases anew; the presets first, with the numbers that are shown for them."""
    rng = random.Random(7)  # noqa: S311 - the same cases each time
    presets = [
        case(convolution, rng, example=True)
        for group in PRESETS.values()
        for name, convolution in group.items()
        if name != "wavenet"
    ]
    drawn = [case(random_convolution(rng), rng) for _ in range(CASES)]
    assert {found["settings"]["kind"] for found in drawn} == set(KINDS)
    return [*presets, *drawn]


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(found, separators=(",", ":")) for found in cases())
    (HERE / "convolutions.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
