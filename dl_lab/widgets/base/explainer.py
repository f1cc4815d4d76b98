"""What every explainer has: settings made from its traits, one picture composed for its views."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import traitlets
from torch import Tensor

from dl_lab import forks
from dl_lab.errors import InputError
from dl_lab.protocol import Array, Message
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.cell_messages import answer_widgets
from dl_lab.widgets.base.pictured import PicturedWidget
from dl_lab.widgets.base.traits import Setting
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

    `PRESETS` are sets of settings by name that each show one surprise: the page has a line "try
    this" with a button for each, `use_preset` does the same.

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

    PRESETS: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    schema: Any = traitlets.List(read_only=True).tag(sync=True)
    presets: Any = traitlets.Dict(read_only=True).tag(sync=True)
    code = traitlets.Bool(False, read_only=True).tag(sync=True)
    offers: Mapping[str, Sequence[str]] = {}
    """What this widget's choices may be, by the setting's name, where each widget has others."""
    unfinished = False
    """Whether `compute` has more to give: it sets this, and soon runs again while it is seen."""
    problem: Any = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__signature__ = _signature(cls)
        if "compute" in vars(cls):
            cls.compute = _one_at_a_time(cls.compute)  # type: ignore[method-assign,assignment]  # the same

    def __init__(self, *, trainer: Trainer | None = None, **settings: Any) -> None:
        given = settings if trainer is None else {**settings, "trainer": trainer}
        known = inspect.signature(type(self)).parameters
        self._refuse({name: value for name, value in given.items() if name not in known})
        if trainer is not None and not isinstance(trainer, Trainer):
            raise InputError("not_trainer", given=type(trainer).__name__)
        self._trainer = trainer
        self._computing = forks.opens(threading.RLock())
        self._revision = self._composed = 0
        self._due = 0.0
        defaults = {name: setting.default_value for name, setting in self._SETTINGS.items()}
        super().__init__(**self._checked({**defaults, **settings}))
        offered = [one for name, one in self._SETTINGS.items() if name != "language"]
        self.set_trait("schema", [self._offer(setting) for setting in offered])
        self._begun = {name: value for name, value in self.settings.items() if name != "language"}
        self.set_trait("presets", {name: self._preset(name) for name in self.suiting()})
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

        Runs in a thread of its own, never in two at once, again where a setting changes meanwhile.
        What takes longer than a tenth of a second comes in parts: it returns what is there and sets
        `unfinished`, upon which it runs again, as long as anybody sees it. Tensors and float64
        arrays are sent as float32, as are whole numbers other than uint8 and uint32.
        """
        raise NotImplementedError

    def _offer(self, setting: Setting) -> dict[str, Any]:
        described = setting.describe()
        own = self.offers.get(described["name"])
        return described if own is None else {**described, "allowed": list(own)}

    def use_preset(self, name: str) -> None:
        """Take on a preset's settings, and for the rest those that the widget was made with.

        Parameters
        ----------
        name
            One of `PRESETS`.

        Raises
        ------
        InputError
            There is no such preset.
        """
        self.set(**self._preset(name))

    def suiting(self) -> Mapping[str, Mapping[str, object]]:
        """Return the presets that suit what this widget was given: by default all `PRESETS`."""
        return self.PRESETS

    def _preset(self, name: object) -> dict[str, Any]:
        presets = self.suiting()
        if not isinstance(name, str) or name not in presets:
            raise InputError.unknown("preset", name, presets)
        return {**self._begun, **self._validated(presets[name])}

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
        """Whether more is to come: the trainer that is followed trains, or `compute` goes on."""
        return self.unfinished or self._trains()

    def _trains(self) -> bool:
        return self._trainer is not None and self._trainer.state == "running"

    def compose(self, *, touched: bool) -> Message | None:  # noqa: ARG002 - revisions tell more
        """Compute anew where something has changed since the last time."""
        revision = self._revision
        going_on = self.unfinished
        due = going_on or (self._trains() and monotonic() >= self._due)
        if revision == self._composed and not due:
            return None
        try:
            self._shown = self._between(self._computed)
        except Exception as error:  # noqa: BLE001 - the page must hear of it, and go on
            if revision == self._revision:  # else it is computed again, with settings as a whole
                self._composed = revision
                self.unfinished = False
                self.set_trait("problem", sentence(error))
                if not isinstance(error, InputError):
                    self.on_stream_failed(error)
            return None
        self._composed = revision
        self.set_trait("problem", None)
        if going_on and not self.unfinished:
            self._update_picture()
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

    @handles("preset.use")
    def _use_preset(self, message: Message) -> None:
        self.set(**self._preset(message.meta.get("name")))

    @handles("code.get")
    def _get_code(self, message: Message) -> Reply:  # noqa: ARG002 - it has no arguments
        if not self.code:
            raise InputError("no_control", name=type(self).__name__, control="code")
        return {"pytorch": self.source()}, {}


Compute = Callable[[Any], tuple[dict[str, Any], Mapping[str, Array | Tensor]]]


def _one_at_a_time(compute: Compute) -> Compute:
    """Return a `compute` that waits for the one that runs: the picture asks for it, too."""

    @functools.wraps(compute)
    def alone(self: Explainer) -> tuple[dict[str, Any], Mapping[str, Array | Tensor]]:
        with self._computing:
            return compute(self)

    return alone


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
