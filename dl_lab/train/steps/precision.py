"""Mixed precision: which type a step computes in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

from dl_lab.errors import InputError, shown

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

PRECISIONS = ("fp32", "bf16", "fp16")
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """The context in which a model and its loss run, and the scale of their gradients.

    Parameters
    ----------
    name
        ``"fp32"`` leaves every tensor its own type. ``"bf16"``: autocast, on the CPU or CUDA.
        ``"fp16"``: autocast with scaled gradients, on CUDA. torch's scaler asks the device at each
        step whether the gradients are finite and waits for the answer, except with an optimizer
        that is ``fused=True``; the other two never wait.
    device
        Where it runs.

    Raises
    ------
    InputError
        An unknown name, or one that the device does not have.

    Examples
    --------
    >>> precision = Precision("bf16", torch.device("cpu"))
    >>> with precision.context():
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.bfloat16
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name not in PRECISIONS:
            raise InputError.unknown("precision", name, PRECISIONS)
        kinds = {"fp32": None, "bf16": ("cpu", "cuda"), "fp16": ("cuda",)}[name]
        if kinds is not None and device.type not in kinds:
            raise InputError("precision_device", given=shown(name), device=device.type)
        self.name = name
        self.plain = name == "fp32"
        """Whether nothing is to be done."""
        self._device = device.type
        self.scaler: torch.amp.GradScaler | None = (
            torch.amp.GradScaler(self._device) if name == "fp16" else None
        )

    def context(self) -> AbstractContextManager[object]:
        """Return the context for one forward pass with its loss."""
        if self.plain:
            return contextlib.nullcontext()
        return torch.autocast(self._device, dtype=_TYPES[self.name])

    def state_dict(self) -> dict[str, Any] | None:
        """Return the scale and its history; None where nothing is scaled."""
        return None if self.scaler is None else dict(self.scaler.state_dict())

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Take back what `state_dict` returned."""
        if self.scaler is not None and state:
            self.scaler.load_state_dict(state)
