"""What people give to be differentiated: networks, functions and expressions, as a `Problem`."""

from __future__ import annotations

import ast
import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F  # noqa: N812 - as everyone calls it

from dl_lab.errors import InputError, shown
from dl_lab.probe.untouched import untouched
from dl_lab.theory.backprop import Problem

Loss = Callable[[Any, Tensor], Tensor]

FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "exp": torch.exp,
    "log": torch.log,
    "sin": torch.sin,
    "cos": torch.cos,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "max": torch.maximum,
    "min": torch.minimum,
    "sum": torch.sum,
    "mean": torch.mean,
}
"""What an expression may call."""

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.MatMult, ast.USub, ast.UAdd)


def given_problem(function: object, inputs: Sequence[object], loss: Loss | None) -> Problem:
    """Read what a person wants differentiated.

    Parameters
    ----------
    function
        A network, anything that can be called with tensors, or an expression as text.
    inputs
        What it is called with. A network's last one is the targets, if there are two or more; so
        is a function's where there is a loss.
    loss
        Called as ``loss(output, targets)``. None is the cross-entropy for whole numbers, else the
        mean squared error, for a network with targets.

    Raises
    ------
    InputError
        What was given is none of these.

    Examples
    --------
    >>> problem = given_problem("sigmoid(w * x)", [0.0, 2.0], None)
    >>> problem.function(problem.values)
    tensor(0.5000, dtype=torch.float64)
    """
    if isinstance(function, nn.Module):
        return _of_network(function, inputs, loss)
    if isinstance(function, str):
        called, names = expression(function)
        if len(inputs) != len(names):
            listed = ", ".join(names)
            raise InputError("backprop_inputs", count=len(names), names=listed, given=len(inputs))
    elif callable(function):
        called, names = function, _names(function, len(inputs))
    else:
        raise InputError("own_function", name="function", given=shown(function))
    values = _tensors(names, inputs, torch.float64, whole=names[-1] if loss is not None else None)
    fixed = [names[-1]] if loss is not None else []
    wanted = [name for name, value in values.items() if value.requires_grad] or list(values)
    trainable = [one for one in wanted if values[one].is_floating_point() and one not in fixed]

    def call(v: Mapping[str, Tensor]) -> Tensor:
        arguments = [v[name] for name in names]
        if loss is None:
            result: Tensor = called(*arguments)
            return result
        return loss(called(*arguments[:-1]), arguments[-1])

    return Problem(call, _detached(values), tuple(trainable), (), tuple(fixed), guard=_same_random)


def expression(text: str) -> tuple[Callable[..., Tensor], list[str]]:
    """Return a function for an expression, and the names of its arguments as they come up in it.

    Examples
    --------
    >>> function, names = expression("a * max(b, 0 * a)")
    >>> names, float(function(torch.tensor(3.0), torch.tensor(2.0)))
    (['a', 'b'], 6.0)
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _unreadable(text, str(error)) from None
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names: dict[str, int] = {}
    for node in ast.walk(tree):
        if not _is_plain(node):
            raise _unreadable(text, ast.unparse(node) or type(node).__name__)
        if isinstance(node, ast.Name) and id(node) not in called:
            names[node.id] = min(node.col_offset, names.get(node.id, node.col_offset))
    ordered = sorted(names, key=lambda name: names[name])
    code = compile(tree, "<expression>", "eval")

    def function(*values: Tensor) -> Tensor:
        known = {"__builtins__": {}, **FUNCTIONS, **dict(zip(ordered, values, strict=True))}
        result: Tensor = eval(code, known)  # noqa: S307 - nothing but arithmetic is left
        return result

    return function, ordered


def _is_plain(node: ast.AST) -> bool:
    """Tell whether a part of an expression is arithmetic, a number, a name or a known function."""
    if isinstance(node, ast.Call):
        known = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
        return known and not node.keywords
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, bool) and isinstance(node.value, (int, float))
    parts = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Name, ast.Load, *_ARITHMETIC)
    return isinstance(node, parts)


def _unreadable(text: str, detail: str) -> InputError:
    allowed = ", ".join(FUNCTIONS)
    return InputError("backprop_expression", given=shown(text), detail=detail, allowed=allowed)


def _of_network(model: nn.Module, inputs: Sequence[object], loss: Loss | None) -> Problem:
    weights = {name: one for name, one in model.named_parameters() if one.is_floating_point()}
    dtype = next((one.dtype for one in weights.values()), torch.get_default_dtype())
    has_targets = len(inputs) > 1 or loss is not None
    names = [f"x{i + 1}" if len(inputs) > 2 else "x" for i in range(len(inputs))]  # noqa: PLR2004
    if has_targets and names:
        names[-1] = "y"
    names = [name if name not in weights else f"input_{name}" for name in names]
    given = _tensors(names, inputs, dtype, whole="y")
    measure = loss or (_default_loss(given[names[-1]]) if has_targets and names else None)

    def call(v: Mapping[str, Tensor]) -> Tensor:
        own = {name: v[name] for name in weights}
        arguments = [v[name] for name in names]
        if measure is None:
            result: Tensor = functional_call(model, own, tuple(arguments))
            return result
        return measure(functional_call(model, own, tuple(arguments[:-1])), arguments[-1])

    values = _detached({**{n: v for n, v in given.items() if n != "y"}, **weights, **given})
    trainable = tuple(name for name, weight in weights.items() if weight.requires_grad)
    fixed = ("y",) if has_targets else ()
    return Problem(
        call, values, trainable, tuple(weights), fixed, guard=partial(_looking, model), rate=0.1
    )


def _default_loss(targets: Tensor) -> Loss:
    if not targets.is_floating_point():
        return F.cross_entropy

    def mean_squared_error(output: Any, y: Tensor) -> Tensor:  # noqa: ANN401 - a network's
        if isinstance(output, Tensor) and output.shape != y.shape:
            raise InputError("shapes", output=tuple(output.shape), target=tuple(y.shape))
        return F.mse_loss(output, y)

    return mean_squared_error


@contextlib.contextmanager
def _same_random() -> Iterator[None]:
    """Let whatever is drawn be the same each time: a difference quotient compares two runs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@contextlib.contextmanager
def _looking(model: nn.Module) -> Iterator[None]:
    with untouched(model), _same_random():
        yield


def _names(function: Callable[..., object], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of a function that C defines
        parameters = []
    plain = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    named = [one.name for one in parameters if one.kind in plain]
    return [named[i] if i < len(named) else f"x{i + 1}" for i in range(count)]


def _tensors(
    names: Sequence[str], inputs: Sequence[object], dtype: torch.dtype, *, whole: str | None
) -> dict[str, Tensor]:
    """Return tensors as they are, and what else holds numbers in a dtype.

    Those under the name `whole` may be whole numbers.
    """
    made = {}
    for name, given in zip(names, inputs, strict=True):
        try:
            value = torch.as_tensor(given)
        except Exception:  # noqa: BLE001 - whatever it is, it is not numbers
            raise InputError("backprop_tensor", name=name, given=shown(given)) from None
        if value.is_complex() or value.layout != torch.strided or value.numel() == 0:
            raise InputError("backprop_tensor", name=name, given=shown(given))
        if not isinstance(given, Tensor) and (value.is_floating_point() or name != whole):
            value = value.to(dtype)
        made[name] = value
    return made


def _detached(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in values.items()}
