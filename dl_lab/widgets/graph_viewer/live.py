"""A graph's statistics while a trainer trains, for a small share of its time."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

import numpy as np

from dl_lab.errors import InputError
from dl_lab.probe.flow.flow import Flow, Found
from dl_lab.probe.flow.origin import matched
from dl_lab.probe.flow.statistics import INFINITE
from dl_lab.probe.looks.turns import CalledOff, called_off_by
from dl_lab.probe.modules import original
from dl_lab.train.not_finite import NotFinite, Where, first_not_finite, told
from dl_lab.widgets.base.widget import Reply, sentence
from dl_lab.widgets.layer_viewer.pace import Pace, one_core

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from dl_lab.nets.graph.nodes import Graph
    from dl_lab.probe.flow.passes import Heard, Rows
    from dl_lab.probe.flow.statistics import Statistics
    from dl_lab.train.trainer import Trainer

SHARE = 0.0125
"""Of a trainer's time that may go into looking on; the training loses about half as much again."""
_SOON = 0.05
_DIVERGED = frozenset({"diverged", "loss_nan"})


class Live:
    """Follows a trainer: each `news` is one pass at most, between two of its steps.

    Parameters
    ----------
    model
        That the graph is of.
    graph
        By whose nodes all is told.
    trainer
        It trains the model. Batches, loss and precision are its own, where the model is all that
        it trains.
    given
        What goes through the network where the trainer has no batch: without a loss, and so
        without gradients.
    share
        Of the trainer's time that it may take.
    """

    def __init__(
        self,
        model: nn.Module,
        graph: Graph,
        trainer: Trainer,
        given: Rows,
        *,
        share: float = SHARE,
    ) -> None:
        self._model = model
        self.graph = graph
        """That all is told of."""
        self._trainer = trainer
        self._given = given
        self._share = share
        self._flow = Flow(model, graph)
        self._whole = original(trainer.model) is original(model)
        self._has_loss = self._whole and trainer.loss is not None
        self._batch: Rows | None = None
        self._due = 0.0
        self._settled: object = None
        self._at = 0
        """The step that the pass is of."""
        self._end = threading.Event()
        self._searched: InputError | None = None
        self._wrong: Statistics | None = None
        """Of the pass in which a run went wrong, until it goes on."""
        self.first: dict[str, Any] | None = None
        """Where numbers stopped being finite: set once, until the run goes back."""

    @property
    def is_moving(self) -> bool:
        """Whether the trainer trains now."""
        return self._trainer.state == "running"

    def end(self) -> None:
        """Call off what runs."""
        self._end.set()

    def news(self, *, touched: bool = False) -> Reply | None:
        """Look at some rows, if it is time; return what the page is told if there is something new.

        Parameters
        ----------
        touched
            Whether a view lacks what is known already.
        """
        found = None
        while not self._end.is_set() and (self.is_moving or self._state() != self._settled):
            first = self._flow.statistics is None
            if self.is_moving and monotonic() < self._due and not first:
                break
            state = self._state()
            complete = self._advance()
            # The first picture comes at once, and is no part of the share: that is for good.
            if self.is_moving and not complete and self._flow.statistics is not None:
                break
            if complete is None:
                break
            if complete:
                self._settled = state
                found = self.told()
                break
        return found or (self.told() if touched else None)

    def _state(self) -> object:
        """Tell apart the trainer's states at rest."""
        trainer = self._trainer
        return trainer.state, trainer.steps, trainer.epoch

    def _advance(self) -> bool | None:
        """Do a pass; return whether it made the statistics complete, None where it could not."""
        trainer = self._trainer
        if self.is_moving:
            self._wrong = None
        else:
            try:
                self._search()
            except CalledOff:
                return None
        spent = 0.0

        def over() -> bool:
            return self._end.is_set() or trainer.is_wanted

        def look() -> Heard:
            nonlocal spent
            began = monotonic()
            moving = trainer.state == "running"
            try:
                with called_off_by(over if moving else Pace(over)), one_core():
                    self._at = trainer.steps + 1
                    return self._flow.hear(self._rows())
            finally:
                spent = monotonic() - began

        try:
            heard = trainer.look(look).result()
        except (CalledOff, CancelledError):
            self._due = monotonic() + _SOON
            return None
        if heard.graph.failure is not None:
            self._due = monotonic() + spent / self._share
            error = heard.graph.failure.error
            kind, detail = type(error).__name__, str(error)
            raise InputError("graph_live_failed", kind=kind, detail=detail) from error
        # Beside the training, which loses what this thread computes, not what it waits for.
        began = thread_time()
        complete = self._flow.add(heard)
        if complete:
            self._take(self._flow.found)
        self._due = monotonic() + (spent + thread_time() - began) / self._share
        return complete

    def _rows(self) -> Rows:
        """Return the batch of the next step; between two epochs that of the last one."""
        batch = self._trainer.upcoming() if self._whole else None
        if batch is not None:
            self._batch = batch
        return self._batch or self._given

    def _take(self, found: Found | None) -> None:
        """Take note of where the last rows are not finite; forget it where they are again."""
        if found is None and self._searched is None:
            self.first = self._wrong = None
        elif found is not None and self.first is None:
            self.first = self._seen(found)

    def _search(self) -> None:
        """Find the step in which the run went wrong, once where it did so."""
        message = self._trainer.message
        if message is None or message.key not in _DIVERGED or not self._has_loss:
            self._searched = None
        elif message is not self._searched:
            found = None
            try:
                found = first_not_finite(self._trainer, gives_way=True)
            except InputError as error:
                if error.key == "running":  # it has been started meanwhile
                    return
            self._searched = message
            if found is not None:
                self.take(found)

    def take(self, found: NotFinite) -> None:
        """Show the pass in which a run went wrong."""
        self._wrong = self._flow.told(found.heard)
        self.first = self._exact(found)
        self._searched = self._trainer.message
        self._settled = None

    def _exact(self, found: NotFinite) -> dict[str, Any]:
        places = matched(found.graph, self.graph)
        near = _near(self.graph, found.operation.module)
        infinite = None if found.infinite is None else places.get(found.infinite)
        return {
            "node": places.get(found.node, near),
            "where": found.where,
            "kind": found.kind,
            "infinite": infinite,
            "step": found.step,
            "exact": True,
            "sentence": sentence(found.sentence),
        }

    def _seen(self, found: Found) -> dict[str, Any]:
        """Say where the rows that were looked at are not finite: others may have been before."""
        origin = found.origin
        where: Where = "backward" if origin.backward else "forward"
        said = told(self.graph, origin.node, where, origin.kind, self._at)
        return {
            "node": origin.node,
            "where": where,
            "kind": origin.kind,
            "infinite": origin.infinite,
            "step": self._at,
            "exact": False,
            "sentence": sentence(said),
        }

    def told(self) -> Reply:
        """Return what the page is told of the last picture."""
        # The weights of a run that diverged are good ones again: what went wrong is shown.
        trainer, seen = self._trainer, self._wrong or self._flow.statistics
        meta: dict[str, Any] = {
            "step": trainer.steps,
            "epoch": trainer.epoch,
            "state": trainer.state,
            "rows": 0 if seen is None else seen.rows,
            "first": self.first,
        }
        return meta, {} if seen is None else arrays(seen, self.first)


def arrays(seen: Statistics, first: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the page is sent of statistics, each by the node's index.

    Infinite numbers alone are no fault, since masks are made of them: the flags tell of them where
    something followed from that.
    """
    faulty = first is not None and (first["kind"] == "inf" or first["infinite"] is not None)
    wanted = 255 if faulty else 255 - INFINITE
    return {
        "rms": seen.rms,
        "mean": seen.mean,
        "dead": seen.dead,
        "grad": seen.gradient_rms,
        "grad_mean": seen.gradient_mean,
        "grad_dead": seen.gradient_dead,
        "flags": seen.flags & np.uint8(wanted),
    }


def _near(graph: Graph, module: str) -> int:
    """Return the first node of a module, of a graph that lacks the one in question."""
    found = (index for index, node in enumerate(graph.nodes) if node.module == module)
    return next(found, 0)
