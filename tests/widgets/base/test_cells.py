"""What is left in a real kernel of widgets that were closed or whose cells ran again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.test_stems import WIDGETS
from tests.widgets.kernel import Kernel, kernel

TRIES = 50
AGAIN = 30
FEW = 8
# A model is 4 MB, and its trainer keeps it several times over: kept ones would be a gigabyte.
GROWTH = 400_000_000
PLOT = "dl_lab.widgets.loss_plot.widget"

SETUP = """
import gc, json, os, threading, weakref
import torch, dl_lab
from torch import nn
from ipywidgets.widgets.widget import _instances
from comm import get_comm_manager

seen = []
data = torch.randn(40, 2), torch.randn(40, 1)

def trainer():
    model = nn.Linear(1000, 1000)
    x = torch.randn(4, 1000)
    sgd = torch.optim.SGD(model.parameters(), 1e-3)
    made = dl_lab.Trainer(model, nn.functional.mse_loss, sgd, (x, x))
    seen.extend([weakref.ref(model), weakref.ref(made)])
    made.fit(2)
    return made

def viewer(trainer):
    return dl_lab.LayerViewer(trainer.model, torch.rand(3, 1000), trainer=trainer)

def graph(trainer):
    return dl_lab.GraphViewer(trainer.model, torch.rand(3, 1000), trainer=trainer)

def layer():
    return own(nn.Conv2d(3, 4, 5))

def own(made):
    seen.append(weakref.ref(made))
    return made

def hear(widget, kind, **meta):
    # As the kernel hands it on from a page.
    body = {"v": 1, "kind": kind, "meta": {"view": "page", **meta}, "arrays": []}
    data = {"method": "custom", "content": body}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})

def measure():
    gc.collect()
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    print(json.dumps({
        "alive": sum(one() is not None for one in seen),
        "made": len(seen),
        "widgets": len(_instances),
        "comms": len(get_comm_manager().comms),
        "threads": sorted(one.name for one in threading.enumerate() if "dl-lab" in one.name),
        "files": len(os.listdir("/proc/self/fd")),
        "resident": resident,
    }))
"""

MAKE = {
    "activation_explorer": "dl_lab.ActivationExplorer(own(nn.PReLU()))",
    "backprop": "dl_lab.Backprop(own(nn.Linear(2, 1)), torch.ones(1, 2), torch.ones(1, 1))",
    "convolution_explorer": "dl_lab.ConvolutionExplorer(layer())",
    "data_flow": "dl_lab.DataFlow(trainer())",
    "graph_viewer": "graph(trainer())",
    "kernel_explorer": "dl_lab.KernelExplorer(layer=layer())",
    "layer_viewer": "viewer(trainer())",
    "learning_rate_finder": "dl_lab.lr_find(trainer(), steps=20, training_steps=20)",
    "loss_landscape": "dl_lab.LossLandscape(own(nn.Linear(2, 1)), nn.MSELoss(), data)",
    "loss_plot": "dl_lab.LossPlot(trainer())",
    "playground": "dl_lab.Playground(hidden=(8,) * 8)",
    "training_choices": "dl_lab.TrainingChoices(own(nn.Linear(2, 1)), data)",
}

ROUND = """
for _ in range({tries}):
    widget = {make}
    seen.append(weakref.ref(widget))
    display(widget)
    hear(widget, "hello", have={{}})
    hear(widget, "bye")
    widget.close()
    del widget
"""


@pytest.fixture(scope="module")
def live(warm_kernels):
    with kernel(warm_kernels.manager("ipykernel-7.4")) as started:
        started.run(SETUP)
        yield started


def measured(live: Kernel) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(live.run("measure()"))
    return found


def make(stem: str) -> str:
    """Return what makes a widget; of one that needs nothing to show its class is enough."""
    name = "".join(word.capitalize() for word in stem.split("_"))
    return MAKE.get(stem, f"dl_lab.{name}()")


@pytest.mark.parametrize("stem", sorted(WIDGETS))
def test_nothing_is_left_of_a_widget_that_was_closed(live, stem):
    live.run(ROUND.format(make=make(stem), tries=3))
    before = measured(live)
    live.run(ROUND.format(make=make(stem), tries=TRIES))
    after = measured(live)
    assert after["made"] >= before["made"] + TRIES
    assert after["alive"] == before["alive"] == 0
    assert after["threads"] == []
    assert after["files"] < before["files"] + 10
    assert (after["widgets"], after["comms"]) == (before["widgets"], before["comms"])
    assert after["resident"] - before["resident"] < GROWTH


@pytest.mark.parametrize(
    ("stem", "cell", "end"),
    [
        *((stem, "the-cell", "widget") for stem in sorted(WIDGETS)),
        # Not every front end tells which cell it runs.
        ("loss_plot", None, "widget"),
        ("loss_plot", "the-cell", "display(widget)"),
        ("loss_plot", "the-cell", "None"),
    ],
)
def test_a_cell_that_runs_again_leaves_one_widget(live, stem, cell, end):
    code = f"widget = {make(stem)}\nseen.append(weakref.ref(widget))\n{end}"
    live.run("seen.clear()")
    live.run(code, cell)
    before = measured(live)
    tries = AGAIN if stem == "loss_plot" else FEW
    for _ in range(tries):
        live.run(code, cell)
    after = measured(live)
    assert after["made"] == (tries + 1) * before["made"]
    assert after["alive"] == before["alive"] == before["made"]
    assert (after["widgets"], after["comms"]) == (before["widgets"], before["comms"])
    assert after["threads"] == []
    assert after["files"] < before["files"] + 10
    assert after["resident"] - before["resident"] < GROWTH
    live.run("widget.close()\ndel widget\nseen.clear()", "the-end")


def test_several_widgets_of_a_cell_go_together(live):
    code = "t = trainer()\nfor _ in range(4): display(viewer(t), dl_lab.LossPlot(t))"
    live.run(code, "several")
    before = measured(live)
    failed = "import sys\nfailed = []\nsys.unraisablehook = failed.append"
    live.run(failed)
    for _ in range(3):
        live.run(code, "several")
    after = measured(live)
    assert (after["widgets"], after["comms"]) == (before["widgets"], before["comms"])
    assert live.run("print(failed)\nsys.unraisablehook = sys.__unraisablehook__") == "[]\n"


def shows(live: Kernel, comm: str) -> bool:
    """Whether a page that is loaded anew is told of a widget, and hears from it."""
    live.run("from ipywidgets import Widget\nstate = Widget.get_manager_state()['state']")
    told = live.run(f"print({comm!r} in state)") == "True\n"
    return told and bool(live.request(comm, "hello", view="another", have={})["ok"])


def test_a_widget_that_a_variable_holds_can_still_be_shown(live):
    live.run("plot = dl_lab.LossPlot(trainer())\nplot", "made")
    first = live.widget(PLOT)
    live.run("mine = plot", "held")
    live.run("plot = dl_lab.LossPlot(trainer())\nplot", "made")
    assert live.run("gc.collect()\nprint(mine.model_id)").endswith(f"{first}\n")
    assert shows(live, first)
    live.notify(first, "bye", view="another")
    request = live.start("mine", "shown-again")
    live.finish(request)
    data = [content["data"] for content in live.of(request, "display_data")]
    assert data[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == first
    # It is that cell which keeps it now.
    live.run("del mine\ngc.collect()")
    assert shows(live, first)


def test_a_widget_stays_for_as_long_as_another_cell_shows_it(live):
    live.run("plot = dl_lab.LossPlot(trainer())\nplot", "first")
    comm = live.widget(PLOT)
    live.run("plot", "second")
    live.run("plot = None", "first")
    assert shows(live, comm)
    live.notify(comm, "bye", view="another")
    live.run("None", "second")
    assert live.run(f"gc.collect()\nprint({comm!r} in _instances)").endswith("False\n")


def test_a_widget_stays_when_its_cell_runs_code_as_a_cell(live):
    live.run("display(dl_lab.LossPlot(trainer()))\nget_ipython().run_cell('1 + 1')", "outer")
    comm = live.widget(PLOT)
    live.run("None", "elsewhere")
    assert shows(live, comm)
    live.notify(comm, "bye", view="another")
    live.run("None", "outer")
    assert live.run(f"gc.collect()\nprint({comm!r} in _instances)").endswith("False\n")


def test_a_widget_stays_for_as_long_as_a_view_looks_on(live):
    live.run("display(dl_lab.LossPlot(trainer()))", "looked-at")
    comm = live.widget(PLOT)
    live.request(comm, "hello", view="mirror", have={})
    live.run("None", "looked-at")
    assert shows(live, comm)
    live.notify(comm, "bye", view="another")
    live.notify(comm, "bye", view="mirror")
    # The kernel closes it by itself, also when no further cell runs.
    live.wait(lambda: comm in [content["comm_id"] for content in live.all("comm_close")])
