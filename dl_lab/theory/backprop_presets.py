"""Small functions to watch backpropagation in, with the networks of 11 and of 13 lines.

The two are A. Trask's, whose data, first weights (numpy's generator with seed 1), learning rates
and numbers of iterations they have: https://iamtrask.github.io/2015/07/12/basic-python-network/ and
https://iamtrask.github.io/2015/07/27/python-network-part2/. Trask's update is that of gradient
descent on half the sum of the squared errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dl_lab.theory.backprop import Problem


@dataclass(frozen=True)
class Preset:
    """A function as the lines of code that it is, and the numbers where it begins.

    Attributes
    ----------
    lines
        Assignments in PyTorch; the last one's name holds the result.
    start
        Numbers, or rows of numbers, by the names that the lines use.
    trainable
        Names of those that a training step changes.
    rate, iterations, output, target
        As a `Problem` has them.
    """

    lines: tuple[str, ...]
    start: Mapping[str, object]
    trainable: tuple[str, ...]
    rate: float = 0.5
    iterations: int = 1000
    output: str = ""
    target: str = ""

    @property
    def result(self) -> str:
        """The name of the number that is differentiated."""
        return self.lines[-1].split(" = ")[0]

    def problem(self) -> Problem:
        """Return what these lines compute, in float64."""
        code = compile("\n".join(self.lines), "<preset>", "exec")

        def function(values: Mapping[str, Tensor]) -> Tensor:
            names: dict[str, Tensor] = dict(values)
            exec(code, {"torch": torch}, names)  # noqa: S102 - the lines above
            return names[self.result]

        values = {
            name: torch.tensor(start, dtype=torch.float64) for name, start in self.start.items()
        }
        parameters = () if self.target == "" and self.output == "" else self.trainable
        fixed = (self.target,) if self.target in values else ()
        about = (self.rate, self.iterations, self.output, self.target)
        return Problem(function, values, self.trainable, parameters, fixed, nullcontext, *about)

    def source(self, values: Mapping[str, Tensor], rate: float) -> str:
        """Return the lines as a program of its own, which begins with these values."""
        begins = [
            f"{name} = torch.tensor({value.tolist()!r}, dtype=torch.float64"
            f"{', requires_grad=True' if name in self.trainable else ''})"
            for name, value in values.items()
        ]
        steps = [
            f"    {name} -= {rate!r} * {name}.grad  # from {name}, by its gradient, to the new one"
            for name in self.trainable
        ]
        return "\n".join(
            [
                "import torch\n",
                *begins,
                "",
                *self.lines,
                f"{self.result}.backward()",
                *(f'print("{name}", {name}.grad)' for name in self.trainable),
                "\nwith torch.no_grad():  # one training step",
                *steps,
                "",
            ]
        )


def _first_weights(*shapes: tuple[int, int]) -> list[list[list[float]]]:
    """Draw as ``2*np.random.random(shape) - 1`` does after ``np.random.seed(1)``."""
    draw = np.random.RandomState(1)  # the generator that Trask's code has
    return [(2 * draw.random_sample(shape) - 1).tolist() for shape in shapes]


_ONE = _first_weights((3, 1))
_TWO = _first_weights((3, 4), (4, 1))
_INPUTS = [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
_EXCLUSIVE_OR = [[0], [1], [1], [0]]

PRESETS: Mapping[str, Preset] = {
    "neuron": Preset(
        (
            "z = w1 * x1 + w2 * x2 + b",
            "a = torch.sigmoid(z)",
            "error = a - y",
            "loss = error**2 / 2",
        ),
        {"x1": 1.0, "w1": 0.6, "x2": -2.0, "w2": 0.4, "b": 0.1, "y": 1.0},
        ("w1", "w2", "b"),
        output="a",
        target="y",
    ),
    "shared": Preset(
        ("c = a + b", "d = b + 1", "e = c * d"),
        {"a": 2.0, "b": 1.0},
        ("a", "b"),
        rate=0.1,
        iterations=10,
    ),
    "lines_11_first": Preset(
        ("l1 = torch.sigmoid(X @ syn0)", "l1_error = y - l1", "loss = (l1_error**2).sum() / 2"),
        {"X": _INPUTS, "syn0": _ONE[0], "y": [[0], [0], [1], [1]]},
        ("syn0",),
        rate=1.0,
        iterations=10_000,
        output="l1",
        target="y",
    ),
    "lines_11": Preset(
        (
            "l1 = torch.sigmoid(X @ syn0)",
            "l2 = torch.sigmoid(l1 @ syn1)",
            "l2_error = y - l2",
            "loss = (l2_error**2).sum() / 2",
        ),
        {"X": _INPUTS, "syn0": _TWO[0], "syn1": _TWO[1], "y": _EXCLUSIVE_OR},
        ("syn0", "syn1"),
        rate=1.0,
        iterations=60_000,
        output="l2",
        target="y",
    ),
    "lines_13": Preset(
        (
            "layer_1 = torch.sigmoid(X @ synapse_0)",
            "layer_2 = torch.sigmoid(layer_1 @ synapse_1)",
            "layer_2_error = layer_2 - y",
            "loss = (layer_2_error**2).sum() / 2",
        ),
        {"X": _INPUTS, "synapse_0": _TWO[0], "synapse_1": _TWO[1], "y": _EXCLUSIVE_OR},
        ("synapse_0", "synapse_1"),
        rate=0.5,
        iterations=60_000,
        output="layer_2",
        target="y",
    ),
    "xor": Preset(
        (
            "h = torch.tanh(X @ W1 + b1)",
            "p = torch.sigmoid(h @ W2 + b2)",
            "loss = torch.nn.functional.binary_cross_entropy(p, y)",
        ),
        {
            "X": [[0, 0], [0, 1], [1, 0], [1, 1]],
            "W1": [[0.9, -0.6], [-0.4, 0.8]],
            "b1": [[-0.3, 0.1]],
            "W2": [[0.7], [0.5]],
            "b2": [[-0.2]],
            "y": _EXCLUSIVE_OR,
        },
        ("W1", "b1", "W2", "b2"),
        rate=0.5,
        iterations=2000,
        output="p",
        target="y",
    ),
    "softmax": Preset(
        (
            "z = x @ W + b",
            "p = torch.softmax(z, dim=1)",
            "p_right = p[0, 1]",
            "loss = -torch.log(p_right)",
        ),
        {
            "x": [[1.0, -0.5]],
            "W": [[0.8, -0.3, 0.1], [-0.2, 0.6, 0.4]],
            "b": [[0.1, 0.0, -0.1]],
        },
        ("W", "b"),
        iterations=100,
        output="p",
    ),
}
