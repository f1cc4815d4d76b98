from __future__ import annotations

import copy

import pytest
import torch
from safetensors import safe_open
from torch import nn

from dl_lab import Trainer
from dl_lab.data import fashion, mnist
from dl_lab.errors import InputError
from dl_lab.nets import lenet, lenet5

PATH = lenet.FILES / "lenet5.safetensors"


def right(model: nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> float:
    with torch.no_grad():
        return (model(pixels).argmax(1) == labels).float().mean().item()


def test_the_trained_one_reads_digits_it_has_not_seen():
    model = lenet5(pretrained=True)
    accuracy = right(model, *mnist().test)
    assert accuracy >= 0.95
    assert f"{accuracy:.1%}".replace("%", " %") in lenet5.__doc__
    with safe_open(PATH, "pt") as file:
        assert file.metadata()["accuracy"] == f"{accuracy:.3f}"
    assert PATH.stat().st_size <= 300_000


def test_it_reads_digits_that_lie_less_neatly():
    """As one draws them with a mouse: anywhere near the middle."""
    pixels, labels = mnist().test
    assert right(lenet5(pretrained=True), pixels.roll((2, -2), dims=(2, 3)), labels) > 0.9


def test_its_layers_and_their_shapes():
    expected = {
        "conv1": (6, 28, 28),
        "pool1": (6, 14, 14),
        "conv2": (16, 10, 10),
        "pool2": (16, 5, 5),
        "flatten": (400,),
        "fc1": (120,),
        "fc2": (84,),
        "fc3": (10,),
    }
    for model in (lenet5(), lenet5(pretrained=True)):
        outputs, shapes = torch.rand(3, 1, 28, 28), {}
        for name, layer in model.named_children():
            outputs = layer(outputs)
            shapes[name] = tuple(outputs.shape[1:])
        assert expected.items() <= shapes.items()
        parameters = [*model.parameters()]
        assert sum(parameter.numel() for parameter in parameters) == 61_706
        assert all(parameter.requires_grad for parameter in parameters)
        assert model.training


def test_new_weights_come_from_the_global_generator_and_trained_ones_leave_it_alone():
    torch.manual_seed(3)
    first = lenet5()
    torch.manual_seed(3)
    assert torch.equal(lenet5().conv1.weight, first.conv1.weight)
    before = torch.get_rng_state()
    lenet5(pretrained=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_trained_one_can_be_copied_changed_and_trained_on():
    model = lenet5(pretrained=True)
    other = copy.deepcopy(model)
    pixels, labels = fashion().train
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), adam, (pixels[:2000], labels[:2000]), device="cpu", seed=0
    )
    trainer.fit(epochs=1)
    assert right(model, *fashion().test) > right(other, *fashion().test) + 0.3
    assert torch.equal(other.conv1.weight, lenet5(pretrained=True).conv1.weight)


@pytest.mark.parametrize("given", ["mnist", 1, None])
def test_bad_input_gets_a_sentence(given):
    with pytest.raises(InputError) as caught:
        lenet5(pretrained=given)
    assert str(caught.value) == f"pretrained must be true or false; got {given!r}."


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lenet, "FILES", tmp_path)
    (tmp_path / PATH.name).write_bytes(PATH.read_bytes()[:-1])
    with pytest.raises(OSError, match=r"lenet5\.safetensors is damaged"):
        lenet5(pretrained=True)
