"""Batches of tensors, in the data's order or shuffled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dl_lab.errors import InputError, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

Batch = tuple[Tensor, Tensor]


class Batches:
    """Cut tensors into batches; what is left at an epoch's end joins the next one's first batch.

    With 250 points and a batch size of 30 an epoch has 8 batches, and from the second epoch on
    the first of them holds 10 + 30 points. So no point is left out, and the updates are
    TensorFlow Playground's.

    Parameters
    ----------
    inputs, targets
        Tensors with as many rows; they are not copied.
    batch_size
        1 to the number of rows; may change while an epoch runs and counts from the next one.
    shuffle
        Whether each epoch draws a new order, from a generator of its own; may change like the
        batch size. Otherwise the order is the data's, and every epoch yields the very same
        tensor objects.
    seed
        Of that generator.

    Raises
    ------
    InputError
        No rows, different numbers of rows, or a batch size out of range.

    Notes
    -----
    Source: ``oneStep`` in ``src/playground.ts`` of https://github.com/tensorflow/playground.

    Examples
    --------
    >>> batches = Batches(torch.arange(5.0), torch.arange(5.0), batch_size=2)
    >>> [len(inputs) for inputs, targets in batches]
    [2, 2]
    >>> [len(inputs) for inputs, targets in batches]
    [3, 2]
    """

    keeps_its_place = True

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        batch_size: int = 10,
        *,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        if len(inputs) != len(targets):
            raise InputError("shapes", output=list(inputs.shape), target=list(targets.shape))
        if len(inputs) == 0:
            raise InputError("no_batches")
        self.inputs = inputs
        self.targets = targets
        self.shuffle = shuffle
        self.batch_size = batch_size
        self._generator = torch.Generator().manual_seed(whole("seed", seed, 0, 2**63 - 1))
        self._carried = torch.empty(0, dtype=torch.long)
        self._kept: tuple[tuple[int, ...], list[Batch]] | None = None

    @property
    def batch_size(self) -> int:
        """Rows in one batch, from the next epoch on."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, rows: int) -> None:
        self._batch_size = whole("batch_size", rows, 1, len(self.inputs))

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return len(self.inputs) // self._batch_size

    def __iter__(self) -> Iterator[Batch]:
        rows = self._batch_size
        count = len(self.inputs)
        left = count % rows
        if not self.shuffle:
            yield from self._in_order(rows)
            self._carried = torch.arange(count - left, count)
            return
        order = torch.randperm(count, generator=self._generator)
        first = torch.cat([self._carried, order[:rows]])
        yield self.inputs[first], self.targets[first]
        for start in range(rows, count - left, rows):
            chosen = order[start : start + rows]
            yield self.inputs[chosen], self.targets[chosen]
        self._carried = order[count - left :]

    def _in_order(self, rows: int) -> list[Batch]:
        """Return the batches of this epoch, made anew only when they are others than before."""
        made_of = (rows, *self._carried.tolist())
        if self._kept is None or self._kept[0] != made_of:
            starts = range(0, len(self.inputs) - rows + 1, rows)
            batches = [(self.inputs[i : i + rows], self.targets[i : i + rows]) for i in starts]
            if len(self._carried):
                carried = self.inputs[self._carried], self.targets[self._carried]
                pairs = zip(carried, batches[0], strict=True)
                batches[0] = tuple(torch.cat(pair) for pair in pairs)  # type: ignore[assignment]  # a pair
            self._kept = made_of, batches
        return self._kept[1]

    def state_dict(self) -> dict[str, Any]:
        """Return where the order stands, so that a run can be repeated from here."""
        return {"generator": self._generator.get_state(), "carried": self._carried.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where `state_dict` was taken."""
        self._generator.set_state(state["generator"])
        self._carried = state["carried"].clone()
