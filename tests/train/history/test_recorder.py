"""Two things never go into one series."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dl_lab.errors import InputError
from dl_lab.train.history.recorder import Recorder, measured_names
from dl_lab.train.trainer import Trainer

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
Q = (X.sum(1, keepdim=True) > 0).float()


def trainer(validation, **settings: object):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    settings = {"metrics": ["accuracy"], "batch_size": 8, "device": "cpu", **settings}
    return Trainer(model, nn.MSELoss(), sgd, (X, Q), validation, **settings)


def test_what_is_measured_on_data_called_train_is_not_mixed_with_the_batches():
    run = trainer({"train": (X, Q)})
    run.fit(1)
    share = ((run.model(X) > 0.5) == (Q > 0.5)).float().mean().item()
    assert set(run.history) == {
        "train", "train_accuracy", "batch_loss", "batch_accuracy", "learning_rate",
    }  # fmt: skip
    assert run.history["train_accuracy"].steps.tolist() == [0, 8]
    assert run.history["train_accuracy"].last == pytest.approx(share)
    assert run.history["batch_accuracy"].steps.tolist() == list(range(1, 9))


def test_by_epoch_the_batches_are_left_out_then():
    run = trainer({"train": (X, Q)}, record="epoch")
    run.fit(2)
    assert set(run.history) == {"train", "train_accuracy"}
    assert run.history["train_accuracy"].steps.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "series"),
    [
        (["a", "a_loss"], "a_accuracy"),
        (["validation", "validation_loss"], "validation_accuracy"),
        (["test", "test_accuracy"], "test_accuracy"),
        (["learning_rate"], "learning_rate"),
        (["train", "batch"], "batch_accuracy"),
        (["train_loss", "batch_loss"], "batch_accuracy"),
    ],
)
def test_names_that_would_meet_are_refused(names, series):
    with pytest.raises(InputError, match=f"Two things would be recorded as '{series}'"):
        trainer(dict.fromkeys(names, (X, Q)))


def test_refused_data_leave_the_run_as_it_was():
    run = trainer((X, Q))
    with pytest.raises(InputError, match="Two things"):
        run.set_data((X, Q), {"a": (X, Q), "a_loss": (X, Q)})
    run.fit(1)
    assert set(run.history) == {
        "validation_loss", "validation_accuracy", "train_loss", "train_accuracy", "learning_rate",
    }  # fmt: skip


NAMES = st.sampled_from(
    [
        "train",
        "batch",
        "a",
        "a_loss",
        "a_mae",
        "train_loss",
        "batch_mae",
        "mae",
        "loss",
        "train_mae",
    ]
)


@given(st.lists(NAMES, unique=True), st.lists(st.sampled_from(["mae", "mse"]), unique=True))
def test_the_names_of_all_series_differ(data, metrics):
    recorder = Recorder("step", metrics)
    try:
        recorder.measured(data)
    except InputError:
        return
    measured = measured_names(data, metrics)
    assert len(measured) == len(data) * (1 + len(metrics))
    batches = {recorder.series.replace("loss", name) for name in ("loss", *metrics)}
    assert not batches & measured.keys()
