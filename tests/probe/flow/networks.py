"""Networks of several kinds, with what a textbook has in them, small enough to measure whole."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Residual(nn.Module):
    """Convolutions with normalization, the input added, and an activation in place."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.norm(self.stem(x)))
        x = x + self.conv(x)
        x = torch.relu_(x)
        return self.head(x.mean((2, 3)))


class Looping(nn.Module):
    """A cell that is called once for each step in time."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(3, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 5)
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return self.head(state)


class Attending(nn.Module):
    """Attention written out, with a causal mask of −∞, dropout and layer norms."""  # noqa: RUF002

    def __init__(self, width: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop = nn.Dropout(0.25)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        parts = self.qkv(self.norm1(x)).reshape(rows, length, 3, self.heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        scores = queries @ keys.transpose(-2, -1) / (width // self.heads) ** 0.5
        ahead = torch.ones(length, length, dtype=torch.bool).triu(1)
        shares = scores.masked_fill(ahead, -torch.inf).softmax(-1)
        mixed = (self.drop(shares) @ values).transpose(1, 2).reshape(rows, length, width)
        x = x + self.out(mixed)
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.head(x[:, -1])


class Sharing(nn.Module):
    """One layer that is called twice, and its weight once more as a function's."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.relu = nn.ReLU()
        self.head = nn.Linear(6, 3)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        x = self.relu(self.layer(x))
        x = self.relu(self.layer(x))
        x = 1.5 * x
        x += 0.5
        return self.head(functional.linear(x, self.layer.weight))


KINDS = {
    "residual": (Residual, (8, 1, 6, 6)),
    "looping": (Looping, (8, 4, 3)),
    "attending": (Attending, (8, 5, 8)),
    "sharing": (Sharing, (8, 6)),
}


def made(kind: str) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network with a batch and its classes."""
    torch.manual_seed(3)
    build, shape = KINDS[kind]
    return build(), torch.randn(shape), torch.randint(0, 3, (shape[0],))
