"""Models with what they are given, of all the kinds that people have."""

from __future__ import annotations

import dataclasses
import warnings
from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class Of(nn.Module):
    """A model of some layers and a function that calls them."""

    def __init__(self, call: Callable[..., Any], **layers: Any) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._call = call

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(self, *args, **kwargs)


class Detector(nn.Module):
    """Takes a list of images of any sizes; boxes, scores and labels for each, often none."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)
        self.boxes = nn.Linear(4, 4)
        self.threshold = threshold

    def forward(self, images: Any, targets: Any = None) -> list[dict[str, Tensor]]:
        if self.training and targets is None:
            raise ValueError("targets should not be None in training mode")
        found = []
        for image in images:
            maps = self.body(image[None])[0].flatten(1).T
            boxes = self.boxes(maps[maps.mean(1) > self.threshold])
            labels = torch.ones(len(boxes), dtype=torch.long)
            found.append({"boxes": boxes, "scores": boxes.sum(1), "labels": labels})
        return found


class PhysicsInformed(nn.Module):
    """u_t + u·u_x - 0.01·u_xx of a small network, by automatic differentiation."""

    def __init__(self, *, requires: bool) -> None:
        super().__init__()
        self.u = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        self.requires = requires

    def forward(self, points: Tensor) -> Tensor:
        if self.requires:
            points = points.requires_grad_()
        u = self.u(points)
        (first,) = torch.autograd.grad(u.sum(), points, create_graph=True)
        (second,) = torch.autograd.grad(first[:, 1].sum(), points, create_graph=True)
        return first[:, :1] + u * first[:, 1:] - 0.01 * second[:, 1:]


def _graph(self: Any, nodes: Tensor, edges: Tensor) -> Tensor:
    hidden = self.first(nodes).relu()
    return self.second(torch.zeros_like(hidden).index_add(0, edges[1], hidden[edges[0]]))


def _padded(self: Any, x: Tensor, lengths: Tensor) -> Tensor:
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return self.head(self.lstm(packed)[1][0][0])


def _autoencode(self: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    mean, log_variance = self.encoder(x).chunk(2, 1)
    z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    return self.decoder(z), mean, log_variance


Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024  # as people have them


@dataclasses.dataclass
class Both:
    left: Tensor
    right: Tensor


class Given(NamedTuple):
    """A model, what it is given, how many examples that are, and along which dimension."""

    model: Callable[[], nn.Module]
    x: Any
    count: int
    along: int = 0


def _rand(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def _sum(self: Any, left: Tensor, right: Tensor) -> Tensor:
    return self.layer(left) - self.layer(right)


def _image(channels: int = 1, **call: Any) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(
        *call.values(), nn.Conv2d(channels, 2, 3), nn.Flatten(), nn.Linear(72, 10)
    )


with warnings.catch_warnings():
    # Both are in beta.
    warnings.simplefilter("ignore")
    COMPRESSED = torch.eye(6, 5).to_sparse_csr()
    RAGGED = torch.nested.nested_tensor([_rand(3, 4), _rand(5, 4)])
TWO = (_rand(5, 4), _rand(5, 4) + 1)
TOKENS = torch.arange(28).reshape(4, 7) % 20
EDGES = torch.tensor([[0, 1, 2, 5], [1, 2, 3, 0]])
ADJACENCY = torch.eye(6) + torch.eye(6).roll(1, 0)
ZEROS = torch.zeros(1, 3, 8)


class Data:
    """A graph as an object of one's own."""

    def __init__(self) -> None:
        self.x = _rand(6, 4)
        self.edge_index = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])


GIVEN: dict[str, Given] = {
    "a graph as an object": Given(
        lambda: Of(
            lambda self, data: self.body(data.x).index_add(
                0, data.edge_index[1], data.x[data.edge_index[0], :2]
            ),
            body=nn.Linear(4, 2),
        ),
        Data(),
        1,
    ),
    "finds nothing": Given(lambda: Detector(1e9), _rand(2, 3, 16, 16), 2),
    "finds something": Given(lambda: Detector(-1e9), _rand(2, 3, 16, 16), 2),
    "a list of images": Given(lambda: Detector(1e9), [_rand(3, 16, 16), _rand(3, 20, 12)], 2),
    "a list of equal images": Given(lambda: Detector(-1e9), [_rand(3, 9, 9), _rand(3, 9, 9)], 2),
    "images to stack": Given(_image(3), [_rand(3, 8, 8), _rand(3, 8, 8) + 1], 2),
    "images without a channel": Given(_image(), _rand(5, 8, 8), 5),
    "one image": Given(_image(3), _rand(3, 8, 8), 1),
    "one image without a channel": Given(_image(), _rand(8, 8), 1),
    "adds the channel itself": Given(
        lambda: Of(
            lambda self, x: self.head(self.body(x.unsqueeze(1)).flatten(1)),
            body=nn.Conv2d(1, 2, 3),
            head=nn.Linear(72, 10),
        ),
        _rand(5, 8, 8),
        5,
    ),
    "colours last": Given(
        lambda: Of(
            lambda self, x: self.head(self.body(x.permute(0, 3, 1, 2)).flatten(1)),
            body=nn.Conv2d(3, 2, 3),
            head=nn.Linear(72, 10),
        ),
        _rand(4, 8, 8, 3),
        4,
    ),
    "bytes": Given(
        lambda: Of(
            lambda self, x: self.head(self.body(x.float() / 255).flatten(1)),
            body=nn.Conv2d(3, 2, 3),
            head=nn.Linear(72, 10),
        ),
        (_rand(4, 3, 8, 8) * 255).to(torch.uint8),
        4,
    ),
    "flat images": Given(lambda: nn.Linear(784, 10), _rand(5, 784), 5),
    "rows of images": Given(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), _rand(5, 28, 28), 5
    ),
    "sparse": Given(
        lambda: Of(
            lambda self, x: self.head(torch.sparse.mm(x, self.body.weight.T).relu()),
            body=nn.Linear(5, 3),
            head=nn.Linear(3, 2),
        ),
        torch.eye(6, 5).to_sparse(),
        6,
    ),
    "compressed": Given(
        lambda: Of(
            lambda self, x: self.head((x @ self.body.weight.T).relu()),
            body=nn.Linear(5, 3),
            head=nn.Linear(3, 2),
        ),
        COMPRESSED,
        1,
    ),
    "a sparse graph": Given(
        lambda: Of(
            lambda self, x, a: self.second(torch.sparse.mm(a, self.first(x)).relu()),
            first=nn.Linear(5, 4),
            second=nn.Linear(4, 2),
        ),
        (_rand(6, 5), ADJACENCY.to_sparse()),
        1,
    ),
    "a dense graph": Given(
        lambda: Of(
            lambda self, x, a: self.second(a @ self.first(x)),
            first=nn.Linear(5, 4),
            second=nn.Linear(4, 2),
        ),
        (_rand(6, 5), ADJACENCY),
        1,
    ),
    "edges": Given(
        lambda: Of(_graph, first=nn.Linear(5, 4), second=nn.Linear(4, 2)), (_rand(6, 5), EDGES), 1
    ),
    "hidden and cell state": Given(
        lambda: nn.LSTM(4, 8, batch_first=True), (_rand(3, 5, 4), (ZEROS, ZEROS + 1)), 3
    ),
    "time first": Given(lambda: nn.GRU(4, 8), (_rand(5, 3, 4), ZEROS), 3, along=1),
    "time first, one tensor": Given(
        lambda: Of(
            lambda self, x: self.head(self.lstm(x)[0][-1]),
            lstm=nn.LSTM(4, 8),
            head=nn.Linear(8, 2),
        ),
        _rand(7, 3, 4),
        3,
        along=1,
    ),
    "no state": Given(lambda: nn.LSTM(4, 8, batch_first=True), (_rand(3, 5, 4), None), 3),
    "nested": Given(
        lambda: Of(
            lambda self, x, pair, scale, mask=None: _sum(self, x, pair[1][0]) * scale,  # noqa: ARG005
            layer=nn.Linear(4, 2),
        ),
        (TWO[0], (TWO[1], [TWO[1]]), 0.5, None),
        5,
    ),
    "packed": Given(
        lambda: nn.LSTM(4, 8, batch_first=True),
        pack_padded_sequence(_rand(3, 5, 4), [5, 3, 2], batch_first=True),
        1,
    ),
    "lengths": Given(
        lambda: Of(_padded, lstm=nn.LSTM(4, 8, batch_first=True), head=nn.Linear(8, 2)),
        (_rand(3, 5, 4), torch.tensor([5, 3, 2])),
        3,
    ),
    "lazy": Given(
        lambda: nn.Sequential(
            *(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten()),
            nn.LazyLinear(3),
        ),
        _rand(4, 1, 8, 8),
        4,
    ),
    "differentiates": Given(lambda: PhysicsInformed(requires=True), _rand(5, 2), 5),
    "differentiates by its input": Given(
        lambda: PhysicsInformed(requires=False), _rand(5, 2).requires_grad_(), 5
    ),
    "differentiates by a transform": Given(
        lambda: Of(
            lambda self, x: torch.vmap(torch.func.grad(lambda row: self.u(row).sum()))(x),
            u=nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)),
        ),
        _rand(5, 2),
        5,
    ),
    "second derivatives": Given(
        lambda: Of(
            lambda self, x: torch.vmap(torch.func.hessian(lambda row: self.u(row).sum()))(x),
            u=nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)),
        ),
        _rand(5, 2),
        5,
    ),
    "rows of several lengths": Given(
        lambda: Of(
            lambda self, x: torch.stack([self.head(one).mean(0) for one in x.unbind()]),
            head=nn.Linear(4, 2),
        ),
        RAGGED,
        1,
    ),
    "pairs of numbers": Given(
        lambda: Of(
            lambda self, u, i: (self.u(u) * self.i(i)).sum(1),
            u=nn.Embedding(10, 4),
            i=nn.Embedding(10, 4),
        ),
        (torch.arange(6), torch.arange(6) + 2),
        6,
    ),
    "names beside": Given(
        lambda: Of(lambda self, x: self.layer(x["x"]["a"]), layer=nn.Linear(4, 2)),
        {"x": {"a": TWO[0]}, "names": ["a", "b"]},
        5,
    ),
    "several": Given(lambda: Of(_sum, layer=nn.Linear(4, 3)), TWO, 5),
    "a list of several": Given(lambda: Of(_sum, layer=nn.Linear(4, 3)), list(TWO), 5),
    "by name": Given(lambda: Of(_sum, layer=nn.Linear(4, 3)), {"right": TWO[1], "left": TWO[0]}, 5),
    "one dictionary": Given(
        lambda: Of(lambda self, x: _sum(self, x["a"], x["b"]), layer=nn.Linear(4, 3)),
        {"a": TWO[0], "b": TWO[1]},
        5,
    ),
    "one tuple": Given(lambda: Of(lambda self, x: _sum(self, *x), layer=nn.Linear(4, 3)), TWO, 5),
    "a named tuple": Given(
        lambda: Of(lambda self, x: _sum(self, x.left, x.right), layer=nn.Linear(4, 3)),
        Pair(*TWO),
        5,
    ),
    "a dataclass": Given(
        lambda: Of(lambda self, x: _sum(self, x.left, x.right), layer=nn.Linear(4, 3)),
        Both(*TWO),
        5,
    ),
    "one vector": Given(lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU()), _rand(4), 1),
    "tokens": Given(
        lambda: Of(
            lambda self, x: self.head(self.embedding(x).mean(1)),
            embedding=nn.Embedding(20, 8),
            head=nn.Linear(8, 3),
        ),
        TOKENS,
        4,
    ),
    "one sentence": Given(
        lambda: Of(
            lambda self, x: self.head(self.lstm(self.embedding(x))[0]),
            embedding=nn.Embedding(20, 8),
            lstm=nn.LSTM(8, 8, batch_first=True),
            head=nn.Linear(8, 3),
        ),
        TOKENS[0],
        1,
    ),
    "complex": Given(
        lambda: Of(
            lambda self, x: self.head((x @ self.weight).abs()),
            weight=nn.Parameter(torch.rand(4, 3, dtype=torch.cfloat)),
            head=nn.Linear(3, 2),
        ),
        torch.complex(*TWO),
        5,
    ),
    "a mask for all": Given(
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (_rand(3, 5, 8), torch.zeros(5, 5)),
        3,
    ),
    "a mask of as many rows": Given(
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (_rand(5, 5, 8), torch.full((5, 5), -torch.inf).triu(1)),
        5,
    ),
    "random in every mode": Given(
        lambda: Of(_autoencode, encoder=nn.Linear(64, 8), decoder=nn.Linear(4, 64)),
        _rand(5, 64),
        5,
    ),
    "a batch of a fixed size": Given(
        lambda: Of(lambda self, x: self.head(x.view(5, 2, 2).flatten(1)), head=nn.Linear(4, 3)),
        _rand(5, 4),
        1,
    ),
    "one at a time": Given(
        lambda: Of(lambda self, x: self.head(x.view(1, 4)), head=nn.Linear(4, 3)), _rand(5, 4), 5
    ),
    "a set": Given(
        lambda: Of(lambda self, x: self.head(x.mean(0)), head=nn.Linear(4, 3)), _rand(5, 4), 1
    ),
    "returns a number": Given(
        lambda: Of(lambda self, x: self.head(x).mean(), head=nn.Linear(4, 3)), _rand(5, 4), 5
    ),
}
