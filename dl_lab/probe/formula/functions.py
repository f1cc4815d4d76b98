"""What a model computes outside of its layers: functions such as `F.relu`, sums, reshapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ALIASES = frozenset(
    {
        *("view", "reshape", "flatten", "ravel", "unflatten", "squeeze", "unsqueeze"),
        *(
            "contiguous",
            "clone",
            "detach",
            "to",
            "float",
            "double",
            "half",
            "type",
            "requires_grad",
        ),
        *("view_as", "expand", "get"),
    }
)
"""Functions whose result holds its argument's values in the same order."""

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
}


def plain_name(function: Callable[..., object]) -> str:
    """Return what a function of torch is called, whichever of its forms it is.

    Examples
    --------
    >>> plain_name(torch.Tensor.__iadd__), plain_name(torch.relu_)
    ('add', 'relu')
    """
    name = getattr(function, "__name__", type(function).__name__).strip("_")
    return _PLAIN.get(name, name)


def arguments(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by their names; those without a known name by their number."""
    names = _PARAMETERS.get(name, ("input",))
    if name == "mean" and len(args) > 1 and not isinstance(args[1], (list, tuple)):
        args = (args[0], args[1:]) if isinstance(args[-1], int) else args
    named = {(names[i] if i < len(names) else str(i)): argument for i, argument in enumerate(args)}
    return {**named, **kwargs}
