"""Nothing in a step asks for a number that an accelerator has yet to compute."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from dl_lab.train.callbacks import (
    Callback,
    EarlyStopping,
    GradientNorms,
    LRSchedule,
    ReduceLROnPlateau,
    TensorBoard,
    Timer,
)
from dl_lab.train.history import logged
from dl_lab.train.history.recorder import Recorder
from dl_lab.train.steps.autograd import AutogradSteps
from dl_lab.train.steps.metrics import resolve
from dl_lab.train.trainer import Trainer

INPUTS = torch.randn(64, 4)
CLASSES = INPUTS[:, :3].argmax(1)
WAITING = {
    "aten::_local_scalar_dense",
    "aten::is_nonzero",
    "aten::nonzero",
    "aten::masked_select",
    "aten::unique_dim",
    "aten::_unique2",
}


class Waits(TorchDispatchMode):
    """Raises where an accelerator would be waited for, on the CPU too."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None) -> object:
        name = function.name().split(".")[0]
        assert name not in WAITING, f"{name} waits for the device"
        return function(*args, **kwargs or {})


@pytest.mark.parametrize(
    "ask", [torch.Tensor.item, float, bool, lambda one: [None, None][one.long()]]
)
def test_what_waits_is_noticed(ask):
    with Waits(), pytest.raises(AssertionError, match="waits for the device"):
        ask(torch.ones(()))


class Looking(Callback):
    """Overrides the hooks of a step, so that they are called."""

    def on_step_begin(self, trainer):
        pass

    def on_gradients(self, trainer):
        pass

    def on_step_end(self, trainer):
        pass


CALLBACKS = {
    "none": lambda _: [],
    "hooks": lambda _: [Looking(), Timer(), EarlyStopping(), ReduceLROnPlateau()],
    "norms": lambda _: [GradientNorms(every=1, layers=True)],
    "schedule": lambda _: [
        LRSchedule(lambda sgd: torch.optim.lr_scheduler.StepLR(sgd, 2), every="step")
    ],
    "events": lambda folder: [TensorBoard(folder)],
}


def lazy_trainer(monkeypatch, callbacks=(), **settings: object) -> Trainer:
    """One that treats the CPU's numbers like those of an accelerator."""
    monkeypatch.setattr(logged, "_is_here", lambda _: False)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 3))
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
        (INPUTS, CLASSES),
        (INPUTS, CLASSES),
        batch_size=2,
        callbacks=callbacks,
        device="cpu",
        **settings,
    )
    trainer._state._autograd._here = False
    return trainer


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"metrics": ["accuracy"], "clip_norm": 1.0},
        {"accumulate": 2, "record": "epoch"},
        {"precision": "bf16"},
    ],
    ids=str,
)
def test_no_step_waits_for_the_device(monkeypatch, tmp_path, name, settings):
    trainer = lazy_trainer(monkeypatch, CALLBACKS[name](tmp_path), **settings)
    trainer.step(2)
    for callback in trainer.callbacks:
        if isinstance(callback, TensorBoard):
            callback._budget.due = 0
    with Waits(), np.errstate(all="ignore"):
        for _ in range(10):
            trainer._loop.advance()
    assert trainer.steps == 12
    if name == "norms":
        trainer.state_dict()
        assert len(trainer.history["gradient_norm"]) == 12
    trainer.fit(1)
    if name == "norms":
        assert len(trainer.history["gradient_norm"]) == trainer.steps
    if "record" not in settings:
        assert trainer.history["train_loss"].steps.tolist() == list(range(1, trainer.steps + 1))


def test_norms_on_their_way_are_forgotten_with_a_reset(monkeypatch):
    class Reset(Callback):
        done = False

        def on_step_end(self, trainer):
            if trainer.steps == 5 and not self.done:
                self.done = True
                threading.Thread(target=trainer.call, args=(trainer.reset,)).start()

    trainer = lazy_trainer(monkeypatch, [GradientNorms(every=1), Reset()])
    trainer.start(epochs=10**6)
    while trainer.state != "idle":
        asyncio.run(trainer.wait())
    assert list(trainer.history) == ["validation_loss"]
    trainer.step(3)
    assert trainer.history["gradient_norm"].steps.tolist() == [1, 2, 3]


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("count", [1, 3])
def test_steps_on_a_device_that_has_no_numbers(optimizer, count):
    # Tensors of the device "meta" have shapes only: to read one raises, and so does to copy it.
    meta = torch.device("meta")
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).to(meta)
    loss = nn.CrossEntropyLoss()
    metrics = resolve(["accuracy"])
    steps = AutogradSteps(
        model, loss, optimizer(model.parameters()), metrics=metrics, device=meta, clip_norm=1.0
    )
    recorder = Recorder("step", metrics)
    recorder.measured(["validation_loss"])
    batch = INPUTS[:8].to(meta), CLASSES[:8].to(meta)
    for step in range(1, 6):
        value = steps.step_group([batch] * count)
        recorder.rate(step, torch.ones((), device=meta))
        assert value.device == meta
        assert [one.device for one in steps.measured] == [meta]
    with pytest.raises((RuntimeError, NotImplementedError)):
        float(value)
