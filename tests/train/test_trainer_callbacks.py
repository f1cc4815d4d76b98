"""When hooks are called, what they may do, and what waits meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.callbacks import Callback
from dl_lab.train.callbacks.dispatch import HOOKS
from dl_lab.train.run import Progress
from dl_lab.train.trainer import Trainer

BATCHES = [(torch.randn(4, 3), torch.randn(4, 1)) for _ in range(2)]


def trainer_with(*callbacks: Callback, **settings: object):
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Trainer(
        model,
        nn.MSELoss(),
        optimizer,
        BATCHES,
        BATCHES,
        callbacks=callbacks,
        device="cpu",
        **settings,
    )


class Listen(Callback):
    def __init__(self) -> None:
        self.heard = []


def _noting(hook):
    def note(self, trainer):
        self.heard.append((hook.removeprefix("on_"), trainer.epoch, trainer.steps))

    return note


for _hook in HOOKS:
    setattr(Listen, _hook, _noting(_hook))


class Do(Callback):
    """Does something in one hook."""

    def __init__(self, hook, act) -> None:
        setattr(self, hook, act)


def test_the_order_of_hooks():
    listen = Listen()
    trainer = trainer_with(listen)
    trainer.fit(1)
    epoch = [
        ("start", 0, 0),
        ("epoch_begin", 0, 0),
        ("step_begin", 0, 0),
        ("gradients", 0, 0),
        ("step_end", 0, 1),
        ("step_begin", 0, 1),
        ("gradients", 0, 1),
        ("step_end", 0, 2),
        ("epoch_end", 1, 2),
        ("stop", 1, 2),
    ]
    assert listen.heard == epoch
    listen.heard.clear()
    trainer.reset()
    assert listen.heard == [("reset", 0, 0)]
    listen.heard.clear()
    trainer.step(1)
    trainer.step(1)
    assert listen.heard == [*epoch[:1], *epoch[1:5], ("stop", 0, 1), ("start", 0, 1), *epoch[5:]]


def test_the_history_is_complete_and_the_state_not_yet_told_when_a_run_stops():
    seen = []
    trainer = trainer_with(
        Do("on_stop", lambda one: seen.append((one.state, len(one.history["train_loss"]))))
    )
    trainer.fit(2)
    assert seen == [("running", 4)]


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "on_reset"])
def test_a_hook_that_raises_names_itself(hook):
    class Unlucky(Callback):
        pass

    def fail(*_: object):
        raise KeyError("x")

    setattr(Unlucky, hook, fail)
    trainer = trainer_with(Unlucky())
    with pytest.raises(InputError) as caught:
        trainer.fit(3)
    assert trainer.state == "failed"
    assert caught.value.key == "callback_failed"
    assert f"The callback Unlucky raised KeyError in {hook}: 'x'." in str(trainer.message)
    assert isinstance(trainer.message.__cause__, KeyError)


def test_after_a_hook_has_raised_the_run_goes_on_where_it_stood():
    def once(trainer):
        if trainer.steps == 2 and not raised:
            raised.append(True)
            raise RuntimeError

    for hook in ("on_step_end", "on_epoch_end", "on_step_begin"):
        raised = []
        trainer = trainer_with(Do(hook, once), seed=0)
        with pytest.raises(InputError):
            trainer.fit(4)
        trainer.fit(4 - trainer.epoch)
        assert (trainer.steps, trainer.epoch) == (8, 4)
        assert trainer.history["train_loss"].steps.tolist() == list(range(1, 9))
        assert trainer.history["validation_loss"].steps.tolist() == [0, 2, 4, 6, 8]


def test_a_hook_may_stop_pause_and_change_the_rate():
    note = InputError("step_failed", kind="no", detail="thing")

    def act(trainer):
        trainer.learning_rate = trainer.learning_rate / 2
        if trainer.steps == 3:
            trainer.pause(note=note)
        if trainer.steps == 5:
            trainer.stop(note=note)

    trainer = trainer_with(Do("on_step_end", act))
    trainer.fit(10)
    assert (trainer.state, trainer.steps, trainer.message) == ("paused", 3, note)
    trainer.resume()
    assert asyncio.run(trainer.wait()) == "finished"
    assert (trainer.steps, trainer.message) == (5, note)
    assert trainer.history["learning_rate"].values.tolist() == [0.1 / 2**n for n in range(5)]
    trainer.fit(1)
    assert trainer.message is None


@pytest.mark.parametrize(
    "act",
    [
        lambda one: one.reset(),
        lambda one: one.rewind(0),
        lambda one: one.set_data(BATCHES),
        lambda one: one.load_state_dict({}),
        lambda one: one.fit(1),
        lambda one: one.step(1),
    ],
)
def test_what_cannot_be_done_within_a_hook_says_so(act):
    trainer = trainer_with(Do("on_step_end", act))
    with pytest.raises(InputError, match=r"within a callback's hook|before this hook or function"):
        trainer.fit(1)
    assert trainer.steps == 1


def test_gradients_are_seen_before_they_are_clipped_and_may_be_changed():
    norms = []

    def look(trainer):
        weight = trainer.model.weight
        norms.append(weight.grad.norm().item())
        weight.grad.zero_()

    trainer = trainer_with(Do("on_gradients", look), clip_norm=1e-3)
    before = trainer.model.weight.detach().clone()
    trainer.step(2)
    assert min(norms) > 1e-3
    assert torch.equal(trainer.model.weight, before)


def test_it_polls_while_it_blocks():
    polled = []
    arrived = threading.Event()

    def poll():
        polled.append(threading.current_thread())
        if len(polled) == 3:
            arrived.set()
            raise ValueError("harmless")

    def wait_for_it(one):
        if one.steps == 6:
            assert arrived.wait(30)

    trainer = trainer_with(Do("on_step_end", wait_for_it))
    unsubscribe = trainer.while_waiting(poll)
    trainer.fit(4)
    assert set(polled) == {threading.main_thread()}
    unsubscribe()
    polled.clear()
    trainer.step(1)
    assert not polled


def test_what_it_tells_of_itself():
    trainer = trainer_with(name="small")
    assert (trainer.name, trainer.device) == ("small", "cpu")
    assert trainer.controls == ("play", "pause", "step", "stop", "reset", "learning_rate")
    assert trainer.progress == Progress(0, 0, None, None, 2)
    seen = []
    told = trainer_with(Do("on_step_end", lambda one: seen.append(one.progress)))
    told.fit(2)
    assert seen == [Progress(step, step > 2, 4, 2, 2) for step in range(1, 5)]
    model = nn.Linear(3, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    assert Trainer(model, nn.MSELoss(), sgd, Endless()).progress.steps_per_epoch is None


class Endless:
    def __iter__(self) -> Iterator[object]:
        while True:
            yield BATCHES[0]
