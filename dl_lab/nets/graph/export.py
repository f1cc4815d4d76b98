"""A graph as JSON."""

from __future__ import annotations

from typing import Any

from dl_lab.nets.graph.nodes import Call, Failure, Graph, Line, ModuleInfo, Node

VERSION = 1
"""Of the format: it goes up when a name changes its meaning or goes; new ones may come."""


def to_json(graph: Graph) -> dict[str, Any]:
    """Return the whole graph as what JSON can hold, with the version of its format.

    Examples
    --------
    >>> import json
    >>> from torch import nn, ones
    >>> from dl_lab.nets.graph.trace import trace
    >>> text = json.dumps(to_json(trace(nn.Linear(2, 3), [ones(1, 2)])))
    >>> [node["name"] for node in json.loads(text)["nodes"]]
    ['input_0', 'weight', 'bias', 'linear']
    """
    return {
        "format": "dl-lab graph",
        "version": VERSION,
        "nodes": [_node(node) for node in graph.nodes],
        "outputs": list(graph.outputs),
        "unused": list(graph.unused),
        "calls": [_call(call) for call in graph.calls],
        "modules": {path: _module(info) for path, info in graph.modules.items()},
        "failure": None if graph.failure is None else _failure(graph.failure),
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "name": node.name,
        "module": node.module,
        "inputs": list(node.inputs),
        "shape": list(node.shape),
        "dtype": str(node.dtype).removeprefix("torch."),
        "owner": node.owner,
        "stack": list(node.stack),
        "call": list(node.call),
        "line": _line(node.line),
        "parameters": node.parameters,
        "macs": node.macs,
        "bytes": node.bytes,
        "seconds": node.seconds,
        "left": node.left,
        "names": list(node.names),
        "reads": list(node.reads),
    }


def _line(line: Line | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {
        "file": line.file,
        "number": line.number,
        "function": line.function,
        "text": line.text,
    }


def _call(call: Call) -> dict[str, Any]:
    return {
        "module": call.module,
        "number": call.number,
        "parent": call.parent,
        "inputs": list(call.inputs),
        "outputs": list(call.outputs),
        "input_shapes": [list(one) for one in call.input_shapes],
        "output_shapes": [list(one) for one in call.output_shapes],
        "first": call.first,
        "last": call.last,
        "seconds": call.seconds,
    }


def _module(info: ModuleInfo) -> dict[str, Any]:
    return {
        "class_name": info.class_name,
        "parameters": info.parameters,
        "own_parameters": info.own_parameters,
        "trainable": info.trainable,
        "shared": info.shared,
        "unused": info.unused,
        "calls": info.calls,
        "line": _line(info.line),
        "names": list(info.names),
        "note": info.note,
        "settings": info.settings,
        "kernel": None if info.kernel is None else list(info.kernel),
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "module": failure.module,
        "name": failure.name,
        "shapes": [list(one) for one in failure.shapes],
        "inputs": list(failure.inputs),
        "line": _line(failure.line),
        "needs_values": failure.needs_values,
        "error": type(failure.error).__name__,
        "message": str(failure.error),
    }
