"""What TensorBoard shows beside curves, as its summaries: made from copies, in any thread."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import summary

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from dl_lab.nets.graph.nodes import Graph, Node

_BINS = 64
_MOST_VALUES = 65_536
_DIMENSIONS = (2, 3, 4)
_COLOURS = (1, 3, 4)


def sample(values: Tensor) -> Tensor:
    """Copy a tensor for a histogram: all of it, or about 65,536 of its values, evenly spread.

    The copy stays on the tensor's device and waits for nothing there.
    """
    flat = values.detach().reshape(-1)
    stride = max(1, -(-len(flat) // _MOST_VALUES))
    # A stride that shares a factor with a dimension would see the same few columns only.
    while stride > 1 and math.gcd(stride, len(flat)) > 1:
        stride += 1
    return flat[::stride].clone()


def histogram(tag: str, values: Tensor) -> Any | None:  # noqa: ANN401  # protobuf has no types here
    """Count finite values in 64 bins between the smallest and the largest; None if there are none.

    Examples
    --------
    >>> made = histogram("weights", torch.tensor([0.0, 1.0, 1.0, float("nan")])).value[0].histo
    >>> made.num, made.min, made.max, made.bucket[0], made.bucket[-1]
    (3.0, 0.0, 1.0, 1.0, 2.0)
    """
    if values.is_complex():
        values = torch.view_as_real(values)
    # In numpy: torch would compute with threads of its own here, at the cost of those that train.
    wide = values.detach().reshape(-1).cpu().double().numpy()
    wide = wide[np.isfinite(wide)]
    if not len(wide):
        return None
    low, high = float(wide.min()), float(wide.max())
    width = high / _BINS - low / _BINS
    if width > 0:
        bins = np.minimum((wide / 2 - low / 2) / (width / 2), _BINS - 1).astype(np.intp)
        counts = np.bincount(bins, minlength=_BINS).astype("f8")
        # By halves here too: from the lowest to the highest double is more than one can hold.
        limits = 2 * np.linspace(low / 2, high / 2, _BINS + 1)[1:]
    else:
        limits, counts = np.array([high]), np.array([float(len(wide))])
    with np.errstate(over="ignore"):  # infinite, then
        total, squares = float(wide.sum()), float(wide.dot(wide))
    return summary.histogram_raw(
        tag, low, high, len(wide), total, squares, limits.tolist(), counts.tolist()
    )


def image(tag: str, pixels: npt.NDArray[Any]) -> Any:  # noqa: ANN401
    """Encode an image, or a batch of images as one sheet; as `as_image` returned it."""
    # Anything else than bytes is taken to be in [0, 1] and clipped; NaN is black.
    if pixels.dtype != np.uint8:
        pixels = np.nan_to_num(pixels.astype("f4"), nan=0.0)
    return summary.image(tag, pixels, dataformats={2: "HW", 3: "CHW", 4: "NCHW"}[pixels.ndim])


def as_image(name: str, pixels: object) -> npt.NDArray[Any]:
    """Copy [h, w], [c, h, w] or [n, c, h, w] with 1 or 3 channels (or 4, if it is one image)."""
    array = as_array(name, pixels)
    channels = 1 if array.ndim == min(_DIMENSIONS) else array.shape[max(0, array.ndim - 3)]
    colours = _COLOURS[:2] if array.ndim == max(_DIMENSIONS) else _COLOURS
    if array.ndim not in _DIMENSIONS or channels not in colours or not array.size:
        raise InputError("image_shape", name=name, given=list(array.shape))
    return array


def as_array(name: str, values: object) -> npt.NDArray[Any]:
    """Copy a tensor, array or list of numbers."""
    if isinstance(values, Tensor):
        values = values.detach().to("cpu", copy=True)
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    try:
        array = np.array(values)
    except ValueError:
        array = np.array(None)
    if array.dtype.kind not in "buif":
        raise InputError("not_numbers", name=name, given=type(values).__name__)
    return array


def hparams(
    values: Mapping[str, bool | str | float], metrics: Sequence[str] = ()
) -> tuple[Any, Any, Any]:
    """Return the experiment, the session's start and its successful end."""
    experiment, start, end = summary.hparams(dict(values), dict.fromkeys(metrics, 0.0))
    return experiment, start, end


def graph(traced: Graph, name: str) -> Any:  # noqa: ANN401
    """Return TensorBoard's definition of a graph, its modules as groups below the model's name."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    names = _unique(
        "/".join([name, *_groups(node), node.name])
        if node.kind != "input"
        else f"input/{node.name}"
        for node in traced.nodes
    )
    nodes = []
    for node, own in zip(traced.nodes, names, strict=True):
        sizes = [TensorShapeProto.Dim(size=size) for size in node.shape]
        shapes = AttrValue.ListValue(shape=[TensorShapeProto(dim=sizes)])
        attributes = {
            "_output_shapes": AttrValue(list=shapes),
            "dtype": AttrValue(s=str(node.dtype).encode()),
            **{key: AttrValue(s=text.encode()) for key, text in _told(node).items()},
        }
        inputs = [names[index] for index in node.inputs]
        kind = node.name if node.kind == "operation" else node.kind
        nodes.append(NodeDef(name=own, op=kind, input=inputs, attr=attributes))
    for place, index in enumerate(traced.outputs):
        nodes.append(NodeDef(name=f"output/output_{place}", op="output", input=[names[index]]))
    return GraphDef(node=nodes, versions=VersionDef(producer=22))


def _groups(node: Node) -> list[str]:
    """Return the modules that a node lies in, one within the other; calls after the first apart."""
    if not node.stack:
        return [part for part in node.module.split(".") if part]
    found: list[str] = []
    above = ""
    for path, call in zip(node.stack, node.call, strict=True):
        # One that is called from elsewhere goes by its whole name there.
        inside = path.removeprefix(f"{above}.") if above and path.startswith(f"{above}.") else path
        parts = [part for part in inside.split(".") if part]
        if parts and call:
            parts[-1] = f"{parts[-1]}-{call + 1}"
        found += parts
        above = path
    return found


def _told(node: Node) -> dict[str, str]:
    """Return what stands beside a node: what it costs, and the line that made it."""
    told = {"parameters": f"{node.parameters:,}"} if node.parameters else {}
    if node.macs:
        told["multiply-adds"] = f"{node.macs:,}"
    if node.line is not None:
        told["line"] = f"{node.line.file}:{node.line.number} {node.line.text}".strip()
    return told


def _unique(names: Iterable[str]) -> list[str]:
    """Return names with a number behind those that come again."""
    counts: Counter[str] = Counter()
    found = []
    for name in names:
        counts[name] += 1
        found.append(name if counts[name] == 1 else f"{name}_{counts[name] - 1}")
    return found
