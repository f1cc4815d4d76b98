"""A real Keras training, watched."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import torch

import dl_lab
from dl_lab.adapters import KerasCallback
from dl_lab.errors import InputError
from dl_lab.train.watch.run import WatchedRun

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 4)).astype("float32")
Y = (X.sum(1) > 0).astype("float32")


def model(rate: float = 0.5):
    keras.utils.set_random_seed(1)
    made = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    made.compile(
        optimizer=keras.optimizers.SGD(rate),
        loss="binary_crossentropy",
        metrics=["accuracy", "auc"],
    )
    return made


def fit(made, *callbacks: object, epochs: int = 3):
    return made.fit(
        X[:50], Y[:50], validation_data=(X[50:], Y[50:]), batch_size=16, epochs=epochs,
        shuffle=False, verbose=0, callbacks=list(callbacks),
    )  # fmt: skip


def test_keras_runs_on_torch():
    assert keras.backend.backend() == "torch"


def test_each_batch_and_epoch_is_recorded():
    # The batches' own losses and accuracies, from the weights that stood before each.
    class Measure(keras.callbacks.Callback):
        rows: list[tuple[float, float]]

        def on_train_begin(self, logs=None) -> None:
            self.rows = []

        def on_train_batch_begin(self, batch, logs=None) -> None:
            rows = slice(16 * batch, min(50, 16 * (batch + 1)))
            weights, bias = (np.asarray(w) for w in self.model.get_weights())
            p = 1 / (1 + np.exp(-(X[rows] @ weights + bias)[:, 0]))
            loss = -np.where(Y[rows] > 0, np.log(p), np.log(1 - p)).mean()
            self.rows.append((loss, ((p > 0.5) == Y[rows]).mean()))

    watching, measure = KerasCallback(), Measure()
    kept = fit(model(), watching, measure)
    history = watching.run.history
    assert history["train_loss"].values == pytest.approx([row[0] for row in measure.rows], rel=1e-4)
    assert history["train_accuracy"].values == pytest.approx([row[1] for row in measure.rows])
    assert history["train_loss"].steps.tolist() == list(range(1, 13))
    assert history["validation_loss"].steps.tolist() == [4, 8, 12]
    assert history["validation_loss"].values == pytest.approx(kept.history["val_loss"])
    assert history["validation_accuracy"].values == pytest.approx(kept.history["val_accuracy"])
    assert history["train_auc"].values[3::4] == pytest.approx(kept.history["auc"])
    assert history["learning_rate"].values.tolist() == [0.5]
    assert history.epochs.tolist() == [4, 8, 12]
    assert (watching.run.state, watching.run.epoch) == ("finished", 3)
    assert watching.run.progress.last_step == 12
    assert watching.run.device == "cpu"


def test_watching_changes_nothing():
    plain = model()
    plain.fit(X, Y, batch_size=16, epochs=2, verbose=0)
    watched = model()
    watched.fit(X, Y, batch_size=16, epochs=2, verbose=0, callbacks=[KerasCallback()])
    for one, other in zip(plain.get_weights(), watched.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_it_is_paused_steered_and_stopped():
    run = WatchedRun()
    seen = []

    def poll() -> None:
        seen.append((run.state, run.steps))
        if len(seen) == 1:
            run.pause()
        elif run.state == "paused" and run.steps < 5:
            run.step(4)
        elif run.state == "paused":
            run.learning_rate = 0.125
            run.stop()

    run.while_waiting(poll)
    made = model()
    fit(made, KerasCallback(run), epochs=100)
    assert [steps for state, steps in seen if state == "paused"] == [1, 5]
    assert run.state == "finished"
    assert (run.steps, run.epoch) == (5, 2)
    assert float(made.optimizer.learning_rate) == 0.125


def test_a_second_fit_goes_on():
    watching, made = KerasCallback(), model()
    fit(made, watching, epochs=1)
    run = watching.run
    fit(made, watching, epochs=2)
    assert watching.run is run
    assert run.history["train_loss"].steps.tolist() == list(range(1, 13))
    assert (run.epoch, run.progress.last_epoch, run.progress.last_step) == (3, 3, 12)


def test_a_model_that_a_trainer_trains_is_refused_before_its_first_batch():
    made = model()
    keras_weights = [weight.copy() for weight in made.get_weights()]
    sgd = torch.optim.SGD(made.parameters(), lr=0)
    data = torch.from_numpy(X), torch.from_numpy(Y)[:, None]
    trainer = dl_lab.Trainer(made, torch.nn.MSELoss(), sgd, data)
    trainer.start()
    with pytest.raises(InputError) as info:
        fit(made, KerasCallback())
    assert info.value.key == "trained_held"
    trainer.close()
    for before, after in zip(keras_weights, made.get_weights(), strict=True):
        assert (before == after).all()
    watching = KerasCallback()
    fit(made, watching)
    assert watching.run.state == "finished"
