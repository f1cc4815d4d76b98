"""TensorFlow Playground on a real PyTorch module in the kernel."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from typing import TYPE_CHECKING, Any

import traitlets

from dl_lab.data.toy import DATA_SETS, Points
from dl_lab.errors import InputError, whole
from dl_lab.nets.dense import ACTIVATIONS
from dl_lab.nets.features import FEATURES
from dl_lab.nets.source import source
from dl_lab.protocol import Message
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.attended import AttendedWidget
from dl_lab.widgets.base.speed import Rate
from dl_lab.widgets.base.traits import Choice, Choices, Flag, Number, Sizes
from dl_lab.widgets.base.widget import Reply, handles, sentence, weakly
from dl_lab.widgets.playground.experiment import Data, Experiment
from dl_lab.widgets.playground.settings import choices

if TYPE_CHECKING:
    from torch import nn

MOST_EPOCHS = 1_000_000

_DATA = frozenset({"data", "problem", "noise", "train_ratio"})
_NETWORK = frozenset({"features", "hidden", "activation"})


class Playground(AttendedWidget):
    """Build a small network by clicking, train it, and watch every unit of it learn.

    All of TensorFlow Playground with a real `torch.nn.Module` behind it. Training runs in a
    background thread; each setting is also an attribute, and either way of changing one shows in
    the other. Changing the data or the network's shape starts again at epoch 0, as the original
    does; learning rate, batch size, regularization and speed change in mid-run.

    Parameters
    ----------
    data
        ``"circle"``, ``"xor"``, ``"gauss"`` or ``"spiral"`` (classification, 500 points),
        ``"plane"`` or ``"gauss"`` (regression, 1200 points). None is the problem's first.
    problem
        ``"classification"``: targets -1 and 1, the output a tanh. ``"regression"``: targets in
        [-1, 1], the output linear.
    noise
        0 to 50, percent.
    train_ratio
        Share of the points to train on, 0.1 to 0.9; the others are the test data.
    batch_size
        Points in one update, 1 to 30. What is left at the end of an epoch joins the next epoch's
        first update, as in the original.
    features
        Inputs of the network: some of ``"x"``, ``"y"``, ``"x2"``, ``"y2"``, ``"xy"``, ``"sin_x"``,
        ``"sin_y"``.
    hidden
        Neurons of each hidden layer: up to 8 layers of 1 to 16.
    activation
        Of the hidden layers: ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"linear"``.
    learning_rate
        Of gradient descent, 1e-5 to 10.
    regularization
        None, ``"L1"`` or ``"L2"``, on weights only, never biases.
    regularization_rate
        0 to 10.
    seed
        Of data and weights. The same settings and the same calls give the same numbers.
    shuffle
        Whether each epoch draws a new order of the points. False, as in the original, keeps the
        data's.
    speed
        Epochs for each frame that is drawn (25 a second), 1 to 1000; None trains as fast as it can.
    show_test
        Whether test points are drawn.
    discretize
        Whether the output is drawn as its sign.
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
        If a value is not allowed; the sentence says what is. Nothing has changed then.

    References
    ----------
    .. [1] D. Smilkov, S. Carter et al., "Direct-manipulation visualization of deep networks", 2017,
       https://arxiv.org/abs/1708.03788

    Examples
    --------
    >>> import dl_lab
    >>> pg = dl_lab.Playground(data="xor", hidden=(4,), seed=1)
    >>> pg.step(epochs=20)
    >>> pg.trainer.epoch
    20
    >>> pg.model(pg.test_data[0]).shape
    torch.Size([250])
    >>> pg.close()
    """

    data = Choice(dict.fromkeys(name for names in DATA_SETS.values() for name in names))
    problem = Choice(DATA_SETS)
    noise = Number(0, 50)
    train_ratio = Number(0.1, 0.9)
    batch_size = Number(1, 30, whole=True)
    features = Choices(FEATURES)
    hidden = Sizes(most=8, low=1, high=16)
    activation = Choice(ACTIVATIONS)
    learning_rate = Number(1e-5, 10)
    regularization = Choice((None, "L1", "L2"))
    regularization_rate = Number(0, 10)
    seed = Number(0, 2**31 - 1, whole=True)
    shuffle = Flag()
    speed = Number(1, 1000, whole=True, optional=True)
    show_test = Flag()
    discretize = Flag()

    choices = traitlets.Dict(read_only=True).tag(sync=True)
    state = traitlets.Unicode("idle", read_only=True).tag(sync=True)
    message = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)

    def __init__(
        self,
        data: str | None = None,
        problem: str = "classification",
        noise: float = 0,
        train_ratio: float = 0.5,
        batch_size: int = 10,
        features: tuple[str, ...] = ("x", "y"),
        hidden: tuple[int, ...] = (4, 2),
        activation: str = "tanh",
        learning_rate: float = 0.03,
        regularization: str | None = None,
        regularization_rate: float = 0.0,
        seed: int = 0,
        shuffle: bool = False,
        *,
        speed: int | None = None,
        show_test: bool = False,
        discretize: bool = False,
        language: str | None = None,
        **unknown: object,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in self._SETTINGS}
        if data is None:
            del given["data"]
        self._refuse(unknown)
        self._data_of = {name: names[0] for name, names in DATA_SETS.items()}
        settings = self._checked(given)
        self._draws = {"data": 0, "weights": 0}
        self._data = Data.draw(settings, 0)
        self._experiment = Experiment(settings, self._data, 0)
        self._rate = Rate()
        super().__init__(**settings)
        self.set_trait("choices", choices(self.traits()))
        self._follow(self._experiment)
        self._be_ready()

    # -- settings

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        settings = (self.settings if self._ready else {}) | self._validated(changes)
        problem = settings["problem"]
        if "data" not in changes:
            settings["data"] = self._data_of[problem]
        if settings["data"] not in DATA_SETS[problem]:
            raise InputError.unknown("data", settings["data"], DATA_SETS[problem])
        self._data_of[problem] = settings["data"]
        return settings

    def _apply(self, changed: AbstractSet[str]) -> None:
        if changed & (_DATA | _NETWORK | {"seed"}):
            if "seed" in changed:
                self._draws = {"data": 0, "weights": 0}
            if changed & (_DATA | {"seed"}):
                self._data = Data.draw(self.settings, self._draws["data"])
            self._replace_experiment()
        else:
            self._experiment.tune(self.settings)
            self._channel.touch()

    def _replace_experiment(self) -> None:
        old, self._experiment = (
            self._experiment,
            Experiment(self.settings, self._data, self._draws["weights"]),
        )
        old.close()
        self._follow(self._experiment)

    def _follow(self, experiment: Experiment) -> None:
        # The trainer's thread is not what keeps a widget.
        experiment.trainer.on_change(partial(weakly(self._show_state), experiment))
        self._show_state(experiment)

    def _show_state(self, experiment: Experiment) -> None:
        if experiment is self._experiment:
            state = experiment.trainer.state
            problem = experiment.trainer.message
            self.set_trait("state", "paused" if state == "finished" else state)
            self.set_trait("message", None if problem is None else sentence(problem))
            self._channel.touch()

    # -- from Python

    @property
    def model(self) -> nn.Module:
        """The network itself: points [n, 2] in, outputs [n] out; another after each `reset`."""
        return self._experiment.model

    @property
    def trainer(self) -> Trainer:
        """The Trainer that the buttons drive; another after each `reset`."""
        return self._experiment.trainer

    @property
    def train_data(self) -> Points:
        """Points [n, 2] and targets [n], float32."""
        return self._data.toy.train

    @property
    def test_data(self) -> Points:
        """Points [n, 2] and targets [n], float32."""
        return self._data.toy.test

    def play(self) -> None:
        """Train in the background until `pause`."""
        self.trainer.start()

    def pause(self) -> None:
        """Stop after the step that is being done; returns when it is."""
        self.trainer.pause()

    def step(self, epochs: int = 1) -> None:
        """Train some epochs and return when they are done.

        Raises
        ------
        InputError
            If `epochs` is not a whole number from 1 to 1,000,000.
        """
        more = whole("epochs", epochs, 1, MOST_EPOCHS)
        self.trainer.pause()
        self.trainer.fit(more)

    def reset(self) -> None:
        """Draw new weights and start again at epoch 0."""
        with self._lock:
            self._draws["weights"] += 1
            self._replace_experiment()

    def rewind(self) -> None:
        """Go back to epoch 0 with the same initial weights."""
        self.trainer.reset()
        self._channel.touch()

    def regenerate(self) -> None:
        """Draw new points of the same kind; the weights stay."""
        with self._lock:
            self._draws["data"] += 1
            self._data = Data.draw(self.settings, self._draws["data"])
            self._experiment.use(self._data, self.settings)
            self._channel.touch()

    def refresh(self) -> None:
        """Show the module as it is now, after other code has changed its weights."""
        self._channel.touch()

    def source(self) -> str:
        """Return this network and its training loop as plain PyTorch."""
        return source(self.model, **self._experiment.training_settings())

    def cell(self) -> str:
        """Return a notebook cell that makes a Playground with these settings."""
        parameters = inspect.signature(type(self)).parameters
        defaults = {name: parameters[name].default for name in self._SETTINGS}
        defaults["data"] = DATA_SETS[self.problem][0]
        arguments = ", ".join(
            f"{name}={value!r}" for name, value in self.settings.items() if value != defaults[name]
        )
        return f"import dl_lab\n\npg = dl_lab.Playground({arguments})\npg"

    def on_close(self) -> None:
        """End training and its thread."""
        self._experiment.close()

    # -- for the views

    def is_streaming(self) -> bool:
        """Whether it trains."""
        return self.trainer.state == "running"

    def on_deserted(self) -> None:
        """Pause when the last view is gone for good."""
        # The cell ran again or its output was cleared: no one could ever press pause.
        self.trainer.abandon(InputError("view_gone"))

    def driven(self) -> tuple[Trainer, ...]:
        """Return the trainer that the buttons drive."""
        return (self.trainer,)

    def on_stream_failed(self, error: Exception) -> None:
        """Tell in the widget why it could not be drawn."""
        super().on_stream_failed(error)
        self.set_trait("message", sentence(error))

    def compose(self, *, touched: bool) -> Message | None:
        """Draw the network as it is now."""
        experiment = self._experiment
        picture = experiment.picture()
        self._rate.see(experiment.revision, picture.epoch)
        if not touched and self._rate.steady:
            return None
        meta = {
            "epoch": picture.epoch,
            "data": experiment.data.revision,
            "network": experiment.revision,
            "features": experiment.features,
            "hidden": experiment.hidden,
            "activation": experiment.activation,
            "output": experiment.output,
            "epochs_per_second": self._rate.epochs_per_second if self.is_streaming() else 0.0,
        }
        return Message("frame.show", meta, picture.arrays)

    def introduce(self, have: Mapping[str, Any]) -> Reply:
        """Give a new view the points it lacks and the features' heat maps."""
        meta, arrays = self._points() if have.get("data") != self._data.revision else ({}, {})
        return meta, {**arrays, "features": self._experiment.features_grid()}

    @handles("data.get")
    def _get_data(self, message: Message) -> Reply:  # noqa: ARG002 - every answer's signature
        return self._points()

    def _points(self) -> Reply:
        data = self._data
        (train_points, train_targets), (test_points, test_targets) = data.toy.train, data.toy.test
        arrays = {
            "train_points": train_points.numpy(),
            "train_targets": train_targets.numpy(),
            "test_points": test_points.numpy(),
            "test_targets": test_targets.numpy(),
        }
        return {"data": data.revision, "problem": data.toy.problem}, arrays

    @handles("settings.set", waits=True)
    def _set_settings(self, message: Message) -> None:
        super()._set_settings(message)

    @handles("trainer.play", waits=True)
    def _play(self, message: Message) -> None:  # noqa: ARG002
        self.play()

    @handles("trainer.pause", waits=True)
    def _pause(self, message: Message) -> None:  # noqa: ARG002
        self.pause()

    @handles("trainer.step", waits=True)
    def _step(self, message: Message) -> None:
        self.trainer.pause()
        self.trainer.start(whole("epochs", message.meta.get("epochs", 1), 1, MOST_EPOCHS))

    @handles("trainer.reset", waits=True)
    def _reset(self, message: Message) -> None:  # noqa: ARG002
        self.reset()

    @handles("trainer.rewind", waits=True)
    def _rewind(self, message: Message) -> None:  # noqa: ARG002
        self.rewind()

    @handles("data.regenerate", waits=True)
    def _regenerate(self, message: Message) -> None:  # noqa: ARG002
        self.regenerate()

    @handles("parameter.set", waits=True)
    def _set_parameter(self, message: Message) -> None:
        experiment, meta = self._experiment, message.meta
        if meta.get("network") != experiment.revision:
            raise InputError("stale_network")
        experiment.set_parameter(meta.get("index"), meta.get("value"))
        self._channel.touch()

    @handles("code.get")
    def _get_code(self, message: Message) -> Reply:  # noqa: ARG002
        return {"cell": self.cell(), "pytorch": self.source()}, {}
