"""What every explainer has: settings made from its traits, one picture composed for its views."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import Any

import numpy as np
import traitlets
from torch import Tensor

from dl_lab.errors import InputError
from dl_lab.protocol import Array, Message
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.cell_messages import answer_widgets
from dl_lab.widgets.base.pictured import PicturedWidget
from dl_lab.widgets.base.widget import Reply, handles, sentence, weakly

SHARE = 0.02
"""Of a trainer's time that may go into composing while it trains."""

_LARGEST = float(np.finfo(np.float32).max)


class Explainer(PicturedWidget):
    """A widget that explains one thing: settings in, one picture out.

    A subclass has its settings as traits (`Number`, `Choice`, `Flag` …, whose limits and defaults
    the page offers) and writes `compute`. From the traits come the signature, with the nearest
    name for an unknown argument, the row of settings in the page, and `set`.

    Where it writes ``source() -> str``, PyTorch code that computes the same, the page has a panel
    with it; where it writes ``picture() -> str``, that SVG stays in the saved notebook.

    An ``__init__`` of its own takes the learner's objects, keeps what `compute` needs of them, and
    hands the rest to this one as ``**settings``.

    Parameters
    ----------
    trainer
        The Trainer to follow: `compute` then runs again while it trains, between two steps and for
        at most a fiftieth of its time. It must change neither model nor random state
        (`dl_lab.probe.untouched`).
    **settings
        The values of the traits.

    Raises
    ------
    InputError
        If a value is not allowed, or what `compute` raises.
    """

    schema: Any = traitlets.List(read_only=True).tag(sync=True)
    code = traitlets.Bool(False, read_only=True).tag(sync=True)
    problem: Any = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__signature__ = _signature(cls)

    def __init__(self, *, trainer: Trainer | None = None, **settings: Any) -> None:
        given = settings if trainer is None else {**settings, "trainer": trainer}
        known = inspect.signature(type(self)).parameters
        self._refuse({name: value for name, value in given.items() if name not in known})
        if trainer is not None and not isinstance(trainer, Trainer):
            raise InputError("not_trainer", given=type(trainer).__name__)
        self._trainer = trainer
        self._revision = self._composed = 0
        self._due = 0.0
        defaults = {name: setting.default_value for name, setting in self._SETTINGS.items()}
        super().__init__(**self._checked({**defaults, **settings}))
        offered = [one for name, one in self._SETTINGS.items() if name != "language"]
        self.set_trait("schema", [setting.describe() for setting in offered])
        self.set_trait("code", hasattr(self, "source"))
        self.set_trait("problem", None)  # traitlets makes {} of it
        # What goes wrong with the learner's objects is said in the cell.
        self._shown: Reply = self._computed()
        self._subscriptions: list[Callable[[], None]] = []
        if trainer is not None:
            self._subscriptions += [
                trainer.on_change(weakly(self._trained)),
                trainer.while_waiting(answer_widgets),
            ]
        self._be_ready()

    def compute(self) -> tuple[dict[str, Any], Mapping[str, Array | Tensor]]:
        """Return what the page draws for the settings as they are: small values, and arrays.

        Runs in a thread of its own, again where a setting changes meanwhile. Tensors and float64
        arrays are sent as float32, as are whole numbers other than uint8 and uint32.
        """
        raise NotImplementedError

    def refresh(self) -> None:
        """Compute and show again, as after the learner's own code has changed what is shown."""
        self._revision += 1
        self._channel.touch()
        if not self.is_streaming():
            self._update_picture()

    def _trained(self) -> None:
        """Follow the trainer into another state."""
        self.refresh()

    def on_close(self) -> None:
        """Stop following the trainer, which goes on."""
        for unsubscribe in self._subscriptions:
            unsubscribe()
        super().on_close()

    def _apply(self, changed: AbstractSet[str]) -> None:
        if changed - {"language"}:
            self.refresh()

    # -- for the views

    def is_streaming(self) -> bool:
        """Whether the trainer that is followed trains."""
        return self._trainer is not None and self._trainer.state == "running"

    def compose(self, *, touched: bool) -> Message | None:  # noqa: ARG002 - revisions tell more
        """Compute anew where something has changed since the last time."""
        revision = self._revision
        if revision == self._composed and not (self.is_streaming() and monotonic() >= self._due):
            return None
        try:
            self._shown = self._between(self._computed)
        except Exception as error:  # noqa: BLE001 - the page must hear of it, and go on
            if revision == self._revision:  # else it is computed again, with settings as a whole
                self._composed = revision
                self.set_trait("problem", sentence(error))
                if not isinstance(error, InputError):
                    self.on_stream_failed(error)
            return None
        self._composed = revision
        self.set_trait("problem", None)
        return Message("explainer.show", *self._shown)

    def _between(self, compute: Callable[[], Reply]) -> Reply:
        """Compute between two steps of the training, and make up for it."""
        if self._trainer is None:
            return compute()

        def timed() -> Reply:
            began = monotonic()
            try:
                return compute()
            finally:
                self._due = monotonic() + (monotonic() - began) / SHARE

        return self._trainer.look(timed).result()

    def _computed(self) -> Reply:
        meta, arrays = self.compute()
        return meta, {name: _carried(values) for name, values in arrays.items()}

    def introduce(self, have: Mapping[str, Any]) -> Reply:
        """Give a new view what was computed last; what is newer follows."""
        meta, arrays = self._shown
        return {**meta, **super().introduce(have)[0]}, arrays

    @handles("code.get")
    def _get_code(self, message: Message) -> Reply:  # noqa: ARG002 - it has no arguments
        if not self.code:
            raise InputError("no_control", name=type(self).__name__, control="code")
        return {"pytorch": self.source()}, {}


def _signature(cls: type[Explainer]) -> inspect.Signature:
    """Return the arguments of the class's own ``__init__``, then its settings."""
    own: list[inspect.Parameter] = []
    if cls.__init__ is not Explainer.__init__:
        _, *parameters = inspect.signature(cls.__init__).parameters.values()
        own = [one for one in parameters if one.kind is not one.VAR_KEYWORD]
    named = {one.name for one in own}
    settings = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=setting.default_value)
        for name, setting in cls._SETTINGS.items()
        if name not in named
    ]
    return inspect.Signature([*own, *settings])


def _carried(values: Array | Tensor) -> Array:
    """Return values as a dtype that the protocol carries; what is beyond float32 at its end."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype == bool:
        return array.astype("u1")
    if array.dtype in (np.uint8, np.uint32, np.float32):
        return array
    return np.where(np.isfinite(array), np.clip(array, -_LARGEST, _LARGEST), array).astype("f4")
