"""The KernelExplorer's settings by name, and what its controls offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dl_lab.errors import InputError, shown
from dl_lab.filters.image_filter import CHANNELS, PADDING_MODES
from dl_lab.filters.image_kernels import LARGEST, NAMES, parameters_of
from dl_lab.widgets.base.traits import Setting

PARAMETERS = ("sigma", "angle", "wavelength", "seed")
FILTER = ("channels", "padding", "padding_mode", "stride", "dilation", "bias")

DISPLAYS = ("clipped", "stretched", "signed")
"""The output as brightness in the image's own range, in its own range, or as signed colours."""

MOST_PADDING = 40
LARGEST_VALUE = 1e6


class Padding(Setting):
    """Pixels on every side, or "same"."""

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        """Return the value as it is kept, or refuse it in a sentence."""
        whole = isinstance(value, int) and not isinstance(value, bool)
        if (whole and 0 <= value <= MOST_PADDING) or (isinstance(value, str) and value == "same"):
            return value
        raise InputError("padding_amount", most=MOST_PADDING, given=shown(value))


def kernel_values(given: object, channels: int) -> Tensor:
    """Return numbers as kernels [n, k, k], n being 1 or the number of channels, or refuse."""
    try:
        values = torch.as_tensor(given, dtype=torch.float32).detach().cpu()
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError("not_numbers", name="kernel", given=type(given).__name__) from error
    shape = list(values.shape)
    kernels = values[None] if values.ndim == 2 else values  # noqa: PLR2004 - [k, k]
    fits = (
        kernels.ndim == 3  # noqa: PLR2004 - [n, k, k]
        and len(kernels) in {1, channels}
        and kernels.shape[1] == kernels.shape[2]
        and 1 <= kernels.shape[1] <= LARGEST
    )
    if not fits:
        raise InputError("kernel_shape", channels=channels, most=LARGEST, given=shape)
    if not (kernels.abs() <= LARGEST_VALUE).all():
        raise InputError("kernel_not_finite")
    return kernels.clone()


def choices(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each setting may be, as the views offer it, from the widget's traits."""

    def limits(name: str, step: float) -> list[float]:
        return [traits[name].low, traits[name].high, step]

    return {
        "presets": {name: list(parameters_of(name)) for name in NAMES},
        "channels": list(CHANNELS),
        "padding_mode": list(PADDING_MODES),
        "display": list(DISPLAYS),
        "padding": [0, MOST_PADDING, 1],
        "size": limits("size", 1),
        "stride": limits("stride", 1),
        "dilation": limits("dilation", 1),
        "sigma": limits("sigma", 0.1),
        "angle": limits("angle", 5),
        "wavelength": limits("wavelength", 0.5),
        "value": LARGEST_VALUE,
    }
