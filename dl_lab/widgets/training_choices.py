"""TrainingChoices: two runs side by side that differ in one switch."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dl_lab import forks
from dl_lab.pictures.curves import ORANGE, TRAIN, Curve, svg
from dl_lab.protocol import Message
from dl_lab.theory.training_choices import (
    INITIALIZATIONS,
    OPTIMIZERS,
    PROBLEMS,
    SWITCHES,
    Choices,
    Loss,
    Pair,
    Recipe,
    Run,
    check_own,
    own_problem,
    problem,
)
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Flag, Number
from dl_lab.widgets.base.widget import handles

if TYPE_CHECKING:
    from torch import nn

_SECONDS = 0.025

_DIGITS = {"task": "digits", "optimizer": "SGD", "examples": 1400}


class TrainingChoices(Explainer):
    """Train two runs that differ in one choice, and see what it changes.

    Parameters
    ----------
    model
        Your own, of which each run trains a copy; None for `layers` hidden layers of `width` ReLUs.
    data
        Your own: ``(inputs, targets)``, of which a quarter is held back for the test, or
        ``((inputs, targets), (inputs, targets))``. None for `task`.
    loss
        ``loss(outputs, targets)``; None for cross-entropy, or squared error where targets are not
        whole numbers.
    switch
        What the second run has and the first has not: ``"initialization"``, ``"batch_norm"``,
        ``"dropout"``, ``"weight_decay"``, ``"early_stopping"`` or ``"augmentation"``.
    task
        ``"moons"``: two half circles of points, or ``"digits"``: 8×8 pixels.
    learning_rate, optimizer, batch_size, steps
        Of both runs.
    layers, width
        Hidden layers and their units.
    examples
        To train on, 20 to 1400.
    initialization
        Of the second run: ``"he"``, ``"xavier"``, ``"small"``: N(0, 0.01²), ``"large"``: N(0, 1),
        or ``"default"``, PyTorch's, which the first has.
    dropout
        The share of hidden units left out.
    weight_decay
        The optimizer's: with Adam and SGD L2, with AdamW decoupled from the gradient.
    patience
        Steps without a lower test loss after which a run stops.
    augmentation
        Of images, by which share of their size they are moved; else the noise that is added.
    running
        Whether they train.
    seed
        Of weights, order and dropout, the same for both.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        If a value is not allowed, or model, data and loss do not go together; the sentence says
        why.

    Examples
    --------
    >>> import dl_lab
    >>> explainer = dl_lab.TrainingChoices(switch="weight_decay", width=16, steps=20)
    >>> left, right = explainer.finish()
    >>> left.step, right.choices.weight_decay
    (20, 0.01)
    >>> explainer.close()
    """

    PRESETS: ClassVar = {
        "weight_decay": {"switch": "weight_decay"},
        "dropout": {"switch": "dropout"},
        "early_stopping": {"switch": "early_stopping"},
        "batch_norm": {
            **_DIGITS,
            "switch": "batch_norm",
            "layers": 6,
            "width": 64,
            "learning_rate": 0.1,
            "steps": 66,
        },
        "initialization": {
            **_DIGITS,
            "switch": "initialization",
            "layers": 10,
            "width": 128,
            "learning_rate": 0.05,
            "steps": 150,
        },
        "augmentation": {
            **_DIGITS,
            "switch": "augmentation",
            "optimizer": "Adam",
            "examples": 100,
            "learning_rate": 0.002,
            "augmentation": 0.1,
            "steps": 400,
        },
    }

    switch = Choice(SWITCHES, "weight_decay")
    task = Choice(PROBLEMS)
    learning_rate = Number(1e-4, 10, 0.01, log=True)
    layers = Number(1, 10, 2, whole=True)
    examples = Number(20, 1400, 60, whole=True, log=True)
    initialization = Choice(INITIALIZATIONS, group="drawn")
    dropout = Number(0.05, 0.9, 0.5, step=0.05, group="drawn")
    weight_decay = Number(1e-5, 1, 0.01, log=True, group="drawn")
    patience = Number(5, 200, 30, step=5, whole=True, group="drawn")
    augmentation = Number(0.05, 0.5, 0.2, step=0.05, group="drawn")
    width = Number(2, 256, 256, whole=True, group="advanced")
    optimizer = Choice(OPTIMIZERS, group="advanced")
    batch_size = Number(8, 128, 64, whole=True, group="advanced")
    steps = Number(10, 600, 500, step=10, whole=True, group="advanced")
    seed = Number(0, 9999, 0, step=None, whole=True, group="advanced")
    running = Flag(True, group="drawn")

    def __init__(
        self,
        model: nn.Module | None = None,
        data: Any = None,
        loss: Loss | None = None,
        **settings: Any,
    ) -> None:
        check_own(model)
        self._model, self._loss = model, loss
        self._own = None if data is None else own_problem(data, loss)
        self._pair: Pair | None = None
        # The view's thread trains too.
        self._turn = forks.opens(threading.RLock())
        self._made: dict[str, Any] = {}
        super().__init__(**settings)

    @property
    def pair(self) -> Pair:
        """The two runs of the present settings, as far as they have come."""
        wanted = {name: getattr(self, name) for name in self._SETTINGS}
        del wanted["language"], wanted["running"]
        if self._pair is None or wanted != self._made:
            self._pair = Pair(self.recipe(), self.switch, self.choices())
            self._made = wanted
        return self._pair

    def recipe(self) -> Recipe:
        """Return what both runs have in common."""
        train, test, loss = self._own or problem(self.task, self.examples)
        if self._own is not None:
            train = (train[0][: self.examples], train[1][: self.examples])
        return Recipe(
            train,
            test,
            self._loss or loss,
            self._model,
            layers=self.layers,
            width=self.width,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            steps=self.steps,
            seed=self.seed,
        )

    def choices(self) -> Choices:
        """Return what the second run does, as far as `switch` asks for it."""
        return Choices(
            self.initialization,
            batch_norm=True,
            dropout=self.dropout,
            weight_decay=self.weight_decay,
            patience=self.patience,
            augmentation=self.augmentation,
        )

    def finish(self) -> tuple[Run, Run]:
        """Train both to the end and return them."""
        with self._turn:
            pair = self.pair
            while not pair.done:
                pair.advance(1)
        self.refresh()
        return pair.left, pair.right

    def again(self) -> None:
        """Begin both runs anew."""
        with self._turn:
            self._pair = None
        self.running = True
        self.refresh()

    @handles("run.again")
    def _again(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self.again()

    def compute(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Train a little, and return what both runs have measured."""
        with self._turn:
            return self._computed_now()

    def _computed_now(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        pair = self.pair
        trained = self._ready and self.running and not pair.done
        if trained:
            pair.advance(_SECONDS)
        meta: dict[str, Any] = {"steps": self.steps, "done": pair.done, "sides": {}}
        meta["own"] = {"data": self._own is not None, "model": self._model is not None}
        arrays: dict[str, np.ndarray] = {}
        for name, run in (("left", pair.left), ("right", pair.right)):
            rows = np.array(run.rows, "f8")
            for column, what in enumerate(("step", "train", "test")):
                arrays[f"{name}_{what}"] = rows[:, column]
            signal, _ = run.signal()
            arrays[f"{name}_signal"] = np.array(signal, "f8")
            numbers = run.numbers()
            meta["sides"][name] = {
                **{key: value if np.isfinite(value) else None for key, value in numbers.items()},
                "best": run.best[0] if np.isfinite(run.best[0]) else None,
                "best_step": run.best[1],
                "stopped": run.stopped,
                "diverged": run.diverged,
            }
        self.unfinished = bool(self.running) and not pair.done
        return meta, arrays

    def source(self) -> str:
        """Return the second run in plain PyTorch."""
        norm = self.switch == "batch_norm"
        drop = self.dropout if self.switch == "dropout" else 0
        decay = self.weight_decay if self.switch == "weight_decay" else 0.0
        images = self.task == "digits"
        inputs, outputs = (64, 10) if images else (2, 1)
        block = [f"nn.Linear(into, {self.width})"]
        block += [f"nn.BatchNorm1d({self.width})"] if norm else []
        block += ["nn.ReLU()"] + ([f"nn.Dropout({drop!r})"] if drop else [])
        data = (
            f"x, y = torch.rand({self.examples}, 64), torch.randint(10, ({self.examples},))"
            if images
            else f"y = torch.randint(2, ({self.examples},)).float()\n"
            "x = torch.randn(len(y), 2) + 2 * y[:, None]"
        )
        loss = "cross_entropy(model(inputs), y[rows])"
        if not images:
            loss = "binary_cross_entropy_with_logits(model(inputs)[:, 0], y[rows])"
        noise = f" + {self.augmentation!r} * torch.randn_like(x[rows])"
        batch = "x[rows]" + (noise if self.switch == "augmentation" else "")
        return (
            "import torch\nfrom torch import nn\n\n"
            f"torch.manual_seed({self.seed})\n{data}  # your data\n"
            f"layers, into = [], {inputs}\nfor _ in range({self.layers}):\n"
            f"    layers += [{', '.join(block)}]\n    into = {self.width}\n"
            f"model = nn.Sequential(*layers, nn.Linear(into, {outputs}))\n"
            f"{self._initializing}"
            f"optimizer = torch.optim.{self.optimizer}(\n"
            f"    model.parameters(), {self.learning_rate!r}, weight_decay={decay!r}\n)\n"
            f"for step in range({self.steps}):\n"
            f"    rows = torch.randperm(len(x))[:{self.batch_size}]\n"
            "    optimizer.zero_grad()\n"
            f"    inputs = {batch}\n"
            f"    loss = nn.functional.{loss}\n"
            "    loss.backward()\n"
            "    optimizer.step()\n"
            f"{self._stopping}"
        )

    @property
    def _initializing(self) -> str:
        if self.switch != "initialization" or self.initialization == "default":
            return ""
        how = {
            "he": "kaiming_normal_(layer.weight, nonlinearity='relu')",
            "xavier": "xavier_uniform_(layer.weight)",
            "small": "normal_(layer.weight, 0, 0.01)",
            "large": "normal_(layer.weight, 0, 1)",
        }[self.initialization]
        return (
            "for layer in model:\n    if isinstance(layer, nn.Linear):\n"
            f"        nn.init.{how}\n        nn.init.zeros_(layer.bias)\n"
        )

    @property
    def _stopping(self) -> str:
        if self.switch != "early_stopping":
            return ""
        return (
            "    # test_loss: of data held back\n"
            "    test_loss = loss.item()\n"
            "    if step == 0 or test_loss < best:\n"
            "        best, at = test_loss, step\n"
            "        kept = {name: one.clone() for name, one in model.state_dict().items()}\n"
            f"    elif step - at >= {self.patience}:\n        break\n"
            "model.load_state_dict(kept)\n"
        )

    def picture(self) -> str:
        """Return the test losses as SVG, for the saved notebook."""
        words = self.words()
        with self._turn:
            pair = self.pair
        curves = []
        for run, name, colour in ((pair.left, "without", TRAIN), (pair.right, "with", ORANGE)):
            rows = np.array(run.rows, "f8")
            curves.append(Curve(rows[:, 0], rows[:, 2], words[name], colour))
        title = f"{words['title']}: {words[f'switch_{self.switch}']}"
        return svg(
            title,
            curves,
            x_label=words["axis_step"],
            y_label=words["axis_test"],
            nothing=words["nothing"],
            identifier=self._mark,
        )
