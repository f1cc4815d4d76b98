"""LearningRateFinder: loss over learning rate, in which one clicks the rate to train with."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets

from dl_lab.errors import InputError, number, refuse_unknown
from dl_lab.protocol import Array, Message
from dl_lab.train.lr_finder import HIGHEST, LOWEST, RangeTest, Scale, Values, range_test
from dl_lab.train.range_picture import svg
from dl_lab.train.trainer import Trainer
from dl_lab.widgets._base import Reply, Widget, handles, sentence, weakly
from dl_lab.widgets._plot_picture import SavedPicture
from dl_lab.widgets._traits import Choice

_LARGEST = float(np.finfo(np.float32).max)


class LearningRateFinder(Widget):
    """Show what a range test measured; a click on the curve sets the trainer's learning rate.

    Parameters
    ----------
    trainer
        The Trainer that was tested, and whose rate `use` sets.
    test
        What `dl_lab.train.lr_finder.range_test` returned.
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
    >>> from dl_lab.train.lr_finder import range_test
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

    language = Choice((None, "en", "es")).tag(sync=True)
    chosen = traitlets.Float(None, allow_none=True, read_only=True).tag(sync=True)
    state = traitlets.Unicode("ready", read_only=True).tag(sync=True)
    message = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)

    def __init__(
        self,
        trainer: Trainer,
        test: RangeTest,
        *,
        language: str | None = None,
        **unknown: object,
    ) -> None:
        refuse_unknown(type(self), unknown, ("trainer", "test", "language"))
        self.trainer = trainer
        self.test = test
        self._using = threading.Lock()
        super().__init__(language=language)
        self.set_trait("message", None if test.reason is None else sentence(test.reason))
        self._saved = SavedPicture(weakly(self.picture), weakly(self.__repr__), self._identifier)
        self._be_ready()

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
            There is no suggestion, or the rate is no number that a rate can be.
        """
        if rate is None:
            if self.suggestion is None:
                raise InputError("range_nothing_chosen")
            rate = self.suggestion
        rate = number("rate", rate, LOWEST, HIGHEST)
        with self._using:
            self.set_trait("state", "busy")
            try:
                self.trainer.learning_rate = rate
                self.set_trait("chosen", rate)
            finally:
                self.set_trait("state", "ready")
            self._saved.update()

    def picture(self) -> str:
        """Return the plot as an SVG document of at most 20 kB."""
        return svg(
            self.test,
            in_use=self.test.current if self.chosen is None else self.chosen,
            name=self.trainer.name,
            language=self.language,
            identifier=self._identifier,
        )

    def close(self) -> None:
        """Take the plot off the page; the trainer goes on."""
        if self._ready:  # ipywidgets also closes one whose settings were refused
            self._saved.close()
            super().close()
            # ipywidgets 7 has hidden what says that it is closed.
            self.__dict__.pop("_ipython_display_", None)

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

    def _ipython_display_(self) -> None:
        if self.comm is None:
            raise InputError("closed", name="This plot")
        self._display_view()
        self._saved.show()

    @property
    def _identifier(self) -> str:
        return f"dl-lab-{self.model_id}"

    # -- for the views

    def introduce(self, have: Mapping[str, Any]) -> Reply:  # noqa: ARG002 - nothing is kept back
        """Give a view the whole test."""
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
            "picture": self._identifier,
        }
        arrays: dict[str, Array] = {
            name: np.clip(values, -_LARGEST, _LARGEST).astype("f4")
            for name, values in (
                ("rates", test.rates),
                ("losses", test.losses),
                ("smoothed", test.smoothed),
            )
        }
        return meta, arrays

    @handles("rate.use")
    def _use(self, message: Message) -> None:
        self.use(number("rate", message.meta.get("value"), LOWEST, HIGHEST))


def lr_find(
    trainer: Trainer,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    scale: Scale = "exponential",
    *,
    stop_factor: float | None = 4.0,
    smoothing: float = 0.8,
    training_steps: int = 200,
    language: str | None = None,
) -> LearningRateFinder:
    """Find a learning rate: train a few steps with ever higher ones, put all back, show the losses.

    Short trainings then choose the suggestion; `dl_lab.train.lr_finder.range_test` tells how. All
    in all that is some 800 to 1,500 steps; Kernel → Interrupt ends it and loses nothing.

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
