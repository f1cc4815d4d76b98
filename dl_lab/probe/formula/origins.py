"""Which units of earlier layers the values come from that a formula is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from dl_lab.probe.formula.explanation import Link
from dl_lab.probe.layer import turned, units_of_flat

if TYPE_CHECKING:
    from torch import Tensor

    from dl_lab.probe.call import Origin
    from dl_lab.probe.capture import Capture
    from dl_lab.probe.formula.inside import Step
    from dl_lab.probe.layer import Layer


class Origins:
    """Where the inputs of a layer come from, value by value.

    Parameters
    ----------
    seen
        What was captured.
    layer
        One of its layers.
    """

    def __init__(self, seen: Capture, layer: Layer) -> None:
        self.seen = seen
        self.layer = layer
        self._numbered: dict[int, Tensor] = {}

    def numbers(self, which: int, channels_last: bool = False) -> Tensor:
        """Return how many values of an input lie before each of them, in the input's shape."""
        if which not in self._numbered:
            given = self.layer.inputs[which]
            self._numbered[which] = torch.arange(given.numel()).reshape(given.shape)
        found = self._numbered[which]
        return turned(found) if channels_last else found

    def links(self, which: int, flat: Tensor, shares: Tensor) -> tuple[Link, ...]:
        """Return what each unit of the layer before adds, the largest shares first.

        Parameters
        ----------
        which
            Of the layer's inputs.
        flat
            Which of its values, as `numbers` counts them.
        shares
            What each of them adds.
        """
        return self.links_of(self.layer.origins[which], flat, shares, self.layer.inputs[which])

    def links_of(
        self, origin: Origin, flat: Tensor, shares: Tensor, given: Tensor | None = None
    ) -> tuple[Link, ...]:
        """Return the links of values of a tensor from that origin."""
        found = self.resolve(origin, flat.flatten(), given)
        if found is None:
            return ()
        source, units = found
        each, order = torch.unique(units, return_inverse=True)
        sums = torch.zeros(len(each), dtype=torch.float64)
        sums.index_add_(0, order, shares.flatten().double().cpu())
        links = [
            Link(source, unit, share)
            for unit, share in zip(each.tolist(), sums.tolist(), strict=True)
        ]
        return tuple(sorted(links, key=lambda link: -abs(link.share)))

    def resolve(
        self, origin: Origin, flat: Tensor, given: Tensor | None
    ) -> tuple[int, Tensor] | None:
        """Return the layer that made some values, and which of its units each is of."""
        if not origin.shown:
            return None
        batch: int | None
        if origin.source >= 0:
            before = self.seen.layers[origin.source]
            made, batch, last = before.output, before.batch, before.channels_last
        else:
            made = self.seen.inputs[-1 - origin.source]
            batch, last = 0 if made.ndim else None, self.layer.channels_last
        if made is None or (given is not None and made.numel() != given.numel()):
            return None
        return origin.source, units_of_flat(flat, tuple(made.shape), batch, last)

    def within(self, step: Step) -> Inner:
        """Return the origins of what a layer does within itself."""
        return Inner(self, step)


class Inner(Origins):
    """Where the inputs of a step within a layer come from: those of other steps from nowhere."""

    def __init__(self, outer: Origins, step: Step, layer: Layer | None = None) -> None:
        self._outer = outer
        self._step = step
        super().__init__(outer.seen, layer or outer.layer)

    def of(self, layer: Layer) -> Inner:
        """Return the origins of one of the steps."""
        return Inner(self._outer, self._step, layer)

    def resolve(
        self, origin: Origin, flat: Tensor, given: Tensor | None
    ) -> tuple[int, Tensor] | None:
        """Return the layer that made some values, and which of its units each is of."""
        if origin.source >= 0 or not origin.shown:
            return None
        own = self._step.inputs[-1 - origin.source]
        outer = self._outer
        for which, one in enumerate(outer.layer.inputs):
            if one is own:
                return outer.resolve(outer.layer.origins[which], flat, given)
        return None
