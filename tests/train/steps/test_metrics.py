from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.train.steps.metrics import NAMES, accuracy, mae, mse, resolve, top


@given(st.integers(1, 30), st.integers(2, 8), st.integers(0, 10**6))
def test_accuracy_and_top_against_counting(count, classes, seed):
    rng = np.random.default_rng(seed)
    scores, wanted = rng.normal(size=(count, classes)), rng.integers(classes, size=count)
    ranks = [int((row > row[target]).sum()) for row, target in zip(scores, wanted, strict=True)]
    outputs, targets = torch.tensor(scores), torch.tensor(wanted)
    expected = np.mean([rank == 0 for rank in ranks])
    for form in (
        targets,
        targets[:, None],
        targets.to(torch.int32),
        functional.one_hot(targets, classes),
        functional.one_hot(targets, classes).float(),
    ):
        assert accuracy(outputs, form).item() == pytest.approx(expected)
    for k in (1, 3, 20):
        share = np.mean([rank < k for rank in ranks])
        assert top(outputs, targets, k).item() == pytest.approx(share)
        assert resolve(f"top{k}")[f"top{k}"](outputs, targets).item() == pytest.approx(share)


def test_accuracy_of_pixels_and_of_words():
    scores = torch.randn(2, 5, 3, 4)
    classes = scores.argmax(1)
    wrong = classes.clone()
    wrong[0, 0, 0] = (wrong[0, 0, 0] + 1) % 5
    assert accuracy(scores, classes) == 1
    assert accuracy(scores, wrong).item() == pytest.approx(23 / 24)
    words = scores.permute(0, 2, 3, 1)
    assert accuracy(words, wrong).item() == pytest.approx(23 / 24)
    assert top(words, classes, 1) == 1


@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("kind", [torch.float32, torch.long])
def test_accuracy_of_two_classes(low, shape, kind):
    logits = torch.tensor([2.0, -1.0, 0.3, -3.0]).reshape(shape)
    targets = torch.tensor([1, low, low, low], dtype=kind)
    assert accuracy(logits, targets).item() == 0.75
    assert accuracy(logits, targets[:, None]).item() == 0.75


@pytest.mark.parametrize("loss", [nn.BCELoss(), functional.binary_cross_entropy])
def test_after_a_loss_on_probabilities_half_is_the_border(loss):
    metric = resolve("accuracy", loss)["accuracy"]
    given = torch.tensor([[0.4], [0.6], [0.9], [0.1]]), torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    assert metric(*given).item() == 0.75


def test_after_a_binary_cross_entropy_each_output_is_a_label():
    metric = resolve(["accuracy"], nn.BCEWithLogitsLoss())["accuracy"]
    outputs = torch.tensor([[1.0, -1.0, 2.0], [-1.0, -1.0, -1.0]])
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    assert metric(outputs, targets).item() == pytest.approx(5 / 6)
    assert resolve("accuracy", nn.CrossEntropyLoss())["accuracy"](outputs, targets) == 0


def test_errors_of_numbers():
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(6, 1)), rng.normal(size=6)
    outputs, targets = torch.tensor(one), torch.tensor(two)
    assert mae(outputs, targets).item() == pytest.approx(np.abs(one[:, 0] - two).mean())
    assert mse(outputs, targets).item() == pytest.approx(((one[:, 0] - two) ** 2).mean())
    assert mae(torch.tensor([1.0, 2.0]), torch.tensor([1, 4])).item() == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_one_detached_number_where_the_outputs_are(name):
    outputs = torch.randn(4, 6, requires_grad=True)
    targets = torch.randn(4, 6)
    value = NAMES[name](outputs, targets)
    assert (value.shape, value.dtype, value.requires_grad) == ((), torch.float32, False)
    there = NAMES[name](outputs.to("meta"), targets.to("meta"))
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
        NAMES[name](outputs, targets)


def own(outputs, targets):
    return (outputs - targets).abs().max()


def test_names_functions_sequences_and_mappings():
    assert resolve(None) == resolve(()) == {}
    assert list(resolve("mae")) == ["mae"]
    assert resolve(own) == {"own": own}
    assert list(resolve(["top5", own, nn.L1Loss()])) == ["top5", "own", "L1Loss"]
    assert resolve({"far": own, "hit": "accuracy"}) == {"far": own, "hit": accuracy}


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
