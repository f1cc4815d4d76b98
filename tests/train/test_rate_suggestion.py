"""What the range test suggests: whether it trains, and when it says that it cannot tell."""

from __future__ import annotations

import itertools
import math
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.range_test import RangeTest, range_test
from dl_lab.train.short_trainings import ShortTrainings, ladder
from dl_lab.train.trainer import Trainer

DIGITS = dl_lab.data.digits()


def build(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def lesson() -> nn.Module:
    """The network of the lesson, as the issue met it."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def dense(*sizes: int, activation: type[nn.Module]) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[..., torch.optim.Optimizer]]] = {
    "the lesson's CNN, SGD": (lesson, torch.optim.SGD),
    "three sigmoid layers, Adam": (
        lambda: dense(64, 32, 32, 32, 10, activation=nn.Sigmoid),
        torch.optim.Adam,
    ),
    "MLP, SGD": (lambda: dense(64, 64, 10, activation=nn.ReLU), torch.optim.SGD),
    "MLP, momentum": (
        lambda: dense(64, 64, 10, activation=nn.Tanh),
        lambda parameters, lr: torch.optim.SGD(parameters, lr=lr, momentum=0.9),
    ),
}


def trainer_for(name: str, lr: float = 1e-3) -> Trainer:
    make, optimizer = CASES[name]
    model = build(make)
    return Trainer(
        model,
        functional.cross_entropy,
        optimizer(model.parameters(), lr=lr),
        DIGITS.train,
        DIGITS.test,
        metrics=["accuracy"],
        seed=0,
        device="cpu",
        name=name,
    )


def reached(name: str, lr: float) -> dict[str, float]:
    trainer = trainer_for(name, lr)
    trainer.fit(10)
    return trainer.evaluate()


class TestItTrains:
    @pytest.mark.parametrize("name", CASES)
    def test_with_the_suggestion_a_network_learns_the_digits(self, name):
        suggestion = range_test(trainer_for(name)).suggestion
        assert suggestion is not None
        # Deep sigmoid networks learn slowly: after ten epochs 0.85 to 0.9 is all that any rate has.
        least = 0.85 if "sigmoid" in name else 0.9
        assert reached(name, suggestion)["validation_accuracy"] >= least

    @pytest.mark.parametrize("name", ["three sigmoid layers, Adam", "MLP, SGD"])
    def test_no_half_decade_beside_it_is_much_better(self, name):
        suggestion = range_test(trainer_for(name)).suggestion
        assert suggestion is not None
        around = [
            reached(name, suggestion * 10 ** (half / 2))["validation_loss"]
            for half in (-2, -1, 0, 1, 2)
        ]
        assert around[2] <= 1.5 * min(around)

    def test_targets_that_are_not_scaled(self):
        """Their loss falls from 30,000 to 3,000; what it is at least is their variance."""
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(400, 10, generator=generator)
        y = 150 + 50 * x[:, :3].sum(1, keepdim=True)
        y = y + 50 * torch.randn(400, 1, generator=generator)
        model = build(lambda: nn.Linear(10, 1))
        sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
        trainer = Trainer(model, functional.mse_loss, sgd, (x, y), seed=0, device="cpu")
        test = range_test(trainer)
        assert test.suggestion is not None
        assert 0.003 <= test.suggestion <= 0.1
        trainer.learning_rate = test.suggestion
        trainer.fit(30)
        assert trainer.history["train_loss"].values[-10:].mean() < 3500


@pytest.fixture(scope="module")
def test() -> RangeTest:
    return range_test(trainer_for("MLP, SGD"))


class TestWhatItChoosesFrom:
    def test_is_the_lowest_rate_of_those_that_are_nearly_best(self, test):
        least = min(training.loss for training in test.trainings)
        nearly = [training.rate for training in test.trainings if training.loss <= 1.05 * least]
        assert test.suggestion == min(nearly)

    def test_rates_come_from_the_end_of_the_curve_downwards(self, test):
        rates = [training.rate for training in test.trainings]
        assert rates == ladder(1e-7, test.rates[-1])[: len(rates)]

    def test_what_rises_is_broken_off(self, test):
        off = [training for training in test.trainings if math.isinf(training.loss)]
        assert off
        assert all(training.steps < 50 for training in off)
        assert {one.steps for one in test.trainings if one not in off} == {300, 600}

    def test_the_suggestion_was_trained_twice(self, test):
        assert [one.steps for one in test.trainings if one.rate == test.suggestion] == [600]

    def test_the_search_ends_after_two_that_are_worse(self, test):
        losses = [training.loss for training in test.trainings]
        assert losses.index(min(losses)) == len(losses) - 3

    def test_their_length_can_be_chosen(self):
        test = range_test(trainer_for("MLP, SGD"), training_steps=40)
        assert max(training.steps for training in test.trainings) == 2 * 40

    def test_they_stay_within_the_range_that_was_asked_for(self):
        test = range_test(trainer_for("MLP, SGD"), 1e-3, 0.05)
        rates = [training.rate for training in test.trainings]
        assert rates == [0.03, 0.01, 0.003]
        assert test.suggestion == 0.03

    def test_a_range_between_two_rungs_tries_its_end(self):
        test = range_test(trainer_for("MLP, SGD"), 0.2, 0.25)
        assert [training.rate for training in test.trainings] == [0.25]


@pytest.mark.parametrize(
    ("low", "high", "rungs"),
    [
        (1e-3, 0.5, [0.3, 0.1, 0.03, 0.01, 0.003, 0.001]),
        (1e-3, 0.1, [0.1, 0.03, 0.01, 0.003, 0.001]),
        (0.4, 0.6543, [0.654]),
        (1e-12, 1e-11, [1e-11, 3e-12, 1e-12]),
    ],
)
def test_the_rates_that_are_tried(low, high, rungs):
    assert ladder(low, high) == rungs


class Steep(nn.Module):
    """One weight, 1 at first, with a gradient so many times as high as the inputs are."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.weight + (inputs - 1) * (self.weight - self.weight.detach())


def steep(batches: list[tuple[torch.Tensor, torch.Tensor]], lr: float = 0.01) -> Trainer:
    model = Steep()
    sgd = torch.optim.SGD(model.parameters(), lr=lr)
    held_out = (torch.ones(32, 1), torch.zeros(32, 1))
    return Trainer(model, lambda y, _: (y**4).mean(), sgd, batches, held_out, seed=0, device="cpu")


STEEP_AT_THE_END = [
    (torch.full((4, 1), steepness), torch.zeros(4, 1)) for steepness in 30 * [1.0] + 10 * [100.0]
]
"""At a high rate, the last ten do no harm if the others have brought the weight near to 0."""


class TestAnotherOrder:
    def test_what_trains_on_one_order_alone_is_not_suggested(self):
        batches = STEEP_AT_THE_END
        suggestion = range_test(steep(batches), 1e-4, 0.1, 20, training_steps=40).suggestion
        assert suggestion is not None

        def after_an_epoch(lr: float, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
            trained = steep(batches, lr)
            trained.step(40)
            return trained.evaluate()["validation_loss"]

        assert after_an_epoch(0.1, batches) < after_an_epoch(suggestion, batches) < 1
        assert after_an_epoch(suggestion, batches[::-1]) < 1
        with pytest.raises(InputError, match="Training diverged"):
            after_an_epoch(0.1, batches[::-1])

    def test_where_no_rate_trains_on_another_order_there_is_no_suggestion(self):
        test = range_test(steep(STEEP_AT_THE_END), 0.05, 0.1, 20, training_steps=40)
        assert (test.suggestion, test.reason.key) == (None, "range_no_descent")
        assert {training.loss for training in test.trainings} == {math.inf}

    def test_an_interrupt_meanwhile_keeps_what_is_known(self):
        trainer = trainer_for("MLP, SGD")
        then = [parameter.detach().clone() for parameter in trainer.model.parameters()]
        asked = itertools.count(1)
        with trainer.trial() as trial:
            short = ShortTrainings(trial, 40, lambda: next(asked) > 100)
            short.run([0.3, 0.1])
        assert [(one.rate, one.steps) for one in short.done] == [(0.3, 40), (0.1, 40)]
        assert short.best == short.done[0]
        for parameter, values in zip(trainer.model.parameters(), then, strict=True):
            assert torch.equal(parameter, values)


class TestHoldingOut:
    def short(self, rows: int, batch_size: int | None, **keywords: Any) -> list[list[int]]:
        """Return the rows of each batch held out, then of each to train on."""
        model = build(lambda: nn.Linear(1, 1))
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        x = torch.arange(float(rows))[:, None]
        trainer = Trainer(
            model,
            nn.MSELoss(),
            sgd,
            (x, x),
            batch_size=batch_size,
            seed=0,
            device="cpu",
            **keywords,
        )
        with trainer.trial() as trial:
            short = ShortTrainings(trial, 200, lambda: False)
            held = [batch[0] for batch in short._held]
            rest = [batch[0] for group in short._groups for batch in group]
        return [sorted(row for x in part for row in x[:, 0].tolist()) for part in (held, rest)]

    @pytest.mark.parametrize(
        ("rows", "batch_size", "held"),
        [
            (1000, 10, 200),  # a fifth
            (400, 30, 150),  # at least 128, in whole batches
            (200, 10, 100),  # at most half
            (30, 10, 10),
            (8000, 64, 512),  # at most 512
        ],
    )
    def test_a_part_of_the_batches_is_held_out(self, rows, batch_size, held):
        out, rest = self.short(rows, batch_size)
        assert len(out) == held
        assert sorted(out + rest) == list(range(rows))

    def test_no_more_of_an_epoch_is_fetched_than_is_used(self):
        out, rest = self.short(8000, 4)
        assert (len(out), len(rest)) == (200, 800)

    @pytest.mark.parametrize(("rows", "held"), [(30, 15), (1000, 200)])
    def test_of_a_single_batch_some_rows_are(self, rows, held):
        out, rest = self.short(rows, rows)
        assert len(out) == held
        assert sorted(out + rest) == list(range(rows))

    def test_data_taken_all_at_once_are_not_cut(self):
        assert self.short(30, None) == [[*range(30)]] * 2

    def test_a_single_row_is_both(self):
        assert self.short(1, 1) == [[0], [0]]

    def test_batches_of_a_step_stay_together(self):
        out, rest = self.short(1000, 10, accumulate=2)
        assert (len(out), len(rest)) == (200, 800)

    def test_validation_data_are_measured_on_and_all_batches_trained_with(self):
        x = torch.arange(100.0, 130.0)[:, None]
        out, rest = self.short(60, 10, validation=(x, x))
        assert (out, rest) == ([*range(100, 130)], [*range(60)])

    def test_large_validation_data_are_not(self):
        x = torch.zeros(2049, 1)
        out, rest = self.short(60, 10, validation=(x, x))
        assert sorted(out + rest) == [*range(60)]

    def test_batches_of_unequal_parts_are_not_cut(self):
        batches = [([torch.ones(3, 1), torch.ones(5, 1)], torch.ones(5, 1)) for _ in range(6)]

        class Joined(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.linear = nn.Linear(1, 1)

            def forward(self, few: torch.Tensor, many: torch.Tensor) -> torch.Tensor:
                return self.linear(many) + few.mean()

        model = build(Joined)
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        trainer = Trainer(model, nn.MSELoss(), sgd, batches, seed=0, device="cpu")
        assert range_test(trainer).suggestion is not None


class Constant(nn.Module):
    """A loss that no weight changes."""

    def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return targets.float().mean() + 0 * outputs.sum()


def noise(labels: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(600, 20, generator=generator), labels


def found(
    data: tuple[torch.Tensor, torch.Tensor],
    loss: Callable[..., torch.Tensor] = functional.cross_entropy,
    *,
    seed: int = 0,
    batch_size: int | None = 64,
    outputs: int = 4,
) -> RangeTest:
    model = build(lambda: dense(20, 32, outputs, activation=nn.ReLU), seed)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    trainer = Trainer(model, loss, sgd, data, batch_size=batch_size, seed=seed, device="cpu")
    return range_test(trainer)


class TestItCannotTell:
    @pytest.mark.parametrize("seed", range(3))
    def test_random_labels(self, seed):
        generator = torch.Generator().manual_seed(seed + 10)
        labels = torch.randint(0, 4, (600,), generator=generator)
        test = found(noise(labels, seed), seed=seed)
        assert test.suggestion is None
        assert test.reason is not None
        assert str(test.reason).startswith("The test cannot tell which learning rate is best")

    def test_a_loss_that_is_constant(self):
        test = found(noise(torch.zeros(600), 0), Constant())
        assert (test.suggestion, test.reason.key) == (None, "range_no_descent")

    def test_weights_without_an_effect(self):
        class Idle(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = nn.Parameter(torch.ones(1))

            def forward(self, inputs: torch.Tensor) -> torch.Tensor:
                return inputs[:, :4] + 0 * self.weight

        model = Idle()
        adam = torch.optim.Adam(model.parameters())
        labels = torch.arange(600) % 4
        trainer = Trainer(model, functional.cross_entropy, adam, noise(labels, 0), device="cpu")
        test = range_test(trainer)
        assert (test.suggestion, test.reason.key) == (None, "range_no_descent")

    def test_rates_that_are_all_too_low(self):
        data = noise(torch.arange(600) % 4, 0)
        data[0][:, 0] += 3.0 * data[1]
        model = build(lambda: dense(20, 32, 4, activation=nn.ReLU))
        sgd = torch.optim.SGD(model.parameters(), lr=0.01)
        trainer = Trainer(model, functional.cross_entropy, sgd, data, seed=0, device="cpu")
        assert range_test(trainer, 1e-9, 1e-6).suggestion is None
        assert range_test(trainer).suggestion is not None

    def test_nan_from_the_start(self):
        x, y = noise(torch.arange(600) % 4, 0)
        test = found((x * math.nan, y))
        assert (test.suggestion, test.reason.key) == (None, "range_no_loss")
        assert test.trainings == ()

    def test_one_batch_can_be_told(self):
        x, y = noise(torch.arange(600) % 4, 0)
        x[:, 0] += 3.0 * y
        test = found((x, y), batch_size=600)
        assert test.suggestion is not None


class TestNoTrace:
    def test_after_the_trainings_a_rate_in_a_tensor_is_as_before(self):
        model = build(lambda: dense(64, 16, 10, activation=nn.ReLU))
        adam = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01))
        trainer = Trainer(model, functional.cross_entropy, adam, DIGITS.train, seed=0, device="cpu")
        test = range_test(trainer)
        assert test.suggestion is not None
        assert float(adam.param_groups[0]["lr"]) == pytest.approx(0.01, rel=1e-6)
        assert test.current == pytest.approx(0.01, rel=1e-6)

    def test_every_training_begins_with_the_same_weights_and_dropout(self):
        model = build(lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(20, 4)))
        sgd = torch.optim.SGD(model.parameters(), lr=0.01)
        data = noise(torch.arange(600) % 4, 0)
        trainer = Trainer(model, functional.cross_entropy, sgd, data, seed=0, device="cpu")
        with trainer.trial() as trial:
            (group, *_) = trial.groups(3)
            losses = []
            for _ in range(3):
                trial.back()
                trial.learning_rate = 0.5
                losses.append([trial.step(group), trial.step(group)])
            trial.back(random=False)
            again = trial.step(group)
        assert losses[0] == losses[1] == losses[2]
        assert losses[0][0] != losses[0][1]
        assert again != losses[0][0]

    @pytest.mark.parametrize("rows", [300, 3000])
    def test_a_validation_loader_stands_where_it_stood(self, rows):
        order = torch.Generator().manual_seed(4)
        x = torch.randn(rows, 20, generator=torch.Generator().manual_seed(0))
        held_out = DataLoader(
            TensorDataset(x, torch.arange(rows) % 4), 50, shuffle=True, generator=order
        )
        model = build(lambda: nn.Linear(20, 4))
        sgd = torch.optim.SGD(model.parameters(), lr=0.01)
        data = noise(torch.arange(600) % 4, 0)
        trainer = Trainer(
            model, functional.cross_entropy, sgd, data, held_out, seed=0, device="cpu"
        )
        then = order.get_state()
        range_test(trainer, 1e-3, 1.0, 20, training_steps=20)
        assert torch.equal(order.get_state(), then)

    def test_an_interrupt_in_a_training_keeps_what_is_known(self):
        trainer = trainer_for("MLP, SGD")
        then = [parameter.detach().clone() for parameter in trainer.model.parameters()]
        main = threading.main_thread().ident
        assert main is not None
        whole = range_test(trainer)
        rates = [training.rate for training in whole.trainings]
        last = whole.trainings[-1].rate

        def press(optimizer: torch.optim.Optimizer, *_: object) -> None:
            if math.isclose(optimizer.param_groups[0]["lr"], last, rel_tol=1e-9):
                signal.pthread_kill(main, signal.SIGINT)
                time.sleep(0.01)  # a slow step, so that the main thread has its turn

        handle = trainer.optimizer.register_step_pre_hook(press)
        test = range_test(trainer)
        handle.remove()
        assert test.stopped is not None
        assert test.stopped.key == "range_cut_short"
        assert [training.rate for training in test.trainings] == rates[:-1]
        assert test.suggestion == whole.suggestion
        for parameter, before in zip(trainer.model.parameters(), then, strict=True):
            assert torch.equal(parameter, before)

    def test_a_model_that_cannot_be_measured_has_its_curve_all_the_same(self):
        class Choosy(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.linear = nn.Linear(20, 4)

            def forward(self, inputs: torch.Tensor) -> torch.Tensor:
                if not self.training:
                    raise NotImplementedError("no predictions yet")
                return self.linear(inputs)

        model = build(Choosy)
        sgd = torch.optim.SGD(model.parameters(), lr=0.01)
        data = noise(torch.arange(600) % 4, 0)
        trainer = Trainer(model, functional.cross_entropy, sgd, data, seed=0, device="cpu")
        test = range_test(trainer)
        assert len(test.losses) > 30
        assert test.suggestion is None
        assert "no predictions yet" in str(test.reason)
        assert np.isfinite(test.losses).all()
