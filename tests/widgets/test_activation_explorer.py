from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import Page


@pytest.fixture
def explorer():
    made = dl_lab.ActivationExplorer()
    yield made
    made.close()


def shown(widget, settings):
    """Return what a page gets after these settings."""
    page = Page(widget)
    page.request("hello", view="page", have={})
    before = len(page.shown("explainer.show"))
    assert page.request("settings.set", **settings).meta["ok"] is True
    assert page.wait(lambda: len(page.shown("explainer.show")) > before)
    return page.shown("explainer.show")[-1]


def test_it_opens_on_relu_beside_a_sigmoid(explorer):
    reply = Page(explorer).request("hello", view="page", have={})
    assert [one["name"] for one in reply.meta["curves"]] == ["ReLU", "Sigmoid"]
    assert reply.meta["flat"] == [{"low": -6, "high": 0, "dead": True}]
    assert reply.arrays["y"].shape == (2, 601)
    assert reply.arrays["activations"].shape[0] == 10
    # There is nothing of one's own to choose.
    (offered,) = [one for one in explorer.schema if one["name"] == "activation"]
    assert None not in offered["allowed"]


def test_a_slider_bends_the_curve_and_says_which_sliders_there_are(explorer):
    message = shown(explorer, {"activation": "LeakyReLU", "slope": 0.3, "compared": ["ELU"]})
    x, y = message.arrays["x"], message.arrays["y"][0]
    assert y == pytest.approx(np.where(x > 0, x, 0.3 * x), abs=1e-6)
    assert message.meta["counting"] == ["alpha", "slope"]
    assert message.meta["curves"][0]["code"] == "nn.LeakyReLU(negative_slope=0.3)"
    assert message.meta["values"]["slope"] == 0.3
    assert shown(explorer, {"initialization": "own"}).meta["counting"] == [
        "alpha",
        "scale",
        "slope",
    ]


def test_ones_own_stand_first_and_beside_the_rest():
    def wave(x):
        return torch.sin(x)

    made = dl_lab.ActivationExplorer([nn.GELU(approximate="tanh"), wave], compared=["GELU"])
    meta, arrays = made.compute()
    assert [one["name"] for one in meta["curves"]] == ["GELU(approximate='tanh')", "wave", "GELU"]
    assert [one["code"] for one in meta["curves"]] == [
        "nn.GELU(approximate='tanh')",
        None,
        "nn.GELU()",
    ]
    assert arrays["y"][1].tolist() == pytest.approx(torch.sin(arrays["x"]).tolist())
    # The two kinds of GELU differ by less than the eye sees, yet they differ.
    apart = (arrays["y"][0] - arrays["y"][2]).abs().max()
    assert 1e-5 < float(apart) < 1e-3
    assert made.function is made._own["GELU(approximate='tanh')"]
    made.activation = "Tanh"
    assert isinstance(made.function, nn.Tanh)
    assert [one["name"] for one in made.compute()[0]["curves"]][:2] == [
        "Tanh",
        "GELU(approximate='tanh')",
    ]
    made.close()


def test_two_of_one_name_are_told_apart():
    made = dl_lab.ActivationExplorer([nn.ELU(2.0), lambda x: x, lambda x: 2 * x])
    assert [one["name"] for one in made.compute()[0]["curves"]][:3] == [
        "ELU(alpha=2.0)",
        "<lambda>",
        "<lambda> #2",
    ]
    made.close()


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (nn.ReLU, r"got the class ReLU\. Make one of it: ReLU\(\)"),
        (3, "own must be a function or an object that can be called; got 3"),
        ([torch.sin] * 5, "own can have at most 4 entries; got 5"),
        (lambda x: x.mean(), "must return one number for each number"),
        (torch.log, "returned nan at x = -6"),
    ],
)
def test_what_is_no_activation_is_refused_in_the_cell(own, sentence):
    with pytest.raises(InputError, match=sentence):
        dl_lab.ActivationExplorer(own)


def test_what_was_given_and_the_random_state_stay_as_they_are():
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x):
            self.calls += 1
            torch.rand(3)
            return torch.tanh(x)

    own = Counting().train()
    state = torch.get_rng_state()
    made = dl_lab.ActivationExplorer(own)
    made.layers = 3
    made.compute()
    assert own.calls == 0
    assert own.training
    assert torch.equal(torch.get_rng_state(), state)
    made.close()


def test_without_ones_own_there_is_none_to_choose(explorer):
    with pytest.raises(InputError, match="activation cannot be None"):
        explorer.activation = None
    assert explorer.activation == "ReLU"


def test_more_than_four_beside_it_are_refused(explorer):
    names = ["ELU", "SiLU", "Mish", "GELU", "Tanh"]
    with pytest.raises(InputError, match="compared can have at most 4 entries; got 5"):
        explorer.compared = names
    explorer.compared = []
    assert explorer.compared == ()


@pytest.mark.parametrize("name", ["GLU", "Softmax", "Softmax2d", "LeakyReLU"])
def test_the_code_computes_the_same_curve(explorer, name):
    explorer.set(activation=name, beside=0.5, layers=2, width=16, batch_norm=True)
    names: dict[str, object] = {}
    exec(explorer.source(), names)  # noqa: S102 - what a person would run
    _, arrays = explorer.compute()
    for mine, theirs in (("y", "y"), ("slope", "slope")):
        # At 0, where it bends, 32 bits land on either side.
        apart = (arrays[mine][0].float() - names[theirs]).abs()
        assert float(torch.cat([apart[:300], apart[301:]]).max()) < 1e-5


def test_the_code_defines_ones_own():
    def doubled(x):
        return 2 * x

    made = dl_lab.ActivationExplorer(doubled)
    assert "return 2 * x" in made.source()
    names: dict[str, object] = {}
    exec(made.source(), names)  # noqa: S102
    assert torch.equal(names["y"], 2 * names["x"])
    made.close()


def test_the_saved_notebook_keeps_the_curve(explorer):
    assert "ReLU" in explorer.picture()
    assert len(explorer.picture()) < 20_000
