"""Which operation of a model raised an error, and on what: the tracer follows it there again."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import PackedSequence

from dl_lab.errors import InputError, said
from dl_lab.nets.graph.trace import copied, trace
from dl_lab.probe.modules import is_compiled, original
from dl_lab.probe.untouched import untouched

if TYPE_CHECKING:
    from torch import nn

    from dl_lab.nets.graph.nodes import Failure


def failed_operation(error: BaseException, model: nn.Module, inputs: object) -> Failure | None:
    """Run a model that raised an error once more, and return where in it that was.

    Afterwards the model is as before. An error that does not come again, word for word, is told
    otherwise.

    Parameters
    ----------
    error
        What ``model(inputs)`` raised.
    model, inputs
        As in the step.

    Returns
    -------
    Failure or None
        None where no operation of torch's raised it.

    Examples
    --------
    >>> from torch import nn
    >>> class Scores(nn.Module):
    ...     def forward(self, x):
    ...         return x @ x
    >>> model, x = Scores(), torch.ones(4, 8)
    >>> try:
    ...     model(x)
    ... except RuntimeError as error:
    ...     failure = failed_operation(error, model, x)
    >>> failure.name, failure.shapes
    ('matmul', ((4, 8),))
    """
    if is_compiled(model) or not isinstance(error, Exception):
        return None
    arguments: tuple[Any, ...] = (inputs,)
    named: dict[str, Any] = {}
    if isinstance(inputs, Mapping):
        arguments, named = (), {str(name): value for name, value in inputs.items()}
    elif isinstance(inputs, (tuple, list)) and not isinstance(inputs, PackedSequence):
        arguments = tuple(inputs)
    inner = original(model)
    # What the model holds may be nothing that could be put back.
    with contextlib.suppress(InputError), untouched(inner), torch.enable_grad():
        failure = trace(inner, copied(list(arguments)), copied(named)).failure
        same = failure is not None and (type(failure.error), said(failure.error)) == (
            type(error),
            said(error),
        )
        if failure is not None and same and failure.name:
            return failure
    return None
