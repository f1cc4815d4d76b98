from __future__ import annotations

import copy
import itertools
import math
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from dl_lab.errors import InputError
from dl_lab.train.range_test import RangeTest, range_test
from dl_lab.train.trainer import Trainer

ROWS, CLASSES = 240, 4


@pytest.fixture(autouse=True)
def nothing_is_left():
    torch.get_num_threads()
    threads, count = set(threading.enumerate()), torch.get_num_threads()
    state = torch.get_rng_state()
    yield
    assert set(threading.enumerate()) <= threads
    assert torch.get_num_threads() == count
    assert torch.equal(torch.get_rng_state(), state)


def clouds(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Four clouds in 6 dimensions that a network can tell apart."""
    generator = torch.Generator().manual_seed(seed)
    centres = 2 * torch.randn(CLASSES, 6, generator=generator)
    targets = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    return centres[targets] + 0.5 * torch.randn(ROWS, 6, generator=generator), targets


def network(seed: int = 1, *, dropout: float = 0.2) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(6, 16),
            nn.BatchNorm1d(16),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(16, CLASSES),
        )


def plain_linear(inputs: int, outputs: int) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(inputs, outputs)


def make(
    seed: int = 3, optimizer: str = "Adam", lr: float = 0.01, **keywords: Any
) -> tuple[Trainer, DataLoader[Any]]:
    model = network()
    loader = DataLoader(
        TensorDataset(*clouds()),
        batch_size=20,
        shuffle=True,
        generator=torch.Generator().manual_seed(7),
    )
    steps = getattr(torch.optim, optimizer)(model.parameters(), lr=lr)
    trainer = Trainer(
        model, functional.cross_entropy, steps, loader, seed=seed, device="cpu", **keywords
    )
    return trainer, loader


def plain(value: Any) -> Any:
    """Copy nested state with tensors as lists of numbers, so that == compares it exactly."""
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), value.tolist())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return copy.deepcopy(value)


def everything(trainer: Trainer, loader: DataLoader[Any]) -> dict[str, Any]:
    return {
        "model": plain(trainer.model.state_dict()),
        "modes": [module.training for module in trainer.model.modules()],
        "gradients": [plain(parameter.grad) for parameter in trainer.model.parameters()],
        "optimizer": plain(trainer.optimizer.state_dict()),
        "loader": plain(loader.generator.get_state()),
        "random": plain(torch.get_rng_state()),
        "counts": (trainer.epoch, trainer.steps, trainer.state, trainer.message),
        "history": plain(trainer.history["train_loss"].values.tolist()) if trainer.steps else [],
    }


class TestRestoration:
    @pytest.mark.parametrize("before", [0, 5, 12, 17], ids="after {} steps".format)
    @pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
    def test_everything_is_as_it_was(self, before, optimizer):
        trainer, loader = make(optimizer=optimizer)
        if before:
            trainer.step(before)
        then = everything(trainer, loader)
        test = range_test(trainer, high=100.0)
        assert len(test.losses) > 30
        assert everything(trainer, loader) == then

    @pytest.mark.parametrize("before", [0, 5, 12], ids="after {} steps".format)
    def test_training_goes_on_as_if_there_had_been_none(self, before):
        tested, _ = make()
        other, _ = make()
        for trainer in (tested, other):
            if before:
                trainer.step(before)
        range_test(tested)
        range_test(tested, scale="linear", low=1e-4, high=0.1, steps=40)
        for trainer in (tested, other):
            trainer.fit(3)
        assert np.array_equal(
            tested.history["train_loss"].values, other.history["train_loss"].values
        )
        assert tested.history["train_loss"].steps.tolist() == list(
            range(1, before + 37 - before % 12)
        )
        for a, b in zip(
            tested.model.state_dict().values(), other.model.state_dict().values(), strict=True
        ):
            assert torch.equal(a, b)

    def test_weights_that_ran_away_come_back(self):
        model = plain_linear(6, 1)
        points, _ = clouds()
        loader = DataLoader(
            TensorDataset(points, points.sum(1, keepdim=True)),
            batch_size=20,
            generator=torch.Generator(),
        )
        sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        trainer = Trainer(model, functional.mse_loss, sgd, loader, seed=0, device="cpu")
        trainer.step(3)
        then = everything(trainer, loader)
        lost = []
        handle = sgd.register_step_post_hook(
            lambda *_: lost.append(model.weight.abs().max().item())
        )
        test = range_test(trainer, low=1.0, high=1e6, stop_factor=None)
        handle.remove()
        assert not max(lost) < 1e15
        assert test.stopped is not None
        assert test.stopped.key == "range_not_finite"
        assert everything(trainer, loader) == then

    def test_nothing_is_recorded_and_no_callback_hears_of_it(self):
        from dl_lab.train.callbacks.base import Callback

        heard = []

        class Listening(Callback):
            def on_start(self, trainer):
                heard.append(trainer.state)

            def on_step_end(self, trainer):
                heard.append(trainer.steps)

        trainer, _ = make(callbacks=[Listening()])
        trainer.step(2)
        told = []
        end = trainer.on_change(lambda: told.append(trainer.state))
        before = len(heard)
        range_test(trainer)
        end()
        assert len(heard) == before
        assert len(trainer.history["train_loss"]) == 2
        assert told == []


def plain_loop(
    rates: list[float], optimizer: str, groups: tuple[float, ...] = (1.0,)
) -> tuple[list[float], list[tuple[float, ...]]]:
    """Write the test as one would in a notebook, on the same batches and random numbers."""
    model = network().train()
    parameters = list(model.parameters())
    share = -(-len(parameters) // len(groups))
    steps = getattr(torch.optim, optimizer)(
        [
            {"params": parameters[i * share : (i + 1) * share], "lr": 0.01 * factor}
            for i, factor in enumerate(groups)
        ]
    )
    loader = DataLoader(
        TensorDataset(*clouds()),
        batch_size=20,
        shuffle=True,
        generator=torch.Generator().manual_seed(7),
    )
    losses, used = [], []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        batches = itertools.chain.from_iterable(itertools.repeat(loader))
        for rate in rates:
            inputs, targets = next(batches)
            for group, factor in zip(steps.param_groups, groups, strict=True):
                group["lr"] = rate * factor
            used.append(tuple(group["lr"] for group in steps.param_groups))
            steps.zero_grad()
            loss = functional.cross_entropy(model(inputs), targets)
            loss.backward()
            steps.step()
            losses.append(loss.item())
    return losses, used


def average(losses: list[float], weight: float) -> list[float]:
    """Weigh each past loss by its age, as the debiased moving average is defined."""
    return [
        float(np.average(losses[: n + 1], weights=weight ** np.arange(n, -1, -1.0)))
        for n in range(len(losses))
    ]


class TestMeasuring:
    @pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
    @pytest.mark.parametrize(
        ("scale", "low", "high"), [("exponential", 1e-5, 0.5), ("linear", 1e-3, 0.2)]
    )
    def test_losses_are_those_of_a_plain_loop(self, optimizer, scale, low, high):
        trainer, _ = make(optimizer=optimizer)
        test = range_test(trainer, low, high, 30, scale, stop_factor=None, smoothing=0.7)
        if scale == "linear":
            rates = [low + i * (high - low) / 29 for i in range(30)]
        else:
            rates = [low * (high / low) ** (i / 29) for i in range(30)]
        losses, _ = plain_loop(rates, optimizer)
        assert test.rates == pytest.approx(rates, rel=1e-12)
        assert test.losses == pytest.approx(losses, rel=1e-4)
        assert test.smoothed == pytest.approx(average(losses, 0.7), rel=1e-4)
        assert (test.current, test.scale, test.stopped) == (0.01, scale, None)

    def test_parameter_groups_keep_their_proportions(self):
        model = network(dropout=0.2)
        parameters = list(model.parameters())
        factors = (1.0, 0.1, 3.0)
        sgd = torch.optim.SGD(
            [
                {"params": parameters[i * 2 : i * 2 + 2], "lr": 0.01 * factor}
                for i, factor in enumerate(factors)
            ]
        )
        seen = []
        sgd.register_step_pre_hook(
            lambda steps, *_: seen.append(tuple(group["lr"] for group in steps.param_groups))
        )
        loader = DataLoader(
            TensorDataset(*clouds()),
            batch_size=20,
            shuffle=True,
            generator=torch.Generator().manual_seed(7),
        )
        trainer = Trainer(model, functional.cross_entropy, sgd, loader, seed=3, device="cpu")
        test = range_test(trainer, 1e-4, 1.0, 25, stop_factor=None)
        losses, used = plain_loop(test.rates.tolist(), "SGD", factors)
        assert [pytest.approx(rates, rel=1e-9) for rates in used] == seen[:25]
        assert all(rates[1] == pytest.approx(0.1 * rates[0]) for rates in seen[25:])
        assert test.losses == pytest.approx(losses, rel=1e-4)
        assert [group["lr"] for group in sgd.param_groups] == [0.01 * f for f in factors]

    def test_it_stops_where_the_loss_has_risen(self):
        trainer, _ = make(optimizer="SGD")
        test = range_test(trainer, 1e-4, 1000, 100, stop_factor=2.0)
        assert test.stopped is not None
        assert test.stopped.key == "range_rose"
        assert len(test.rates) < 100
        lowest = np.minimum.accumulate(test.smoothed)
        above = test.smoothed > 2.0 * lowest
        assert above[-1]
        assert not above[:-1].any()

    def test_a_loss_below_zero_stops_it_only_as_it_rises(self):
        points = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
        model = plain_linear(1, 1)

        def loss(outputs, targets):
            return functional.mse_loss(outputs, targets) - 10

        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        trainer = Trainer(model, loss, sgd, (points, 3 * points), device="cpu", batch_size=None)
        test = range_test(trainer, 1e-4, 1000)
        assert test.stopped is not None
        assert test.stopped.key == "range_rose"
        assert test.smoothed[-1] - test.smoothed.min() > 3 * abs(test.smoothed.min())
        assert test.suggestion is not None


class Blinking(nn.Module):
    """Gives NaN in some of its steps."""

    def __init__(self, blinks: set[int]) -> None:
        super().__init__()
        self.linear = plain_linear(6, CLASSES)
        self.blinks = blinks
        self.calls = 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        outputs = self.linear(inputs)
        # The gradient stays finite: only the loss is lost.
        return outputs + math.nan if self.calls in self.blinks else outputs


class FrozenLoss(nn.Module):
    """A loss without a gradient where it is not finite, as a mask over bad rows gives it."""

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss = functional.cross_entropy(outputs, targets)
        if torch.isfinite(loss):
            return loss
        return (outputs.nan_to_num() * 0).sum() + math.nan


def blinking(blinks: set[int]) -> Trainer:
    model = Blinking(blinks)
    # No rate is high enough to carry a NaN into the weights: SGD does not step.
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    sgd.register_step_pre_hook(lambda *_: torch.nn.utils.clip_grad_value_(model.parameters(), 1.0))

    def mend(*_: object) -> None:
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.nan_to_num_(0.0)

    sgd.register_step_pre_hook(mend)
    return Trainer(model, FrozenLoss(), sgd, clouds(), batch_size=20, seed=0, device="cpu")


class TestNotFinite:
    def test_a_bad_batch_is_left_out(self):
        test = range_test(blinking({4, 9, 10}), 1e-4, 1e-1, 40)
        assert test.stopped is None
        assert len(test.rates) == len(test.losses) == len(test.smoothed) == 37
        assert np.isfinite([test.rates, test.losses, test.smoothed]).all()
        planned = np.geomspace(1e-4, 1e-1, 40)
        assert test.rates == pytest.approx(np.delete(planned, [3, 8, 9]), rel=1e-12)
        assert test.smoothed == pytest.approx(average(test.losses.tolist(), 0.8), rel=1e-9)

    def test_three_in_a_row_end_it(self):
        test = range_test(blinking({30, 31, 32}), 1e-4, 1e-1, 40)
        assert len(test.losses) == 29
        assert test.stopped is not None
        assert test.stopped.key == "range_not_finite"
        assert test.stopped.params["value"] == "nan"

    def test_one_that_diverges_at_once_suggests_nothing(self):
        trainer, loader = make(optimizer="SGD")
        then = everything(trainer, loader)
        test = range_test(trainer, 1e4, 1e6, stop_factor=None)
        assert test.suggestion is None
        assert test.reason is not None
        assert test.reason.key == "range_no_descent"
        assert everything(trainer, loader) == then

    def test_one_without_a_single_finite_loss_says_so(self):
        test = range_test(blinking(set(range(1000))))
        assert len(test.rates) == 0
        assert str(test.reason).startswith("No loss could be measured")
        assert test.trainings == ()
        assert str(test.stopped).endswith("the loss became nan.")


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({"low": 0}, "low must be a number between 1e-12 and 1000000; got 0."),
            ({"high": math.nan}, "high must be a number between"),
            ({"low": 1.0, "high": 0.5}, "must be below the highest; 1 is not below 0.5."),
            ({"low": 1.0, "high": 1.0}, "must be below the highest"),
            ({"steps": 5}, "steps must be a whole number between 20 and 10000; got 5."),
            ({"scale": "exponentiell"}, "did you mean exponential?"),
            ({"stop_factor": 1}, "stop_factor must be a number between"),
            ({"smoothing": 1.0}, "smoothing must be a number between"),
            ({"training_steps": 5}, "training_steps must be a whole number between 20 and 10000"),
        ],
    )
    def test_a_sentence_for_each(self, arguments, sentence):
        trainer, loader = make()
        then = everything(trainer, loader)
        with pytest.raises(InputError) as error:
            range_test(trainer, **arguments)
        assert sentence in str(error.value)
        assert everything(trainer, loader) == then

    def test_a_model_is_no_trainer(self):
        with pytest.raises(InputError, match=r"got an object of type ReLU\. Make one"):
            range_test(nn.ReLU())

    def test_a_trainer_that_runs_is_not_tested(self):
        trainer, _ = make()
        trainer.start()
        try:
            with pytest.raises(InputError):
                range_test(trainer)
            assert trainer.state == "running"
        finally:
            trainer.close()

    def test_a_step_that_raises_is_told_and_leaves_no_trace(self):
        trainer, loader = make()
        then = everything(trainer, loader)
        calls = itertools.count()

        def fail(*_: object) -> None:
            if next(calls) == 4:
                raise ZeroDivisionError("four")

        handle = trainer.model.register_forward_hook(fail)
        with pytest.raises((ZeroDivisionError, InputError), match="four"):
            range_test(trainer)
        handle.remove()
        assert everything(trainer, loader) == then


@pytest.mark.parametrize("times", [1, 3], ids="pressed {} times".format)
def test_an_interrupt_ends_it_and_puts_everything_back(times):
    trainer, loader = make()
    trainer.step(2)
    then = everything(trainer, loader)
    main = threading.main_thread().ident
    calls = itertools.count(1)

    def press(*_: object) -> None:
        call = next(calls)
        if call == 33:
            for _ in range(times):
                signal.pthread_kill(main, signal.SIGINT)
        elif call > 33:
            time.sleep(0.01)  # a slow step, so that the main thread has its turn

    handler = signal.getsignal(signal.SIGINT)
    handle = trainer.model.register_forward_hook(press)
    test = range_test(trainer, 1e-7, 1e-3, steps=5000)
    handle.remove()
    assert test.stopped is not None
    assert test.stopped.key == "range_interrupted"
    assert 33 <= len(test.losses) < 5000
    assert (test.suggestion, test.reason.key, test.trainings) == (None, "range_not_tried", ())
    assert everything(trainer, loader) == then
    assert signal.getsignal(signal.SIGINT) is handler


def test_one_begun_in_another_thread_leaves_the_interrupt_alone():
    trainer, _ = make()
    handler = signal.getsignal(signal.SIGINT)
    found = []
    thread = threading.Thread(target=lambda: found.append(range_test(trainer)))
    thread.start()
    while thread.is_alive():
        assert signal.getsignal(signal.SIGINT) is handler
        thread.join(0.01)
    assert len(found[0].losses) > 30


def test_who_waits_is_asked_to_keep_a_page_alive():
    trainer, _ = make()
    threads = set()
    end = trainer.while_waiting(lambda: threads.add(threading.current_thread()))
    range_test(trainer)
    end()
    assert threads == {threading.main_thread()}


def test_the_result_is_plain_data():
    trainer, _ = make()
    test = range_test(trainer)
    assert isinstance(test, RangeTest)
    for values in (test.rates, test.losses, test.smoothed):
        assert values.dtype == np.float64
        assert values.shape == test.rates.shape
