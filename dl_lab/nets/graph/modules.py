"""The modules of a model as a table: their parameters, who shares them, what stays unused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dl_lab.nets.graph.lines import line_of_function
from dl_lab.nets.graph.nodes import Graph, ModuleInfo, Note

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

_WRAPPED = "_orig_mod"  # what torch.compile calls the model in its own


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules by their names, without what `torch.compile` has wrapped around them."""
    for path, module in model.named_modules():
        yield _plain(path), module


def _plain(path: str) -> str:
    if _WRAPPED not in path:
        return path
    return ".".join(part for part in path.split(".") if part != _WRAPPED)


def is_scripted(module: nn.Module) -> bool:
    """Whether a module runs outside Python."""
    return isinstance(module, torch.jit.ScriptModule)


def is_wrapper(module: nn.Module) -> bool:
    """Whether a module is what `torch.compile` has wrapped around another one."""
    return _WRAPPED in module._modules  # noqa: SLF001


def described(
    modules: Sequence[tuple[str, nn.Module]],
    graph: Graph,
    node_of: Callable[[Tensor], int | None],
    lazy: Collection[str],
) -> dict[str, ModuleInfo]:
    """Return what there is to say of each module, by its name.

    Parameters
    ----------
    modules
        Of a model that has run, by their names.
    graph
        Of that pass.
    node_of
        The node of a parameter.
    lazy
        The modules whose parameters had no shapes before.
    """
    found = [(path, one) for path, one in modules if not is_wrapper(one)]
    names = _names(found)
    owners = _owners(found)
    owned = {id(module): _parameters(module) for _, module in found}
    unused = set(graph.unused)
    compiled = _inside_wrappers(modules)
    called: dict[str, int] = {}
    for call in graph.calls:
        called[call.module] = called.get(call.module, 0) + 1
    whole = _with_parts(found, owned)
    infos: dict[str, ModuleInfo] = {}
    for path, module in found:
        own = owned[id(module)]
        all_names = names[id(module)]
        infos[path] = ModuleInfo(
            path,
            type(module).__name__ if not is_scripted(module) else _scripted_name(module),
            sum(one.numel() for one in whole[id(module)].values()),
            sum(one.numel() for one in own),
            sum(one.numel() for one in whole[id(module)].values() if one.requires_grad),
            shared=len(all_names) > 1 or any(len(owners[id(one)]) > 1 for one in own),
            unused=any(node_of(one) in unused for one in own),
            calls=called.get(path, 0),
            line=line_of_function(getattr(type(module), "forward", None)),
            names=tuple(all_names) if len(all_names) > 1 else (),
            note=_note(path, module, lazy, compiled=id(module) in compiled),
            settings=_settings(module),
            kernel=_kernel(module),
            type=type(module),
        )
    return infos


def names_of_shared(
    modules: Sequence[tuple[str, nn.Module]], node_of: Callable[[Tensor], int | None]
) -> dict[int, tuple[str, ...]]:
    """Return all names of each parameter that has several, by its node."""
    found: dict[int, dict[str, None]] = {}
    for path, module in modules:
        for name, parameter in module._parameters.items():  # noqa: SLF001
            node = None if parameter is None else node_of(parameter)
            if node is not None:
                found.setdefault(node, {})[f"{path}.{name}" if path else name] = None
    return {node: tuple(names) for node, names in found.items() if len(names) > 1}


def _inside_wrappers(modules: Sequence[tuple[str, nn.Module]]) -> set[int]:
    return {
        id(module._modules[_WRAPPED])  # noqa: SLF001
        for _, module in modules
        if is_wrapper(module)
    }


def _names(found: list[tuple[str, nn.Module]]) -> dict[int, dict[str, None]]:
    """Return all names of each module, the first one first."""
    names: dict[int, dict[str, None]] = {id(module): {path: None} for path, module in found}
    for path, module in found:
        for name, part in module._modules.items():  # noqa: SLF001
            while part is not None and is_wrapper(part):
                part = part._modules[_WRAPPED]  # noqa: PLW2901, SLF001
            if part is not None and id(part) in names:
                names[id(part)][f"{path}.{name}" if path else name] = None
    return names


def _owners(found: list[tuple[str, nn.Module]]) -> dict[int, set[tuple[str, str]]]:
    owners: dict[int, set[tuple[str, str]]] = {}
    for path, module in found:
        for name, parameter in module._parameters.items():  # noqa: SLF001
            if parameter is not None:
                owners.setdefault(id(parameter), set()).add((path, name))
    return owners


def _parameters(module: nn.Module) -> list[Tensor]:
    own: dict[int, Tensor] = {}
    for one in module._parameters.values():  # noqa: SLF001
        if one is not None and not torch.nn.parameter.is_lazy(one):
            own[id(one)] = one
    return list(own.values())


def _with_parts(
    found: list[tuple[str, nn.Module]], owned: dict[int, list[Tensor]]
) -> dict[int, dict[int, Tensor]]:
    """Return the parameters of each module and its parts, each once."""
    whole: dict[int, dict[int, Tensor]] = {}

    def gather(module: nn.Module) -> dict[int, Tensor]:
        known = whole.get(id(module))
        if known is None:
            known = whole[id(module)] = {id(one): one for one in owned.get(id(module), [])}
            for part in list(module._modules.values()):  # noqa: SLF001
                if part is not None:
                    known.update(gather(part))
        return known

    for _, module in found:
        gather(module)
    return whole


def _note(path: str, module: nn.Module, lazy: Collection[str], *, compiled: bool) -> Note:
    if is_scripted(module):
        return "scripted"
    if compiled or getattr(module, "_compiled_call_impl", None) is not None:
        return "compiled"
    return "lazy" if path in lazy else ""


def _scripted_name(module: nn.Module) -> str:
    return str(getattr(module, "original_name", type(module).__name__))


def _settings(module: nn.Module) -> str:
    try:
        return str(module.extra_repr())
    except Exception:  # noqa: BLE001  # a person's own may raise anything; then nothing is said
        return ""


def _kernel(module: nn.Module) -> tuple[int, ...] | None:
    size = getattr(module, "kernel_size", None)
    if isinstance(size, int):
        return (size,)
    if isinstance(size, (tuple, list)) and all(isinstance(one, int) for one in size):
        return tuple(size)
    return None
