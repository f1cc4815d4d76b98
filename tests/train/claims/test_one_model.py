"""One model, one run at a time, in a real kernel: a cell that runs again, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dl_lab.errors import InputError
from tests.widgets.kernel import Kernel, kernel

SETUP = """
import gc, weakref
import torch, dl_lab; from torch import nn; x = torch.randn(64, 4); y = x.sum(1, keepdim=True)
T = dl_lab.Trainer; sgd = lambda p, lr=.1: torch.optim.SGD(p, lr)
m = nn.Linear(4, 1)
def make(lr=.001, m=m, **more):
    return T(m, nn.MSELoss(), sgd(m.parameters(), lr), (x, y), batch_size=16, **more)
class Runs(list):
    # Knows runs and holds none.
    def states(self): return [one().state for one in self if one()]
seen = Runs()
real = T.__init__
def init(self, *args, **more):
    real(self, *args, **more); seen.append(weakref.ref(self))
T.__init__ = init
"""
CLEAN = """
for name in {"trainer", "other", "runs", "keep", "plot", "t", "it", "holder", "task", "pg"}:
    globals().pop(name, None)
for one in list(seen):
    if one(): one().pause()
del one; seen.clear()
import dl_lab.train.claims.registry
assert not dl_lab.train.claims.registry.CLAIMS._entries
"""
AGAIN = "The earlier run {name} is paused: its cell was run again"


@pytest.fixture(scope="module", params=["ipykernel-6.30", "ipykernel-7.4"])
def started(request, warm_kernels) -> Iterator[Kernel]:
    with kernel(warm_kernels.manager(request.param)) as live:
        live.run(SETUP)
        yield live


@pytest.fixture
def live(started) -> Iterator[Kernel]:
    yield started
    started.run(CLEAN)
    started.published.clear()


def states(live: Kernel) -> str:
    return live.run("print(*seen.states())").strip()


def refusal(live: Kernel, cell: str) -> str:
    request = live.start(cell)
    live.wait(lambda: live.of(request, "status", execution_state="idle"))
    error = live.of(request, "error")[0]
    assert error["ename"] == InputError.__name__
    return str(error["evalue"])


def test_compare_of_two_on_one_model_is_refused_before_anything_starts(live):
    told = refusal(live, "dl_lab.compare(make(.001), make(.002), epochs=3000)")
    assert told.startswith("run 1 and run 2 train the same weights")
    live.run("gc.collect()")
    assert "running" not in states(live)


@pytest.mark.parametrize(
    "cell",
    [
        "trainer = make(); trainer.start()",
        "trainer = make(validation=(x, y)); trainer.start()",
        "trainer = make()\ntrainer.start(10**6)",
        "m2 = nn.Linear(4, 1)\ntrainer = make(m=m2)\ntrainer.start()",
        "runs = [make()]\nruns[0].start()",
        "holder = dict(a=make())\nholder['a'].start()",
        "class Holder: pass\nholder = Holder(); holder.trainer = make(); holder.trainer.start()",
        "def run():\n    t = make()\n    t.start()\n    return t.pause\nkeep = run()",
        "make().start()",
        "plot = dl_lab.compare(make(), make(m=nn.Linear(4, 1)), epochs=10**6)\nplot",
        "plot = dl_lab.compare(make(m=nn.Linear(4, 1)), epochs=10**6)\nplot",
        "dl_lab.compare(make(), epochs=10**6)",
        "trainer = make()\nplot = dl_lab.LossPlot(trainer); display(plot)\ntrainer.start()",
        "trainer = make()\ntrainer.start()\ntrainer",
        "import asyncio\ntrainer = make()\ntrainer.start()\nawait asyncio.sleep(0)",
    ],
)
def test_a_cell_that_is_run_again_pauses_what_it_had_started(live, cell):
    live.run(cell)
    count = states(live).count("running")
    assert count
    told = live.run(cell)
    assert told.count("is paused: its cell was run again") == count
    live.run("gc.collect()")
    assert states(live).count("running") == count
    # And once more, as people do.
    assert live.run(cell).count("is paused") == count


def test_the_older_run_says_why_it_is_paused(live):
    cell = "trainer = make(); trainer.start()"
    live.run(cell)
    live.run("plot = dl_lab.LossPlot(trainer)")
    assert live.run(cell).startswith(AGAIN.format(name="trainer"))
    assert live.run("print(seen[0]().state, seen[0]().message)").startswith(
        "paused " + AGAIN.format(name="trainer")
    )
    # Nothing has ended: it could go on where it is, were its model free.
    told = refusal(live, "plot.play()")
    assert "is being trained by trainer" in told
    live.run("trainer.pause(); plot.play()")
    assert states(live) == "running paused"


def test_an_edited_cell_takes_over_the_name(live):
    live.run("trainer = make(.001); trainer.start()")
    told = live.run("trainer = make(.002)")
    assert told.startswith(AGAIN.format(name="trainer"))
    live.run("trainer.start(); gc.collect()")
    assert states(live) == "running"


@pytest.mark.parametrize(
    ("kept", "named"),
    [
        ("trainer = make(); trainer.start()", "trainer"),
        ("runs = [[make()]]; runs[0][0].start()", "runs"),
        ("holder = dict(a=(make(),)); holder['a'][0].start()", "holder"),
        ("class Holder: pass\nholder = Holder(); holder.t = make(); holder.t.start()", "holder"),
        ("def run():\n    t = make(); t.start()\n    return lambda: t\nkeep = run()", "keep"),
        (
            "from functools import partial\nkeep = partial(print, make()); keep.args[0].start()",
            "keep",
        ),
        ("def run():\n    t = make(); t.start()\n    yield t\nit = run(); _ = next(it)", "it"),
        ("plot = dl_lab.compare(make(), epochs=10**6)\nplot", "plot"),
        ("pg = dl_lab.Playground(); m3 = pg.model; pg.play()", "pg"),
    ],
)
def test_what_is_kept_is_not_paused_and_the_other_is_refused(live, kept, named):
    live.run(kept)
    model = "m3" if named == "pg" else "m"
    told = refusal(
        live, f"other = T({model}, nn.MSELoss(), sgd({model}.parameters()), (x, y)); other.start()"
    )
    assert "is being trained by" in told
    assert f" {named}" in told
    assert states(live) == "running idle"
    live.run("seen[0]().pause(); other.model is m and other.step()")


def test_a_result_that_shows_a_run_is_named(live):
    live.run("dl_lab.compare(make(), epochs=10**6)")
    assert "a run that _" in refusal(live, "other = make(); other.start()")


def test_a_coroutine_that_waits_for_a_run_holds_it(live):
    live.run("""
import asyncio
async def train():
    t = make(); t.start()
    await t.wait()
task = asyncio.get_running_loop().create_task(train())
await asyncio.sleep(0)
""")
    assert "is being trained by a run that" in refusal(live, "other = make(); other.start()")
    assert states(live) == "running idle"


def test_runs_that_one_cell_starts_in_a_loop_are_refused(live):
    told = refusal(live, "for lr in (.1, .2):\n    t = make(lr)\n    t.start()")
    assert "that the same code has started" in told
    assert states(live) == "running idle"


def test_runs_in_a_list_that_grows_go_on(live):
    live.run("runs = []")
    cell = "runs.append(make(m=nn.Linear(4, 1))); runs[-1].start()"
    for _ in range(3):
        assert not live.run(cell)
    assert states(live) == "running running running"


def test_another_cell_with_a_model_of_its_own_leaves_runs_alone(live):
    live.run("trainer = make(); trainer.start()")
    assert not live.run("trainer = make(m=nn.Linear(4, 1)); trainer.start()  # another")
    assert states(live) == "running running"


def test_a_run_that_nobody_can_pause_any_more_makes_way(live):
    live.run("make().start()")
    assert "is paused" in live.run("other = make(); other.start()")
    live.run("gc.collect()")
    assert states(live) == "running"


def test_the_test_of_rates_and_a_loop_of_ones_own_wait_for_the_run(live):
    live.run("trainer = make(); trainer.start(); other = make()")
    assert "by trainer" in refusal(live, "dl_lab.lr_find(other)")
    assert "by trainer" in refusal(live, "with dl_lab.watch(m) as run:\n    raise RuntimeError")
    assert live.run("trainer.pause(); dl_lab.lr_find(other)\nprint(other.steps)").endswith("0\n")


def test_a_loop_that_its_cell_left_open_does_not_hold_the_model(live):
    loop = "run = dl_lab.watch(m)\nfor _ in range(3):\n    run.log(loss=1.0)"
    live.run(loop)
    live.run("trainer = make(); trainer.start()")
    assert "by trainer" in refusal(live, "run.log(loss=1.0)")
    live.run("trainer.pause()")
    live.run(loop)
    # A thread's start, as a button's in a subshell: the loop's cell is over.
    start = "threading.Thread(target=trainer.step)"
    cell = f"import threading\nthread = {start}; thread.start(); thread.join()"
    live.run(cell)
    assert states(live) == "paused"


def test_a_button_does_not_start_what_would_spoil_another(live):
    live.run("trainer = make(); other = make(); plot = dl_lab.LossPlot(other); plot")
    plot = live.widget("dl_lab.widgets.loss_plot.widget")
    live.run("trainer.start()")
    for kind in ("run.play", "run.step", "run.reset"):
        reply = live.request(plot, kind, run=0)
        assert not reply["ok"]
        assert reply["error"]["key"] == "trained_by"
        assert "trainer.pause()" in reply["error"]["templates"]["es"].format(
            **reply["error"]["params"]
        )
    live.run("trainer.pause()")
    assert live.request(plot, "run.play", run=0)["ok"]
    assert states(live) == "paused running"
