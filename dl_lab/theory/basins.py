"""The map of basins: where an optimizer ends from each of many starts, all in one tensor."""

from __future__ import annotations

import math
from time import monotonic

import torch
from torch import Tensor

from dl_lab.errors import InputError
from dl_lab.theory.optimizer_race import Lane, Race, scheduler, step_with, take_on
from dl_lab.theory.surfaces import Place, Surface

SIDES = (100, 50, 25)
"""Starts along each axis: as many as go their steps in about `SECONDS`."""

SECONDS = 3.0

MOST = 8
"""Ends that are told apart."""

NOWHERE, AWAY = 254, 255
"""Has not arrived anywhere after all steps; has left what is shown."""

_PROBES = 6
_NEAR = 0.02
"""Of the diagonal of what is shown: ends that are no further apart are one."""


class Basins:
    """Many starts of one optimizer, each as if it were alone.

    Most optimizers treat each weight by itself: then [n, 2] weights in one tensor go the ways of n
    pairs, in the time of one. Whether this one does is tried: some starts go alone as well, and
    must end at the same place, bit for bit.

    Parameters
    ----------
    race
        Its surface, schedule and noise count.
    name
        The optimizer's.
    side
        Starts along each axis; None for one of `SIDES`.

    Raises
    ------
    InputError
        The optimizer does not treat each weight by itself.

    Examples
    --------
    >>> from dl_lab.theory.optimizer_race import entrants
    >>> from dl_lab.theory.surfaces import SURFACES
    >>> adam = entrants(["Adam"], {"Adam": 0.1})
    >>> found = Basins(Race(SURFACES["himmelblau"](), adam, steps=300), "Adam", side=20)
    >>> found.advance()
    >>> sorted(set(found.labels().flatten().tolist())), len(found.ends)
    ([0, 1, 2, 3], 4)
    """

    def __init__(self, race: Race, name: str, side: int | None = None) -> None:
        side = self.side = _side(race) if side is None else side
        self.name = name
        self._surface = surface = race.surface
        lane = race.lanes[name]
        x, y = (torch.linspace(*ends, side) for ends in (surface.x, surface.y))
        starts = torch.stack([x.repeat(side), y.repeat_interleave(side)], 1)
        self._together = _Together(lane, race, starts)
        chosen = torch.linspace(0, len(starts) - 1, _PROBES + 2)[1:-1].long()
        self._probes = [(int(i), _alone(lane, race, starts[i])) for i in chosen]
        self.ends: list[Place] = []
        """The places where they end, those of most starts first."""
        self.exact = True
        """Whether those that went alone ended at the same place, bit for bit."""

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self._together.finished

    @property
    def done(self) -> int:
        """How many steps are."""
        return self._together.done

    def advance(self, until: float = math.inf) -> None:
        """Go on up to a time of `monotonic` or the end.

        Raises
        ------
        InputError
            See the class.
        """
        while not self.finished:
            try:
                self._together.step()
            except Exception as error:
                raise InputError("basins_together", name=self.name) from error
            self._compare()
            if monotonic() >= until:
                return

    def _compare(self) -> None:
        found = self._together.parameter.detach()
        for place, probe in self._probes:
            probe.advance(1)
            alone = torch.tensor(probe.points[-1])
            together = found[place]
            lost = not (alone.isfinite().all() and together.isfinite().all())
            if torch.equal(alone, together) or probe.done < self.done or lost:
                continue
            self.exact = False
            if not torch.allclose(alone, together, rtol=1e-2, atol=1e-3 * _diagonal(self._surface)):
                raise InputError("basins_together", name=self.name)

    def labels(self) -> Tensor:
        """Return for each start the number of its end in `ends`, `NOWHERE` or `AWAY`, [side, side].

        The first row is the lowest.
        """
        found = self._together.parameter.detach()
        surface = self._surface
        labels = torch.full((len(found),), NOWHERE, dtype=torch.uint8)
        low, high = (torch.tensor([surface.x[i], surface.y[i]]) for i in (0, 1))
        room = (high - low) / 2
        inside = ((found >= low - room) & (found <= high + room)).all(1) & found.isfinite().all(1)
        labels[~inside] = AWAY
        near = _NEAR * _diagonal(surface)
        still = self.done - self._together.arrived > 0.05 * self.done
        free = inside & still
        centres: list[tuple[int, Tensor]] = []
        for _ in range(MOST):
            if not free.any():
                break
            first = found[free][0]
            mine = free & ((found - first).norm(dim=1) < near)
            centre = found[mine].median(0).values
            mine |= free & ((found - centre).norm(dim=1) < near)
            centres.append((int(mine.sum()), centre))
            labels[mine] = len(centres) - 1
            free = free & ~mine
        order = sorted(range(len(centres)), key=lambda i: -centres[i][0])
        self.ends = [(float(centres[i][1][0]), float(centres[i][1][1])) for i in order]
        again = torch.arange(256, dtype=torch.uint8)
        for new, old in enumerate(order):
            again[old] = new
        return again[labels.long()].reshape(self.side, self.side)

    def arrivals(self) -> Tensor:
        """Return at which step each start came near its end for good, f4 [side, side]."""
        return self._together.arrived.reshape(self.side, self.side)


class _Together:
    """All starts in one tensor, and one optimizer over it."""

    def __init__(self, lane: Lane, race: Race, starts: Tensor) -> None:
        self.parameter = starts.clone().requires_grad_()
        self.done = 0
        self._near = _NEAR * _diagonal(race.surface)
        self._lane = lane
        self._race = race
        self._optimizer = lane.entrant.make([self.parameter])
        take_on(self._optimizer, None, lane.changes.get(0, {}), begun=False)
        self._scheduler = scheduler(self._optimizer, lane.schedule, lane.steps)
        self._around = lane.around()
        self._anchor = starts.clone()
        self.arrived = torch.zeros(len(starts))

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.done >= self._lane.steps

    def step(self) -> None:
        """Go one step, all of them."""
        optimizer, parameter = self._optimizer, self.parameter
        if self.done:
            take_on(optimizer, self._scheduler, self._lane.changes.get(self.done, {}), begun=True)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = _losses(self._race, parameter, self.done).sum()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
            if isinstance(optimizer, torch.optim.SparseAdam) and parameter.grad is not None:
                parameter.grad = parameter.grad.to_sparse()
            return loss

        with self._around:
            step_with(optimizer, closure)
        if self._scheduler is not None:
            self._scheduler.step()
        self.done += 1
        with torch.no_grad():
            away = ~((parameter - self._anchor).norm(dim=1) < self._near)
            self._anchor[away] = parameter[away]
            self.arrived[away] = self.done


def _alone(lane: Lane, race: Race, start: Tensor) -> Lane:
    """Return a lane from another start."""
    place = float(start[0]), float(start[1])
    return Lane(
        lane.entrant,
        race.objective,
        place,
        lane.steps,
        lane.schedule,
        lane.around,
        {step: dict(settings) for step, settings in lane.changes.items()},
    )


def _side(race: Race) -> int:
    """Return how many starts along each axis there is time for."""
    for side in SIDES[:-1]:
        few = torch.tensor([race.surface.start]).float().repeat(side * side // 25, 1)
        few.requires_grad_()
        began = monotonic()
        _losses(race, few, 0).sum().backward()  # type: ignore[no-untyped-call]  # torch has no types here
        if 25 * (monotonic() - began) * race.steps < SECONDS:
            return side
    return SIDES[-1]


def _losses(race: Race, points: Tensor, step: int) -> Tensor:
    if not race.surface.own:
        return race.objective(points, step)
    return torch.func.vmap(lambda one: race.objective(one, step))(points)


def _diagonal(surface: Surface) -> float:
    return math.dist((surface.x[0], surface.y[0]), (surface.x[1], surface.y[1]))
