from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import Page

TASKS = ["prediction", "classes", "outlier", "pairs"]


def log_cosh(y_hat, y):
    return torch.log(torch.cosh(y_hat - y))


@pytest.fixture
def explorer():
    made = dl_lab.CostExplorer()
    yield made
    made.close()


def test_it_opens_on_squared_error_beside_cross_entropy_behind_a_sigmoid(explorer):
    reply = Page(explorer).request("hello", view="page", have={})
    assert reply.meta["names"] == ["MSE", "BCE"]
    assert reply.meta["told"]["code"] == "F.mse_loss(y_hat, y, reduction='none')"
    z, prediction = reply.arrays["z"], reply.arrays["prediction"][0]
    assert prediction == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)
    assert reply.arrays["arriving"][1] == pytest.approx(prediction - 1, abs=1e-6)
    for name in ("cost", "class_cost"):
        (offered,) = [one for one in explorer.schema if one["name"] == name]
        assert None not in offered["allowed"]


def test_dragged_logits_are_answered_with_probabilities_and_pulls(explorer):
    page = Page(explorer)
    page.request("hello", view="page", have={})
    explorer.set(task="classes", right=1)
    page.request("settings.set", logits=[0.5, 2.0, -1.0])
    assert page.wait(
        lambda: (
            [one.arrays["probabilities"].size for one in page.shown("explainer.show")][-1:] == [3]
        )
    )
    message = page.shown("explainer.show")[-1]
    p = np.exp([0.5, 2.0, -1.0])
    p /= p.sum()
    assert message.arrays["probabilities"] == pytest.approx(p, abs=1e-6)
    chosen = message.arrays["gradients"][message.meta["chosen"]]
    assert chosen == pytest.approx(p - [0, 1, 0], abs=1e-6)
    # With fewer classes the right one is the last of them.
    explorer.set(right=9)
    assert explorer.compute()[0]["right"] == 2


def test_each_class_has_a_weight_of_its_own(explorer):
    page = Page(explorer)
    page.request("hello", view="page", have={})
    explorer.set(task="classes", smoothing=0.2, logits=(0.5, 2.0, -1.0))
    page.request("settings.set", weights=[1.0, 3.0])
    assert page.wait(
        lambda: (
            [list(one.arrays.get("weights", [])) for one in page.shown("explainer.show")][-1:]
            == [[1, 3, 1]]
        )
    )
    meta, arrays = explorer.compute()
    p = np.exp([0.5, 2.0, -1.0])
    p /= p.sum()
    weighed = np.array([1, 3, 1]) * (0.8 * np.eye(3)[0] + 0.2 / 3)
    pulls = arrays["gradients"][meta["names"].index("CrossEntropy")].tolist()
    assert pulls == pytest.approx((weighed.sum() * p - weighed).tolist())
    with pytest.raises(InputError, match="weights must be"):
        explorer.weights = [-1.0, 1.0]


@pytest.mark.parametrize("logits", [[1.0], [0.0] * 11, [9.0, 0.0], 3, "ab", [None, 1.0]])
def test_logits_that_cannot_be_are_refused(explorer, logits):
    with pytest.raises(InputError, match="logits must be a"):
        explorer.logits = logits


def test_a_dragged_outlier_is_followed_by_training(explorer):
    page = Page(explorer)
    page.request("hello", view="page", have={})
    page.request("settings.set", task="outlier", outlier=[2.5, -4])
    assert page.wait(lambda: page.shown("explainer.show") and not explorer.unfinished)
    assert page.wait(lambda: explorer._fitting is not None and explorer._fitting.done)
    shown = [one for one in page.shown("explainer.show") if one.meta["task"] == "outlier"]
    assert len(shown) > 1  # it comes as it is trained
    _, arrays = explorer.compute()
    x, y = arrays["x"].numpy(), arrays["y"].numpy()
    best = np.linalg.lstsq(np.stack([np.ones_like(x), x], 1), y, rcond=None)[0]
    assert arrays["lines"][0].tolist() == pytest.approx(best.tolist(), abs=1e-3)


def test_a_cost_of_ones_own_is_drawn_and_trained_with():
    made = dl_lab.CostExplorer(log_cosh, compared=["MSE"], output="identity", target=0.5)
    meta, arrays = made.compute()
    assert meta["names"] == ["log_cosh", "MSE"]
    slope = np.tanh(arrays["z"].numpy() - 0.5)
    assert arrays["gradient"][0].numpy() == pytest.approx(slope, abs=1e-9)
    made.cost = "MSE"
    assert made.compute()[0]["names"] == ["MSE", "log_cosh"]
    made.task = "outlier"
    while made.unfinished or made._fitting is None:
        meta, _ = made.compute()
    assert meta["names"] == ["MSE", "L1", "Huber", "Quantile", "log_cosh"]
    made.close()


def test_without_a_cost_of_ones_own_there_is_none_to_choose(explorer):
    for name in ("cost", "class_cost"):
        with pytest.raises(InputError, match=f"{name} cannot be None"):
            explorer.set(**{name: None})
    made = dl_lab.CostExplorer(nn.CrossEntropyLoss())
    with pytest.raises(InputError, match="cost cannot be None"):
        made.cost = None
    made.close()


def test_what_was_given_stays_as_it_is():
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, y_hat, y):
            self.calls += 1
            torch.rand(1)
            return (y_hat - y).abs().mean()

    own = Counting()
    state = torch.get_rng_state()
    made = dl_lab.CostExplorer(own)
    made.task = "outlier"
    made.compute()
    assert own.calls == 0
    assert torch.equal(torch.get_rng_state(), state)
    made.close()


def test_a_loss_of_classes_of_ones_own_is_among_the_classes():
    made = dl_lab.CostExplorer(nn.CrossEntropyLoss(label_smoothing=0.3))
    assert made.task == "classes"
    meta, _ = made.compute()
    assert meta["names"][meta["chosen"]] == "CrossEntropyLoss()"
    made.set(smoothing=0.3)
    again = made.compute()[1]["gradients"]
    assert torch.allclose(again[meta["chosen"]], again[meta["names"].index("CrossEntropy")])
    for task in TASKS:
        made.set(task=task)
        made.compute()
    made.close()


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (nn.MSELoss, "own must be a cost function or a loss module"),
        ("MSE", "own must be a cost function or a loss module"),
        (lambda y_hat: y_hat, "raised TypeError"),
        (lambda y_hat, y: (y_hat - y).detach() ** 2, "has no gradient"),
        (lambda y_hat, y: (y_hat * y).log(), "returned nan"),
    ],
)
def test_what_is_no_cost_is_refused_in_the_cell(own, sentence):
    with pytest.raises(InputError, match=sentence):
        dl_lab.CostExplorer(own)


SOURCES = [
    *({"cost": name} for name in dl_lab.CostExplorer.cost.allowed if name),
    *(
        {"task": "classes", "class_cost": name, "smoothing": 0.1, "weights": (2.0, 0.5)}
        for name in dl_lab.CostExplorer.class_cost.allowed
        if name
    ),
    *({"task": "pairs", "pair_cost": name} for name in dl_lab.CostExplorer.pair_cost.allowed),
]


@pytest.mark.parametrize("settings", SOURCES, ids=lambda one: "-".join(map(str, one.values())))
def test_the_code_computes_the_same(explorer, settings):
    explorer.set(**settings)
    names: dict[str, object] = {}
    exec(explorer.source(), names)  # noqa: S102 - what a person would run
    meta, arrays = explorer.compute()
    if explorer.task == "prediction":
        assert torch.allclose(names["C"].double(), arrays["value"][0], atol=1e-5)
        assert torch.allclose(names["dC_dz"].double(), arrays["arriving"][0], atol=1e-5)
    else:
        assert float(names["C"]) == pytest.approx(float(arrays["costs"][meta["chosen"]]), abs=1e-6)
        mine = arrays["gradients"][meta["chosen"]].float()
        assert torch.allclose(names["gradient"].reshape(mine.shape), mine, atol=1e-6)


@pytest.mark.parametrize("own", [None, log_cosh, nn.HuberLoss(delta=2.0)])
def test_the_code_fits_the_lines(own):
    made = dl_lab.CostExplorer(own, task="outlier", outlier=(1.0, 3.0))
    names: dict[str, object] = {}
    exec(made.source(), names)  # noqa: S102
    assert names["lines"].shape == (4 if own is None else 5, 2)
    assert float(names["y"][-1].detach()) == 3
    assert abs(float(names["lines"][1, 1].detach()) - 0.8) < 0.3
    made.close()


@pytest.mark.parametrize("task", TASKS)
def test_the_saved_notebook_keeps_a_picture(explorer, task):
    explorer.task = task
    picture = explorer.picture()
    assert explorer.words()[f"task_{task}"] in picture
    assert len(picture) < 20_000
