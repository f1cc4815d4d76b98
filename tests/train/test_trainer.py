from __future__ import annotations

import asyncio
import copy
import math
import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dl_lab.data.toy import toy
from dl_lab.errors import InputError
from dl_lab.nets.dense import dense
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 30.0
DATA = toy("circle")


@pytest.fixture(autouse=True)
def no_thread_is_left():
    torch.get_num_threads()
    threads, count = set(threading.enumerate()), torch.get_num_threads()
    yield
    assert set(threading.enumerate()) <= threads
    assert torch.get_num_threads() == count


def playground():
    """As dl_lab.Playground makes one: the fast path."""
    model = dense()
    optimizer = RegularizedSGD(model, lr=0.03)
    losses = {"train_loss": DATA.train, "test_loss": DATA.test}
    train = Batches(*DATA.train, 10)
    return Trainer(model, half_squared_error, optimizer, train, losses, record="epoch", seed=0)


def convolutional(seed=0):
    """Another kind of network, with all that makes training random."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(48, 3),
    )
    inputs, targets = torch.randn(48, 16), torch.randint(3, (48,))
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=8, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        loader,
        (inputs, targets),
        seed=seed,
    )


def everything(trainer):
    """All that a run leaves, as one flat array."""
    state = trainer.optimizer.state_dict()["state"]
    tensors = [*trainer.model.parameters(), *trainer.model.buffers()]
    tensors += [item for entry in state.values() for item in entry.values()]
    series = [trainer.history[name].values for name in trainer.history]
    flat = [tensor.detach().double().numpy().ravel() for tensor in tensors]
    return np.concatenate([*flat, *series, [trainer.epoch, trainer.steps]])


MAKERS = pytest.mark.parametrize("make", [playground, convolutional])


@pytest.mark.parametrize("hook", ["on_step_begin", "on_step_end", "on_epoch_end", "command"])
def test_between_two_steps_the_random_numbers_are_the_persons(hook):
    x = torch.rand(64, 4)
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Linear(4, 1))
    seen: list[torch.Tensor] = []

    class Looks(Callback):
        pass

    setattr(Looks, hook, lambda *_: seen.append(torch.get_rng_state()))
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    data = x, x.sum(1, keepdim=True)
    before = torch.get_rng_state()
    trainer = Trainer(model, nn.MSELoss(), sgd, data, batch_size=8, seed=1, callbacks=Looks())
    if hook == "command":
        trainer.start(2000)
        seen += [trainer.call(torch.get_rng_state).result() for _ in range(5)]
        trainer.pause()
    else:
        trainer.fit(3)
    assert len(seen) >= 3
    assert all(torch.equal(one, before) for one in [*seen, torch.get_rng_state()])
    trainer.close()


@MAKERS
def test_a_seed_makes_it_repeatable_and_reset_brings_it_all_back(make):
    first, second = make(), make()
    start = everything(first)
    before = torch.get_rng_state()
    first.fit(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    second.fit(3)
    end = everything(first)
    assert np.array_equal(end, everything(second))
    first.reset()
    assert first.state == "idle"
    assert np.array_equal(everything(first), start)
    torch.rand(5)
    first.fit(3)
    assert np.array_equal(everything(first), end)
    if make is convolutional:
        other = make(seed=1)
        other.fit(3)
        assert not np.array_equal(everything(other), end)


@MAKERS
def test_however_it_is_cut_the_run_is_the_same(make):
    whole, pieces = make(), make()
    whole.fit(4)
    count = whole.steps
    pieces.step(2)
    assert (pieces.state, pieces.steps, pieces.epoch) == ("paused", 2, 0)
    pieces.step(count // 2)
    pieces.start(epochs=4 - pieces.epoch)
    pieces.call(lambda: None).result(LONG)
    pieces.pause()
    pieces.snapshot().result(LONG)
    # Should it have finished before the pause came, there is nothing to go on with.
    pieces.resume()
    asyncio.run(pieces.wait())
    assert np.array_equal(everything(whole), everything(pieces))
    assert pieces.state == "finished"


def test_the_history_by_epoch():
    trainer = playground()
    assert trainer.history["train_loss"].steps.tolist() == [0]
    first = half_squared_error(trainer.model(DATA.test[0]), DATA.test[1]).item()
    assert trainer.history["test_loss"].values[0] == pytest.approx(first)
    trainer.fit(5)
    assert trainer.history.names == ("train_loss", "test_loss")
    assert trainer.history["train_loss"].steps.tolist() == list(range(6))
    last = half_squared_error(trainer.model(DATA.train[0]), DATA.train[1]).item()
    assert trainer.history["train_loss"].values[-1] == pytest.approx(last)
    assert trainer.evaluate() == pytest.approx(
        {name: trainer.history[name].values[-1] for name in trainer.history}
    )
    assert trainer.steps == 5 * 25


def test_the_history_by_step():
    trainer = convolutional()
    assert trainer.history.names == ("validation_loss",)
    trainer.fit(2)
    assert trainer.history["train_loss"].steps.tolist() == list(range(1, 13))
    assert trainer.history["validation_loss"].steps.tolist() == [0, 6, 12]


def test_the_mean_of_the_batches_by_epoch_where_nothing_else_measures_it():
    for weights in (dense(), dense(output="linear")):
        points, targets = DATA.train
        batch = points[:30], targets[:30]
        first = half_squared_error(weights(batch[0]), batch[1]).item()
        optimizer = RegularizedSGD(weights, lr=0.0)
        trainer = Trainer(weights, half_squared_error, optimizer, batch, record="epoch")
        trainer.fit(2)
        assert trainer.history["train_loss"].values == pytest.approx([first, first])
        assert trainer.history["train_loss"].steps.tolist() == [1, 2]


def test_any_iterable_and_any_optimizer():
    torch.manual_seed(0)
    inputs = [torch.randn(4, 3) for _ in range(3)]
    batches = [(rows, rows.sum(1, keepdim=True)) for rows in inputs]
    for optimize in (torch.optim.LBFGS, torch.optim.Adagrad):
        model = nn.Linear(3, 1)
        optimizer = optimize(model.parameters(), lr=0.1)
        trainer = Trainer(model, nn.MSELoss(), optimizer, batches, {"here": batches})
        trainer.fit(3)
        values = trainer.history["here"].values
        assert values[-1] < values[0]
        assert trainer.steps == 9


def test_measuring_leaves_no_trace():
    class Noisy(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs) + 0 * torch.rand(1)

    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5), Noisy(2, 1))
    model[0].eval()
    model(torch.randn(8, 2)).sum().backward()
    data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
    loader = DataLoader(data, batch_size=4, shuffle=True)
    trainer = Trainer(
        model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), loader, loader
    )
    states = torch.get_rng_state(), random.getstate(), copy.deepcopy(model.state_dict())
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    flags = [module.training for module in model.modules()]
    trainer.evaluate()
    trainer.snapshot().result(LONG)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert all(torch.equal(states[2][name], now) for name, now in model.state_dict().items())
    assert flags == [module.training for module in model.modules()] == [True, False, True, True]
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)


@MAKERS
def test_a_run_that_diverges_pauses_with_the_last_good_weights(make):
    trainer = make()
    trainer.fit(2)
    good = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    state = copy.deepcopy(trainer.optimizer.state_dict()["state"])

    def spoil():
        trainer.optimizer.param_groups[0]["lr"] = math.inf
        trainer.optimizer.param_groups[-1]["lr"] = math.inf

    trainer.call(spoil).result(LONG)
    with pytest.raises(InputError) as caught:
        trainer.fit(50)
    assert trainer.state == "paused"
    assert trainer.message is caught.value
    assert trainer.message.key == "diverged"
    assert "The weights of epoch 2 are back. Try a smaller learning rate (inf now)" in str(
        trainer.message
    )
    for parameter, kept in zip(trainer.model.parameters(), good, strict=True):
        assert torch.equal(parameter, kept)
    after = trainer.optimizer.state_dict()["state"]
    assert str(after) == str(state)
    # What led there stays visible.
    assert not all(np.isfinite(trainer.history[name].values).all() for name in trainer.history)
    trainer.reset()
    assert trainer.message is None


def test_a_step_that_raises_leaves_failed_and_a_sentence():
    inputs = torch.randn(4, 3)
    batches = [(inputs, torch.randn(4, 1)), (inputs[:, :2], torch.randn(4, 1))]
    model = nn.Linear(3, 1)
    trainer = Trainer(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1), batches)
    trainer.start()
    assert asyncio.run(trainer.wait()) == "failed"
    assert trainer.message.key == "layer_width"
    assert (
        "takes 3 numbers in the last dimension, but its input, tensor [4, 2] float32, has 2"
        in str(trainer.message)
    )
    assert isinstance(trainer.message.__cause__, RuntimeError)
    with pytest.raises(InputError, match="takes 3 numbers"):
        trainer.fit(1)
    trainer.set_data(batches[:1])
    trainer.fit(1)
    assert trainer.message is None
    assert trainer.state == "finished"


def test_our_own_sentences_arrive_as_they_are():
    model = dense()
    wrong = DATA.train[0], DATA.train[1][:, None]
    trainer = Trainer(model, half_squared_error, RegularizedSGD(model), wrong)
    trainer.start()
    asyncio.run(trainer.wait())
    assert trainer.message.key == "shapes"
    empty = Trainer(model, half_squared_error, RegularizedSGD(model), [])
    with pytest.raises(InputError, match="has no batches"):
        empty.fit(1)


def test_states_and_their_listener():
    trainer = playground()
    heard = []
    unsubscribe = trainer.on_change(lambda: heard.append(trainer.state))
    assert trainer.state == "idle"
    trainer.start()
    assert trainer.state == "running"
    trainer.pause()
    assert trainer.state == "paused"
    trainer.resume()
    trainer.stop()
    assert trainer.state == "finished"
    trainer.reset()
    assert trainer.state == "idle"
    assert [state for state in heard if state != "running"][-3:] == ["paused", "finished", "idle"]
    unsubscribe()
    heard.clear()
    trainer.fit(1)
    assert not heard


def test_commands_come_between_steps_in_mid_run():
    trainer = playground()
    trainer.start()

    def edit():
        with torch.no_grad():
            trainer.model[5].bias.fill_(7.0)
        return trainer.snapshot().result(0).parameters[-1]

    assert trainer.call(edit).result(LONG) == 7.0
    trainer.call(setattr, trainer.optimizer, "lr", 0.0).result(LONG)
    one, two = trainer.snapshot().result(LONG), trainer.snapshot().result(LONG)
    assert np.array_equal(one.parameters, two.parameters)
    with pytest.raises(ZeroDivisionError):
        trainer.call(lambda: 1 // 0).result(LONG)
    assert trainer.state == "running"
    trainer.call(trainer.pause).result(LONG)
    assert asyncio.run(trainer.wait()) == "paused"
    trainer.close()


def test_a_command_at_rest_cannot_wait_for_steps():
    trainer = convolutional()
    with pytest.raises(InputError, match="step waits until steps are done"):
        trainer.call(trainer.step).result(LONG)

    def begin():
        trainer.start(3)
        trainer.learning_rate = 0.25
        trainer.pause()
        trainer.resume()

    trainer.call(begin).result(LONG)
    assert asyncio.run(trainer.wait()) == "finished"
    assert (trainer.epoch, trainer.learning_rate) == (3, 0.25)
    with trainer.trial(), pytest.raises(InputError, match="fit waits until steps are done"):
        trainer.fit(1)


def test_numbers_in_the_data_that_are_none_are_told():
    inputs, targets = torch.randn(8, 3), torch.randn(8, 1)
    inputs[5, 1] = math.nan
    model = nn.Linear(3, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    for train, validation, name in [
        ((inputs, targets), None, "train"),
        ((inputs[:5], targets[:5]), (inputs, targets), "validation_loss"),
    ]:
        trainer = Trainer(model, nn.MSELoss(), sgd, train, validation)
        with pytest.raises(InputError, match=rf"The data of {name} hold .* \(1 of them\)"):
            trainer.fit(2)
        assert trainer.state == "paused"
        assert torch.isfinite(model.weight).all()


def test_a_snapshot_is_a_copy():
    trainer = playground()
    trainer.fit(1)
    snapshot = trainer.snapshot().result(LONG)
    expected = torch.nn.utils.parameters_to_vector(trainer.model.parameters()).detach().numpy()
    assert np.array_equal(snapshot.parameters, expected)
    assert (snapshot.parameters.dtype, snapshot.epoch, snapshot.steps) == ("f4", 1, 25)
    trainer.fit(1)
    assert not np.array_equal(snapshot.parameters, trainer.snapshot().result(LONG).parameters)


def test_small_networks_train_on_one_thread_and_the_others_keep_theirs():
    trainer = playground()
    trainer.start()
    assert trainer.call(torch.get_num_threads).result(LONG) == 1
    outside = torch.get_num_threads()
    trainer.pause()
    assert torch.get_num_threads() == outside


@pytest.mark.parametrize("times", [1, 3], ids="pressed {} times".format)
def test_kernel_interrupt_pauses_and_keeps_the_model(times):
    trainer = playground()
    main = threading.main_thread().ident
    handler = signal.getsignal(signal.SIGINT)

    def interrupt():
        if trainer.epoch == 3:
            for _ in range(times):
                signal.pthread_kill(main, signal.SIGINT)
                # This step goes on until the first one is being heeded.
                assert wait_until(lambda: trainer._worker._ending is not None)

    trainer.set_data(Interrupting(trainer.train, interrupt), trainer.validation)
    trainer.fit(10**6)
    assert (trainer.state, trainer.epoch) == ("paused", 3)
    assert all(parameter.isfinite().all() for parameter in trainer.model.parameters())
    assert not [one for one in threading.enumerate() if one.name == "dl-lab trainer"]
    assert signal.getsignal(signal.SIGINT) is handler
    trainer.set_data(trainer.train.batches, trainer.validation)
    trainer.fit(1)
    assert (trainer.state, trainer.epoch) == ("finished", 4)


def wait_until(condition) -> bool:
    end = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


class Interrupting:
    """Batches that call something at each epoch's beginning."""

    def __init__(self, batches, function) -> None:
        self.batches = batches
        self.function = function

    def __iter__(self) -> Iterator[object]:
        self.function()
        return iter(self.batches)


def test_new_data_keep_the_weights_and_a_new_beginning_too():
    trainer = playground()
    trainer.fit(2)
    parameters = trainer.snapshot().result(LONG).parameters
    other = toy("xor")
    trainer.set_data(Batches(*other.train, 5), {"train_loss": other.train})
    assert np.array_equal(trainer.snapshot().result(LONG).parameters, parameters)
    assert trainer.epoch == 2
    trainer.reset(from_here=True)
    assert (trainer.epoch, trainer.steps, trainer.state) == (0, 0, "idle")
    assert np.array_equal(trainer.snapshot().result(LONG).parameters, parameters)
    trainer.fit(2)
    assert trainer.steps == 100
    trainer.reset()
    assert np.array_equal(trainer.snapshot().result(LONG).parameters, parameters)


def test_reset_while_it_runs():
    trainer = playground()
    first = trainer.snapshot().result(LONG).parameters
    trainer.start()
    trainer.call(lambda: None).result(LONG)
    trainer.reset()
    assert (trainer.state, trainer.epoch) == ("idle", 0)
    assert np.array_equal(trainer.snapshot().result(LONG).parameters, first)
    trainer.start()
    trainer.call(trainer.reset).result(LONG)
    assert asyncio.run(trainer.wait()) == "idle"
    assert np.array_equal(trainer.snapshot().result(LONG).parameters, first)


def make_it_diverge(trainer):
    def spoil():
        for group in trainer.optimizer.param_groups:
            group["lr"] = math.nan

    trainer.call(spoil).result(LONG)
    with pytest.raises(InputError):
        trainer.fit(2)


def test_a_weight_edited_by_hand_survives_a_divergence():
    trainer = playground()

    def edit():
        with torch.no_grad():
            trainer.model[1].weight[0, 0] = 0.75

    trainer.step(1)
    trainer.call(edit).result(LONG)
    good = trainer.model[1].weight.detach().clone()
    trainer.step(1)

    make_it_diverge(trainer)
    assert torch.equal(trainer.model[1].weight, good)


def test_looking_in_mid_epoch_does_not_make_runaway_weights_good_ones():
    trainer = playground()
    trainer.fit(1)
    good = trainer.snapshot().result(LONG).parameters
    trainer.call(setattr, trainer.optimizer, "lr", 1000.0).result(LONG)
    trainer.step(2)
    trainer.call(trainer.evaluate).result(LONG)
    trainer.call(setattr, trainer.optimizer, "lr", 1e6).result(LONG)

    make_it_diverge(trainer)
    assert np.array_equal(trainer.snapshot().result(LONG).parameters, good)


def test_close_ends_it_for_good():
    trainer = playground()
    trainer.start()
    trainer.close()
    trainer.close()
    assert trainer.state == "paused"
    for act in (trainer.start, trainer.resume, trainer.step):
        with pytest.raises(InputError, match="closed"):
            act()
    assert trainer.snapshot().result(LONG).epoch == trainer.epoch


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda trainer: trainer.start(0), "epochs must be a whole number"),
        (lambda trainer: trainer.step(0), "n must be a whole number"),
        (lambda trainer: trainer.fit(1.5), "got 1.5"),
        (lambda trainer: setattr(trainer, "pace", 0), "pace must be a number"),
    ],
)
def test_bad_numbers_get_a_sentence(act, sentence):
    trainer = playground()
    with pytest.raises(InputError, match=sentence):
        act(trainer)
    assert trainer.state == "idle"


def test_an_unknown_record_gets_a_sentence():
    model = dense()
    with pytest.raises(InputError, match="Choose one of: step, epoch"):
        Trainer(model, half_squared_error, RegularizedSGD(model), DATA.train, record="batch")
