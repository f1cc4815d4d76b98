"""Well-formed files of a wrong structure: a sentence, and nothing has changed."""

from __future__ import annotations

import copy
import functools
import random

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from dl_lab.errors import InputError
from dl_lab.train.callbacks import EarlyStopping, LRSchedule
from dl_lab.train.checkpoint.file import load_state, save_state
from dl_lab.train.trainer import Trainer
from tests.lengths import times

X, Y = torch.randn(12, 4), torch.randn(12, 1)
NO_SHRINKING = [one for one in Phase if one is not Phase.shrink]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        self.register_buffer("mean", None)
        self.calls = 0
        self.hidden = [torch.zeros(2)]

    def forward(self, x):
        self.calls += 1
        self.mean = x.mean(0)
        self.hidden[0] = self.hidden[0] + 1
        return self.layers(x)


def trainer(model=None):
    model = model or Net()
    sampler = WeightedRandomSampler([1.0] * 12, 12, generator=torch.Generator().manual_seed(1))
    return Trainer(
        model,
        nn.MSELoss(),
        torch.optim.Adam(model.parameters()),
        DataLoader(TensorDataset(X, Y), 4, sampler=sampler),
        (X, Y),
        device="cpu",
        callbacks=[
            EarlyStopping(patience=99, restore_best=True),
            LRSchedule(lambda one: torch.optim.lr_scheduler.StepLR(one, 1, 0.5)),
        ],
    )


def everything(one):
    state = one.state_dict()
    del state["history"]["seconds"]
    return state


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def places(value, path=()):
    """Yield the way to everything in a state; of long lists of numbers to the first two."""
    items = value.items() if isinstance(value, dict) else ()
    if isinstance(value, (list, tuple)):
        items = list(enumerate(value))[:2] if len(value) > 20 else enumerate(value)
    for key, one in items:
        yield (*path, key)
        yield from places(one, (*path, key))


def changed(state, path, how):
    """Return a state with something else at a place."""
    if not path:
        return how(state)
    key, *rest = path
    if isinstance(state, dict):
        part = {**state}
        if not rest and how is DELETE:
            del part[key]
        else:
            part[key] = changed(state[key], rest, how)
        return part
    part = list(state)
    if not rest and how is DELETE:
        del part[key]
    else:
        part[key] = changed(state[key], rest, how)
    return type(state)(part)


def DELETE(value):  # noqa: N802  # one of the changes
    raise AssertionError(value)


def wider(value):
    return (
        torch.zeros([size + 1 for size in value.shape] or [2])
        if torch.is_tensor(value)
        else [value]
    )


CHANGES = [
    DELETE,
    wider,
    lambda _: None,
    lambda _: "x",
    lambda _: -1,
    lambda _: {},
    lambda _: [],
    lambda _: {"dl_lab_kind": "same", "as": "nowhere"},
    lambda _: {"dl_lab_kind": []},
    lambda _: {"dl_lab_array": 3},
    lambda _: torch.zeros(2, dtype=torch.complex64),
]


@functools.cache
def saved():
    one = trainer()
    one.step(4)
    return one.state_dict()


# Not at once: where tests are only collected, nothing is trained.
PLACES = st.deferred(lambda: st.sampled_from(list(places(saved()))))


@settings(max_examples=times(40), deadline=None, phases=NO_SHRINKING)
@given(place=PLACES, how=st.sampled_from(CHANGES))
def test_another_structure_is_taken_whole_or_refused_whole(tmp_path_factory, place, how):
    path = tmp_path_factory.mktemp("states") / "a.pt"
    check(path, changed(saved(), place, how))


def check(path, state):
    here = trainer()
    here.step(2)
    before = everything(here)
    outer = random.getstate(), torch.get_rng_state()
    weights = copy.deepcopy(here.model.state_dict())
    taken = True
    try:
        here.load_state_dict(state)
    except InputError:
        taken = False
        assert same(everything(here), before)
        assert here.state == "paused"
    assert random.getstate() == outer[0]
    assert torch.equal(torch.get_rng_state(), outer[1])
    # And it goes on, or says in a sentence why not.
    try:
        here.step(2)
    except InputError:
        assert taken
    try:
        save_state(path, state)
    except InputError:
        return
    model = Net()
    model.load_state_dict(weights, strict=False)
    kept = copy.deepcopy(model.state_dict())
    try:
        Trainer.load(path, model, train=(X, Y), device="cpu")
    except InputError:
        found = model.state_dict()
        assert found.keys() == kept.keys()
        assert all(torch.equal(found[name], kept[name]) for name in kept)


def test_settings_that_save_does_not_write_are_not_obeyed(tmp_path):
    path = tmp_path / "a.pt"
    trainer().save(path)
    state = load_state(path)
    state["settings"]["logdir"] = str(tmp_path / "planted")
    state["settings"]["callbacks"] = 3
    save_state(path, state)
    again = Trainer.load(path, Net(), train=(X, Y), device="cpu")
    again.step(1)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize(
    "content", [{}, {"state": 1}, {"state": {"dl_lab_array": 3}}, {"state": []}]
)
@pytest.mark.parametrize("form", [1, "1", None, 2**70])
def test_a_file_that_is_only_half_one_is_told(tmp_path, content, form):
    torch.save({"dl_lab_format": form, **content}, tmp_path / "a.pt")
    with pytest.raises(InputError):
        Trainer.load(tmp_path / "a.pt", Net())
