from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dl_lab.errors import InputError
from dl_lab.train.batches.carry_over import Batches


def rows(batches):
    return [inputs.tolist() for inputs, targets in batches]


def pair(count):
    return torch.arange(count), -torch.arange(count)


def test_what_is_left_joins_the_next_epochs_first_batch():
    batches = Batches(*pair(250), 30)
    first, second, third = rows(batches), rows(batches), rows(batches)
    assert [len(batch) for batch in first] == [30] * 8
    assert [len(batch) for batch in second] == [40] + [30] * 7
    assert second[0] == [*range(240, 250), *range(30)]
    assert third == second
    assert len(batches) == 8


@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=6),
)
def test_no_row_is_lost_or_seen_twice(count, epochs):
    batches = Batches(*pair(count), 1, seed=4)
    seen = []
    for epoch, (size, shuffle) in enumerate(epochs, 1):
        batches.shuffle = shuffle
        batches.batch_size = min(size, count)
        assert len(batches) == count // batches.batch_size
        for inputs, targets in batches:
            assert torch.equal(targets, -inputs)
            seen += inputs.tolist()
        left = epoch * count - len(seen)
        assert 0 <= left < batches.batch_size
    times = [seen.count(row) for row in range(count)]
    assert max(times) <= len(epochs)
    assert min(times) >= len(epochs) - 1


def test_in_order_every_epoch_yields_the_same_tensors():
    batches = Batches(*pair(25), 10)
    list(batches)
    second, third = list(batches), list(batches)
    pairs = zip(second, third, strict=True)
    assert all(one[0] is two[0] and one[1] is two[1] for one, two in pairs)


def test_shuffled_by_a_generator_of_its_own():
    before = torch.get_rng_state()
    one, two = (Batches(*pair(40), 10, shuffle=True, seed=3) for _ in range(2))
    epochs = [rows(one) for _ in range(3)]
    assert epochs == [rows(two) for _ in range(3)]
    assert epochs[0] != epochs[1]
    assert torch.equal(torch.get_rng_state(), before)
    assert rows(Batches(*pair(40), 10, shuffle=True, seed=4)) != epochs[0]


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_state_brings_the_order_back(shuffle):
    batches = Batches(*pair(25), 10, shuffle=shuffle)
    list(batches)
    state = batches.state_dict()
    expected = [rows(batches) for _ in range(3)]
    batches.load_state_dict(state)
    assert [rows(batches) for _ in range(3)] == expected


def test_a_new_size_counts_from_the_next_epoch():
    batches = Batches(*pair(20), 10)
    epoch = iter(batches)
    next(epoch)
    batches.batch_size = 5
    assert [len(inputs) for inputs, _ in epoch] == [10]
    assert [len(inputs) for inputs, _ in batches] == [5] * 4


@pytest.mark.parametrize("size", [0, 21, 2.5, True])
def test_a_bad_size_gets_a_sentence(size):
    with pytest.raises(InputError, match="batch_size must be a whole number between 1 and 20"):
        Batches(*pair(20), size)


def test_bad_tensors_get_a_sentence():
    with pytest.raises(InputError):
        Batches(torch.arange(3), torch.arange(4), 1)
    with pytest.raises(InputError):
        Batches(torch.arange(0), torch.arange(0), 1)
