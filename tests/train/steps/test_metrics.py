from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.diagnosis.explain import check_metric
from dl_lab.train.steps.metrics import NAMES, mae, mse, resolve


def test_errors_of_numbers():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(6, 1)), rng.normal(size=6)
    outputs, targets = torch.tensor(one), torch.tensor(two)
    assert mae(outputs, targets).item() == pytest.approx(np.abs(one[:, 0] - two).mean())
    assert mse(outputs, targets).item() == pytest.approx(((one[:, 0] - two) ** 2).mean())
    assert mae(torch.tensor([1.0, 2.0]), torch.tensor([1, 4])).item() == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_one_detached_number_where_the_outputs_are(name):
    metric = resolve(name)[name]
    outputs = torch.randn(4, 6, requires_grad=True)
    targets = outputs.detach().round() if name.startswith("m") else torch.tensor([5, 0, 1, 2])
    value = metric(outputs, targets)
    assert (value.shape, value.dtype, value.requires_grad) == ((), torch.float32, False)
    there = metric(outputs.to("meta"), targets.to("meta"))
    assert there.device.type == "meta"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (torch.randn(4, 3), torch.zeros(5, dtype=torch.long)),
        (torch.randn(4, 1), torch.zeros(5)),
        ((torch.randn(4, 3),), torch.zeros(4)),
        (torch.randn(4, 3), {"y": torch.zeros(4)}),
        (torch.tensor(1.0), torch.tensor(1)),
    ],
)
def test_what_cannot_be_compared_gets_a_sentence(name, outputs, targets):
    if name.startswith("m") and isinstance(outputs, torch.Tensor) and outputs.ndim == 0:
        outputs = outputs.repeat(2)
    with pytest.raises(InputError, match=f"The metric {name} cannot compare the outputs, "):
        resolve(name)[name](outputs, targets)


def own(outputs, targets):
    return (outputs - targets).abs().max()


def test_names_functions_sequences_and_mappings():
    assert resolve(None) == resolve(()) == {}
    assert list(resolve("mae")) == ["mae"]
    assert resolve(own) == {"own": own}
    assert list(resolve(["top5", own, nn.L1Loss()])) == ["top5", "own", "L1Loss"]
    named = resolve({"far": own, "hit": "accuracy", "near": "mae"})
    assert list(named) == ["far", "hit", "near"]
    assert (named["far"], named["near"]) == (own, mae)


@pytest.mark.parametrize(
    "metric", ["accuracy", dl_lab.accuracy, functools.partial(dl_lab.accuracy, k=2)]
)
def test_accuracy_in_any_form_reads_once(metric):
    found = resolve({"hit": metric})["hit"]
    assert found.undecided
    found(torch.randn(4, 3), torch.tensor([0, 1, 2, 0]))
    assert not found.undecided


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        ("acuracy", "metrics cannot be 'acuracy'; did you mean accuracy? Choose one of: accuracy"),
        ({"a": "xyz"}, "metrics cannot be 'xyz'. Choose one of: accuracy, top3, top5, mae, mse."),
        (["mae", "mae"], "metrics has 'mae' twice."),
        (lambda *_: 0, "got <lambda>. For a function without a name"),
        (7, "dictionary from names to these; got 7"),
        ([own, 7], "got 7"),
        ({"a": 7}, "got 7"),
        ({"loss": own}, "Give the metric another name than 'loss'."),
    ],
)
def test_other_metrics_get_a_sentence(metrics, sentence):
    with pytest.raises(InputError) as error:
        resolve(metrics)
    assert sentence in str(error.value)


@pytest.mark.parametrize("value", [10**400, -(10**400), "0.5", None], ids=lambda one: str(one)[:4])
def test_a_metric_that_is_no_number_gets_a_sentence(value):
    with pytest.raises(InputError, match="The metric mine returned"):
        check_metric("mine", value)
