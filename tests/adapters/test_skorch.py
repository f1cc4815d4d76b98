"""A real skorch training, watched."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
import skorch
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring, LRScheduler
from torch import nn

import dl_lab
from dl_lab.adapters import SkorchCallback
from dl_lab.errors import InputError
from dl_lab.train.watch.run import WatchedRun

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        return self.linear(x).softmax(-1)


def net(*callbacks: object, epochs: int = 3):
    torch.manual_seed(1)
    return NeuralNetClassifier(
        Net, lr=0.5, batch_size=16, max_epochs=epochs, callbacks=list(callbacks), verbose=0
    )


def test_each_batch_and_epoch_is_recorded():
    watching = SkorchCallback()
    fitted = net(watching).fit(X, Y)
    history, told = watching.run_.history, fitted.history
    batches = [
        batch["train_loss"] for row in told for batch in row["batches"] if "train_loss" in batch
    ]
    assert history["train_loss"].values == pytest.approx(batches)
    assert history["train_loss"].steps.tolist() == list(range(1, 13))
    assert history["validation_loss"].values == pytest.approx(told[:, "valid_loss"])
    assert history["validation_accuracy"].values == pytest.approx(told[:, "valid_acc"])
    assert history["validation_loss"].steps.tolist() == [4, 8, 12]
    assert history["learning_rate"].values.tolist() == [0.5]
    assert history.epochs.tolist() == [4, 8, 12]
    assert set(history) == {
        "train_loss", "validation_loss", "validation_accuracy", "learning_rate",
    }  # fmt: skip
    assert (watching.run_.state, watching.run_.epoch) == ("finished", 3)
    assert watching.run_.progress.last_epoch == 3


class Scores(skorch.callbacks.Callback):
    """Writes a score of each kind of number into the epoch's row."""

    def on_epoch_end(self, net, **_: object):
        epoch = len(net.history)
        net.history.record("valid_f1", np.float32(epoch / 4))
        net.history.record("train_auc", torch.tensor([epoch / 8]))
        net.history.record("valid_hits", epoch)
        net.history.record("own", np.int64(epoch))
        net.history.record("valid_fine", value=True)
        net.history.record("valid_table", np.zeros(3))


def scored(net, x, y):
    del net, x
    return len(y)


@pytest.mark.parametrize("after", [True, False])
def test_scores_of_any_number_are_recorded_wherever_they_are_listed(after):
    watching = SkorchCallback()
    others = [
        Scores(), EpochScoring(scored, name="rows", use_caching=False),
        EpochScoring("accuracy", name="acc", on_train=True, lower_is_better=False),
    ]  # fmt: skip
    fitted = net(*([watching, *others] if after else [*others, watching])).fit(X, Y)
    history, told = watching.run_.history, fitted.history
    assert history["validation_f1"].values.tolist() == [0.25, 0.5, 0.75]
    assert history["train_auc"].values.tolist() == [0.125, 0.25, 0.375]
    assert history["validation_hits"].values.tolist() == [1, 2, 3]
    assert history["own"].values.tolist() == [1, 2, 3]
    assert history["validation_rows"].values.tolist() == [16] * 3
    assert history["train_accuracy"].values == pytest.approx(told[:, "acc"])
    assert history["validation_accuracy"].values == pytest.approx(told[:, "valid_acc"])
    for name in set(history) - {"train_loss", "learning_rate"}:
        assert history[name].steps.tolist() == [4, 8, 12]
    assert set(history) == {
        "train_loss", "learning_rate", "validation_loss", "validation_accuracy", "validation_f1",
        "train_auc", "validation_hits", "own", "validation_rows", "train_accuracy",
    }  # fmt: skip
    assert history.epochs.tolist() == [4, 8, 12]


def test_a_fit_that_goes_on_records_each_score_once():
    watching = SkorchCallback()
    fitted = net(watching, Scores(), epochs=1).fit(X, Y)
    fitted.partial_fit(X, Y)
    assert watching.run_.history["validation_hits"].values.tolist() == [1, 2]


def test_watching_changes_nothing():
    plain, watched = net().fit(X, Y), net(SkorchCallback()).fit(X, Y)
    for one, other in zip(plain.module_.parameters(), watched.module_.parameters(), strict=True):
        assert torch.equal(one, other)


def test_it_is_paused_steered_and_stopped():
    run = WatchedRun()
    seen = []

    def poll() -> None:
        seen.append((run.state, run.steps))
        if len(seen) == 1:
            run.pause()
        elif run.state == "paused" and run.steps < 5:
            run.learning_rate = 0.125
            run.step(4)
        elif run.state == "paused":
            run.stop()

    run.while_waiting(poll)
    fitted = net(SkorchCallback(run), epochs=100).fit(X, Y)
    assert [steps for state, steps in seen if state == "paused"] == [1, 5]
    assert (run.state, run.steps, run.epoch) == ("finished", 5, 1)
    # The change in the first step is seen in the second.
    assert run.history["learning_rate"].values.tolist() == [0.5, 0.125]
    assert fitted.predict(X).shape == (80,)


def test_a_scheduler_goes_on_from_the_rate_that_was_set():
    run = WatchedRun()
    run.while_waiting(lambda: setattr(run, "learning_rate", 0.25) if run.steps == 1 else None)
    halve = LRScheduler("LambdaLR", lr_lambda=lambda epoch: 0.5**epoch)
    net(SkorchCallback(run), halve, epochs=3).fit(X, Y)
    assert run.history["learning_rate"].values == pytest.approx([0.5, 0.25, 0.125, 0.0625])
    assert run.history["learning_rate"].steps.tolist() == [1, 2, 5, 9]


def test_a_net_with_it_can_be_cloned_and_pickled():
    fitted = net(SkorchCallback()).fit(X, Y)
    assert pickle.loads(pickle.dumps(fitted)).predict(X).shape == (80,)  # noqa: S301  # its own
    again = clone(fitted).fit(X, Y)
    assert len(again.history) == 3


def test_a_model_that_a_trainer_trains_is_refused_and_fits_when_it_rests():
    watching = SkorchCallback()
    fitted = net(watching, epochs=1).fit(X, Y)
    model = fitted.module_
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    data = torch.from_numpy(X), torch.from_numpy(Y)
    trainer = dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, data)
    trainer.start()
    before = len(fitted.history)
    with pytest.raises(InputError) as info:
        fitted.partial_fit(X, Y)
    assert info.value.key == "trained_held"
    assert len(fitted.history) == before
    trainer.pause()
    fitted.partial_fit(X, Y)
    assert watching.run_.state == "finished"
    # And the other way round: while it fits, in the middle of its loop.
    refused = []

    class Start(skorch.callbacks.Callback):
        def on_batch_end(self, net, **_: object):
            thread = threading.Thread(target=self.start)
            thread.start()
            thread.join()

        def start(self):
            try:
                trainer.start()
            except InputError as error:
                refused.append(error.key)

    fitted.callbacks_.append(("start", Start()))
    fitted.partial_fit(X, Y)
    assert set(refused) == {"trained_loop"}
    trainer.close()
