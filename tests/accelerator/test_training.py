"""What trains on an accelerator learns what it learns on the CPU, and can be watched there."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import dl_lab
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


def test_it_learns_the_same():
    torch.manual_seed(0)
    near = dl_lab.nets.lenet5()
    far = copy.deepcopy(near).to("far")
    trainers = [trainer(near, "cpu"), trainer(far, "far")]
    for one in trainers:
        one.fit(epochs=EPOCHS)
    ours, theirs = (one.history for one in trainers)
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        assert theirs[name].values == pytest.approx(ours[name].values, rel=1e-2, abs=1e-3), name
    assert {one.device.type for one in far.parameters()} == {"far"}


def test_a_viewer_follows_it_and_goes_back():
    torch.manual_seed(0)
    model = dl_lab.nets.lenet5().to("far")
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
    layer = nn.Conv2d(3, 4, 3, padding=1).to("far")
    before = layer.weight.detach().cpu().clone()
    image = torch.rand(3, 12, 12)
    explorer = dl_lab.KernelExplorer(image, layer=layer)
    explorer.take(2)
    assert torch.equal(explorer.kernel, before[2])
    with torch.no_grad():
        expected = layer(image[None].to("far"))[0, 2:3].cpu()
    torch.testing.assert_close(explorer.output, expected)
    explorer.kernel = torch.ones(3, 3, 3)
    explorer.write()
    assert layer.weight.device.type == "far"
    assert layer.weight[2].cpu().eq(1).all()
    assert torch.equal(layer.weight[:2].cpu(), before[:2])
    explorer.undo()
    assert torch.equal(layer.weight.cpu(), before)
    explorer.close()


def test_a_convolution_of_ones_own_is_explored():
    layer = nn.Conv2d(2, 3, 3, stride=2).to("far")
    explorer = dl_lab.ConvolutionExplorer(layer)
    hello = Page(explorer).request("hello", view="page", have={})
    assert hello.meta["ok"], hello.meta
    explorer.close()
