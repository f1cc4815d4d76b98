from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.history.deferred import Pending
from dl_lab.train.trainer import Trainer

INPUTS = torch.randn(64, 4)
CLASSES = INPUTS[:, :3].argmax(1)


def trainer_on(*, lazy, lr=0.1, **settings: object):
    """One that treats the CPU's numbers like those of an accelerator, or one that does not."""
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        (INPUTS, CLASSES),
        (INPUTS, CLASSES),
        batch_size=4,
        seed=0,
        device="cpu",
        **settings,
    )
    trainer._state._autograd._here = not lazy
    return trainer


@pytest.mark.parametrize("record", ["step", "epoch"])
@pytest.mark.parametrize("metrics", [(), "accuracy"])
def test_what_comes_late_is_recorded_all_the_same(record, metrics):
    lazy, eager = (trainer_on(lazy=one, record=record, metrics=metrics) for one in (True, False))
    for trainer in (lazy, eager):
        trainer.fit(3)
        trainer.step(5)
    assert lazy.history.names == eager.history.names
    for name in eager.history:
        assert np.array_equal(lazy.history[name].steps, eager.history[name].steps)
        assert lazy.history[name].values == pytest.approx(eager.history[name].values, rel=1e-6)
    assert torch.equal(lazy.model.weight, eager.model.weight)


def test_a_loss_that_turns_out_not_finite_pauses():
    trainer = trainer_on(lazy=True)
    trainer.fit(1)
    good = trainer.model.weight.detach().clone()
    trainer.tune(lr=1e6)

    def spoil():
        for group in trainer.optimizer.param_groups:
            group["lr"] = math.inf

    trainer.call(spoil).result()
    with pytest.raises(InputError, match="The weights of epoch 1 are back"):
        trainer.fit(3)
    assert trainer.state == "paused"
    assert torch.equal(trainer.model.weight, good)
    assert not np.isfinite(trainer.history["train_loss"].values).all()


def test_rows_come_in_order_and_in_bunches():
    rows = []
    pending = Pending(lambda *row: rows.append(row), bunch=3)
    for step in range(7):
        pending.add(step, 0.0, [torch.tensor(step / 4), 2.5])
        assert len(rows) == (step + 1) // 3 * 3
    pending.flush()
    assert rows == [(step, 0.0, [step / 4, 2.5]) for step in range(7)]
    pending.add(8, 0.0, [1.0])
    pending.clear()
    pending.flush()
    assert len(rows) == 7


def test_the_oldest_row_does_not_wait_long():
    rows = []
    pending = Pending(lambda *row: rows.append(row), bunch=1000)
    pending.add(1, 10.0, [torch.tensor(0.5)])
    pending.add(2, 10.04, [torch.tensor(0.5)])
    assert rows == []
    pending.add(3, 10.06, [torch.tensor(0.5)])
    assert [row[0] for row in rows] == [1, 2, 3]
