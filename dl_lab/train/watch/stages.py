"""The stages of a watched loop's steps, told by hooks on its model, optimizer and loader."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dl_lab.train.batches.structure import described, tensors
from dl_lab.train.steps.stages import StageClock

if TYPE_CHECKING:
    from torch.optim import Optimizer

_COST = 3e-5


class WatchedStages:
    """Measures the steps of a loop that nobody but its owner calls.

    A step ends with `Optimizer.step`. Of a step that is measured the model's forward pass, the
    first gradient that comes to its outputs, and the update are noted; without the loader, what
    lies between an update and the next forward pass counts as waiting for the batch. Between
    `open` and `close` two hooks stay on the optimizer; those of the model are there while a step
    is measured.

    Parameters
    ----------
    model, optimizer
        Of the loop.
    loader
        A DataLoader that the loop goes through; None where it is not known.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, loader: object = None) -> None:
        first = next(model.parameters(), None)
        self.clock = StageClock(None if first is None else first.device, _COST)
        self.batch = ""
        """What went into the model in the step that was measured last."""
        self.loader = loader
        self._model, self._optimizer = model, optimizer
        self._iterator: weakref.ref[Any] | None = None
        self._always: list[Any] = []
        self._hooks: list[Any] = []
        self._back = False
        # A subclass's step that calls its parent's has the hooks called for both.
        self._depth = 0
        self._times_loader = hasattr(loader, "_get_iterator")

    @property
    def iterator(self) -> object:
        """What the loop takes batches from; None where that is not known."""
        return None if self._iterator is None else self._iterator()

    def open(self) -> None:
        """Measure from the next update on."""
        if self.clock.watched == 0:
            self._depth = 0
            self._always = [
                self._optimizer.register_step_pre_hook(self._updates),
                self._optimizer.register_step_post_hook(self._updated),
            ]
            if self._times_loader:
                # Called each time that the loader is gone through.
                vars(self.loader)["_get_iterator"] = self._timed
        self.clock.open()

    def close(self) -> None:
        """Take the hooks off."""
        self.clock.close()
        if self.clock.watched == 0:
            for handle in self._always:
                handle.remove()
            self._unhook()
            if self._times_loader:
                vars(self.loader).pop("_get_iterator", None)

    def _timed(self) -> Iterator[Any]:
        loader: Any = self.loader
        inner = type(loader)._get_iterator(loader)  # noqa: SLF001  # what the instance would call
        self._iterator = weakref.ref(inner)
        return _Timed(inner, self)

    @property
    def measuring(self) -> StageClock | None:
        """The clock, while a step is measured."""
        return self.clock if self._hooks else None

    def again(self) -> None:
        """Count no pause into the times, and begin anew after a step that raised."""
        self._depth = 0
        self.clock.again()

    def _updates(self, *_: object) -> None:
        self._depth += 1
        if self._depth == 1 and self._hooks:
            self.clock.lap("backward")

    def _updated(self, *_: object) -> None:
        self._depth -= 1
        if self._depth > 0:
            return
        if self._hooks:
            self.clock.lap("update")
            self._unhook()
        if self.clock.next() is not None:
            self._back = False
            self._hooks = [
                self._model.register_forward_pre_hook(self._begins),
                self._model.register_forward_hook(self._answered),
            ]

    def _unhook(self) -> None:
        for handle in self._hooks:
            handle.remove()
        self._hooks = []

    def _begins(self, model: nn.Module, inputs: object) -> None:
        # Validation is no step.
        if model.training and torch.is_grad_enabled():
            self.clock.lap("rest" if self._times_loader else "wait")
            self.batch = described(inputs)

    def _answered(self, model: nn.Module, _: object, outputs: object) -> None:
        if not (model.training and torch.is_grad_enabled()):
            return
        self.clock.lap("forward")
        self._back = False
        for tensor in tensors(outputs):
            if tensor.requires_grad:
                tensor.register_hook(self._comes_back)  # type: ignore[no-untyped-call]  # torch has no types here
                break

    def _comes_back(self, gradient: Tensor) -> None:  # noqa: ARG002  # the hook's signature
        if self._hooks and not self._back:
            self._back = True
            self.clock.lap("loss")


class _Timed:
    """An iterator whose waiting is measured."""

    def __init__(self, inner: Iterable[Any], stages: WatchedStages) -> None:
        self._inner: Any = inner
        self._stages = stages

    def __iter__(self) -> _Timed:
        return self

    def __next__(self) -> Any:  # noqa: ANN401  # whatever a loader yields
        clock = self._stages.measuring
        if clock is None:
            return next(self._inner)
        clock.lap("rest")
        try:
            return next(self._inner)
        finally:
            clock.lap("wait")

    def __len__(self) -> int:
        return len(self._inner)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # as the loader's own has it
        return getattr(self._inner, name)
