"""Batches out of whatever data a person has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from dl_lab.errors import InputError, whole
from dl_lab.train.batches.structure import described, tensors

_MOST = 2**31 - 1


class TensorBatches:
    """Tensors of equally many rows, cut into batches; the last one may be smaller.

    Parameters
    ----------
    tensors
        Cut alike along their first dimension; not copied. A single one is its own target.
    batch_size
        Rows in a batch; None for all at once: the very tensors, which then need not have equally
        many rows.
    shuffle
        Whether each epoch takes the rows in a new order, drawn at its beginning from torch's
        global CPU generator. All at once they stay as they are: a graph's edges and masks tell
        nodes by their place.

    Notes
    -----
    As a DataLoader over a TensorDataset, but one ``index_select`` a batch instead of one item
    at a time.

    Examples
    --------
    >>> batches = TensorBatches((torch.arange(5),), batch_size=2, shuffle=False)
    >>> len(batches), [batch.tolist() for (batch,) in batches]
    (3, [[0, 1], [2, 3], [4]])
    """

    def __init__(
        self, tensors: tuple[Tensor, ...], batch_size: int | None = None, *, shuffle: bool = False
    ) -> None:
        self.tensors = tensors
        self.batch_size = batch_size
        self.shuffle = shuffle

    @property
    def rows(self) -> int:
        """Rows in all."""
        return len(self.tensors[0])

    def __len__(self) -> int:
        """Count the batches of an epoch."""
        return 1 if self.batch_size is None else math.ceil(self.rows / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        if self.batch_size is None:
            yield self.tensors
            return
        count, size = self.rows, self.batch_size
        if not self.shuffle:
            for start in range(0, count, size):
                yield tuple(tensor[start : start + size] for tensor in self.tensors)
            return
        order = torch.randperm(count)
        # Copied to the device once an epoch, not once a batch.
        orders = {tensor.device: order.to(tensor.device) for tensor in self.tensors}
        for start in range(0, count, size):
            yield tuple(
                tensor.index_select(0, orders[tensor.device][start : start + size])
                for tensor in self.tensors
            )


def as_loader(data: Any, batch_size: int | None, *, shuffle: bool) -> Iterable[Any]:  # noqa: ANN401  # see `check_data`
    """Return something that yields batches each time it is iterated.

    Parameters
    ----------
    data
        A DataLoader or any other iterable of batches comes back as it is. A tensor, a tuple of
        tensors or a `Dataset` is cut into batches.
    batch_size
        Rows in a batch; None for all at once, in their order.
    shuffle
        Whether each epoch draws a new order. An `IterableDataset` has its own order.

    Raises
    ------
    InputError
        A batch size that is none, or None for an `IterableDataset`, whose end is unknown.

    Examples
    --------
    >>> pairs = as_loader((torch.ones(5, 2), torch.zeros(5)), 4, shuffle=False)
    >>> [tuple(inputs.shape) for inputs, targets in pairs]
    [(4, 2), (1, 2)]
    """
    if batch_size is not None:
        batch_size = whole("batch_size", batch_size, 1, _MOST)
    if isinstance(data, Tensor) or _are_tensors(data):
        several: Any = (data,) if isinstance(data, Tensor) else data
        return TensorBatches(several, batch_size, shuffle=shuffle)
    if type(data) is TensorDataset:
        return TensorBatches(data.tensors, batch_size, shuffle=shuffle)
    if isinstance(data, IterableDataset):
        if batch_size is None:
            raise InputError("batch_size_needed", given=type(data).__name__)
        return DataLoader(data, batch_size=batch_size)
    if isinstance(data, Dataset):
        if batch_size is None:
            return DataLoader(data, batch_size=len(data))  # type: ignore[arg-type]  # `check_data` asked
        return DataLoader(data, batch_size=batch_size, shuffle=shuffle)
    return data  # type: ignore[no-any-return]  # an iterable of batches, as `check_data` saw


def check_data(data: object, name: str, *, whole: bool = False) -> None:
    """Refuse what cannot be training data, in a sentence.

    Parameters
    ----------
    data
        What a person gave.
    name
        What to call it: ``"train"``, ``"validation"``.
    whole
        Whether tensors are taken all at once, and may have different numbers of rows.

    Raises
    ------
    InputError
        It holds no data, has no rows or no batches, rows that differ in number, or can be run
        through only once.

    Examples
    --------
    >>> check_data([], "train")
    >>> check_data(torch.empty(0, 2), "train")
    Traceback (most recent call last):
    dl_lab.errors.InputError: train is empty: (tensor [0, 2] float32). Give at least one example.
    """
    if isinstance(data, Tensor) or _are_tensors(data):
        several: Any = (data,) if isinstance(data, Tensor) else data
        _check_tensors(several, name, whole=whole)
    elif isinstance(data, tuple) and data and all(map(_is_column, data)):
        raise InputError("not_tensors", name=name, given=described(data))
    elif isinstance(data, Dataset):
        _check_dataset(data, name)
    elif isinstance(data, DataLoader):
        _check_loader(data, name)
    elif isinstance(data, list) and _are_columns(data):
        raise InputError("batches_differ", name=name, given=described(data))
    elif isinstance(data, Iterator):
        raise InputError("data_once", name=name, given=type(data).__name__)
    elif not _is_iterable(data) or isinstance(data, (str, bytes, Mapping)) or _is_array(data):
        raise InputError("not_data", name=name, given=described(data))


def not_finite(data: object) -> int:
    """Count the NaN and infinite numbers in the tensors that data consist of.

    A Dataset's rows are not loaded for that; only a TensorDataset has them at hand.

    Examples
    --------
    >>> not_finite((torch.tensor([1.0, math.nan]), torch.tensor([0, 1])))
    1
    """
    if isinstance(data, DataLoader):
        data = data.dataset
    if isinstance(data, TensorDataset):
        data = data.tensors
    floats = (one for one in tensors(data) if one.is_floating_point())
    return sum(int((~one.isfinite()).sum()) for one in floats)


def _check_tensors(tensors: tuple[Tensor, ...], name: str, *, whole: bool) -> None:
    if whole:
        if not all(tensor.numel() for tensor in (tensors[0], tensors[-1])):
            raise InputError("empty_data", name=name, given=described(tensors))
        return
    counts = [len(tensor) if tensor.ndim else None for tensor in tensors]
    if None in counts:
        raise InputError("no_rows", name=name, given=described(tensors))
    if len(set(counts)) > 1:
        listed = ", ".join(map(str, counts[:-1])) + f" and {counts[-1]}"
        raise InputError("rows_differ", name=name, counts=listed)
    if counts[0] == 0:
        raise InputError("empty_data", name=name, given=described(tensors))


def _check_dataset(data: Dataset[Any], name: str) -> None:
    if isinstance(data, IterableDataset):
        return
    kind = type(data).__name__
    if not isinstance(data, Sized):
        raise InputError("no_length", name=name, given=kind)
    if len(data) == 0:
        raise InputError("empty_data", name=name, given=f"{kind} with 0 rows")


def _check_loader(data: DataLoader[Any], name: str) -> None:
    if isinstance(data.dataset, IterableDataset) or not isinstance(data.dataset, Sized):
        return
    rows = len(data.dataset)
    if rows == 0:
        raise InputError("empty_data", name=name, given="DataLoader over 0 rows")
    if len(data) == 0 and data.drop_last and data.batch_size is not None:
        raise InputError("all_dropped", name=name, rows=rows, batch_size=data.batch_size)


def _are_tensors(data: object) -> bool:
    return isinstance(data, tuple) and bool(data) and all(isinstance(one, Tensor) for one in data)


def _is_array(data: object) -> bool:
    """Whether it is numbers in another library's form: numpy's, pandas'."""
    return hasattr(data, "__array__") and hasattr(data, "shape")


def _is_column(value: object) -> bool:
    """Whether it is an array, a list of numbers or a list of such lists."""
    if _is_array(value):
        return True
    inner = value
    while isinstance(inner, list) and inner:
        inner = inner[0]
    return inner is not value and isinstance(inner, (int, float))


def _are_columns(data: list[Any]) -> bool:
    """Whether a list holds tensors that are not batches of the same data: inputs and targets."""
    if not all(isinstance(one, Tensor) for one in data):
        return False
    return len({(one.shape[1:], one.dtype) for one in data}) > 1


def _is_iterable(data: object) -> bool:
    return hasattr(data, "__iter__") or hasattr(data, "__getitem__")
