"""Looking at a network that may be training: always between two steps, and only as needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dl_lab.errors import InputError
from dl_lab.probe.answer import Guess, guesses
from dl_lab.probe.attribution import Attribution, layer_gradients
from dl_lab.probe.capture import Capture, capture
from dl_lab.probe.given.examples import Examples
from dl_lab.probe.given.picture import Bytes
from dl_lab.probe.health import Health, health
from dl_lab.probe.modules import original
from dl_lab.probe.receptive_field import effective_field
from dl_lab.probe.recorder import Inputs
from dl_lab.probe.untouched import one_look, weights_of
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.cell_turns import CellTurns

if TYPE_CHECKING:
    from torch import Tensor, nn

_Result = TypeVar("_Result")

METHODS = (None, "saliency", "integrated_gradients", "grad_cam", "occlusion")


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
        self._seen: Capture | None = None
        self._key: object = None
        self._gradients: tuple[Capture, int, list[Tensor | None]] | None = None
        self.turns = turns
        self.examples = self.between(lambda: Examples(model, x, batch_dim=batch_dim, whole=whole))

    def choose(self, row: int) -> None:
        """Look at an example."""
        self.shown = Shown(row)

    def draw(self, pixels: Bytes) -> None:
        """Look at what was drawn."""
        self.examples.drawn(pixels)
        self.shown = Shown(None, pixels)

    def between(self, function: Callable[[], _Result], patience: float | None = None) -> _Result:
        """Run a function that only looks between two steps of the training.

        Parameters
        ----------
        function
            Reads and puts back.
        patience
            Seconds to wait for a loop in a cell; None is as long as the cell runs.
        """

        def look() -> _Result:
            with one_look(), weights_of(original(self.model), self._weights()):
                return function()

        if self.trainer is not None:
            return self.trainer.look(look).result()
        return self.turns.run(look, patience)

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

    def seen(self, mode: str, *, gradients: bool = False) -> Capture:
        """Return what the layers answer, anew only where something has changed."""
        shown = self.shown
        key = (mode, gradients, shown, self.state())
        if self._seen is None or self._key != key:
            self._seen = self._captured(self.inputs(mode, shown), mode, gradients=gradients)
            self._key = key
        return self._seen

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

    def _captured(self, inputs: Inputs, mode: str, *, gradients: bool) -> Capture:
        return capture(
            self.model,
            inputs,
            mode="train" if mode == "train" else "eval",
            changes=self.changes,
            gradients=gradients,
            batch=self.examples.dimensions(inputs),
        )

    def state(self) -> object:
        """Tell apart networks whose weights were replaced or written to, or units scaled."""
        inner = original(self.model)
        tensors = (*inner.parameters(), *inner.buffers())
        versions = tuple((id(one), one._version) for one in tensors)  # noqa: SLF001  # no public way
        return versions, tuple(self.changes.items())

    def attribution(self, method: str, target: int) -> Tensor:
        """Return what one of `METHODS` says about the input."""
        ask = Attribution(
            self.model,
            self.inputs("eval"),
            changes=self.changes,
            examples=self.examples,
            classes=self.classes,
        )
        answer: Callable[[int], Tensor] = getattr(ask, method)
        return answer(target)

    def field(self, layer: int, at: tuple[int, ...]) -> Tensor:
        """Return how much each position of the input moves a unit."""
        inputs = self.inputs("eval")
        return effective_field(
            self.model, inputs, layer, at, changes=self.changes, examples=self.examples
        )

    def health(self) -> list[Health]:
        """Look for dead units and vanishing gradients among the first rows of the examples."""
        seen = self._captured(self.examples.batch(), "eval", gradients=True)
        try:
            found = guesses(seen.output, most=1, classes=self.classes)
            rows = self.examples.rows(seen.inputs)
            gradients = layer_gradients(seen, found[0].index, self.classes, rows)
        except InputError:
            gradients = [None] * len(seen.layers)
        return health(seen, gradients)

    def best(self, seen: Capture, most: int) -> tuple[Guess, ...]:
        """Return the likeliest classes; none of a network without scores."""
        try:
            return guesses(seen.output, most, self.classes)
        except InputError:
            return ()
