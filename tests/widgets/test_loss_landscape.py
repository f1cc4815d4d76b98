from __future__ import annotations

import copy
import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.examples import example
from tests.widgets.page import Page


def small():
    torch.manual_seed(0)
    points = torch.randn(60, 2)
    model = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1))
    return model, nn.functional.mse_loss, (points, points.prod(1, keepdim=True))


def settled(landscape):
    return landscape._composed == landscape._revision and not landscape.is_streaming()


def done(landscape, page):
    page.request("hello", view="page", have={})
    assert page.wait(lambda: settled(landscape))
    return page.request("hello", view="page", have={})


def test_a_page_gets_the_losses_of_the_network_with_other_weights():
    model, loss, data = small()
    landscape = dl_lab.LossLandscape(model, loss, data, grid="9", reach=0.5)
    shown = done(landscape, Page(landscape))
    assert shown.arrays["values"].shape == (9, 9)
    assert (shown.meta["share"], shown.meta["rows"], shown.meta["weights"]) == (1, 60, 25)
    assert shown.meta["loss"] == pytest.approx(float(loss(model(data[0]), data[1])))
    for row, column in ((0, 0), (4, 4), (7, 2)):
        before = copy.deepcopy(model.state_dict())
        landscape.go(-0.5 + column / 8, -0.5 + row / 8)
        there = float(loss(model(data[0]), data[1]))
        assert shown.arrays["values"][row, column] == pytest.approx(there, rel=1e-4)
        landscape.undo()
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    landscape.close()


def test_it_is_measured_while_it_is_seen_and_ends_when_it_is_closed():
    model, loss, data = small()
    rows = tuple(one.repeat(200, 1) for one in data)
    landscape = dl_lab.LossLandscape(model, loss, rows, grid="65", rows=4096)
    landscape._network[1]._vmapped = False
    page = Page(landscape)
    page.request("hello", view="page", have={})
    assert page.wait(lambda: len(page.shown("explainer.show")) >= 3)
    shares = [one.meta["share"] for one in page.shown("explainer.show")]
    assert shares == sorted(shares)
    assert shares[-1] < 1
    landscape.close()
    assert landscape._channel._thread is None or not landscape._channel._thread.is_alive()


def test_nothing_but_a_click_changes_the_model():
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm, self.calls = nn.Linear(2, 1), nn.BatchNorm1d(2), 0

        def forward(self, x):
            self.calls += 1
            return self.layer(self.norm(x) + 0 * torch.rand(1))

    model, data = Counting(), (torch.randn(30, 2), torch.randn(30, 1))
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    landscape = dl_lab.LossLandscape(model, nn.functional.mse_loss, data)
    done(landscape, Page(landscape))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (model.calls, model.training) == (0, True)
    assert torch.equal(torch.get_rng_state(), random)
    landscape.go(0.5, 0.5)
    changed = [
        name for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    ]
    assert changed == ["layer.weight"]
    landscape.close()


def test_a_runs_way_ends_where_its_weights_are():
    landscape = example("loss_landscape")
    shown = done(landscape, Page(landscape))
    assert shown.meta["through"] == "run"
    way = shown.arrays["way"]
    assert way[-1] == pytest.approx([0, 0], abs=1e-4)
    assert way[0] == pytest.approx(shown.meta["marks"]["begin"], rel=1e-4)
    assert shown.meta["here"] == pytest.approx([0, 0], abs=1e-5)
    model, (inputs, targets) = landscape.model, landscape.data
    landscape.go(*way[0].tolist())
    start = float(landscape.loss(model(inputs), targets))
    begun = landscape._way()[0]
    nn.utils.vector_to_parameters(begun, model.parameters())
    # The plane holds most of the way, not all of it.
    assert start == pytest.approx(float(landscape.loss(model(inputs), targets)), rel=0.2)
    landscape.close()


def test_it_follows_a_run_and_measures_when_that_pauses():
    landscape = example("loss_landscape")
    page = Page(landscape)
    done(landscape, page)
    landscape.run.pace = 20
    landscape.run.start(10)
    assert page.wait(lambda: any(one.meta["training"] for one in page.shown("explainer.show")))
    assert page.wait(lambda: landscape.run.state == "finished")
    assert page.wait(lambda: settled(landscape))
    assert len(page.request("hello", view="page", have={}).arrays["way"]) > 30
    landscape.close()


def test_two_minima_are_joined_by_a_line_with_a_barrier():
    model, loss, data = small()
    other = copy.deepcopy(model)
    with torch.no_grad():
        # The same function with its units turned: as low, and far away.
        other[0].weight.neg_()
        other[0].bias.neg_()
        other[2].weight.neg_()
        other[2].bias += 0.1
    landscape = dl_lab.LossLandscape(model, loss, data, other=other.state_dict(), shape="line")
    shown = done(landscape, Page(landscape))
    values = shown.arrays["values"][0]
    x = np.linspace(-0.5, 1.5, len(values))
    ends = [float(loss(one(data[0]), data[1])) for one in (model, other)]
    assert values[[32, 96]] == pytest.approx(ends, rel=1e-4)
    between = (x >= 0) & (x <= 1)
    line = ends[0] + (ends[1] - ends[0]) * x[between]
    assert shown.meta["barrier"] == pytest.approx(float((values[between] - line).max()), rel=1e-3)
    assert set(landscape.presets) == {"wide", "line", "joined"}
    landscape.close()


def test_a_page_goes_and_comes_back_and_hears_why_it_cannot():
    model, loss, data = small()
    landscape = dl_lab.LossLandscape(model, loss, data, grid="9")
    page = Page(landscape)
    before = [one.detach().clone() for one in model.parameters()]
    assert page.request("weights.undo").meta["error"]["key"] == "nothing_to_undo"
    for x in (0.2, 0.4):
        assert page.request("weights.go", x=x, y=0.1).meta["ok"] is True
    assert page.request("weights.go", x="far", y=0.1).meta["error"]["key"] == "number"
    for _ in range(2):
        assert page.request("weights.undo").meta["ok"] is True
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    landscape.close()


def test_a_closed_one_keeps_no_network():
    model, loss, data = small()
    landscape = dl_lab.LossLandscape(model, loss, data, grid="9")
    copied = weakref.ref(landscape._network[1].model)
    landscape.close()
    del landscape
    gc.collect()
    assert copied() is None


@pytest.mark.parametrize(
    ("given", "settings", "sentence"),
    [
        ((nn.ReLU(), nn.functional.mse_loss, (torch.ones(2, 1),) * 2), {}, "has no parameters"),
        ((nn.Linear(3, 1), None, (torch.ones(2, 3),) * 2), {}, "loss must be a function"),
        (small(), {"through": "run"}, "through cannot be 'run'"),
        (small(), {"reach": 9}, "reach must be a number between 0.1 and 5"),
        (small(), {"other": {"0.weight": torch.ones(3)}}, "The state is of another model"),
    ],
)
def test_what_has_no_landscape_gets_a_sentence(given, settings, sentence):
    with pytest.raises(InputError, match=sentence):
        dl_lab.LossLandscape(*given, **settings)
