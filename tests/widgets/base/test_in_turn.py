"""Requests that wait for a step of training, in a real kernel: they hold up no other."""

from __future__ import annotations

import uuid
from importlib import import_module
from typing import Any

import pytest

import dl_lab
from dl_lab.protocol import VERSION
from dl_lab.widgets.base.widget import Widget
from tests.test_stems import WIDGETS
from tests.widgets.kernel import Kernel, kernel

# A step lasts until its gate is opened, by the cell at the end of each test.
SETUP = """
import threading, torch, dl_lab
from torch import nn

class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 3)
        self.entered, self.open = threading.Event(), threading.Event()
    def forward(self, x):
        if threading.current_thread().name == "dl-lab trainer":
            self.entered.set()
            self.open.wait()
        return self.layer(x).mean((1, 2, 3))

class Copied(nn.Module):
    # A landscape takes a copy of it: gates are no attributes of one.
    entered, open = threading.Event(), threading.Event()
    forward = Gated.forward
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 3)

def copied():
    Copied.entered.clear()
    Copied.open.clear()
    return gated(Copied)

def gated(kind=Gated):
    model = kind()
    data = torch.rand(8, 1, 5, 5), torch.rand(8)
    sgd = torch.optim.SGD(model.parameters(), lr=1e-4)
    return dl_lab.Trainer(model, nn.MSELoss(), sgd, data, batch_size=1)

def enter(trainer):
    trainer.start()
    trainer.model.entered.wait()

class Held:
    # A Playground's network is its own: a command stands for its step, both wait for each other.
    def __init__(self, trainer):
        self.entered, self.open = threading.Event(), threading.Event()
        trainer.start()
        trainer.call(self.hold)
        self.entered.wait()
    def hold(self):
        self.entered.set()
        self.open.wait()

other = dl_lab.ConvolutionExplorer()
display(other)
"""
OTHER = "dl_lab.widgets.convolution_explorer"
GATED = "t = gated(); {make}; display(w); enter(t); gate = t.model"
MAKE = {
    "playground": "w = dl_lab.Playground(); display(w); t = w.trainer; gate = Held(t)",
    "loss_plot": GATED.format(make="w = dl_lab.LossPlot(t)"),
    "layer_viewer": GATED.format(
        make="w = dl_lab.LayerViewer(t.model, torch.rand(2, 1, 5, 5), trainer=t)"
    ),
    "graph_viewer": GATED.format(
        make="w = dl_lab.GraphViewer(t.model, torch.rand(2, 1, 5, 5), trainer=t)"
    ),
    "learning_rate_finder": GATED.format(make="w = dl_lab.lr_find(t, steps=20)"),
    "kernel_explorer": GATED.format(
        make="w = dl_lab.KernelExplorer(torch.rand(5, 5), layer=t.model.layer, trainer=t); "
        "w.take(0, 0); w.write()"
    ),
    "loss_landscape": (
        "t = copied(); w = dl_lab.LossLandscape(t); w.go(0.2); display(w); enter(t); gate = t.model"
    ),
}
# What each may ask that waits, so that it is sure to wait or to be behind one that does.
WAITING: dict[str, dict[str, dict[str, Any]]] = {
    "playground": {
        "parameter.set": {"index": 0, "value": 1.0},
        "settings.set": {"learning_rate": 0.1},
        "data.regenerate": {},
        "trainer.rewind": {},
        "trainer.step": {},
        "trainer.play": {},
        "trainer.pause": {},
        "trainer.reset": {},
    },
    "loss_plot": {
        "learning_rate.set": {"run": 0, "value": 0.2},
        "run.step": {"run": 0, "steps": 1},
        "run.play": {"run": 0},
        "run.stop": {"run": 0},
        "run.reset": {"run": 0},
        "run.pause": {"run": 0},
    },
    "layer_viewer": {
        "unit.explain": {"layer": 0, "at": [0, 0, 0]},
        "unit.field": {"layer": 0, "at": [0, 0, 0]},
        "rows.watch": {"view": "page", "rows": []},
        "run.play": {},
        "run.pause": {},
    },
    "graph_viewer": {"layer.open": {"module": "layer"}},
    "learning_rate_finder": {"rate.use": {"value": 0.1}},
    "kernel_explorer": {"filter.write": {}, "filter.undo": {}},
    "loss_landscape": {
        "weights.go": {"x": 0.1, "y": 0.1},
        "weights.undo": {},
        "landscape.renew": {},
    },
}
# And what does not.
ALWAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "playground": ("code.get", {}),
    "loss_plot": (
        "curves.get",
        {"axis": "step", "low": None, "high": None, "pixels": 100, "smoothing": 0, "series": []},
    ),
    "layer_viewer": ("settings.set", {"scale": "unit"}),
    "graph_viewer": ("graph.summary", {}),
    "learning_rate_finder": ("hello", {"view": "page", "have": {}}),
    "kernel_explorer": ("filter.take", {"filter": 0, "channel": 0}),
    "loss_landscape": ("settings.set", {"reach": 0.5}),
}
KERNELS = ("ipykernel-6.30", "ipykernel-7.4")


def widget_class(stem: str) -> type[Widget]:
    module = import_module(f"dl_lab.widgets.{stem}")
    found: type[Widget] = getattr(module, "".join(word.capitalize() for word in stem.split("_")))
    return found


@pytest.mark.parametrize("stem", sorted(WIDGETS))
def test_each_request_that_waits_is_known_here(stem):
    kind = widget_class(stem)
    marked = {request for request, name in kind._handlers.items() if getattr(kind, name).__waits__}
    assert marked == WAITING.get(stem, {}).keys()


def send(live: Kernel, comm: str, kind: str, meta: dict[str, Any]) -> str:
    """Send a request without waiting for its reply; return its id."""
    identifier = uuid.uuid4().hex
    body = {"v": VERSION, "kind": kind, "id": identifier, "meta": meta, "arrays": []}
    live.shell("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": body}})
    return identifier


def replies(live: Kernel, comm: str, asked: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the replies to some requests in the order in which they came."""
    found = [(body["id"], body["meta"]) for body in live.custom(comm) if body["kind"] == "reply"]
    return [one for one in found if one[0] in asked]


@pytest.fixture(scope="module", params=KERNELS)
def live(request, warm_kernels):
    with kernel(warm_kernels.manager(request.param)) as started:
        started.run(SETUP)
        yield started


def meta_of(live: Kernel, stem: str, kind: str) -> dict[str, Any]:
    meta = WAITING[stem][kind]
    if kind == "parameter.set":
        return {**meta, "network": int(live.run("print(w._experiment.revision)"))}
    return meta


CASES = [(stem, kind) for stem in sorted(WAITING) for kind in WAITING[stem]]


@pytest.mark.parametrize(("stem", "kind"), CASES)
def test_while_one_waits_for_a_step_all_others_are_answered(live, stem, kind):
    live.run(MAKE[stem])
    comm, other = live.widget(f"dl_lab.widgets.{stem}"), live.widget(OTHER)
    asked = [send(live, comm, kind, meta_of(live, stem, kind))]
    # The step goes on for as long as its gate is shut: these answers come before its end.
    assert live.request(other, "settings.set", stride=[2])["ok"]
    assert live.request(comm, ALWAYS[stem][0], **ALWAYS[stem][1])["ok"]
    assert live.run("print(gate.open.is_set())") == "False\n"
    live.run("gate.open.set()")
    live.wait(lambda: replies(live, comm, asked))
    assert replies(live, comm, asked)[0][1]["ok"]
    live.run("t.pause(); w.close()")


def test_a_step_of_two_seconds_holds_up_only_those_who_ask_for_it(live):
    live.run(MAKE["loss_plot"])
    comm, other = live.widget("dl_lab.widgets.loss_plot"), live.widget(OTHER)
    live.run("threading.Timer(2, gate.open.set).start()")
    slow = send(live, comm, "run.pause", {"run": 0})
    fast = send(live, other, "settings.set", {"stride": [1]})
    live.wait(lambda: replies(live, comm, [slow]) and replies(live, other, [fast]))
    bodies = [
        content["data"]["content"].get("id")
        for content in live.all("comm_msg")
        if content["data"].get("method") == "custom"
    ]
    assert bodies.index(fast) < bodies.index(slow)
    live.run("w.close()")


def test_those_of_one_widget_keep_their_order(live):
    live.run(MAKE["loss_plot"])
    comm = live.widget("dl_lab.widgets.loss_plot")
    rates = [send(live, comm, "learning_rate.set", {"value": rate}) for rate in (0.5, 0.25, 2e9)]
    asked = [*rates, send(live, comm, "run.pause", {}), send(live, comm, "run.play", {})]
    live.run("gate.open.set()")
    live.wait(lambda: len(replies(live, comm, asked)) == len(asked))
    came = replies(live, comm, asked)
    assert [identifier for identifier, _ in came] == asked
    # A refusal is a reply like any other.
    assert [meta["ok"] for _, meta in came] == [True, True, False, True, True]
    assert came[2][1]["error"]["key"] == "number"
    assert live.run("print(t.learning_rate, t.state)") == "0.25 running\n"
    live.run("t.pause(); w.close()")


def test_a_run_that_a_button_steps_can_be_paused_by_another(live):
    live.run(MAKE["loss_plot"])
    comm = live.widget("dl_lab.widgets.loss_plot")
    asked = [send(live, comm, "run.step", {"steps": 10**9}), send(live, comm, "run.pause", {})]
    live.run("gate.open.set()")
    live.wait(lambda: len(replies(live, comm, asked)) == 2)
    assert live.run("print(t.state)") == "paused\n"
    live.run("w.close()")


def test_a_closed_comm_does_not_wait_for_the_step_in_the_kernels_thread(live):
    live.run(MAKE["playground"])
    comm, other = live.widget("dl_lab.widgets.playground"), live.widget(OTHER)
    live.shell("comm_close", {"comm_id": comm, "data": {}})
    assert live.request(other, "settings.set", stride=[1])["ok"]
    assert live.run("print(gate.open.is_set())") == "False\n"
    live.run("gate.open.set()")
    live.run("import time\nwhile w.comm is not None: time.sleep(0.01)")
    assert live.run("print(t.state, t.message.key)") == "paused view_gone\n"


def test_after_a_close_nothing_is_sent_and_nothing_is_held(live):
    live.run("import gc, weakref, dl_lab.widgets.base.in_turn as in_turn; in_turn.PATIENCE = 0.05")
    live.run(MAKE["loss_plot"])
    comm = live.widget("dl_lab.widgets.loss_plot")
    late = [send(live, comm, "run.pause", {}), send(live, comm, "run.play", {})]
    live.run("w.close(); gone = weakref.ref(w); del w")
    assert live.run("print(gate.open.is_set())") == "False\n"
    live.run("gate.open.set()")
    live.run(
        "import time\n"
        "while any(one.name == 'dl-lab-requests' for one in threading.enumerate()):\n"
        "    time.sleep(0.01)"
    )
    live.run("gc.collect()")
    assert replies(live, comm, late) == []
    assert live.run("print(gone(), t.state)") == "None paused\n"
    live.run("in_turn.PATIENCE = 2.0")


def test_what_hangs_is_told_to_all_who_ask_and_done_once_it_ends(live):
    live.run("import dl_lab.widgets.base.in_turn as in_turn; in_turn.LATE = 0.05")
    live.run(MAKE["loss_plot"])
    comm = live.widget("dl_lab.widgets.loss_plot")
    kinds = [("run.pause", {}), ("learning_rate.set", {"value": 0.5}), ("run.reset", {})]
    asked = [send(live, comm, kind, meta) for kind, meta in kinds]
    live.wait(lambda: len(replies(live, comm, asked)) == len(asked))
    assert {meta["error"]["key"] for _, meta in replies(live, comm, asked)} == {"request_late"}
    assert live.run("print(gate.open.is_set())") == "False\n"
    live.run(
        "gate.open.set()\nimport time\n"
        "while w._in_turn._thread is not None: time.sleep(0.01)\n"
        "in_turn.LATE = 8.0"
    )
    assert live.run("print(t.state, t.steps, t.learning_rate)") == "idle 0 0.5\n"
    # Each has its answer, and no second one.
    assert live.request(comm, "run.pause")["ok"]
    assert len(replies(live, comm, asked)) == len(asked)
    live.run("w.close()")


def test_an_interrupt_frees_a_cell_from_a_step_that_hangs(live):
    live.run("t = gated(); w = dl_lab.LossPlot(t); display(w)")
    comm = live.widget("dl_lab.widgets.loss_plot")
    # Said by the step itself: `fit` listens to interrupts by then.
    cell = live.start(
        "say = lambda: (t.model.entered.wait(), print('begun', flush=True))\n"
        "threading.Thread(target=say).start()\n"
        "t.fit(1)"
    )
    live.wait(lambda: live.printed(cell))
    live.manager.interrupt_kernel()
    live.wait(lambda: live.of(cell, "status", execution_state="idle"))
    (error,) = live.of(cell, "error")
    assert error["ename"] == "InputError"
    assert "has not ended within" in error["evalue"]
    assert live.request(comm, *ALWAYS["loss_plot"][:1], **ALWAYS["loss_plot"][1])["ok"]
    live.run("t.model.open.set(); t.pause(); w.close()")
    assert live.run("print(t.state)") == "paused\n"


def test_an_idle_widget_has_no_thread_of_its_own():
    plot = dl_lab.LossPlot(dl_lab.History())
    assert plot._in_turn._thread is None
    plot.close()
