"""Backprop: a function as a graph of operations, with a value and a gradient on each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from time import monotonic
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets
from torch import Tensor

from dl_lab.errors import InputError, number, whole
from dl_lab.pictures.chart import number as number_text
from dl_lab.pictures.graph import Box, picture
from dl_lab.protocol import Array, Message
from dl_lab.theory.backprop import (
    Node,
    Passes,
    Problem,
    check,
    difference_quotient,
    passes,
    terms,
    train,
)
from dl_lab.theory.backprop_given import given_problem
from dl_lab.theory.backprop_presets import PRESETS as EXAMPLES
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Number
from dl_lab.widgets.base.widget import handles

BUDGET = 0.025
"""Seconds of training between two pictures."""

MOST_TERMS = 6
"""Products of the chain rule that are told one by one: the largest."""

MOST_UPDATES = 12
"""Numbers of which a training step is told one by one: the first."""

_LARGEST_VALUE = 1e6


class Backprop(Explainer):
    """Follow a gradient back through every operation of a function, in numbers.

    Every value can be edited, and all others follow. Nothing is written into the network or the
    tensors that are given: edits and training steps stay in the widget.

    Parameters
    ----------
    function, inputs
        What is differentiated, and what it is called with: a network with inputs and targets,
        ``Backprop(model, x, y)``; any function of tensors that returns one number,
        ``Backprop(function, 0.6, [1.0, 2.0])``; or an expression, ``Backprop("a * b", 2, 1)``.
        Up to 60 operations, of up to 2,048 numbers each.
    loss
        Called as ``loss(output, targets)``; by default the cross-entropy where the targets of a
        network are whole numbers, else the mean squared error.
    example
        ``"neuron"``, ``"shared"`` (a number that is used twice), ``"lines_11_first"`` and
        ``"lines_11"`` (Trask's network in 11 lines of Python [1]_), ``"lines_13"`` [2]_, ``"xor"``
        or ``"softmax"``; None is the function that was given.
    learning_rate
        Of a training step, 0.001 to 1000.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        The function fails, returns more than one number, is too large to draw, or a value is not
        allowed.

    References
    ----------
    .. [1] https://iamtrask.github.io/2015/07/12/basic-python-network/
    .. [2] https://iamtrask.github.io/2015/07/27/python-network-part2/

    Examples
    --------
    >>> import dl_lab
    >>> backprop = dl_lab.Backprop("(a + b) * (b + 1)", 2, 1)
    >>> backprop.gradients["b"]
    tensor(5., dtype=torch.float64)
    >>> backprop.edit("b", 0)
    >>> backprop.gradients["b"]
    tensor(3., dtype=torch.float64)
    >>> backprop.close()
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, object]]] = {
        name: {"example": name, "learning_rate": EXAMPLES[name].rate}
        for name in ("shared", "lines_11", "softmax")
    }

    example = Choice((*EXAMPLES, None))
    learning_rate = Number(1e-3, 1000, 0.5, step=None)
    running = traitlets.Bool(False, read_only=True).tag(sync=True)

    _values: dict[str, Tensor]
    _added: dict[int, Tensor]
    """What was added to results, by `Node.noted`."""
    _found: Passes | None
    _before: tuple[dict[str, Tensor], dict[str, Tensor], float] | None
    """Weights before the last step, their gradients, and its learning rate."""
    _chosen: tuple[str, int] | None
    """The number that is looked at; None is the first weight's first."""

    def __init__(
        self,
        function: object = None,
        *inputs: object,
        loss: Callable[[Any, Tensor], Tensor] | None = None,
        **settings: Any,
    ) -> None:
        self._given = None if function is None else given_problem(function, inputs, loss)
        if self._given is not None:
            check(self._given)
            settings.setdefault("example", None)
        chosen = settings.get("example", "neuron")
        if chosen is None or chosen in EXAMPLES:
            self._begin(self._problem_of(chosen))
            settings.setdefault("learning_rate", self._problem.rate)
        super().__init__(**settings)

    @property
    def values(self) -> dict[str, Tensor]:
        """All numbers by their names, as they are now: inputs, weights, results."""
        return {node.name: node.value.clone() for node in self._look().nodes}

    @property
    def gradients(self) -> dict[str, Tensor]:
        """The gradient with respect to each that has one, by the same names."""
        nodes = self._look().nodes
        return {one.name: one.gradient.clone() for one in nodes if one.gradient is not None}

    @property
    def iteration(self) -> int:
        """How many training steps have been done."""
        return self._iteration

    def edit(self, name: str, value: float, at: int = 0) -> None:
        """Put a number in place of another; all that depends on it follows.

        Parameters
        ----------
        name
            Of an input, a weight or a result. To a result what it lacks is added as a constant, so
            that it still follows what it is computed from.
        value
            From -1e6 to 1e6.
        at
            Which of its numbers, counted row by row.

        Raises
        ------
        InputError
            There is no such number, or it cannot have this value.
        """
        value = number("value", value, -_LARGEST_VALUE, _LARGEST_VALUE)
        with self._lock:
            node, at = self._find(name, at)
            if not node.value.is_floating_point():
                raise InputError("backprop_fixed", name=name)
            edited = node.value.clone()
            edited.view(-1)[at] = value
            before = self._values, self._added
            if node.name in self._values:
                self._values = {**self._values, node.name: edited}
            else:
                more = self._added.get(node.noted, 0) + edited - node.value
                self._added = {**self._added, node.noted: more}
            self._found = None
            try:
                self._look()
            except InputError:
                self._values, self._added = before
                raise
            self._edited.add(name)
        self.refresh()

    def step(self, steps: int = 1) -> None:
        """Do steps of gradient descent; edited results are computed again from here on.

        Raises
        ------
        InputError
            `steps` is no whole number from 1 to 1,000,000, or the function fails.
        """
        steps = whole("steps", steps, 1, 1_000_000)
        with self._lock:
            self._train(steps)
        self.refresh()

    def reset(self) -> None:
        """Put back the numbers of the beginning."""
        with self._lock:
            self.set_trait("running", False)
            self._begin(self._problem)
        self.refresh()

    def compute(self) -> tuple[dict[str, Any], Mapping[str, Array | Tensor]]:
        """Return the graph and its numbers, one after the other in the order of its nodes."""
        with self._lock:
            try:
                if self.running:
                    self._train_on()
                found = self._look()
            except InputError:  # a function may do so at some numbers alone
                self.set_trait("running", False)
                raise
            self.unfinished = self.running
            updates = self._updates()
            meta = {
                "nodes": [self._described(node) for node in found.nodes],
                "output": found.output,
                "iteration": self._iteration,
                "iterations": self._problem.iterations,
                "error": self._error(found),
                "chosen": self._chain(found),
                "updates": [[name, at] for name, at, *_ in updates],
                "stepped": self._before is not None,
            }
            gradients = [one.gradient for one in found.nodes if one.gradient is not None]
            ways = [edge.gradient for node in found.nodes for edge in node.edges]
            return meta, {
                "values": _joined([node.value for node in found.nodes]),
                "gradients": _joined(gradients),
                "ways": _joined([one for one in ways if one is not None]),
                "updates": np.array([one[2:] for one in updates], "f4").reshape(-1, 3),
            }

    def source(self) -> str:
        """Return the same in plain PyTorch."""
        if self.example is not None:
            return EXAMPLES[self.example].source(self._values, self.learning_rate)
        return (
            "# function, inputs and weights: as you gave them\n"
            "# loss = function(*inputs)\n"
            "# loss.backward()\n"
            "# print(weight.grad)\n"
            f"# weight.data -= {self.learning_rate!r} * weight.grad  # one training step\n"
        )

    def picture(self) -> str:
        """Return the graph with its values and gradients as SVG, for the saved notebook."""
        words, boxes = self.words(), []
        try:
            nodes = self._look().nodes
        except InputError as error:  # a function may fail at some numbers alone
            return picture(f"{words['title']} · {error}", [], "", self._mark)
        for node in nodes:
            value = f" = {number_text(float(node.value))}" if node.value.numel() == 1 else ""
            detail = " × ".join(map(str, node.value.shape)) or node.operation
            if node.gradient is not None and node.value.numel() == 1:
                detail = words["saved_gradient"].format(value=number_text(float(node.gradient)))
            sources = tuple(edge.source for edge in node.edges)
            boxes.append(Box(f"{node.name}{value}", detail, sources, late=not sources))
        chosen = words[f"example_{self.example or 'none'}"]
        title = f"{words['title']} · {chosen}"
        return picture(title, boxes, words["saved_more"], self._mark)

    # -- what is shown

    def on_stream_failed(self, error: Exception) -> None:
        """Stop training on what cannot be computed."""
        self.set_trait("running", False)
        super().on_stream_failed(error)

    def _problem_of(self, chosen: str | None) -> Problem:
        if chosen is not None:
            return EXAMPLES[chosen].problem()
        if self._given is None:
            raise InputError("backprop_nothing")
        return self._given

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        settings = super()._checked(changes)
        if settings.get("example", "") != self.example and "example" in settings and self._ready:
            settings.setdefault("learning_rate", self._problem_of(settings["example"]).rate)
        return settings

    def _apply(self, changed: AbstractSet[str]) -> None:
        if "example" in changed:
            self.set_trait("running", False)
            self._begin(self._problem_of(self.example))
        super()._apply(changed)

    def _begin(self, problem: Problem) -> None:
        self._problem = problem
        self._values = dict(problem.values)
        self._added = {}
        self._edited: set[str] = set()
        self._found = None
        self._iteration = 0
        self._before = None
        self._chosen = None

    def _look(self) -> Passes:
        with self._lock:
            if self._found is None:
                self._found = passes(self._problem, self._values, self._added)
            return self._found

    def _find(self, name: object, at: object) -> tuple[Node, int]:
        found = self._look()
        node = found.nodes[found.place(str(name))]
        return node, whole("at", at, 0, node.value.numel() - 1)

    def _train(self, steps: int) -> None:
        rate = self.learning_rate
        values = train(self._problem, self._values, rate, steps - 1) if steps > 1 else self._values
        # The last one is told number by number.
        last = passes(self._problem, values)
        slopes = {
            node.name: node.gradient
            for node in last.nodes
            if node.name in self._problem.trainable and node.gradient is not None
        }
        self._before = {name: values[name] for name in slopes}, slopes, rate
        moved = {name: values[name] - rate * slope for name, slope in slopes.items()}
        self._values = {**values, **moved}
        self._iteration += steps
        self._added, self._found = {}, None
        self._edited.clear()

    def _train_on(self) -> None:
        end = monotonic() + BUDGET
        while self.running and monotonic() < end:
            left = self._problem.iterations - self._iteration
            if left > 0:
                self._values = train(self._problem, self._values, self.learning_rate, min(left, 16))
                self._iteration += min(left, 16)
            if left <= 16 or not self._is_finite():  # noqa: PLR2004 - as above
                self.set_trait("running", False)
        self._added, self._found, self._before = {}, None, None
        self._edited.clear()

    def _is_finite(self) -> bool:
        names = self._problem.trainable
        return all(bool(self._values[name].isfinite().all()) for name in names)

    def _updates(self) -> list[tuple[str, int, float, float, float]]:
        """Return name, place, old number, gradient, new number: of the last step, else the next."""
        if self._before is None:
            found, rate = self._look(), self.learning_rate
            slopes = {
                node.name: node.gradient
                for node in found.nodes
                if node.name in self._problem.trainable and node.gradient is not None
            }
            before, after = self._values, None
        else:
            (before, slopes, rate), after = self._before, self._values
        made: list[tuple[str, int, float, float, float]] = []
        for name, slope in slopes.items():
            for at in range(min(slope.numel(), MOST_UPDATES - len(made))):
                old, by = float(before[name].flatten()[at]), float(slope.flatten()[at])
                new = old - rate * by if after is None else float(after[name].flatten()[at])
                made.append((name, at, old, by, new))
        return made

    def _error(self, found: Passes) -> float | None:
        """Return what Trask's code prints: the mean absolute difference to the targets."""
        problem = self._problem
        if problem.output == "" or problem.target == "":
            return None
        output = found.nodes[found.place(problem.output)].value
        return _finite(float((output - self._values[problem.target]).abs().mean()))

    def _described(self, node: Node) -> dict[str, Any]:
        shape = tuple(node.value.shape)
        columns = shape[-1] if shape else 1
        return {
            "name": node.name,
            "kind": node.kind,
            "operation": node.operation,
            "constants": node.constants,
            "shape": shape,
            "rows": node.value.numel() // columns if columns else 0,
            "columns": columns,
            "trainable": node.name in self._problem.trainable,
            "edited": node.name in self._edited,
            "gradient": node.gradient is not None,
            "inputs": [[edge.source, edge.gradient is not None] for edge in node.edges],
        }

    def _chain(self, found: Passes) -> dict[str, Any] | None:
        """Return the chain rule and the difference quotient for the number that is looked at."""
        name, at = self._chosen or (next(iter(self._problem.trainable), ""), 0)
        names = [node.name for node in found.nodes]
        if name not in names:
            return None
        place = names.index(name)
        node = found.nodes[place]
        at = min(at, node.value.numel() - 1)
        told: dict[str, Any] = {"place": place, "at": at}
        if node.gradient is None or not node.value.is_floating_point():
            return {**told, "gradient": None}
        gradient = float(node.gradient.flatten()[at])
        products = terms(found, place, at)
        largest = sorted(products, key=lambda one: -abs(one.upstream * one.local))[:MOST_TERMS]
        quotient = relative = None
        if not self.running:
            quotient, _ = difference_quotient(
                self._problem, self._values, self._added, found, place, at
            )
            size = max(abs(quotient), abs(gradient))
            relative = abs(quotient - gradient) / size if size > 0 else 0.0
        return {
            **told,
            "value": _finite(float(node.value.flatten()[at])),
            "gradient": _finite(gradient),
            "terms": [
                [one.consumer, one.index, _finite(one.upstream), _finite(one.local)]
                for one in products
                if one in largest
            ],
            "more": max(0, len(products) - MOST_TERMS),
            "quotient": _finite(quotient),
            "relative": _finite(relative),
        }

    # -- what the page asks

    @handles("number.choose")
    def _choose(self, message: Message) -> None:
        node, at = self._find(message.meta.get("node"), message.meta.get("at", 0))
        self._chosen = node.name, at
        self.refresh()

    @handles("number.edit")
    def _edit(self, message: Message) -> None:
        asked = message.meta
        value = number("value", asked.get("value"), -_LARGEST_VALUE, _LARGEST_VALUE)
        self.edit(str(asked.get("node")), value, asked.get("at", 0))

    @handles("train.step")
    def _do_step(self, message: Message) -> None:
        self.step(whole("steps", message.meta.get("steps", 1), 1, 100))

    @handles("train.run")
    def _run(self, message: Message) -> None:
        running = message.meta.get("value")
        if not isinstance(running, bool):
            raise InputError("yes_no", name="running", given=str(running))
        with self._lock:
            if running and self._iteration >= self._problem.iterations:
                self._begin(self._problem)
            self.set_trait("running", running)
        self.refresh()

    @handles("values.reset")
    def _reset(self, message: Message) -> None:  # noqa: ARG002 - it has no arguments
        self.reset()


def _joined(tensors: list[Tensor]) -> Tensor:
    flat = [one.detach().cpu().double().flatten() for one in tensors]
    return torch.cat(flat) if flat else torch.zeros(0, dtype=torch.float64)


def _finite(value: float | None) -> float | None:
    """Return a number that JSON can hold; NaN and infinity are told by the arrays."""
    return value if value is not None and np.isfinite(value) else None
