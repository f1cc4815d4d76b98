"""Where to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from dl_lab.errors import InputError, shown

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


def resolve(device: str | torch.device, model: nn.Module | None = None) -> torch.device:
    """Return the device that is meant.

    Parameters
    ----------
    device
        ``"auto"``: where the model lies if that is an accelerator, else CUDA, else Apple's MPS,
        else the CPU. Otherwise as torch names it: ``"cpu"``, ``"cuda:1"``.
    model
        What is to be computed.

    Raises
    ------
    InputError
        No device of that name in this machine.

    Examples
    --------
    >>> resolve("cpu")
    device(type='cpu')
    """
    if device == "auto":
        return _automatic(model)
    try:
        found = torch.device(device)
        # Made there: whether the machine has it shows only now.
        return torch.empty(0, device=found).device
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        raise InputError("device", given=shown(device), allowed=", ".join(_present())) from error


def described(device: torch.device) -> str:
    """Say where that is, for people.

    Examples
    --------
    >>> described(torch.device("cpu"))
    'cpu'
    """
    if device.type == "cuda":
        return f"{device} {torch.cuda.get_device_name(device)}"
    return str(device)


def move(model: nn.Module, optimizer: Optimizer, device: torch.device) -> None:
    """Move a model and what its optimizer remembers; the parameters stay the same objects."""
    model.to(device)
    if optimizer.state:
        # Loading puts each tensor where its parameter lies, but leaves step counts on the CPU.
        optimizer.load_state_dict(optimizer.state_dict())


def _automatic(model: nn.Module | None) -> torch.device:
    parameter = next(model.parameters(), None) if model is not None else None
    if parameter is not None and parameter.device.type not in {"cpu", "meta"}:
        return parameter.device
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps", 0)
    return torch.device("cpu")


def _present() -> list[str]:
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["auto", "cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]
