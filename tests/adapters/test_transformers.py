"""A real training by Hugging Face's Trainer, watched."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import Trainer, TrainerCallback, TrainingArguments

from dl_lab.adapters import TransformersCallback
from dl_lab.train.watch.run import WatchedRun

torch.manual_seed(0)
X = torch.randn(80, 4)
ROWS = [{"x": x, "labels": x.sum()[None]} for x in X]


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(4, 1)

    def forward(self, x, labels=None):
        outputs = self.linear(x)
        return {"loss": (outputs - labels).square().mean(), "logits": outputs}


class Note(TrainerCallback):
    """Keeps what the library's own loggers are told."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.norms: list[float] = []
        self.evaluations: list[float] = []

    def on_log(self, args, state, control, logs=None, **_: object):
        if "loss" in logs:
            self.losses.append(logs["loss"])
            self.norms.append(logs["grad_norm"])

    def on_evaluate(self, args, state, control, metrics=None, **_: object):
        self.evaluations.append(metrics["eval_loss"])


def train(callback, folder, **more: object):
    options = {
        "output_dir": str(folder), "num_train_epochs": 3, "per_device_train_batch_size": 16,
        "learning_rate": 0.125, "optim": "sgd", "logging_steps": 1, "eval_strategy": "epoch",
        "save_strategy": "no", "report_to": [], "use_cpu": True, "disable_tqdm": True, "seed": 3,
    }  # fmt: skip
    note = Note()
    trainer = Trainer(
        Line(),
        TrainingArguments(**{**options, **more}),
        train_dataset=ROWS[:64],
        eval_dataset=ROWS[64:],
        callbacks=[note, *([callback] if callback else [])],
    )
    trainer.train()
    return trainer, note


def test_each_step_and_epoch_is_recorded(tmp_path):
    watching = TransformersCallback()
    _, note = train(watching, tmp_path)
    history = watching.run.history
    assert history["train_loss"].values == pytest.approx(note.losses)
    assert history["train_grad_norm"].values == pytest.approx(note.norms)
    assert history["train_loss"].steps.tolist() == list(range(1, 13))
    assert history["validation_loss"].values == pytest.approx(note.evaluations)
    assert history["validation_loss"].steps.tolist() == [4, 8, 12]
    assert history.epochs.tolist() == [4, 8, 12]
    # The library's own schedule: down in a straight line, from the first step to the last.
    expected = [0.125 * (13 - step) / 12 for step in range(1, 13)]
    assert history["learning_rate"].values == pytest.approx(expected)
    assert set(history) == {"train_loss", "train_grad_norm", "validation_loss", "learning_rate"}
    assert (watching.run.state, watching.run.epoch, watching.run.device) == ("finished", 3, "cpu")
    assert watching.run.progress.last_step == 12


def test_watching_changes_nothing(tmp_path):
    plain, _ = train(None, tmp_path)
    watched, _ = train(TransformersCallback(), tmp_path)
    assert torch.equal(plain.model.linear.weight, watched.model.linear.weight)


def test_it_is_paused_steered_and_stopped(tmp_path):
    run = WatchedRun()
    seen = []

    def poll() -> None:
        seen.append((run.state, run.steps))
        if len(seen) == 1:
            run.pause()
        elif run.state == "paused" and run.steps < 5:
            run.learning_rate = 0.03125
            run.step(4)
        elif run.state == "paused":
            run.stop()

    run.while_waiting(poll)
    trainer, _ = train(
        TransformersCallback(run), tmp_path, num_train_epochs=100, lr_scheduler_type="constant"
    )
    assert [steps for state, steps in seen if state == "paused"] == [1, 5]
    assert (run.state, run.steps, trainer.state.global_step) == ("finished", 5, 5)
    # A constant schedule is a factor on the first rate, and stays at what was set.
    assert run.history["learning_rate"].values.tolist() == [0.125, 0.03125]


def test_a_second_training_goes_on(tmp_path):
    watching = TransformersCallback()
    trainer, _ = train(watching, tmp_path, num_train_epochs=1)
    trainer.train()
    run = watching.run
    assert run.history["train_loss"].steps.tolist() == list(range(1, 9))
    assert (run.epoch, run.progress.last_epoch, run.progress.last_step) == (2, 2, 8)
