"""Which dimension of a tensor counts the examples: followed from call to call through a network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dl_lab.probe.call import Batch
from dl_lab.probe.formula.functions import dimensions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dl_lab.probe.call import Call

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
# What is looked up comes behind the dimensions of what it is looked up by.
_LOOKING_UP = frozenset({"embedding", "one_hot", "getitem"})
_DIGITS = frozenset("123")


def batch_of_module(
    module: nn.Module, given: Sequence[tuple[Tensor, Batch]], output: Tensor
) -> Batch:
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
    >>> batch_of_module(nn.LSTM(4, 3), [(x, Batch(1))], torch.zeros(7, 2, 3)).rows
    1
    """
    if isinstance(module, (nn.RNNBase, nn.MultiheadAttention)):
        batched = output.ndim > 2  # noqa: PLR2004  # [length, units] is a single one
        return Batch((0 if module.batch_first else 1) if batched else None)
    if isinstance(module, nn.GroupNorm):
        return Batch(0)
    count = _dimensions(module)
    if count is not None:
        alone = output.ndim == count + 1 and not isinstance(module, nn.BatchNorm1d)
        return Batch(None if alone else 0)
    tensor, before = _leading(given)
    batch = before.dimension
    if batch is None:
        return before
    if isinstance(module, (nn.Flatten, nn.Unflatten)):
        after = _viewed(tensor.shape, batch, output.shape)
    else:
        after = _default(tensor, batch, output, behind=isinstance(module, nn.Embedding))
    return _followed(tensor, before, output, after)


def batch_of_function(
    name: str, made: Call, given: Sequence[tuple[Tensor, Batch]], output: Tensor
) -> Batch:
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
    >>> from dl_lab.probe.call import Call
    >>> x = torch.zeros(2, 7, 4)
    >>> call = Call(torch.transpose, (x, 0, 1))
    >>> batch_of_function("transpose", call, [(x, Batch(0))], x.transpose(0, 1)).rows
    1
    """
    if name.startswith(_FIRST):
        alone = name[-1] == "d" and name[-2] in _DIGITS and output.ndim == int(name[-2]) + 1
        return Batch(None if alone else 0)
    tensor, before = _leading(given)
    if before.dimension is None:
        return before
    after = _after(name, made, given, output)
    return _followed(tensor, before, output, after)


def _after(  # noqa: PLR0911  # one for each family
    name: str, made: Call, given: Sequence[tuple[Tensor, Batch]], output: Tensor
) -> int | None:
    tensor, before = _leading(given)
    batch = before.dimension
    assert batch is not None  # noqa: S101  # it was asked
    if name in _TURNING:
        return _turned(made, tensor, batch)
    if name in _VIEWING:
        return _viewed(tensor.shape, batch, output.shape)
    if name == "getitem" and tensor is made.args[0]:
        return _indexed(made.args[1], tensor.ndim, batch)
    if name in _REDUCING and output.ndim < tensor.ndim:
        return _reduced(name, made, tensor, batch)
    if name == "stack":
        at: int = _named(made, "dim", 0)
        return batch + int(at % output.ndim <= batch)
    if name == "einsum":
        return _of_equation(made, given, output)
    return _default(tensor, batch, output, behind=name in _LOOKING_UP)


def _followed(tensor: Tensor, before: Batch, output: Tensor, after: int | None) -> Batch:
    """Tell whether examples can still be told apart where their dimension has gone."""
    assert before.dimension is not None  # noqa: S101  # it was followed
    if after is None or after >= output.ndim:
        return Batch(None)
    alone = tensor.shape[before.dimension] == 1
    return Batch(after, output.shape[after] != 1 and (before.hidden or alone))


def _leading(given: Sequence[tuple[Tensor, Batch]]) -> tuple[Tensor, Batch]:
    """Return the largest tensor whose examples are counted, else any."""
    counted = [one for one in given if one[1].dimension is not None]
    if not counted:
        return given[0] if given else (torch.empty(0), Batch(None))
    return max(counted, key=lambda one: one[0].ndim)


def _dimensions(module: nn.Module) -> int | None:
    """Return how many dimensions of positions a layer of torch's works on, None for any."""
    for kind in type(module).__mro__:
        if kind.__module__.startswith("torch.nn.") and kind.__name__[-1] == "d":
            name = kind.__name__
            if name[-2] in _DIGITS and not name.startswith(("Dropout", "FeatureAlpha")):
                return int(name[-2])
    return None


def _default(tensor: Tensor, batch: int, output: Tensor, *, behind: bool) -> int | None:
    if output.ndim >= tensor.ndim:
        # Others are broadcast from the right.
        return batch if behind else batch + output.ndim - tensor.ndim
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
    """Return where a dimension goes whose values stay in their order.

    It may be split into several then, or have others folded into it.
    """
    ahead, size = math.prod(before[:batch]), before[batch]
    passed = 1
    for one, length in enumerate(after):
        if passed == ahead:
            whole = length and size and (length % size == 0 or size % length == 0)
            return one if whole else None
        passed *= length
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


def _of_equation(made: Call, given: Sequence[tuple[Tensor, Batch]], output: Tensor) -> int | None:
    equation = made.args[0]
    if not isinstance(equation, str) or "." in equation or "->" not in equation:
        tensor, before = _leading(given)
        return _default(tensor, before.dimension or 0, output, behind=False)
    left, _, right = equation.replace(" ", "").partition("->")
    batches = {id(tensor): batch.dimension for tensor, batch in given}
    operands = made.args[1:]
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    for letters, operand in zip(left.split(","), operands, strict=False):
        batch = batches.get(id(operand))
        if batch is not None and letters[batch] in right:
            return right.index(letters[batch])
    return None
