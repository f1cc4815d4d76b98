"""Layers that look along a sequence: recurrent ones by their gates, attention by its heads."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dl_lab.probe.formula.asked import exact, exact_or_same, size_of
from dl_lab.probe.formula.explanation import Explanation
from dl_lab.probe.nested import mapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dl_lab.probe.formula import kinds
    from dl_lab.probe.formula.kinds import Sizes
    from dl_lab.probe.layer import Layer

_STATES = {"LSTM": 2}
_SIZE = 8.0
"""Of the sums within the gates, which are squashed to less than 1."""


def recurrent(known: kinds.Recurrent, layer: Layer, at: Sizes) -> Explanation | None:
    """Explain what a recurrent layer or cell answers at one step, by its gates.

    Parameters
    ----------
    known
        Which kind of recurrent layer.
    layer
        Called with a tensor; of packed sequences nothing is known.
    at
        Place in its output.

    References
    ----------
    Gates as in https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html and
    https://pytorch.org/docs/stable/generated/torch.nn.GRU.html
    """
    args, own = layer.made.args, layer.settings
    given = args[0] if args else layer.made.kwargs.get("input")
    before = args[1] if len(args) > 1 else layer.made.kwargs.get("hx")
    if not isinstance(given, Tensor):
        return None
    size = own["hidden_size"]
    if isinstance(layer.module, nn.RNNCellBase):
        row = at[:-1]
        state = _state(before, known, (), row, size)
        return _explained(known, _Cell(known.mode, own, ""), exact(given[row]), state, at[-1])
    rows: tuple[Any, ...] = ()
    step = at[0]
    if given.ndim > 2:  # noqa: PLR2004  # [length, units] is a single one
        step, rows = (at[1], at[:1]) if own["batch_first"] else (at[0], at[1:2])
    inputs = exact(given[rows] if own["batch_first"] or not rows else given[:, rows[0]])
    ways = ("", "_reverse") if known.bidirectional else ("",)
    for number in range(known.layers):
        outputs = []
        for way, suffix in enumerate(ways):
            cell = _Cell(known.mode, own, f"_l{number}{suffix}")
            state = _state(before, known, (number * len(ways) + way,), rows, size)
            order = range(len(inputs)) if way == 0 else range(len(inputs) - 1, -1, -1)
            last = number == known.layers - 1 and way == at[-1] // size
            answers = torch.zeros(len(inputs), size, dtype=torch.float64)
            for moment in order:
                if last and moment == step:
                    return _explained(known, cell, inputs[moment], state, at[-1] % size)
                state = cell.step(inputs[moment], state)[0]
                answers[moment] = state[0]
            outputs.append(answers)
        inputs = torch.cat(outputs, 1)
    return None


def _state(
    before: Any,  # noqa: ANN401  # a tensor, two of them, or nothing
    known: kinds.Recurrent,
    place: tuple[int, ...],
    rows: tuple[Any, ...],
    size: int,
) -> tuple[Tensor, ...]:
    """Return the hidden state that a row begins with, and an LSTM's cell state."""
    count = _STATES.get(known.mode, 1)
    if before is None:
        return (torch.zeros(size, dtype=torch.float64),) * count
    given = before if isinstance(before, (tuple, list)) else (before,)
    return tuple(exact(one[(*place, *rows)]) for one in given)


class _Cell:
    """One layer and direction of a recurrent layer."""

    def __init__(self, mode: str, own: Mapping[str, Any], suffix: str) -> None:
        self._mode = mode
        self._weights = [exact(own[f"weight_{one}{suffix}"]) for one in ("ih", "hh")]
        found = [own.get(f"bias_{one}{suffix}") for one in ("ih", "hh")]
        count = len(self._weights[0])
        zeros = torch.zeros(count, dtype=torch.float64)
        self._biases = [zeros if one is None else exact(one) for one in found]

    def step(
        self, given: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """Return the next state and what it is made of."""
        before = state[0]
        inward = self._weights[0] @ given + self._biases[0]
        again = self._weights[1] @ before + self._biases[1]
        if self._mode == "LSTM":
            i, f, g, o = (inward + again).chunk(4)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            cell = f * state[1] + i * g
            parts = {"i": i, "f": f, "g": g, "o": o, "c_before": state[1], "c": cell}
            return (o * cell.tanh(), cell), parts
        if self._mode == "GRU":
            (a, b, c), (d, e, h) = inward.chunk(3), again.chunk(3)
            r, z = (a + d).sigmoid(), (b + e).sigmoid()
            n = (c + r * h).tanh()
            return ((1 - z) * n + z * before,), {"r": r, "z": z, "n": n, "h_before": before}
        total = inward + again
        answer = total.tanh() if self._mode == "RNN_TANH" else total.relu()
        parts = {"inputs": inward, "state": again, "sum": total}
        return (answer,), parts


def _explained(
    known: kinds.Recurrent, cell: _Cell, given: Tensor, state: tuple[Tensor, ...], unit: int
) -> Explanation:
    after, parts = cell.step(given, state)
    result = float(after[0][unit])
    kind, _, name = known.mode.lower().partition("_")
    numbers = {part: float(values[unit]) for part, values in parts.items()}
    window = state[0][unit : unit + 1].clone()
    size = _SIZE if kind != "rnn" else _SIZE + abs(numbers["inputs"]) + abs(numbers["state"])
    return Explanation(kind, name, result, result, window, numbers=numbers, size=size)


def attention(layer: Layer, at: Sizes) -> Explanation | None:
    """Explain multi-head attention as the linear layer over its heads.

    The heads' answers are the layer's own, computed in double precision with that layer left out.
    """
    module = layer.module
    if not isinstance(module, nn.MultiheadAttention):
        return None
    weight = exact(module.out_proj.weight[at[-1]])
    bias: Tensor | None = module.out_proj.bias
    double = copy.deepcopy(module).cpu().double()
    double.train(layer.training)
    double.out_proj.weight = nn.Parameter(torch.eye(module.embed_dim, dtype=torch.float64))
    if bias is not None:
        double.out_proj.bias = nn.Parameter(torch.zeros(module.embed_dim, dtype=torch.float64))
    args = mapped(layer.made.args, exact_or_same)
    kwargs = mapped(dict(layer.made.kwargs), exact_or_same)
    # Without the hooks that the module has.
    heads: Tensor = type(module).forward(double, *args, **kwargs)[0]
    values = heads[at[:-1]]
    products = values * weight
    shift = 0.0 if bias is None else float(bias[at[-1]])
    result = float(products.sum()) + shift
    return Explanation(
        "linear",
        "heads",
        result,
        result,
        values,
        weight,
        {"bias": shift},
        size=size_of(products) + abs(shift),
    )
