"""Along which dimension the units of a node's numbers lie: channels of maps, features of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dl_lab.nets.graph.nodes import Graph, Node

# What they make has its channels after its rows.
_CHANNELS_FIRST = ("conv", "batch_norm", "instance_norm", "group_norm", "_pool", "interpolate")
# And these their features last.
_FEATURES_LAST = frozenset(
    {
        *("linear", "bilinear", "embedding", "layer_norm", "rms_norm", "matmul", "mm", "bmm"),
        *("addmm", "baddbmm", "gru", "lstm", "rnn_tanh", "rnn_relu", "gru_cell", "lstm_cell"),
        *("rnn_tanh_cell", "rnn_relu_cell", "scaled_dot_product_attention"),
        *("multi_head_attention_forward",),
    }
)
_MAPS = 4


def units(graph: Graph) -> list[int | None]:
    """Return for each node the dimension of its units, None where it has none.

    What computes number by number has its units where its input has them.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from dl_lab.nets.graph.trace import trace
    >>> model = nn.Sequential(nn.Conv1d(2, 3, 1), nn.ReLU(), nn.Flatten(0, 1), nn.Linear(5, 4))
    >>> graph = trace(model, [torch.ones(1, 2, 5)])
    >>> [one for one, node in zip(units(graph), graph.nodes) if node.kind == "operation"]
    [1, 1, 1, 1]
    """
    found: list[int | None] = []
    for node in graph.nodes:
        found.append(_unit(node, graph, found))
    return found


def _unit(node: Node, graph: Graph, before: list[int | None]) -> int | None:
    dimensions = len(node.shape)
    if node.kind != "operation" or dimensions < 2:  # noqa: PLR2004  # rows and units
        return None
    if any(part in node.name for part in _CHANNELS_FIRST):
        return 1
    if node.name in _FEATURES_LAST:
        return dimensions - 1
    for index in node.inputs:
        if graph.nodes[index].shape == node.shape and before[index] is not None:
            return before[index]
    return 1 if dimensions >= _MAPS else dimensions - 1
