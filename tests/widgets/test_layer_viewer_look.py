"""Looks at networks, asked for in any order, with and without sense: never a failure."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import dl_lab
from tests.probe.networks import Residual
from tests.widgets.visitor import walk


class Words(nn.Module):
    """Whole numbers in, and a layer that returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.lstm = nn.LSTM(8, 12, batch_first=True)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.embedding(x))[0][:, -1])


NETWORKS = {
    "residual": (Residual, torch.rand(6, 3, 16, 16)),
    "bfloat16": (lambda: Residual().bfloat16(), torch.rand(6, 3, 16, 16)),
    "words": (Words, torch.randint(0, 20, (5, 7))),
    "images out": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1)
        ),
        torch.rand(4, 1, 12, 12),
    ),
    "volumes": (
        lambda: nn.Sequential(nn.Conv3d(1, 3, 3), nn.Flatten(), nn.Linear(192, 2)),
        torch.rand(3, 1, 6, 6, 6),
    ),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv1d(4, 3), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3)),
        torch.rand(4, 2, 9),
    ),
    "not finite": (lambda: nn.Sequential(nn.Linear(2, 3), nn.Softmax(1)), torch.rand(4, 2) / 0),
}


@pytest.mark.walk
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_request_has_an_answer_and_no_frame_fails(name, caplog):
    make, x = NETWORKS[name]
    torch.manual_seed(0)
    viewer = dl_lab.LayerViewer(make(), x)
    visitor = walk(viewer, caplog)
    assert visitor.page.next_frame(viewer.update).kind == "frame.show"
    assert [record.getMessage() for record in caplog.records] == []
    assert visitor.page.frames()
    viewer.close()
