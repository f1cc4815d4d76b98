"""What the Trainer does with callbacks: when it calls them, and what happens when they raise."""

from __future__ import annotations

import pytest

from dl_lab.errors import InputError
from dl_lab.train.callbacks.base import Callback
from tests.train.callbacks.problem import TRAIN, plain_loop, same_weights, trainer

HOOKS = [
    "on_start",
    "on_stop",
    "on_epoch_begin",
    "on_epoch_end",
    "on_step_begin",
    "on_gradients",
    "on_step_end",
]


def noting(notes, name=""):
    """A callback that notes each hook and the counts."""

    def hook(kind):
        return lambda _self, trainer: notes.append((name + kind, trainer.steps, trainer.epoch))

    return type("Noting", (Callback,), {kind: hook(kind) for kind in [*HOOKS, "on_reset"]})()


def test_hooks_come_in_their_order_with_the_right_counts():
    notes = []
    run = trainer(noting(notes))
    run.fit(2)
    expected = [("on_start", 0, 0)]
    for epoch in range(2):
        first = epoch * len(TRAIN)
        expected.append(("on_epoch_begin", first, epoch))
        for step in range(first, first + len(TRAIN)):
            expected += [
                ("on_step_begin", step, epoch),
                ("on_gradients", step, epoch),
                ("on_step_end", step + 1, epoch),
            ]
        expected.append(("on_epoch_end", first + len(TRAIN), epoch + 1))
    expected.append(("on_stop", 6, 2))
    assert notes == expected
    notes.clear()
    run.reset()
    assert notes == [("on_reset", 0, 0)]


def test_their_order_is_kept_and_the_last_come_last():
    notes = []
    last = noting(notes, "last ")
    last.order = 1
    run = trainer(last, noting(notes, "one "), noting(notes, "two "))
    run.step()
    ends = [name for name, *_ in notes if name.endswith("on_step_end")]
    assert ends == ["one on_step_end", "two on_step_end", "last on_step_end"]


@pytest.mark.parametrize("hook", HOOKS)
def test_one_that_raises_is_named_and_ends_the_run_in_order(hook):
    def fail(_self, trainer):
        if trainer.steps >= 4 or hook in {"on_start", "on_stop"}:
            raise KeyError("oh no")

    callback = type("Faulty", (Callback,), {hook: fail})()
    run = trainer(callback)
    with pytest.raises(InputError) as error:
        run.fit(4)
    assert run.state == "failed"
    assert error.value.key == "callback_failed"
    assert {"Faulty", hook, "KeyError"} <= set(error.value.params.values())
    assert "oh no" in str(error.value)
    assert isinstance(error.value.__cause__, KeyError)
    done = len(run.history["train_loss"]) if "train_loss" in run.history else 0
    assert done == run.steps
    if hook not in {"on_start", "on_stop"}:
        assert done >= 4
        plain = plain_loop(4)
        assert run.history["train_loss"].values == pytest.approx(plain.losses[:done], rel=1e-6)
    setattr(type(callback), hook, lambda _self, _trainer: None)
    run.fit(1)
    assert run.state == "finished"


def test_a_hook_may_stop_pause_and_change_the_rate():
    class Steer(Callback):
        def on_step_end(self, trainer):
            if trainer.steps == 2:
                trainer.learning_rate = 0.01
            if trainer.steps == 4:
                trainer.pause()
            if trainer.steps == 5:
                trainer.stop()

    run = trainer(Steer())
    run.fit(5)
    assert (run.state, run.steps) == ("paused", 4)
    rates = run.history["learning_rate"]
    assert rates.steps.tolist() == [1, 3]
    assert rates.values == pytest.approx([0.2, 0.01])
    run.fit(5)
    assert (run.state, run.steps) == ("finished", 5)


def test_a_note_is_left_without_raising():
    class Note(Callback):
        def on_epoch_end(self, trainer):
            trainer.pause(note=InputError("no_batches"))

    run = trainer(Note())
    run.fit(3)
    assert (run.state, run.epoch, run.message.key) == ("paused", 1, "no_batches")


def test_looking_changes_nothing():
    run = trainer(noting([]))
    run.fit(5)
    assert same_weights(run.model, plain_loop(5).weights[-1])
