"""LossLandscape: the loss around a network's weights, to walk about in and come back."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dl_lab import forks
from dl_lab.errors import InputError, number
from dl_lab.pictures.curves import Curve, Mark, svg
from dl_lab.probe.modules import original
from dl_lab.protocol import Array, Message
from dl_lab.theory.loss_landscape import (
    Cut,
    Landscape,
    barrier,
    joining_cut,
    random_cut,
    run_cut,
)
from dl_lab.theory.slices import Flat, Network
from dl_lab.theory.surfaces import levels
from dl_lab.train.callbacks.weight_path import WeightPath
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Number
from dl_lab.widgets.base.widget import Reply, handles, weakly

GRIDS = ("9", "17", "33", "65")
MOST_BACK = 8
"""Places that one can go back."""

_SLICE = 0.05
"""Seconds that are computed between two messages."""

_LIVE = 0.25
"""Seconds between two looks at where a run is."""


class LossLandscape(Explainer):
    """Show the loss on a plane through a network's weights, and put the weights where one clicks.

    It is computed on a copy of the network, a little at a time, and stops when it is closed: the
    network itself changes by a click alone, and `undo` brings it back bit for bit.

    Parameters
    ----------
    model
        Any module, or a Trainer, whose model, loss and data it takes and whose run it draws.
    loss, data
        ``loss(model(inputs), targets)`` gives one number; data as for a Trainer.
    other
        Another minimum to join with the model's weights: a module of the same layers, or its
        ``state_dict()``.
    through
        Which plane: ``"random"``, filter-normalised directions around the weights; ``"run"``, the
        two directions in which the trainer's weights moved most; ``"minima"``, through both
        minima. Where it is left out, the last of these that there is something to draw for.
    shape
        ``"plane"`` or ``"line"``, along the first direction.
    reach
        How far it goes.
    grid
        Points along an axis, in the end.
    rows
        How many rows of the data count.
    seed
        Of random directions.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        A network that is too large or cannot be copied, data or loss that do not go with it, or a
        setting that is not allowed.

    References
    ----------
    Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets",
    NeurIPS 2018. https://arxiv.org/abs/1712.09913

    Examples
    --------
    >>> import torch
    >>> import dl_lab
    >>> points = torch.randn(64, 2)
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    >>> before = model[0].weight.detach().clone()
    >>> landscape = dl_lab.LossLandscape(
    ...     model, torch.nn.functional.mse_loss, (points, points.sum(1, keepdim=True))
    ... )
    >>> landscape.go(0.5, -0.25)
    >>> bool((model[0].weight == before).all())
    False
    >>> landscape.undo()
    >>> bool((model[0].weight == before).all())
    True
    >>> landscape.close()
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "wide": {"through": "random", "shape": "plane", "reach": 3.0},
        "line": {"through": "random", "shape": "line", "reach": 1.0},
        "way": {"through": "run", "shape": "plane"},
        "joined": {"through": "minima", "shape": "line", "reach": 1.0},
    }

    through = Choice(("random", "run", "minima"))
    shape = Choice(("plane", "line"))
    reach = Number(0.1, 5, 1.0, step=0.1)
    grid = Choice(GRIDS, "33")
    rows = Number(8, 4096, 256, whole=True, step=8, group="advanced")
    seed = Number(0, 9999, 0, whole=True, step=None, group="advanced")

    def __init__(
        self,
        model: nn.Module | Trainer,
        loss: Any = None,
        data: Any = None,
        *,
        other: nn.Module | Mapping[str, Tensor] | None = None,
        **settings: Any,
    ) -> None:
        self.run = model if isinstance(model, Trainer) else None
        if isinstance(model, Trainer):
            loss = model.loss if loss is None else loss
            data = model.train if data is None else data
            model = model.model
            if loss is None:
                raise InputError("own_step_loss")
            if data is None:
                raise InputError("data_needed")
        self.model, self.loss, self.data = model, loss, data
        self._other = other
        self._walking = forks.opens(threading.RLock())
        self._network: tuple[object, Network] | None = None
        self._landscape: tuple[object, Landscape] | None = None
        self._back: list[Flat] = []
        self._anew = 0
        offered = ["random"]
        if self.run is not None:
            offered.append("run")
        if other is not None:
            offered.append("minima")
        self.offers = {"through": offered}
        first = "minima" if other is not None else "run" if self._moved() else "random"
        super().__init__(**{"through": first, **settings})
        if self.run is not None:
            self._subscriptions.append(self.run.on_change(weakly(self._run_changed)))

    def suiting(self) -> Mapping[str, Mapping[str, object]]:
        """Return the presets for which there is something to draw."""
        offered = self.offers["through"]
        return {name: one for name, one in self.PRESETS.items() if one["through"] in offered}

    # -- what a person may ask for

    def go(self, x: float, y: float = 0.0) -> None:
        """Put the model's weights at a place of what is shown; the rest of it stays as it is.

        Parameters
        ----------
        x, y
            The place, by the axes.

        Raises
        ------
        InputError
            It is not a place.
        """
        x, y = number("x", x, -1e9, 1e9), number("y", y, -1e9, 1e9)
        with self._walking:
            cut = self._landscape_now().cut
            network = self._network_now()
            before = self._here()
            self._write(network, cut.weights([x, y]))
            self._back = [*self._back[-MOST_BACK + 1 :], before]
        self._channel.touch()
        self.refresh()

    def undo(self) -> None:
        """Put the weights back to where they were before the last `go`, bit for bit."""
        with self._walking:
            if not self._back:
                raise InputError("nothing_to_undo")
            self._write(self._network_now(), self._back.pop())
        self.refresh()

    def renew(self) -> None:
        """Measure again, around the weights as they are now."""
        self._anew += 1
        self.refresh()

    def finish(self) -> None:
        """Measure all of the grid now, and return when done."""
        while True:
            with self._walking:
                landscape = self._landscape_now()
                landscape.advance(monotonic() + _SLICE)
                if landscape.finished:
                    break
        self.refresh()

    # -- what is computed

    def _moved(self) -> bool:
        way = self._way()
        return len(way) > 1 and not torch.equal(way[0], way[-1])

    def _way(self) -> list[Flat]:
        """Return the run's recorded weights, the newest last."""
        if self.run is None:
            return []
        # Where a click has put them is no part of the way.
        here = self._back[0] if self._back else self._here()
        recorded = next((one for one in self.run.callbacks if isinstance(one, WeightPath)), None)
        if recorded is not None and recorded.weights:
            return [*recorded.weights, here.cpu().float()]
        names = [name for name, _ in original(self.model).named_parameters()]
        kept = [self.run.weights_at(step) for step in self.run.checkpoints]
        found = [torch.cat([one[name].detach().flatten() for name in names]) for one in kept]
        return [*found, here.to(found[-1]) if found else here]

    def _here(self) -> Flat:
        """Return the model's own weights as they are now."""
        with torch.no_grad():
            return torch.cat([one.detach().flatten() for one in original(self.model).parameters()])

    def _network_now(self) -> Network:
        key = (self.rows, self._anew)
        if self._network is None or self._network[0] != key:
            self._network = key, Network(self.model, self.loss, self.data, self.rows)
        return self._network[1]

    def _landscape_now(self) -> Landscape:
        network = self._network_now()
        key = (self.through, self.shape, self.reach, self.seed, self.rows, self._anew)
        if self._landscape is None or self._landscape[0] != key:
            self._landscape = key, Landscape(network, self._cut(network), self._finest())
        landscape = self._landscape[1]
        landscape.finest = max(self._finest(), landscape.side)
        return landscape

    def _finest(self) -> int:
        side = int(self.grid or "33")
        return side if self.shape == "plane" else 4 * (side - 1) + 1

    def _cut(self, network: Network) -> Cut:
        line, reach = self.shape == "line", self.reach
        if self.through == "run" and self._moved():
            return run_cut(network, self._way(), reach=reach, line=line)
        if self.through == "minima" and self._other is not None:
            other = self._other
            named = dict(other.named_parameters()) if isinstance(other, nn.Module) else other
            return joining_cut(network, network.flat(named), seed=self.seed, reach=reach, line=line)
        return random_cut(network, seed=self.seed, reach=reach, line=line)

    def compute(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the landscape as far as it is measured.

        Arrays: ``values`` f4 [rows, columns], of a line [1, columns]; ``way`` f4 [k, 2], the run's
        weights as places.
        """
        with self._walking:
            landscape = self._landscape_now()
            training = self._trains()
            if not training:
                # A run goes first; its way is drawn meanwhile.
                landscape.advance(monotonic() + _SLICE)
            self.unfinished = not (landscape.finished or training)
            cut, network = landscape.cut, landscape.network
            values = landscape.shown()
            here = self._here()
            place = cut.places([here])[0]
            off = float((cut.weights(place).to(here) - here).norm())
            meta = {
                "x": cut.x,
                "y": cut.y,
                "line": cut.is_line,
                "through": self.through,
                "levels": levels(values),
                "marks": {name: list(one) for name, one in cut.marks.items()},
                "shares": cut.shares,
                "here": place,
                "off": off / max(1e-12, float(here.norm())),
                "loss": _number(network.losses([here.to(network.here)])),
                "share": landscape.share,
                "side": landscape.side,
                "weights": network.count,
                "rows": network.rows,
                "back": len(self._back),
                "barrier": self._barrier(landscape),
                "training": training,
                "lowest": self._lowest(landscape),
            }
            way = np.array(cut.places(self._way()), dtype=np.float32).reshape(-1, 2)
        return meta, {"values": values.numpy(), "way": way}

    def _barrier(self, landscape: Landscape) -> float | None:
        if self.through != "minima" or not landscape.cut.is_line:
            return None
        return barrier(landscape.shown()[0], landscape.cut.x)

    def _lowest(self, landscape: Landscape) -> dict[str, float] | None:
        """Return the lowest loss that was measured, and where."""
        values = landscape.values.nan_to_num(math.inf)
        at = int(values.argmin())
        if not math.isfinite(float(values.view(-1)[at])):
            return None
        x, y = (*landscape.place(at), 0.0)[:2]
        return {"x": x, "y": y, "loss": float(values.view(-1)[at])}

    def _write(self, network: Network, flat: Flat) -> None:
        """Put weights into the model itself, between two steps where it is trained."""
        parts = network.weights(flat)
        parameters = dict(original(self.model).named_parameters())

        def write() -> None:
            with torch.no_grad():
                for name, part in parts.items():
                    parameters[name].copy_(part)

        if self.run is None:
            write()
        else:
            self.run.call(write).result()

    # -- a run that is followed

    def _trains(self) -> bool:
        return self.run is not None and self.run.state == "running"

    def _between(self, compute: Callable[[], Reply]) -> Reply:
        # It computes on a copy: no step waits for it.
        self._due = monotonic() + _LIVE
        return compute()

    def _run_changed(self) -> None:
        if not self._trains():
            self._anew += 1
        self.refresh()

    def call_off(self) -> None:
        """End what is being computed before its next batch."""
        network = self._network
        if network is not None:
            network[1].called_off = True

    # -- what it leaves

    def source(self) -> str:
        """Return how a line through the weights is measured, in plain PyTorch."""
        return _SOURCE

    def picture(self) -> str:
        """Return the loss along the first direction as SVG, for the saved notebook."""
        say = self.words()
        with self._walking:
            landscape = self._landscape_now()
            values = landscape.shown()
            row = values[len(values) // 2].double().numpy()
            x = np.linspace(*landscape.cut.x, values.shape[1])
        known = np.isfinite(row)
        return svg(
            say["title"],
            [Curve(x[known], row[known], say["loss"])],
            x_label=say["axis_first"],
            y_label=say["loss"],
            marks=[Mark(0.0, say["weights_then"], dash="4 3")],
            identifier=self._mark,
        )

    @handles("weights.go", waits=True)
    def _go(self, message: Message) -> None:
        self.go(
            number("x", message.meta.get("x"), -1e9, 1e9),
            number("y", message.meta.get("y"), -1e9, 1e9),
        )

    @handles("weights.undo", waits=True)
    def _undo(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self.undo()

    @handles("landscape.renew", waits=True)
    def _renew(self, message: Message) -> None:  # noqa: ARG002 - likewise
        self.renew()


_SOURCE = """import copy

import torch
from torch import nn

# Put your own here.
model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
inputs = torch.randn(64, 2)
targets = inputs.prod(1, keepdim=True)
loss = nn.functional.mse_loss


def direction(weight):
    d = torch.randn_like(weight)
    if weight.ndim < 2:
        return torch.zeros_like(weight)
    lengths = weight.flatten(1).norm(dim=1) / d.flatten(1).norm(dim=1)
    return d * lengths.reshape(-1, *[1] * (weight.ndim - 1))


here = [one.detach().clone() for one in model.parameters()]
first, second = ([direction(one) for one in here] for _ in range(2))
moved = copy.deepcopy(model).eval()
grid = torch.linspace(-1, 1, 17)
values = torch.empty(17, 17)
with torch.no_grad():
    for row, y in enumerate(grid):
        for column, x in enumerate(grid):
            for one, w, a, b in zip(moved.parameters(), here, first, second):
                one.copy_(w + x * a + y * b)
            values[row, column] = loss(moved(inputs), targets)
"""


def _number(found: list[float]) -> float | None:
    return found[0] if found and math.isfinite(found[0]) else None
