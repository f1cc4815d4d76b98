"""Runs that nobody can stop any more, in a real kernel: those of buttons pause, code's go on."""

from __future__ import annotations

from time import monotonic

import pytest

from tests.widgets.kernel import PATIENCE, Kernel, kernel

# The trainer tells of itself: asking by a cell would count as somebody who is there.
SETUP = """
import threading, torch, dl_lab

def trainer(name):
    model = torch.nn.Linear(2, 1)
    x = torch.rand(64, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=1e-4)
    loss = torch.nn.functional.mse_loss
    made = dl_lab.Trainer(model, loss, sgd, (x, x.sum(1, keepdim=True)), name=name)
    return tell(made, name)

def tell(made, name):
    def changed():
        key = None if made.message is None else made.message.key
        print(f"<{name} {made.state} {key}>", flush=True)
    made.on_change(changed)
    return made
"""
MODULES = {
    "Playground": "dl_lab.widgets.playground.widget",
    "LossPlot": "dl_lab.widgets.loss_plot.widget",
    "LayerViewer": "dl_lab.widgets.layer_viewer.widget",
}
MAKE = {
    "Playground": "{w} = dl_lab.Playground(); t = tell({w}.trainer, '{w}')",
    "LossPlot": "t = trainer('{w}'); {w} = dl_lab.LossPlot(t)",
    "LayerViewer": (
        "t = trainer('{w}'); {w} = dl_lab.LayerViewer(t.model, torch.rand(3, 2), trainer=t)"
    ),
}
PLAY = {"Playground": "trainer.play", "LossPlot": "run.play", "LayerViewer": "run.play"}
KINDS = sorted(MODULES)


@pytest.fixture(scope="module", params=[False, True], ids=["", "subshell"])
def live(request, warm_kernels):
    with kernel(warm_kernels.manager("ipykernel-7.4")) as started:
        if request.param:
            started.use_subshell()
        started.run(SETUP)
        yield started


def show(live: Kernel, kind: str, name: str, unattended: float | None) -> str:
    code = f"{MAKE[kind].format(w=name)}\n{name}.unattended = {unattended}\ndisplay({name})"
    live.run(code, name)
    comm = live.widget(MODULES[kind])
    assert live.request(comm, "hello", view=f"view-{name}", have={})["ok"]
    return comm


def told(live: Kernel, name: str) -> list[str]:
    """Return what the run of this name has told, the newest last."""
    texts = "".join(content["text"] for content in live.all("stream"))
    return [line.split("<")[-1] for line in texts.split(">") if f"<{name} " in line]


def wait(live: Kernel, name: str, state: str, key: str | None) -> None:
    live.wait(lambda: told(live, name)[-1:] == [f"{name} {state} {key}"])


def messages(live: Kernel, plot: str) -> list[str | None]:
    """Return what a plot has told its views of why its run paused."""
    shown = [one["meta"]["runs"][0] for one in live.custom(plot) if one["kind"] == "plot.show"]
    return [None if one["message"] is None else one["message"]["key"] for one in shown]


@pytest.mark.parametrize("kind", KINDS)
def test_a_comm_that_the_page_closes_pauses_the_run(live, kind):
    name = f"closed_{kind}"
    comm = show(live, kind, name, None)
    live.request(comm, PLAY[kind])
    wait(live, name, "running", None)
    live.shell("comm_close", {"comm_id": comm, "data": {}})
    wait(live, name, "paused", "view_gone")
    # Closing goes on after that, with subshells in a thread of its own.
    end = monotonic() + PATIENCE
    while live.run(f"print({name}.comm is None)") != "True\n":
        assert monotonic() < end
    assert live.run("print(t.state)") == "paused\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_button_s_run_pauses_when_no_page_has_shown_it_for_a_while(live, kind):
    name = f"alone_{kind}"
    comm = show(live, kind, name, 1.0)
    live.request(comm, PLAY[kind])
    wait(live, name, "paused", "unattended")
    # A view that comes back is told, in both languages.
    live.request(comm, "hello", view="back", have={})
    said = live.run("from dl_lab.widgets.base.widget import sentence\nprint(sentence(t.message))")
    assert "Paused: for 1 s no page has shown this run." in said
    assert "En pausa: desde hace {time} ninguna página" in said
    if kind == "LossPlot":
        live.wait(lambda: messages(live, comm)[-1] == "unattended")
    else:
        assert live.run(f"print({name}.message['key'])") == "unattended\n"
    # And can go on.
    live.request(comm, PLAY[kind])
    live.wait(lambda: told(live, name)[-1] == f"{name} running None")
    live.run("t.pause()")


def test_what_code_started_goes_on(live):
    live.run("by_code = trainer('by_code'); compared = trainer('compared')")
    live.run("by_code.pace = compared.pace = 1000")
    coded = show(live, "LossPlot", "coded", 1.0)
    live.run("both = dl_lab.compare(by_code, compared, epochs=10**6); both.unattended = 1.0")
    live.run("t.start()", "code")
    played = show(live, "LossPlot", "played", 1.0)
    live.request(played, "run.play")
    wait(live, "played", "paused", "unattended")
    # Those had as long.
    states = "print(by_code.state, compared.state, coded.driven()[0].state)"
    assert live.run(states) == "running running running\n"
    # Code that says so also takes on a button's run.
    live.request(coded, "run.pause")
    live.request(coded, "run.play")
    live.run("coded.driven()[0].resume()")
    live.request(played, "run.play")
    count = len(told(live, "played"))
    live.wait(lambda: len(told(live, "played")) > count)
    wait(live, "played", "paused", "unattended")
    assert live.run(states) == "running running running\n"
    live.run("[one.stop() for one in (by_code, compared, coded.driven()[0])]")


def test_a_cell_that_waits_is_left_alone(live):
    comm = show(live, "LossPlot", "fitted", 1.0)
    mine = live.start("waits = threading.Event()\nprint('fit', t.fit(10**9), t.state)", "fit")
    wait(live, "fitted", "running", None)
    live.shell("comm_close", {"comm_id": comm, "data": {}})
    # It comes after the close.
    other = live.shell("comm_info_request", {})
    live.wait(lambda: live.of(other, "status", execution_state="idle"))
    assert told(live, "fitted")[-1] == "fitted running None"
    live.manager.interrupt_kernel()
    assert "fit None paused" in live.finish(mine)


def test_a_hidden_view_that_gives_signs_of_life_counts(live):
    comm = show(live, "Playground", "hidden", 2.0)
    alone = show(live, "LossPlot", "alone", 1.0)
    live.request(comm, "trainer.play")
    live.request(alone, "run.play")
    while told(live, "alone")[-1:] != ["alone paused unattended"]:
        live.notify(comm, "alive", view="view-hidden")
        live.listen(0.2)
    assert told(live, "hidden")[-1] == "hidden running None"
    wait(live, "hidden", "paused", "unattended")


def test_a_run_that_another_widget_shows_goes_on(live):
    first = show(live, "LossPlot", "twice", 1.0)
    live.run("other = dl_lab.LossPlot(t); display(other)", "other")
    second = live.widget(MODULES["LossPlot"])
    live.request(first, "run.play")
    live.shell("comm_close", {"comm_id": first, "data": {}})
    assert live.request(second, "hello", view="second", have={})["ok"]
    assert told(live, "twice")[-1] == "twice running None"
    # Until that one is alone too.
    wait(live, "twice", "paused", "unattended")


def test_what_unattended_can_be(live):
    live.run("plot = dl_lab.LossPlot(dl_lab.History())")
    said = live.run("try: plot.unattended = 0\nexcept dl_lab.errors.InputError as e: print(e)")
    assert "unattended must be a number between 1 and" in said
    assert live.run("print(plot.unattended)\nplot.unattended = None") == "300.0\n"
