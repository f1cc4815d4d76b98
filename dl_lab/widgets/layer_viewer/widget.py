"""LayerViewer: every layer of a network, live, to look at and to reach into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import TYPE_CHECKING, Any

import traitlets

from dl_lab.errors import InputError, number
from dl_lab.errors import whole as whole_number
from dl_lab.probe.attribution import METHODS
from dl_lab.probe.capture import Capture
from dl_lab.probe.looks.turns import CalledOff, is_looked_at
from dl_lab.probe.modules import original
from dl_lab.protocol import Message
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.attended import AttendedWidget
from dl_lab.widgets.base.cell_messages import answer_widgets
from dl_lab.widgets.base.cell_turns import CellTurns
from dl_lab.widgets.base.traits import Choice, Number
from dl_lab.widgets.base.widget import Reply, handles, sentence, weakly
from dl_lab.widgets.layer_viewer import frames
from dl_lab.widgets.layer_viewer.checks import (
    checked_batch_dim,
    checked_classes,
    checked_model,
    checked_trainer,
    checked_whole,
)
from dl_lab.widgets.layer_viewer.composer import GUESSES, Asked, Composer
from dl_lab.widgets.layer_viewer.look import Look
from dl_lab.widgets.layer_viewer.units import explained, field

if TYPE_CHECKING:
    from torch import nn

SHARE = 0.02
"""Of the time that may go into looking on; the training loses about half as much again to it."""

PATIENCE = 2.0
"""Seconds that a question of the page may wait for a loop in a cell."""

_MOST_FACTOR = 10.0


class LayerViewer(AttendedWidget):
    """See inside a network: what every layer answers to an input, and why.

    Draw an input or choose one, and all layers answer. Click a unit for its formula with the actual
    numbers, its receptive field, and the units that feed it; take it out or scale it, and see the
    answer change. With a trainer all of that moves while the network learns. The network itself
    stays exactly as it is.

    Parameters
    ----------
    model
        Any module that takes images or vectors; of one that `torch.compile` made, the original is
        shown. Lazy layers are initialized in a copy.
    x
        Inputs to choose from: a tensor or an array with a row for each example, several in a tuple,
        a dictionary by the names of ``forward``'s arguments, or whatever else the model takes:
        lists of images, hidden states, graphs, None. It is tried as it is first. The examples are
        found by trying: where the model answers the same to one alone as to one among others.
    classes
        A name for each class. Without it they have numbers where the network returns the logits of
        classes and nothing else; a network of several answers needs it to have its guesses shown.
    trainer
        The Trainer of this model: maps, filters and gradients then follow it, for at most a
        twentieth of its time, and the epochs that it has kept can be looked at again.
    batch_dim
        The dimension that counts the examples, such as 1 where time comes first; of several tensors
        a list, with None for one that goes along with every example. None finds it out.
    whole
        Whether `x` is one input that cannot be cut into examples, such as a graph. Of layers that
        have a row for each of its rows, the first is shown.
    mode
        ``"eval"``, or ``"train"`` for dropout and the statistics of a batch: up to 31 further rows
        of `x` are then shown along.
    show
        ``"activations"``, ``"gradients"`` (of the class's score) or ``"filters"`` (weights).
    scale
        What shares one scale of colours: each ``"unit"``, each ``"layer"``, or the ``"network"``.
    attribution
        ``"saliency"``, ``"integrated_gradients"``, ``"grad_cam"`` or ``"occlusion"`` over the
        input; None for none.
    target
        The class that gradients and attributions are of; None is the likeliest.
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
        If a value is not allowed, or the model does not take `x`.

    References
    ----------
    .. [1] A. W. Harley, "An Interactive Node-Link Visualization of Convolutional Neural Networks",
       2015
    .. [2] Z. J. Wang et al., "CNN Explainer", 2020, https://arxiv.org/abs/2004.15004

    Examples
    --------
    >>> import dl_lab
    >>> images, labels = dl_lab.data.mnist().test
    >>> model = dl_lab.nets.lenet5(pretrained=True)
    >>> viewer = dl_lab.LayerViewer(model, images[:20])
    >>> [guess.index for guess in viewer.guesses(most=2)]
    [0, 9]
    >>> viewer.scale_unit("conv1", 3, 0.0)
    >>> viewer.undo()
    >>> viewer.close()
    """

    mode = Choice(("eval", "train"))
    show = Choice(("activations", "gradients", "filters"))
    scale = Choice(("layer", "unit", "network"))
    attribution = Choice((None, *METHODS))
    target = Number(0, 2**31, whole=True, optional=True)
    kept = Number(0, 2**32, whole=True, optional=True)

    state = traitlets.Unicode("still", read_only=True).tag(sync=True)
    message: Any = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)
    changes: Any = traitlets.List(read_only=True).tag(sync=True)
    goal: Any = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)

    _RATE = 20.0

    def __init__(
        self,
        model: nn.Module,
        x: object,
        classes: Iterable[object] | None = None,
        trainer: Trainer | None = None,
        *,
        batch_dim: int | Sequence[int | None] | None = None,
        whole: bool = False,
        mode: str = "eval",
        show: str = "activations",
        scale: str = "layer",
        attribution: str | None = None,
        target: int | None = None,
        language: str | None = None,
        **unknown: object,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in self._SETTINGS}
        self._refuse(unknown)
        self.model = checked_model(model)
        self.trainer = checked_trainer(trainer, model)
        turns = CellTurns(self._loop_ended)
        self._look = Look(
            model,
            x,
            trainer,
            turns,
            batch_dim=checked_batch_dim(batch_dim),
            whole=checked_whole(whole, batch_dim),
        )
        self._watched: dict[str, list[frames.Row]] = {}
        self._done: list[dict[tuple[str, int, int], float]] = []
        self._due = 0.0
        # Another where something else is to be shown.
        self._wish = object()
        seen = self._look.between(lambda: self._look.seen("eval"))
        self.classes = checked_classes(classes, seen, trainer)
        self._look.classes = len(self.classes) if self.classes else None
        self._composer = Composer(self._look, SHARE)
        self._composer.describe(seen)
        super().__init__(**self._checked(given))
        self.set_trait("message", None)
        self.set_trait("goal", None)
        self._subscriptions: list[Callable[[], None]] = []
        if trainer is not None:
            self._follow()
            self._subscriptions += [
                trainer.on_change(weakly(self._follow)),
                trainer.while_waiting(answer_widgets),
            ]
        self._be_ready()

    def driven(self) -> tuple[Trainer, ...]:
        """Return the trainer, if there is one."""
        return () if self.trainer is None else (self.trainer,)

    def _follow(self) -> None:
        assert self.trainer is not None  # noqa: S101  # only then is it called
        self.set_trait("state", self.trainer.state)
        message = self.trainer.message
        self.set_trait("message", None if message is None else sentence(message))
        if self._ready:
            self._channel.touch()

    # -- settings

    def _apply(self, changed: AbstractSet[str]) -> None:  # noqa: ARG002 - a look asks for all
        self._look.kept = self.kept
        self._touch()

    def _touch(self) -> None:
        """Show something else: what is computed for what was shown until now is called off."""
        self._wish = object()
        self._channel.touch()

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        settings = self._validated(changes)
        target = settings.get("target")
        if target is not None:
            whole_number("target", target, 0, max(0, len(self.classes) - 1))
        if settings.get("kept") is not None and self.trainer is not None:
            self.trainer.weights_at(settings["kept"])
        return settings

    # -- from Python

    def guesses(self, most: int = GUESSES) -> tuple[Any, ...]:
        """Return the likeliest classes for the input that is shown, the likeliest first."""
        return self._look.best(self._now(), most) if self.classes else ()

    def show_layer(self, layer: str, *, call: int = 0) -> None:
        """Have the views scroll to a layer.

        Parameters
        ----------
        layer
            Its name, or that of a module with layers in it: then its first.
        call
            Which call of a layer that is called several times.

        Raises
        ------
        InputError
            There is no such layer.

        Examples
        --------
        >>> import torch
        >>> import dl_lab
        >>> viewer = dl_lab.LayerViewer(dl_lab.nets.lenet5(), torch.rand(2, 1, 28, 28))
        >>> viewer.show_layer("conv2")
        >>> viewer.goal["layer"], viewer._composer.layers[viewer.goal["layer"]]["name"]
        (3, 'conv2')
        >>> viewer.close()
        """
        layers = self._composer.layers
        exactly = [i for i, one in enumerate(layers) if (one["name"], one["call"]) == (layer, call)]
        within = [i for i, one in enumerate(layers) if one["name"].startswith(f"{layer}.")]
        found = exactly or within
        if not found and layer:
            raise InputError.unknown("layer", layer, dict.fromkeys(one["name"] for one in layers))
        asked = 1 if self.goal is None else self.goal["asked"] + 1
        self.set_trait("goal", {"layer": found[0] if found else 0, "asked": asked})

    def choose(self, row: int) -> None:
        """Show an example of `x` by its index."""
        self._look.choose(whole_number("row", row, 0, self._look.examples.count - 1))
        self._touch()

    def update(self) -> None:
        """Look again, as in a training loop of your own after each step.

        From the first call to the end of the cell the network is looked at in these calls alone,
        for about as little of the time as with a trainer: a look never falls into a step.

        Examples
        --------
        >>> import torch
        >>> import dl_lab
        >>> model = torch.nn.Linear(2, 2)
        >>> viewer = dl_lab.LayerViewer(model, torch.rand(4, 2))
        >>> for _ in range(3):
        ...     with torch.no_grad():
        ...         _ = model.weight.mul_(0.9)
        ...     viewer.update()
        >>> viewer.close()
        """
        answer_widgets()
        # After the loop's last turn the views are told once more.
        if not self._look.turns.serve() or monotonic() >= self._due:
            self._channel.touch()

    def _loop_ended(self) -> None:
        self._channel.touch()

    def scale_unit(self, layer: str, unit: int, factor: float, *, call: int = 0) -> None:
        """Multiply what a unit answers, in this view only; 0 takes it out.

        Parameters
        ----------
        layer
            Name of the layer.
        unit
            Its index among the layer's units.
        factor
            −10 to 10; 1 leaves it as it is.
        call
            Which call of a layer that is called several times.
        """  # noqa: RUF002  # a true minus
        names = [(one["name"], one["call"]) for one in self._composer.layers]
        if (layer, call) not in names:
            raise InputError.unknown("layer", layer, dict.fromkeys(name for name, _ in names))
        shape = self._composer.layers[names.index((layer, call))]["shape"]
        key = layer, call, whole_number("unit", unit, 0, (shape or [1])[0] - 1)
        factor = number("factor", factor, -_MOST_FACTOR, _MOST_FACTOR)
        with self._lock:
            self._done.append(dict(self._look.changes))
            changes = {**self._look.changes, key: factor}
            self._change({key: value for key, value in changes.items() if value != 1})

    def undo(self) -> None:
        """Take back the last change of a unit."""
        with self._lock:
            if self._done:
                self._change(self._done.pop())

    def restore(self) -> None:
        """Take back all changes of units."""
        with self._lock:
            self._done.clear()
            self._change({})

    def _change(self, changes: dict[tuple[str, int, int], float]) -> None:
        self._look.changes = changes
        self.set_trait(
            "changes",
            [
                {"layer": layer, "call": call, "unit": unit, "factor": factor}
                for (layer, call, unit), factor in changes.items()
            ],
        )
        self._composer.hurry()
        self._touch()

    def on_close(self) -> None:
        """Leave model and trainer as they are."""
        for unsubscribe in self._subscriptions:
            unsubscribe()
        self._look.turns.end()

    def call_off(self) -> None:
        """End every look at once."""
        if self._ready:
            self._look.end()

    def __repr__(self) -> str:
        """Tell the model and its likeliest class."""
        if not self._ready:
            return super().__repr__()
        found = self.guesses(1)
        answer = f", {self.classes[found[0].index]!r} {found[0].probability:.0%}" if found else ""
        count = len(self._composer.layers)
        layers = f"{count} layer{'' if count == 1 else 's'}"
        return f"LayerViewer({self._name}, {layers}{answer})"

    @property
    def _name(self) -> str:
        return type(original(self.model)).__name__

    # -- frames

    def is_streaming(self) -> bool:
        """Whether the network learns at this moment."""
        return self.trainer is not None and self.trainer.state == "running" and self.kept is None

    def compose(self, *, touched: bool) -> Message | None:
        """Return what all views show."""
        if not touched and monotonic() < self._due:
            return None
        rows = self._in_sight()
        with self._lock:
            asked = Asked(
                mode=self.mode,
                show=self.show,
                attribution=self.attribution,
                target=self.target,
                kept=self._look.kept,
                has_classes=bool(self.classes),
            )
            wish = self._wish
        began = monotonic()

        moving = self.is_streaming() or self._look.turns.waiting

        def timed() -> Reply:
            # Not the time until it is its turn.
            nonlocal began
            began = monotonic()
            meta, arrays = self._composer.frame(
                asked, rows, moving=moving, over=lambda: self._wish is not wish
            )
            return {**meta, "training": self._progress()}, arrays

        try:
            meta, arrays = self._look.aside(timed)
        except CalledOff:
            return None
        except Exception as error:  # noqa: BLE001 - the page must hear of it, and go on
            if not isinstance(error, InputError):
                self.on_stream_failed(error)
            meta, arrays = {"problem": sentence(error), "revision": self._composer.revision}, {}
        else:
            if self._composer.is_busy and not moving:
                self._channel.touch()
        # What is packed here takes turns with the training, too.
        self._due = began + max(1 / self._RATE, (monotonic() - began) / SHARE)
        return Message("frame.show", meta, arrays)

    def _progress(self) -> dict[str, Any] | None:
        trainer = self.trainer
        if trainer is None:
            return None
        kept = zip(trainer.checkpoints, trainer.kept_epochs, strict=False)
        return {
            "epoch": trainer.epoch,
            "step": trainer.steps,
            "kept": [{"step": step, "epoch": epoch} for step, epoch in kept],
        }

    def _now(self) -> Capture:
        def look() -> Capture:
            return self._look.seen(self.mode, gradients=self.show == "gradients")

        try:
            return self._look.between(look)
        except CalledOff:
            # The viewer was closed meanwhile, which is not for who asks here.
            return self._look.between(look)

    # -- for the views

    def introduce(self, have: Mapping[str, Any]) -> Reply:  # noqa: ARG002 - nothing is kept back
        """Give a view the layers, the examples and the names of the classes."""
        examples = self._look.examples
        picture = examples.picture
        meta = {
            "name": self._name,
            "revision": self._composer.revision,
            "layers": self._composer.layers,
            "classes": self.classes,
            "examples": examples.count,
            "picture": None if picture is None else picture.described(),
            "trainer": self.trainer is not None,
        }
        thumbnails = examples.thumbnails()
        return meta, {} if thumbnails is None else {"thumbnails": thumbnails}

    def _in_sight(self) -> list[frames.Row]:
        """Return the rows of the views that look on; those of views that are gone are forgotten."""
        present, watching = self._channel.present, self._channel.watching
        with self._lock:
            self._watched = {view: rows for view, rows in self._watched.items() if view in present}
            return [
                row for view in self._watched if view in watching for row in self._watched[view]
            ]

    @handles("rows.watch", waits=True)
    def _watch_rows(self, message: Message) -> Reply:
        view, rows = str(message.meta.get("view")), frames.read_rows(message.meta.get("rows"))
        with self._lock:
            before = self._watched.get(view, [])
            self._watched[view] = rows
        others = not self._look.is_aside and is_looked_at(original(self.model))
        if self.is_streaming() or self._look.turns.waiting or others:
            # A frame will bring them, and nobody waits for it here.
            self._channel.touch()
            return {}, {}
        lacking = [row for row in rows if row not in before]
        reply = self._look.between(lambda: self._composer.rows(lacking), PATIENCE)
        if self._composer.is_busy or not reply[0]:
            self._channel.touch()
        return reply

    @handles("input.choose")
    def _choose(self, message: Message) -> None:
        self.choose(message.meta.get("row"))  # type: ignore[arg-type]  # checked there

    @handles("input.draw")
    def _draw(self, message: Message) -> None:
        pixels = message.arrays.get("pixels")
        if pixels is None or pixels.dtype != "u1":
            raise InputError("not_drawable")
        self._look.draw(pixels)
        self._touch()

    def _asked(self, message: Message) -> tuple[int, tuple[int, ...]]:
        layer = whole_number("layer", message.meta.get("layer"), 0, len(self._composer.layers) - 1)
        at = message.meta.get("at")
        places = at if isinstance(at, list) else []
        return layer, tuple(whole_number("at", place, 0, 2**31) for place in places)

    def _counted(self, look: Callable[[], Reply]) -> Reply:
        """Answer between two steps, and let the next frame wait for as long as that is worth."""

        def timed() -> Reply:
            began = monotonic()
            try:
                return look()
            finally:
                now = monotonic()
                if self.is_streaming():
                    self._due = max(self._due, now) + (now - began) / SHARE

        return self._look.between(timed, PATIENCE)

    @handles("unit.explain", waits=True)
    def _explain(self, message: Message) -> Reply:
        layer, at = self._asked(message)
        asked = message.meta.get("source")
        source = None if asked is None else whole_number("source", asked, 0, 2**31)

        def look() -> Reply:
            gradients = self.show == "gradients"
            kept = frozenset({layer})
            seen = self._look.seen(self.mode, gradients=gradients, layers=kept)
            return explained(self._look, seen, layer, at, source)

        return self._counted(look)

    @handles("unit.field", waits=True)
    def _field(self, message: Message) -> Reply:
        layer, at = self._asked(message)

        return self._counted(lambda: field(self._look, layer, at))

    @handles("unit.scale")
    def _scale(self, message: Message) -> None:
        meta, layers = message.meta, self._composer.layers
        layer = layers[whole_number("layer", meta.get("layer"), 0, len(layers) - 1)]
        unit, factor = meta.get("unit"), meta.get("factor")
        self.scale_unit(layer["name"], unit, factor, call=layer["call"])  # type: ignore[arg-type]  # checked there

    @handles("changes.undo")
    def _undo(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self.undo()

    @handles("changes.restore")
    def _restore(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self.restore()

    @handles("run.play", waits=True)
    def _play(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        trainer = self._run("play")
        self.set(kept=None)
        if trainer.state == "paused":
            trainer.resume()
        elif trainer.state != "running":
            trainer.start()

    @handles("run.pause", waits=True)
    def _pause(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self._run("pause").pause()

    def _run(self, control: str) -> Trainer:
        if self.trainer is None:
            raise InputError("no_control", name=self._name, control=control)
        return self.trainer
