from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch

import dl_lab
from dl_lab.errors import InputError
from dl_lab.theory.surfaces import SURFACES
from tests.widgets.page import Page


def bowl(p):
    return p[0] ** 2 + 10 * p[1] ** 2


class Mine(torch.optim.Optimizer):
    """A step along the sign of the gradient."""

    def __init__(self, params, lr=0.1) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for one in self.param_groups[0]["params"]:
            one.sub_(self.param_groups[0]["lr"] * one.grad.sign())


def done(race, page):
    assert page.request("hello", view="page", have={}).meta["ok"]
    assert page.wait(lambda: race._composed == race._revision and not race.is_streaming())
    return page.request("hello", view="page", have={})


def test_a_page_gets_the_ways_of_those_that_run_and_what_the_chosen_one_remembers():
    race = dl_lab.OptimizerRace(steps=60, chosen="Adam")
    shown = done(race, Page(race))
    meta, arrays = shown.meta, shown.arrays
    assert meta["running"] == ["SGD", "momentum", "RMSprop", "Adam"]
    assert (meta["ready"], meta["chosen"], meta["vectors"]) == (
        60,
        "Adam",
        ["exp_avg", "exp_avg_sq"],
    )
    assert arrays["paths"].shape == (4, 61, 2)
    p = torch.tensor([-4.0, 1.0], requires_grad=True)
    adam = torch.optim.Adam([p], lr=meta["settings"]["lr"])
    for step in range(60):
        assert arrays["paths"][3, step].tolist() == p.tolist()
        loss = p[0] ** 2 / 2 + 25 * p[1] ** 2
        assert arrays["losses"][3, step] == pytest.approx(loss.item(), rel=1e-5, abs=1e-12)
        adam.zero_grad()
        ((p[0] ** 2 + 50 * p[1] ** 2) / 2).backward()
        adam.step()
        state = adam.state[p]
        assert arrays["vectors"][0, step].tolist() == state["exp_avg"].tolist()
        assert arrays["vectors"][1, step].tolist() == state["exp_avg_sq"].tolist()
    race.close()


def test_a_learners_own_surface_and_optimizer_race():
    race = dl_lab.OptimizerRace(
        bowl, [torch.optim.Adam, Mine, functools.partial(Mine, lr=0.5)], start=(3, 2), steps=20
    )
    race.run()
    p = torch.tensor([3.0, 2.0], requires_grad=True)
    mine = Mine([p])
    for place in race.paths()["Mine"]:
        assert place.tolist() == p.tolist()
        mine.zero_grad()
        bowl(p).backward()
        mine.step()
    assert list(race.paths()) == ["Adam", "Mine", "Mine 2"]
    assert race.surface == "bowl"
    assert {"bowl", "ravine"} <= set(race.schema[0]["allowed"])
    assert "def bowl(p):" in race.source()
    race.surface = "beale"
    race.run()
    assert len(race.losses()["Mine"]) == 21
    race.close()


def test_a_setting_moved_on_the_way_counts_from_there_for_that_one_alone():
    race = dl_lab.OptimizerRace(steps=50)
    page = Page(race)
    done(race, page)
    before = race.paths()
    reply = page.request("lane.tune", lane="Adam", setting="lr", value=0.5, at=20)
    assert reply.meta["ok"] is True
    assert race.tuned == {"Adam": {"lr": 0.5}}
    race.run()
    after = race.paths()
    assert np.array_equal(after["Adam"][:21], before["Adam"][:21])
    assert not np.array_equal(after["Adam"][21:], before["Adam"][21:])
    assert np.array_equal(after["SGD"], before["SGD"])
    # Taken on anew, as after a reload, it counts from the beginning.
    race.tuned = {"Adam": {"lr": 0.4}}
    race.run()
    assert not np.array_equal(race.paths()["Adam"][1], before["Adam"][1])
    race.surface = "beale"
    assert (race.tuned, race.start) == ({}, None)
    race.close()


def test_presets_take_part_only_where_those_they_need_do():
    assert set(dl_lab.OptimizerRace().presets) == {
        *("momentum", "critical", "turned", "basins", "all")
    }
    own = dl_lab.OptimizerRace(bowl, [Mine])
    assert set(own.presets) == {"all"}
    own.use_preset("all")
    assert own.running == ("Mine",)


def test_the_map_of_basins_tells_where_the_chosen_one_ends():
    race = dl_lab.OptimizerRace("himmelblau", steps=100, running=["SGD"], basins=True)
    shown = done(race, Page(race))
    assert shown.meta["basins"]["exact"] is True
    ends = shown.meta["basins"]["ends"]
    assert len(ends) == 4
    labels, side = shown.arrays["labels"], shown.arrays["labels"].shape[0]
    sgd = functools.partial(torch.optim.SGD, lr=shown.meta["settings"]["lr"])
    for row, column in ((side // 3, side // 4), (2 * side // 3, 3 * side // 4)):
        x, y = torch.linspace(-6, 6, side)[[column, row]]
        p = torch.tensor([float(x), float(y)], requires_grad=True)
        optimizer = sgd([p])
        for _ in range(100):
            optimizer.zero_grad()
            SURFACES["himmelblau"]().function(p).backward()
            optimizer.step()
        assert math.dist(ends[labels[row, column]], p.tolist()) < 0.05
    race.set(running=["LBFGS"])
    page = Page(race)
    done(race, page)
    problem = page.request("hello", view="page", have={}).meta["basins"]["problem"]
    assert problem["key"] == "basins_together"
    race.close()


@pytest.mark.parametrize(
    "preset",
    [{"surface": name} for name in SURFACES]
    + [{"chosen": "SparseAdam", "running": ["SparseAdam"]}]
    + [
        {"running": [name], "schedule": schedule}
        for name, schedule in (("LBFGS", "constant"), ("Muon", "step"), ("NAdam", "one_cycle"))
    ],
)
def test_the_code_panel_goes_the_same_way(preset):
    race = dl_lab.OptimizerRace(steps=30, **preset)
    race.run()
    names = {}
    exec(race.source(), names)  # noqa: S102 - what a person would run
    end = race.paths()[race._chosen_name()][-1]
    assert names["p"].detach().flatten().numpy() == pytest.approx(end, rel=1e-6, nan_ok=True)
    race.close()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: dl_lab.OptimizerRace("ravin"), "surface cannot be 'ravin'; did you mean ravine"),
        (lambda: dl_lab.OptimizerRace(3), "surface must be a function of a tensor"),
        (lambda: dl_lab.OptimizerRace(lambda p: p), "must return a tensor with one number"),
        (lambda: dl_lab.OptimizerRace(bowl, x=(4, -4)), "x must be two numbers, the lower first"),
        (lambda: dl_lab.OptimizerRace(bowl, [torch.nn.Linear]), "Linear raised"),
        (lambda: dl_lab.OptimizerRace(start=3), "start must be 2 numbers"),
        (lambda: dl_lab.OptimizerRace(running=["Addam"]), "running cannot be 'Addam'; did you"),
        (lambda: dl_lab.OptimizerRace(chosen="x"), "chosen cannot be 'x'"),
        (lambda: dl_lab.OptimizerRace(tuned={"Adam": {"lr": -1}}), "lr must be a number between"),
        (lambda: dl_lab.OptimizerRace(tuned={"Adam": 3}), "tuned must map optimizers"),
        (lambda: dl_lab.OptimizerRace().tune("Adam", speed=3), "setting cannot be 'speed'"),
    ],
)
def test_what_cannot_race_gets_a_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()
