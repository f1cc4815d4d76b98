"""One kernel for all channels of an image or one for each, some of them by name."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dl_lab.filters.image_kernels import (
    KernelParameters,
    image_kernel,
    natural_size,
    normalized,
    parameters_of,
    resized,
)


@dataclass(frozen=True)
class KernelBank:
    """Kernels of one size; each change gives a new bank.

    Attributes
    ----------
    values
        [n, k, k] float32; n is 1 or the number of channels.
    presets
        The name of each that is one of `dl_lab.filters.image_kernels.NAMES`, else None.
    parameters
        What those with a name depend on.

    Examples
    --------
    >>> bank = KernelBank.named("blur", 1, KernelParameters()).spread(3)
    >>> bank = bank.with_preset("left_sobel", 2)
    >>> bank.presets, bank.values.shape
    (('blur', 'blur', 'left_sobel'), torch.Size([3, 3, 3]))
    """

    values: Tensor
    presets: tuple[str | None, ...]
    parameters: KernelParameters

    @classmethod
    def named(
        cls, preset: str, count: int, parameters: KernelParameters, size: int | None = None
    ) -> KernelBank:
        """Make `count` kernels of one name."""
        size = size or natural_size(preset)
        kernel = image_kernel(preset, size, parameters)
        return cls(kernel.expand(count, size, size).clone(), (preset,) * count, parameters)

    @property
    def size(self) -> int:
        """Rows and columns of each kernel."""
        return self.values.shape[-1]

    def __len__(self) -> int:
        return len(self.values)

    def with_values(self, values: Tensor) -> KernelBank:
        """Put other values in; a kernel that is as before keeps its name."""
        same_shape = values.shape == self.values.shape
        presets = tuple(
            self.presets[i] if same_shape and torch.equal(kernel, self.values[i]) else None
            for i, kernel in enumerate(values)
        )
        return replace(self, values=values, presets=presets)

    def with_preset(self, preset: str, index: int | None) -> KernelBank:
        """Put a kernel by name in one place, or in all of them in its own size."""
        if index is None or len(self) == 1:
            return KernelBank.named(preset, len(self), self.parameters)
        values = self.values.clone()
        values[index] = image_kernel(preset, self.size, self.parameters)
        presets = (*self.presets[:index], preset, *self.presets[index + 1 :])
        return replace(self, values=values, presets=presets)

    def with_size(self, size: int) -> KernelBank:
        """Make those with a name anew in another size, and cut or surround the others."""
        names = {name for name in self.presets if name is not None}
        return self._renewed(resized(self.values, size), names, self.parameters)

    def with_parameters(self, parameters: KernelParameters) -> KernelBank:
        """Make those anew that depend on a parameter that changed."""
        changed = {
            name
            for name in ("sigma", "angle", "wavelength", "seed")
            if getattr(parameters, name) != getattr(self.parameters, name)
        }
        affected = {
            preset for preset in self.presets if preset and changed & {*parameters_of(preset)}
        }
        return self._renewed(self.values, affected, parameters)

    def normalized(self) -> KernelBank:
        """Scale each kernel so that brightness stays as it is."""
        return self.with_values(torch.stack([normalized(kernel) for kernel in self.values]))

    def spread(self, count: int) -> KernelBank:
        """Give each of `count` channels its own: those that are there, or the first for all."""
        if len(self) == count:
            return self
        values = self.values[:1].expand(count, -1, -1).clone()
        return replace(self, values=values, presets=(self.presets[0],) * count)

    def shared(self, index: int = 0) -> KernelBank:
        """Keep one kernel, for all channels."""
        kept = slice(index, index + 1)
        return replace(self, values=self.values[kept].clone(), presets=self.presets[kept])

    def _renewed(self, values: Tensor, names: set[str], parameters: KernelParameters) -> KernelBank:
        values = values.clone()
        for i, preset in enumerate(self.presets):
            if preset in names:
                values[i] = image_kernel(preset, values.shape[-1], parameters)
        return KernelBank(values, self.presets, parameters)
