"""Listeners: one that raises harms neither the others nor whoever tells them."""

from __future__ import annotations

import threading

import pytest
import torch

from dl_lab.train.listeners import Listeners
from dl_lab.train.trainer import Trainer
from dl_lab.train.watch.run import WatchedRun


def fail() -> None:
    raise RuntimeError("no listener of mine")


def test_one_that_raises_is_logged_and_the_others_hear(caplog):
    heard = []
    listeners = Listeners("on_change")
    listeners.add(lambda: heard.append(1))
    listeners.add(fail)
    listeners.add(lambda: heard.append(2))
    listeners.tell()
    assert heard == [1, 2]
    (record,) = caplog.records
    assert (record.name, record.getMessage()) == (
        "dl_lab.train.listeners",
        "a callback of on_change raised",
    )


def test_one_that_ends_itself_while_it_is_told():
    heard = []
    listeners = Listeners("on_change")

    def once() -> None:
        heard.append(1)
        unsubscribe()

    unsubscribe = listeners.add(once)
    listeners.add(lambda: heard.append(2))
    listeners.tell()
    listeners.tell()
    assert heard == [1, 2, 2]
    unsubscribe()


def test_all_that_threads_add_at_once_are_told():
    listeners, heard = Listeners("on_change"), []
    threads = [
        threading.Thread(target=lambda: [listeners.add(lambda: heard.append(1)) for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listeners.tell()
    assert len(heard) == 400


@pytest.mark.parametrize("add", ["on_change", "while_waiting"])
def test_a_loop_of_ones_own_goes_on_after_a_listener_that_raises(add, caplog):
    run = WatchedRun()
    getattr(run, add)(fail)
    heard = []
    getattr(run, add)(lambda: heard.append(run.state))
    with run:
        for _ in range(3):
            run._due = 0.0
            run.log(train_loss=1.0)
    assert (run.state, run.steps, run.message) == ("finished", 3, None)
    assert heard
    assert {record.getMessage() for record in caplog.records} == {f"a callback of {add} raised"}


@pytest.mark.parametrize("add", ["on_change", "while_waiting"])
def test_a_trainer_goes_on_after_a_listener_that_raises(add, caplog):
    model = torch.nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.rand(8, 2), torch.rand(8, 1)
    trainer = Trainer(model, torch.nn.MSELoss(), sgd, data)
    getattr(trainer, add)(fail)
    heard = []
    getattr(trainer, add)(lambda: heard.append(trainer.state))
    trainer.fit(2)
    trainer.poll()
    assert (trainer.state, trainer.message) == ("finished", None)
    assert heard
    assert {record.getMessage() for record in caplog.records} == {f"a callback of {add} raised"}
