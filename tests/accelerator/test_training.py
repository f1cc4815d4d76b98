"""What trains on an accelerator learns what it learns on the CPU, and can be watched there."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import dl_lab
from tests.accelerator.far import DEVICE
from tests.probe.traces import same
from tests.train.reading import read
from tests.widgets.page import Page

EPOCHS = 3


def trainer(model: nn.Module, device: str) -> dl_lab.Trainer:
    images, labels = dl_lab.data.mnist().train
    adam = torch.optim.Adam(model.parameters(), lr=0.002)
    return dl_lab.Trainer(
        model,
        nn.CrossEntropyLoss(),
        adam,
        (images[:256], labels[:256]),
        (images[-64:], labels[-64:]),
        metrics="accuracy",
        device=device,
        seed=0,
    )


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.cpu().clone() for name, one in model.state_dict().items()}


def test_it_learns_the_same():
    torch.manual_seed(0)
    near = dl_lab.nets.lenet5()
    far = copy.deepcopy(near).to(DEVICE)
    trainers = [trainer(near, "cpu"), trainer(far, DEVICE)]
    for one in trainers:
        one.fit(epochs=EPOCHS)
    ours, theirs = (one.history for one in trainers)
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        assert theirs[name].values == pytest.approx(ours[name].values, rel=1e-2, abs=1e-3), name
    assert {one.device.type for one in far.parameters()} == {DEVICE}


def test_all_that_records_measures_and_puts_back(tmp_path):
    torch.manual_seed(0)
    model = dl_lab.nets.lenet5().to(DEVICE)
    images, labels = dl_lab.data.mnist().train
    sgd = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    learning = dl_lab.Trainer(
        model,
        nn.CrossEntropyLoss(),
        sgd,
        (images[:256], labels[:256]),
        (images[-64:], labels[-64:]),
        metrics=["accuracy", "top3"],
        callbacks=[dl_lab.callbacks.GradientNorms(every=1), dl_lab.callbacks.StopOnNaN()],
        logdir=tmp_path / "events",
        clip_norm=1.0,
        accumulate=2,
        seed=0,
    )
    before = values(model)
    finder = dl_lab.lr_find(learning, steps=20)
    assert len(finder.rates) > 10
    assert same(values(model), before)
    learning.fit(epochs=2)
    assert learning.state == "finished", learning.message
    assert 0 < learning.history["gradient_norm"].last < 100
    weights = values(model)
    learning.save(tmp_path / "kept.pt")
    learning.rewind(learning.checkpoints[0])
    assert not same(values(model), weights)
    learning.close()
    again = dl_lab.nets.lenet5().to(DEVICE)
    dl_lab.Trainer.load(tmp_path / "kept.pt", again).close()
    assert same(values(again), weights)
    assert {one.device.type for one in again.parameters()} == {DEVICE}
    tags = read(tmp_path / "events").Tags()
    assert {"loss/train", "accuracy/validation"} <= {*tags["scalars"]}, tags["scalars"]
    assert any("conv1" in tag for tag in tags["histograms"]), tags


def test_a_viewer_follows_it_and_goes_back():
    torch.manual_seed(0)
    model = dl_lab.nets.lenet5().to(DEVICE)
    images, _ = dl_lab.data.mnist().test
    learning = trainer(model, "auto")
    viewer = dl_lab.LayerViewer(model, images[:8], trainer=learning)
    page = Page(viewer)
    rows = [
        {"layer": layer, "first": 0, "count": 6, "height": 28, "width": 28, "depth": 1}
        for layer in range(len(page.request("hello", view="page", have={}).meta["layers"]))
    ]
    assert page.request("rows.watch", view="page", rows=rows).meta["ok"]
    learning.fit(epochs=EPOCHS)
    assert learning.state == "finished", learning.message
    last = page.next_frame(viewer.update)
    assert last.meta["problem"] is None
    assert last.meta["training"]["epoch"] == EPOCHS
    viewer.set(kept=learning.checkpoints[0], show="filters")
    back = viewer.compose(touched=True)
    assert back is not None
    assert back.meta["kept"] == learning.checkpoints[0]
    viewer.close()


def test_filters_are_taken_from_a_layer_and_written_back():
    layer = nn.Conv2d(3, 4, 3, padding=1).to(DEVICE)
    before = layer.weight.detach().cpu().clone()
    image = torch.rand(3, 12, 12)
    explorer = dl_lab.KernelExplorer(image, layer=layer)
    explorer.take(2)
    assert torch.equal(explorer.kernel, before[2])
    with torch.no_grad():
        expected = layer(image[None].to(DEVICE))[0, 2:3].cpu()
    torch.testing.assert_close(explorer.output, expected)
    explorer.kernel = torch.ones(3, 3, 3)
    explorer.write()
    assert layer.weight.device.type == DEVICE
    assert layer.weight[2].cpu().eq(1).all()
    assert torch.equal(layer.weight[:2].cpu(), before[:2])
    explorer.undo()
    assert torch.equal(layer.weight.cpu(), before)
    explorer.close()


def test_a_convolution_of_ones_own_is_explored():
    layer = nn.Conv2d(2, 3, 3, stride=2).to(DEVICE)
    explorer = dl_lab.ConvolutionExplorer(layer)
    hello = Page(explorer).request("hello", view="page", have={})
    assert hello.meta["ok"], hello.meta
    explorer.close()


def test_a_step_of_ones_own_and_a_metric_that_fails(tmp_path):
    torch.manual_seed(0)
    forger, judge = nn.Linear(2, 2).to(DEVICE), nn.Linear(2, 1).to(DEVICE)
    optimizers = [torch.optim.Adam(model.parameters(), lr=0.01) for model in (forger, judge)]
    softplus = nn.functional.softplus

    def step(real):
        fake = forger(torch.rand_like(real))
        judged = (softplus(-judge(real)) + softplus(judge(fake.detach()))).mean()
        judge.zero_grad()
        judged.backward()
        optimizers[1].step()
        forged = softplus(-judge(fake)).mean()
        forger.zero_grad()
        forged.backward()
        optimizers[0].step()
        return {"judge_loss": judged, "forger_loss": forged}

    own = dl_lab.Trainer.of(
        step, [forger, judge], optimizers, torch.rand(32, 2), batch_size=8, seed=0
    )
    own.fit(epochs=2)
    ended = values(forger) | values(judge)
    curve = own.history["forger_loss"].values.copy()
    assert len(curve) == 8
    own.rewind(4)
    own.step(2)
    own.save(tmp_path / "own.pt")
    own.rewind(4)
    own.load_state_dict(own.state_dict())
    own.fit(epochs=1)
    assert same(values(forger) | values(judge), ended)
    assert (own.history["forger_loss"].values == curve).all()

    model = nn.Linear(2, 1).to(DEVICE)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    data = (torch.rand(8, 2), torch.rand(8, 1))
    failing = {"gap": lambda outputs, _: outputs.gap}
    usual = dl_lab.Trainer(model, nn.MSELoss(), sgd, data, data, metrics=failing)
    usual.fit(epochs=2)
    assert [note.key for note in usual.notes] == ["metric_failed"]
    assert torch.tensor(usual.history["train_loss"].values).isfinite().all()
