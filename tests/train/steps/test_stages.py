from __future__ import annotations

import time

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import dl_lab
from dl_lab.nets.dense import dense
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.steps.stages import OF_EPOCHS, STAGES, StageClock

SLOW = 0.004
PAUSE = 1.5


class Slow(Dataset):
    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        time.sleep(SLOW / 4)
        return torch.ones(3), torch.ones(1)


class SlowModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        time.sleep(SLOW)
        return self.linear(x)


def slow_loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    time.sleep(SLOW)
    return (outputs - targets).square().mean()


class SlowSGD(torch.optim.SGD):
    def step(self, closure: object = None) -> None:
        time.sleep(SLOW)
        super().step(closure)


def slow_trainer(**settings: object) -> dl_lab.Trainer:
    model = SlowModel()
    data = DataLoader(Slow(), batch_size=4)
    return dl_lab.Trainer(model, slow_loss, SlowSGD(model.parameters(), 0.01), data, **settings)


def per_step(clock: StageClock) -> dict[str, float]:
    return {
        stage: clock.seconds[stage] / (clock.steps if stage in OF_EPOCHS else clock.measured)
        for stage in STAGES
    }


@pytest.mark.parametrize("settings", [{}, {"metrics": ["mse"]}, {"clip_norm": 1.0}])
def test_each_stage_has_its_own_time(settings):
    trainer = slow_trainer(**settings)
    clock = trainer.stages
    trainer.fit(1)
    assert (clock.steps, clock.measured, sum(clock.seconds.values())) == (0, 0, 0)
    clock.open()
    began = time.perf_counter()
    trainer.fit(3)
    whole = time.perf_counter() - began
    assert (clock.steps, clock.measured) == (30, 30)
    # A sleep lasts at least so long.
    for stage in ("forward", "loss", "update"):
        assert clock.seconds[stage] >= 30 * SLOW, stage
    # Of ten batches an epoch's first is fetched as it begins.
    assert clock.seconds["wait"] >= 27 * SLOW
    assert clock.seconds["begin"] >= 3 * SLOW
    assert clock.seconds["end"] > 0
    assert sum(clock.seconds.values()) <= whole
    clock.close()
    before = dict(clock.seconds)
    trainer.fit(1)
    assert clock.seconds == before


def test_a_pause_belongs_to_no_stage():
    trainer = slow_trainer()
    trainer.stages.open()
    trainer.step(2)
    time.sleep(PAUSE)
    trainer.step(2)
    assert trainer.stages.seconds["rest"] < PAUSE
    trainer.stages.close()


def test_batches_together_and_closures_count_all_that_they_do():
    trainer = slow_trainer(accumulate=2)
    trainer.stages.open()
    trainer.fit(1)
    clock = trainer.stages
    assert clock.measured == 5
    assert clock.seconds["forward"] >= 10 * SLOW
    assert clock.seconds["update"] >= 5 * SLOW
    trainer.stages.close()


def test_the_fast_path_is_one_piece_and_computes_the_same():
    def made() -> dl_lab.Trainer:
        torch.manual_seed(0)
        model = dense(("x", "y"), (4,))
        data = (torch.randn(320, 2), torch.randn(320))
        sgd = RegularizedSGD(model.parameters(), lr=0.03)
        return dl_lab.Trainer(model, half_squared_error, sgd, data, batch_size=10, seed=0)

    plain, watched = made(), made()
    plain.fit(4)
    watched.stages.open()
    watched.fit(4)
    clock = watched.stages
    assert clock.seconds["step"] > 0
    assert clock.seconds["forward"] == clock.seconds["backward"] == 0
    assert clock.steps == 128
    for one, other in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(one, other)
    watched.stages.close()


def test_short_steps_are_measured_now_and_then():
    clock = StageClock(cost=1e-3)
    clock.open()
    for _ in range(2000):
        if clock.next() is not None:
            clock.lap("step")
    # Each takes about a microsecond, and to measure it a thousand.
    assert 16 <= clock.measured < 1000
    rare = StageClock(cost=0.0)
    rare.open()
    assert all(rare.next() is not None for _ in range(300))


def test_a_step_of_ones_own_is_one_piece():
    model = nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)

    def step(batch: torch.Tensor) -> torch.Tensor:
        time.sleep(SLOW)
        loss = model(batch).square().mean()
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        return loss

    trainer = dl_lab.Trainer.of(step, model, sgd, torch.randn(64, 2), batch_size=8)
    trainer.stages.open()
    trainer.fit(1)
    assert trainer.stages.seconds["step"] >= 8 * SLOW
    trainer.stages.close()


def test_saved_tells_the_file_and_when(tmp_path):
    trainer = slow_trainer()
    assert trainer.saved is None
    before = time.time()
    trainer.save(tmp_path / "run.pt")
    path, when = trainer.saved
    assert path == str(tmp_path / "run.pt")
    assert before <= when <= time.time()
