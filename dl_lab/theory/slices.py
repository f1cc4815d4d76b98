"""Planes and lines through a network's weights, and the loss on them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from dl_lab.errors import InputError
from dl_lab.kept.unchanged import unchanged
from dl_lab.probe.looks.own_random import OwnRandom
from dl_lab.probe.modules import original
from dl_lab.probe.untouched import own_random, weights_of
from dl_lab.theory.surfaces import Surface
from dl_lab.train.batches.loaders import as_loader, check_data
from dl_lab.train.batches.structure import can_be_cut, cut, forward, rows, split, to_device
from dl_lab.train.diagnosis.explain import check_value, explain

MOST_PARAMETERS = 20_000_000
"""Of a network: a plane takes five times the memory of its weights."""

ROWS_AT_ONCE = 1024

# With more weights than these a pass takes longer than what is spent on calling it.
_SMALL = 3_000
_CHUNK = 128

Loss = Callable[[Any, Any], Tensor]
Flat = Tensor
"""All parameters of a network one after the other, [n]."""


class Network:
    """A copy of a network with data and a loss, whose weights are one vector.

    The network that was given stays as it is, whatever trains it meanwhile.

    Parameters
    ----------
    model
        Any module; it computes in evaluation mode.
    loss
        ``loss(model(inputs), targets)`` gives one number, a mean over the rows.
    data
        As for a Trainer.
    rows
        How many rows of the data count: the first ones.

    Raises
    ------
    InputError
        It is too large, cannot be copied, or its loss cannot be measured.

    Examples
    --------
    >>> network = Network(nn.Linear(1, 1), nn.functional.mse_loss, (torch.ones(4, 1),) * 2)
    >>> network.weights(torch.tensor([1.0, 0.0]))
    {'weight': tensor([[1.]]), 'bias': tensor([0.])}
    >>> network.losses([torch.tensor([1.0, 0.0]), torch.tensor([3.0, 0.0])])
    [0.0, 4.0]
    """

    def __init__(self, model: Any, loss: Any, data: Any, rows: int = 256) -> None:  # noqa: ANN401  # what is given
        if not isinstance(model, nn.Module):
            key = "model_class" if isinstance(model, type) else "not_model"
            raise InputError(key, given=getattr(model, "__name__", type(model).__name__))
        if not callable(loss) or isinstance(loss, type):
            key = "loss_class" if isinstance(loss, type) else "no_loss"
            raise InputError(key, given=getattr(loss, "__name__", repr(loss)))
        check_data(data, "data")
        model = original(model)
        parameters = dict(model.named_parameters())
        count = sum(one.numel() for one in parameters.values())
        if not count:
            raise InputError("no_parameters", name=type(model).__name__)
        if count > MOST_PARAMETERS:
            raise InputError("landscape_large", count=f"{count:,}", most=f"{MOST_PARAMETERS:,}")
        self.shapes = {name: one.shape for name, one in parameters.items()}
        first = next(iter(parameters.values()))
        self.device = first.device
        self.batches = _batches(model, data, rows, self.device)
        self.loss = loss
        try:
            self.model = copy.deepcopy(model)
        except Exception as error:
            raise InputError(
                "landscape_copy", name=type(model).__name__, kind=type(error).__name__, detail=error
            ) from error
        for one in self.model.parameters():
            one.requires_grad_(False)
            one.grad = None
        self.model.eval()
        self.called_off = False
        """Set to have what is being computed end before its next batch."""
        self._dtype = first.dtype
        first_names = {id(one): name for name, one in parameters.items()}
        # A weight that two layers share has two names.
        self._names = {
            name: first_names[id(one)]
            for name, one in model.named_parameters(remove_duplicate=False)
        }
        self._vmapped = count <= _SMALL and len(self.batches) == 1
        self.here = self.flat(parameters)
        self.losses([self.here], check=True)

    @property
    def count(self) -> int:
        """How many weights."""
        return self.here.numel()

    @property
    def rows(self) -> int:
        """How many rows of data count."""
        return sum(many for _, _, many in self.batches)

    def flat(self, named: Mapping[str, Tensor]) -> Flat:
        """Return parameters by their names as one vector, a copy.

        Raises
        ------
        InputError
            They are of another network.
        """
        for name, shape in self.shapes.items():
            there = named.get(name)
            if there is None or there.shape != shape:
                given = "missing" if there is None else tuple(there.shape)
                raise InputError("other_model", name=name, there=given, here=tuple(shape))
        return torch.cat(
            [named[name].detach().to(self.device, self._dtype).flatten() for name in self.shapes]
        )

    def weights(self, flat: Flat) -> dict[str, Tensor]:
        """Return a vector's parts by the parameters' names, sharing its memory."""
        parts = torch.split(flat, [shape.numel() for shape in self.shapes.values()])
        return {
            name: part.view(shape)
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }

    def losses(
        self, places: Iterable[Flat], until: float = math.inf, *, check: bool = False
    ) -> list[float]:
        """Return the loss of each vector of weights: of as many as there is time for.

        Parameters
        ----------
        places
            Vectors.
        until
            A time of `monotonic`; at least one is measured.
        check
            Whether to look what the loss returns, and what went wrong.
        """
        found: list[float] = []
        with torch.no_grad(), own_random(self.model):
            for place in places:
                weights = self.weights(place)
                named = {name: weights[first] for name, first in self._names.items()}
                with weights_of(self.model, named):
                    value = self._mean(check=check)
                if value is None:
                    break
                found.append(value)
                if monotonic() >= until:
                    break
        return found

    def plane_losses(
        self, origin: Flat, directions: Tensor, coordinates: Tensor, until: float = math.inf
    ) -> list[float]:
        """Return the loss at places of a plane, as far as there is time.

        Parameters
        ----------
        origin
            Where the coordinates are 0.
        directions
            [k, n].
        coordinates
            [m, k].
        until
            A time of `monotonic`; at least one, or of a small network 128, are measured.
        """
        coordinates = coordinates.to(self.device, self._dtype)
        found: list[float] = []
        while self._vmapped and len(found) < len(coordinates):
            part = coordinates[len(found) : len(found) + _CHUNK]
            try:
                found += self._together(origin + part @ directions)
            except Exception:  # noqa: BLE001  # not all that runs can be vectorised
                self._vmapped = False
            if monotonic() >= until:
                return found
        if len(found) == len(coordinates):
            return found
        rest = (origin + one @ directions for one in coordinates[len(found) :])
        return found + self.losses(rest, until)

    def _together(self, places: Tensor) -> list[float]:
        (inputs, targets, _) = self.batches[0]

        def one(flat: Flat) -> Tensor:
            return self._loss_of(self.weights(flat), inputs, targets)

        with torch.no_grad(), own_random(self.model):
            values: list[float] = vmap(one)(places).tolist()
        return values

    def _loss_of(self, weights: Mapping[str, Tensor], inputs: Any, targets: Any) -> Tensor:  # noqa: ANN401  # a batch's parts
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # a model's
            return functional_call(self.model, dict(weights), args, kwargs)

        loss: Tensor = self.loss(forward(call, inputs), targets)
        return loss.reshape(())

    def _mean(self, *, check: bool) -> float | None:
        total, count = 0.0, 0
        where, outputs = "forward", None
        for inputs, targets, many in self.batches:
            if self.called_off:
                return None
            try:
                where, outputs = "forward", forward(self.model, inputs)
                where, value = "loss", self.loss(outputs, targets)
                if check:
                    check_value(value)
            except InputError:
                raise
            except Exception as error:
                step = {"inputs": inputs, "outputs": outputs, "targets": targets}
                raise explain(
                    error, model=self.model, loss=self.loss, where=where, **step
                ) from error
            total += many * float(value)
            count += many
        return total / count

    def along(self, flat: Flat, point: Tensor, directions: Tensor, part: Tensor | None) -> Tensor:
        """Return the loss at ``flat + point @ directions`` as a tensor with its gradient."""
        total: Tensor | float = 0.0
        for inputs, targets, many in self.batches:
            chosen = inputs, targets
            if part is not None:
                chosen = _taken(inputs, part), _taken(targets, part)
            loss = self._loss_of(self.weights(flat + point @ directions), *chosen)
            total = total + loss * (1.0 if part is not None else many / self.rows)
        assert isinstance(total, Tensor)  # noqa: S101  # there is a batch
        return total


def _taken(part: Any, places: Tensor) -> Any:  # noqa: ANN401  # nested as it likes
    if isinstance(part, Tensor):
        return part[places.to(part.device)]
    if isinstance(part, Mapping):
        return {name: _taken(one, places) for name, one in part.items()}
    return type(part)(_taken(one, places) for one in part)


def _batches(model: nn.Module, data: Any, most: int, device: torch.device) -> list[Any]:  # noqa: ANN401  # as a Trainer
    """Return the first rows of data, as inputs, targets and how many, without leaving a trace."""
    found: list[Any] = []
    with unchanged({"model": model}, {"data": data}, device):
        left = most
        for batch in as_loader(data, min(most, ROWS_AT_ONCE), shuffle=False):
            inputs, targets = (to_device(part, device) for part in split(batch))
            many = rows(inputs, targets)
            if many > left and can_be_cut([inputs, targets]):
                inputs, targets = cut(inputs, 0, left), cut(targets, 0, left)
                many = left
            found.append((inputs, targets, many))
            left -= many
            if left <= 0:
                break
    if not found:
        raise InputError("no_batches")
    return found


def filter_normalised(network: Network, seed: int, count: int = 2) -> Tensor:
    """Return random directions whose filters are as long as those of the network's weights.

    Biases and the weights of normalization, which have one dimension, stay as they are.

    Parameters
    ----------
    network
        Whose weights count.
    seed
        Of the directions.
    count
        How many.

    Returns
    -------
    Tensor
        [count, n].

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets",
    NeurIPS 2018. https://arxiv.org/abs/1712.09913

    Examples
    --------
    >>> layer = nn.Linear(3, 2)
    >>> network = Network(layer, nn.functional.mse_loss, (torch.ones(4, 3), torch.ones(4, 2)))
    >>> direction = network.weights(filter_normalised(network, seed=0)[0])
    >>> bool(torch.allclose(direction["weight"].norm(dim=1), layer.weight.norm(dim=1)))
    True
    >>> direction["bias"]
    tensor([0., 0.])
    """
    draw = torch.Generator().manual_seed(seed)
    return torch.stack([_normalised(network, draw) for _ in range(count)])


def _normalised(network: Network, draw: torch.Generator) -> Flat:
    parts = []
    for weight in network.weights(network.here).values():
        if weight.ndim < 2:  # noqa: PLR2004  # a bias
            parts.append(torch.zeros_like(weight).flatten())
            continue
        direction = torch.randn(weight.shape, generator=draw).to(weight.device, weight.dtype)
        longs, shorts = weight.flatten(1).norm(dim=1), direction.flatten(1).norm(dim=1)
        scale = (longs / (shorts + 1e-10)).reshape(-1, *[1] * (weight.ndim - 1))
        parts.append((direction * scale).flatten())
    return torch.cat(parts)


def principal(path: Sequence[Flat]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the plane in which a path lies best, through its last point.

    Parameters
    ----------
    path
        [k] vectors of weights, at least two that differ.

    Returns
    -------
    tuple
        The two directions, [2, n], each of length 1 and across the other; the path's coordinates,
        [k, 2]; the share of the path's variance along each, [2].

    Raises
    ------
    InputError
        The path goes nowhere.

    Examples
    --------
    >>> path = [torch.tensor([3.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 1.0]), torch.ones(3)]
    >>> directions, coordinates, shares = principal(path)
    >>> bool(torch.allclose(coordinates @ directions + path[-1], torch.stack(path), atol=1e-5))
    True
    """
    points = torch.stack(list(path))
    apart = (points - points[-1]).double()
    # As many numbers as there are weights are in no matrix: that of the points' products is small.
    products = apart @ apart.T
    values, vectors = torch.linalg.eigh(products)
    values, vectors = values.flip(0)[:2], vectors.flip(1)[:, :2]
    if not float(values[0]) > 0:
        raise InputError("path_still")
    lengths = values.clamp_min(0).sqrt()
    directions = torch.zeros(2, points.shape[1], dtype=torch.float64, device=points.device)
    kept = lengths > 1e-6 * lengths[0]
    directions[kept] = (apart.T @ vectors[:, kept] / lengths[kept]).T
    if not kept[1]:
        directions[1] = _across(directions[0])
    # Directions have no sign of their own: the path comes from the right, and from above.
    coordinates = apart @ directions.T
    signs = torch.where(coordinates[0] < 0, -1.0, 1.0).double()
    shares = values.clamp_min(0) / products.trace()
    return (
        (directions * signs[:, None]).to(points.dtype),
        (coordinates * signs).to(points.dtype),
        shares.to(points.dtype),
    )


def _across(direction: Tensor) -> Tensor:
    """Return a direction of length 1 across another, always the same."""
    draw = torch.Generator().manual_seed(0)
    other = torch.randn(direction.shape, generator=draw, dtype=torch.float64).to(direction.device)
    other = other - other @ direction * direction
    across: Tensor = other / other.norm()
    return across


def loss_surface(
    model: nn.Module,
    loss: Loss,
    data: Any,  # noqa: ANN401  # as a Trainer
    *,
    seed: int = 0,
    reach: float = 1.5,
    rows: int = 256,
) -> Surface:
    """Return a plane through a network's weights as a surface that optimizers can race on.

    Parameters
    ----------
    model, loss, data, rows
        As for `Network`.
    seed
        Of the two random directions, which are filter-normalised.
    reach
        How far they go: 1 is as far as the weights are from 0.

    Examples
    --------
    >>> model, data = nn.Linear(1, 1), (torch.ones(4, 1),) * 2
    >>> surface = loss_surface(model, nn.functional.mse_loss, data)
    >>> here = nn.functional.mse_loss(model(data[0]), data[1])
    >>> bool(torch.isclose(surface.function(torch.zeros(2)), here))
    True
    """
    network = Network(model, loss, data, rows)
    directions = filter_normalised(network, seed)
    one_batch = len(network.batches) == 1 and can_be_cut(list(network.batches[0][:2]))

    def on(points: Tensor, part: Tensor | None = None) -> Tensor:
        if points.ndim == 1:
            return network.along(network.here, points, directions, part)
        flat = points.reshape(-1, 2)
        found = vmap(lambda one: network.along(network.here, one, directions, part))(flat)
        return found.reshape(points.shape[:-1])

    return Surface(
        on,
        (-reach, reach),
        (-reach, reach),
        (-0.8 * reach, 0.7 * reach),
        rows=network.rows if one_batch else 0,
        on_rows=on if one_batch else None,
    )


NETWORK = """
import torch
from torch import nn

torch.manual_seed(0)
angle, radius = 6.2832 * torch.rand(200), torch.cat([torch.rand(100), 1.5 + torch.rand(100)])
points = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
targets = (radius < 1.25).float()[:, None]
model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
loss = nn.BCEWithLogitsLoss()
adam = torch.optim.Adam(model.parameters(), lr=0.05)
for _ in range(60):
    adam.zero_grad()
    loss(model(points), targets).backward()
    adam.step()
"""
"""A small network that tells a disc from a ring, trained a little."""


def network_surface() -> Surface:
    """Return a plane through the weights of `NETWORK`.

    Examples
    --------
    >>> network_surface().rows
    200
    """
    names: dict[str, Any] = {}
    # The same numbers, and nobody else's are seeded.
    with OwnRandom(torch.Generator().manual_seed(0)):
        exec(NETWORK.replace("torch.manual_seed(0)\n", ""), names)  # noqa: S102  # what the page shows
    return loss_surface(names["model"], names["loss"], (names["points"], names["targets"]))
