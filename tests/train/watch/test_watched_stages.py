from __future__ import annotations

import time

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import dl_lab
from dl_lab.errors import InputError
from tests.train.steps.test_stages import SLOW, Slow, SlowModel, SlowSGD, slow_loss


def loop(run, model, optimizer, loader, steps):
    done = 0
    while done < steps:
        for x, y in loader:
            optimizer.zero_grad()
            loss = slow_loss(model(x), y)
            loss.backward()
            optimizer.step()
            run.log(loss=loss)
            done += 1
            if done == steps:
                return


@pytest.mark.parametrize("known", [True, False])
def test_hooks_tell_the_stages_and_are_gone_afterwards(known):
    model = SlowModel()
    optimizer = SlowSGD(model.parameters(), 0.01)
    loader = DataLoader(Slow(), batch_size=4)
    run = dl_lab.watch(model, optimizer, plot=False)
    stages = run.stages(loader if known else None)
    stages.open()
    loop(run, model, optimizer, loader, 21)
    clock = stages.clock
    # The first update begins the first step that can be measured.
    assert clock.measured == 21
    for stage in ("forward", "loss"):
        assert clock.seconds[stage] >= 19 * SLOW, stage
    assert clock.seconds["update"] >= 19 * SLOW
    assert clock.seconds["wait"] >= 17 * SLOW
    assert "[4, 3]" in stages.batch
    assert (stages.iterator is not None) is False
    with torch.no_grad():
        model.eval()
        before = clock.seconds["forward"]
        model(torch.ones(2, 3))
        assert clock.seconds["forward"] == before
    stages.close()
    assert not model._forward_hooks
    assert not model._forward_pre_hooks
    assert not optimizer._optimizer_step_post_hooks
    assert not optimizer._optimizer_step_pre_hooks
    assert "_get_iterator" not in vars(loader)
    run.end()


def test_a_queue_is_seen_through_the_loader():
    from dl_lab.theory.data_flow import queued

    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    loader = DataLoader(Slow(), batch_size=4, num_workers=1, prefetch_factor=3)
    run = dl_lab.watch(model, optimizer, plot=False)
    stages = run.stages(loader)
    stages.open()
    batches = iter(loader)
    next(batches)
    deadline = time.monotonic() + 60
    while queued(stages.iterator) != (3, 3):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert len(list(batches)) == 9
    stages.close()
    del batches


def test_a_run_without_model_or_optimizer_is_refused():
    for given in ((), (nn.Linear(1, 1),)):
        with pytest.raises(InputError) as refused:
            dl_lab.watch(*given, plot=False).stages()
        assert refused.value.key == "stages_unknown"
