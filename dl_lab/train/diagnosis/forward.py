"""Why a model refused its inputs, said with the layer's name and its input's shape."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.rnn import PackedSequence

from dl_lab.errors import InputError, said
from dl_lab.probe.modules import is_torchs
from dl_lab.train.batches.structure import described, kind_of
from dl_lab.train.diagnosis.operation import failed_operation
from dl_lab.train.diagnosis.place import Call, detail_of, failed_call

_AXES = ("length", "height, width", "depth, height, width")
_INDICES = (torch.int64, torch.int32)


def explain_forward(error: BaseException, model: nn.Module, inputs: object) -> InputError | None:
    """Return the sentence for an error that ``model(inputs)`` raised; None if it was not there."""
    call = failed_call(error, model)
    if call is None:
        return None
    if call.module is model and (wrong := _arguments(model, inputs)):
        return wrong
    if type(call.module).forward is nn.Module.forward:
        return InputError("no_forward", layer=call.name)
    given = call.inputs[0] if call.inputs else None
    known = any(isinstance(call.module, kind) for kind, _ in _CHECKS)
    if known and not isinstance(given, (Tensor, PackedSequence)):
        return InputError("layer_not_tensor", layer=call.name, given=described(given))
    if isinstance(given, Tensor):
        sentence = _devices(call, given)
        for kind, check in _CHECKS:
            if sentence is None and isinstance(call.module, kind):
                sentence = check(call, given)
        if sentence is not None:
            return sentence
    return _any_other(error, call, model, inputs)


def _any_other(error: BaseException, call: Call, model: nn.Module, inputs: object) -> InputError:
    """Say what a layer raised, and in which operation where that can be told."""
    mixed = "same device" in said(error) or "expected device" in said(error)
    told = {
        "layer": call.name,
        "given": ", ".join(map(described, call.inputs)) or "()",
        "kind": type(error).__name__,
        "detail": detail_of(error),
    }
    if mixed:
        return InputError("devices_mixed", **told)
    # A layer of torch's own is its operation.
    failure = None if is_torchs(call.module) else failed_operation(error, model, inputs)
    if failure is None:
        return InputError("layer_failed", **told)
    shapes = ", ".join(str(list(shape)) for shape in failure.shapes)
    return InputError("operation_failed", **told, operation=failure.name, shapes=shapes)


def _arguments(model: nn.Module, inputs: object) -> InputError | None:
    """Say that forward takes another number of inputs, or other names, than the batch has."""
    positional: tuple[Any, ...] = (inputs,)
    named: dict[str, Any] = {}
    if isinstance(inputs, (tuple, list)) and not isinstance(inputs, PackedSequence):
        positional = tuple(inputs)
    elif isinstance(inputs, Mapping):
        positional, named = (), {str(name): value for name, value in inputs.items()}
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        return InputError(
            "forward_arguments",
            model=type(model).__name__,
            takes=str(signature).partition(" ->")[0],
            given=described(inputs),
            detail=error,
        )
    return None


def _devices(call: Call, given: Tensor) -> InputError | None:
    for parameter in call.module.parameters(recurse=False):
        if parameter.device != given.device:
            where = parameter.device
            return InputError(
                "layer_device", layer=call.name, wanted=where, given=given.device.type
            )
    return None


def _kinds(call: Call, given: Tensor) -> InputError | None:
    parameter = next(call.module.parameters(), None)
    if parameter is None or parameter.dtype == given.dtype:
        return None
    wanted, kind = kind_of(parameter), described(given)
    if given.dtype == torch.uint8:
        return InputError("layer_bytes", layer=call.name, wanted=wanted, given=kind)
    how = "float()" if wanted == "float32" else f"to(torch.{wanted})"
    return InputError("layer_kind", layer=call.name, wanted=wanted, given=kind, how=how)


def _linear(call: Call, given: Tensor) -> InputError | None:
    wanted = int(call.module.in_features)  # type: ignore[arg-type]  # a Linear
    if given.ndim and given.shape[-1] == wanted:
        return _kinds(call, given)
    if given.ndim > 1 and given.shape[1:].numel() == wanted:
        flat = [given.shape[0], wanted]
        return InputError("layer_flatten", layer=call.name, given=described(given), flat=flat)
    if given.numel() == wanted:
        return InputError("batch_missing", layer=call.name, given=described(given))
    return _width(call, given, wanted)


def _width(call: Call, given: Tensor, wanted: int) -> InputError | None:
    width = given.shape[-1] if given.ndim else 1
    if width == wanted:
        return _kinds(call, given)
    return InputError(
        "layer_width", layer=call.name, wanted=wanted, given=described(given), width=width
    )


def _recurrent(call: Call, given: Tensor) -> InputError | None:
    return _width(call, given, int(call.module.input_size))  # type: ignore[arg-type]  # an RNN


def _attention(call: Call, given: Tensor) -> InputError | None:
    return _width(call, given, int(call.module.embed_dim))  # type: ignore[arg-type]  # attention


def _convolution(call: Call, given: Tensor) -> InputError | None:  # noqa: PLR0911  # one a cause
    layer: Any = call.module
    axes, channels = len(layer.kernel_size), layer.in_channels
    told = {
        "layer": call.name,
        "given": described(given),
        "wanted": f"[batch, {channels}, {_AXES[axes - 1]}]",
    }
    if given.ndim == axes + 2 and given.shape[1] == channels:
        return _kinds(call, given) or _window(call, given)
    if given.ndim == axes + 2 and given.shape[-1] == channels:
        order = ", ".join(map(str, (0, axes + 1, *range(1, axes + 1))))
        return InputError("channels_last", **told, how=f"permute({order})")
    if given.ndim == axes + 2:
        return InputError("layer_channels", **told, channels=channels, count=given.shape[1])
    if given.ndim == axes + 1 and given.shape[0] == channels:
        return _kinds(call, given) or _window(call, given)
    if given.ndim == axes + 1 and channels == 1:
        return InputError("channel_missing", **told)
    if given.ndim == axes + 1:
        return InputError("batch_or_channel_missing", **told, channels=channels)
    return InputError("layer_dimensions", **told, how=_reshape(given, axes, channels))


def _reshape(given: Tensor, axes: int, channels: int) -> str:
    sides = _AXES[axes - 1]
    if given.ndim == 2:  # noqa: PLR2004  # [batch, numbers]
        side = round((given.shape[1] / channels) ** (1 / axes))
        if side**axes * channels == given.shape[1]:
            sides = ", ".join([str(side)] * axes)
    return f"reshape(-1, {channels}, {sides})"


def _window(call: Call, given: Tensor) -> InputError:
    return InputError("layer_too_small", layer=call.name, given=described(given))


def _pool(call: Call, given: Tensor) -> InputError | None:
    if given.ndim > 2 and given.is_floating_point():  # noqa: PLR2004  # [batch, channels, …]
        return _window(call, given)
    return None


def _batch_norm(call: Call, given: Tensor) -> InputError | None:
    layer: Any = call.module
    axes = {"BatchNorm1d": (0, 1), "BatchNorm2d": (2,), "BatchNorm3d": (3,)}
    allowed = axes.get(type(layer).__name__)
    if allowed is not None and given.ndim - 2 not in allowed:
        fits = {2: 1, 3: 1, 4: 2, 5: 3}.get(given.ndim)
        how = f"nn.BatchNorm{fits}d" if fits else "nn.LayerNorm"
        return InputError("norm_dimensions", layer=call.name, given=described(given), how=how)
    if given.shape[1] != layer.num_features:
        return InputError(
            "layer_channels",
            layer=call.name,
            given=described(given),
            wanted=f"[batch, {layer.num_features}, …]",
            channels=layer.num_features,
            count=given.shape[1],
        )
    if layer.training and given.numel() // given.shape[1] <= 1:
        return InputError("one_row", layer=call.name, given=described(given))
    return _kinds(call, given)


def _layer_norm(call: Call, given: Tensor) -> InputError | None:
    wanted = list(call.module.normalized_shape)  # type: ignore[arg-type]  # a LayerNorm
    if list(given.shape[-len(wanted) :]) != wanted:
        return InputError("layer_ending", layer=call.name, given=described(given), wanted=wanted)
    return _kinds(call, given)


def _embedding(call: Call, given: Tensor) -> InputError | None:
    count = int(call.module.num_embeddings)  # type: ignore[arg-type]  # an Embedding
    if given.dtype not in _INDICES:
        return InputError("index_kind", layer=call.name, given=described(given))
    if given.numel() and given.device.type == "cpu":
        low, high = int(given.min()), int(given.max())
        if low < 0 or high >= count:
            return InputError("index_range", layer=call.name, low=low, high=high, last=count - 1)
    return None


_Check = Callable[[Call, Tensor], InputError | None]
_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_CHECKS: tuple[tuple[type | tuple[type, ...], _Check], ...] = (
    (nn.Linear, _linear),
    (_ConvNd, _convolution),
    (_BatchNorm, _batch_norm),
    (nn.LayerNorm, _layer_norm),
    (nn.Embedding, _embedding),
    (nn.RNNBase, _recurrent),
    (nn.MultiheadAttention, _attention),
    (_POOLS, _pool),
)
