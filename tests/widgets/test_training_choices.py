from __future__ import annotations

import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import Page

SMALL = {"width": 16, "steps": 40}


def test_a_page_sees_both_runs_train_to_the_end():
    widget = dl_lab.TrainingChoices(**SMALL)
    page = Page(widget)
    hello = page.request("hello", view="page", have={})
    assert hello.arrays["left_step"].tolist() == [0]
    assert page.wait(lambda: any(one.meta["done"] for one in page.shown("explainer.show")))
    last = page.shown("explainer.show")[-1]
    for side, run in (("left", widget.pair.left), ("right", widget.pair.right)):
        assert last.arrays[f"{side}_step"].tolist() == [*range(0, 41, 5)]
        assert last.meta["sides"][side]["test"] == pytest.approx(run.numbers()["test"])
        assert last.meta["sides"][side]["best_step"] == run.best[1]
    assert widget.pair.left.choices.weight_decay == 0
    assert widget.pair.right.choices.weight_decay == 0.01
    assert not widget.unfinished
    assert "svg" in widget.picture()
    assert page.request("run.again").meta["ok"] is True
    assert page.wait(lambda: widget.pair.done)
    widget.close()


def test_paused_runs_stand_still_and_a_setting_begins_them_anew():
    widget = dl_lab.TrainingChoices(running=False, **SMALL)
    page = Page(widget)
    page.request("hello", view="page", have={})
    widget.compute()
    assert widget.pair.left.step == 0
    widget.running = True
    assert page.wait(lambda: widget.pair.done)
    first = widget.pair
    widget.dropout = 0.2
    assert widget.pair is not first
    left, right = widget.finish()
    assert left.step == right.step == 40
    widget.close()


def test_own_model_data_and_loss():
    x = torch.randn(120, 4)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    labels = x[:, :3].argmax(1)
    widget = dl_lab.TrainingChoices(net, (x, labels), switch="dropout", examples=50, **SMALL)
    left, right = widget.finish()
    assert len(left.recipe.train[0]) == 50
    assert len(left.recipe.test[0]) == 30
    assert any(isinstance(one, nn.Dropout) for one in right.model)
    assert not any(isinstance(one, nn.Dropout) for one in left.model)
    widget.close()
    told = []

    def loss(outputs, targets):
        told.append(outputs.shape)
        return nn.functional.cross_entropy(outputs, targets)

    widget = dl_lab.TrainingChoices(net, (x, labels), loss, **SMALL)
    widget.finish()
    assert told
    widget.close()


@pytest.mark.parametrize(
    "given",
    [
        {"model": 3},
        {"model": nn.Linear},
        {"data": 3},
        {"data": (torch.ones(80, 2), torch.ones(80), torch.ones(80))},
        {"data": (torch.ones(80, 2), torch.ones(81))},
        {"model": nn.Linear(9, 1)},
        {"switch": "none"},
        {"learning_rate": 0},
    ],
)
def test_what_cannot_be_trained_is_refused(given):
    with pytest.raises(InputError):
        dl_lab.TrainingChoices(**given)


@pytest.mark.parametrize(
    "switch",
    ["initialization", "batch_norm", "dropout", "weight_decay", "early_stopping", "augmentation"],
)
def test_the_program_of_each_switch_runs(switch):
    for task in ("moons", "digits"):
        widget = dl_lab.TrainingChoices(switch=switch, task=task, examples=80, **SMALL)
        names: dict[str, object] = {}
        exec(widget.source(), names)  # noqa: S102 - what a person would run
        assert torch.isfinite(names["loss"])
        kinds = [type(one) for one in names["model"]]
        assert (nn.BatchNorm1d in kinds) is (switch == "batch_norm")
        assert (nn.Dropout in kinds) is (switch == "dropout")
        widget.close()
