"""Learning rates: one limit wherever one is set, and the proportions of the groups."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.learning_rate import HIGHEST_RATE, set_learning_rate
from dl_lab.train.range_test import range_test
from dl_lab.train.watch.run import WatchedRun
from tests.widgets.page import Page


def trainer() -> dl_lab.Trainer:
    model = nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.rand(8, 2), torch.rand(8, 1)
    return dl_lab.Trainer(model, nn.MSELoss(), sgd, data)


def by_trainer(rate: float) -> float:
    made = trainer()
    made.learning_rate = rate
    return made.learning_rate


def by_tune(rate: float) -> float:
    made = trainer()
    made.tune(lr=rate)
    return made.learning_rate


def by_trial(rate: float) -> float:
    with trainer().trial() as trial:
        trial.learning_rate = rate
        return trial.learning_rate


def by_watch(rate: float) -> float | None:
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    watched = WatchedRun(optimizer=sgd)
    watched.learning_rate = rate
    return watched.learning_rate


def by_sgd(rate: float) -> float:
    return RegularizedSGD(nn.Linear(2, 1), lr=rate).lr


def by_sgd_later(rate: float) -> float:
    optimizer = RegularizedSGD(nn.Linear(2, 1))
    optimizer.lr = rate
    return optimizer.lr


def by_range_test(rate: float) -> float:
    return float(range_test(trainer(), rate / 2, rate, 20, training_steps=20).rates[0]) * 2


def by_plot(rate: float) -> float:
    run = trainer()
    plot = dl_lab.LossPlot(run)
    try:
        meta = Page(plot).request("learning_rate.set", run=0, value=rate).meta
    finally:
        plot.close()
    if not meta["ok"]:
        raise InputError(meta["error"]["key"], **meta["error"]["params"])
    return run.learning_rate


def by_finder(rate: float) -> float:
    run = trainer()
    finder = dl_lab.LearningRateFinder(run, range_test(run, steps=20, training_steps=20))
    try:
        finder.use(rate)
    finally:
        finder.close()
    return run.learning_rate


WAYS = [
    by_trainer,
    by_tune,
    by_trial,
    by_watch,
    by_sgd,
    by_sgd_later,
    by_range_test,
    by_plot,
    by_finder,
]


@pytest.mark.parametrize("way", WAYS)
def test_one_limit_wherever_a_rate_is_set(way: Callable[[float], float]):
    assert way(HIGHEST_RATE) == HIGHEST_RATE
    with pytest.raises(InputError, match=r"between .* and 1000000;"):
        way(HIGHEST_RATE * 1.001)


def groups(*rates: object) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates]
    )


@pytest.mark.parametrize("before", [0.1, 1e-3, 7e-5, 0.3])
def test_groups_of_one_rate_keep_one_rate_exactly(before):
    optimizer = groups(before, before, 2 * before)
    for rate in (0.03, 1 / 3, 1e-5, 10.0, 0.7):
        set_learning_rate(optimizer, rate)
        first, second, third = (group["lr"] for group in optimizer.param_groups)
        assert first == second == rate
        assert third == pytest.approx(2 * rate, rel=1e-12)


def test_a_tensor_that_groups_share_is_set_once():
    shared = torch.tensor(0.5)
    optimizer = groups(shared, shared)
    set_learning_rate(optimizer, 0.25)
    assert [float(group["lr"]) for group in optimizer.param_groups] == [0.25, 0.25]
    assert optimizer.param_groups[1]["lr"] is shared


def test_a_playground_sets_both_groups_to_the_very_rate():
    pg = dl_lab.Playground(learning_rate=0.03)
    for rate in (1 / 3, 1e-5, 0.1, 10):
        pg.learning_rate = rate
        assert {group["lr"] for group in pg.trainer.optimizer.param_groups} == {rate}
    pg.close()
