from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from dl_lab.errors import InputError
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.batches.loaders import TensorBatches, as_loader, check_data, not_finite

if TYPE_CHECKING:
    from collections.abc import Iterator

X, Y = torch.arange(20.0).reshape(10, 2), torch.arange(10)


class Stream(IterableDataset):
    def __iter__(self) -> Iterator[int]:
        return iter(range(10))


class Squares(Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        return X[row], Y[row]


class Endless(Dataset):
    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        return X[row], Y[row]


@given(st.integers(1, 40), st.integers(1, 50) | st.none(), st.booleans())
def test_an_epoch_has_every_row_once(count, size, shuffle):
    x, y = torch.arange(count), -torch.arange(count)
    loader = as_loader((x, y), size, shuffle=shuffle)
    epochs = [list(loader) for _ in range(2)]
    for batches in epochs:
        assert len(batches) == len(loader)
        assert all(torch.equal(targets, -inputs) for inputs, targets in batches)
        assert [len(inputs) for inputs, _ in batches[:-1]] == [size or count] * (len(batches) - 1)
        seen = torch.cat([inputs for inputs, _ in batches]).tolist()
        assert sorted(seen) == list(range(count))
        assert shuffle or seen == list(range(count))


@pytest.mark.parametrize("data", [(X, Y), TensorDataset(X, Y)])
def test_all_at_once_they_are_the_tensors_themselves(data):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    loader = as_loader(data, None, shuffle=True)
    [batch] = loader
    assert len(loader) == 1
    assert batch[0] is X
    assert batch[1] is Y
    assert torch.equal(torch.get_rng_state(), before)


def test_all_at_once_a_dataset_keeps_its_order():
    [(inputs, _)] = as_loader(Squares(), None, shuffle=True)
    assert torch.equal(inputs, X)


def test_all_at_once_tensors_may_have_different_lengths():
    graph = X, torch.zeros(2, 30, dtype=torch.long), torch.tensor(0.5), Y
    check_data(graph, "train", whole=True)
    with pytest.raises(InputError, match="rows"):
        check_data(graph, "train")
    with pytest.raises(InputError, match="empty"):
        check_data((X, torch.empty(0)), "train", whole=True)


def test_the_batches_are_a_dataloaders():
    ours = list(as_loader((X, Y), 4, shuffle=False))
    theirs = list(DataLoader(TensorDataset(X, Y), batch_size=4))
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        assert all(map(torch.equal, one, other))


@pytest.mark.parametrize("data", [(X, Y), TensorDataset(X, Y), Squares(), Subset(Squares(), Y)])
def test_shuffling_draws_from_the_global_generator_alone(data):
    def epochs(seed):
        torch.manual_seed(seed)
        loader = as_loader(data, 3, shuffle=True)
        return [torch.cat([y for _, y in loader]).tolist() for _ in range(3)]

    first = epochs(1)
    assert first == epochs(1) != epochs(2)
    assert first[0] != first[1]
    assert all(sorted(epoch) == list(range(10)) for epoch in first)


def test_rows_stay_together_on_any_device():
    meta = as_loader((X.to("meta"), X.to("meta")), 4, shuffle=True)
    assert [tuple(x.shape) for x, _ in meta] == [(4, 2), (4, 2), (2, 2)]
    assert {x.device.type for x, _ in meta} == {"meta"}


def test_datasets_tensors_and_loaders():
    assert [len(x) for x, _ in as_loader(Squares(), None, shuffle=False)] == [10]
    assert [len(x) for x in as_loader(Stream(), 4, shuffle=True)] == [4, 4, 2]
    assert [tuple(x.shape) for (x,) in as_loader(X, 6, shuffle=False)] == [(6, 2), (4, 2)]
    assert isinstance(as_loader(TensorDataset(X, Y), 4, shuffle=True), TensorBatches)
    for loader in (DataLoader(Squares(), batch_size=4), Batches(X, Y, 5), [(X, Y)]):
        assert as_loader(loader, 4, shuffle=True) is loader
        check_data(loader, "train")
    with pytest.raises(InputError, match="cannot be None for Stream"):
        as_loader(Stream(), None, shuffle=True)
    with pytest.raises(InputError, match="batch_size must be a whole number between 1 and"):
        as_loader((X, Y), 0, shuffle=True)


@pytest.mark.parametrize(
    "good", [(X, Y), X, TensorDataset(X, Y), Squares(), Stream(), ((X, Y), (X, Y)), [], [X]]
)
def test_good_data_pass(good):
    check_data(good, "train")


def test_numbers_that_are_none_are_counted():
    spoilt = torch.tensor([[1.0, math.nan], [math.inf, 2.0]])
    pair = TensorDataset(spoilt, torch.tensor([0, 1]))
    for data in (spoilt, pair, DataLoader(pair), [(spoilt[:1],), (spoilt[1:],)]):
        assert not_finite(data) == 2
    assert not_finite(Squares()) == not_finite(None) == not_finite((X, Y)) == 0


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, "train must be a DataLoader, a Dataset, a tuple of tensors or another iterable"),
        (7, "of batches; got 7."),
        ("mnist", "got 'mnist'"),
        (nn.Linear(1, 1), "got an object of type Linear"),
        ({"x": X}, "got {'x': tensor [10, 2] float32}"),
        (np.ones((3, 2)), "got numpy.ndarray [3, 2] float64"),
        (
            (np.ones((3, 2)), np.ones(3, dtype=int)),
            "numpy.ndarray [3] int64) where tensors are needed. Turn each into one: torch.tensor(",
        ),
        (
            ([[0.5, 1.5]] * 10, [1] * 10),
            "where tensors are needed. Turn each into one: torch.tensor(",
        ),
        (
            [X, Y],
            "[tensor [10, 2] float32, tensor [10] int64]. For inputs and targets give a tuple",
        ),
        ((X, Y[:7]), "The tensors of train have 10 and 7 rows; each needs as many"),
        ((X, Y[:7], Y), "have 10, 7 and 10 rows"),
        ((X, torch.tensor(1)), "train holds a single number"),
        ((X[:0], Y[:0]), "train is empty: (tensor [0, 2] float32, tensor [0] int64)."),
        (TensorDataset(X[:0], Y[:0]), "train is empty: TensorDataset with 0 rows."),
        (DataLoader(TensorDataset(X[:0])), "train is empty: DataLoader over 0 rows."),
        (
            DataLoader(Squares(), batch_size=16, drop_last=True),
            "train yields no batch: it has 10 rows, fewer than its batch_size of 16, and drop_last",
        ),
        (Endless(), "train is a Endless that does not say how many rows it has."),
        (iter([(X, Y)]), "train is a list_iterator, which can be run through only once."),
        (((X, Y) for _ in range(3)), "train is a generator, which can be run through only once."),
    ],
)
def test_other_data_get_a_sentence(data, sentence):
    with pytest.raises(InputError) as error:
        check_data(data, "train")
    assert sentence in str(error.value)
