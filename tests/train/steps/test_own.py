"""A training step of one's own: the plain loop's numbers, with all that a Trainer can do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, StepLR

from dl_lab import LayerViewer, LossPlot, Trainer, lr_find
from dl_lab.errors import InputError
from dl_lab.train.callbacks import (
    CSVLogger,
    EarlyStopping,
    GradientNorms,
    LRSchedule,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from dl_lab.train.threads import so_many_threads
from tests.train.steps.own_steps import KINDS, Kind

SEED, EPOCHS = 7, 3
SGD = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
OTHER = torch.optim.SGD(nn.Linear(1, 1).parameters())
KIND = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def _one_thread(request):
    """Two are slow on busy cores; only against the plain loop all are used, as there."""
    before = torch.get_num_threads()
    if "plain_loop" not in request.node.name:
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(kind: str) -> Kind:
    torch.manual_seed(1)
    return KINDS[kind]()


def trainer(kind: str, **settings: Any) -> Trainer:
    parts = made(kind)
    return Trainer.of(
        parts.step, parts.models, parts.optimizers, parts.train, seed=SEED, device="cpu", **settings
    )


def weights(models) -> list[torch.Tensor]:
    one = [models] if isinstance(models, nn.Module) else models
    several = one.values() if isinstance(one, dict) else one
    return [value for model in several for value in model.state_dict().values()]


def same(one, other) -> bool:
    return all(map(torch.equal, weights(one), weights(other)))


def curves(run: Trainer) -> dict[str, list]:
    return {
        name: [series.steps.tolist(), series.values.tolist()]
        for name, series in run.history.items()
    }


@KIND
def test_it_is_the_plain_loop_to_the_bit(kind):
    plain = made(kind)
    seen: dict[str, list[float]] = {}
    before = torch.get_rng_state()
    torch.manual_seed(SEED)
    for _ in range(EPOCHS):
        for batch in plain.train:
            values = plain.step(batch)
            for name, value in (values if isinstance(values, dict) else {"": values}).items():
                seen.setdefault(name or "train_loss", []).append(
                    value.item() if isinstance(value, torch.Tensor) else value
                )
    torch.set_rng_state(before)
    run = trainer(kind)
    run.fit(EPOCHS)
    assert same(run.models, plain.models)
    assert torch.equal(torch.get_rng_state(), before)
    found = {name: run.history[name].values.tolist() for name in seen}
    assert found == seen


def test_it_computes_with_the_threads_of_the_one_who_starts_it():
    counts = []
    torch.set_num_threads(1)
    run = line(lambda _: counts.append(torch.get_num_threads()) or {})
    run.step(1)
    with so_many_threads(3):
        run.step(1)
    run.step(1)
    assert counts == [1, 3, 1]


@KIND
def test_saved_in_mid_epoch_it_goes_on_as_if_nothing_had_been(kind, tmp_path):
    whole = trainer(kind)
    whole.fit(EPOCHS)
    cut = trainer(kind)
    cut.step(6)
    cut.save(tmp_path / "run.pt")
    parts = made(kind)
    again = Trainer.load(
        tmp_path / "run.pt", parts.models, None, parts.optimizers, parts.train, step=parts.step
    )
    again.fit(EPOCHS - again.epoch)
    assert same(again.models, whole.models)
    assert curves(again) == curves(whole)
    again.reset()
    again.fit(EPOCHS)
    assert same(again.models, whole.models)
    assert curves(again) == curves(whole)


@KIND
def test_rewound_or_reset_it_does_the_same_again(kind):
    run = trainer(kind)
    run.fit(EPOCHS)
    after, recorded = [value.clone() for value in weights(run.models)], curves(run)
    run.rewind(run.checkpoints[1])
    run.fit(EPOCHS - 1)
    assert all(map(torch.equal, weights(run.models), after))
    assert curves(run) == recorded
    run.reset()
    run.fit(EPOCHS)
    assert all(map(torch.equal, weights(run.models), after))
    assert curves(run) == recorded


def test_gradients_that_go_on_and_two_memories_of_one_weight_are_of_the_state(tmp_path):
    run = trainer("adding_up")
    run.step(2)
    run.save(tmp_path / "run.pt")
    parts = made("adding_up")
    again = Trainer.load(
        tmp_path / "run.pt", parts.models, None, parts.optimizers, parts.train, step=parts.step
    )
    run.step(7)
    again.step(7)
    assert same(again.model, run.model)


def plain_step(model, optimizer):
    def step(batch):
        loss = (model(batch[0]) - batch[1]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def line(step=None, **settings: Any) -> Trainer:
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.rand(16, 2)
    settings = {"train": (x, x.sum(1, keepdim=True)), "batch_size": 4, **settings}
    return Trainer.of(step or plain_step(model, optimizer), model, optimizer, **settings)


def test_a_single_model_and_a_lone_loss_are_as_in_any_trainer(tmp_path):
    x = torch.rand(8, 2)
    run = line(callbacks=[ModelCheckpoint(tmp_path, "train_loss"), CSVLogger(tmp_path / "a.csv")])
    torch.manual_seed(0)
    usual_model = nn.Linear(2, 1)
    sgd = torch.optim.SGD(usual_model.parameters(), lr=0.1)
    usual = Trainer(usual_model, nn.MSELoss(), sgd, run.train, batch_size=4, device="cpu", seed=2)
    run.fit(4)
    assert run.history["loss"].steps.tolist() == list(range(1, 17))
    assert [*run.history] == ["train_loss", "learning_rate"]
    assert (tmp_path / "best.safetensors").exists()
    assert (tmp_path / "a.csv").read_text().splitlines()[
        0
    ] == "epoch,step,seconds,train_loss,learning_rate"
    assert set(run.weights_at(4)) == set(usual.weights_at(0)) == {"weight", "bias"}
    assert run.model(x).shape == (8, 1)


def test_by_epoch_the_mean_of_the_steps_is_recorded():
    by_step, by_epoch = line(seed=1), line(seed=1, record="epoch")
    by_step.fit(3)
    by_epoch.fit(3)
    means = by_step.history["train_loss"].values.reshape(3, 4).mean(1)
    assert by_epoch.history["train_loss"].steps.tolist() == [1, 2, 3]
    assert by_epoch.history["train_loss"].values == pytest.approx(means)


def test_validation_is_a_function_that_leaves_no_trace():
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    x, modes = torch.rand(16, 2), []

    def validation():
        modes.append((model.training, torch.is_grad_enabled()))
        return {"loss": model(x).square().mean() + 0 * torch.rand(()), "test_rows": len(x)}

    data = [(x[:8], x[:8, :1]), (x[8:], x[8:, :1])]
    stopping = EarlyStopping("validation_loss", patience=50)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    make = lambda *given: Trainer.of(plain_step(model, sgd), model, sgd, data, *given, seed=3)  # noqa: E731
    run = make(validation)
    run.fit(2)
    watched = [value.clone() for value in weights(model)]
    model.load_state_dict(kept)
    assert run.history["validation_loss"].steps.tolist() == [0, 2, 4]
    assert run.history["test_rows"].values.tolist() == [16, 16, 16]
    assert modes == [(False, False)] * 3
    assert run.evaluate().keys() == {"validation_loss", "test_rows"}
    assert model.training
    bare = make()
    bare.fit(2)
    assert all(map(torch.equal, weights(model), watched))
    assert stopping.best is None


def test_each_optimizer_has_learning_rates_and_schedulers_of_its_own():
    run = trainer("dcgan")
    parts = run.optimizers
    run.learning_rate = 1e-3
    assert [part.param_groups[0]["lr"] for part in parts.values()] == [1e-3, 5e-4]
    run.tune("discriminator", lr=0.02)
    run.tune("generator", betas=(0.1, 0.9))
    assert [part.param_groups[0]["lr"] for part in parts.values()] == [1e-3, 0.02]
    assert parts["discriminator"].param_groups[0]["betas"] == (0.9, 0.999)
    run.step(1)
    rates = {name: run.history[f"learning_rate/{name}"].last for name in parts}
    assert rates == pytest.approx({"generator": 1e-3, "discriminator": 0.02})
    with pytest.raises(InputError, match="optimizer cannot be 'critic'"):
        run.tune("critic", lr=1)


def test_schedulers_are_of_one_optimizer():
    made_one = made("dcgan")
    never = {"threshold": 1e9, "threshold_mode": "abs"}
    plateau = ReduceLROnPlateau(0.5, 0, "generator_loss", optimizer="generator", **never)
    half = StepLR(made_one.optimizers["generator"], 1, gamma=0.5)
    scheduled = Trainer.of(
        made_one.step,
        made_one.models,
        made_one.optimizers,
        made_one.train,
        callbacks=[
            LRSchedule(half),
            LRSchedule(lambda own: ExponentialLR(own, 0.1), optimizer="discriminator"),
            plateau,
        ],
        device="cpu",
    )
    rates = []
    for _ in range(2):
        scheduled.fit(1)
        rates.append([part.param_groups[0]["lr"] for part in scheduled.optimizers.values()])
    assert rates[0] == pytest.approx([1e-3, 1e-4])
    assert rates[1] == pytest.approx([2.5e-4, 1e-5])
    scheduled.rewind(scheduled.checkpoints[1])
    assert [one.param_groups[0]["lr"] for one in made_one.optimizers.values()] == rates[0]


def test_a_tensor_may_be_all_that_is_trained():
    torch.manual_seed(0)
    judge = nn.Linear(4, 1).requires_grad_(False)
    picture = (5 + torch.rand(1, 4)).requires_grad_()
    first = picture.detach().clone()
    adam = torch.optim.Adam([picture], lr=0.1)

    def step(_):
        adam.zero_grad()
        loss = judge(picture).square().sum()
        loss.backward()
        adam.step()
        return loss

    run = Trainer.of(step, judge, adam, range(5), device="cpu")
    run.fit(2)
    once = picture.detach().clone()
    assert run.history["loss"].values[-1] < run.history["loss"].values[0]
    run.rewind(5)
    run.fit(1)
    assert torch.equal(picture, once)
    run.reset()
    assert torch.equal(picture, first)


def test_within_a_step_it_may_be_asked_to_stop_but_not_to_go_elsewhere(tmp_path):
    run, refused = None, []

    def step(number):
        for elsewhere in (run.reset, lambda: run.rewind(0), lambda: run.save(tmp_path / "a.pt")):
            with pytest.raises(InputError, match="middle of a step") as error:
                elsewhere()
            refused.append(error.value.key)
        if number == 2:
            run.stop()
        return {}

    run = line(step, train=range(9))
    run.fit(1)
    assert (run.state, run.steps, len(refused)) == ("finished", 3, 9)


def test_viewers_follow_it():
    run = trainer("dcgan")
    plot = LossPlot(run)
    discriminator = run.models["discriminator"]
    viewer = LayerViewer(discriminator, torch.rand(2, 1, 8, 8), trainer=run)
    before = discriminator[0].weight.detach().clone()
    run.fit(2)
    assert not torch.equal(discriminator[0].weight, before)
    assert torch.equal(run.weights_at(0, discriminator)["0.weight"], before)
    viewer.kept = 0
    assert plot.picture().startswith("<svg")
    viewer.close()
    plot.close()
    with pytest.raises(InputError, match="another model"):
        LayerViewer(nn.Linear(1, 1), torch.rand(2, 1), trainer=run)


def test_a_loss_that_is_not_finite_pauses_with_the_last_good_weights():
    model = nn.Linear(1, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(number):
        with torch.no_grad():
            model.weight.fill_(number)
        return {"score": float("nan"), "loss": float("nan") if number == 5 else 0.5}

    run = Trainer.of(step, model, sgd, range(3), device="cpu")
    run.fit(2)
    assert model.weight.item() == 2
    run.set_data(range(4, 8))
    with pytest.raises(InputError, match="In epoch 3 the loss became nan, though every weight is"):
        run.fit(1)
    assert (run.state, model.weight.item()) == ("paused", 2)


def test_batches_are_handed_on_as_the_data_give_them():
    x = torch.arange(4.0)[:, None]
    for train, kinds in [
        (x, [torch.Tensor] * 2),
        ((x,), [tuple] * 2),
        ([{"a": x}], [dict]),
        ([None, None, None], [type(None)] * 3),
        (range(2), [int] * 2),
        ([(x, x, x, "text")], [tuple]),
    ]:
        seen = []
        run = line(
            lambda batch, seen=seen: seen.append(type(batch)) or {}, train=train, batch_size=2
        )
        run.fit(1)
        assert seen == kinds


def test_a_step_that_raises_says_what_and_can_be_mended():
    broken = [True]

    def step(_):
        if broken[0]:
            raise KeyError("mask")
        return 1.0

    run = line(step)
    with pytest.raises(InputError, match="The step raised KeyError: 'mask'"):
        run.fit(1)
    assert run.state == "failed"
    broken.clear()
    broken.append(False)
    run.fit(1)
    assert run.state == "finished"


def scheduled_by_function():
    schedule = LRSchedule(lambda optimizer: StepLR(optimizer, 1))
    return trainer("dcgan", callbacks=schedule).fit(1)


@pytest.mark.parametrize(
    ("said", "attempt"),
    [
        ("step must return one number", lambda: line(lambda _: None).fit(1)),
        ("loss must be one number", lambda: line(lambda _: {"loss": torch.ones(2)}).fit(1)),
        ("step must be a function", lambda: line(3)),
        ("none of them belongs to", lambda: Trainer.of(print, nn.Linear(1, 1), OTHER, range(2))),
        ("model must be", lambda: Trainer.of(print, 3, SGD, range(2))),
        ("optimizers is empty", lambda: Trainer.of(print, nn.Linear(1, 1), [], range(2))),
        ("models is empty", lambda: Trainer.of(print, {}, SGD, range(2))),
        ("cannot be measured without training", lambda: lr_find(line())),
        ("validation must be a function", lambda: line(validation=(torch.ones(2), torch.ones(2)))),
        (
            "another name",
            lambda: line(lambda _: {"validation_loss": 1}, validation=lambda: 1).fit(1),
        ),
        ("validation raised ZeroDivisionError", lambda: line(validation=lambda: 1 / 0)),
        ("before the update", lambda: line(callbacks=GradientNorms())),
        ("do that in the step itself", lambda: line(metrics=["accuracy"])),
        ("There are several optimizers: generator, discriminator", scheduled_by_function),
    ],
)
def test_what_does_not_apply_is_said_in_a_sentence(said, attempt):
    with pytest.raises(InputError, match=said):
        attempt()


def test_files_of_the_two_ways_are_told_apart(tmp_path):
    own, path = line(), tmp_path / "run.pt"
    own.save(path)
    with pytest.raises(InputError, match="training step of your own"):
        Trainer.load(path, nn.Linear(2, 1), nn.MSELoss())
    model = nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    usual = Trainer(model, nn.MSELoss(), sgd, (torch.rand(4, 2), torch.rand(4, 1)))
    with pytest.raises(InputError, match="of a training step of your own"):
        usual.load_state_dict(own.state_dict())
    with pytest.raises(InputError, match="of a Trainer with a loss"):
        own.load_state_dict(usual.state_dict())
