"""A graph that follows a trainer: its own batch and loss, nobody held up, the first NaN."""

from __future__ import annotations

import copy
import threading
import time

import numpy as np
import pytest
import torch
from tensorboard.compat.proto.graph_pb2 import GraphDef
from torch import nn

from dl_lab.errors import InputError
from dl_lab.nets.graph.trace import trace
from dl_lab.probe.flow.passes import Given
from dl_lab.probe.flow.statistics import GRADIENT_INFINITE, GRADIENT_NAN
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.graph_viewer import GraphViewer
from dl_lab.widgets.graph_viewer.live import SHARE, Live
from tests.train.reading import read
from tests.widgets.page import Page

ROWS = 8


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def trainer_of(model, loss=None, data=None, lr=0.1):
    torch.manual_seed(1)
    data = data or (torch.randn(64, 4), torch.randint(0, 3, (64,)))
    sgd = torch.optim.SGD(model.parameters(), lr=lr)
    return Trainer(
        model, loss or nn.CrossEntropyLoss(), sgd, data, batch_size=ROWS, seed=0, device="cpu"
    )


def live_of(trainer, x):
    model = trainer.model
    return Live(model, trace(copy.deepcopy(model), [x]), trainer, Given([x]))


def complete(live, seconds=60):
    """Return the next news, however many passes they take."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        live._due = 0.0
        news = live.news()
        if news is not None:
            return news
    raise AssertionError("no news")


def test_numbers_and_gradients_are_those_of_the_next_step(monkeypatch):
    monkeypatch.setattr("dl_lab.probe.flow.flow.ENOUGH", 1e3)
    monkeypatch.setattr("dl_lab.probe.flow.flow.MOST_PASSES", 100)
    model = network()
    trainer = trainer_of(model)
    trainer.step(3)
    live = live_of(trainer, torch.zeros(2, 4))
    meta, arrays = complete(live)
    assert (meta["step"], meta["rows"], meta["first"]) == (3, ROWS, None)
    before = copy.deepcopy(model)
    rates = trainer.learning_rate
    trainer.step(1)
    nodes = live.graph.nodes
    moved = dict(model.named_parameters())
    for index, node in enumerate(nodes):
        if node.kind == "parameter":
            name = f"{node.module}.{node.name}"
            was = dict(before.named_parameters())[name]
            # What the step did with it tells its gradient.
            gradient = (was - moved[name]).detach() / rates
            rms = float(gradient.double().square().mean().sqrt())
            assert 10 ** arrays["grad"][index] == pytest.approx(rms, rel=1e-3)
            rms = float(was.detach().double().square().mean().sqrt())
            assert 10 ** arrays["rms"][index] == pytest.approx(rms, rel=1e-5)
    live.end()


def test_training_is_what_it_would_have_been():
    seen, alone = (trainer_of(network()) for _ in range(2))
    live = live_of(seen, torch.zeros(2, 4))
    for _ in range(5):
        seen.step(3)
        complete(live)
    alone.step(15)
    for one, other in zip(seen.model.parameters(), alone.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert all(one.grad is not None for one in alone.model.parameters()) == all(
        one.grad is not None for one in seen.model.parameters()
    )


def test_while_it_trains_news_come_by_themselves_for_a_small_share():
    trainer = trainer_of(network())
    live = live_of(trainer, torch.zeros(2, 4))
    trainer.start()
    steps = []
    while len(steps) < 3:
        news = live.news()
        if news is not None:
            steps.append(news[0]["step"])
    began = time.monotonic()
    live._due = 0.0
    live.news()
    spent = time.monotonic() - began
    trainer.pause()
    assert steps == sorted(set(steps))
    # The next pass waits for as long as this one was worth.
    assert live._due - began > spent / SHARE / 4
    assert live.news() is not None  # where it stands now
    assert live.news() is None
    assert live.news(touched=True) is not None


class Slow(nn.Module):
    """Takes its time, in many operations."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.slow = False

    def forward(self, x):
        for _ in range(400 if self.slow else 1):
            x = x + 0.001
            if self.slow:
                time.sleep(0.02)
        return self.linear(x)


def test_a_pause_does_not_wait_for_a_look():
    model = Slow()
    trainer = trainer_of(model)
    live = live_of(trainer, torch.zeros(2, 4))
    trainer.start()
    looking = threading.Event()
    hear = live._flow.hear

    def slowly(rows):
        model.slow = True
        looking.set()
        try:
            return hear(rows)
        finally:
            model.slow = False

    live._flow.hear = slowly
    thread = threading.Thread(target=live.news)
    thread.start()
    assert looking.wait(60)
    began = time.monotonic()
    trainer.pause()
    # All of it would take 8 s.
    assert time.monotonic() - began < 4
    live.end()
    thread.join(60)
    assert not thread.is_alive()
    assert trainer.state == "paused"


class Length(nn.Module):
    """A root, whose slope is infinite where a row is 0."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return self.turn(x).square().sum(1, keepdim=True).sqrt()


def test_after_a_run_has_diverged_the_first_nan_stands_at_its_node():
    x = torch.randn(64, 4)
    x[21] = 0
    trainer = trainer_of(Length(), nn.MSELoss(), (x, torch.ones(64, 1)))
    live = live_of(trainer, x[:4])
    trainer.start(epochs=1)
    while trainer.state == "running":
        time.sleep(0.01)
    assert trainer.message is not None
    meta, arrays = complete(live)
    first = meta["first"]
    nodes = live.graph.nodes
    assert (nodes[first["node"]].name, first["where"], first["exact"]) == ("sqrt", "backward", True)
    assert first["sentence"]["key"] == "not_finite_backward"
    # The pass that is shown is the one in which it came up.
    at = {node.name: index for index, node in enumerate(nodes)}
    assert arrays["flags"][at["sum"]] & (GRADIENT_NAN | GRADIENT_INFINITE)
    assert not arrays["flags"][at["sqrt"]]
    # It is looked for once, and a run that goes on from before is well again.
    assert live.news() is None
    trainer.reset()
    trainer.set_data((torch.randn(64, 4), torch.ones(64, 1)))
    trainer.step(1)
    meta, arrays = complete(live)
    assert meta["first"] is None
    assert not arrays["flags"].any()


def test_a_step_of_ones_own_shows_numbers_without_gradients():
    model = network()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)

    def step(batch):
        sgd.zero_grad()
        loss = model(batch).square().mean()
        loss.backward()
        sgd.step()
        return loss

    trainer = Trainer.of(step, model, sgd, torch.randn(32, 4), device="cpu")
    x = torch.randn(5, 4)
    live = live_of(trainer, x)
    trainer.step(2)
    _, arrays = complete(live)
    assert np.isfinite(arrays["rms"]).all()
    assert np.isnan(arrays["grad"]).all()
    output = model(x).detach().double()
    rms = float(output.square().mean().sqrt())
    assert 10 ** arrays["rms"][-1] == pytest.approx(rms, rel=1e-5)


def viewer_that_diverged():
    x = torch.randn(64, 4)
    x[21] = 0
    trainer = trainer_of(Length(), nn.MSELoss(), (x, torch.ones(64, 1)))
    viewer = GraphViewer(trainer.model, x[:4], trainer=trainer)
    with pytest.raises(InputError):
        trainer.fit(1)
    return viewer, trainer


def test_python_finds_the_first_nan_and_says_it_in_a_sentence():
    viewer, trainer = viewer_that_diverged()
    before = copy.deepcopy(trainer.model.state_dict())
    found = viewer.find_nan()
    assert (found.where, found.operation.name) == ("backward", "sqrt")
    assert str(found).startswith(f"Step {found.step}: the first ∞ came up in the backward pass")
    assert "sqrt of Length (`return self.turn(x)" in str(found)
    assert all(torch.equal(one, before[k]) for k, one in trainer.model.state_dict().items())
    # What the page is told is the same.
    meta, _ = viewer._lives[0].news(touched=True)
    assert (meta["first"]["step"], meta["first"]["exact"]) == (found.step, True)
    viewer.close()


def test_without_a_trainer_there_is_no_nan_to_find():
    viewer = GraphViewer(network(), torch.zeros(2, 4))
    with pytest.raises(InputError, match="find_nan"):
        viewer.find_nan()
    viewer.close()


def test_a_page_hears_of_it_as_it_trains():
    trainer = trainer_of(network())
    viewer = GraphViewer(trainer.model, torch.zeros(2, 4), trainer=trainer)
    page = Page(viewer)
    page.request("hello", view="page", have={})
    trainer.start()
    assert page.wait(lambda: len(page.shown("graph.live")) > 2)
    message = next(one for one in page.shown("graph.live") if one.arrays)
    count = len(viewer.graphs[0].nodes)
    names = ("rms", "mean", "dead", "grad", "grad_mean", "grad_dead", "flags")
    assert {name: len(one) for name, one in message.arrays.items()} == dict.fromkeys(
        (f"{name}0" for name in names), count
    )
    assert message.meta["graphs"][0]["first"] is None
    trainer.pause()
    steps = trainer.steps
    # Where it stands comes by itself.
    assert page.wait(lambda: page.shown("graph.live")[-1].meta["graphs"][0]["step"] == steps)
    viewer.close()


def test_two_runs_side_by_side_are_both_followed():
    a = trainer_of(network())
    wide = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 3))
    b = trainer_of(wide)
    viewer = GraphViewer.compare(a, b, torch.zeros(2, 4), colour="activations")
    page = Page(viewer)
    page.request("hello", view="page", have={})
    before = [copy.deepcopy(one.model) for one in (a, b)]
    a.step(3)
    b.step(5)

    def both():
        shown = page.shown("graph.live")
        return shown and [one["step"] for one in shown[-1].meta["graphs"]] == [3, 5]

    assert page.wait(both)
    message = page.shown("graph.live")[-1]
    for index, trainer in enumerate((a, b)):
        graph = viewer.graphs[index]
        moved = trainer.model[0].weight.detach()
        assert not torch.equal(moved, before[index][0].weight)
        place = next(
            at
            for at, node in enumerate(graph.nodes)
            if (node.kind, node.name, node.module) == ("parameter", "weight", "0")
        )
        rms = float(moved.double().square().mean().sqrt())
        assert 10 ** message.arrays[f"rms{index}"][place] == pytest.approx(rms, rel=1e-4)
        assert len(message.arrays[f"grad{index}"]) == len(graph.nodes)
    # And while both train.
    a.start()
    b.start()
    count = len(page.shown("graph.live"))
    assert page.wait(
        lambda: any(
            one.meta["graphs"][0]["step"] > 3 and one.meta["graphs"][1]["step"] > 5
            for one in page.shown("graph.live")[count:]
        )
    )
    a.pause()
    b.pause()
    assert repr(viewer).startswith("GraphViewer(Sequential and Sequential")
    viewer.close()


def test_two_runs_end_where_they_would_have_ended_alone():
    seen = [trainer_of(network()) for _ in range(2)]
    alone = trainer_of(network())
    viewer = GraphViewer.compare(*seen, torch.zeros(2, 4))
    page = Page(viewer)
    page.request("hello", view="page", have={})
    for one in seen:
        one.fit(2)
    alone.fit(2)
    viewer.close()
    for one in seen:
        for mine, its in zip(one.model.parameters(), alone.model.parameters(), strict=True):
            assert torch.equal(mine, its)


def test_each_of_two_runs_has_a_first_nan_of_its_own():
    x = torch.randn(64, 4)
    y = torch.ones(64, 1)
    well = trainer_of(Length(), nn.MSELoss(), (x, y))
    x = x.clone()
    x[21] = 0
    ill = trainer_of(Length(), nn.MSELoss(), (x, y))
    viewer = GraphViewer(trainer=well, other=ill, x=x[:4])
    page = Page(viewer)
    page.request("hello", view="page", have={})
    well.fit(1)
    with pytest.raises(InputError):
        ill.fit(1)
    assert page.wait(
        lambda: any(one.meta["graphs"][1]["first"] for one in page.shown("graph.live"))
    )
    first, second = (one["first"] for one in page.shown("graph.live")[-1].meta["graphs"])
    assert first is None
    assert viewer.graphs[1].nodes[second["node"]].name == "sqrt"
    assert viewer.find_nan() is None
    assert viewer.find_nan(1).operation.name == "sqrt"
    viewer.close()


def test_the_second_alone_may_be_a_run():
    trainer = trainer_of(network())
    viewer = GraphViewer(network(), torch.zeros(2, 4), other=trainer)
    page = Page(viewer)
    page.request("hello", view="page", have={})
    trainer.step(2)

    def followed():
        told = [one.meta["graphs"] for one in page.shown("graph.live")]
        return any(first is None and second["step"] == 2 for first, second in told)

    assert page.wait(followed)
    with pytest.raises(InputError, match="find_nan"):
        viewer.find_nan()
    viewer.close()


def test_without_x_a_batch_of_the_trainer_goes_through():
    a, b = trainer_of(network()), trainer_of(network())
    viewer = GraphViewer(trainer=a, other=b)
    shape = next(node.shape for node in viewer.graphs[0].nodes if node.kind == "input")
    assert tuple(shape) == (ROWS, 4)
    assert (a.steps, a.epoch) == (0, 0)
    alone = trainer_of(network())
    for one in (a, alone):
        one.step(3)
    assert torch.equal(a.model[0].weight, alone.model[0].weight)
    viewer.close()


@pytest.mark.parametrize("other", ["run", 3, (1, 2)])
def test_what_is_neither_model_nor_run_is_refused(other):
    with pytest.raises(InputError) as refused:
        GraphViewer(network(), torch.zeros(2, 4), other=other)
    assert refused.value.key == "graph_other"
    for pair in ((other, network()), (network(), other), (network(), None), (None, network())):
        with pytest.raises(InputError) as refused:
            GraphViewer.compare(*pair, torch.zeros(2, 4))
        assert refused.value.key == "graph_other"


def test_a_run_of_ones_own_without_x_is_asked_for_it():
    model = network()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    own = Trainer.of(lambda batch: model(batch).sum(), model, sgd, torch.randn(8, 4), device="cpu")
    with pytest.raises(InputError) as refused:
        GraphViewer(trainer=own)
    assert refused.value.key == "graph_no_batch"


def test_the_first_picture_of_a_run_does_not_wait():
    trainer = trainer_of(network())
    live = live_of(trainer, torch.zeros(2, 4))
    trainer.start()
    # Whatever passes a picture takes, all are of the first time that it is asked for.
    while trainer.steps == 0:
        time.sleep(0.001)
    news = live.news()
    assert trainer.state == "running"
    trainer.pause()
    assert news is not None
    assert np.isfinite(news[1]["rms"]).all()
    live.end()


def test_a_layer_opens_in_one_layer_viewer_that_closes_along():
    trainer = trainer_of(network())
    viewer = GraphViewer(trainer.model, torch.randn(3, 4), trainer=trainer)
    page = Page(viewer)
    first = page.request("layer.open", module="2").meta
    assert first["ok"]
    layers = viewer.layer_viewer("0")
    assert layers.model_id == first["widget"]
    assert layers.trainer is trainer
    assert (layers.goal["layer"], layers.goal["asked"]) == (0, 2)
    viewer.close()
    assert layers.comm is None


def test_layers_without_numbers_are_refused_in_a_sentence():
    with torch.device("meta"):
        model = network()
        x = torch.empty(2, 4)
    viewer = GraphViewer(model, x)
    reply = Page(viewer).request("layer.open", module="0").meta
    assert reply["error"]["key"] == "layers_on_meta"
    viewer.close()


def test_the_graph_in_tensorboard_is_the_one_that_is_shown(tmp_path):
    viewer = GraphViewer(network(), torch.zeros(2, 4))
    viewer.to_tensorboard(tmp_path)
    graph = GraphDef.FromString(read(tmp_path).Graph().SerializeToString())
    operations = {node.op for node in graph.node} - {"input", "output", "parameter"}
    assert operations == {"linear", "relu"}
    assert {node.name for node in graph.node} >= {"Sequential/0/linear", "Sequential/2/weight"}
    viewer.close()
