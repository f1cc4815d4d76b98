"""LearningRateFinder: loss over learning rate, in which one clicks the rate to train with."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import traitlets

from dl_lab import forks
from dl_lab.errors import InputError, number
from dl_lab.pictures.chart import number as number_text
from dl_lab.pictures.curves import ORANGE, Curve, Mark, svg
from dl_lab.protocol import Array, Message
from dl_lab.train.learning_rate import HIGHEST_RATE
from dl_lab.train.range_test import LOWEST_RATE, RangeTest, Scale, Values, range_test
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.widget import handles, sentence


class LearningRateFinder(Explainer):
    """Show what a range test measured; a click on the curve sets the trainer's learning rate.

    Parameters
    ----------
    trainer
        The Trainer that was tested, and whose rate `use` sets.
    test
        What `dl_lab.train.range_test.range_test` returned.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        An unknown language.

    Examples
    --------
    >>> import torch
    >>> import dl_lab
    >>> from dl_lab.train.range_test import range_test
    >>> points = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = dl_lab.Trainer(
    ...     model, torch.nn.MSELoss(), sgd, (points, points.sum(1, keepdim=True))
    ... )
    >>> finder = dl_lab.LearningRateFinder(trainer, range_test(trainer))
    >>> finder.use()
    >>> trainer.learning_rate == finder.suggestion
    True
    >>> finder.close()
    """

    chosen = traitlets.Float(None, allow_none=True, read_only=True).tag(sync=True)
    state = traitlets.Unicode("ready", read_only=True).tag(sync=True)
    message: Any = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)

    def __init__(self, trainer: Trainer, test: RangeTest, **settings: Any) -> None:
        self.trainer = trainer
        self.test = test
        self._using = forks.opens(threading.Lock())
        super().__init__(**settings)
        self.set_trait("message", None if test.reason is None else sentence(test.reason))

    @property
    def rates(self) -> Values:
        """Learning rates, f8 [n]."""
        return self.test.rates

    @property
    def losses(self) -> Values:
        """The loss of the step with each rate, f8 [n]."""
        return self.test.losses

    @property
    def suggestion(self) -> float | None:
        """The rate that short trainings found best; None where they cannot tell."""
        return self.test.suggestion

    def use(self, rate: float | None = None) -> None:
        """Set the trainer's learning rate, from its next step on.

        Parameters
        ----------
        rate
            None for the suggestion.

        Raises
        ------
        InputError
            There is no suggestion, or the rate is not a number that a rate can be.
        """
        if rate is None:
            if self.suggestion is None:
                raise InputError("range_nothing_chosen")
            rate = self.suggestion
        rate = number("rate", rate, LOWEST_RATE, HIGHEST_RATE)
        with self._using:
            self.set_trait("state", "busy")
            try:
                self.trainer.learning_rate = rate
                self.set_trait("chosen", rate)
            finally:
                self.set_trait("state", "ready")
            self._update_picture()

    def compute(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return the whole test."""
        test = self.test
        meta = {
            "suggestion": test.suggestion,
            "current": test.current,
            "scale": test.scale,
            "stopped": None if test.stopped is None else sentence(test.stopped),
            "trainings": [
                [one.rate, one.loss if math.isfinite(one.loss) else None] for one in test.trainings
            ],
            "name": self.trainer.name,
            "shown": shown_losses(test),
        }
        return meta, {"rates": test.rates, "losses": test.losses, "smoothed": test.smoothed}

    def picture(self) -> str:
        """Return the plot as an SVG document of at most 20 kB."""
        test, say = self.test, self.words()
        in_use = test.current if self.chosen is None else self.chosen
        marks = [Mark(in_use, say["in_use_rate"].format(rate=number_text(in_use)), dash="4 3")]
        if test.suggestion is not None:
            label = say["suggestion_rate"].format(rate=number_text(test.suggestion))
            nearest = int(np.argmin(np.abs(test.rates / test.suggestion - 1)))
            marks.append(Mark(test.suggestion, label, ORANGE, height=float(test.smoothed[nearest])))
        return svg(
            " · ".join(filter(None, (say["title"], self.trainer.name))),
            [
                Curve(test.rates, test.losses, say["step_loss"], width=1, opacity=0.4),
                Curve(test.rates, test.smoothed, say["smoothed_loss"]),
            ],
            x_label=say["axis_rate"],
            y_label=say["axis_loss"],
            nothing=say["nothing"],
            marks=marks,
            log=test.scale == "exponential",
            y_range=shown_losses(test),
            identifier=self._mark,
        )

    def __repr__(self) -> str:
        """Tell the suggestion."""
        if not self._ready:
            return super().__repr__()
        test = self.test
        found = "no suggestion" if test.suggestion is None else f"suggestion {test.suggestion:g}"
        if len(test.rates) == 0:
            return f"LearningRateFinder({found}, nothing measured)"
        chosen = "" if self.chosen is None else f", {self.chosen:g} in use"
        return (
            f"LearningRateFinder({found}{chosen}, {len(test.rates)} rates from "
            f"{test.rates[0]:.2g} to {test.rates[-1]:.2g})"
        )

    @handles("rate.use", waits=True)
    def _use(self, message: Message) -> None:
        self.use(number("rate", message.meta.get("value"), LOWEST_RATE, HIGHEST_RATE))


def shown_losses(test: RangeTest) -> tuple[float, float]:
    """Return the losses to show: all up to some way above where the smoothed loss began.

    A loss that has taken off says only that it has; drawn in full it would flatten the rest.
    """
    if len(test.rates) == 0:
        return 0.0, 1.0
    least = float(min(test.losses.min(), test.smoothed.min()))
    most = float(max(test.losses.max(), test.smoothed.max()))
    start = float(test.smoothed[: max(1, len(test.smoothed) // 2)].max())
    lowest = float(test.smoothed.min())
    fall = max(start - lowest, 0.2 * abs(lowest))
    most = min(most, start + 0.6 * fall)
    room = 0.05 * ((most - least) or abs(most) or 1.0)
    return max(0.0, least - room) if least >= 0 else least - room, most + room


def lr_find(
    trainer: Trainer,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    scale: Scale = "exponential",
    *,
    stop_factor: float | None = 4.0,
    smoothing: float = 0.8,
    training_steps: int = 300,
    language: str | None = None,
) -> LearningRateFinder:
    """Find a learning rate: train a few steps with ever higher ones, put all back, show the losses.

    Short trainings then choose the suggestion; `dl_lab.train.range_test.range_test` tells how. All
    in all that is some 1,500 to 2,800 steps; Kernel → Interrupt ends it and loses nothing.

    Parameters
    ----------
    trainer
        A Trainer that does not run.
    low, high
        The first and the last learning rate, of the first parameter group; the others keep their
        proportion to it.
    steps
        How many rates from `low` to `high`, 20 to 10,000; one training step with each.
    scale
        ``"exponential"`` or ``"linear"``: how the rates rise.
    stop_factor
        End when the smoothed loss is so many times its lowest. None never does.
    smoothing
        Weight of the past in the smoothed loss, 0 to 0.99.
    training_steps
        Of each of the short trainings, 20 to 10,000.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Returns
    -------
    LearningRateFinder
        A widget in which one clicks the rate to train with; `LearningRateFinder.use` does that
        from Python.

    Raises
    ------
    InputError
        The trainer runs, or a number is outside its limits.

    References
    ----------
    .. [1] L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.3,
       https://arxiv.org/abs/1506.01186

    Examples
    --------
    >>> import torch
    >>> import dl_lab
    >>> points = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    >>> trainer = dl_lab.Trainer(
    ...     model, torch.nn.MSELoss(), sgd, (points, points.sum(1, keepdim=True))
    ... )
    >>> finder = dl_lab.lr_find(trainer)
    >>> finder.use()
    >>> trainer.learning_rate > 0.01
    True
    >>> finder.close()
    """
    test = range_test(
        trainer,
        low,
        high,
        steps,
        scale,
        stop_factor=stop_factor,
        smoothing=smoothing,
        training_steps=training_steps,
    )
    return LearningRateFinder(trainer, test, language=language)
