"""A landscape: the loss on a plane or a line through a network's weights, coarse and then fine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from dl_lab.errors import InputError
from dl_lab.theory.slices import Flat, Network, filter_normalised, principal
from dl_lab.theory.surfaces import Place

COARSEST = 5
"""Points along an axis that are measured first."""


@dataclass(frozen=True)
class Cut:
    """A plane through a network's weights, or a line.

    Attributes
    ----------
    origin
        The weights where the coordinates are 0, [n].
    directions
        One or two, [k, n].
    x, y
        What is shown of the coordinates; y is (0, 0) of a line.
    marks
        Places with a name.
    shares
        Of the variance of a run's way along each direction, where it was made from one.
    """

    origin: Flat
    directions: Tensor
    x: Place
    y: Place
    marks: Mapping[str, Place] = field(default_factory=dict)
    shares: tuple[float, ...] = ()

    @property
    def is_line(self) -> bool:
        """Whether it has one direction."""
        return len(self.directions) == 1

    def weights(self, place: Sequence[float]) -> Flat:
        """Return the weights at a place."""
        along = torch.tensor(place[: len(self.directions)], dtype=self.origin.dtype)
        return self.origin + along.to(self.origin.device) @ self.directions

    def places(self, weights: Sequence[Flat]) -> list[Place]:
        """Return where weights lie on it: the foot of those that lie beside it.

        Examples
        --------
        >>> cut = Cut(torch.zeros(3), torch.tensor([[2.0, 0, 0], [0, 1, 0]]), (-1, 1), (-1, 1))
        >>> cut.places([torch.tensor([4.0, 3.0, 9.0])])
        [(2.0, 3.0)]
        """
        if not len(weights):
            return []
        apart = (torch.stack(list(weights)).to(self.origin) - self.origin).double()
        directions = self.directions.double()
        found = torch.linalg.solve(directions @ directions.T, directions @ apart.T).T
        return [(float(one[0]), float(one[1]) if len(one) > 1 else 0.0) for one in found]


def random_cut(network: Network, *, seed: int = 0, reach: float = 1.0, line: bool = False) -> Cut:
    """Return a cut along random directions, which are filter-normalised.

    Parameters
    ----------
    network
        The weights as they were when it was made are in the middle.
    seed
        Of the directions.
    reach
        How far it goes to each side; 1 is as far as the filters are long.
    line
        Whether it has one direction.
    """
    directions = filter_normalised(network, seed, 1 if line else 2)
    ends = -reach, reach
    return Cut(network.here, directions, ends, (0.0, 0.0) if line else ends)


def run_cut(
    network: Network, path: Sequence[Flat], *, reach: float = 1.0, line: bool = False
) -> Cut:
    """Return the plane in which a run's way lies best, or the line from its beginning to its end.

    Raises
    ------
    InputError
        The way goes nowhere.

    References
    ----------
    Goodfellow, Vinyals, Saxe, "Qualitatively Characterizing Neural Network Optimization
    Problems", ICLR 2015. https://arxiv.org/abs/1412.6544 (the line)
    """
    path = [one.to(network.here) for one in path]
    if len(path) < 2 or torch.equal(path[0], path[-1]):  # noqa: PLR2004  # a beginning and an end
        raise InputError("path_still")
    if line:
        ends = 0.5 - 0.75 * reach, 0.5 + 0.75 * reach
        return Cut(
            path[0], (path[-1] - path[0])[None], ends, (0.0, 0.0), {"begin": (0, 0), "end": (1, 0)}
        )
    directions, coordinates, shares = principal(path)
    low, high = coordinates.min(0).values, coordinates.max(0).values
    middle = (low + high) / 2
    # As wide in both directions, so that steep and flat can be told apart.
    half = max(float((high - low).max()) / 2 * 1.3, 1e-6) * reach
    x, y = ((float(one) - half, float(one) + half) for one in middle)
    begin = float(coordinates[0, 0]), float(coordinates[0, 1])
    found = tuple(float(share) for share in shares)
    return Cut(path[-1], directions, x, y, {"begin": begin, "end": (0.0, 0.0)}, found)


def joining_cut(
    network: Network, other: Flat, *, seed: int = 0, reach: float = 1.0, line: bool = False
) -> Cut:
    """Return the line that joins two minima, or a plane through both and a random direction.

    The network's own weights are at 0, the other ones at 1.

    Raises
    ------
    InputError
        They are the same.
    """
    first = other.to(network.here) - network.here
    length = first.norm()
    if not float(length) > 0:
        raise InputError("minima_same")
    marks = {"first": (0.0, 0.0), "second": (1.0, 0.0)}
    ends = 0.5 - reach, 0.5 + reach
    if line:
        return Cut(network.here, first[None], ends, (0.0, 0.0), marks)
    second = filter_normalised(network, seed, 1)[0]
    second = second - (second @ first) / length**2 * first
    second = second * (length / second.norm())
    return Cut(network.here, torch.stack([first, second]), ends, (-reach, reach), marks)


class Landscape:
    """The loss on a cut, measured on ever finer grids.

    Parameters
    ----------
    network
        Whose loss it is.
    cut
        Where.
    finest
        Points along an axis at the end: 4 times a power of two, and 1.

    Examples
    --------
    >>> from torch import nn
    >>> layer = nn.Linear(1, 1)
    >>> network = Network(layer, nn.functional.mse_loss, (torch.ones(4, 1), torch.ones(4, 1)))
    >>> landscape = Landscape(network, random_cut(network, line=True), finest=9)
    >>> landscape.advance()
    >>> landscape.shown().shape, landscape.finished
    (torch.Size([1, 9]), True)
    """

    def __init__(self, network: Network, cut: Cut, finest: int = 33) -> None:
        self.network = network
        self.cut = cut
        self.finest = finest
        self.side = COARSEST
        self._begin(None)

    def _begin(self, coarse: Tensor | None) -> None:
        """Begin a grid, of which every second point is known from the one before."""
        self._coarse = coarse
        size = (1 if self.cut.is_line else self.side, self.side)
        self.values = torch.full(size, math.nan)
        self._known = torch.zeros(size, dtype=torch.bool)
        if coarse is not None:
            every = (slice(None, None, 1 if self.cut.is_line else 2), slice(None, None, 2))
            self.values[every], self._known[every] = coarse, True
        self._waiting: list[int] = (~self._known).flatten().nonzero().flatten().tolist()

    @property
    def finished(self) -> bool:
        """Whether the finest grid is complete."""
        return self.side == self.finest and not self._waiting

    @property
    def share(self) -> float:
        """How much of all points of the finest grid is done."""
        total = self.finest if self.cut.is_line else self.finest**2
        return (self.values.numel() - len(self._waiting)) / total

    def advance(self, until: float = math.inf) -> None:
        """Measure on, up to a time of `monotonic` or the end; at least one point."""
        while not self.finished:
            if not self._waiting:
                self.side = 2 * self.side - 1
                self._begin(self.values)
            places = torch.tensor([self.place(one) for one in self._waiting])
            found = self.network.plane_losses(self.cut.origin, self.cut.directions, places, until)
            done, self._waiting = self._waiting[: len(found)], self._waiting[len(found) :]
            self.values.view(-1)[done] = torch.tensor(found)
            self._known.view(-1)[done] = True
            if not found or monotonic() >= until:
                return

    def place(self, index: int) -> list[float]:
        """Return the coordinates of a point of the grid by its number."""
        row, column = divmod(index, self.side)
        x = self.cut.x[0] + (self.cut.x[1] - self.cut.x[0]) * column / (self.side - 1)
        if self.cut.is_line:
            return [x]
        return [x, self.cut.y[0] + (self.cut.y[1] - self.cut.y[0]) * row / (self.side - 1)]

    def shown(self) -> Tensor:
        """Return the grid at hand, [rows, columns]: what is not measured yet lies between.

        The first row is the lowest.
        """
        if self._coarse is None or not self._waiting:
            return self.values
        size = self.values.shape
        between = interpolate(self._coarse[None, None], size, mode="bilinear", align_corners=True)[
            0, 0
        ]
        return torch.where(self._known, self.values, between)


def barrier(values: Tensor, x: Place) -> float | None:
    """Return how far the loss between two minima rises above the line that joins their losses.

    Parameters
    ----------
    values
        Of a joining line, [m].
    x
        Its ends; the minima are at 0 and 1.

    Returns
    -------
    float or None
        None while it is not measured.

    Examples
    --------
    >>> barrier(torch.tensor([2.0, 5.0, 4.0]), (0.0, 1.0))
    2.0
    """
    places = torch.linspace(*x, len(values))
    between = ((places - 0.5).abs() < 0.5 + 1e-6) & values.isfinite()
    if int(between.sum()) < 3:  # noqa: PLR2004  # both ends, and something between
        return None
    at, found = places[between], values[between]
    line = found[0] + (found[-1] - found[0]) * (at - at[0]) / (at[-1] - at[0])
    return float((found - line).max())
