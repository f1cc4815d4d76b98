"""What a model computes outside of its layers: functions such as `F.relu`, sums, reshapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ALIASES = frozenset(
    {
        *("view", "reshape", "flatten", "ravel", "unflatten", "squeeze", "unsqueeze"),
        *("view_as", "reshape_as", "type_as", "expand", "expand_as", "contiguous", "clone"),
        *("detach", "to", "float", "double", "half", "bfloat16", "type", "requires_grad", "data"),
        *("cpu", "cuda", "retain_grad", "real", "positive", "resolve_conj", "resolve_neg"),
    }
)
"""Functions whose result holds its argument's values in the same order, if it has as many."""

MOVING = frozenset(
    {
        *("getitem", "setitem", "transpose", "permute", "swapaxes", "swapdims", "movedim"),
        *("moveaxis", "t", "T", "mT", "H", "mH", "adjoint", "chunk", "split", "tensor_split"),
        *("split_with_sizes", "hsplit", "vsplit", "unbind", "select", "narrow", "diagonal"),
        *("index_select", "gather", "take_along_dim", "repeat", "tile", "repeat_interleave"),
        *("expand", "expand_as", "broadcast_to", "flip", "fliplr", "flipud", "roll", "rot90"),
        *("stack", "hstack", "vstack", "dstack", "pad", "pixel_shuffle", "pixel_unshuffle"),
        *("channel_shuffle", "unfold", "masked_fill", "masked_scatter", "where", "tril", "triu"),
        *("index_put", "index_copy", "index_fill", "scatter", "select_scatter", "slice_scatter"),
        *("embedding", "diag", "diag_embed", "copy", "fill", "zero", "zeros_like", "ones_like"),
        *("full_like", "new_zeros", "new_ones", "new_full", "max_unpool1d", "max_unpool2d"),
        *("max_unpool3d", "cat", "unsqueeze", "view", "reshape", "flatten", "broadcast_tensors"),
        *("as_strided", "view_as", "reshape_as", "atleast_2d", "atleast_3d", "contiguous"),
        *("block_diag", "cartesian_prod", "meshgrid", "masked_select", "take"),
    }
)
"""Functions that only choose and move values, or fill in constants."""

SUMS: dict[str, int] = {
    "matmul": 0, "mm": 0, "bmm": 0, "mv": 0, "dot": 0, "inner": 0, "vdot": 0, "tensordot": 0,
    "einsum": 1, "addmm": 1, "addmv": 1, "baddbmm": 1, "addbmm": 1, "bilinear": 0, "cross": 0,
    "scaled_dot_product_attention": 2, "interpolate": 0, "upsample": 0, "grid_sample": 0,
    "sum": 0, "cumsum": 0, "fold": 0, "diff": 0, "nansum": 0, "trace": 0, "outer": 0,
    "index_add": 3, "scatter_add": 3, "embedding_bag": 1, "spmm": 1, "sparse_mm": 1, "smm": 1,
}  # fmt: skip
"""Functions whose result is a weighted sum of one of their arguments' values: which it is."""

VALUES = frozenset(
    {
        *("rsqrt", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "neg", "abs", "sin"),
        *("cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "square", "reciprocal", "sign"),
        *("erf", "erfc", "floor", "ceil", "round", "trunc", "frac", "clamp", "clip", "clamp_min"),
        *("clamp_max", "pow", "softshrink", "hardshrink", "tanhshrink", "threshold", "logit"),
        *("nan_to_num", "exp2", "sinc", "rsub", "maximum", "minimum", "fmax", "fmin", "atan2"),
        *("remainder", "fmod", "add", "sub", "mul", "div", "addcmul", "addcdiv", "lerp", "rpow"),
        *("absolute", "negative", "floor_divide", "hypot", "logaddexp", "xlogy", "rdiv", "sgn"),
        *("asinh", "acosh", "atanh", "arctan", "arcsin", "arccos", "arctan2", "float_power"),
        *("heaviside", "copysign", "celu", "rrelu", "mish", "relu", "sigmoid", "tanh", "expit"),
    }
)
"""Functions of one value of each of their arguments, broadcast against each other."""

REDUCTIONS = frozenset(
    {
        *("max", "min", "amax", "amin", "norm", "vector_norm", "std", "var", "logsumexp", "prod"),
        "median",
    }
)
"""Functions of all values along some dimensions."""

_WINDOW = ("input", "kernel_size", "stride", "padding")
_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = (*_CONVOLUTION[:5], "output_padding", "groups", "dilation")
_PARAMETERS: dict[str, tuple[str, ...]] = {
    **{f"conv{n}d": _CONVOLUTION for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _TRANSPOSED for n in (1, 2, 3)},
    **{f"max_pool{n}d": (*_WINDOW, "dilation", "ceil_mode") for n in (1, 2, 3)},
    **{
        f"avg_pool{n}d": (*_WINDOW, "ceil_mode", "count_include_pad", "divisor_override")
        for n in (1, 2, 3)
    },
    **{
        f"adaptive_{kind}_pool{n}d": ("input", "output_size")
        for kind in ("avg", "max")
        for n in (1, 2, 3)
    },
    "embedding": ("input", "weight"),
    "linear": ("input", "weight", "bias"),
    "softmax": ("input", "dim"),
    "log_softmax": ("input", "dim"),
    "leaky_relu": ("input", "negative_slope"),
    "elu": ("input", "alpha"),
    "celu": ("input", "alpha"),
    "gelu": ("input",),
    "softplus": ("input", "beta", "threshold"),
    "hardtanh": ("input", "min_val", "max_val"),
    "prelu": ("input", "weight"),
    "dropout": ("input", "p", "training"),
    "batch_norm": (
        *("input", "running_mean", "running_var", "weight", "bias"),
        *("training", "momentum", "eps"),
    ),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
    "cat": ("tensors", "dim"),
    "mean": ("input", "dim", "keepdim"),
    "instance_norm": (
        *("input", "running_mean", "running_var", "weight", "bias"),
        *("use_input_stats", "momentum", "eps"),
    ),
    "rms_norm": ("input", "normalized_shape", "weight", "eps"),
    "silu": ("input",),
    "glu": ("input", "dim"),
    "normalize": ("input", "p", "dim", "eps"),
    "add": ("input", "other"),
    "sub": ("input", "other"),
    "mul": ("input", "other"),
    "div": ("input", "other"),
}

# Operators, their in-place kin, and other names of the same.
_PLAIN = {
    "radd": "add",
    "iadd": "add",
    "isub": "sub",
    "rmatmul": "matmul",
    "rmul": "mul",
    "imul": "mul",
    "multiply": "mul",
    "truediv": "div",
    "itruediv": "div",
    "true_divide": "div",
    "concat": "cat",
    "concatenate": "cat",
    "subtract": "sub",
    "feature_dropout": "dropout",
    "dropout1d": "dropout",
    "dropout2d": "dropout",
    "dropout3d": "dropout",
    "ipow": "pow",
    "rtruediv": "rdiv",
    "swish": "silu",
}


def plain_name(function: Callable[..., object]) -> str:
    """Return what a function of torch is called, whichever of its forms it is.

    Examples
    --------
    >>> plain_name(torch.Tensor.__iadd__), plain_name(torch.relu_)
    ('add', 'relu')
    >>> plain_name(torch.Tensor.mT.__get__)
    'mT'
    """
    name = getattr(function, "__name__", type(function).__name__)
    if name == "__get__":
        # A property, such as x.T or x.data.
        name = getattr(function.__self__, "__name__", name)  # type: ignore[attr-defined]  # has one
    name = name.strip("_").removeprefix("linalg_").removeprefix("special_")
    return _PLAIN.get(name, name)


def arguments(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by their names; those without a known name by their number."""
    names = _PARAMETERS.get(name, ("input",))
    named = {(names[i] if i < len(names) else str(i)): argument for i, argument in enumerate(args)}
    return {**named, **kwargs}


def dimensions_of(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], count: int
) -> set[int]:
    """Return along which of a tensor's dimensions a call takes values together.

    Examples
    --------
    >>> dimensions_of("amax", (None, -1), {}, 3), dimensions_of("norm", (None,), {}, 2)
    ({2}, {0, 1})
    """
    # The order of a norm comes first.
    at = 2 if name in {"norm", "vector_norm", "normalize"} else 1
    given = kwargs.get("dim", kwargs.get("axis"))
    if given is None and len(args) > at:
        several = name in {"mean", "sum"} and isinstance(args[at], int)
        given = args[at:] if several else args[at]
    if name == "normalize" and given is None:
        given = 1
    if isinstance(given, bool) or given is None or (isinstance(given, (tuple, list)) and not given):
        return set(range(count))
    dims = given if isinstance(given, (tuple, list)) else (given,)
    whole = {one % count for one in dims if type(one) is int and -count <= one < count}
    return whole or set(range(count))
