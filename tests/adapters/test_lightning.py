"""A real Lightning training, watched."""

from __future__ import annotations

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dl_lab.adapters import LightningCallback
from dl_lab.train.watch.run import WatchedRun

torch.manual_seed(0)
X = torch.randn(80, 4)
Y = X.sum(1, keepdim=True)


class Line(lightning.LightningModule):
    def __init__(self, breaks_at: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(4, 1)
        self.losses: list[float] = []
        self.validations: list[float] = []
        self.breaks_at = breaks_at

    def loss(self, batch):
        x, y = batch
        return (self.linear(x) - y).square().mean()

    def training_step(self, batch, index):
        if len(self.losses) == self.breaks_at:
            raise ZeroDivisionError("as the test wants it")
        loss = self.loss(batch)
        self.losses.append(loss.item())
        self.log("train_acc", 0.25 * (self.current_epoch + 1), on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        self.validations.append(self.loss(batch).item())
        self.log("val_loss", self.validations[-1])

    def configure_optimizers(self):
        sgd = torch.optim.SGD(self.parameters(), lr=0.125)
        return [sgd], [torch.optim.lr_scheduler.LambdaLR(sgd, lambda epoch: 0.5**epoch)]


def fit(module, callback, folder, more_callbacks=(), **more: object):
    trainer = lightning.Trainer(
        callbacks=[*([callback] if callback else []), *more_callbacks],
        default_root_dir=folder, accelerator="cpu",
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, **{"max_epochs": 3, **more},
    )  # fmt: skip
    train = DataLoader(TensorDataset(X[:64], Y[:64]), batch_size=16)
    trainer.fit(module, train, DataLoader(TensorDataset(X[64:], Y[64:]), batch_size=16))
    return trainer


def test_each_step_and_epoch_is_recorded(tmp_path):
    watching, module = LightningCallback(), Line()
    fit(module, watching, tmp_path)
    history = watching.run.history
    assert history["train_loss"].values == pytest.approx(module.losses)
    assert history["train_loss"].steps.tolist() == list(range(1, 13))
    # The first was Lightning's trial run before the training.
    assert history["validation_loss"].values == pytest.approx(module.validations[1:])
    assert history["validation_loss"].steps.tolist() == [4, 8, 12]
    assert history["train_accuracy"].values.tolist() == [0.25, 0.5, 0.75]
    assert history["learning_rate"].values.tolist() == [0.125, 0.0625, 0.03125]
    assert history["learning_rate"].steps.tolist() == [1, 5, 9]
    assert history.epochs.tolist() == [4, 8, 12]
    assert (watching.run.state, watching.run.epoch, watching.run.device) == ("finished", 3, "cpu")
    assert list(tmp_path.iterdir()) == []


def test_a_step_of_several_batches_is_their_mean(tmp_path):
    watching, module = LightningCallback(), Line()
    fit(module, watching, tmp_path, accumulate_grad_batches=2)
    pairs = torch.tensor(module.losses).view(-1, 2).mean(1).tolist()
    assert watching.run.history["train_loss"].values == pytest.approx(pairs)
    assert watching.run.history.epochs.tolist() == [2, 4, 6]


def test_the_rest_of_an_epoch_is_the_mean_of_its_batches(tmp_path):
    watching, module = LightningCallback(), Line()
    fit(module, watching, tmp_path, accumulate_grad_batches=3)
    epochs = [module.losses[start : start + 4] for start in (0, 4, 8)]
    steps = [loss for epoch in epochs for loss in (sum(epoch[:3]) / 3, epoch[3])]
    assert watching.run.history["train_loss"].values == pytest.approx(steps)


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
def test_a_schedule_of_accumulated_batches_and_a_loss_that_is_left_out(tmp_path):
    class Skipping(Line):
        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            return None if index == 1 else loss

    watching, module = LightningCallback(), Skipping()
    schedule = lightning.pytorch.callbacks.GradientAccumulationScheduler({0: 1, 1: 3})
    fit(module, watching, tmp_path, max_epochs=2, more_callbacks=[schedule])
    losses = module.losses
    steps = [losses[0], losses[2], losses[3], (losses[4] + losses[6]) / 2, losses[7]]
    assert watching.run.history["train_loss"].values == pytest.approx(steps)


class Manual(Line):
    """Updates by itself, after each two batches."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, index):
        loss = super().training_step(batch, index)
        self.manual_backward(loss)
        if index % 2:
            self.optimizers().step()
            self.optimizers().zero_grad()
        return loss


def test_in_manual_optimization_a_step_is_the_mean_too(tmp_path):
    watching, module = LightningCallback(), Manual()
    fit(module, watching, tmp_path, max_epochs=1)
    pairs = torch.tensor(module.losses).view(-1, 2).mean(1).tolist()
    assert watching.run.history["train_loss"].values == pytest.approx(pairs)


def test_watching_changes_nothing(tmp_path):
    plain, watched = Line(), Line()
    fit(plain, None, tmp_path)
    fit(watched, LightningCallback(), tmp_path)
    assert torch.equal(plain.linear.weight, watched.linear.weight)


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
    trainer = fit(Line(), LightningCallback(run), tmp_path, max_epochs=100)
    assert [steps for state, steps in seen if state == "paused"] == [1, 5]
    assert (run.state, run.steps, trainer.global_step) == ("finished", 5, 5)
    # The scheduler goes on from what was set.
    assert run.history["learning_rate"].values.tolist() == [0.125, 0.03125, 0.015625]
    assert run.history["learning_rate"].steps.tolist() == [1, 2, 5]


def test_a_step_that_raises_is_told(tmp_path):
    watching = LightningCallback()
    with pytest.raises(ZeroDivisionError):
        fit(Line(breaks_at=6), watching, tmp_path)
    assert watching.run.state == "failed"
    assert "ZeroDivisionError after step 6: as the test wants it" in str(watching.run.message)
