"""A network with much of what makes looking into networks hard."""

from __future__ import annotations

from torch import Tensor, nn


class Residual(nn.Module):
    """In-place ReLU, a depthwise convolution, a dictionary as its output."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.relu(self.norm(self.first(x)))
        y = self.relu(self.second(y) + y)
        return {"logits": self.head(y.mean((2, 3))), "maps": y}
