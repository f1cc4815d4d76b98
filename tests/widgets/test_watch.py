"""`dl_lab.watch` in real kernels: the plot's buttons hold a cell that is running."""

from __future__ import annotations

import os
import signal

import pytest

import dl_lab
from tests.widgets.kernel import Kernel, kernel

# Names of kernels, and whether the page sends its widgets' messages over a subshell.
WAYS = [("ipykernel-6.30", False), ("ipykernel-7.4", False), ("ipykernel-7.4", True)]
PLOT = "dl_lab.widgets.loss_plot.widget"

LOOP = """
import torch, dl_lab
model = torch.nn.Linear(2, 1)
sgd = torch.optim.SGD(model.parameters(), lr=0.5)
with dl_lab.watch(model, sgd, name="mine") as run:
    while True:
        x = torch.rand(8, 2)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        sgd.zero_grad(); loss.backward(); sgd.step()
        run.log(loss=loss)
print("ended", run.state, run.learning_rate)
"""

FIT = """
import torch, dl_lab
model = torch.nn.Linear(2, 1)
x = torch.rand(64, 2)
sgd = torch.optim.SGD(model.parameters(), lr=0.5)
trainer = dl_lab.Trainer(model, torch.nn.functional.mse_loss, sgd, (x, x.sum(1, keepdim=True)))
display(dl_lab.LossPlot(trainer))
trainer.fit(10**8)
print("ended", trainer.state, trainer.learning_rate)
"""


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: way[0] + "-subshell" * way[1])
def live(request, warm_kernels):
    name, subshell = request.param
    with kernel(warm_kernels.manager(name)) as started:
        if subshell:
            started.use_subshell()
        yield started


def state(live: Kernel, plot: str) -> dict[str, object]:
    """Return what the plot's stream says of its run now, as a new view hears it."""
    count = len(shown(live, plot))
    live.request(plot, "hello", view="test", have={})
    live.wait(lambda: len(shown(live, plot)) > count)
    return shown(live, plot)[-1]["meta"]["runs"][0]


def shown(live: Kernel, plot: str) -> list[dict[str, object]]:
    return [body for body in live.custom(plot) if body["kind"] == "plot.show"]


def until(live: Kernel, plot: str, wanted: str) -> dict[str, object]:
    while (now := state(live, plot))["state"] != wanted:
        pass
    return now


def test_a_running_cell_is_paused_stepped_and_stopped(live):
    live.published.clear()
    cell = live.start(LOOP)
    plot = live.widget(PLOT)
    assert until(live, plot, "running")["learning_rate"] == 0.5
    assert live.request(plot, "run.pause", run=0) == {"ok": True}
    paused = until(live, plot, "paused")
    assert state(live, plot)["step"] == paused["step"] > 0

    live.request(plot, "run.step", run=0, steps=3)
    while state(live, plot)["step"] < paused["step"] + 3:
        pass
    assert until(live, plot, "paused")["step"] == paused["step"] + 3

    assert live.request(plot, "learning_rate.set", run=0, value=0.125) == {"ok": True}
    while state(live, plot)["learning_rate"] != 0.125:
        pass
    live.request(plot, "run.play", run=0)
    while state(live, plot)["step"] <= paused["step"] + 3:
        pass
    assert not live.of(cell, "status", execution_state="idle")
    assert live.request(plot, "run.stop", run=0) == {"ok": True}
    assert live.finish(cell) == "ended finished 0.125\n"


def test_what_is_no_widgets_message_waits_its_turn(live):
    live.published.clear()
    cell = live.start(LOOP)
    plot = live.widget(PLOT)
    until(live, plot, "running")
    later = [live.start(f"print('cell', {index}, run.state)") for index in range(3)]
    completion = live.client.complete("run.hist")
    # Widgets are heard before them, and they are not lost.
    live.request(plot, "run.pause", run=0)
    until(live, plot, "paused")
    assert not any(live.of(one, "execute_input") for one in later)
    live.request(plot, "run.stop", run=0)
    live.finish(cell)
    for index, one in enumerate(later):
        assert live.finish(one) == f"cell {index} finished\n"
    live.wait(lambda: live.of(completion, "status", execution_state="idle"))
    order = [
        message["parent_header"]["msg_id"]
        for message in live.published
        if message["msg_type"] == "execute_input"
    ]
    assert order == [cell, *later]


def test_fit_in_a_cell_is_paused_from_its_plot(live):
    live.published.clear()
    cell = live.start(FIT)
    plot = live.widget(PLOT)
    until(live, plot, "running")
    assert live.request(plot, "learning_rate.set", run=0, value=0.125) == {"ok": True}
    assert live.request(plot, "run.pause", run=0) == {"ok": True}
    assert live.finish(cell) == "ended paused 0.125\n"


def test_an_interrupt_ends_a_pause_and_spares_the_kernel(live):
    live.published.clear()
    pid = int(live.run("import os; print(os.getpid())"))
    cell = live.start(LOOP)
    plot = live.widget(PLOT)
    until(live, plot, "running")
    live.request(plot, "run.pause", run=0)
    until(live, plot, "paused")
    live.manager.interrupt_kernel()
    live.wait(lambda: live.of(cell, "status", execution_state="idle"))
    (error,) = live.of(cell, "error")
    assert error["ename"] == "KeyboardInterrupt"
    # One that comes when no cell runs changes nothing: sent by ourselves, for there is no cell
    # whose end would tell that it has come.
    os.kill(pid, signal.SIGINT)
    assert live.run("print(run.state, run.message.key)") == "finished loop_interrupted\n"


def test_figures_of_the_running_cell_stay_whole(live):
    live.published.clear()
    live.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
    cell = live.start("figure, axes = plt.subplots()" + LOOP + "axes.plot([1, 2])\n")
    plot = live.widget(PLOT)
    until(live, plot, "running")
    live.request(plot, "run.stop", run=0)
    live.finish(cell)
    pictures = [output for output in live.of(cell, "display_data") if "image/png" in output["data"]]
    assert len(pictures) == 1


def test_outside_of_a_notebook_it_shows_nothing():
    with dl_lab.watch(steps=2) as run:
        run.log(loss=1.0)
    assert (run.state, run.progress.last_step) == ("finished", 2)
