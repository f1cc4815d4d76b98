from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dl_lab.errors import InputError
from dl_lab.train.callbacks.stop_on_nan import StopOnNaN
from tests.train.callbacks.problem import TRAIN, same_weights, trainer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


def bad_data():
    """The third epoch's first batch holds a NaN."""
    count = 0

    class Data:
        def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
            nonlocal count
            count += 1
            for index, (inputs, targets) in enumerate(TRAIN):
                yield (inputs * math.nan if count == 3 and index == 0 else inputs), targets

        def __len__(self) -> int:
            return len(TRAIN)

    return Data()


@pytest.mark.parametrize("callbacks", [(), (StopOnNaN(),)])
def test_by_default_it_pauses_with_the_last_good_weights(callbacks):
    run = trainer(*callbacks, train=bad_data())
    good = trainer()
    good.fit(2)
    with pytest.raises(InputError) as error:
        run.fit(5)
    assert (run.state, error.value.key) == ("paused", "diverged")
    assert same_weights(run.model, list(good.model.parameters()))
    assert math.isnan(run.history["train_loss"].values[-1])
    run.fit(1)
    assert np.isfinite(run.history["train_loss"].values[-1])


def test_switched_off_it_records_and_trains_on():
    run = trainer(StopOnNaN(enabled=False), train=bad_data())
    run.fit(5)
    assert (run.state, run.epoch, run.message) == ("finished", 5, None)
    values = run.history["train_loss"].values
    assert len(values) == 5 * len(TRAIN)
    assert np.isnan(values[2 * len(TRAIN) :]).all()
    assert np.isnan(run.history["validation_loss"].values[-1])


def test_enabled_is_true_or_false():
    with pytest.raises(InputError):
        StopOnNaN(enabled="no")
