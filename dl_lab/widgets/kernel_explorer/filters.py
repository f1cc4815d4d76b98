"""Filters that go from a layer to a KernelExplorer and back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from dl_lab import forks
from dl_lab.errors import InputError
from dl_lab.filters.layer_filters import Kept, LayerFilters

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from dl_lab.train.trainer import Trainer

_MOST_UNDO = 100


class FilterExchange:
    """One layer, which of its filters was taken, and what writing has replaced in it."""

    def __init__(self, layer: nn.Module | None, trainer: Trainer | None) -> None:
        self._filters = None if layer is None else LayerFilters(layer)
        self._trainer = trainer
        self._lock = forks.opens(threading.RLock())
        self._taken: tuple[int, int | None] | None = None
        self._written: list[Kept] = []

    @property
    def filters(self) -> LayerFilters:
        """The layer's filters; raises InputError where there is no layer."""
        if self._filters is None:
            raise InputError("no_filter")
        return self._filters

    def settings(self, channels: int) -> dict[str, Any]:
        """Return how the layer lays its kernels over an image of so many channels."""
        if self._filters is None:
            return {}
        layer = self._filters.layer
        padding = layer.padding if isinstance(layer.padding, str) else layer.padding[0]
        return {
            "channels": "sum" if self._filters.channels == channels else "grey",
            "padding": 0 if padding == "valid" else padding,
            "padding_mode": layer.padding_mode,
            "stride": layer.stride[0],
            "dilation": layer.dilation[0],
            "display": "signed",
        }

    def take(self, index: object, channel: object, channels: int) -> tuple[Tensor, float]:
        """Return kernels [n, k, k] and the bias of a filter, for an image of so many channels."""
        filters = self.filters
        index, channel = filters.checked(index, channel)
        if channel is None and channels != filters.channels:
            raise InputError("filter_channels", wanted=filters.channels, given=channels)
        weight = filters.weight(index)
        with self._lock:
            self._taken = index, channel
        if channel is None:
            return weight, filters.bias(index)
        return weight[channel : channel + 1], 0.0

    def forget(self) -> None:
        """Take note that what is shown is not a filter of the layer any more."""
        with self._lock:
            self._taken = None

    def write(self, kernels: Tensor, bias: float) -> None:
        """Put kernels to where they were taken from, between two steps of the trainer."""
        filters = self.filters
        with self._lock:
            if self._taken is None:
                raise InputError("filter_not_taken")
            index, channel = self._taken

        def write() -> None:
            kept = filters.write(index, kernels, channel, bias if channel is None else None)
            with self._lock:
                self._written = [*self._written, kept][-_MOST_UNDO:]

        self._between_steps(write)

    def undo(self) -> None:
        """Put the filter that was written last back as it was."""
        filters = self.filters

        def undo() -> None:
            with self._lock:
                if not self._written:
                    raise InputError("filter_not_written")
                kept = self._written.pop()
            filters.restore(kept)

        self._between_steps(undo)

    def _between_steps(self, change: Callable[[], None]) -> None:
        # Without the lock: what asks for it does not wait for a step.
        if self._trainer is None:
            change()
        else:
            self._trainer.call(change).result()

    def state(self) -> dict[str, Any] | None:
        """Return what a view shows of it; None without a layer."""
        if self._filters is None:
            return None
        filters = self._filters
        with self._lock:
            index, channel = self._taken or (None, None)
            return {
                "layer": repr(filters.layer),
                "count": filters.count,
                "channels": filters.channels,
                "groups": filters.layer.groups,
                "size": filters.size,
                "filter": index,
                "channel": channel,
                "written": len(self._written),
            }
