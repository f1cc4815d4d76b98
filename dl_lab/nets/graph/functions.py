"""What torch's functions are called, and which of them write, read or compute nothing."""

from __future__ import annotations

from typing import Any

# These give back the tensor that they are called on, and compute nothing.
NO_OPERATION = frozenset({"requires_grad_", "retain_grad", "__set__"})
# What ``tensor.data = other`` calls.
SET_DATA = "set_data"
# These write into their first argument, or into what it was made of, and give back nothing.
WRITES = frozenset({"__setitem__", "__delitem__", "backward", SET_DATA})
# Numbers leave torch by these, into an array or into what Python decides by.
ARRAYS = frozenset({"numpy", "array", "dlpack"})
READS = ARRAYS | {"item", "tolist", "bool", "float", "int", "index", "complex", "contains"}
READS |= {"equal", "allclose", "is_nonzero"}

_IN_PLACE = frozenset({"iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul"})


def name_of(func: Any) -> str:  # noqa: ANN401
    """Return what a function of torch's is called, an operator or property by its plain name.

    Examples
    --------
    >>> import torch
    >>> name_of(torch.Tensor.__matmul__), name_of(torch.Tensor.T.__get__)
    ('matmul', 'T')
    """
    name: str = getattr(func, "__name__", type(func).__name__)
    if not name.startswith("__"):
        return name.partition(".")[0]  # exported programs call linear.default
    owner = str(getattr(getattr(func, "__self__", None), "__name__", name))
    if name == "__get__":  # such as Tensor.T
        return owner
    if name == "__set__":
        return SET_DATA if owner == "data" else name
    return name if name in WRITES else name.strip("_")


def in_place(name: str) -> bool:
    """Whether a function writes into its first argument and returns it.

    Examples
    --------
    >>> in_place("relu_"), in_place("relu"), in_place("iadd"), in_place("__setitem__")
    (True, False, True, False)
    """
    if name.endswith("_"):
        return not name.endswith("__")
    return name in _IN_PLACE
