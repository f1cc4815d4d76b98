"""A KernelExplorer's filter as plain PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from dl_lab.filters.image_filter import ImageFilter


def source(image_filter: ImageFilter, kernels: Tensor, channels: int) -> str:
    """Return code that computes the same from ``image``, a tensor [channels, height, width]."""
    how = image_filter
    alone = how.channels == "grey" or channels == 1
    kernels = kernels[:1] if alone else kernels
    apart = how.channels == "each" and channels > 1
    lines = ["import torch", "from torch.nn import functional", "", f"kernel = {_listing(kernels)}"]
    if how.channels == "grey" and channels > 1:
        shares = "0.299, 0.587, 0.114" if channels == 3 else f"*[1 / {channels}] * {channels}"  # noqa: PLR2004
        lines.append(f"luma = torch.tensor([{shares}]).view(1, -1, 1, 1)")
        lines.append("batch = functional.conv2d(image[None], luma)  # grey")
    else:
        lines.append("batch = image[None]")
    before, after = how.margins(kernels.shape[-1])
    if before or after:
        mode = "constant" if how.padding_mode == "zeros" else how.padding_mode
        sides = f"({before}, {after}, {before}, {after})"
        lines.append(f'batch = functional.pad(batch, {sides}, mode="{mode}")')
    planes = 1 if alone else channels
    weight = f"kernel.expand({planes}, -1, -1)" if len(kernels) < planes else "kernel"
    outputs = channels if apart else 1
    arguments = ["batch", f"{weight}[:, None]" if apart else f"{weight}[None]"]
    if how.bias:
        arguments.append(f"bias=torch.full(({outputs},), {how.bias!r})")
    if how.stride > 1:
        arguments.append(f"stride={how.stride}")
    if how.dilation > 1:
        arguments.append(f"dilation={how.dilation}")
    if apart:
        arguments.append(f"groups={channels}")
    lines.append(f"output = functional.conv2d({', '.join(arguments)})[0]")
    return "\n".join(lines)


def _listing(kernels: Tensor) -> str:
    """Write kernels as exactly these float32 numbers."""
    planes = []
    for kernel in kernels:
        rows = [", ".join(_number(value) for value in row) for row in kernel.tolist()]
        planes.append("[" + ",\n      ".join(f"[{row}]" for row in rows) + "]")
    return "torch.tensor(\n    [" + ",\n     ".join(planes) + "]\n)"


def _number(value: float) -> str:
    """Return the shortest text that is this float32 number."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if torch.tensor(float(text), dtype=torch.float32).item() == value:
            return repr(float(text))
    return repr(value)
