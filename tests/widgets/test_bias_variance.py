from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import Page


def test_a_page_gets_the_fits_and_then_all_errors():
    widget = dl_lab.BiasVariance(capacity=9)
    page = Page(widget)
    hello = page.request("hello", view="page", have={})
    assert hello.meta["capacity"] == 9
    # sin πx, 15 points, as measured elsewhere.
    assert hello.meta["numbers"]["variance"] == pytest.approx(0.063, abs=1e-3)
    fits = hello.arrays["mean"] - np.sin(np.pi * hello.arrays["grid"])
    assert hello.meta["numbers"]["bias"] == pytest.approx(float(np.mean(fits**2)), rel=1e-3)
    assert page.wait(lambda: page.shown("explainer.show")[-1:] and widget.compute()[0]["done"])
    meta, arrays = widget.compute()
    assert meta["done"] is True
    at = arrays["capacities"].tolist().index(3)
    assert arrays["bias"][at] == pytest.approx(0.005, abs=1e-3)
    assert len(arrays["test"]) == len(arrays["capacities"]) == 22
    widget.close()


def test_a_capacity_beyond_the_family_is_its_last():
    widget = dl_lab.BiasVariance(family="polynomial", capacity=400)
    assert widget.reached == 40
    widget.family = "features"
    assert widget.reached == 400
    widget.capacity = 0
    assert widget.reached == 1
    widget.close()


def test_own_function_points_and_network():
    step = dl_lab.BiasVariance(lambda x: (x > 0).double(), capacity=1)
    assert step.fits().bias > 0.03
    step.close()
    draw = torch.Generator().manual_seed(0)
    x = 100 * torch.rand(50, generator=draw)
    own = dl_lab.BiasVariance((x, torch.sin(x / 20)), capacity=6, points=30)
    meta, arrays = own.compute()
    assert meta["own"] is True
    assert arrays["grid"][0] == pytest.approx(float(x.min()))
    assert arrays["grid"][-1] == pytest.approx(float(x.max()))
    expected = np.sin(np.asarray(arrays["grid"]) / 20)
    assert np.abs(np.median(own.fits().grid.numpy(), 0) - expected).max() < 0.2
    own.close()
    net = dl_lab.BiasVariance(
        network=lambda width: nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1)),
        family="network",
        capacity=4,
    )
    assert net.fits().test < 0.5
    net.close()


def test_fewer_steps_show_the_training_that_was_done():
    widget = dl_lab.BiasVariance(family="network", capacity=8)
    late = widget.fits()
    widget.steps = 10
    early = widget.fits()
    assert early.train > late.train
    assert early.variance < late.variance
    widget.close()


@pytest.mark.parametrize(
    "given",
    [
        {"target": lambda x: x[:2]},
        {"target": ([1], [2])},
        {"target": 3},
        {"network": nn.Linear(1, 1)},
        {"network": lambda width: nn.Linear(2, width)},
        {"network": lambda width: width},
        {"network": lambda width: nn.Linear(1, width)},
        {"capacity": 401},
        {"l2": math.nan},
    ],
)
def test_what_cannot_be_used_is_refused(given):
    with pytest.raises(InputError):
        dl_lab.BiasVariance(**given)


@pytest.mark.parametrize(
    "settings",
    [
        {"capacity": 9},
        {"capacity": 9, "l2": 0.5, "dropout": 0.2},
        {"capacity": 5, "steps": 40},
        {"family": "features", "capacity": 40, "l1": 0.1, "steps": 30},
    ],
)
def test_the_program_finds_about_the_same(settings, capsys):
    widget = dl_lab.BiasVariance(**settings)
    torch.manual_seed(0)
    exec(widget.source(), {})  # noqa: S102 - what a person would run
    bias, variance = map(float, capsys.readouterr().out.split())
    if widget.family == "polynomial":
        assert variance == pytest.approx(widget.fits().variance, rel=0.35)
        assert bias == pytest.approx(widget.fits().bias, rel=0.35, abs=2e-3)
    assert math.isfinite(bias + variance)
    widget.close()
