"""What is wrong with a model, its data or its loss, told so that a person can fix it."""

from __future__ import annotations

import contextlib
import inspect
import pickle

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.optim import Optimizer

from dl_lab.errors import InputError, said
from dl_lab.train.batches.structure import described, rows
from dl_lab.train.diagnosis.forward import explain_forward
from dl_lab.train.diagnosis.loss import check_pairwise, explain_loss, loss_name
from dl_lab.train.diagnosis.place import detail_of, frames, name_of, own_function, release

WHERE = ("batch", "forward", "loss", "backward", "update", "metric")


def check_model(model: object) -> None:
    """Refuse what cannot be trained.

    Raises
    ------
    InputError
        No module, one without parameters or with frozen ones alone, or with layers that wait for
        their first input to know their size.

    Examples
    --------
    >>> check_model(nn.Linear(2, 1))
    >>> check_model(nn.ReLU())
    Traceback (most recent call last):
    dl_lab.errors.InputError: ReLU has no parameters, so there is nothing to train. Give the model \
layers that have weights, such as nn.Linear or nn.Conv2d.
    """
    if inspect.isclass(model):
        raise InputError("model_class", given=model.__name__)
    if not isinstance(model, nn.Module):
        raise InputError("not_model", given=described(model))
    name = type(model).__name__
    check_sizes(model)
    if not any(True for _ in model.parameters()):
        hidden = _hidden(model)
        if hidden:
            raise InputError("hidden_layers", name=name, attribute=hidden)
        raise InputError("no_parameters", name=name)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("all_frozen", name=name)


def check_sizes(model: nn.Module) -> None:
    """Refuse layers that wait for their first input to know their size.

    Examples
    --------
    >>> check_sizes(nn.Linear(2, 1))
    """
    for module in model.modules():
        waiting = module.parameters(recurse=False)
        if any(isinstance(parameter, UninitializedParameter) for parameter in waiting):
            raise InputError("lazy_layer", layer=name_of(module, model))


def _hidden(model: nn.Module) -> str | None:
    """Return the attribute in which layers lie where PyTorch does not look for them."""
    for name, value in vars(model).items():
        if not name.startswith("_") and isinstance(value, (list, tuple, dict)):
            items = value.values() if isinstance(value, dict) else value
            if any(isinstance(item, nn.Module) for item in items):
                return f"self.{name}"
    return None


def check_optimizer(model: nn.Module, optimizer: object) -> None:
    """Refuse an optimizer that would leave the model as it is.

    Raises
    ------
    InputError
        No optimizer, or one that has none of the model's parameters.

    Examples
    --------
    >>> model = nn.Linear(2, 1)
    >>> check_optimizer(model, torch.optim.SGD(model.parameters()))
    """
    if inspect.isclass(optimizer):
        raise InputError("optimizer_class", given=optimizer.__name__)
    if not isinstance(optimizer, Optimizer):
        raise InputError("not_optimizer", given=described(optimizer))
    ours = {id(parameter) for parameter in model.parameters()}
    theirs = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not any(id(parameter) in ours for parameter in theirs):
        raise InputError(
            "other_parameters",
            optimizer=type(optimizer).__name__,
            model=type(model).__name__,
            count=len(theirs),
        )


def check_loss(value: object, outputs: object, targets: object, loss: object = None) -> None:
    """Refuse a loss from which nothing can be learnt.

    Parameters
    ----------
    value, outputs, targets
        What the loss returned, and for what.
    loss
        Which it was, where outputs and targets of different shapes are to be refused too.

    Raises
    ------
    InputError
        Several numbers, none, or one that does not depend on the parameters.

    Examples
    --------
    >>> outputs = nn.Linear(2, 1)(torch.ones(3, 2))
    >>> check_loss(outputs.square().mean(), outputs, torch.zeros(3, 1))
    >>> try:
    ...     check_loss(outputs.square(), outputs, torch.zeros(3, 1))
    ... except InputError as error:
    ...     print(error.key)
    loss_vector
    """
    if not isinstance(value, Tensor):
        raise InputError("loss_kind", given=described(value))
    if value.numel() != 1:
        raise InputError("loss_vector", given=described(value))
    if not value.requires_grad:
        known = isinstance(outputs, Tensor) and outputs.requires_grad
        raise InputError("loss_detached" if known else "outputs_detached")
    if loss is not None:
        check_pairwise(loss, outputs, targets)


def check_metric(name: str, value: object) -> None:
    """Refuse a metric that is not one number.

    Examples
    --------
    >>> check_metric("mae", torch.tensor(1.0))
    """
    if isinstance(value, Tensor):
        if value.numel() == 1 and not value.is_complex():
            return
    elif isinstance(value, (int, float)):
        with contextlib.suppress(OverflowError):  # an integer beyond 1e308
            float(value)
            return
    raise InputError("metric_kind", name=name, given=described(value))


def check_value(loss: object) -> None:
    """Refuse a loss that is not one number, where nothing is to be learnt from it.

    Examples
    --------
    >>> check_value(torch.tensor(0.5))
    """
    if isinstance(loss, Tensor) and loss.numel() != 1:
        raise InputError("loss_vector", given=described(loss))


def explain(  # one return for each place
    error: BaseException,
    *,
    model: nn.Module | None,
    loss: object,
    inputs: object = None,
    outputs: object = None,
    targets: object = None,
    where: str,
    name: str | None = None,
) -> InputError:
    """Return the sentence for what was raised in a training step.

    Parameters
    ----------
    error
        What was raised. It becomes the sentence's cause.
    model, loss, inputs, outputs, targets
        Of that step, as far as it came.
    where
        In which part: one of `WHERE`.
    name
        The metric's, if it was one.

    Returns
    -------
    InputError
        `error` itself if it is one.

    Examples
    --------
    >>> model, x = nn.Linear(5, 2), torch.ones(4, 3)
    >>> try:
    ...     model(x)
    ... except RuntimeError as error:
    ...     print(explain(error, model=model, loss=None, inputs=x, where="forward"))
    model = Linear(in_features=5, out_features=2, bias=True) takes 5 numbers in the last \
dimension, but its input, tensor [4, 3] float32, has 3. Make the two equal.
    """
    if isinstance(error, InputError):
        return error
    sentence = _memory(error, model, inputs) or _gpu(error)
    if sentence is None:
        if where == "batch":
            sentence = _batch(error)
            # They hold the loader's iterator: left to the garbage collector in a cycle with them,
            # its workers take 5 s to end, in whichever thread that happens.
            release(error)
        elif where == "forward" and model is not None:
            sentence = explain_forward(error, model, inputs)
        elif where == "loss":
            # A loss may be or call a module of its own: another one than the model.
            sentence = explain_loss(error, loss, outputs, targets)
        elif where == "backward":
            sentence = _backward(error, loss, outputs, targets)
        elif where == "metric":
            sentence = InputError(
                "metric_failed",
                name=name or own_function(error),
                kind=type(error).__name__,
                detail=detail_of(error),
                outputs=described(outputs),
                targets=described(targets),
            )
    if sentence is None:
        sentence = InputError("step_failed", kind=type(error).__name__, detail=detail_of(error))
    sentence.__cause__ = error
    return sentence


def _memory(error: BaseException, model: nn.Module | None, inputs: object) -> InputError | None:
    text = said(error)
    full = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in text or "can't allocate memory" in text)
    )
    if not full:
        return None
    # The frames hold the very tensors that fill the memory.
    release(error)
    parameter = None if model is None else next(model.parameters(), None)
    device = "cpu" if parameter is None else parameter.device
    return InputError("out_of_memory", device=device, rows=rows(inputs))


def _gpu(error: BaseException) -> InputError | None:
    return InputError("gpu_assert") if "device-side assert" in said(error) else None


def _batch(error: BaseException) -> InputError:
    text = said(error)
    kind, detail = type(error).__name__, detail_of(error)
    places = [str(frame.f_globals.get("__name__", "")) for frame, _ in frames(error)]
    # A tensor comes from a worker over a socket, which breaks when the worker is killed.
    broken = isinstance(error, (ConnectionError, EOFError, FileNotFoundError)) and any(
        place.startswith("multiprocessing.") for place in places
    )
    if broken or (isinstance(error, RuntimeError) and text.startswith("DataLoader worker")):
        return InputError("worker_died", detail=detail or kind)
    if isinstance(error, pickle.PicklingError) or "pickle" in text:
        return InputError("worker_unpickled", detail=detail)
    joining = any(place.endswith("_utils.collate") for place in places)
    if joining or "_utils/collate.py" in text:
        key = "collate_kind" if isinstance(error, TypeError) else "collate_shapes"
        return InputError(key, detail=detail)
    return InputError("data_failed", kind=kind, detail=detail)


def _backward(
    error: BaseException, loss: object, outputs: object, targets: object
) -> InputError | None:
    text = said(error)
    if "backward through the graph a second time" in text:
        return InputError("graph_twice")
    if "modified by an inplace operation" in text:
        return InputError("in_place")
    if isinstance(outputs, Tensor) and isinstance(targets, Tensor) and "dtype" in text:
        return InputError(
            "float_targets",
            loss=loss_name(loss),
            outputs=described(outputs),
            targets=described(targets),
        )
    return None
