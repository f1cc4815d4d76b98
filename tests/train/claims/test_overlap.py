"""What two trainings share, against every single byte that they touch."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dl_lab.train.claims.overlap import footprint


def sgd(*models: nn.Module):
    return torch.optim.SGD([one for model in models for one in model.parameters()], lr=0.1)


def meet(one, other):
    found = footprint(one, sgd(one)).disturbs(footprint(other, sgd(other)))
    assert footprint(other, sgd(other)).disturbs(footprint(one, sgd(one))) is found
    return found


def tied(model):
    other = nn.Linear(4, 1)
    other.weight = model.weight
    return other


def viewed(model):
    other = nn.Linear(2, 2)
    other.weight = nn.Parameter(model.weight.data.view(2, 2))
    return other


def in_part(model):
    other = nn.Linear(2, 1)
    other.weight = nn.Parameter(model.weight.data[:, 2:])
    return other


def buffered(model):
    other = nn.Linear(4, 1)
    other.register_buffer("mean", model.weight.detach())
    return other


@pytest.mark.parametrize(
    "make",
    [
        lambda model: model,
        nn.Sequential,
        lambda model: nn.Sequential(nn.Linear(9, 4), nn.Sequential(nn.Tanh(), model)),
        nn.DataParallel,
        torch.compile,
        lambda model: nn.ModuleDict({"a": model}),
        copy.copy,
        tied,
        viewed,
        in_part,
        buffered,
    ],
)
def test_what_shares_weights_is_disturbed(make):
    model = nn.Linear(4, 1)
    assert meet(model, make(model))


def pickled(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("make", [copy.deepcopy, pickled, lambda _: nn.Linear(4, 1)])
def test_what_is_copied_is_not(make):
    model = nn.Linear(4, 1)
    assert not meet(model, make(model))


def test_neighbours_in_one_storage_are_not():
    flat = torch.zeros(8)
    first, second = nn.Linear(4, 1, bias=False), nn.Linear(4, 1, bias=False)
    first.weight = nn.Parameter(flat[:4].view(1, 4))
    second.weight = nn.Parameter(flat[4:].view(1, 4))
    assert not meet(first, second)


def test_an_optimizer_over_both_disturbs_both():
    first, second = nn.Linear(4, 1), nn.Linear(4, 1)
    both = sgd(first, second)
    assert footprint(first, both).disturbs(footprint(second, both))
    assert footprint(first, both).disturbs(footprint(second, sgd(second)))


def test_a_frozen_body_may_have_two_heads():
    body = nn.Linear(4, 4).requires_grad_(requires_grad=False)
    heads = [nn.Sequential(body, nn.ReLU(), nn.Linear(4, 1)) for _ in range(2)]
    marks = [footprint(head, sgd(head[2])) for head in heads]
    assert not marks[0].disturbs(marks[1])
    # Whoever trains it disturbs both.
    trained = nn.Linear(4, 4)
    trained.weight = nn.Parameter(body.weight.data)
    assert marks[0].disturbs(footprint(trained, sgd(trained)))


@pytest.mark.parametrize(("layer", "heeds"), [(nn.ReLU, False), (nn.Dropout, True)])
def test_a_layer_without_weights_counts_if_it_heeds_the_mode(layer, heeds):
    shared = layer()
    first, second = (nn.Sequential(nn.Linear(4, 1), shared) for _ in range(2))
    assert meet(first, second) is heeds


def test_a_frozen_batch_norm_counts():
    norm = nn.BatchNorm1d(4).requires_grad_(requires_grad=False)
    first, second = (nn.Sequential(norm, nn.Linear(4, 1)) for _ in range(2))
    assert footprint(first, sgd(first[1])).disturbs(footprint(second, sgd(second[1])))


@pytest.mark.parametrize(
    "weight",
    [
        torch.zeros(4, 4).to_sparse(),
        torch.zeros(0, 4),
        torch.zeros(2, 2, device="meta"),
        nn.parameter.UninitializedParameter(),
    ],
)
def test_weights_without_a_place_are_told_apart_by_what_they_are(weight):
    def holding(parameter):
        model = nn.Module()
        model.weight = parameter
        return model

    parameter = weight if isinstance(weight, nn.Parameter) else nn.Parameter(weight)
    first, second = holding(parameter), holding(parameter)
    assert footprint(first, None).disturbs(footprint(second, None))
    other = holding(nn.Parameter(torch.zeros(0, 4)))
    assert not footprint(first, None).disturbs(footprint(other, None))


# Pieces of a few common storages, frozen or not, as parameters or buffers.
pieces = st.tuples(
    st.integers(0, 3),
    st.integers(0, 12),
    st.integers(1, 4),
    st.sampled_from(["trained", "frozen", "kept"]),
)


def built(storages, chosen):
    model = nn.Module()
    for number, (which, start, length, kind) in enumerate(chosen):
        piece = storages[which][start : start + length]
        if kind == "kept":
            model.register_buffer(f"b{number}", piece)
        else:
            parameter = nn.Parameter(piece, requires_grad=kind == "trained")
            model.register_parameter(f"p{number}", parameter)
    return model


def bytes_of(chosen, *kinds: str):
    return {
        (which, place)
        for which, start, length, kind in chosen
        if kind in kinds
        for place in range(start, start + length)
    }


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=5), st.lists(pieces, max_size=5))
def test_it_is_disturbed_just_where_one_writes_what_the_other_touches(first, second):
    storages = [torch.zeros(16) for _ in range(4)]
    models = [built(storages, chosen) for chosen in (first, second)]
    marks = [footprint(model, None) for model in models]
    writes = [bytes_of(chosen, "trained", "kept") for chosen in (first, second)]
    touches = [bytes_of(chosen, "trained", "kept", "frozen") for chosen in (first, second)]
    expected = bool(writes[0] & touches[1] or writes[1] & touches[0])
    assert marks[0].disturbs(marks[1]) is expected
    assert marks[1].disturbs(marks[0]) is expected
