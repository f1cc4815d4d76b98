"""What is told about one answer of one unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.probe.formula.windows import Window


@dataclass(frozen=True)
class Link:
    """What one unit of an earlier layer adds to the answer.

    Attributes
    ----------
    source
        The earlier layer's index, ``-1 - k`` for the network's k-th input.
    unit
        Which of its units.
    share
        Its part of the sum; where nothing is summed, its value.
    """

    source: int
    unit: int
    share: float


@dataclass(frozen=True)
class Explanation:
    """The formula of one unit at one position.

    Attributes
    ----------
    kind
        ``"convolution"``, ``"pooling"``, ``"pointwise"``, ``"norm"``, ``"linear"``, ``"softmax"``,
        ``"combination"``, ``"mean"``, ``"copy"``, ``"constant"``, ``"embedding"``, ``"function"``,
        ``"reduction"``, ``"normalize"``, ``"lstm"``, ``"gru"`` or ``"rnn"``.
    name
        Which of its kind: ``"relu"``, ``"max"``, ``"running"``, ``"+"``.
    value
        What the layer answered.
    result
        What the numbers here give.
    window
        The input's values that it is computed from: [channels, size…] for a convolution, [size…]
        for pooling, else [count].
    weights
        One for each value of the window, or None.
    numbers
        The other numbers of the formula by their names.
    place
        Where on the input the window lies; None where it is not a window.
    inside
        Which cells of the window lie on the input and not in its padding, [size…].
    units
        The input's units that the window's channels are.
    chosen
        The window's cell that a maximum took, -1 where there is none.
    then
        The activation that the layer itself applies to the sum, as layers of Keras do; "" for none.
        ``numbers["sum"]`` is then what it is applied to.
    links
        The earlier units that it comes from, the largest shares first.
    size
        How large the terms are that it is computed from: what rounding is measured against.
    eps
        How coarse the numbers within are, where that is not the layer's own type.
    step
        Of a layer that takes several steps: the last one, which this is the formula of.
    """

    kind: str
    name: str
    value: float
    result: float
    window: Tensor = field(repr=False)
    weights: Tensor | None = field(default=None, repr=False)
    numbers: Mapping[str, float] = field(default_factory=dict)
    place: Window | None = None
    inside: Tensor | None = field(default=None, repr=False)
    units: tuple[int, ...] = ()
    chosen: int = -1
    then: str = ""
    links: tuple[Link, ...] = field(default=(), repr=False)
    size: float = field(default=0.0, repr=False)
    eps: float = field(default=0.0, repr=False)
    step: str = ""
