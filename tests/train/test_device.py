from __future__ import annotations

import pytest
import torch
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.batches.random_stream import RandomStream
from dl_lab.train.device import described, move, resolve
from dl_lab.train.steps.precision import Precision


def test_automatic_is_what_the_machine_has():
    expected = "cpu"
    if torch.cuda.is_available():
        expected = "cuda"
    elif torch.backends.mps.is_available():
        expected = "mps"
    assert resolve("auto", nn.Linear(1, 1)).type == expected
    assert resolve(torch.device("cpu")).type == "cpu"


def test_what_is_not_there_gets_the_list_of_what_is():
    for wrong in ("cuda:77", "gpu", "cpu:x", 3.5):
        with pytest.raises(InputError, match="Choose one of: auto, cpu"):
            resolve(wrong)


def test_a_model_moves_with_what_its_optimizer_remembers():
    model = nn.Linear(2, 1)
    adam = torch.optim.Adam(model.parameters(), lr=0.3)
    model(torch.ones(1, 2)).sum().backward()
    adam.step()
    parameters = list(model.parameters())
    before = adam.state[parameters[0]]["exp_avg"].clone()
    for device in [torch.device("cpu"), resolve("auto")]:
        move(model, adam, device)
        assert all(map(lambda one, two: one is two, parameters, model.parameters()))
        state = adam.state[parameters[0]]
        assert state["exp_avg"].device == parameters[0].device == device
        assert torch.equal(state["exp_avg"].cpu(), before)
        assert adam.param_groups[0]["lr"] == 0.3


def test_a_device_has_a_name_for_people():
    assert described(torch.device("cpu")) == "cpu"
    if torch.cuda.is_available():
        assert torch.cuda.get_device_name(0) in described(torch.device("cuda:0"))


@pytest.mark.parametrize(("name", "device"), [("fp16", "cpu"), ("bf16", "mps")])
def test_a_precision_that_the_device_lacks(name, device):
    with pytest.raises(InputError, match=f"cannot be '{name}' on {device}"):
        Precision(name, torch.device(device))


def test_the_stream_leaves_no_trace_and_can_be_put_anywhere():
    stream = RandomStream(seed=5)
    outer = torch.get_rng_state()
    with stream:
        one = torch.rand(3)
        place = stream.now()
        two = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), outer)
    stream.state = place
    with stream:
        assert torch.equal(torch.rand(3), two)
    assert torch.equal(torch.rand(3, generator=torch.Generator().manual_seed(5)), one)


def test_a_state_from_another_device_gives_what_is_for_this_one():
    here, there = RandomStream(seed=1), RandomStream(seed=2)
    assert here.fitting([*there.first, torch.zeros(16)]) == there.first
    assert here.fitting([]) == here.first
