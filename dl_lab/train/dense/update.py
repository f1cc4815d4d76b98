"""`RegularizedSGD`'s update on flat buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from dl_lab.train.dense.sgd import RegularizedSGD

Floats = npt.NDArray[np.float32]

_ZERO = np.zeros((), np.float32)


class DenseUpdate:
    """Update all parameters at once, by the settings that the optimizer has at that moment.

    Parameters
    ----------
    optimizer
        Read at each step: learning rate, regularization, rate. Its state shows the dead links.
    parameters
        The tensors it updates, views of `flat`.
    slices
        Where each lies in `flat`.
    flat, gradients
        f4 [count].
    """

    def __init__(
        self,
        optimizer: RegularizedSGD,
        parameters: Sequence[Tensor],
        slices: Sequence[slice],
        flat: Floats,
        gradients: Floats,
    ) -> None:
        self._optimizer = optimizer
        self._parameters = parameters
        self._slices = slices
        self._flat = flat
        self._gradients = gradients
        self._scaled, self._pulled, self._product = (np.empty_like(flat) for _ in range(3))
        self._crossed = np.empty(flat.shape, np.bool_)
        self._gone = np.empty(flat.shape, np.bool_)
        self._kind: str | None = None
        self._settings: tuple[str | None, float, float] | None = None
        self._lr = np.zeros((), np.float32)
        self._strength = np.zeros_like(flat)
        dead = torch.zeros(len(flat))
        self._dead: Floats = dead.numpy()
        self._shown = [
            dead[part].view_as(parameter)
            for parameter, part in zip(parameters, slices, strict=True)
        ]

    def fits(self) -> bool:
        """Whether all groups have the same settings, as one flat update needs."""
        first, *others = self._optimizer.param_groups
        return all(
            group[name] == first[name]
            for group in others
            for name in ("lr", "regularization", "regularization_rate")
        )

    def attach(self) -> None:
        """Take over dead links from the optimizer's state, and show ours there from now on."""
        self._settings = None
        self._kind = kind = self._optimizer.param_groups[0]["regularization"]
        regularized = {
            parameter
            for group in self._optimizer.param_groups
            if group["regularized"]
            for parameter in group["params"]
        }
        for parameter, shown in zip(self._parameters, self._shown, strict=True):
            if kind != "L1" or parameter not in regularized:
                self._optimizer.state.get(parameter, {}).pop("dead", None)
                shown.zero_()
                continue
            state = self._optimizer.state[parameter]
            dead = state.get("dead")
            if dead is not shown:
                if dead is None:
                    shown.zero_()
                else:
                    shown.copy_(dead)
                state["dead"] = shown

    def _settle(self, kind: str | None, lr: float, rate: float) -> None:
        if kind != self._kind:
            self.attach()
        self._settings = kind, lr, rate
        self._lr[...] = lr
        self._strength[:] = 0
        regularized = {
            parameter
            for group in self._optimizer.param_groups
            if group["regularized"]
            for parameter in group["params"]
        }
        for parameter, part in zip(self._parameters, self._slices, strict=True):
            if parameter in regularized:
                self._strength[part] = lr * rate

    def step(self) -> None:
        """Update by the gradients that are in the buffer now."""
        group = self._optimizer.param_groups[0]
        kind, lr, rate = group["regularization"], group["lr"], group["regularization_rate"]
        if self._settings != (kind, lr, rate):
            self._settle(kind, lr, rate)
        flat, scaled, pulled = self._flat, self._scaled, self._pulled
        np.multiply(self._gradients, self._lr, scaled)
        if kind is None:
            np.subtract(flat, scaled, flat)
            return
        if kind == "L2":
            np.multiply(flat, self._strength, pulled)
            np.subtract(flat, scaled, flat)
            np.subtract(flat, pulled, flat)
            return
        np.sign(flat, pulled)
        np.multiply(pulled, self._strength, pulled)
        np.subtract(flat, scaled, flat)
        np.subtract(flat, pulled, pulled)
        np.multiply(flat, pulled, self._product)
        np.less(self._product, _ZERO, self._crossed)
        np.copyto(self._dead, 1, where=self._crossed)
        np.greater(self._dead, _ZERO, self._gone)
        np.copyto(pulled, 0, where=self._gone)
        np.copyto(flat, pulled)
