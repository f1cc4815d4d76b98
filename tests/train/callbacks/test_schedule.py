from __future__ import annotations

import copy

import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

from dl_lab.errors import InputError
from dl_lab.train.callbacks.schedule import LRSchedule, ReduceLROnPlateau
from dl_lab.train.checkpoint.file import load_state, save_state
from tests.train.callbacks.problem import network, plain_loop, same_weights, sgd, trainer

EPOCHS = 8

SCHEDULERS = {
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.9**epoch),
    "multiplicative": lambda o: lr_scheduler.MultiplicativeLR(o, lambda _: 0.9),
    "step": lambda o: lr_scheduler.StepLR(o, 3),
    "several steps": lambda o: lr_scheduler.MultiStepLR(o, [2, 5]),
    "constant": lambda o: lr_scheduler.ConstantLR(o, total_iters=4),
    "linear": lr_scheduler.LinearLR,
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 10),
    "restarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "polynomial": lambda o: lr_scheduler.PolynomialLR(o, total_iters=20),
    "cyclic": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=4),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=30),
    "warm-up": lambda o: lr_scheduler.SequentialLR(
        o,
        [lr_scheduler.LinearLR(o, total_iters=3), lr_scheduler.ExponentialLR(o, 0.9)],
        [3],
    ),
    "chained": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o, total_iters=3), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "averaging": lambda o: SWALR(o, 0.05),
}


def step(scheduler, *_: object):
    scheduler.step()


def rates(optimizer):
    return [
        {name: value for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]


@pytest.mark.parametrize("every", ["epoch", "step"])
@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
def test_weights_are_those_of_a_plain_loop_with_the_same_scheduler(make, every):
    plain = plain_loop(EPOCHS, scheduler=make, **{f"after_{every}": step})
    run = trainer(LRSchedule(make, every))
    run.fit(EPOCHS)
    assert len(set(plain.rates)) > 1
    for epoch in (3, EPOCHS):
        other = trainer(LRSchedule(make, every))
        other.fit(epoch)
        assert same_weights(other.model, plain.weights[epoch - 1])
    assert same_weights(run.model, plain.weights[-1])
    assert run.history["train_loss"].values == pytest.approx(plain.losses, rel=1e-6)


def test_the_rates_are_in_the_history():
    make = SCHEDULERS["one cycle"]
    plain = plain_loop(EPOCHS, scheduler=make, after_step=step)
    run = trainer(LRSchedule(make, "step"))
    run.fit(EPOCHS)
    series = run.history["learning_rate"]
    recorded = dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))
    rate = None
    for index, group_rates in enumerate(plain.rates, 1):
        rate = recorded.get(index, rate)
        assert rate == pytest.approx(group_rates[0], rel=1e-6)


def test_a_scheduler_made_by_hand_does_the_same():
    make = SCHEDULERS["exponential"]
    plain = plain_loop(EPOCHS, scheduler=make, after_epoch=step)
    made = []

    def optimizer(model):
        made.append(sgd(model))
        made.append(make(made[0]))
        return made[0]

    run = trainer(make=optimizer)
    run = trainer_on(run, LRSchedule(made[1]))
    run.fit(EPOCHS)
    assert same_weights(run.model, plain.weights[-1])


def trainer_on(run, *callbacks: LRSchedule):
    """Another trainer of the same model and optimizer."""
    data = {"train": run.train, "validation": run.validation}
    return type(run)(run.model, run.loss, run.optimizer, **data, callbacks=callbacks, device="cpu")


@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
def test_reset_and_rewind_take_the_rates_along(make):
    run = trainer(LRSchedule(make, "step"), keep=3)
    run.fit(EPOCHS)
    once = copy.deepcopy(list(run.model.parameters())), rates(run.optimizer)
    for step_number in (0, *run.checkpoints):
        run.rewind(step_number)
        if run.epoch < EPOCHS:
            run.fit(EPOCHS - run.epoch)
        assert same_weights(run.model, once[0])
        assert rates(run.optimizer) == once[1]
    run.reset()
    run.fit(EPOCHS)
    assert same_weights(run.model, once[0])
    assert rates(run.optimizer) == once[1]


@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)
def test_its_state_passes_through_a_file_into_a_fresh_one(make, tmp_path):
    run = trainer(callback := LRSchedule(make, "step"))
    run.step(7)
    state = {"schedule": callback.state_dict(), "sgd": run.optimizer.state_dict()}
    save_state(tmp_path / "a.pt", state)
    run.step(9)
    other = trainer(again := LRSchedule(make, "step"))
    state = load_state(tmp_path / "a.pt")
    other.optimizer.load_state_dict(state["sgd"])
    again.load_state_dict(state["schedule"])
    other.step(9)
    assert rates(other.optimizer) == rates(run.optimizer)


@pytest.mark.parametrize("name", ["lambda", "multiplicative", "exponential"])
def test_a_rate_that_is_set_in_a_loaded_run_stays_when_it_goes_on(name):
    whole, saved, loaded = (trainer(LRSchedule(SCHEDULERS[name])) for _ in range(3))
    whole.fit(4)
    saved.fit(4)
    loaded.load_state_dict(saved.state_dict())
    for run in (whole, loaded):
        run.learning_rate = 0.5
        run.fit(2)
        assert run.learning_rate == pytest.approx(0.5 * 0.9**2)
    assert same_weights(loaded.model, list(whole.model.parameters()))


def test_a_rate_set_by_hand_stays_through_a_reset():
    run = trainer(LRSchedule(SCHEDULERS["exponential"]))
    run.fit(2)
    run.learning_rate *= 2
    run.fit(2)
    run.reset()
    assert [group["lr"] for group in run.optimizer.param_groups] == pytest.approx([0.4, 0.1])
    run.fit(1)
    assert run.learning_rate == pytest.approx(0.4 * 0.9)


@pytest.mark.parametrize(
    "settings",
    [
        {"factor": 0.5, "patience": 0},
        {"factor": 0.3, "patience": 2, "cooldown": 2},
        {"factor": 0.5, "patience": 1, "threshold": 0.05, "threshold_mode": "abs"},
        {"factor": 0.5, "patience": 0, "min_lr": 0.02},
        {"factor": 0.5, "patience": 1, "mode": "max"},
    ],
)
def test_reductions_are_those_of_torch(settings):
    plain = plain_loop(
        30,
        scheduler=lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, **settings),
        after_epoch=lambda scheduler, value: scheduler.step(value),
    )
    run = trainer(ReduceLROnPlateau(**settings))
    run.fit(30)
    assert len(set(plain.rates)) > 1
    assert same_weights(run.model, plain.weights[-1])
    recorded = run.history["learning_rate"].values
    assert recorded == pytest.approx(changes([first for first, _ in plain.rates]))


def changes(values):
    """Return the first and each that differs from the one before."""
    pairs = zip([None, *values], values)  # noqa: B905  # the last has no next
    return [value for before, value in pairs if value != before]


def test_reset_undoes_reductions():
    run = trainer(ReduceLROnPlateau(factor=0.5, patience=0))
    run.fit(20)
    weights = copy.deepcopy(list(run.model.parameters()))
    assert run.learning_rate < 0.2
    run.reset()
    assert run.learning_rate == 0.2
    run.fit(20)
    assert same_weights(run.model, weights)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: LRSchedule(3), "no_scheduler"),
        (
            lambda: LRSchedule(lr_scheduler.ReduceLROnPlateau(sgd(network()))),
            "plateau_scheduler",
        ),
        (lambda: LRSchedule(SCHEDULERS["linear"], "batch"), "choice"),
        (lambda: ReduceLROnPlateau(factor=1), "number"),
        (lambda: ReduceLROnPlateau(patience=-1), "whole"),
        (lambda: ReduceLROnPlateau(threshold_mode="relative"), "choice"),
    ],
)
def test_what_cannot_be_is_refused(make, key):
    with pytest.raises(InputError) as error:
        make()
    assert error.value.key == key


def test_a_scheduler_of_another_optimizer_stops_the_run_with_a_sentence():
    other = torch.optim.SGD(network().parameters(), lr=0.1)
    run = trainer(LRSchedule(lr_scheduler.StepLR(other, 1)))
    with pytest.raises(InputError) as error:
        run.fit(1)
    assert run.state == "failed"
    assert "another optimizer" in str(error.value)
    assert run.steps == 0
