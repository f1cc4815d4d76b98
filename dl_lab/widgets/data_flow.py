"""DataFlow: a training step as a flow of boxes, each with its real numbers while it runs."""

from __future__ import annotations

import inspect
import os
from typing import Any

import numpy as np

from dl_lab.theory.data_flow import Flow
from dl_lab.train.steps.stages import STAGES
from dl_lab.train.trainer import Trainer
from dl_lab.train.watch.run import WatchedRun
from dl_lab.widgets.base.cell_messages import answer_widgets
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.widget import weakly


class DataFlow(Explainer):
    """See how data flow through your own training, and what waits for what.

    Data set, queue, batch, model, loss, backward, optimizer, step and checkpoint are boxes with
    their numbers as training runs; a click tells what happens there, with the code that does it.

    Times are measured only while it is open, and take at most a hundredth of the training's.

    Parameters
    ----------
    run
        A `Trainer`, or what `dl_lab.watch` returned for a model and a torch optimizer.
    loader
        The DataLoader that a watched loop goes through, for its queue and the time spent waiting
        for it; a Trainer's is known.
    checkpoint
        The file in which a watched loop saves; what a Trainer saves is known.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        `run` is not a run, or a watched one without model or optimizer.

    Examples
    --------
    >>> import dl_lab
    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> data = torch.rand(640, 2), torch.rand(640, 1)
    >>> trainer = dl_lab.Trainer(model, torch.nn.MSELoss(), sgd, data)
    >>> flow = dl_lab.DataFlow(trainer)
    >>> trainer.fit(5)
    >>> flow.waiting < 1
    True
    >>> flow.close()
    """

    # Numbers that change more often cannot be read, and each costs the training time.
    _RATE = 8.0

    def __init__(
        self,
        run: Trainer | WatchedRun,
        loader: object = None,
        checkpoint: str | os.PathLike[str] | None = None,
        **settings: Any,
    ) -> None:
        known = inspect.signature(type(self)).parameters
        self._refuse({name: value for name, value in settings.items() if name not in known})
        self.run = run
        self._flow = Flow(run, loader, checkpoint)
        self._codes: dict[str, str] | None = None
        self._coded: object = None
        self._flow.open()
        try:
            super().__init__(**settings)
        except BaseException:
            self._flow.close()
            raise
        self._subscriptions += [
            run.on_change(weakly(self._changed)),
            run.while_waiting(answer_widgets),
        ]

    @property
    def waiting(self) -> float | None:
        """The share of the time that the model waits for data; None until it was measured."""
        return self._flow.times().waiting

    def _trains(self) -> bool:
        return self.run.state == "running"

    def compute(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what each box holds, and the times: seconds of a mean step, by stage."""
        flow = self._flow
        times = flow.times()
        # While it trains only other data change them.
        loader = flow.loader
        if self._codes is None or self._coded is not loader or not self._trains():
            self._coded, self._codes = loader, flow.codes()
        stations = flow.stations()
        meta = {
            "state": self.run.state,
            "stations": stations,
            "stages": list(STAGES),
            "waiting": times.waiting,
            "rate": times.rate,
            "advice": flow.advice(times),
            "measured": flow.clock.measured,
            "codes": self._codes,
        }
        seconds = [times.seconds.get(stage, np.nan) for stage in STAGES]
        return meta, {"seconds": np.array(seconds, "f8")}

    def on_close(self) -> None:
        """Measure no more."""
        self._flow.close()
        super().on_close()

    def _changed(self) -> None:
        if self._trains():
            self._flow.again()
        self.refresh()
