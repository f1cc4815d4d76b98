"""Which outputs are right, against counting; what is not plain is asked."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.steps.metrics import resolve
from dl_lab.train.trainer import Trainer

accuracy = dl_lab.accuracy


@given(st.integers(1, 30), st.integers(2, 8), st.integers(0, 10**6))
def test_classes_against_counting(count, classes, seed):
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
        assert accuracy(outputs, targets, k=k).item() == pytest.approx(share)
        assert resolve(f"top{k}")[f"top{k}"](outputs, targets).item() == pytest.approx(share)


def test_pixels_and_words():
    scores = torch.randn(2, 5, 3, 4)
    classes = scores.argmax(1)
    wrong = classes.clone()
    wrong[0, 0, 0] = (wrong[0, 0, 0] + 1) % 5
    assert accuracy(scores, classes) == 1
    assert accuracy(scores, wrong).item() == pytest.approx(23 / 24)
    words = scores.permute(0, 2, 3, 1)
    assert accuracy(words, wrong).item() == pytest.approx(23 / 24)
    assert accuracy(words, functional.one_hot(wrong, 5)).item() == pytest.approx(23 / 24)
    assert accuracy(words, classes, k=1) == 1


@pytest.mark.parametrize("low", [0, -1])
@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 1, 1), (2, 1, 2)])
@pytest.mark.parametrize("kind", [torch.float32, torch.long])
def test_two_classes(low, shape, kind):
    logits = torch.tensor([2.0, -1.0, 0.3, -3.0]).reshape(shape)
    targets = torch.tensor([1, low, low, low], dtype=kind).reshape(shape)
    assert accuracy(logits, targets).item() == 0.75
    assert accuracy(logits, targets.reshape(logits.shape[:1] + logits.shape[2:])).item() == 0.75


def test_one_output_a_pixel_is_no_class_of_one():
    outputs = torch.tensor([-1.0, 2.0, -3.0, 4.0]).reshape(1, 1, 2, 2)
    for targets in (torch.ones(1, 1, 2, 2), torch.ones(1, 2, 2)):
        targets[..., 0, 0] = 0
        assert accuracy(outputs, targets).item() == 0.75


def test_several_labels_a_row_count_by_themselves():
    outputs = torch.tensor([[1.0, -1.0, 2.0], [-1.0, -1.0, -1.0]])
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    assert accuracy(outputs, targets).item() == pytest.approx(5 / 6)
    assert accuracy(outputs.sigmoid(), targets.bool()).item() == pytest.approx(5 / 6)
    assert accuracy(outputs, targets * 2 - 1).item() == pytest.approx(5 / 6)
    one_each = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    assert accuracy(outputs, one_each).item() == 0
    assert accuracy(outputs, one_each, labels=True).item() == pytest.approx(4 / 6)


@pytest.mark.parametrize("kind", [torch.long, torch.float32])
def test_targets_that_do_not_count_are_left_out(kind):
    outputs = torch.eye(4)
    targets = torch.tensor([0, -100, 3, -100], dtype=kind)
    assert accuracy(outputs, targets).item() == 0.5
    assert accuracy(outputs, targets, k=4).item() == 1
    marked = torch.tensor([0, 255, 3, 255], dtype=kind)
    assert accuracy(outputs, marked, ignore_index=255).item() == 0.5
    binary = torch.tensor([1, -100, 0, 0], dtype=kind)
    assert accuracy(torch.tensor([2.0, -2.0, 2.0, -2.0]), binary).item() == pytest.approx(2 / 3)
    missing = torch.tensor([[1.0, float("nan")], [1.0, 0.0]])
    assert accuracy(torch.tensor([[2.0, 2.0], [2.0, 2.0]]), missing).item() == pytest.approx(2 / 3)
    assert accuracy(outputs, torch.full((4,), -100)).isnan()
    # -100 is 156 in a byte.
    many = torch.eye(200)[[156, 3]]
    assert accuracy(many, torch.tensor([156, 4], dtype=torch.uint8)).item() == 0.5


@pytest.mark.parametrize(
    ("outputs", "targets", "key"),
    [
        (torch.randn(4, 1), torch.randn(4, 1), "accuracy_values"),
        (torch.randn(4), torch.tensor([0, 1, 2, 3]), "accuracy_values"),
        (torch.randn(4, 3), torch.randn(4, 3), "accuracy_values"),
        (torch.randn(4, 3), torch.rand(4, 3), "accuracy_values"),
        (torch.randn(4, 3), torch.tensor([0.5, 1.0, 2.0, 0.0]), "accuracy_values"),
        (torch.randn(4, 3), torch.tensor([0, -1, 2, 0]), "accuracy_range"),
        (torch.randn(4, 3), torch.tensor([0, 3, 2, 0]), "accuracy_range"),
        (torch.randn(4, 3, 3), torch.zeros(4, 3, dtype=torch.long), "accuracy_dimension"),
        (torch.rand(4, 3, 3), torch.eye(3).expand(4, 3, 3), "accuracy_dimension"),
    ],
)
def test_what_can_be_read_in_two_ways_is_asked(outputs, targets, key):
    with pytest.raises(InputError) as caught:
        accuracy(outputs, targets)
    assert caught.value.key == key


def test_what_is_asked_can_be_answered():
    outputs = torch.tensor([[[3.0, 0.0], [2.0, 1.0]]])
    targets = torch.tensor([[0, 1]])
    assert accuracy(outputs, targets, dim=1).item() == 1
    assert accuracy(outputs, targets, dim=-1).item() == 0.5
    assert accuracy(outputs, functional.one_hot(targets), dim=2).item() == 0.5
    soft = torch.tensor([[0.9, 0.9], [0.2, 0.1]])
    assert accuracy(soft, soft, labels=True).item() == 1
    assert accuracy(torch.tensor([0.2, 0.9]), torch.tensor([1, 1]), threshold=0).item() == 1


X = torch.randn(400, 4, generator=torch.Generator().manual_seed(0))
TRUE = (X.sum(1, keepdim=True) > 0).float()


class Scaled(nn.Module):
    """Knows the answer but for a shift: its outputs are `kind` of it."""

    def __init__(self, kind) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))
        self.kind = kind

    def forward(self, x):
        return self.kind(self.factor * (x.sum(1, keepdim=True) - 0.2))


def measured(model, loss, targets=TRUE, metric="accuracy", data=X, **settings: object):
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    validation = None if "accumulate" in settings else (data, targets)
    trainer = Trainer(
        model, loss, sgd, (data, targets), validation, metrics={"accuracy": metric}, device="cpu",
        record="epoch", **{"batch_size": 37, **settings},
    )  # fmt: skip
    trainer.fit(1)
    if validation is not None:
        both = trainer.history["train_accuracy"].last, trainer.history["validation_accuracy"].last
        assert both[0] == pytest.approx(both[1])
    return trainer.history["train_accuracy"].last


def asked(model, loss, targets):
    """Return what a training with `accuracy` asks, once, while it goes on."""
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    trainer = Trainer(model, loss, sgd, (X, targets), (X, targets), metrics="accuracy")
    trainer.fit(1)
    assert np.isnan(trainer.history["validation_accuracy"].values).all()
    return [note.key for note in trainer.notes]


def by_hand(outputs, targets):
    """Cross entropy as people write it down."""
    likely = torch.where(targets > 0.5, outputs, 1 - outputs)
    return -likely.clamp(min=1e-6).log().mean()


PLUS = TRUE * 2 - 1


@pytest.mark.parametrize(
    ("kind", "loss", "targets"),
    [
        (torch.sigmoid, nn.MSELoss(), TRUE),
        (torch.sigmoid, lambda o, t: ((o - t) ** 2).mean(), TRUE),
        (torch.sigmoid, by_hand, TRUE),
        (
            lambda z: z + 0.5,
            lambda o, t: (o.squeeze(1) - t[:, 0].float()).square().sum(),
            TRUE.long(),
        ),
        (
            lambda z: z / 9,
            lambda o, t: nn.BCEWithLogitsLoss()(o[:, 0].double(), t[:, 0].double()),
            TRUE,
        ),
        (torch.sigmoid, nn.BCELoss(), TRUE),
        (torch.sigmoid, functional.binary_cross_entropy, TRUE),
        (torch.sigmoid, nn.L1Loss(), TRUE),
        (lambda z: z, nn.BCEWithLogitsLoss(), TRUE),
        (lambda z: z, functional.binary_cross_entropy_with_logits, TRUE),
        # Small outputs are not probabilities because they are in [0, 1].
        (lambda z: z / 100 + 0.0001, nn.BCEWithLogitsLoss(), TRUE),
        # A regression to 0 and 1 is right on the nearer side, though it may leave [0, 1].
        (lambda z: z + 0.5, nn.MSELoss(), TRUE),
        (lambda z: z + 0.5, lambda o, t: functional.mse_loss(t, o), TRUE),
        (torch.tanh, nn.MSELoss(), PLUS),
        (lambda z: z, functional.soft_margin_loss, PLUS),
        (lambda z: z, lambda o, t: (1 - o * t).clamp(min=0).mean(), PLUS),
    ],
)
def test_the_border_is_where_the_outputs_have_it(kind, loss, targets):
    expected = ((X.sum(1) > 0.2) == (TRUE[:, 0] > 0.5)).float().mean().item()
    assert measured(Scaled(kind), loss, targets) == pytest.approx(expected)


@pytest.mark.parametrize("last", [nn.Sigmoid(), nn.Identity()])
def test_the_last_layer_tells_where_the_loss_does_not(last):
    linear = nn.Linear(4, 1)
    with torch.no_grad():
        linear.weight.fill_(0.01)
        linear.bias.fill_(0.3)
    # The outputs are in [0, 1] either way.
    shown = torch.sigmoid if isinstance(last, nn.Sigmoid) else lambda z: z
    border = 0.5 if isinstance(last, nn.Sigmoid) else 0.0
    expected = ((shown(linear(X)) > border) == (TRUE > 0.5)).float().mean().item()

    def opaque(outputs, targets):
        return torch.dist(outputs, targets)

    assert measured(nn.Sequential(linear, last), opaque) == pytest.approx(expected)


def test_probabilities_that_the_loss_takes_for_logits_are_asked_about():
    model = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    assert asked(model, nn.BCEWithLogitsLoss(), TRUE) == ["accuracy_border"]
    answered = functools.partial(dl_lab.accuracy, threshold=0.5)
    expected = ((model(X) > 0.5) == (TRUE > 0.5)).float().mean().item()
    assert measured(model, nn.BCEWithLogitsLoss(), metric=answered) == pytest.approx(expected)


def test_another_metric_does_not_tell_what_the_outputs_are():
    model = Scaled(lambda z: z)
    sgd = torch.optim.SGD(model.parameters(), lr=0.0)
    loss = nn.BCEWithLogitsLoss()
    both = Trainer(model, loss, sgd, (X, TRUE), metrics=["mae", "accuracy"], record="epoch")
    both.fit(1)
    alone = measured(model, loss)
    assert both.history["train_accuracy"].last == pytest.approx(alone)


def test_one_hot_targets_are_asked_about_where_each_output_stands_for_itself():
    model = nn.Linear(4, 3)
    one_hot = functional.one_hot(torch.arange(400) % 3, 3).float()
    expected = (model(X).argmax(1) == one_hot.argmax(1)).float().mean().item()
    for loss in (nn.MSELoss(), nn.CrossEntropyLoss()):
        assert measured(model, loss, one_hot) == pytest.approx(expected)
    assert asked(model, nn.BCEWithLogitsLoss(), one_hot) == ["accuracy_one_hot"]
    classes = functools.partial(dl_lab.accuracy, labels=False)
    assert measured(model, nn.BCEWithLogitsLoss(), one_hot, classes) == pytest.approx(expected)
    each = functools.partial(dl_lab.accuracy, labels=True)
    by_label = ((model(X) > 0) == (one_hot > 0.5)).float().mean().item()
    assert measured(model, nn.BCEWithLogitsLoss(), one_hot, each) == pytest.approx(by_label)


def test_a_later_batch_may_contradict_what_one_alone_told():
    metric = resolve("accuracy")["accuracy"]
    assert metric(torch.tensor([0.2, 0.7]), torch.tensor([0, 1])).item() == 1
    with pytest.raises(InputError, match="is a yes, or logits, where more"):
        metric(torch.tensor([0.2, -7.0]), torch.tensor([1, 0]))
    metric.forget()
    assert metric(torch.tensor([0.2, -7.0]), torch.tensor([1, 0])).item() == 1
    # Logits stay logits, though a batch of them may be small.
    assert metric(torch.tensor([0.2, 0.7]), torch.tensor([1, 1])).item() == 1
    with pytest.raises(InputError, match="needs targets that are classes"):
        metric(torch.tensor([0.2, -7.0]), torch.tensor([1, 2]))
    several = resolve("accuracy")["accuracy"]
    several(torch.randn(2, 3), torch.eye(3)[:2])
    with pytest.raises(InputError, match="each row has one class or each output is a yes or no"):
        several(torch.randn(2, 3), torch.ones(2, 3))


def words_first(outputs, targets):
    return functional.cross_entropy(outputs.transpose(1, 2), targets)


def flat(outputs, targets):
    return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def by_log(outputs, targets):
    return -outputs.log_softmax(-1).gather(2, targets[..., None]).mean()


@pytest.mark.parametrize("loss", [words_first, flat, by_log])
def test_the_loss_tells_along_which_dimension_the_classes_lie(loss):
    data = torch.randn(40, 3, 4)
    targets = torch.randint(0, 3, (40, 3))
    model = nn.Linear(4, 3)
    expected = (model(data).argmax(2) == targets).float().mean().item()
    assert measured(model, loss, targets, data=data) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("loss", "mark"),
    [
        (nn.CrossEntropyLoss(), -100),
        (nn.CrossEntropyLoss(ignore_index=2), 2),
        (lambda o, t: functional.cross_entropy(o, t, ignore_index=-1), -1),
        (lambda o, t: functional.nll_loss(o.log_softmax(1), t, ignore_index=255), 255),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"accumulate": 3}])
def test_what_the_loss_ignores_is_left_out_of_all_batches_together(loss, mark, settings):
    generator = torch.Generator().manual_seed(1)
    targets = torch.randint(0, 2, (400,), generator=generator)
    targets[torch.rand(400, generator=generator) < 0.5] = mark
    model = nn.Linear(4, 3)
    counted = targets != mark
    right = model(X).argmax(1)[counted] == targets[counted]
    assert measured(model, loss, targets, **settings) == pytest.approx(right.float().mean().item())


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_batches_together_are_the_whole(seed, size):
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(11, 3, generator=generator)
    targets = (torch.rand(11, 3, generator=generator) < 0.5).float()
    outputs[0], targets[0] = -1, 1
    metric = resolve("accuracy")["accuracy"]
    parts = [
        (metric(o, t) * metric.counted, metric.counted)
        for o, t in zip(outputs.split(size), targets.split(size), strict=True)
    ]
    values, counts = (torch.stack(column) for column in zip(*parts, strict=True))
    assert (values.sum() / counts.sum()).item() == pytest.approx(accuracy(outputs, targets).item())
