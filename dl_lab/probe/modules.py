"""Which of a model's modules are layers, and what they are called."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import UninitializedBuffer

from dl_lab.nets.graph.modules import named_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

# These have children, but call them in a way of their own.
_WHOLE = (nn.MultiheadAttention,)
_COMPILED = "_orig_mod"


def original(model: nn.Module) -> nn.Module:
    """Return the module that `torch.compile` was given, or the model itself.

    Examples
    --------
    >>> linear = nn.Linear(1, 1)
    >>> original(torch.compile(linear)) is linear
    True
    """
    inner = model.__dict__.get("_modules", {}).get(_COMPILED)
    return inner if isinstance(inner, nn.Module) else model


def every_module(model: nn.Module) -> list[nn.Module]:
    """Return a module and all within it, each once: as `nn.Module.modules`, in a fifth of the time.

    Examples
    --------
    >>> relu = nn.ReLU()
    >>> [type(one).__name__ for one in every_module(nn.Sequential(relu, nn.Sequential(relu)))]
    ['Sequential', 'ReLU', 'Sequential']
    """
    found: dict[int, nn.Module] = {}
    waiting = [model]
    while waiting:
        module = waiting.pop()
        if id(module) not in found:
            found[id(module)] = module
            children = module._modules  # noqa: SLF001
            if children:
                waiting += [one for one in reversed(children.values()) if one is not None]
    return list(found.values())


def parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return a module's parameters, each once: `nn.Module.parameters`, in a fifth of the time.

    Examples
    --------
    >>> linear = nn.Linear(1, 1)
    >>> len(parameters(nn.Sequential(linear, nn.ReLU(), linear)))
    2
    """
    found = {
        id(parameter): parameter
        for module in every_module(model)
        for parameter in module._parameters.values()  # noqa: SLF001
        if parameter is not None
    }
    return list(found.values())


def is_compiled(model: nn.Module) -> bool:
    """Tell whether any part of the model runs through `torch.compile`."""
    return any(
        _COMPILED in module._modules or module._compiled_call_impl is not None  # noqa: SLF001
        for module in every_module(model)
    )


def is_torchs(module: nn.Module) -> bool:
    """Tell whether a module is of a class that torch itself brings."""
    return type(module).__module__.startswith("torch.nn.")


def is_plain(module: nn.Module) -> bool:
    """Tell whether calling a module is nothing but calling its `forward`, a method of its class."""
    # As torch itself asks before it takes the short way.
    hooked = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks  # noqa: SLF001
    return not (
        hooked
        or module._backward_pre_hooks  # noqa: SLF001
        or module._compiled_call_impl is not None  # noqa: SLF001
        or "forward" in vars(module)
        or (not is_torchs(module) and is_keras(module))
    )


def is_keras(model: nn.Module) -> bool:
    """Tell whether it is a Keras model or layer, which on the torch backend is a module too."""
    return any(base.__module__.partition(".")[0] == "keras" for base in type(model).__mro__)


def is_waiting(model: nn.Module) -> bool:
    """Tell whether a model holds lazy layers, which their first input will initialize.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> is_waiting(nn.Sequential(nn.LazyBatchNorm1d()))
    True
    """
    return any(
        isinstance(module, LazyModuleMixin) and module.has_uninitialized_params()
        for module in every_module(model)
    )


def copied(model: nn.Module) -> nn.Module:
    """Return a deep copy, of lazy layers too: torch itself cannot copy their buffers.

    Examples
    --------
    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> is_waiting(copied(nn.LazyBatchNorm1d()))
    True
    """
    waiting = {
        id(buffer): UninitializedBuffer(device=buffer.device, dtype=buffer.dtype)  # type: ignore[call-arg]  # not in its stub
        for module in every_module(model)
        for buffer in module._buffers.values()  # noqa: SLF001
        if isinstance(buffer, UninitializedBuffer)
    }
    return copy.deepcopy(model, waiting)


def layers(model: nn.Module) -> dict[nn.Module, str]:
    """Return the modules that compute something themselves, with the paths that lead to them.

    Parameters
    ----------
    model
        Modules that only call others are not layers. Of a module that stands in several places
        the first counts; one that `torch.compile` wraps goes by the name of its wrapper.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.ReLU(), nn.Flatten()))
    >>> list(layers(model).values())
    ['0', '1.0', '1.1']
    """
    if is_keras(model):
        return dict(_keras_layers(model))
    found = {}
    inside: list[str] = []
    for path, module in named_modules(model):
        if inside and path.startswith(tuple(inside)):
            continue
        if module._modules:  # noqa: SLF001  # quicker than named_children(), for each look
            if not isinstance(module, _WHOLE) and module._modules.keys() != {"parametrizations"}:  # noqa: SLF001
                continue
            if path:
                inside.append(f"{path}.")
        elif not path and not type(module).__module__.startswith("torch."):
            # A model of functions alone.
            continue
        found[module] = path or type(module).__name__
    return found


def _keras_layers(model: Any) -> Iterator[tuple[nn.Module, str]]:  # noqa: ANN401  # Keras has no types
    # named_modules() does not list the layers of Sequential and Functional.
    for layer in model._flatten_layers(include_self=False):  # noqa: SLF001
        if not list(layer._flatten_layers(include_self=False)):  # noqa: SLF001
            yield layer, layer.name
