"""OptimizerRace: optimizers on a surface, each with what it remembers, to be steered on the way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, ClassVar

import numpy as np

from dl_lab import forks
from dl_lab.errors import InputError, number, shown, whole
from dl_lab.pictures.curves import Curve, svg
from dl_lab.protocol import Array, Message
from dl_lab.theory.basins import Basins
from dl_lab.theory.optimizer_race import (
    LIMITS,
    SCHEDULES,
    SHOWN,
    Lane,
    Race,
    checked,
    curvatures,
    damping,
    entrants,
    settings_of,
    starting_rates,
)
from dl_lab.theory.race_source import source_of
from dl_lab.theory.slices import network_surface
from dl_lab.theory.surfaces import SURFACES, Place, Surface, ends, levels, own_surface
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Flag, Number, Setting
from dl_lab.widgets.base.widget import handles, sentence

NAMES = (*SURFACES, "network")
MOST_STEPS = 1000

_SLICE = 0.05
"""Seconds that are computed between two messages."""


class _Start(Setting):
    """Two numbers, or None for the surface's own start."""

    kind = "place"

    def validate(self, obj: Any, value: Any) -> Any:  # noqa: ARG002 - traitlets' signature
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or len(value) != 2:  # noqa: PLR2004 - a pair
            raise InputError("numbers_many", name=self.name, count=2, given=shown(value))
        return tuple(number(self.name or "start", one, -1e6, 1e6) for one in value)


class _Running(Setting):
    """Names of the optimizers that run; None for those that run at first."""

    kind = "running"

    def validate(self, obj: Any, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or any(not isinstance(one, str) for one in value):
            raise InputError.unknown(self.name or "running", value, obj.entrants)
        for one in value:
            if one not in obj.entrants:
                raise InputError.unknown(self.name or "running", one, obj.entrants)
        if not value:
            raise InputError("some", name=self.name, allowed=", ".join(obj.entrants))
        return tuple(name for name in obj.entrants if name in value)


class _Chosen(Setting):
    """The name of an optimizer; None for the first that runs."""

    kind = "chosen_one"

    def validate(self, obj: Any, value: Any) -> Any:
        if value is not None and (not isinstance(value, str) or value not in obj.entrants):
            raise InputError.unknown(self.name or "chosen", value, obj.entrants)
        return value


class _Tuned(Setting):
    """Settings of optimizers by their names."""

    kind = "tuned"

    def validate(self, obj: Any, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise InputError("tuned_kind", name=self.name, given=shown(value))
        for name, settings in value.items():
            if not isinstance(name, str) or name not in obj.entrants:
                raise InputError.unknown(self.name or "tuned", name, obj.entrants)
            if not isinstance(settings, Mapping):
                raise InputError("tuned_kind", name=self.name, given=shown(settings))
        return {
            name: {one: checked(one, wanted) for one, wanted in settings.items()}
            for name, settings in value.items()
        }


class OptimizerRace(Explainer):
    """Let optimizers run on a surface side by side, and change their settings on the way.

    Each goes the plain loop, ``zero_grad``, ``backward``, ``step``: its path is that loop's, bit
    for bit. What it remembers is read from ``optimizer.state``.

    Parameters
    ----------
    surface
        A name, a function of a tensor of two numbers that returns one, or what
        `dl_lab.theory.slices.loss_surface` returns: a plane through a network's weights.
    optimizers
        Classes of ``torch.optim`` or of your own, their names, or whatever makes an optimizer from
        a list of parameters; None for all of ``torch.optim``.
    x, y
        What to show of the two numbers, from and to; None for the surface's own, -4 to 4 of a
        function.
    start
        Where all begin; None for the surface's own.
    steps
        How many each goes, 10 to 1000.
    noise
        Of the gradient, as a share of its usual length.
    schedule
        The learning rate over the steps, one of `dl_lab.theory.optimizer_race.SCHEDULES`.
    basins
        Whether to colour each start by where the chosen optimizer ends from there.
    batch
        Examples that each step takes, of a surface that has data; None for all.
    seed
        Of noise and batches.
    running
        Names of those that run.
    chosen
        The one of which all is shown.
    tuned
        Settings of optimizers by their names, such as ``{"Adam": {"lr": 0.3, "beta1": 0.5}}``.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        A surface without a finite gradient at the start, what makes no optimizer, or a setting that
        is not allowed.

    Examples
    --------
    >>> import torch
    >>> import dl_lab
    >>> def bowl(p):
    ...     return p[0] ** 2 + 10 * p[1] ** 2
    >>> race = dl_lab.OptimizerRace(bowl, [torch.optim.Adam, torch.optim.SGD], start=(3, 2))
    >>> race.run()
    >>> [round(loss, 1) for loss in race.losses()["Adam"][:3]]
    [49.0, 44.5, 40.2]
    >>> race.close()
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "momentum": {
            "surface": "distill",
            "running": ("SGD", "momentum"),
            "chosen": "momentum",
            "steps": 150,
            "tuned": {"momentum": {"lr": 0.003, "momentum": 0.74}, "SGD": {"lr": 0.003}},
        },
        "critical": {
            "surface": "distill",
            "running": ("momentum",),
            "chosen": "momentum",
            "steps": 150,
            "tuned": {"momentum": {"lr": 0.004, "momentum": 0.83}},
        },
        "turned": {"surface": "turned", "running": ("SGD", "Adagrad", "RMSprop")},
        "basins": {"surface": "himmelblau", "basins": True, "chosen": "momentum"},
        "all": {"surface": "beale"},
    }

    surface = Choice(NAMES)
    steps = Number(10, MOST_STEPS, 200, step=10, whole=True)
    noise = Number(0, 2, 0.0, step=0.05)
    schedule = Choice(SCHEDULES)
    basins = Flag()
    batch = Number(1, 256, whole=True, optional=True, group="advanced")
    seed = Number(0, 9999, 0, whole=True, step=None, group="advanced")
    start = _Start()
    running = _Running()
    chosen = _Chosen()
    tuned = _Tuned({})

    def __init__(
        self,
        surface: Any = "ravine",
        optimizers: Any = None,
        *,
        x: Place | None = None,
        y: Place | None = None,
        **settings: Any,
    ) -> None:
        self._racing = forks.opens(threading.RLock())
        self._makers = {**SURFACES, "network": network_surface}
        self._made: dict[str, Surface] = {}
        if not isinstance(surface, str):
            surface = self._take(surface, x, y, settings.get("start"))
            self.offers = {"surface": list(self._makers)}
        several = isinstance(optimizers, Iterable) and not isinstance(optimizers, str)
        self._given = list(optimizers) if several else optimizers
        self.entrants = entrants(self._given, {})
        self._race: Race | None = None
        self._key: object = None
        self._tunes: list[tuple[str, int, dict[str, float]]] = []
        self._map: tuple[object, Basins | InputError] | None = None
        if any(one.own for one in self.entrants.values()):
            for one in self.entrants.values():
                one.fresh((0.0, 0.0))
        super().__init__(surface=surface, **settings)

    def _take(self, given: Any, x: Any, y: Any, start: Any) -> str:
        """Offer a surface that a person gave, and return what it is called."""
        if isinstance(given, Surface):
            name, made = "own", given
        elif callable(given):
            x, y = ends("x", x, (-4.0, 4.0)), ends("y", y, (-4.0, 4.0))
            begin = start
            if not isinstance(start, (list, tuple)) or len(start) != 2:  # noqa: PLR2004 - a pair
                begin = (0.75 * x[0] + 0.25 * x[1], 0.2 * y[0] + 0.8 * y[1])
            place = tuple(number("start", one, -1e6, 1e6) for one in begin)
            made = own_surface(given, x, y, place)  # type: ignore[arg-type]  # a pair
            name = getattr(given, "__name__", type(given).__name__)
            name = "own" if name in {*NAMES, "<lambda>"} else name
        else:
            raise InputError("surface_kind", given=shown(given), allowed=", ".join(NAMES))
        self._makers[name] = lambda: made
        return name

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        settings = super()._checked(changes)
        if settings.get("surface", self.surface) != self.surface and self._ready:
            # What belongs to the surface before.
            settings = {"start": None, "tuned": {}, **settings}
        return settings

    def suiting(self) -> Mapping[str, Mapping[str, object]]:
        """Return the presets for which all that is needed takes part."""
        presets = {**self.PRESETS, "all": {**self.PRESETS["all"], "running": list(self.entrants)}}

        def there(preset: Mapping[str, Any]) -> bool:
            needed = {*preset.get("running", ()), *preset.get("tuned", {})}
            return needed | {preset.get("chosen") or "SGD"} <= {*self.entrants, "SGD"}

        return {name: preset for name, preset in presets.items() if there(preset)}

    # -- what a person may ask for

    def tune(self, optimizer: Any, at: Any = 0, **settings: Any) -> None:
        """Change an optimizer's settings from a step on; the way that came after is gone anew.

        Parameters
        ----------
        optimizer
            Its name.
        at
            The step.
        **settings
            Some of ``lr``, ``momentum``, ``beta1``, ``beta2`` and the like.

        Raises
        ------
        InputError
            There is no such optimizer or setting, or a value is out of range.
        """
        if not isinstance(optimizer, str) or optimizer not in self.entrants:
            raise InputError.unknown("optimizer", optimizer, self.entrants)
        at = whole("at", at, 0, MOST_STEPS)
        found = {name: checked(name, value) for name, value in settings.items()}
        with self._lock, self._racing:
            before = self.tuned
            self._tunes.append((optimizer, at, found))
            self._take_on({"tuned": {**before, optimizer: {**before.get(optimizer, {}), **found}}})
        self.refresh()

    def run(self) -> None:
        """Go all steps now, and return when done."""
        while True:
            with self._racing:
                race = self._raced()
                race.advance(self._names(), monotonic() + _SLICE)
                if race.finished(self._names()):
                    break
        self.refresh()

    def paths(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """Return where each of those that run was before each step and at the end, f4 [n, 2]."""
        with self._racing:
            race = self._raced()
            return {
                name: np.array(race.lanes[name].points, dtype=np.float32) for name in self._names()
            }

    def losses(self) -> dict[str, list[float]]:
        """Return the loss at each place of `paths`, without noise and of all examples."""
        with self._racing:
            race = self._raced()
            return {name: race.losses(name) for name in self._names()}

    # -- what is computed

    def _surface_now(self) -> Surface:
        name = self.surface
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def _names(self) -> list[str]:
        """Return who runs."""
        if self.running is not None:
            return list(self.running)
        first = [name for name in SHOWN if name in self.entrants]
        return first if self._given is None else list(self.entrants)

    def _chosen_name(self) -> str:
        names = self._names()
        return self.chosen if self.chosen in names else names[-1]

    def _raced(self) -> Race:
        """Return the race for the settings as they are, as far as it has gone."""
        surface = self._surface_now()
        key = (self.surface, self.start, self.steps, self.noise, self.schedule, self.batch)
        key = (*key, self.seed)  # type: ignore[assignment]  # one more
        tuned = self.tuned
        for name, at, settings in self._tunes:
            if key == self._key and self._race is not None:
                self._race.tune(name, min(at, self.steps), settings)
        self._tunes.clear()
        if self._race is None or key != self._key or self._race.tuned != tuned:
            rates = starting_rates(surface)
            self._race = Race(
                surface,
                entrants(self._given, rates),
                start=self.start,
                steps=self.steps,
                schedule=self.schedule or "constant",
                noise=self.noise,
                batch=self.batch,
                seed=self.seed,
                tuned=tuned,
            )
            self._key = key
        return self._race

    def compute(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the surface, and the ways as far as they have come.

        Arrays: ``grid`` f4 [rows, columns]; for those that run, in their order, ``paths`` f4
        [n, steps + 1, 2] and ``losses`` [n, steps + 1], NaN where they have not been yet; of the
        chosen one ``gradients`` [steps, 2], ``rates`` [steps], ``vectors`` [k, steps, 2] and
        ``numbers`` [k, steps]; with `basins`, ``labels`` u1 and ``arrivals`` f4 [side, side].
        """
        until = monotonic() + _SLICE
        with self._racing:
            surface = self._surface_now()
            grid = surface.grid()
            meta = {
                "surface": self.surface,
                "x": surface.x,
                "y": surface.y,
                "minima": surface.minima,
                "levels": levels(grid),
                "rows": surface.rows,
                "steps": self.steps,
                "start": self.start or surface.start,
                "all": list(self.entrants),
                "running": self._names(),
                "chosen": self._chosen_name(),
                "limits": LIMITS,
            }
            if "torch._dynamo" not in sys.modules and not self._shown_once:
                # The first optimizer of a process has torch load that, which takes seconds: the
                # surface is there meanwhile.
                self._shown_once = self.unfinished = True
                return {**meta, "ready": 0, "lanes": []}, {"grid": grid.numpy()}
            race = self._raced()
            race.advance(self._names(), until)
            found, arrays = self._raced_meta(race)
            more_to_come = not race.finished(self._names())
            more: dict[str, Any] = {}
            of_map: dict[str, Array] = {}
            if self.basins and not more_to_come:
                more, of_map = self._map_now(race)
                more_to_come = more.get("done", 1.0) < 1
            self.unfinished = more_to_come
        return {**meta, **found, "basins": more or None}, {
            "grid": grid.numpy(),
            **arrays,
            **of_map,
        }

    _shown_once = False

    def _raced_meta(self, race: Race) -> tuple[dict[str, Any], dict[str, Array]]:
        names = self._names()
        paths = np.full((len(names), self.steps + 1, 2), np.nan, np.float32)
        losses = np.full((len(names), self.steps + 1), np.nan, np.float32)
        told = []
        for at, name in enumerate(names):
            lane = race.lanes[name]
            paths[at, : len(lane.points)] = lane.points
            losses[at, : len(lane.points)] = race.losses(name)
            problem = None if lane.problem is None else sentence(lane.problem)
            left = lane.finished and lane.done < self.steps
            told.append({"name": name, "done": lane.done, "left": left, "problem": problem})
        lane = race.lanes[self._chosen_name()]
        meta = {
            "lanes": told,
            "ready": race.ready(names),
            "settings": {**settings_of(lane.optimizer), **self._rate(lane)},
            "vectors": list(lane.vectors),
            "numbers": list(lane.numbers),
            "damping": self._damping(lane),
        }
        return meta, {"paths": paths, "losses": losses, **lane.memory()}

    def _rate(self, lane: Lane) -> dict[str, float]:
        """Return the rate that a schedule goes out from."""
        if lane.scheduler is None:
            return {}
        if "max_lr" in lane.optimizer.param_groups[0]:
            return {"lr": float(lane.optimizer.param_groups[0]["max_lr"])}
        return {"lr": float(lane.scheduler.base_lrs[0])}

    def _damping(self, lane: Lane) -> list[dict[str, Any]]:
        """Return how plain momentum moves along the two directions of the nearest bowl."""
        group = lane.optimizer.param_groups[0]
        surface = self._surface_now()
        plain = type(lane.optimizer).__name__ == "SGD" and not group.get("nesterov")
        if not (plain and surface.minima):
            return []
        near = min(
            surface.minima, key=lambda one: float(np.hypot(*np.subtract(one, surface.start)))
        )
        rate = self._rate(lane).get("lr", float(group["lr"]))
        found = [damping(one, rate, float(group["momentum"])) for one in curvatures(surface, near)]
        return [vars(one) for one in found if one.curvature > 0]

    def _map_now(self, race: Race) -> tuple[dict[str, Any], dict[str, Array]]:
        name = self._chosen_name()
        key = (id(race), name, repr(race.lanes[name].changes))
        if self._map is None or self._map[0] != key:
            self._map = key, Basins(race, name)
        found = self._map[1]
        if isinstance(found, Basins):
            try:
                found.advance(monotonic() + _SLICE)
            except InputError as error:
                self._map = key, error
                found = error
        if isinstance(found, InputError):
            return {"problem": sentence(found)}, {}
        labels = found.labels().numpy()
        meta = {
            "done": found.done / self.steps,
            "ends": found.ends,
            "exact": found.exact,
            "starts": found.side**2,
        }
        return meta, {"labels": labels, "arrivals": found.arrivals().numpy()}

    # -- what it leaves

    def source(self) -> str:
        """Return the chosen one's plain loop."""
        with self._racing:
            surface = self._surface_now()
            name = self._chosen_name()
            entrant = entrants(self._given, starting_rates(surface))[name]
            return source_of(
                self.surface,
                surface,
                entrant,
                start=self.start or surface.start,
                steps=self.steps,
                schedule=self.schedule or "constant",
                tuned=self.tuned.get(name, {}),
            )

    def picture(self) -> str:
        """Return the losses of those that run over their steps, as SVG."""
        say = self.words()
        with self._racing:
            losses = self.losses()
        found = [
            Curve(np.arange(len(one), dtype=float), np.array(one, dtype=float), name, colour)
            for (name, one), colour in zip(losses.items(), _COLOURS, strict=False)
        ]
        top = max((one.y[0] for one in found if len(one.y)), default=1.0)
        low = min((float(np.nanmin(one.y)) for one in found if len(one.y)), default=0.0)
        return svg(
            f"{say['title']} · {self.surface}",
            found,
            x_label=say["axis_step"],
            y_label=say["axis_loss"],
            y_range=(min(low, top), max(top, low + 1e-6) * 1.05),
            identifier=self._mark,
        )

    @handles("lane.tune")
    def _tune(self, message: Message) -> None:
        asked = message.meta
        at, setting = asked.get("at"), asked.get("setting")
        if not isinstance(setting, str):
            raise InputError.unknown("setting", setting, LIMITS)
        self.tune(asked.get("lane"), at, **{setting: asked.get("value")})


_COLOURS = ("#0877bd", "#b34700", "#1b7f4d", "#a3387e", "#5b5b5b", "#7a5c00")
