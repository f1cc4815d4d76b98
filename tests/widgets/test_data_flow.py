from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.steps.stages import STAGES
from tests.train.steps.test_stages import Slow, SlowModel, slow_trainer
from tests.widgets.page import Page


def test_a_page_gets_what_flows_while_it_trains():
    trainer = slow_trainer()
    widget = dl_lab.DataFlow(trainer)
    page = Page(widget)
    hello = page.request("hello", view="page", have={})
    assert hello.meta["state"] == "idle"
    assert hello.meta["waiting"] is None
    assert hello.meta["stages"] == list(STAGES)
    trainer.start(3)
    assert page.wait(lambda: any(one.meta["waiting"] for one in page.shown("explainer.show")))
    trainer.pause()
    trainer.fit(2)
    assert page.wait(lambda: page.shown("explainer.show")[-1].meta["state"] == "finished")
    last = page.shown("explainer.show")[-1]
    assert last.meta["stations"]["step"]["steps"] == trainer.steps
    seconds = dict(zip(STAGES, last.arrays["seconds"].tolist(), strict=True))
    whole = sum(seconds.values())
    assert last.meta["waiting"] == pytest.approx(
        (seconds["wait"] + seconds["begin"]) / whole, rel=1e-4
    )
    assert 0 < widget.waiting < 0.6
    widget.close()
    assert trainer.stages.watched == 0


def test_two_look_on_and_one_goes():
    trainer = slow_trainer()
    first, second = dl_lab.DataFlow(trainer), dl_lab.DataFlow(trainer)
    assert trainer.stages.watched == 2
    first.close()
    first.close()
    trainer.step(2)
    assert trainer.stages.measured == 2
    assert second.waiting is not None
    second.close()
    assert trainer.stages.watched == 0


def test_a_watched_loop_is_followed_between_its_own_cells():
    model = SlowModel()
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = DataLoader(Slow(), batch_size=4)
    with dl_lab.watch(model, sgd, plot=False) as run:
        widget = dl_lab.DataFlow(run, loader)
        for x, y in loader:
            sgd.zero_grad()
            loss = (model(x) - y).square().mean()
            loss.backward()
            sgd.step()
            run.log(loss=loss)
    assert widget.waiting > 0
    assert widget.compute()[0]["stations"]["step"]["steps"] == 10
    widget.close()
    assert "_get_iterator" not in vars(loader)


def test_what_cannot_be_followed_is_refused_and_leaves_nothing():
    with pytest.raises(InputError, match="is no"):
        dl_lab.DataFlow(3)
    with pytest.raises(InputError, match="Give both"):
        dl_lab.DataFlow(dl_lab.watch(plot=False))
    trainer = slow_trainer()
    with pytest.raises(TypeError):
        dl_lab.DataFlow(trainer, languge="es")
    with pytest.raises(InputError):
        dl_lab.DataFlow(trainer, language="xx")
    assert trainer.stages.watched == 0


def test_other_data_bring_other_code_while_it_trains():
    trainer = slow_trainer()
    widget = dl_lab.DataFlow(trainer)
    trainer.start()
    try:
        assert "Slow(…)" in widget.compute()[0]["codes"]["data"]
        trainer.set_data((torch.ones(40, 3), torch.ones(40, 1)))
        code = widget.compute()[0]["codes"]["data"]
        assert code == (
            "train = TensorDataset(inputs, targets)\n"
            "# tensor [40, 3] float32\n# tensor [40, 1] float32"
        )
    finally:
        trainer.pause()
    widget.close()
