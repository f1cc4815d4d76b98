"""How many multiply-adds an operation takes, by its name, arguments and results.

One multiply-add is a product that is added to a sum, as in a matrix product; what has no sums
counts one for each number that it computes: an activation one for each of its outputs, a pool one
for each number that it looks at, a softmax three (exponential, sum, division), a normalization one
for each of mean, variance, and scaling, and one for its weights if it has some. What only moves,
chooses, compares or makes numbers counts none. The bias of a linear layer or convolution is where
its sums begin and counts none, as in `torch.utils.flop_counter`; of recurrent layers and attention
the matrix products count. What is not in these lists is not known.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# They move, choose, compare or make numbers.
FREE = frozenset(
    """
    view view_as reshape reshape_as flatten unflatten ravel squeeze unsqueeze transpose t
    permute swapaxes swapdims movedim moveaxis contiguous expand expand_as broadcast_to
    broadcast_tensors repeat repeat_interleave tile narrow select slice getitem __setitem__
    __delitem__ index_select gather scatter take take_along_dim masked_select masked_fill
    masked_scatter where index_fill index_put index_copy select_scatter slice_scatter
    diagonal_scatter split split_with_sizes chunk tensor_split hsplit vsplit dsplit unbind cat
    concat concatenate stack hstack vstack dstack column_stack row_stack roll flip fliplr flipud
    rot90 tril triu diag diagonal diag_embed unfold unfold_copy as_strided meshgrid
    cartesian_prod block_diag T mT H mH real imag data view_as_real view_as_complex clone copy
    detach to type type_as float double half bfloat16 int long short byte bool char cpu cuda
    alias numpy tensor as_tensor from_numpy zeros ones empty full rand randn randint randperm
    arange linspace logspace eye zeros_like ones_like empty_like full_like rand_like randn_like
    randint_like new_tensor new_zeros new_ones new_empty new_full normal uniform bernoulli
    exponential multinomial tril_indices triu_indices pad one_hot embedding pixel_shuffle
    pixel_unshuffle channel_shuffle eq ne lt le gt ge equal not_equal less less_equal greater
    greater_equal logical_and logical_or logical_xor logical_not bitwise_and bitwise_or
    bitwise_xor bitwise_not and or xor invert rand isnan isinf isfinite isneginf isposinf isin
    all any nonzero argwhere argsort sort topk unique unique_consecutive kthvalue searchsorted
    bucketize fill zero random requires_grad resolve_conj resolve_neg conj lift_fresh
    squeeze_copy native_channel_shuffle max_unpool1d max_unpool2d max_unpool3d Parameter set
    resize pack_padded_sequence pad_packed_sequence _pack_padded_sequence _pad_packed_sequence
    nan_to_num _is_all_true _is_any_true
    """.split()  # noqa: SIM905  # read, and kept in order, more easily
)

# One for each number that comes out.
BY_ELEMENT = frozenset(
    """
    add sub subtract mul multiply div divide true_divide truediv floordiv floor_divide mod
    remainder fmod pow rsub neg negative pos abs absolute sqrt rsqrt square reciprocal exp exp2
    expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh
    sigmoid logit erf erfc erfinv floor ceil round trunc frac sign sgn maximum minimum fmax fmin
    clamp clamp_min clamp_max clip hypot lerp addcmul addcdiv polar angle heaviside xlogy ldexp
    lgamma digamma relu relu6 leaky_relu prelu rrelu elu celu selu gelu silu mish hardtanh
    hardsigmoid hardswish hardshrink softshrink tanhshrink softplus softsign threshold
    logsigmoid glu feature_alpha_dropout feature_dropout complex logaddexp sinc deg2rad rad2deg
    outer ger float_power special_expit expit i0 addr
    """.split()  # noqa: SIM905
)
# One for each number that goes in.
BY_INPUT = frozenset(
    """
    sum mean prod nansum nanmean amax amin max min aminmax argmax argmin median cumsum cumprod
    cummax cummin count_nonzero bincount histc trace logcumsumexp diff scatter_add index_add
    scatter_reduce fold index_reduce segment_reduce
    """.split()  # noqa: SIM905
)
_TWICE_BY_INPUT = frozenset(
    """
    var std var_mean std_mean norm vector_norm matrix_norm mse_loss l1_loss dist _weight_norm
    """.split()  # noqa: SIM905
)
_SOFTMAX = frozenset(
    {"cross_entropy", "softmax", "log_softmax", "softmin", "logsumexp", "gumbel_softmax"}
)


def macs(
    name: str, args: Sequence[Any], named: Mapping[str, Any], made: Sequence[Tensor]
) -> int | None:
    """Return the multiply-adds of one operation, or None where they are not known.

    Parameters
    ----------
    name
        Of torch's function or method.
    args, named
        Its arguments.
    made
        The tensors that it returned.

    Examples
    --------
    >>> x, weight = torch.ones(5, 3), torch.ones(4, 3)
    >>> macs("linear", (x, weight), {}, [x @ weight.T])
    60
    >>> macs("relu_", (x,), {}, [x]), macs("fft", (x,), {}, [x])
    (15, None)
    """
    formula = FORMULAS.get(_plain(name))
    try:
        return None if formula is None else int(formula(made, *args, **named))
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, StopIteration):
        return None  # other arguments than the formula's


def _plain(name: str) -> str:
    """Return the name without what writes in place, and of an operator without its side."""
    if name.endswith("_") and not name.endswith("__"):
        return name[:-1]
    return name[1:] if name in _OPERATORS else name


_OPERATORS = {
    side + one
    for side in "ir"
    for one in ("add", "sub", "mul", "div", "truediv", "floordiv", "mod", "pow", "matmul")
}
_OPERATORS -= {"rmatmul"}  # whose factors come the other way round
_OPERATORS |= {side + one for side in "ir" for one in ("and", "or", "xor")}


def _free(made: Sequence[Tensor], *_: Any, **__: Any) -> int:
    return 0


def _by_element(made: Sequence[Tensor], *_: Any, **__: Any) -> int:
    return made[0].numel()


def _dropout(
    made: Sequence[Tensor],
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    *_: Any,
    **named: Any,
) -> int:
    return made[0].numel() if named.get("train", training) else 0


def _by_input(times: int) -> Callable[..., int]:
    def count(made: Sequence[Tensor], *args: Any, **named: Any) -> int:
        one = args[0] if args else next(iter(named.values()))
        return times * int(one.numel())

    return count


def _linear(made: Sequence[Tensor], input: Tensor, weight: Tensor, bias: Any = None) -> int:
    return made[0].numel() * weight.shape[-1]


def _bilinear(made: Sequence[Tensor], one: Tensor, two: Tensor, *_: Any, **__: Any) -> int:
    # First one number of the first input with the weights, then what that gave with the second.
    return made[0].numel() * two.shape[-1] * (one.shape[-1] + 1)


def _matmul(made: Sequence[Tensor], input: Tensor, other: Tensor, **_: Any) -> int:
    return made[0].numel() * input.shape[-1]


def _rmatmul(made: Sequence[Tensor], input: Tensor, other: Tensor) -> int:
    return _matmul(made, other, input)


def _added(made: Sequence[Tensor], input: Tensor, *factors: Any, **named: Any) -> int:
    names = (name for name in ("mat1", "batch1", "mat") if name in named)
    first: Tensor = factors[0] if factors else named[next(names)]
    return made[0].numel() * first.shape[-1]


def _convolution(made: Sequence[Tensor], input: Tensor, weight: Tensor, *_: Any, **__: Any) -> int:
    return made[0].numel() * math.prod(weight.shape[1:])


def _transposed(made: Sequence[Tensor], input: Tensor, weight: Tensor, *_: Any, **__: Any) -> int:
    return input.numel() * math.prod(weight.shape[1:])


def _attention(
    made: Sequence[Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *_: Any,
    **__: Any,
) -> int:
    pairs = math.prod(query.shape[:-1]) * key.shape[-2]
    return pairs * (query.shape[-1] + value.shape[-1])


def _multi_head(
    made: Sequence[Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *_: Any,
    **__: Any,
) -> int:
    """Count the projections in and out, and the two products between them; length comes first."""
    width = query.shape[-1]
    projected = query.numel() + key.numel() + value.numel() + query.numel()
    rows = math.prod(query.shape[1:-1])  # none without a batch
    return projected * width + 2 * query.shape[0] * key.shape[0] * rows * width


def _recurrent(made: Sequence[Tensor], data: Tensor, *rest: Any, **__: Any) -> int:
    # (data, hidden, weights, …), or (data, batch_sizes, hidden, weights, …) of packed sequences.
    packed = isinstance(rest[0], Tensor) and rest[0].dtype == torch.int64
    weights: Sequence[Tensor] = rest[2 if packed else 1]
    steps = data.shape[0] if packed else math.prod(data.shape[:-1])
    return steps * sum(one.numel() for one in weights if one.dim() > 1)


def _cell(made: Sequence[Tensor], data: Tensor, hidden: Any, *weights: Any) -> int:
    rows = math.prod(data.shape[:-1])
    return rows * sum(one.numel() for one in weights if isinstance(one, Tensor) and one.dim() > 1)


def _einsum(made: Sequence[Tensor], equation: str, *operands: Any) -> int:
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    given = equation.replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for letters, operand in zip(given, operands, strict=True):
        named = letters.replace("...", "")
        dots = [f".{at}" for at in range(len(named) - operand.dim(), 0)]  # from the right
        before = letters.partition("...")[0] if "..." in letters else named
        whole = [*before, *dots, *named[len(before) :]]
        for letter, length in zip(whole, operand.shape, strict=True):
            sizes[letter] = max(length, sizes.get(letter, 1))
    if len(operands) == 1:
        return operands[0].numel() if operands[0].numel() > made[0].numel() else 0
    if len(operands) > 2:  # noqa: PLR2004
        raise ValueError  # it depends on the order, which is opt_einsum's
    return math.prod(sizes.values())


def _window(kernel: Any, dimensions: int) -> int:
    return math.prod(kernel) if isinstance(kernel, (list, tuple)) else int(kernel) ** dimensions


def _pool(dimensions: int) -> Callable[..., int]:
    def count(made: Sequence[Tensor], input: Tensor, kernel_size: Any, *_: Any, **__: Any) -> int:
        kernel = kernel_size
        if isinstance(kernel, (list, tuple)) and len(kernel) == 1:
            kernel = kernel[0]
        return made[0].numel() * _window(kernel, dimensions)

    return count


def _whole(made: Sequence[Tensor], input: Tensor, *_: Any, **__: Any) -> int:
    # Windows of an adaptive pool overlap where sizes do not divide: each input counts once.
    return input.numel()


def _layer_norm(
    made: Sequence[Tensor],
    input: Tensor,
    normalized_shape: Any,
    weight: Any = None,
    *_: Any,
    **__: Any,
) -> int:
    return made[0].numel() * (3 + (weight is not None))


def _rms_norm(
    made: Sequence[Tensor],
    input: Tensor,
    normalized_shape: Any,
    weight: Any = None,
    *_: Any,
    **__: Any,
) -> int:
    return made[0].numel() * (2 + (weight is not None))


def _batch_norm(
    made: Sequence[Tensor],
    input: Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    *_: Any,
    **__: Any,
) -> int:
    # Scale and shift with weights and statistics are one multiply-add, whatever they are.
    return made[0].numel() * (3 if training else 1)


def _instance_norm(
    made: Sequence[Tensor],
    input: Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    *_: Any,
    **__: Any,
) -> int:
    return made[0].numel() * (3 if use_input_stats else 1)


def _group_norm(
    made: Sequence[Tensor],
    input: Tensor,
    num_groups: int,
    weight: Any = None,
    *_: Any,
    **__: Any,
) -> int:
    return made[0].numel() * (3 + (weight is not None))


def _interpolate(made: Sequence[Tensor], input: Tensor, *args: Any, **named: Any) -> int:
    mode = named.get("mode", args[2] if len(args) > 2 else "nearest")  # noqa: PLR2004
    if mode.startswith("nearest"):
        return 0
    if mode == "area":
        return input.numel()
    around = 4 if mode == "bicubic" else 2
    return made[0].numel() * int(around ** (made[0].dim() - 2))


def _grid_sample(
    made: Sequence[Tensor], input: Tensor, grid: Tensor, mode: str = "bilinear", *_: Any, **__: Any
) -> int:
    around = {"nearest": 0, "bilinear": 2, "bicubic": 4}[mode]
    return made[0].numel() * int(around ** (made[0].dim() - 2))


def _bag(made: Sequence[Tensor], input: Tensor, weight: Tensor, *_: Any, **__: Any) -> int:
    return input.numel() * weight.shape[-1]


def _distances(made: Sequence[Tensor], one: Tensor, *_: Any, **__: Any) -> int:
    return made[0].numel() * one.shape[-1]


FORMULAS: dict[str, Callable[..., int]] = {
    **dict.fromkeys(FREE, _free),
    **dict.fromkeys(BY_ELEMENT, _by_element),
    **dict.fromkeys(BY_INPUT, _by_input(1)),
    **dict.fromkeys(_TWICE_BY_INPUT, _by_input(2)),
    **dict.fromkeys(_SOFTMAX, _by_input(3)),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"), _dropout),
    "linear": _linear,
    "bilinear": _bilinear,
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot", "vdot", "inner", "_grouped_mm"), _matmul),
    "rmatmul": _rmatmul,
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), _added),
    "einsum": _einsum,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    "scaled_dot_product_attention": _attention,
    "multi_head_attention_forward": _multi_head,
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu"), _recurrent),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _cell),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    **{f"{kind}_pool{n}d": _pool(n) for kind in ("max", "avg", "lp") for n in (1, 2, 3)},
    **{f"max_pool{n}d_with_indices": _pool(n) for n in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{n}d": _whole for kind in ("max", "avg") for n in (1, 2, 3)},
    "interpolate": _interpolate,
    "grid_sample": _grid_sample,
    "affine_grid": lambda made, *_, **__: made[0].numel() * (made[0].shape[-1] + 1),
    "embedding_bag": _bag,
    **dict.fromkeys(("cdist", "pairwise_distance"), _distances),
    **dict.fromkeys(("cosine_similarity", "normalize"), _by_input(3)),
}
