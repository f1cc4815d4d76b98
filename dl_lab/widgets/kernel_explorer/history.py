"""The kernels that were there before each change, so that changes can be taken back."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from dl_lab.filters.kernel_bank import KernelBank

APART = 1.0
"""Seconds: edits that follow one another more quickly are one change, such as a drag."""
_MOST = 200


class KernelHistory:
    """Which kernels were shown, the newest last.

    Parameters
    ----------
    bank
        The kernels to begin with.

    Examples
    --------
    >>> from dl_lab.filters.image_kernels import KernelParameters
    >>> from dl_lab.filters.kernel_bank import KernelBank
    >>> blur = KernelBank.named("blur", 1, KernelParameters())
    >>> history = KernelHistory(blur)
    >>> history.note(blur.with_preset("outline", None))
    >>> history.count, history.back().presets, history.back()
    (1, ('blur',), None)
    """

    def __init__(self, bank: KernelBank) -> None:
        self._shown = bank
        self._before: list[KernelBank] = []
        self._merging = 0.0

    @property
    def count(self) -> int:
        """How many changes can be taken back."""
        return len(self._before)

    def note(self, bank: KernelBank, *, edit: bool = False) -> None:
        """Take note of what is shown now; an `edit` right after another belongs to that."""
        now = monotonic()
        if not _same(bank, self._shown):
            if not (edit and now < self._merging):
                self._before.append(self._shown)
                del self._before[:-_MOST]
            self._merging = now + APART if edit else 0.0
        self._shown = bank

    def back(self) -> KernelBank | None:
        """Return the kernels before the last change and forget that; None before the first."""
        if not self._before:
            return None
        self._shown, self._merging = self._before.pop(), 0.0
        return self._shown


def _same(one: KernelBank, other: KernelBank) -> bool:
    return one.presets == other.presets and torch.equal(one.values, other.values)
