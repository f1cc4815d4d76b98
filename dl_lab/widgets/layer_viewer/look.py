"""Looking at a network that may be training: always between two steps, and only as needed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from dl_lab import forks
from dl_lab.errors import InputError
from dl_lab.probe.answer import Guess, guesses
from dl_lab.probe.attribution import Attribution, layer_gradients
from dl_lab.probe.capture import Capture, capture
from dl_lab.probe.given.examples import Examples
from dl_lab.probe.given.picture import Bytes
from dl_lab.probe.health import Health, Tally
from dl_lab.probe.looks.passes import MEMORY, Pass, Passes, rows_at_once
from dl_lab.probe.looks.turns import CalledOff, called_off_by, go_on, one_look
from dl_lab.probe.modules import original
from dl_lab.probe.recorder import ALL, Inputs, Keep
from dl_lab.probe.untouched import weights_of
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.cell_turns import CellTurns
from dl_lab.widgets.layer_viewer.pace import Pace, is_main, one_core

if TYPE_CHECKING:
    from torch import Tensor, nn

_Result = TypeVar("_Result")

STEP_PATIENCE = 10.0
"""Seconds that a question of the page may wait for a training step."""

_ASK_AGAIN = 0.02


@dataclass(frozen=True, eq=False)
class Shown:
    """What the network is looking at: an example by its index, or pixels."""

    row: int | None
    pixels: Bytes | None = None


class Look:
    """One network, one input, and what a person has changed about its units.

    Parameters
    ----------
    model
        Any module.
    x, batch_dim, whole
        The inputs to choose from, as for `Examples`.
    trainer
        Trains the model, or None.
    turns
        Without a trainer, orders those who look.
    """

    def __init__(
        self,
        model: nn.Module,
        x: object,
        trainer: Trainer | None,
        turns: CellTurns,
        *,
        batch_dim: int | Sequence[int | None] | None = None,
        whole: bool = False,
    ) -> None:
        self.model = model
        self.trainer = trainer
        self.classes: int | None = None
        """How many classes were named."""
        # Replaced as a whole: someone may draw while the network is being looked at.
        self.shown = Shown(0)
        self.changes: dict[tuple[str, int, int], float] = {}
        self.kept: int | None = None
        self.turns = turns
        self._seen: Capture | None = None
        self._key: object = None
        self._state: object = None
        self._sight: frozenset[int] = frozenset()
        self._gradients: tuple[Capture, int, list[Tensor | None]] | None = None
        self.number = 0
        """Another where the network was looked at anew."""
        self.insists = False
        """Whether what is done aside gives way no more: it did so the last time."""
        self.is_aside = False
        """Whether it looks aside now, which gives way to questions."""
        self._end = threading.Event()
        self._changed = forks.opens(threading.Condition())
        self._asked = 0
        """How many questions wait for an answer."""
        self._futures: set[Future[Any]] = set()
        self.examples = self.between(lambda: Examples(model, x, batch_dim=batch_dim, whole=whole))

    def choose(self, row: int) -> None:
        """Look at an example."""
        self.shown = Shown(row)

    def draw(self, pixels: Bytes) -> None:
        """Look at what was drawn."""
        self.examples.drawn(pixels)
        self.shown = Shown(None, pixels)

    # -- when

    def between(self, function: Callable[[], _Result], patience: float | None = None) -> _Result:
        """Answer a question between two steps of the training; what is done `aside` gives way.

        Parameters
        ----------
        function
            Reads and puts back. It is run again where someone wanted the trainer meanwhile.
        patience
            Seconds to wait for a loop in a cell; None is as long as the cell or the step runs.

        Raises
        ------
        InputError
            The loop or the trainer's step did not come to its end in time.
        CalledOff
            By `end`.
        """
        with self._changed:
            self._asked += 1
        try:
            return self._tried(function, lambda: False, self._end, patience)
        finally:
            with self._changed:
                self._asked -= 1
                self._changed.notify_all()

    def aside(self, function: Callable[[], _Result]) -> _Result:
        """Run a function between two steps that nobody waits for: questions come first."""
        end = self._end
        while True:
            self.is_aside = True
            try:
                return self._tried(function, lambda: not self.insists and self._asked > 0, end)
            except CalledOff:
                with self._changed:
                    self._changed.wait_for(lambda: end.is_set() or not self._asked)
                if end.is_set():
                    raise
                # Who asks again and again must not keep it from ever ending.
                self.insists = True
            finally:
                self.is_aside = False

    def end(self) -> None:
        """Call off what runs and what waits. Who looks afterwards knows why."""
        with self._changed:
            self._end.set()
            self._end = threading.Event()
            futures = [*self._futures]
            self._changed.notify_all()
        for future in futures:
            future.cancel()
        self.turns.call_off()

    def _tried(
        self,
        function: Callable[[], _Result],
        ends: Callable[[], bool],
        end: threading.Event,
        patience: float | None = None,
    ) -> _Result:
        while True:
            with contextlib.suppress(CalledOff):
                return self._run(function, ends, end, patience)
            if end.is_set() or ends() or self.trainer is None:
                raise CalledOff
            with self._changed:
                while self.trainer.is_wanted and not end.is_set():
                    self._changed.wait(_ASK_AGAIN)

    def _run(
        self,
        function: Callable[[], _Result],
        ends: Callable[[], bool],
        end: threading.Event,
        patience: float | None,
    ) -> _Result:
        trainer, model = self.trainer, original(self.model)

        def over() -> bool:
            return end.is_set() or ends() or (trainer is not None and trainer.is_wanted)

        def look() -> _Result:
            waited_for = is_main() or (trainer is not None and trainer.state == "running")
            with called_off_by(over if waited_for else Pace(over)):
                go_on()
                with one_core(), one_look(model), weights_of(model, self._weights()):
                    return function()

        if trainer is None:
            return self.turns.run(look, patience)
        return self._awaited(trainer.look(look), end, patience)

    def _awaited(
        self, future: Future[_Result], end: threading.Event, patience: float | None
    ) -> _Result:
        with self._changed:
            self._futures.add(future)
            if end.is_set():
                future.cancel()
        try:
            return future.result(None if patience is None else STEP_PATIENCE)
        except CancelledError:
            raise CalledOff from None
        except FutureTimeout:
            if future.cancel():
                name, seconds = type(original(self.model)).__name__, f"{STEP_PATIENCE:g}"
                raise InputError("trained_late", model=name, seconds=seconds) from None
            return future.result()
        finally:
            with self._changed:
                self._futures.discard(future)

    # -- what

    def inputs(self, mode: str, shown: Shown | None = None) -> Inputs:
        """Return what the network is shown: in train mode with other rows behind it."""
        batch = mode == "train"
        shown = shown or self.shown
        if shown.pixels is not None:
            return self.examples.drawn(shown.pixels, batch=batch)
        return self.examples.row(shown.row or 0, batch=batch)

    def _weights(self) -> Mapping[str, Tensor] | None:
        """Return the weights of the kept epoch that is looked at, None for those of now."""
        if self.kept is None or self.trainer is None:
            return None
        return self.trainer.weights_at(self.kept, self.model)

    def seen(
        self,
        mode: str,
        *,
        gradients: bool = False,
        layers: frozenset[int] = frozenset(),
        newest: bool = True,
    ) -> Capture:
        """Return what the layers answer, anew only where something has changed.

        Parameters
        ----------
        mode, gradients
            As for `capture`.
        layers
            Those whose values are wanted. Of a large network only these are kept beside the first.
        newest
            Whether what was seen with other weights will not do.
        """
        shown = self.shown
        key, state = (mode, gradients, shown, tuple(self.changes.items())), self.state()
        seen = self._seen
        there = seen is not None and all(
            seen.layers[one].kept for one in layers if one < len(seen.layers)
        )
        same = self._key == key and (self._state == state or not newest)
        if seen is None or not there or not same:
            # Those of the last time, too: a unit that is asked about is mostly in sight.
            self._sight = layers if there else self._sight | layers
            keep = ALL if gradients else Keep(self._sight, most=MEMORY, measured=True)
            if not same or mode == "train":
                self.number += 1
            self._seen = self._gradients = None
            inputs = self.inputs(mode, shown)
            self._seen = seen = self._captured(inputs, mode, gradients=gradients, keep=keep)
            self._key, self._state = key, state
        return seen

    def differentiable(self, layer: int) -> Capture:
        """Return what one layer answers in eval mode, with its graph; nothing of it is kept."""
        keep = Keep(frozenset({layer}), most=0)
        return self._captured(self.inputs("eval"), "eval", gradients=True, keep=keep)

    def gradients(self, seen: Capture, target: int) -> list[Tensor | None]:
        """Return the gradients of a class's score, anew only for another look or class."""
        last = self._gradients
        if last is None or last[0] is not seen or last[1] != target:
            last = self._gradients = (
                seen,
                target,
                layer_gradients(seen, target, self.classes, self.examples.rows(seen.inputs)),
            )
        return last[2]

    def _captured(self, inputs: Inputs, mode: str, *, gradients: bool, keep: Keep = ALL) -> Capture:
        return capture(
            self.model,
            inputs,
            mode="train" if mode == "train" else "eval",
            changes=self.changes,
            gradients=gradients,
            batch=self.examples.dimensions(inputs),
            keep=keep,
        )

    def state(self) -> object:
        """Tell apart networks whose weights were replaced or written to, or units scaled."""
        inner = original(self.model)
        tensors = (*inner.parameters(), *inner.buffers())
        versions = tuple((id(one), one._version) for one in tensors)  # noqa: SLF001  # no public way
        return versions, tuple(self.changes.items())

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights and buffers as they are, by all their names."""
        inner = original(self.model)
        copies: dict[int, Tensor] = {}
        return {
            name: copies.setdefault(id(one), one.detach().clone())
            for named in (inner.named_parameters, inner.named_buffers)
            for name, one in named(remove_duplicate=False)
        }

    def attribution(self, method: str, target: int) -> Passes[Tensor]:
        """Compute what a method of `Attribution` says about the input."""
        ask = Attribution(
            self.model,
            self.inputs("eval"),
            changes=self.changes,
            examples=self.examples,
            classes=self.classes,
        )
        return ask.passes(method, target)

    def health(self, seen: Capture) -> Passes[list[Health]]:
        """Look for dead units and vanishing gradients among the first rows of the examples."""
        rows, most = self.examples.many, rows_at_once(seen, graph=True)
        tally, target = Tally(), None
        for begin in range(0, rows, most):
            part = partial(self._counted, tally, begin, min(begin + most, rows), target)
            target = yield Pass(part, begin, rows)
        return tally.health()

    def _counted(self, tally: Tally, begin: int, end: int, target: int | None) -> int | None:
        seen = self._captured(self.examples.part(begin, end), "eval", gradients=True)
        gradients: list[Tensor | None] = [None] * len(seen.layers)
        with contextlib.suppress(InputError):
            if target is None:
                target = guesses(seen.output, most=1, classes=self.classes)[0].index
            rows = self.examples.rows(seen.inputs)
            gradients = layer_gradients(seen, target, self.classes, rows)
        tally.add(seen, gradients)
        return target

    def best(self, seen: Capture, most: int) -> tuple[Guess, ...]:
        """Return the likeliest classes; none of a network without scores."""
        try:
            return guesses(seen.output, most, self.classes)
        except InputError:
            return ()
