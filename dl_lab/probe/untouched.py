"""Looking into a model leaves no trace: buffers, training flags and random states are put back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

import torch

from dl_lab.kept.objects import Kept
from dl_lab.kept.unchanged import may_write_parameters
from dl_lab.probe.looks.own_random import OTHERS_PUT_BACK, OwnRandom, seed_put_back
from dl_lab.probe.modules import every_module, is_keras, is_plain, is_torchs, parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

Mode = Literal["eval", "train"]


@contextlib.contextmanager
def untouched(model: nn.Module, mode: Mode | None = None) -> Iterator[None]:
    """Leave a model and all random generators as they are, whatever is computed meanwhile.

    Parameters
    ----------
    model
        Its buffers (such as the running statistics of batch normalization), its training flags,
        what else it and its parts hold (counters, carried hidden states), and the states of
        Python's, numpy's and torch's random generators are put back at the end. Parameters of
        torch's own layers are looked after where the code of a person's modules may write to them.
    mode
        ``"eval"`` or ``"train"`` for all its modules meanwhile; None leaves each as it is. The
        flags are set without `nn.Module.train`, which a class may have given effects of its own.

    Raises
    ------
    InputError
        The model holds a generator or an iterator that has begun: nothing puts that back.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.BatchNorm1d(2)
    >>> with untouched(model, "train"):
    ...     _ = model(torch.rand(8, 2))
    >>> model.running_mean
    tensor([0., 0.])
    """
    modules = every_module(model)
    kept = Kept({"model": model}, values=_all if may_write_parameters(modules) else _written)
    kept.check()
    flags = [module.training for module in modules]
    registers = [
        (module._buffers, dict(module._buffers))  # noqa: SLF001
        for module in modules
        if module._buffers  # noqa: SLF001
    ]
    copies: dict[int, Tensor] = {}
    for register, held in registers:
        # What is written goes into copies: what autograd has saved of the originals stays valid.
        for name, buffer in held.items():
            if buffer is not None:
                register[name] = copies.setdefault(id(buffer), buffer.detach().clone())
    if mode is not None:
        _set_flags(modules, [mode == "train"] * len(modules))
    try:
        with own_random(model), _keras_variables(model):
            yield
    finally:
        kept.put_back(if_changed=True)
        # Of Keras' layers nothing but their parameters is kept.
        _set_flags(modules, flags)


@contextlib.contextmanager
def own_random(model: nn.Module) -> Iterator[None]:
    """Leave all random generators as they are: only where a model may draw, for that takes time.

    Examples
    --------
    >>> from torch import nn
    >>> before = torch.get_rng_state()
    >>> with own_random(nn.Dropout()):
    ...     _ = torch.rand(3)
    >>> torch.equal(torch.get_rng_state(), before)
    True
    """
    modules = every_module(model)
    known = all(map(_is_torchs_own, modules))
    with contextlib.ExitStack() as undo:
        places = {one.device for one in parameters(model) if not (one.is_cpu or one.is_meta)}
        for place in places:
            undo.enter_context(torch.random.fork_rng([place.index or 0], device_type=place.type))
        if not known:
            undo.enter_context(seed_put_back())
            undo.enter_context(OTHERS_PUT_BACK)
        if not known or any(module.training for module in modules):
            undo.enter_context(OwnRandom())
        yield


def _is_torchs_own(module: nn.Module) -> bool:
    return is_torchs(module) and is_plain(module)


def _all(module: nn.Module, name: str) -> bool:
    return name in module._parameters  # noqa: SLF001


def _written(module: nn.Module, name: str) -> bool:
    # Buffers are not written to: they are replaced.
    return not is_torchs(module) and name in module._parameters  # noqa: SLF001


def _set_flags(modules: list[nn.Module], flags: list[bool]) -> None:
    for module, flag in zip(modules, flags, strict=True):
        # Setting an attribute of a module takes twenty times as long as reading one.
        if module.training is not flag:
            module.training = flag


@contextlib.contextmanager
def _keras_variables(model: nn.Module) -> Iterator[None]:
    """Put back what Keras keeps in parameters: running statistics, seeds."""
    if not is_keras(model):
        yield
        return
    kept = [(one, one.detach().clone()) for one in model.parameters() if not one.requires_grad]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, copy in kept:
                if not torch.equal(parameter, copy):
                    parameter.copy_(copy)


@contextlib.contextmanager
def weights_of(model: nn.Module, state: Mapping[str, Tensor] | None) -> Iterator[None]:
    """Let a model have other parameters and buffers for a while, and its own ones back afterwards.

    Parameters
    ----------
    model
        Nothing is written into its own tensors.
    state
        Tensors by their names in ``named_parameters()`` and ``named_buffers()``; names that the
        model does not have are left out. None changes nothing.

    Examples
    --------
    >>> from torch import nn
    >>> model = nn.Linear(1, 1, bias=False)
    >>> with weights_of(model, {"weight": torch.tensor([[2.0]])}):
    ...     model(torch.ones(1)).item()
    2.0
    """
    if state is None:
        yield
        return
    replaced: list[tuple[dict[str, Tensor | None], str, Tensor | None]] = []
    with contextlib.ExitStack() as undo:
        for path, module in model.named_modules(remove_duplicate=False):
            for register in (module._parameters, module._buffers):  # noqa: SLF001
                for name, own in register.items():
                    other = state.get(f"{path}.{name}" if path else name)
                    if own is not None and other is not None:
                        replaced.append((register, name, own))
                        register[name] = other.to(own.device, own.dtype)
        undo.callback(_put_back, replaced)
        yield


def _put_back(replaced: list[tuple[dict[str, Tensor | None], str, Tensor | None]]) -> None:
    for register, name, own in reversed(replaced):
        register[name] = own
