"""What a step computes, against plain PyTorch: any structure, accumulation, clipping, precision."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from dl_lab.errors import InputError
from dl_lab.train.callbacks import Callback, EarlyStopping, StopOnNaN
from dl_lab.train.trainer import Trainer

INPUTS, TARGETS = torch.randn(40, 5), torch.randn(40, 2)


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Linear(5, 2)


def sgd(model, **settings: object):
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, "momentum": 0.9, **settings})


def batches(rows=8):
    return list(zip(INPUTS.split(rows), TARGETS.split(rows), strict=True))


def plain(model, optimizer, groups, *, clip=None, context=None):
    """Train as anyone would write it; return the losses."""
    losses = []
    for inputs, targets in groups:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=context == "bf16"):
            loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(
    ("optimize", "settings"),
    [
        (sgd, {}),
        (lambda model: torch.optim.AdamW(model.parameters()), {"clip": 0.05}),
        (sgd, {"clip": 0.05}),
        (sgd, {"context": "bf16"}),
    ],
)
def test_it_computes_what_a_plain_loop_does(optimize, settings):
    model, peer = linear(), linear()
    losses = plain(peer, optimize(peer), batches() * 3, **settings)
    trainer = Trainer(
        model,
        nn.functional.mse_loss,
        optimize(model),
        batches(),
        device="cpu",
        clip_norm=settings.get("clip"),
        precision=settings.get("context", "fp32"),
    )
    trainer.fit(3)
    assert torch.equal(model.weight, peer.weight)
    assert np.array_equal(trainer.history["loss"].values, np.array(losses, "f4"))
    assert trainer.history.epochs.tolist() == [5, 10, 15]


@pytest.mark.parametrize("optimize", [sgd, lambda one: torch.optim.LBFGS(one.parameters())])
def test_accumulated_batches_are_one_large_one(optimize):
    model, peer = linear().double(), linear().double()
    inputs, targets = INPUTS.double(), TARGETS.double()
    cuts = [8, 8, 8, 8, 4, 4]
    parts = list(zip(inputs.split(cuts), targets.split(cuts), strict=True))
    groups = [(inputs[:32], targets[:32]), (inputs[32:], targets[32:])]
    settings = {"device": "cpu", "metrics": "mae"}
    trainer = Trainer(model, nn.MSELoss(), optimize(model), parts, accumulate=4, **settings)
    other = Trainer(peer, nn.MSELoss(), optimize(peer), groups, **settings)
    trainer.fit(2)
    other.fit(2)
    assert trainer.steps == 4
    assert trainer.progress.steps_per_epoch == 2
    assert torch.allclose(model.weight, peer.weight)
    for name in ("train_loss", "train_mae"):
        assert trainer.history[name].values == pytest.approx(other.history[name].values)


def test_optimizers_of_ones_own_with_and_without_a_closure():
    class Sharp(torch.optim.Optimizer):
        """Needs the loss twice a step, as sharpness-aware minimization does."""

        def __init__(self, parameters) -> None:
            super().__init__(parameters, {"lr": 0.1})

        @torch.no_grad()
        def step(self, closure=None):
            assert closure is not None
            with torch.enable_grad():
                closure()
            grads = [one.grad.clone() for one in self.param_groups[0]["params"]]
            with torch.enable_grad():
                loss = closure()
            for parameter, grad in zip(self.param_groups[0]["params"], grads, strict=True):
                parameter.sub_(0.05 * (grad + parameter.grad))
            return loss

    class Ignoring(torch.optim.SGD):
        def step(self, closure=None):
            del closure
            return super().step()

    results = []
    for kind in (Sharp, Ignoring, torch.optim.SGD):
        model = linear()
        optimizer = kind(model.parameters()) if kind is Sharp else kind(model.parameters(), lr=0.1)
        Trainer(model, nn.MSELoss(), optimizer, batches(), device="cpu").fit(3)
        results.append(model.weight.detach())
    assert torch.allclose(results[0], results[2], atol=1e-6)
    assert torch.equal(results[1], results[2])


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Linear(2, 3), nn.Linear(3, 3)

    def forward(self, a, b):
        return self.one(a), self.two(b)


def both(outputs, targets):
    if isinstance(targets, dict):
        targets = targets["b"]
    return (outputs[0] + outputs[1] - targets).square().mean()


def test_several_inputs_and_outputs_and_mappings():
    a, b = INPUTS[:, :2], INPUTS[:, 2:]
    weights = []
    datas = [
        (a, b, b),
        TensorDataset(a, b, b),
        [(a[:20], b[:20], b[:20]), [a[20:], b[20:], b[20:]]],
        [{"a": a[:20], "b": b[:20]}, {"a": a[20:], "b": b[20:]}],
    ]
    for data in datas:
        model = Two()
        cut = {"batch_size": None} if len(weights) < 2 else {"accumulate": 2}
        trainer = Trainer(model, both, sgd(model), data, data, device="cpu", **cut)
        trainer.fit(3)
        assert trainer.steps == 3
        weights.append(model.one.weight.detach())
        assert trainer.history["validation_loss"].values[-1] == pytest.approx(
            both(model(a, b), b).item(), rel=1e-4
        )
    assert all(torch.allclose(weights[0], one, atol=1e-5) for one in weights[1:])


def test_tensors_are_cut_and_shuffled_and_all_rows_seen():
    class See(nn.Linear):
        seen = ()

        def forward(self, inputs):
            if self.training:
                self.seen = (*self.seen, inputs[:, 0].clone())
            return super().forward(inputs)

    model = See(5, 2)
    trainer = Trainer(model, nn.MSELoss(), sgd(model), (INPUTS, TARGETS), batch_size=16, seed=1)
    trainer.fit(2)
    assert [len(batch) for batch in model.seen] == [16, 16, 8] * 2
    first, second = torch.cat(model.seen[:3]), torch.cat(model.seen[3:])
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, INPUTS[:, 0].sort().values)


def test_metrics_beside_the_losses():
    inputs = torch.randn(30, 5)
    classes = inputs[:, :3].argmax(1)
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    loss = nn.CrossEntropyLoss()
    trainer = Trainer(
        model,
        loss,
        sgd(model),
        (inputs, classes),
        {"test_loss": (inputs, classes)},
        metrics="accuracy",
        batch_size=10,
    )
    assert trainer.history.names == ("test_loss", "test_accuracy")
    trainer.fit(5)
    right = (model(inputs).argmax(1) == classes).float().mean().item()
    assert trainer.history["test_accuracy"].values[-1] == pytest.approx(right)
    assert len(trainer.history["train_accuracy"]) == trainer.steps == 15
    by_epoch = Trainer(
        model,
        loss,
        sgd(model, lr=0.0),
        (inputs, classes),
        metrics="accuracy",
        batch_size=7,
        record="epoch",
    )
    by_epoch.fit(1)
    assert by_epoch.history["train_accuracy"].values == pytest.approx([right])


def test_the_rate_is_recorded_when_it_changes():
    model = linear()
    trainer = Trainer(model, nn.MSELoss(), sgd(model), batches())
    trainer.fit(1)
    trainer.learning_rate = 0.05
    trainer.fit(1)
    trainer.rewind(5)
    assert trainer.learning_rate == 0.1
    trainer.fit(1)
    rates = trainer.history["learning_rate"]
    assert (rates.steps.tolist(), rates.values.tolist()) == ([1], [0.1])


@pytest.mark.parametrize(
    ("optimize", "changes"),
    [
        (sgd, {"lr": 0.02, "momentum": 0.5, "weight_decay": 0.1, "nesterov": True}),
        (lambda model: torch.optim.Adam(model.parameters()), {"lr": 0.02, "betas": (0.5, 0.8)}),
    ],
)
def test_settings_that_are_changed_while_it_runs_count_from_the_next_step(optimize, changes):
    class Change(Callback):
        def on_step_end(self, trainer):
            if trainer.steps == 7:
                trainer.tune(**changes)

    model, peer = linear(), linear()
    optimizer = optimize(peer)
    losses = plain(peer, optimizer, (batches() * 3)[:7])
    optimizer.param_groups[0].update(changes)
    losses += plain(peer, optimizer, (batches() * 3)[7:])
    trainer = Trainer(
        model, nn.functional.mse_loss, optimize(model), batches(), device="cpu",
        callbacks=[Change()],
    )  # fmt: skip
    trainer.fit(3)
    assert torch.equal(model.weight, peer.weight)
    assert np.array_equal(trainer.history["loss"].values, np.array(losses, "f4"))
    trainer.start()
    trainer.tune(lr=0.001)
    assert trainer.state == "running"
    assert trainer.optimizer.param_groups[0]["lr"] == trainer.learning_rate == 0.001
    trainer.pause()


def test_rates_keep_their_proportion_and_schedulers_go_on():
    model = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 2))
    groups = [
        {"params": part.parameters(), "lr": lr} for part, lr in zip(model, (0.1, 0.01), strict=True)
    ]
    optimizer = torch.optim.SGD(groups)

    class Halve(Callback):
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)

        def on_epoch_end(self, trainer):
            del trainer
            self.scheduler.step()

    trainer = Trainer(model, nn.MSELoss(), optimizer, batches(), callbacks=[Halve()])
    trainer.fit(1)
    trainer.learning_rate = 0.2
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.2, 0.02])
    trainer.fit(1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.01])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"lr": -1}, "lr must be a number between 0"),
        ({"momentun": 0.5}, "did you mean momentum"),
        ({"nesterov": 2}, "must be true or false"),
        ({"momentum": -1}, "SGD refuses momentum=-1.0: Invalid momentum value"),
        ({"nesterov": True, "momentum": 0}, "momentum=0.0: Nesterov momentum requires"),
    ],
)
def test_settings_that_cannot_be_get_a_sentence(settings, sentence):
    model = linear()
    trainer = Trainer(model, nn.MSELoss(), sgd(model), batches())
    with pytest.raises(InputError, match=sentence):
        trainer.tune(**settings)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"precision": "fp8"}, "choice"),
        ({"precision": "fp16", "device": "cpu"}, "precision_device"),
        ({"device": "cuda:99"}, "device"),
        ({"device": "gpu"}, "device"),
        ({"callbacks": [print]}, "not_callback"),
        ({"callbacks": 3}, "not_callback"),
        ({"callbacks": [EarlyStopping]}, "callback_class"),
        ({"accumulate": 0}, "whole"),
        ({"batch_size": 0}, "whole"),
        ({"clip_norm": -1}, "number"),
        ({"clip_norm": 0}, "number"),
        ({"keep": -1}, "whole"),
        ({"metrics": "acuracy"}, "choice_near"),
        ({"train": (INPUTS, TARGETS[:3])}, "rows_differ"),
        ({"validation": 3}, "not_data"),
        ({"loss": 3}, "no_loss"),
        ({"loss": nn.MSELoss}, "loss_class"),
        ({"model": nn.ReLU()}, None),
        ({"optimizer": sgd(nn.Linear(1, 1))}, None),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(settings, key):
    model = linear()
    given = {"model": model, "loss": nn.MSELoss(), "optimizer": sgd(model), "train": batches()}
    with pytest.raises(InputError) as caught:
        Trainer(**{**given, **settings})
    assert key is None or caught.value.key == key


def test_an_argument_that_is_none_gets_the_nearest_and_no_callbacks_are_none():
    model = linear()
    with pytest.raises(TypeError, match=r"no argument 'batchsize'. Did you mean 'batch_size'\?"):
        Trainer(model, nn.MSELoss(), sgd(model), batches(), batchsize=3)
    assert Trainer(model, nn.MSELoss(), sgd(model), batches(), callbacks=None).callbacks == ()


def test_a_loss_that_is_none_fails_with_a_sentence_and_goes_on_once_mended():
    model = linear()
    vector = nn.MSELoss(reduction="none")
    trainer = Trainer(model, vector, sgd(model), batches())
    trainer.start()
    assert asyncio.run(trainer.wait()) == "failed"
    assert trainer.message.key == "loss_vector"
    broken = Trainer(model, nn.MSELoss(), sgd(model), Breaking())
    with pytest.raises(InputError, match="KeyError"):
        broken.fit(1)
    assert (broken.state, broken.steps, len(broken.history["train_loss"])) == ("failed", 2, 2)
    broken.set_data(batches())
    broken.fit(1)
    assert broken.steps == 7


class Breaking:
    """The third batch cannot be had."""

    def __iter__(self) -> Iterator[object]:
        yield from batches()[:2]
        raise KeyError("lost")


def test_nan_may_be_trained_through():
    model = linear()
    trainer = Trainer(
        model, nn.MSELoss(), sgd(model, lr=1e30), batches(), callbacks=[StopOnNaN(enabled=False)]
    )
    trainer.fit(4)
    assert (trainer.state, trainer.steps, trainer.message) == ("finished", 20, None)
    assert np.isnan(trainer.history["loss"].values[-1])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("lr", "Its learning rate is trainer.learning_rate"),
        ("batch_size", r"Make another: Trainer\(…, batch_size=…\)"),
        ("loss", "loss is given when a Trainer is made"),
    ],
)
def test_what_would_change_nothing_cannot_be_assigned(name, sentence):
    model = linear()
    trainer = Trainer(model, nn.MSELoss(), sgd(model), batches())
    with pytest.raises(InputError, match=sentence):
        setattr(trainer, name, 0.1)
    trainer.learning_rate = 0.5
    trainer.name = "mine"
    assert (trainer.learning_rate, trainer.name) == (0.5, "mine")
