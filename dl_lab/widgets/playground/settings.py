"""What the Playground's menus offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dl_lab.data.toy import DATA_SETS
from dl_lab.nets.dense import ACTIVATIONS
from dl_lab.nets.features import FEATURES

LEARNING_RATES = (1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
REGULARIZATION_RATES = (0.0, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SPEEDS = (1, 2, 5, 10, 20, 50, None)


def choices(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each setting may be, as the views offer it, from a Playground's traits."""
    sizes = traits["hidden"]
    return {
        "problem": list(DATA_SETS),
        "data": {problem: list(names) for problem, names in DATA_SETS.items()},
        "features": list(FEATURES),
        "activation": list(ACTIVATIONS),
        "learning_rate": list(LEARNING_RATES),
        "regularization": [None, "L1", "L2"],
        "regularization_rate": list(REGULARIZATION_RATES),
        "speed": list(SPEEDS),
        "noise": [0, 50, 5],
        "train_ratio": [0.1, 0.9, 0.1],
        "batch_size": [1, 30, 1],
        "neurons": [sizes.low, sizes.high, 1],
        "layers": [0, sizes.most, 1],
        "seed": [traits["seed"].low, traits["seed"].high, 1],
    }
