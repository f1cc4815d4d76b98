"""What a loss is the mean of, read from it: batches together are what one of all of them is."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.train.callbacks import Callback, StopOnNaN
from dl_lab.train.steps.evaluate import evaluate, measure
from dl_lab.train.steps.observed import Observed
from dl_lab.train.trainer import Trainer
from tests.lengths import times

IGNORED = -100
WEIGHTS = torch.tensor([1.0, 2.0, 0.5])


def masked(outputs, targets):
    mask = targets != IGNORED
    each = functional.cross_entropy(outputs, targets, reduction="none")
    return (each * mask).sum() / mask.sum()


def chosen(outputs, targets):
    mask = targets != IGNORED
    return functional.cross_entropy(outputs[mask], targets[mask])


def smooth(outputs, targets):
    """A mean by hand, moved and scaled."""
    each = functional.cross_entropy(outputs, targets, reduction="none")
    return 2 * each[targets != IGNORED].mean() - 0.25


CLASS_LOSSES = {
    "module": nn.CrossEntropyLoss(),
    "smoothed": nn.CrossEntropyLoss(label_smoothing=0.1),
    "weighted": nn.CrossEntropyLoss(weight=WEIGHTS),
    "sum": nn.CrossEntropyLoss(reduction="sum"),
    "partial": functools.partial(functional.cross_entropy, ignore_index=IGNORED),
    "nll": lambda o, t: functional.nll_loss(o.log_softmax(1), t, weight=WEIGHTS),
    "masked": masked,
    "chosen": chosen,
    "smooth": smooth,
    "half": lambda o, t: functional.cross_entropy(o, t) / 2,
    "summed": lambda o, t: functional.cross_entropy(o, t, reduction="none").sum(),
}
NUMBER_LOSSES = {
    "mse": nn.MSELoss(),
    "huber": nn.HuberLoss(),
    "bce": nn.BCEWithLogitsLoss(pos_weight=WEIGHTS),
    "sum": nn.MSELoss(reduction="sum"),
    "batchmean": lambda o, t: functional.kl_div(
        o.log_softmax(1), t.softmax(1), reduction="batchmean"
    ),
    "probabilities": lambda o, t: functional.cross_entropy(o, t.softmax(1)),
    "by hand": lambda o, t: (o - t).square().mean(),
    "rows": lambda o, t: (o - t).norm(dim=1).mean(),
    "rows by hand": lambda o, t: (o - t).square().sum(1).sum() / len(o),
    "parts": lambda o, t: (o - t).abs().mean(0).sum(),
    "both": lambda o, t: functional.mse_loss(o, t) + 0.1 * (o - t).abs().mean(),
    "sums": lambda o, t: functional.mse_loss(o, t, reduction="sum") + o.abs().sum(),
    "cosine": lambda o, t: functional.cosine_embedding_loss(o, t, torch.ones(len(o))),
    "nan": lambda o, t: torch.where(t > 0, (o - t).square(), torch.nan).nanmean(),
}


def batches(seed, *, classes: bool) -> list[tuple[Tensor, Tensor]]:
    """Five batches of several sizes; some classes do not count, and those of one batch none."""
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 9, (5,), generator=generator).tolist()
    found = []
    for index, size in enumerate(sizes):
        inputs = torch.randn(size, 4, generator=generator)
        targets = torch.randn(size, 3, generator=generator)
        if classes:
            targets = torch.randint(0, 3, (size,), generator=generator)
            targets[torch.rand(size, generator=generator) < 0.4] = IGNORED
            if index == seed % 5:
                targets[:] = IGNORED
            if index == (seed + 1) % 5:
                targets[0] = 1
        found.append((inputs, targets))
    return found


def whole(data: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    inputs, targets = zip(*data, strict=True)
    return torch.cat(inputs), torch.cat(targets)


LOSSES = [(name, True) for name in CLASS_LOSSES] + [(name, False) for name in NUMBER_LOSSES]


@pytest.mark.parametrize(("name", "classes"), LOSSES)
def test_measured_in_batches_it_is_the_loss_of_all(name, classes):
    loss = (CLASS_LOSSES if classes else NUMBER_LOSSES)[name]
    model = nn.Linear(4, 3)
    for seed in range(times(4)):
        data = batches(seed, classes=classes)
        inputs, targets = whole(data)
        expected = loss(model(inputs), targets).item()
        found = measure(model, {"loss": loss, "again": loss}, data)
        assert found["loss"] == pytest.approx(expected, rel=1e-5)
        assert found["again"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "classes"), LOSSES)
def test_accumulated_it_is_the_loss_of_all_and_so_is_the_gradient(name, classes):
    loss = (CLASS_LOSSES if classes else NUMBER_LOSSES)[name]
    data = batches(3, classes=classes)
    torch.manual_seed(0)
    model, peer = nn.Linear(4, 3), nn.Linear(4, 3)
    peer.load_state_dict(model.state_dict())
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    trainer = Trainer(model, loss, sgd, data, accumulate=5, metrics={"m": loss}, device="cpu")
    trainer.fit(1)
    value = loss(peer(whole(data)[0]), whole(data)[1])
    value.backward()
    torch.optim.SGD(peer.parameters(), lr=0.01).step()
    assert trainer.history["train_loss"].last == pytest.approx(value.item(), rel=1e-5)
    assert trainer.history["train_m"].last == pytest.approx(value.item(), rel=1e-5)
    assert torch.allclose(model.weight, peer.weight, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", ["module", "weighted", "sum", "masked"])
def test_an_epoch_s_loss_is_that_of_its_batches_together(name, accumulate):
    loss, data = CLASS_LOSSES[name], batches(4, classes=True)
    model = nn.Linear(4, 3)
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    settings = {"record": "epoch", "accumulate": accumulate, "device": "cpu"}
    trainer = Trainer(model, loss, sgd, data, data, callbacks=StopOnNaN(enabled=False), **settings)
    trainer.fit(1)
    expected = pytest.approx(loss(model(whole(data)[0]), whole(data)[1]).item(), rel=1e-5)
    assert trainer.history["train_loss"].last == expected
    assert trainer.history["validation_loss"].last == expected


class Unfreeze(Callback):
    """Gives the optimizer the first layer too, when the second epoch has begun."""

    def on_epoch_begin(self, trainer):
        if trainer.epoch == 1:
            trainer.optimizer.add_param_group({"params": trainer.model[0].parameters()})


def test_a_layer_that_joins_the_optimizer_has_its_gradient_once():
    data = batches(0, classes=False)
    torch.manual_seed(0)
    model, peer = (nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)) for _ in range(2))
    peer.load_state_dict(model.state_dict())
    sgd, plain = (torch.optim.SGD(one[1].parameters(), lr=0.1) for one in (model, peer))
    settings = {"accumulate": 5, "callbacks": Unfreeze(), "device": "cpu"}
    Trainer(model, nn.MSELoss(), sgd, data, **settings).fit(2)
    inputs, targets = whole(data)
    for epoch in range(2):
        if epoch == 1:
            plain.add_param_group({"params": peer[0].parameters()})
        peer.zero_grad()
        nn.functional.mse_loss(peer(inputs), targets).backward()
        plain.step()
    assert torch.allclose(model[0].weight, peer[0].weight, atol=1e-6)
    assert torch.allclose(model[1].weight, peer[1].weight, atol=1e-6)


def test_unlabelled_rows_first_do_not_spoil_the_validation():
    inputs, targets = torch.randn(2048, 4), torch.randint(0, 3, (2048,))
    targets[:1024] = IGNORED
    model = nn.Linear(4, 3)
    labelled = inputs[1024:], targets[1024:]
    expected = functional.cross_entropy(model(labelled[0]), labelled[1]).item()
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    trainer = Trainer(model, nn.CrossEntropyLoss(), sgd, labelled, (inputs, targets))
    trainer.fit(1)
    assert trainer.state == "finished"
    assert trainer.history["validation_loss"].values == pytest.approx([expected] * 2)


class Tagger(nn.Module):
    """Computes its loss itself, as the models of transformers do."""

    def __init__(self, mark) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.mark = mark

    def forward(self, x, labels, scale):
        logits = self.linear(x) * scale
        flat = logits.flatten(0, 1), labels.flatten()
        return {"loss": functional.cross_entropy(*flat, ignore_index=self.mark), "logits": logits}


def own_loss(outputs, targets):
    del targets
    return outputs["loss"]


def test_a_loss_that_the_model_computes_is_read_too():
    model = Tagger(mark=7)
    data = [
        {"scale": torch.tensor(2.0), "x": torch.randn(n, 5, 4), "labels": torch.randint(3, (n, 5))}
        for n in (4, 1)
    ]
    data[0]["labels"][:, 1:] = 7
    outputs = torch.cat([model(**one)["logits"].flatten(0, 1) for one in data])
    targets = torch.cat([one["labels"].flatten() for one in data])
    expected = functional.cross_entropy(outputs, targets, ignore_index=7).item()
    assert evaluate(model, own_loss, data) == pytest.approx(expected)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, own_loss, sgd, data, accumulate=2)
    trainer.fit(1)
    assert trainer.history["train_loss"].last == pytest.approx(expected)


@pytest.mark.parametrize("loss", [nn.L1Loss(), lambda o, t: (o - t).abs().mean()])
def test_time_first_batches_count_by_what_they_hold(loss):
    data = [(torch.randn(7, rows, 4), torch.randn(7, rows, 2)) for rows in (5, 5, 1)]
    model = nn.Linear(4, 2)
    inputs, targets = (torch.cat(parts, 1) for parts in zip(*data, strict=True))
    expected = (model(inputs) - targets).abs().mean().item()
    assert evaluate(model, loss, data) == pytest.approx(expected)


def test_what_is_not_read_counts_by_its_rows():
    def opaque(outputs, targets):
        return torch.dist(outputs, targets)

    data = [(torch.randn(rows, 4), torch.randn(rows, 2)) for rows in (6, 2)]
    model = nn.Linear(4, 2)
    first, second = (opaque(model(inputs), targets).item() for inputs, targets in data)
    assert evaluate(model, opaque, data) == pytest.approx((6 * first + 2 * second) / 8)


def test_the_loss_looks_the_same_to_itself_while_it_is_observed():
    seen = Observed(None, torch.zeros(3, 2))
    outputs = torch.randn(3, 2, requires_grad=True)
    seen.made(outputs)

    def loss(outputs, targets):
        each = torch.func.vmap(lambda one, other: (one - other).square().sum())(outputs, targets)
        return torch.stack([each.mean(), each.max()]).mean()

    with seen.entered(loss):
        value = loss(outputs, torch.zeros(3, 2))
    assert value.item() == loss(outputs, torch.zeros(3, 2)).item()
    assert seen.count(value).of == 3


TEXT = torch.randn(8, 4), torch.full((8,), IGNORED)


@pytest.mark.parametrize("settings", [{}, {"metrics": "accuracy"}, {"record": "epoch"}])
def test_a_batch_without_labels_says_that(settings):
    data = [(TEXT[0], torch.zeros(8, dtype=torch.long)), TEXT]
    model = nn.Linear(4, 3)
    kept = model.weight.detach().clone()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, nn.CrossEntropyLoss(), sgd, data, device="cpu", **settings)
    with pytest.raises(InputError, match="In epoch 1 a batch held no labels"):
        trainer.fit(1)
    assert (trainer.state, trainer.message.key) == ("paused", "batch_unlabelled")
    assert torch.equal(model.weight, kept)
    together = Trainer(model, nn.CrossEntropyLoss(), sgd, data, accumulate=2, device="cpu")
    together.fit(1)
    assert together.state == "finished"


def test_validation_data_without_labels_are_refused_at_once():
    model = nn.Linear(4, 3)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    labelled = TEXT[0], torch.zeros(8, dtype=torch.long)
    with pytest.raises(InputError, match="The validation data hold no labels"):
        Trainer(model, nn.CrossEntropyLoss(), sgd, labelled, TEXT, device="cpu")


def test_a_loss_that_is_nan_with_weights_that_are_finite_is_not_called_too_large_a_step():
    def loss(outputs, targets):
        return torch.where(targets > 0, outputs.mean(), torch.nan * outputs.detach().mean()).mean()

    model = nn.Linear(4, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(model, loss, sgd, [(TEXT[0], -torch.ones(8, 1))], device="cpu")
    with pytest.raises(InputError, match="though every weight is a finite number"):
        trainer.fit(1)
