from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.theory.training_choices import (
    SWITCHES,
    Choices,
    Pair,
    Recipe,
    Run,
    augmented,
    binary,
    build,
    moons,
    own_problem,
    problem,
)


def finished(run):
    while not run.done:
        run.advance()
    return run


def moon_recipe(**changes: object):
    train, test, loss = problem("moons", 60)
    return Recipe(train, test, loss, **changes)


# Measured with scikit-learn's moons and plain loops before any of this was written.
@pytest.mark.parametrize(
    ("choices", "changes", "test", "best"),
    [
        (Choices(), {}, 1.78, (0.210, 15)),
        (Choices(weight_decay=0.01), {}, 0.24, None),
        (Choices(weight_decay=0.1), {"optimizer": "AdamW"}, 1.49, None),
        (Choices(dropout=0.5), {}, 2.06, None),
        (Choices(), {"width": 4}, 0.34, None),
    ],
)
def test_overfitting_is_what_was_measured_elsewhere(choices, changes, test, best):
    run = finished(Run(moon_recipe(**changes), choices))
    assert run.numbers()["test"] == pytest.approx(test, abs=0.06)
    assert run.rows[-1][2] == run.numbers()["test"]
    if best is not None:
        assert run.best == pytest.approx(best, abs=2e-3)
        assert run.numbers()["train"] < 0.005


def test_a_run_is_the_plain_loop():
    recipe = moon_recipe(width=16, steps=40, learning_rate=0.02, seed=3)
    run = finished(Run(recipe, Choices()))
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    adam = torch.optim.Adam(net.parameters(), 0.02)
    x, y = recipe.train
    for _ in range(40):
        adam.zero_grad()
        functional.binary_cross_entropy_with_logits(net(x)[:, 0], y).backward()
        adam.step()
    assert torch.allclose(run.model(x), net(x), atol=1e-5)
    accuracy = ((net(recipe.test[0])[:, 0] > 0) == (recipe.test[1] > 0.5)).float().mean()
    assert run.numbers()["accuracy"] == pytest.approx(float(accuracy), abs=2e-3)


def test_early_stopping_takes_the_best_weights_back():
    plain = finished(Run(moon_recipe(), Choices()))
    run = finished(Run(moon_recipe(), Choices(patience=30)))
    assert run.stopped == 45 == run.best[1] + 30
    assert run.best == plain.best
    assert run.numbers()["test"] == pytest.approx(run.best[0], abs=1e-6)


def digits_recipe(layers, width, steps, rate, examples=1400):
    train, test, loss = problem("digits", examples)
    return Recipe(
        train, test, loss, layers=layers, width=width, optimizer="SGD", steps=steps,
        learning_rate=rate,
    )  # fmt: skip


def test_batch_norm_lets_a_deep_network_learn():
    recipe = digits_recipe(6, 64, 66, 0.1)
    without, with_it = (finished(Run(recipe, Choices(batch_norm=on))) for on in (False, True))
    # As measured: at most a guess without, .97 of other digits with it.
    assert without.numbers()["accuracy"] <= 0.15
    assert with_it.numbers()["accuracy"] > 0.85
    kinds = [type(one) for one in with_it.model]
    assert kinds.count(nn.BatchNorm1d) == 6


def test_initialization_keeps_the_signal_or_lets_it_fade():
    # Ten layers of 256 ReLUs on normal inputs, as measured: first and last spread.
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(512, 256, generator=draw)
    data = (x, torch.zeros(512, dtype=torch.long))
    expected = {
        "small": (0.09, 2e-10),
        "large": (9, 3e10),
        "xavier": (0.58, 0.016),
        "he": (0.82, 0.77),
        "default": (0.34, 9e-5),
    }
    for how, (first, last) in expected.items():
        recipe = Recipe(data, data, functional.cross_entropy, layers=10, width=256)
        made = Run(recipe, Choices(initialization=how))
        for layer in made.model:
            if isinstance(layer, nn.Linear):
                # Those that PyTorch draws keep some of the spread alive.
                nn.init.zeros_(layer.bias)
        spreads, _ = made.signal()
        assert len(spreads) == 10
        assert spreads[0] == pytest.approx(first, rel=0.1), how
        assert math.log10(spreads[-1]) == pytest.approx(math.log10(last), abs=0.45), how


def test_relus_die_at_a_large_rate():
    # As measured with 100 units: 2 % at .5, 98 % at 2.
    train, test, loss = problem("digits", 1400)
    share = {}
    for rate in (0.5, 2.0):
        recipe = Recipe(
            train, test, loss, layers=1, width=100, optimizer="SGD", steps=220,
            batch_size=32, learning_rate=rate,
        )  # fmt: skip
        share[rate] = finished(Run(recipe, Choices())).numbers()["dead"]
    assert share[0.5] < 0.1
    assert share[2.0] > 0.85


def test_the_points_are_scikit_learns():
    points, labels = moons(1060)
    # `sklearn.datasets.make_moons(1060, noise=0.3, random_state=0)`, its first and last rows.
    assert points.shape == (1060, 2)
    assert int(labels.sum()) == 530
    again, _ = moons(1060)
    assert torch.equal(points, again)
    learn = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn to compare with")
    x, y = learn.make_moons(1060, noise=0.3, random_state=0)
    assert torch.allclose(points.double(), torch.from_numpy(x), atol=1e-6)
    assert labels.tolist() == y.tolist()


def test_each_image_moves_by_itself_and_nothing_comes_in_from_the_other_side():
    images = torch.zeros(400, 1, 8, 8)
    images[:, 0, 3, 4] = 1.0
    torch.manual_seed(0)
    moved = augmented(images, 0.25)
    assert moved.shape == images.shape
    assert torch.equal(moved.flatten(1).sum(1), torch.ones(400))
    places = {tuple(one.nonzero()[0].tolist()[1:]) for one in moved}
    assert places == {(row, column) for row in range(1, 6) for column in range(2, 7)}
    points = torch.zeros(4000, 2)
    assert float(augmented(points, 0.2).std()) == pytest.approx(0.2, rel=0.05)


def test_two_runs_differ_in_the_switch_alone():
    choices = Choices("he", batch_norm=True, dropout=0.5, weight_decay=0.1, patience=9)
    neutral = Choices()
    recipe = moon_recipe(width=8, steps=10)
    for switch in SWITCHES:
        pair = Pair(recipe, switch, choices)
        assert pair.left.choices == neutral
        told = {
            name
            for name in vars(neutral)
            if getattr(pair.right.choices, name) != getattr(neutral, name)
        }
        name = "patience" if switch == "early_stopping" else switch
        assert told == ({name} if switch != "augmentation" else set())
        pair.advance(0)
        assert pair.left.step == pair.right.step == 1
    for first, second in zip(
        Run(recipe, neutral).model.parameters(),
        Run(recipe, Choices(weight_decay=0.1)).model.parameters(),
        strict=True,
    ):
        assert torch.equal(first, second)


def test_the_random_state_stays_where_it_is():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    finished(Run(moon_recipe(width=8, steps=10), Choices(dropout=0.5, augmentation=0.1)))
    assert torch.equal(torch.get_rng_state(), before)


def test_own_model_and_data():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(80, 3, generator=draw)
    train, test, loss = own_problem((x, x.sum(1)), None)
    assert (len(train[0]), len(test[0])) == (60, 20)
    assert loss is functional.mse_loss
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    first = net[0].weight.detach().clone()
    run = finished(Run(Recipe(train, test, loss, net, steps=200), Choices(dropout=0.2)))
    assert torch.equal(net[0].weight, first)
    assert [type(one) for one in run.model] == [nn.Linear, nn.Tanh, nn.Dropout, nn.Linear]
    assert run.rows[-1][2] < 0.1 * run.rows[0][2]
    labels = (x.sum(1) > 0).long()
    _, _, entropy = own_problem((x, labels), None)
    assert entropy is functional.cross_entropy


def test_what_does_not_go_together_is_said():
    x = torch.randn(80, 3)
    with pytest.raises(InputError) as refused:
        own_problem((x, x[:3]), None)
    assert refused.value.key == "choices_data"
    with pytest.raises(InputError) as refused:
        own_problem((x[:9], x[:9]), None)
    assert refused.value.key == "choices_rows"
    train, test, loss = own_problem((x, x.sum(1)), None)
    with pytest.raises(InputError) as refused:
        Run(Recipe(train, test, loss, nn.Linear(4, 1)), Choices())
    assert "4" in str(refused.value)

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 1)

        def forward(self, x):
            return self.inner(x)

    assert build(Recipe(train, test, loss, Own()), Choices(initialization="he")) is not None
    with pytest.raises(InputError) as refused:
        build(Recipe(train, test, loss, Own()), Choices(dropout=0.5))
    assert refused.value.key == "choices_sequential"


def test_a_run_that_takes_off_stops():
    run = finished(Run(moon_recipe(optimizer="SGD", learning_rate=1e6), Choices()))
    assert run.diverged or run.rows[-1][1] > 10
    recipe = moon_recipe(optimizer="SGD", learning_rate=10.0)

    def steep(outputs, targets):
        return binary(outputs[:, None], targets) * 1e30

    wild = Recipe(recipe.train, recipe.test, steep, optimizer="SGD")
    run = finished(Run(wild, Choices()))
    assert run.diverged
    assert run.stopped == run.rows[-1][0]
