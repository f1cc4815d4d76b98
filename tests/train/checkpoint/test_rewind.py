from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dl_lab.errors import InputError
from dl_lab.train.checkpoint.rewind import Checkpoints


@given(st.integers(1, 30), st.integers(1, 300))
def test_they_are_few_evenly_spread_and_the_ends_are_kept(most, epochs):
    checkpoints = Checkpoints(most)
    for epoch in range(epochs + 1):
        checkpoints.add(epoch, 7 * epoch, dict)
    kept = [step // 7 for step in checkpoints.steps]
    assert (kept[0], kept[-1]) == (0, epochs)
    assert len(kept) <= most + 1
    gaps = {after - before for before, after in itertools.pairwise(kept[:-1])}
    assert len(gaps) <= 1
    # No more were dropped than had to be.
    assert most == 1 or len(kept) > min(epochs, most) / 2


def test_large_states_are_fewer():
    checkpoints = Checkpoints(20, most_bytes=4000)
    for epoch in range(10):
        checkpoints.add(epoch, epoch, lambda: {"weight": torch.zeros(250)})
    assert checkpoints.steps == (0, 4, 8, 9)
    huge = Checkpoints(20, most_bytes=4000)
    made = []
    for epoch in range(10):
        huge.add(epoch, epoch, lambda: made.append(0) or {"weight": torch.zeros(2000)})
    assert huge.steps == (0,)
    assert len(made) == 2


def test_going_back_forgets_what_came_later():
    checkpoints = Checkpoints(5)
    for epoch in range(4):
        checkpoints.add(epoch, 10 * epoch, lambda epoch=epoch: {"epoch": epoch})
    assert checkpoints.go_back(10) == {"epoch": 1}
    assert checkpoints.steps == (0, 10)
    with pytest.raises(InputError, match="No state of step 20 is kept"):
        checkpoints.go_back(20)
    checkpoints.add(2, 20, dict)
    assert checkpoints.steps == (0, 10, 20)


def test_looking_back_forgets_nothing():
    checkpoints = Checkpoints(most=5)
    for epoch in range(4):
        checkpoints.add(epoch, 10 * epoch, lambda epoch=epoch: {"epoch": epoch})
    assert checkpoints.epochs == (0, 1, 2, 3)
    assert checkpoints.look(10) == {"epoch": 1}
    assert checkpoints.steps == (0, 10, 20, 30)
    with pytest.raises(InputError, match="No state of step 11"):
        checkpoints.look(11)
