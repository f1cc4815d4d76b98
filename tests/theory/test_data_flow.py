from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

import dl_lab
from dl_lab.errors import InputError
from dl_lab.theory.data_flow import BOXES, Flow, queued
from tests.train.steps.test_stages import SLOW, Slow, SlowModel, SlowSGD, slow_loss, slow_trainer
from tests.train.watch.test_watched_stages import loop


def quick(data: object, **settings: object) -> dl_lab.Trainer:
    model = nn.Linear(3, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    return dl_lab.Trainer(model, nn.MSELoss(), sgd, data, **settings)


def test_the_share_of_waiting_is_that_of_the_clock():
    trainer = quick(DataLoader(Slow(), batch_size=4))
    flow = Flow(trainer)
    assert flow.times().waiting is None
    assert flow.advice(flow.times()) is None
    flow.open()
    flow.times()
    began = time.perf_counter()
    trainer.fit(3)
    whole = time.perf_counter() - began
    times = flow.times()
    # All but little of it: 30 batches of four examples that take a millisecond each.
    assert 0.5 < times.waiting < 1
    assert times.waiting == pytest.approx(
        (trainer.stages.seconds["wait"] + trainer.stages.seconds["begin"])
        / sum(trainer.stages.seconds.values())
    )
    assert sum(times.shares.values()) == pytest.approx(1)
    assert times.rate >= 30 / whole
    assert flow.advice(times) == "workers"
    flow.close()
    assert trainer.stages.watched == 0


def test_what_to_do_follows_from_what_loads():
    slow = 0.004

    class Stream(IterableDataset):
        def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for _ in range(10):
                time.sleep(slow)
                yield torch.ones(3), torch.ones(1)

    class Own:
        def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
            for _ in range(10):
                time.sleep(slow)
                yield torch.ones(4, 3), torch.ones(4, 1)

    expected = {
        "workers": DataLoader(Stream(), batch_size=2),
        "iterable": Own(),
        "persistent": DataLoader(Slow(), batch_size=20, num_workers=1),
    }
    for key, data in expected.items():
        trainer = quick(data)
        flow = Flow(trainer)
        flow.open()
        flow.times()
        trainer.fit(2)
        assert flow.advice(flow.times()) == key
        flow.close()
        trainer.close()
    fast = slow_trainer()
    flow = Flow(fast)
    flow.open()
    fast.set_data((torch.ones(40, 3), torch.ones(40, 1)))
    flow.times()
    fast.fit(2)
    assert flow.advice(flow.times()) is None
    flow.close()


def test_stations_hold_the_trainers_own_numbers(tmp_path):
    trainer = slow_trainer(keep=5)
    flow = Flow(trainer)
    flow.open()
    held = flow.stations()
    assert tuple(held) == BOXES
    assert held["save"] == {"path": None, "age": None, "kept": 1}
    trainer.step(3)
    held = flow.stations()
    assert held["data"] == {"name": "Slow", "rows": 40}
    assert held["queue"] == {"ready": 1, "room": 1, "workers": 0}
    assert held["batch"] == {"inputs": "tensor [4, 3] float32", "targets": "tensor [4, 1] float32"}
    assert held["model"] == {"name": "SlowModel", "numbers": 4}
    assert held["loss"]["name"] == "slow_loss"
    assert held["loss"]["value"] == pytest.approx(float(trainer.history["train_loss"].values[-1]))
    assert held["optimizer"] == {"name": "SlowSGD", "rate": 0.01}
    assert held["step"] == {"steps": 3, "epoch": 0}
    trainer.save(tmp_path / "run.pt")
    trainer.fit(1)
    held = flow.stations()
    assert held["save"]["path"] == str(tmp_path / "run.pt")
    assert 0 <= held["save"]["age"] < 60
    assert held["save"]["kept"] == 2
    flow.close()


def test_the_code_is_the_persons_own():
    flow = Flow(slow_trainer())
    codes = flow.codes()
    assert set(codes) == set(BOXES)
    assert "time.sleep(SLOW)\n    return self.linear(x)" in codes["model"]
    assert codes["model"].startswith("outputs = model(inputs)")
    assert "def slow_loss(" in codes["loss"]
    assert "DataLoader(Slow(…), batch_size=4, num_workers=0)" in codes["data"]
    assert "def __getitem__" in codes["data"]
    assert "SlowSGD(lr=0.01" in codes["optimizer"]
    plain = Flow(quick((torch.ones(8, 3), torch.ones(8, 1)))).codes()
    assert "Linear(in_features=3, out_features=1, bias=True)" in plain["model"]
    assert plain["loss"] == "loss = MSELoss(outputs, targets)\n\n# MSELoss()"
    assert "tensor [8, 3] float32" in plain["data"]


def test_a_queue_fills_while_nobody_takes():
    trainer = quick(DataLoader(Slow(), batch_size=4, num_workers=1, prefetch_factor=3))
    flow = Flow(trainer)
    trainer.step(1)
    deadline = time.monotonic() + 60
    while flow.stations()["queue"]["ready"] < 4:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert flow.stations()["queue"] == {"ready": 4, "room": 4, "workers": 1}
    trainer.close()
    assert queued(iter([])) is None


def test_a_watched_loop_flows_too(tmp_path):
    model = SlowModel()
    optimizer = SlowSGD(model.parameters(), 0.01)
    loader = DataLoader(Slow(), batch_size=4)
    run = dl_lab.watch(model, optimizer, plot=False)
    kept = tmp_path / "weights.pt"
    flow = Flow(run, loader, kept)
    flow.open()
    flow.times()
    loop(run, model, optimizer, loader, 21)
    torch.save(model.state_dict(), kept)
    times, held = flow.times(), flow.stations()
    assert times.seconds["forward"] >= 0.9 * SLOW
    assert 0.1 < times.waiting < 0.5
    assert flow.advice(times) == ("workers" if times.waiting >= 0.2 else None)
    assert held["step"]["steps"] == 21
    assert held["save"]["path"] == str(kept)
    assert held["loss"]["value"] is not None
    assert held["queue"]["workers"] == 0
    assert "run.log" in flow.codes()["step"]
    flow.close()
    run.end()
    assert slow_loss.__name__ == "slow_loss"


@pytest.mark.parametrize("given", [3, None, nn.Linear(1, 1)])
def test_what_is_not_a_run_is_refused(given):
    with pytest.raises(InputError) as refused:
        Flow(given)
    assert refused.value.key == "not_run"
