from __future__ import annotations

import contextlib
import signal
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.history import logged
from dl_lab.train.learning_rate import OptimizerRate
from dl_lab.train.run import CONTROLS, Progress
from dl_lab.train.watch.run import StopTraining, WatchedRun

LONG = 20


class Loop(threading.Thread):
    """A loop in another thread, which logs until it is stopped; keeps what ended it."""

    def __init__(self, run: WatchedRun) -> None:
        super().__init__(daemon=True)
        self.run_ = run
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with self.run_ as run:
                while True:
                    run.log(loss=1.0)
        except BaseException as error:  # noqa: BLE001  # looked at by the test
            self.error = error


@pytest.fixture
def run():
    return WatchedRun()


@pytest.fixture
def loop(run):
    thread = Loop(run)
    thread.start()
    assert wait(lambda: run.steps > 3)
    yield thread
    run.stop()
    thread.join(LONG)
    assert not thread.is_alive()


def wait(condition) -> bool:
    end = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


def test_a_loop_of_ones_own_learns_the_same_watched_or_not():
    def train(log) -> nn.Module:
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        adam = torch.optim.Adam(model.parameters())
        for _ in range(30):
            x = torch.randn(16, 4)
            loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            log(model, adam, loss)
        return model

    losses: list[float] = []
    plain = train(lambda _model, _adam, loss: losses.append(loss.item()))
    with WatchedRun() as run:

        def log(model, adam, loss) -> None:
            run.attach(model, adam)
            run.log(loss=loss, double=2 * loss)

        watched = train(log)
    for one, other in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(one, other)
    assert run.history["loss"].values == pytest.approx(losses)
    assert run.history["double"].values == pytest.approx([2 * loss for loss in losses])
    assert run.history["loss"].steps.tolist() == list(range(1, 31))
    assert run.history["learning_rate"].values.tolist() == [pytest.approx(1e-3)]
    assert (run.state, run.message, run.device) == ("finished", None, "cpu")


def test_values_of_all_kinds(run):
    with run:
        run.log(a=1, b=np.float32(0.5), c=np.array([2.0]), d=torch.tensor([[3]]), e=True)
        run.log(a=torch.tensor(float("nan")), b=np.int64(7), d=torch.tensor(True))
    values = {name: run.history[name].values.tolist() for name in run.history}
    assert str(values["a"]) == "[1.0, nan]"
    assert (values["b"], values["c"], values["d"], values["e"]) == ([0.5, 7], [2], [3, 1], [1])


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("0.5", "loss must be one number; got '0.5'"),
        (torch.zeros(3), "loss must be one number; got torch.float32 of shape (3,)"),
        (np.zeros((2, 2)), "loss must be one number; got float64 of shape (2, 2)"),
        (torch.tensor(1j), "got torch.complex64 of shape ()"),
        (None, "loss must be one number; got None"),
        (10**400, "loss must be one number; got ≈ 1e400, beyond"),
    ],
)
def test_what_is_no_number_gets_a_sentence(run, value, sentence):
    with pytest.raises(InputError) as caught, run:
        run.log(loss=value)
    assert sentence in str(caught.value)
    assert (run.state, run.message) == ("failed", caught.value)


def test_steps_may_be_given_and_only_grow(run):
    with run:
        run.log(step=10, loss=1.0)
        run.log(step=10, accuracy=0.5)
        run.log(step=np.int64(20), loss=0.5)
        run.log(loss=0.25)
        with pytest.raises(InputError, match="Step 5 was logged after step 21"):
            run.log(step=5, loss=0.0)
        with pytest.raises(InputError, match="step must be a whole number"):
            run.log(step=22.5, loss=0.0)
    assert run.history["loss"].steps.tolist() == [10, 20, 21]
    assert run.history["accuracy"].steps.tolist() == [10]
    assert run.steps == 21


def test_epochs_and_progress():
    run = WatchedRun(epochs=3)
    assert run.progress == Progress(0, 0, None, 3, None)
    with run:
        seen = []
        for epoch in run.epochs(3):
            seen.append(epoch)
            for _ in range(5):
                run.log(loss=1.0)
            run.record(validation_loss=2.0)
            if epoch == 1:
                break
    # The round that was broken off did not end its epoch.
    assert seen == [0, 1]
    assert run.progress == Progress(10, 1, 15, 3, 5)
    assert run.history.epochs.tolist() == [5]
    assert run.history["validation_loss"].steps.tolist() == [5, 10]
    with run:
        run.epoch_end(validation_loss=1.0)
    assert (run.epoch, run.history.epochs.tolist()) == (2, [5, 10])
    assert WatchedRun(epochs=4, steps=10).progress == Progress(0, 0, 10, 4, 3)


def test_it_pauses_steps_and_goes_on(run, loop):
    run.pause()
    assert wait(lambda: run.state == "paused")
    count = run.steps
    run.step(3)
    assert wait(lambda: run.state == "paused" and run.steps >= count + 3)
    assert run.steps == count + 3
    run.step()
    assert wait(lambda: run.steps == count + 4 and run.state == "paused")
    run.resume()
    assert wait(lambda: run.steps > count + 100)
    run.step(5)
    assert wait(lambda: run.state == "paused")
    run.start()
    assert wait(lambda: run.state == "running")
    assert len(run.history["loss"]) == run.steps or wait(
        lambda: run.history["loss"].steps.tolist() == list(range(1, len(run.history["loss"]) + 1))
    )
    assert loop.error is None


@pytest.mark.parametrize("paused", [False, True])
def test_stop_ends_the_block_as_if_it_were_done(run, loop, paused):
    if paused:
        run.pause()
        assert wait(lambda: run.state == "paused")
    run.stop()
    # Once asked, nothing undoes it.
    loop.join(LONG)
    assert (run.state, run.message, loop.error) == ("finished", None, None)
    assert len(run.history["loss"]) == run.steps


def test_the_states_are_told(run):
    heard = []
    unsubscribe = run.on_change(lambda: heard.append(run.state))
    with run:
        run.log(loss=1.0)
        run.pause()
        threading.Timer(0, lambda: wait(lambda: run.state == "paused") and run.resume()).start()
        run.log(loss=1.0)
    assert heard == ["running", "paused", "running", "finished"]
    unsubscribe()
    with run:
        pass
    assert len(heard) == 4


def test_the_polls_are_called_by_the_thread_that_made_it_and_may_steer_it(run):
    calls = []

    def poll() -> None:
        calls.append((run.state, threading.current_thread()))
        asked = {1: run.pause, 4: run.resume, 5: run.stop}.get(len(calls))
        if asked:
            asked()

    unsubscribe = run.while_waiting(poll)
    with run:
        while True:
            run.log(loss=1.0)
    states = ["running", "paused", "paused", "paused", "running"]
    assert [state for state, _ in calls] == states
    assert {thread for _, thread in calls} == {threading.main_thread()}
    unsubscribe()
    count = len(calls)
    with run:
        run.log(loss=1.0)
    assert len(calls) == count


def test_another_threads_loop_leaves_the_polls_alone(run):
    calls = []
    run.while_waiting(lambda: calls.append(1))
    thread = Loop(run)
    thread.start()
    assert wait(lambda: run.steps > 3)
    run.pause()
    assert wait(lambda: run.state == "paused")
    run.stop()
    thread.join(LONG)
    assert (calls, thread.error) == ([], None)


def test_an_interrupt_in_a_pause_ends_the_cell(run):
    def interrupt() -> None:
        assert wait(lambda: run.state == "paused")
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)

    def cell() -> None:
        with run:
            run.log(loss=1.0)
            run.pause()
            thread.start()
            run.log(loss=0.5)

    with pytest.raises(KeyboardInterrupt):
        cell()
    thread.join(LONG)
    assert run.state == "finished"
    assert str(run.message).startswith("The loop was interrupted after step 2.")


def test_an_error_in_the_block_goes_on_and_is_told(run):
    def cell() -> None:
        with run:
            run.log(loss=1.0)
            raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        cell()
    assert run.state == "failed"
    assert str(run.message).startswith("The loop raised ZeroDivisionError after step 1: division")
    assert isinstance(run.message.__cause__, ZeroDivisionError)
    with run:
        run.log(loss=0.5)
    assert (run.state, run.message, run.steps) == ("finished", None, 2)


def test_errors_that_a_loop_outlives_do_not_swallow_the_stop(run):
    with run:
        for _ in range(3):
            with contextlib.suppress(Exception):
                run.stop()
                run.log(loss=1.0)
    assert run.steps == 1


def test_without_a_block(run):
    run.log(loss=1.0)
    assert run.state == "running"
    run.end()
    assert run.state == "finished"
    run.log(loss=1.0)
    run.stop()
    with pytest.raises(StopTraining):
        run.log(loss=1.0)
    assert run.state == "finished"


def test_the_learning_rate_changes_between_two_steps():
    model = nn.Linear(2, 2)
    sgd = torch.optim.SGD(
        [{"params": [model.weight], "lr": 0.5}, {"params": [model.bias], "lr": 0.1}], lr=1.0
    )
    run = WatchedRun(model, sgd)
    assert run.controls == ("play", "pause", "step", "stop", "learning_rate")
    assert set(run.controls) <= set(CONTROLS)
    with run:
        run.log(loss=1.0)
        run.learning_rate = 0.25
        assert (run.learning_rate, sgd.param_groups[0]["lr"]) == (0.25, 0.5)
        run.log(loss=1.0)
        assert [group["lr"] for group in sgd.param_groups] == [0.25, pytest.approx(0.05)]
        run.log(loss=1.0)
    run.learning_rate = 0
    assert (run.learning_rate, sgd.param_groups[0]["lr"]) == (0, 0)
    assert run.history["learning_rate"].steps.tolist() == [1, 3]
    assert run.history["learning_rate"].values.tolist() == [0.5, 0.25]
    with pytest.raises(InputError, match="learning_rate must be a number"):
        run.learning_rate = -1


def test_the_learning_rate_set_in_a_pause_is_there_at_once():
    model = nn.Linear(2, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=0.5)
    run = WatchedRun(model, sgd)
    thread = Loop(run)
    thread.start()
    assert wait(lambda: run.steps > 3)
    run.pause()
    assert wait(lambda: run.state == "paused")
    run.learning_rate = 0.125
    assert wait(lambda: sgd.param_groups[0]["lr"] == 0.125)
    assert run.state == "paused"
    run.stop()
    thread.join(LONG)


def test_schedulers_go_on_from_the_rate_that_was_set():
    model = nn.Linear(2, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(sgd, lambda step: 0.5**step)
    rate = OptimizerRate(sgd, [scheduler])
    sgd.step()
    scheduler.step()
    assert rate.get() == 0.5
    rate.set(0.25)
    sgd.step()
    scheduler.step()
    assert rate.get() == pytest.approx(0.125)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kind", ["LambdaLR", "MultiplicativeLR"])
def test_a_rate_that_is_set_outlives_the_schedulers_that_the_run_knows(kind, several):
    model = nn.Linear(2, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = {
        "LambdaLR": lambda: torch.optim.lr_scheduler.LambdaLR(sgd, lambda step: 0.5**step),
        "MultiplicativeLR": lambda: torch.optim.lr_scheduler.MultiplicativeLR(sgd, lambda _: 0.5),
    }[kind]()
    run = WatchedRun(model, sgd, schedulers=[schedule] if several else schedule)
    with run:
        for _ in range(4):
            sgd.step()
            run.log(loss=1.0)
            schedule.step()
            if run.steps == 2:
                run.learning_rate = 0.05
    # The rate that is set is taken on in the next `log`, after step 3.
    assert run.history["learning_rate"].values == pytest.approx([1, 0.5, 0.25, 0.025])
    assert sgd.param_groups[0]["lr"] == pytest.approx(0.0125)


def test_a_rate_in_a_tensor():
    weight = nn.Parameter(torch.zeros(1))
    adam = torch.optim.Adam([weight], lr=torch.tensor(0.5))
    rate = OptimizerRate(adam)
    assert rate.get() == 0.5
    rate.set(0.25)
    assert isinstance(adam.param_groups[0]["lr"], torch.Tensor)
    assert rate.get() == 0.25


def test_what_cannot_be_done_with_a_loop_of_ones_own(run):
    assert run.learning_rate is None
    assert "learning_rate" not in run.controls
    run.pause()
    run.stop()
    assert run.state == "idle"
    for act in (run.start, run.resume, run.step, run.reset, lambda: run.start(3)):
        with pytest.raises(InputError, match="a loop of your own: run its cell"):
            act()
    with pytest.raises(InputError, match="has no optimizer"):
        run.learning_rate = 0.1
    with pytest.raises(InputError, match="epochs must be a whole number"):
        WatchedRun(epochs=0)
    linear = torch.nn.Linear(1, 1)
    for given, sentence in [
        (("model",), "model must be an nn.Module"),
        ((torch.nn.Linear,), "Linear is a class"),
        ((linear, "adam"), "optimizer must be a torch optimizer"),
        ((linear, torch.optim.SGD), "SGD is a class"),
        ((torch.optim.SGD(linear.parameters()), linear), "model must be an nn.Module"),
    ]:
        with pytest.raises(InputError, match=sentence):
            WatchedRun(*given)
    with pytest.raises(InputError, match="count must be a whole number"):
        run.epochs(0)


def test_numbers_on_an_accelerator_come_in_bunches_and_in_order(monkeypatch, run):
    # The way of an accelerator's tensors, taken by those of the CPU.
    monkeypatch.setattr(logged, "_is_here", lambda _: False)
    with run:
        run.log(loss=torch.tensor(1.0, requires_grad=True) * 2, rows=64)
        assert len(run.history) == 0
        run.log(loss=0.5)
        assert len(run.history) == 0
        run.epoch_end(validation_loss=torch.tensor(4.0))
        assert run.history["loss"].values.tolist() == [2, 0.5]
        assert run.history["validation_loss"].steps.tolist() == [2]
        for _ in range(64):
            run.log(loss=torch.tensor(1.0))
        assert len(run.history["loss"]) == 66
        run.log(loss=torch.tensor(3.0))
    assert run.history["loss"].values[-1] == 3
    assert run.history["loss"].steps.tolist() == list(range(1, 68))
    assert run.history["rows"].values.tolist() == [64]


def test_a_number_without_a_name_and_a_scheduler_that_is_none_get_a_sentence():
    run = WatchedRun()
    with pytest.raises(InputError, match=r"needs a name for its curve: run.log\(loss=…\)"):
        run.log(torch.tensor(0.5))
    assert run.steps == 0
    model = torch.nn.Linear(1, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    for given in ("step", torch.optim.lr_scheduler.StepLR):
        with pytest.raises(InputError, match="schedulers must be those of the optimizer"):
            WatchedRun(model, sgd, schedulers=given)
