"""One model, one run at a time, where no notebook says what a person still holds."""

from __future__ import annotations

import contextlib
import copy
import threading

import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train import callbacks
from dl_lab.train.claims import claimant
from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.range_test import range_test
from dl_lab.train.watch.run import WatchedRun

PATIENCE = 30


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert not CLAIMS._entries


@pytest.fixture
def data():
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return x, x.sum(1, keepdim=True)


@pytest.fixture
def trainer(data):
    """Make Trainers that are closed in the end."""
    made = []

    def make(model, lr=1e-3, optimizer=None, **settings: object):
        optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=lr)
        one = dl_lab.Trainer(model, nn.MSELoss(), optimizer, data, batch_size=16, **settings)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def refused(start) -> str:
    with pytest.raises(InputError) as info:
        start()
    return info.value.key


def wrap(model):
    return nn.Sequential(model, nn.Linear(1, 1))


def tie(model):
    other = nn.Linear(4, 1)
    other.weight = model.weight
    return other


WAYS = [
    lambda one: one.start(),
    lambda one: one.resume(),
    lambda one: one.step(),
    lambda one: one.fit(1),
    lambda one: one.reset(),
    lambda one: one.rewind(0),
    lambda one: one.load_state_dict(one.state_dict()),
    range_test,
]


@pytest.mark.parametrize("begin", WAYS)
def test_a_second_run_on_the_same_weights_is_refused_and_nothing_has_changed(trainer, begin):
    model = nn.Linear(4, 1)
    first, second = trainer(model), trainer(wrap(model))
    first.start()
    try:
        assert refused(lambda: begin(second)) == "trained_held"
        assert first.state == "running"
        assert (second.state, second.steps, second.message) == ("idle", 0, None)
    finally:
        first.pause()
    begin(second)


@pytest.mark.parametrize("share", [lambda model: model, tie, nn.DataParallel, torch.compile])
def test_however_they_share_them(trainer, share):
    model = nn.Linear(4, 1)
    first, second = trainer(model), trainer(share(model))
    second.start()
    assert refused(first.start) == "trained_held"


def test_it_may_start_when_the_other_has_ended(trainer):
    model = nn.Linear(4, 1)
    first, second = trainer(model), trainer(model)
    first.fit(2)
    second.fit(2)
    first.start()
    first.pause()
    second.start()
    second.stop()
    assert (first.state, second.state) == ("paused", "finished")


def test_a_run_may_begin_in_the_very_moment_in_which_another_tells_its_end(trainer):
    model = nn.Linear(4, 1)
    first, second = trainer(model), trainer(model)
    ended = threading.Event()

    def go_on():
        if first.state == "finished":
            second.start(2)
            ended.set()

    first.on_change(go_on)
    first.start(2)
    assert ended.wait(PATIENCE)
    second._worker.join()
    assert (second.state, second.epoch) == ("finished", 2)


def test_starting_the_same_one_twice_is_harmless(trainer):
    one = trainer(nn.Linear(4, 1))
    one.start()
    one.start()
    one.pause()
    assert one.state == "paused"
    assert not CLAIMS._entries


def test_a_pause_that_is_undone_keeps_the_claim(trainer):
    model = nn.Linear(4, 1)
    inside, go_on = threading.Event(), threading.Event()

    class Slow(callbacks.base.Callback):
        def on_step_end(self, _):
            inside.set()
            go_on.wait(PATIENCE)

    first, second = trainer(model, callbacks=Slow()), trainer(model)
    first.start()
    inside.wait(PATIENCE)
    first.pause(wait=False)
    first.start()
    go_on.set()
    assert refused(second.start) == "trained_held"
    first.pause()
    second.step()


def test_copies_are_independent(trainer):
    model = nn.Linear(4, 1)
    first, second = trainer(model), trainer(copy.deepcopy(model))
    first.start()
    second.fit(2)
    assert first.state == "running"


def test_an_optimizer_that_two_share_is_refused(trainer):
    models = nn.Linear(4, 1), nn.Linear(4, 1)
    both = torch.optim.SGD([one for model in models for one in model.parameters()], lr=1e-3)
    first, second = (trainer(model, optimizer=both) for model in models)
    first.start()
    assert refused(second.start) == "trained_held"


def test_a_loss_that_two_share_is_not(data):
    loss = nn.CrossEntropyLoss(weight=torch.ones(3))
    targets = torch.zeros(64, dtype=torch.long)
    runs = []
    for _ in range(2):
        model = nn.Linear(4, 3)
        adam = torch.optim.Adam(model.parameters())
        runs.append(dl_lab.Trainer(model, loss, adam, (data[0], targets)))
        runs[-1].start()
    for run in runs:
        run.close()


def test_one_is_made_and_asked_between_two_steps_of_the_other(trainer, data):
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
    modes = []

    class Look(callbacks.base.Callback):
        def on_step_begin(self, trainer):
            modes.append(trainer.model.training)

        def on_step_end(self, trainer):
            modes.append(trainer.model.training)

    first = trainer(model, callbacks=Look())
    first.start()
    for _ in range(5):
        second = trainer(model, validation=data)
        second.evaluate()
        one, other = second.state_dict(), second.weights_at(0)
        assert set(other) <= set(model.state_dict())
        assert one["steps"] == 0
    assert first.state == "running"
    first.pause()
    assert all(modes)


def test_who_trains_a_model_goes_on_with_what_others_wrote_to_it(trainer):
    pg = dl_lab.Playground(seed=3)
    other = trainer(pg.model, validation=None, optimizer=torch.optim.SGD(pg.model.parameters(), 0))
    pg.play()
    other.call(lambda: [one.data.zero_() for one in pg.model.parameters()]).result()
    pg.pause()
    steps = pg.trainer.steps
    weights = [one.detach().clone() for one in pg.model.parameters()]
    pg.trainer.step(5)
    assert pg.trainer.steps == steps + 5
    assert any(
        (one != before).any() for one, before in zip(pg.model.parameters(), weights, strict=True)
    )
    pg.close()


def test_a_callback_cannot_start_another_on_its_own_model(trainer):
    model = nn.Linear(4, 1)
    other = trainer(model)
    told = []

    class Start(callbacks.base.Callback):
        def on_epoch_end(self, trainer):
            told.append(refused(other.start))
            trainer.pause()

    one = trainer(model, callbacks=Start())
    one.start()
    one._worker.join()
    assert told == ["trained_callback"]


def test_the_playgrounds_model_while_it_plays():
    pg = dl_lab.Playground()
    points, targets = pg.train_data
    sgd = torch.optim.SGD(pg.model.parameters(), lr=0.1)
    one = dl_lab.Trainer(pg.model, nn.MSELoss(), sgd, (points, targets))
    pg.play()
    assert refused(one.start) == "trained_here"
    pg.pause()
    one.start()
    assert refused(pg.play) == "trained_held"
    assert refused(pg.step) == "trained_held"
    one.pause()
    pg.step()
    pg.close()


# A person's own loop.


def test_a_loop_is_refused_before_its_first_step_and_may_begin_afterwards(trainer):
    model = nn.Linear(4, 1)
    one = trainer(model)
    one.start()
    steps = []
    for run in (WatchedRun(wrap(model)), WatchedRun(optimizer=one.optimizer)):

        def loop(run=run):
            with run:
                steps.append(run)

        assert refused(loop) == "trained_held"
        assert run.state == "idle"
    assert not steps
    one.pause()
    with WatchedRun(model) as run:
        run.log(loss=1.0)
    assert run.state == "finished"


def test_a_trainer_is_refused_within_a_loop_and_may_start_after_it(trainer):
    model = nn.Linear(4, 1)
    one = trainer(model)
    with WatchedRun(model) as run:
        run.log(loss=1.0)
        assert refused(one.start) == "trained_loop"
    one.step()


def test_a_loop_without_an_end_gives_way_and_is_refused_if_it_goes_on(trainer):
    model = nn.Linear(4, 1)
    one, run = trainer(model), WatchedRun(model)
    run.log(loss=1.0)
    one.start()
    assert refused(lambda: run.log(loss=1.0)) == "trained_held"
    assert run.state == "failed"
    one.pause()
    run.log(loss=1.0)
    assert refused(lambda: _elsewhere(one.start)) == "trained_loop"
    run.end()
    one.step()


def _elsewhere(function):
    """Call it in another thread."""
    raised = []

    def call():
        try:
            function()
        except InputError as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_a_paused_loop_lets_others_train_and_claims_its_model_anew(trainer):
    model = nn.Linear(4, 1)
    one, run = trainer(model), WatchedRun(model)
    paused = threading.Event()
    run.on_change(lambda: paused.set() if run.state == "paused" else None)

    def loop():
        with run:
            while True:
                run.log(loss=1.0)

    thread = threading.Thread(target=loop)
    run.on_change(lambda: run.pause() if run.state == "running" and not paused.is_set() else None)
    thread.start()
    assert paused.wait(PATIENCE)
    one.start()
    assert refused(run.resume) == "trained_held"
    assert refused(run.step) == "trained_held"
    assert run.state == "paused"
    one.pause()
    run.resume()
    assert refused(one.start) == "trained_loop"
    run.stop()
    thread.join(PATIENCE)
    assert run.state == "finished"
    one.step()


# Several at once.


def test_compare_refuses_before_anything_starts(trainer):
    model = nn.Linear(4, 1)
    free, one, other = trainer(nn.Linear(4, 1)), trainer(model), trainer(wrap(model))
    for runs in ((free, one, other), (one, free, other)):
        assert refused(lambda runs=runs: dl_lab.compare(*runs, epochs=3000)) == "models_shared"
        assert [run.state for run in runs] == ["idle"] * 3
    assert refused(lambda: dl_lab.compare(free, dl_lab.History(), epochs=1)) == "compare_start"
    assert free.state == "idle"
    busy = trainer(model)
    busy.start()
    assert refused(lambda: dl_lab.compare(free, one, epochs=1)) == "trained_held"
    assert [free.state, one.state] == ["idle"] * 2
    plot = dl_lab.compare(one, other)
    plot.close()


def test_a_plots_buttons_start_all_or_none(trainer):
    model = nn.Linear(4, 1)
    free, one, other = trainer(nn.Linear(4, 1)), trainer(model), trainer(model)
    plot = dl_lab.LossPlot([free, one, other])
    assert refused(plot.play) == "models_shared"
    assert [run.state for run in (free, one, other)] == ["idle"] * 3
    plot.close()


# Hanging and threads.


def test_a_step_that_hangs_is_waited_for_in_bounds(trainer, monkeypatch):
    monkeypatch.setattr(claimant, "PATIENCE", 0.1)
    model = nn.Linear(4, 1)
    inside, go_on = threading.Event(), threading.Event()

    class Hang(callbacks.base.Callback):
        def on_step_end(self, _):
            inside.set()
            go_on.wait(PATIENCE)

    one, other = trainer(model, callbacks=Hang()), trainer(model)
    one.start()
    assert inside.wait(PATIENCE)
    assert refused(lambda: trainer(model)) == "trained_late"
    assert refused(other.evaluate) == "trained_late"
    go_on.set()
    other.evaluate()


def test_many_threads_never_train_one_model_at_once(trainer):
    model = nn.Linear(4, 1)
    within, most = [], []

    class Count(callbacks.base.Callback):
        def on_step_begin(self, trainer):
            within.append(trainer)
            most.append(len(within))

        def on_step_end(self, trainer):
            within.remove(trainer)

    runs = [trainer(model, callbacks=Count()) for _ in range(4)]

    def drive(run):
        for _ in range(20):
            with contextlib.suppress(InputError):
                run.fit(1)

    threads = [threading.Thread(target=drive, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert max(most) == 1
    assert sum(run.epoch for run in runs) > 0
