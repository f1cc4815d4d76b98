"""The curves of runs while they train, and the buttons that drive them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import traitlets

from dl_lab.errors import InputError, number, shown, whole
from dl_lab.pictures.runs import svg
from dl_lab.protocol import Message
from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.history.curves import AXES, SCALES, last_place
from dl_lab.train.history.export import csv_chunk
from dl_lab.train.learning_rate import HIGHEST_RATE
from dl_lab.train.run import CONTROLS, Run
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.attended import AttendedWidget
from dl_lab.widgets.base.cell_messages import answer_widgets
from dl_lab.widgets.base.pictured import PicturedWidget
from dl_lab.widgets.base.speed import Pace
from dl_lab.widgets.base.traits import Choice, Number
from dl_lab.widgets.base.widget import Reply, handles, weakly
from dl_lab.widgets.loss_plot.curves import FAR, MOST_SMOOTHING, choice, curves, end
from dl_lab.widgets.loss_plot.runs import named, statuses
from dl_lab.widgets.loss_plot.settings import Hidden

MOST_EPOCHS = 1_000_000
MOST_STEPS = 2**32 - 1
MOST_TEXT = 200_000
LEAST_SIDE, MOST_SIDE = 200, 4000


class LossPlot(AttendedWidget, PicturedWidget):
    """Watch runs learn: their losses, metrics and learning rates, live, to the single step.

    The plot belongs to no run: it may be made before, during or after training, closing it leaves
    the runs alone, and any number of plots may show the same run. Each setting is also an
    attribute, and either way of changing one shows in the other.

    Parameters
    ----------
    runs
        A `Trainer`, a watched run or a `History`, a list of these, or a mapping from names to
        these.
    axis
        ``"step"``, ``"epoch"`` or ``"time"`` (seconds).
    x_scale, y_scale
        ``"linear"`` or ``"log"``.
    smoothing
        Weight of the exponential moving average, 0 to 0.999; the raw curves stay visible.
    hidden
        Pairs of a run's index and a series that are not drawn; None for all its series.
    epochs
        How many epochs the play button trains; None is until it is paused.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Attributes
    ----------
    unattended
        Seconds for which a run that a button started goes on while no page shows it, hidden pages
        included: 300. Then it pauses, and says so. None is for ever. What code starts goes on.

    Raises
    ------
    InputError
        If a value is not allowed; the sentence says what is.

    Examples
    --------
    >>> import dl_lab
    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> x = torch.rand(64, 2)
    >>> trainer = dl_lab.Trainer(
    ...     model,
    ...     torch.nn.functional.mse_loss,
    ...     torch.optim.SGD(model.parameters(), lr=0.1),
    ...     [(x, x.sum(1, keepdim=True))],
    ... )
    >>> plot = dl_lab.LossPlot(trainer, y_scale="log")
    >>> trainer.fit(20)
    >>> plot.picture()[:4]
    '<svg'
    >>> plot.close()
    """

    axis = Choice(AXES)
    x_scale = Choice(SCALES)
    y_scale = Choice(SCALES)
    smoothing = Number(0, MOST_SMOOTHING)
    hidden = Hidden(())

    runs: Any = traitlets.List(read_only=True).tag(sync=True)

    # A view asks for its curves each time, and all of that takes turns with the training.
    _RATE = 5.0

    def __init__(
        self,
        runs: object,
        *,
        axis: str = "step",
        x_scale: str = "linear",
        y_scale: str = "linear",
        smoothing: float = 0.0,
        hidden: Iterable[tuple[int, str | None]] = (),
        epochs: int | None = None,
        language: str | None = None,
        **unknown: object,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in self._SETTINGS}
        self._refuse(unknown)
        self._epochs = None if epochs is None else whole("epochs", epochs, 1, MOST_EPOCHS)
        self._runs = named(runs)
        self._pick = list(self._runs.values())
        self._paces = [Pace() for _ in self._pick]
        self._sent_rows = -1
        super().__init__(**self._validated(given))
        described = [
            {"name": name, "controls": [control for control in CONTROLS if control in run.controls]}
            for name, run in self._runs.items()
        ]
        self.set_trait("runs", described)
        self._subscriptions: list[Callable[[], None]] = []
        for run in self._pick:
            self._follow(run)
        self._be_ready()

    def _follow(self, run: Run) -> None:
        changed = partial(weakly(self._changed), run)
        self._subscriptions += [run.on_change(changed), run.while_waiting(answer_widgets)]

    def _changed(self, run: Run) -> None:
        self._channel.touch()
        if run.state != "running":
            self._update_picture()

    def driven(self) -> list[Run]:
        """Return the runs that the buttons drive."""
        return self._pick

    # -- from Python

    def play(self) -> None:
        """Train all runs, in the background, as the play button does."""
        self._play_some([run for run in self._pick if "play" in run.controls])

    def pause(self) -> None:
        """Pause all runs after the steps that are running."""
        for run in self._pick:
            if run.state == "running":
                run.pause()

    def _play_some(self, runs: Iterable[Run]) -> None:
        waiting = [run for run in runs if run.state != "running"]
        # Of several, those that are over begin anew only when all are.
        starting = [run for run in waiting if run.state != "finished"] or waiting
        self._check(starting)
        for run in starting:
            if run.state == "paused":
                run.resume()
            else:
                run.start(self._epochs)

    def _check(self, starting: Iterable[Run]) -> None:
        """Refuse what cannot train at once before any of it starts."""
        CLAIMS.check({name: run for name, run in self._runs.items() if run in starting})

    def picture(self, *, width: int = 760, height: int | None = None) -> str:
        """Return the chart as an SVG document of at most 40 kB, with the settings as they are."""
        return self._picture({"width": width, "height": height})

    def on_close(self) -> None:
        """Stop following the runs, which go on."""
        for unsubscribe in self._subscriptions:
            unsubscribe()
        super().on_close()

    def __repr__(self) -> str:
        """Tell the runs."""
        return f"LossPlot({', '.join(self._runs)})" if self._ready else super().__repr__()

    # -- for the views

    def is_streaming(self) -> bool:
        """Whether a run trains."""
        return any(run.state == "running" for run in self._pick)

    def compose(self, *, touched: bool) -> Message | None:
        """Tell how far each run is."""
        rows = sum(len(series) for run in self._pick for series in run.history.values())
        if not touched and rows == self._sent_rows:
            return None
        self._sent_rows = rows
        return Message("plot.show", {"runs": statuses(self._pick, self._paces)})

    @handles("curves.get")
    def _get_curves(self, message: Message) -> Reply:
        return curves(self._pick, message.meta, self.x_scale)

    @handles("run.play", waits=True)
    def _play(self, message: Message) -> None:
        self._play_some(self._asked(message, "play"))

    @handles("run.pause", waits=True)
    def _pause(self, message: Message) -> None:
        for run in self._asked(message, "pause"):
            if run.state == "running":
                run.pause()

    @handles("run.stop", waits=True)
    def _stop(self, message: Message) -> None:
        for run in self._asked(message, "stop"):
            run.stop()

    @handles("run.reset", waits=True)
    def _reset(self, message: Message) -> None:
        for run in self._asked(message, "reset"):
            run.reset()
        self._channel.touch()

    @handles("run.step", waits=True)
    def _step(self, message: Message) -> None:
        steps = whole("steps", message.meta.get("steps", 1), 1, MOST_STEPS)
        runs = self._asked(message, "step")
        self._check(runs)
        for run in runs:
            run.pause()
            run.step(steps)

    @handles("learning_rate.set", waits=True)
    def _set_learning_rate(self, message: Message) -> None:
        rate = number("learning_rate", message.meta.get("value"), 0, HIGHEST_RATE)
        for run in self._asked(message, "learning_rate"):
            run.learning_rate = rate
        self._channel.touch()

    def _asked(self, message: Message, control: str) -> list[Run]:
        """Return the runs that a request means."""
        index = message.meta.get("run")
        if index is None:
            runs = [run for run in self._pick if control in run.controls]
            name = "plot"
        else:
            place = whole("run", index, 0, len(self._pick) - 1)
            name = list(self._runs)[place]
            runs = [run for run in self._pick[place : place + 1] if control in run.controls]
        if not runs:
            raise InputError("no_control", name=name, control=control)
        return runs

    @handles("place.get")
    def _get_place(self, message: Message) -> Reply:
        run = self._pick[whole("run", message.meta.get("run"), 0, len(self._pick) - 1)]
        place = last_place(
            run.history,
            choice("axis", message.meta.get("axis"), AXES),
            number("at", message.meta.get("at"), -FAR, FAR),
            epoch_length=run.progress.steps_per_epoch,
        )
        nowhere = {"step": None, "epoch": None, "seconds": None}
        return nowhere if place is None else asdict(place), {}

    @handles("picture.get")
    def _get_picture(self, message: Message) -> Reply:
        return {"svg": self._picture(message.meta)}, {}

    def _picture(self, asked: Mapping[str, Any]) -> str:
        width = whole("width", asked.get("width", 760), LEAST_SIDE, MOST_SIDE)
        height = asked.get("height")
        changes = {name: asked[name] for name in self._SETTINGS if name in asked}
        settings = self.settings | self._validated(changes)
        return svg(
            self._runs,
            low=end("low", asked.get("low")),
            high=end("high", asked.get("high")),
            width=width,
            height=None if height is None else whole("height", height, LEAST_SIDE, MOST_SIDE),
            identifier=self._mark,
            **settings,
        )

    @handles("csv.get")
    def _get_csv(self, message: Message) -> Reply:
        run = self._pick[whole("run", message.meta.get("run", 0), 0, len(self._pick) - 1)]
        row = whole("row", message.meta.get("row", 0), 0, 2**53)
        text, following = csv_chunk(run.history.items(), row, MOST_TEXT)
        return {"text": text, "next": following}, {}


def compare(
    *runs: object,
    names: Iterable[str] | None = None,
    epochs: int | None = None,
    **settings: Any,
) -> LossPlot:
    """Show several runs in one plot, and train them at once if `epochs` is given.

    Parameters
    ----------
    *runs
        Trainers, watched runs or histories; or one list of these.
    names
        One for each; by default their own.
    epochs
        How many epochs all of them train from now on; None leaves them as they are.
    **settings
        As of `LossPlot`, but smoothed by 0.6, and of each metric only the validation's curve where
        a trainer has validation data: single batches scatter more than runs differ.

    Raises
    ------
    InputError
        If the names are not as many as the runs, or a setting is not allowed; with `epochs` also
        if two of the runs train the same weights, or another one trains those of one of them, or
        one is not a Trainer. Nothing has started then.

    Examples
    --------
    >>> import dl_lab
    >>> import torch
    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> trainers = []
    >>> for rate in (0.001, 0.1, 3.0):
    ...     model = torch.nn.Linear(1, 1)
    ...     sgd = torch.optim.SGD(model.parameters(), lr=rate)
    ...     trainers.append(dl_lab.Trainer(model, torch.nn.functional.mse_loss, sgd, [(x, 2 * x)]))
    >>> plot = dl_lab.compare(*trainers, names=("too low", "right", "too high"), epochs=30)
    >>> plot.pause()
    >>> plot.close()
    """
    if len(runs) == 1 and isinstance(runs[0], (list, tuple)):
        runs = tuple(runs[0])
    given: object = runs
    if names is not None:
        listed = list(names)
        if len(listed) != len(runs):
            raise InputError("names_count", given=len(listed), count=len(runs))
        twice = [name for place, name in enumerate(listed) if name in listed[:place]]
        if twice:
            raise InputError("twice", name="names", given=shown(twice[0]))
        given = dict(zip(listed, runs, strict=True))
    starting = named(given) if epochs is not None else {}
    _refuse_others(starting)
    CLAIMS.check(starting)
    plot = LossPlot(
        given,
        epochs=epochs,
        **{"smoothing": 0.6, "hidden": _scattered(named(given).values()), **settings},
    )
    for run in starting.values():
        run.start(epochs)
    return plot


def _refuse_others(runs: Mapping[str, object]) -> None:
    for name, run in runs.items():
        if not isinstance(run, Trainer):
            raise InputError("compare_start", name=name)


def _scattered(runs: Iterable[object]) -> list[tuple[int, str]]:
    return [
        (place, f"train_{metric}")
        for place, run in enumerate(runs)
        if isinstance(run, Trainer) and run.validation is not None
        for metric in run.metrics
    ]
