"""Which dimension of a tensor counts the examples: followed from call to call through a network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dl_lab.probe.formula.functions import dimensions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dl_lab.probe.layer import Call

_TURNING = frozenset(
    {
        *("transpose", "permute", "swapaxes", "swapdims", "movedim", "moveaxis"),
        *("t", "T", "mT", "H", "mH", "adjoint", "unsqueeze"),
    }
)
_VIEWING = frozenset({"view", "reshape", "flatten", "ravel", "unflatten", "view_as", "reshape_as"})
_REDUCING = frozenset(
    {
        *("mean", "sum", "amax", "amin", "max", "min", "norm", "vector_norm", "std", "var"),
        *("logsumexp", "prod", "median", "select", "unbind", "squeeze"),
    }
)
# The layer says what its dimensions are: [rows, units, …].
_FIRST = (
    *("conv", "max_pool", "avg_pool", "adaptive_", "lp_pool", "max_unpool", "fractional_"),
    *("batch_norm", "instance_norm", "group_norm", "interpolate", "upsample", "grid_sample"),
)
_DIGITS = frozenset("123")


def batch_of_module(
    module: nn.Module, given: Sequence[tuple[Tensor, int | None]], output: Tensor
) -> int | None:
    """Return which dimension of a layer's output counts the examples.

    Parameters
    ----------
    module
        The layer. Convolutions, pooling, recurrent layers and the like say so themselves.
    given
        What went in, each with its own such dimension.
    output
        What came out.

    Examples
    --------
    >>> x = torch.zeros(7, 2, 4)
    >>> batch_of_module(nn.LSTM(4, 3), [(x, 1)], torch.zeros(7, 2, 3))
    1
    """
    if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
        batched = output.ndim > 2  # noqa: PLR2004  # [length, units] is a single one
        return (0 if module.batch_first else 1) if batched else None
    if isinstance(module, nn.GroupNorm):
        return 0
    count = _dimensions(module)
    if count is not None:
        alone = output.ndim == count + 1 and not isinstance(module, nn.BatchNorm1d)
        return None if alone else 0
    if isinstance(module, (nn.Flatten, nn.Unflatten)):
        tensor, batch = _leading(given)
        return None if batch is None else _viewed(tensor.shape, batch, output.shape)
    return _default(*_leading(given), output, after=isinstance(module, nn.Embedding))


def batch_of_function(  # noqa: PLR0911  # one for each family
    name: str, made: Call, given: Sequence[tuple[Tensor, int | None]], output: Tensor
) -> int | None:
    """Return which dimension of a function's result counts the examples.

    Parameters
    ----------
    name
        What the function is called.
    made
        Its call.
    given
        What went in, each tensor with its own such dimension.
    output
        What came out.

    Examples
    --------
    >>> from dl_lab.probe.layer import Call
    >>> x = torch.zeros(2, 7, 4)
    >>> batch_of_function("transpose", Call(torch.transpose, (x, 0, 1)), [(x, 0)], x.mT)
    1
    """
    if name.startswith(_FIRST):
        alone = name[-1] == "d" and name[-2] in _DIGITS and output.ndim == int(name[-2]) + 1
        return None if alone else 0
    tensor, batch = _leading(given)
    if batch is None:
        return None
    if name in _TURNING:
        return _turned(made, tensor, batch)
    if name in _VIEWING:
        return _viewed(tensor.shape, batch, output.shape)
    if name == "getitem":
        return _indexed(made.args[1], tensor.ndim, batch)
    if name in _REDUCING and output.ndim < tensor.ndim:
        return _reduced(name, made, tensor, batch)
    if name == "stack":
        at: int = _named(made, "dim", 0)
        return batch + int(at % output.ndim <= batch)
    if name == "einsum":
        return _of_equation(made, given, output)
    return _default(tensor, batch, output, after=name == "embedding")


def _leading(given: Sequence[tuple[Tensor, int | None]]) -> tuple[Tensor, int | None]:
    """Return the largest tensor whose examples are counted, else any."""
    counted = [one for one in given if one[1] is not None]
    if not counted:
        return given[0] if given else (torch.empty(0), None)
    return max(counted, key=lambda one: one[0].ndim)


def _dimensions(module: nn.Module) -> int | None:
    """Return how many dimensions of positions a layer of torch's works on, None for any."""
    for kind in type(module).__mro__:
        if kind.__module__.startswith("torch.nn.") and kind.__name__[-1] == "d":
            name = kind.__name__
            if name[-2] in _DIGITS and not name.startswith(("Dropout", "FeatureAlpha")):
                return int(name[-2])
    return None


def _default(tensor: Tensor, batch: int | None, output: Tensor, *, after: bool) -> int | None:
    if batch is None:
        return None
    if output.ndim >= tensor.ndim:
        # Others are broadcast from the right; what is looked up comes behind.
        return batch if after else batch + output.ndim - tensor.ndim
    kept = batch < output.ndim and output.shape[batch] == tensor.shape[batch]
    return batch if kept else None


def _turned(made: Call, tensor: Tensor, batch: int) -> int | None:
    """Ask the function itself where a dimension goes."""
    probe = torch.empty(1).expand([one + 2 for one in range(tensor.ndim)])
    kwargs = {name: probe if one is tensor else one for name, one in made.kwargs.items()}
    args = made.args[1:] if made.args else ()
    turned = made.function(probe, *args, **kwargs) if made.args else made.function(**kwargs)
    return list(turned.shape).index(batch + 2)


def _viewed(before: Sequence[int], batch: int, after: Sequence[int]) -> int | None:
    """Return where a dimension goes whose values stay in their order."""
    ahead, size = math.prod(before[:batch]), before[batch]
    passed = 1
    for one, length in enumerate(after):
        if passed == ahead and (length == size or size > 1):
            # Split into several, or with others folded into it.
            whole = length and size and (length % size == 0 or size % length == 0)
            return one if whole else None
        passed *= length
    # A single example dissolved among what it consists of.
    return None


def _indexed(index: Any, count: int, batch: int) -> int | None:  # noqa: ANN401  # as Python has it
    items = list(index) if isinstance(index, tuple) else [index]
    taken = sum(_takes(one) for one in items)
    before = after = 0
    for one in items:
        size = count - taken if one is Ellipsis else _takes(one)
        if before <= batch < before + size:
            whole = one is Ellipsis or isinstance(one, slice)
            rows = isinstance(one, (Tensor, list)) and getattr(one, "ndim", 1) == 1
            return after + (batch - before) if whole or rows else None
        before += size
        after += size if one is Ellipsis else _gives(one)
    return after + (batch - before)


def _takes(item: object) -> int:
    """Return how many dimensions an index is for."""
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    masks = isinstance(item, Tensor) and item.dtype in {torch.bool, torch.uint8}
    return item.ndim if masks and isinstance(item, Tensor) else 1


def _gives(item: object) -> int:
    """Return how many dimensions are left of those that an index is for."""
    if isinstance(item, Tensor):
        return 1 if item.dtype is torch.bool else item.ndim
    return 0 if isinstance(item, int) and not isinstance(item, bool) else 1


def _named(made: Call, name: str, default: Any) -> Any:  # noqa: ANN401  # as it was given
    if name in made.kwargs:
        return made.kwargs[name]
    return made.args[1] if len(made.args) > 1 else default


def _reduced(name: str, made: Call, tensor: Tensor, batch: int) -> int | None:
    if name in {"select", "unbind"}:
        gone = {_named(made, "dim", 0) % tensor.ndim}
    elif name == "squeeze":
        chosen = dimensions_of(name, made.args, made.kwargs, tensor.ndim)
        gone = {one for one in chosen if tensor.shape[one] == 1}
    else:
        gone = dimensions_of(name, made.args, made.kwargs, tensor.ndim)
    return None if batch in gone else batch - sum(one < batch for one in gone)


def _of_equation(
    made: Call, given: Sequence[tuple[Tensor, int | None]], output: Tensor
) -> int | None:
    equation = made.args[0]
    if not isinstance(equation, str) or "." in equation or "->" not in equation:
        return _default(*_leading(given), output, after=False)
    left, _, right = equation.replace(" ", "").partition("->")
    batches = {id(tensor): batch for tensor, batch in given}
    operands = made.args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    for letters, operand in zip(left.split(","), operands, strict=False):
        batch = batches.get(id(operand))
        if batch is not None and letters[batch] in right:
            return right.index(letters[batch])
    return None
