"""CostExplorer: how hard each cost function pulls on a right, a wrong and a very wrong answer."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError, shown
from dl_lab.pictures.curves import ORANGE, Curve, svg
from dl_lab.theory.costs.classes import CLASS_COSTS, ClassCost, class_pull, example
from dl_lab.theory.costs.curve import OwnCost, pull, wants_classes
from dl_lab.theory.costs.outlier import NAMES, REACH, Fitting, points
from dl_lab.theory.costs.pairs import PAIR_COSTS, pair_pull
from dl_lab.theory.costs.source import (
    classes_source,
    outlier_source,
    pairs_source,
    prediction_source,
)
from dl_lab.theory.costs.table import COSTS, Cost
from dl_lab.theory.own import looking, name_of
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Chosen, Number, Numbers, Setting

_LOGITS = (2.0, 1.0, 0.0, -1.0)
_STEPS = 20
"""Of the training of lines, between two pictures."""
_VALUES = ("delta", "tau", "variance", "gamma", "smoothing", "margin")


class CostExplorer(Explainer):
    """See how hard each cost function pulls on a right, a wrong and a very wrong answer.

    Parameters
    ----------
    own
        A cost of your own beside those of `torch.nn.functional`: a function or module of
        (predictions, targets), such as ``nn.HuberLoss(delta=2)``. Of floats it is drawn over one
        prediction and fits a line; of (logits, class indices) it is among the classes.
    task
        ``"prediction"``: a cost over one number; ``"classes"``: of the logits of several classes;
        ``"outlier"``: lines fitted to points, one of them far out; ``"pairs"``: ranking and
        contrastive costs of points in a plane.
    cost, compared
        Of one prediction: the one that is explained, and others beside it; None is your own.
    target
        What the prediction should be, -3 to 3.
    output
        The activation of the output: ``"identity"``, ``"sigmoid"`` or ``"tanh"``.
    class_cost
        Of several classes; None is your own.
    logits
        2 to 10 of them, each from -8 to 8.
    right
        The right class, from 0; with fewer classes the last of them.
    smoothing, weights, gamma
        Label smoothing; what each class counts, 0 to 10, those without a weight 1; how little easy
        examples count (focal).
    delta, tau, variance
        From where Huber is straight, which quantile, the variance of the Gaussian.
    outlier
        Where the point is that does not fit, (x, y).
    pair_cost, margin
        Of three points, and how far apart they should be.
    anchor, positive, negative
        Where they are, (x, y) from -3 to 3.
    seed
        Of the points of the line.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        A setting that is not allowed, or a cost that fails or returns no number.

    Examples
    --------
    >>> import dl_lab
    >>> explorer = dl_lab.CostExplorer(cost="MSE", compared=["BCE"], output="sigmoid", target=1)
    >>> _, arrays = explorer.compute()
    >>> weak, strong = arrays["arriving"][:, 40]  # at z = -5
    >>> round(float(strong / weak))
    75
    >>> explorer.close()
    """

    PRESETS: ClassVar = {
        "stalls": {"cost": "MSE", "compared": ("BCE",), "output": "sigmoid", "target": 1.0},
        "outlier": {"task": "outlier", "outlier": (2.0, -3.5)},
        "sure": {"task": "classes", "logits": (6.0, 0.0, 0.0, 0.0), "smoothing": 0.2},
        "apart": {"task": "pairs", "negative": (1.2, -0.3)},
    }

    task = Choice(("prediction", "classes", "outlier", "pairs"), group="drawn")
    cost = Choice((None, *COSTS), "MSE", group="drawn")
    compared = Chosen(COSTS, ("BCE",), most=4, group="drawn")
    output = Choice(("identity", "sigmoid", "tanh"), "sigmoid", group="drawn")
    target = Number(-3, 3, 1.0, step=0.1, group="drawn")
    class_cost = Choice((None, *CLASS_COSTS), "CrossEntropy", group="drawn")
    logits = Numbers(2, 10, -8, 8, _LOGITS)
    right = Number(0, 9, 0, whole=True, group="drawn")
    smoothing = Number(0, 0.5, 0.0, step=0.01, group="drawn")
    weights = Numbers(0, 10, 0, 10, ())
    gamma = Number(0, 5, 2.0, step=0.1, group="drawn")
    delta = Number(0.1, 3, 1.0, step=0.1, group="drawn")
    tau = Number(0.05, 0.95, 0.9, step=0.05, group="drawn")
    variance = Number(0.1, 5, 1.0, step=0.1, group="drawn")
    outlier = Numbers(2, 2, -4, 4, (2.0, -3.0))
    pair_cost = Choice(PAIR_COSTS, group="drawn")
    margin = Number(0.1, 2, 1.0, step=0.1, group="drawn")
    anchor = Numbers(2, 2, -3, 3, (0.5, 0.5))
    positive = Numbers(2, 2, -3, 3, (2.0, 1.0))
    negative = Numbers(2, 2, -3, 3, (-0.5, 1.5))
    seed = Number(0, 999, 0, step=None, whole=True, group="points")

    def __init__(self, own: OwnCost | nn.Module | None = None, **settings: Any) -> None:
        self._own = own
        self._of_classes = False
        self._fitting: Fitting | None = None
        self._asked: tuple[object, ...] = ()
        if isinstance(own, type) or not (own is None or callable(own)):
            raise InputError("cost_not", given=shown(own))
        if own is not None:
            with looking(own):
                self._of_classes = wants_classes(own)
            task, name = ("classes", "class_cost") if self._of_classes else ("prediction", "cost")
            settings = {"task": task, name: None, **settings}
        super().__init__(**settings)

    def _offer(self, setting: Setting) -> dict[str, Any]:
        offered = super()._offer(setting)
        if setting.name in self._without_own():
            offered["allowed"] = [value for value in offered["allowed"] if value is not None]
        return offered

    def _without_own(self) -> set[str]:
        """Return the settings that cannot be a cost of one's own."""
        mine = set() if self._own is None else {"class_cost" if self._of_classes else "cost"}
        return {"cost", "class_cost"} - mine

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        settings = super()._checked(changes)
        for name in self._without_own():
            if settings.get(name, "") is None:
                raise InputError.unknown(name, None, CLASS_COSTS if "class" in name else COSTS)
        return settings

    def compute(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return what the task shows; `docs/protocol.md` has what that is."""
        self.unfinished = False
        task = self.task  # which may change meanwhile
        with contextlib.nullcontext() if self._own is None else looking(self._own):
            meta, arrays = getattr(self, f"_{task}")()
        own = None if self._own is None else name_of(self._own)
        values = {name: getattr(self, name) for name in _VALUES}
        values["cosine"] = min(self.margin, 1.0)
        return {"task": task, "own": own, "values": values, **meta}, arrays

    def _prediction(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        names = list(dict.fromkeys((self.cost, *self.compared)))
        if self._own is not None and not self._of_classes and None not in names:
            names.append(None)
        pulls = [
            pull(
                self._cost(name),
                self.target,
                self.settings,
                self.output,
            )
            for name in names
        ]
        counting = {key for name in names if name is not None for key in COSTS[name].settings}
        if any(name is None or COSTS[name].of == "prediction" for name in names):
            counting.add("output")
        told = [self._told(name) for name in names]
        meta = {
            "told": told[0],
            "names": [one["name"] for one in told],
            "targets": [one["target"] for one in told],
            "counting": sorted(counting | {"cost", "target"}),
        }
        arrays = {"z": pulls[0].z}
        for part in ("prediction", "value", "gradient", "arriving"):
            arrays[part] = torch.stack([getattr(one, part) for one in pulls])
        return meta, arrays

    def _cost(self, name: str | None) -> Cost | OwnCost:
        if name is None:
            assert self._own is not None  # noqa: S101 - else the setting could not be None
            return self._own
        return COSTS[name]

    def _told(self, name: str | None) -> dict[str, Any]:
        if name is None:
            told = {"name": name_of(self._own), "target": self.target, "of": "prediction"}
            return {**told, "formula": None, "derivative": None, "code": None}
        known = COSTS[name]
        return {
            "name": name,
            "target": known.allowed(self.target),
            "of": known.of,
            "formula": known.formula,
            "derivative": known.derivative,
            "code": known.line.format(**self.settings),
        }

    @property
    def _right(self) -> int:
        """The right class, of those that there are."""
        return min(int(self.right), len(self.logits) - 1)

    def _classes(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        logits = self.logits
        right = min(int(self.right), len(logits) - 1)
        one = example(
            logits,
            right,
            smoothing=self.smoothing,
            weights=self.weights,
            gamma=self.gamma,
        )
        costs: dict[str | None, ClassCost | OwnCost] = dict(CLASS_COSTS.items())
        if self._own is not None and self._of_classes:
            costs[None] = self._own
        pulls = {name: class_pull(cost, one) for name, cost in costs.items()}
        chosen = self.class_cost
        if chosen is None:
            told: dict[str, Any] = {"name": name_of(self._own), "formula": None, "code": None}
        else:
            known = CLASS_COSTS[chosen]
            code = known.line.format(**self.settings)
            told = {"name": chosen, "formula": known.formula, "code": code}
        counting = () if chosen is None else CLASS_COSTS[chosen].settings
        meta = {
            "told": told,
            "right": right,
            "counting": ["class_cost", *counting],
            "names": [name_of(self._own) if name is None else name for name in pulls],
            "chosen": list(pulls).index(chosen),
        }
        arrays = {
            "weights": one.weights,
            "probabilities": one.logits.softmax(1)[0],
            "target": one.target[0],
            "gradients": torch.stack([found.gradient for found in pulls.values()]),
            "costs": torch.tensor([found.value for found in pulls.values()], dtype=torch.float64),
        }
        return meta, arrays

    def _outlier(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        x, y = points(self.outlier, self.seed)
        own = {} if self._own is None or self._of_classes else {name_of(self._own): self._own}
        asked = (self.outlier, self.seed, self.delta, self.tau)
        if self._fitting is None or asked != self._asked:
            # The lines go on from where they are, as one drags.
            lines = None if self._fitting is None else self._fitting.lines
            self._fitting = Fitting(x, y, self.settings, own, lines)
            self._asked = asked
        fitting = self._fitting
        fitting.advance(_STEPS)
        self.unfinished = not fitting.done
        meta = {"names": [*NAMES, *own], "counting": ["delta", "tau"], "reach": REACH}
        return meta, {"x": x, "y": y, "lines": fitting.lines, "costs": fitting.costs[-1]}

    def _pairs(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        places = (self.anchor, self.positive, self.negative)
        pulls = {name: pair_pull(name, places, self.margin) for name in PAIR_COSTS}
        known = PAIR_COSTS[self.pair_cost]
        values = {"margin": self.margin, "cosine": min(self.margin, 1.0)}
        meta = {
            "told": {
                "name": self.pair_cost,
                "formula": known.formula,
                "code": known.line.format(**values),
            },
            "names": list(pulls),
            "chosen": list(pulls).index(self.pair_cost),
            "counting": ["pair_cost", "margin"],
        }
        arrays = {
            "gradients": torch.stack([found.gradient for found in pulls.values()]),
            "costs": torch.tensor([found.value for found in pulls.values()], dtype=torch.float64),
        }
        return meta, arrays

    def source(self) -> str:
        """Return the same in plain PyTorch."""
        settings = {**self.settings, "right": self._right}
        settings["weights"] = example(
            self.logits, self._right, weights=self.weights
        ).weights.tolist()
        if self.task == "pairs":
            return pairs_source(settings)
        write = {
            "prediction": prediction_source,
            "classes": classes_source,
            "outlier": outlier_source,
        }[self.task]
        return write(settings, None if self.task == "outlier" and self._of_classes else self._own)

    def picture(self) -> str:
        """Return the costs over one prediction, or the fitted lines, as SVG."""
        words, (meta, arrays) = self.words(), self.compute()
        return _picture(words, meta, arrays, self._mark)


def _picture(
    words: dict[str, str], meta: dict[str, Any], arrays: dict[str, Tensor], identifier: str
) -> str:
    """Draw what a curve can show: a cost and its gradient, lines, or a gradient by class."""
    title = f"{words['title']} · {words['task_' + meta['task']]}"
    if meta["task"] == "prediction":
        z, told = arrays["z"].numpy(), meta["told"]
        curves = [
            Curve(z, arrays["value"][0].numpy(), told["name"]),
            Curve(z, arrays["arriving"][0].numpy(), "dC/dz", ORANGE),
        ]
        return svg(title, curves, x_label="z", y_label="C", y_range=(-2, 5), identifier=identifier)
    if meta["task"] == "outlier":
        ends = torch.tensor([-meta["reach"], meta["reach"]], dtype=torch.float64)
        curves = [
            Curve(ends.numpy(), (line[0] + line[1] * ends).numpy(), name)
            for name, line in zip(meta["names"], arrays["lines"], strict=True)
        ]
        return svg(title, curves, x_label="x", y_label="y", identifier=identifier)
    by = torch.arange(arrays["gradients"].shape[1], dtype=torch.float64)
    gradient = arrays["gradients"][meta["chosen"]]
    flat = gradient if gradient.ndim == 1 else gradient.norm(dim=1)
    curves = [Curve(by.numpy(), flat.numpy(), meta["told"]["name"])]
    return svg(title, curves, x_label=words["part"], y_label="|dC|", identifier=identifier)
