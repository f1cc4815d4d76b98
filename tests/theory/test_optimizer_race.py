"""Paths of a race are those of plain loops, bit for bit; so are many starts in one tensor."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch.optim import lr_scheduler

from dl_lab.errors import InputError
from dl_lab.theory.basins import AWAY, Basins
from dl_lab.theory.optimizer_race import (
    SCHEDULES,
    Race,
    curvatures,
    damping,
    entrants,
    settings_of,
    starting_rates,
    torchs,
)
from dl_lab.theory.slices import network_surface
from dl_lab.theory.surfaces import SURFACES, Surface, levels, own_surface

STEPS = 40
EVERY = entrants(None, {})


class Pull(torch.optim.Optimizer):
    """A person's own: a step along the sign, with noise, and a memory of its own."""

    def __init__(self, params, lr=0.1) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for one in group["params"]:
                state = self.state[one]
                state["last"] = one.grad.sign() + 0.1 * torch.randn(2)
                one.sub_(group["lr"] * state["last"])


def plain(optimizer_of, function, start, steps=STEPS, schedule=None, change=None):
    """Go the loop of a textbook; return where it has been."""
    p = torch.tensor([float(one) for one in start], requires_grad=True)
    try:
        optimizer = optimizer_of([p])
    except ValueError:  # Muon
        p = torch.tensor([[float(one) for one in start]], requires_grad=True)
        optimizer = optimizer_of([p])
    scheduler = None if schedule is None else schedule(optimizer)
    places = [p.detach().flatten().clone()]

    def closure():
        optimizer.zero_grad()
        loss = function(p.view(2))
        loss.backward()
        return loss

    for step in range(steps):
        if change is not None and step == change[0]:
            for group in optimizer.param_groups:
                group.update(change[1])
        if isinstance(optimizer, torch.optim.LBFGS):
            optimizer.step(closure)
        else:
            closure()
            if isinstance(optimizer, torch.optim.SparseAdam):
                p.grad = p.grad.to_sparse()
            optimizer.step()
        if scheduler is not None:
            scheduler.step()
        places.append(p.detach().flatten().clone())
        if not places[-1].isfinite().all():
            break
    return torch.stack(places)


def walked(race, name):
    race.advance([name])
    return torch.tensor(race.lanes[name].points)


def same(a, b):
    return torch.equal(a.nan_to_num(), b.nan_to_num())


def test_every_optimizer_of_torch_takes_part():
    makers = {one.make.func for one in EVERY.values()}
    assert makers == set(torchs().values())
    assert len(EVERY) >= 16


@pytest.mark.parametrize("surface", [*SURFACES, "network"])
def test_each_path_is_the_plain_loops_bit_for_bit(surface):
    made = network_surface() if surface == "network" else SURFACES[surface]()
    runners = entrants(None, starting_rates(made))
    race = Race(made, runners, steps=STEPS)
    for name, one in runners.items():
        assert same(walked(race, name), plain(one.make, made.function, made.start)), name


@pytest.mark.parametrize(
    ("schedule", "plainly"),
    [
        ("step", lambda one: lr_scheduler.StepLR(one, STEPS // 3, 0.3)),
        ("exponential", lambda one: lr_scheduler.ExponentialLR(one, 0.01 ** (1 / STEPS))),
        ("cosine", lambda one: lr_scheduler.CosineAnnealingLR(one, STEPS)),
        ("warmup", lambda one: lr_scheduler.LinearLR(one, 0.05, 1.0, STEPS // 5)),
        (
            "one_cycle",
            lambda one: lr_scheduler.OneCycleLR(
                one, 0.05, total_steps=STEPS + 1, cycle_momentum=False
            ),
        ),
    ],
)
def test_schedules_are_torchs_own(schedule, plainly):
    made = SURFACES["ravine"]()
    runners = entrants(["Adam", "momentum"], {"Adam": 0.05, "momentum": 0.05})
    race = Race(made, runners, steps=STEPS, schedule=schedule)
    for name, one in runners.items():
        there = plain(one.make, made.function, made.start, schedule=plainly)
        assert same(walked(race, name), there), name
    assert {schedule} <= set(SCHEDULES)


def test_a_setting_changed_on_the_way_counts_from_its_step_on():
    made = SURFACES["beale"]()
    race = Race(made, entrants(["Adam"], {"Adam": 0.1}), steps=STEPS)
    before = walked(race, "Adam")
    race.tune("Adam", 15, {"lr": 0.5, "beta1": 0.5})
    assert race.lanes["Adam"].done == 15
    changed = {"lr": 0.5, "betas": (0.5, 0.999)}
    there = plain(
        lambda p: torch.optim.Adam(p, lr=0.1), made.function, made.start, change=(15, changed)
    )
    after = walked(race, "Adam")
    assert same(after, there)
    assert same(after[:16], before[:16])
    assert not same(after, before)


def test_a_rate_changed_under_a_schedule_goes_on_in_proportion():
    made = SURFACES["ravine"]()
    race = Race(made, entrants(["SGD"], {"SGD": 0.01}), steps=STEPS, schedule="cosine")
    race.tune("SGD", 20, {"lr": 0.02})
    walked(race, "SGD")
    rates = race.lanes["SGD"].rates
    expected = [0.005 * (1 + math.cos(math.pi * step / STEPS)) for step in range(STEPS)]
    assert rates[:20] == pytest.approx(expected[:20])
    assert rates[20:] == pytest.approx([2 * one for one in expected[20:]])


def test_what_an_optimizer_remembers_is_its_state():
    made = SURFACES["rosenbrock"]()
    race = Race(made, entrants(["Adam"], {"Adam": 0.1}), steps=3)
    places = walked(race, "Adam").double()
    memory = race.lanes["Adam"].memory()
    mean, square = torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for step in range(3):
        x, y = places[step]
        gradient = torch.stack([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        assert memory["gradients"][step] == pytest.approx(gradient.numpy(), rel=1e-4)
        assert memory["vectors"][0, step] == pytest.approx(mean.numpy(), rel=1e-4)
        assert memory["vectors"][1, step] == pytest.approx(square.numpy(), rel=1e-4)
    assert list(race.lanes["Adam"].vectors) == ["exp_avg", "exp_avg_sq"]
    assert memory["numbers"][0].tolist() == [1, 2, 3]


def test_ones_own_optimizer_draws_its_own_numbers_and_nobody_elses():
    made = SURFACES["ravine"]()
    race = Race(made, entrants([Pull], {}), steps=STEPS, seed=7)
    before = torch.get_rng_state()
    found = walked(race, "Pull")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    assert same(found, plain(Pull, made.function, made.start))
    race.tune("Pull", 30, {"lr": 0.2})
    assert same(walked(race, "Pull")[:31], found[:31])


def test_mini_batches_and_noise_are_the_same_for_all_and_begin_with_the_seed():
    made = SURFACES["fit"]()
    runners = entrants(["SGD", "Adam"], {"SGD": 0.02, "Adam": 0.05})
    race = Race(made, runners, steps=STEPS, batch=4, noise=0.1, seed=3)
    draw = torch.Generator().manual_seed(3)
    noise = torch.randn(STEPS, 2, generator=draw)
    rows = [torch.multinomial(torch.ones(64), 4, generator=draw) for _ in range(STEPS)]
    scale = (race._noise / noise)[0, 0]

    for name, one in runners.items():
        step = iter(range(STEPS))

        def function(p, step=step):
            at = next(step)
            return made.on_rows(p, rows[at]) + (p * (scale * noise[at])).sum()

        there = plain(one.make, function, made.start)
        assert torch.allclose(walked(race, name), there, atol=1e-4)
    other = Race(made, runners, steps=STEPS, batch=4, noise=0.1, seed=4)
    assert not same(walked(other, "SGD"), walked(race, "SGD"))


@pytest.mark.parametrize("surface", ["himmelblau", "rosenbrock", "beale", "camel"])
def test_many_starts_in_one_tensor_go_the_ways_they_would_alone(surface):
    made = SURFACES[surface]()
    rates = starting_rates(made)
    names = ["SGD", "momentum", "Nesterov", "Adagrad", "RMSprop", "Rprop", "Adam", "NAdam"]
    for name in names:
        race = Race(made, entrants([name], rates), steps=STEPS)
        found = Basins(race, name, side=12)
        found.advance()
        assert found.exact, name
        ends = found._together.parameter.detach()
        x, y = (torch.linspace(*one, 12) for one in (made.x, made.y))
        for at in (0, 17, 77, 143):
            start = float(x[at % 12]), float(y[at // 12])
            alone = plain(race.lanes[name].entrant.make, made.function, start)[-1]
            assert same(ends[at], alone) or not alone.isfinite().all(), (name, at)


def test_basins_are_where_each_start_ends():
    made = SURFACES["himmelblau"]()
    race = Race(made, entrants(["SGD"], {"SGD": 0.01}), steps=200)
    found = Basins(race, "SGD", side=15)
    found.advance()
    labels = found.labels()
    assert len(found.ends) == 4
    for end in found.ends:
        assert min(math.dist(end, one) for one in made.minima) < 0.01
    x, y = (torch.linspace(*one, 15) for one in (made.x, made.y))
    for row, column in ((3, 4), (11, 11), (5, 13), (12, 2)):
        end = plain(lambda p: torch.optim.SGD(p, lr=0.01), made.function, (x[column], y[row]), 200)
        label = int(labels[row, column])
        if label == AWAY:
            assert not end[-1].isfinite().all()
        else:
            assert math.dist(found.ends[label], end[-1].tolist()) < 0.05


@pytest.mark.parametrize("name", ["LBFGS", "Adafactor", "Muon"])
def test_an_optimizer_that_mixes_weights_has_no_map(name):
    made = SURFACES["himmelblau"]()
    race = Race(made, entrants([name], starting_rates(made)), steps=STEPS)
    found = Basins(race, name, side=10)
    with pytest.raises(InputError, match=f"{name} goes other ways when many starts"):
        found.advance()


def test_damping_is_how_a_quadratic_shrinks():
    curvature = 2.0
    for rate, momentum in ((0.1, 0.0), (0.1, 0.9), (0.3, 0.5), (0.9, 0.0), (1.2, 0.0), (0.45, 0.2)):
        one = damping(curvature, rate, momentum)
        x = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
        sgd = torch.optim.SGD([x], lr=rate, momentum=momentum)
        sizes, signs = [], []
        for _ in range(300):
            sgd.zero_grad()
            (curvature / 2 * x**2).sum().backward()
            sgd.step()
            sizes.append(float(x.detach().abs()))
            signs.append(bool(x.detach() > 0))
        late = [size for size in sizes if 1e-100 < size < 1e100]
        shrunk = (max(late[-40:]) / max(late[:40])) ** (1 / (len(late) - 40))
        assert one.factor == pytest.approx(shrunk, abs=0.02), (rate, momentum)
        turns = sum(a != b for a, b in pairwise(signs))
        assert (one.phase == "over") == (turns == 0), (rate, momentum)
        assert (one.phase == "diverging") == (one.factor > 1)
    critical = (1 - math.sqrt(0.1 * curvature)) ** 2
    assert damping(curvature, 0.1, critical).phase == "critical"


def test_curvature_and_contours():
    assert curvatures(SURFACES["rosenbrock"](), (1, 1)) == pytest.approx([0.3994, 1001.6], rel=1e-3)
    found = levels(torch.tensor([[0.0, 1.0], [math.nan, 4.0]]))
    assert found == sorted(set(found))
    assert levels(torch.full((2, 2), math.nan)) == []
    for make in SURFACES.values():
        surface = make()
        grid = surface.grid()
        assert grid.shape == (81, 81)
        corner = surface.function(torch.tensor([surface.x[1], surface.y[0]], dtype=torch.float32))
        assert float(grid[0, -1]) == pytest.approx(float(corner), rel=1e-5)
        for minimum in surface.minima:
            lowest = float(surface.function(torch.tensor(minimum, dtype=torch.float32)))
            assert lowest <= float(grid.min()) + 1e-6


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda p: p, "must return a tensor with one number; got"),
        (lambda _: 3.0, "must return a tensor with one number; got 3.0"),
        (lambda p: (p**2).sum().detach(), "No gradient can flow"),
        (lambda p: (p[0] - 5).log(), r"At the start, \(1, 2\), the surface .* is nan"),
        (lambda p: p[2], "raised IndexError"),
    ],
)
def test_a_surface_that_cannot_be_raced_on_gets_a_sentence(function, sentence):
    with pytest.raises(InputError, match=sentence):
        own_surface(function, (-4, 4), (-4, 4), (1, 2))


def test_a_surface_with_branches_is_drawn_one_place_at_a_time():
    def stepped(p):
        return p[0] ** 2 if p[1].item() > 0 else p[0] ** 2 + 1

    surface = own_surface(stepped, (-1, 1), (-1, 1), (0.5, 0.5))
    grid = surface.grid()
    assert grid.shape == (41, 41)
    assert (float(grid[0, 0]), float(grid[-1, 0])) == (2.0, 1.0)
    holes = Surface(lambda p: p[0].log() + p[1], (-1, 1), (0, 1), (0.5, 0.5), own=True)
    assert bool(holes.grid()[0, 0].isnan())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["Adamm"], "optimizers cannot be 'Adamm'; did you mean Adam"),
        ([3], "optimizers must be classes of torch.optim"),
        ([torch.optim.SGD([torch.zeros(1)], lr=1)], "optimizers must be classes"),
        ([], "optimizers cannot be empty"),
        (["Adam"] * 25, "at most 24"),
    ],
)
def test_what_is_no_optimizer_gets_a_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence):
        entrants(given, {})


def test_what_makes_no_optimizer_is_told_when_it_is_made():
    for make, sentence in (
        (lambda _: 3, "optimizers must be classes"),
        (lambda _: 1 / 0, "own raised ZeroDivisionError"),
    ):
        (one,) = entrants([make], {}).values()
        with pytest.raises(InputError, match=sentence):
            one.fresh((0, 0))


def test_one_that_raises_on_the_way_ends_alone():
    class Breaks(torch.optim.SGD):
        def step(self):
            raise RuntimeError("worn out")

    race = Race(SURFACES["ravine"](), entrants([Breaks, "Adam"], {"Adam": 0.1}), steps=STEPS)
    race.advance()
    assert str(race.lanes["Breaks"].problem) == "Breaks raised RuntimeError in step 0: worn out."
    assert race.lanes["Adam"].done == STEPS
    assert settings_of(race.lanes["Adam"].optimizer)["lr"] == 0.1
