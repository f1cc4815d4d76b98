"""Whether the suggested learning rate trains: ours beside fastai's valley and the steepest point.

Each case is trained `STEPS` steps with each suggestion and each rate of a grid of half decades,
from three seeds of weights and order; what counts is the median of the validation losses. Ratios
are to the best of the grid. Every seed has its own suggestion.
"""

from __future__ import annotations

import math
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from statistics import median

import numpy as np
import torch

from benchmarks.cases.learning_rate import CHOSEN_ON, KEPT_ASIDE
from dl_lab.errors import InputError
from dl_lab.train.range_test import RangeTest, Values, range_test
from dl_lab.train.short_trainings import ladder

GRID = ladder(1e-5, 10.0)
STEPS = 300
SEEDS = (0, 1, 2)
RULES = ("ours", "held out", "valley", "steepest")
"""The second is ours for a trainer without validation data."""
HOPEFUL = 5
"""So many rates of the grid, the best with the first seed, are tried with the others."""


@dataclass(frozen=True)
class Row:
    """What came of a case: under each rule's name rates and losses of each seed.

    A training has diverged that ended above where it began, which is `before` for the first seed.
    """

    name: str
    before: float
    rates: dict[str, list[float | None]]
    losses: dict[str, list[float]]
    diverged: dict[str, int]
    best: float
    best_rate: float
    cost: list[int]

    def ratio(self, rule: str) -> float | None:
        """Return how many times the grid's best loss it is; None without a suggestion."""
        losses = self.losses[rule]
        return median(losses) / self.best if losses else None


def valley(test: RangeTest) -> float | None:
    """Return fastai's suggestion: the middle of the longest run of ever lower losses.

    The run may leave out losses in between. As fastai 2 computes it: without the first tenth and
    the last five, a third of the run and half of another from its beginning
    (https://docs.fast.ai/callback.schedule.html).
    """
    rates, losses = test.rates[10:-5], test.smoothed[10:-5]
    if len(losses) < 2:  # noqa: PLR2004  # no run
        return None
    lengths = np.ones(len(losses), dtype=int)
    for at in range(1, len(losses)):
        above = lengths[:at][losses[:at] > losses[at]]
        lengths[at] = 1 + (above.max() if len(above) else 0)
    third = int(lengths.max()) / 3
    first = int(lengths.argmax()) - int(lengths.max())
    return float(rates[max(0, first + int(third) + int(third / 2))])


def steepest(test: RangeTest) -> float | None:
    """Return the rate at which the smoothed loss falls most steeply before its lowest point.

    Without the first five and the last three losses, on seven at a time, over the logarithm.
    """
    bottom = int(test.smoothed.argmin())
    places = range(5, min(bottom, len(test.rates) - 4) + 1)
    if not places:
        return None
    return float(test.rates[min(places, key=lambda at: _slope(test, at))])


def _slope(test: RangeTest, at: int) -> float:
    near = slice(at - 3, at + 4)
    fitted: Values = np.polyfit(np.log10(test.rates[near]), test.smoothed[near], 1)
    return float(fitted[0])


def run(index: int) -> Row:
    """Measure one case."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    case = (*CHOSEN_ON, *KEPT_ASIDE)[index]

    @cache
    def reached(rate: float, seed: int) -> float:
        trainer = case.trainer(rate, seed)
        try:
            trainer.step(STEPS)
        except InputError:
            return math.inf
        loss = trainer.evaluate()["validation_loss"]
        return loss if math.isfinite(loss) else math.inf

    rates: dict[str, list[float | None]] = {rule: [] for rule in RULES}
    losses: dict[str, list[float]] = {rule: [] for rule in RULES}
    diverged = dict.fromkeys(RULES, 0)
    begun = [case.trainer(1e-3, seed).evaluate()["validation_loss"] for seed in SEEDS]
    cost = []
    for seed, before in zip(SEEDS, begun, strict=True):
        test = range_test(case.trainer(1e-3, seed))
        held_out = range_test(case.trainer(1e-3, seed, validated=False))
        cost += [
            len(one.rates) + sum(training.steps for training in one.trainings)
            for one in (test, held_out)
        ]
        found = (test.suggestion, held_out.suggestion, valley(test), steepest(test))
        for rule, rate in zip(RULES, found, strict=True):
            rates[rule].append(rate)
            if rate is not None:
                losses[rule].append(reached(rate, seed))
                diverged[rule] += not losses[rule][-1] <= before
    first = {rate: reached(rate, SEEDS[0]) for rate in GRID}
    worth = sorted(first, key=first.__getitem__)[:HOPEFUL]
    grid = {rate: median([reached(rate, seed) for seed in SEEDS]) for rate in worth}
    best_rate = min(grid, key=grid.__getitem__)
    return Row(case.name, begun[0], rates, losses, diverged, grid[best_rate], best_rate, cost)


def show(row: Row) -> None:
    """Print a case's line."""
    cells = []
    for rule in RULES:
        given = sorted(rate for rate in row.rates[rule] if rate is not None)
        ratio = row.ratio(rule)
        rate = f"{median(given):9.2g}" if given else f"{'none':>9}"
        cells.append(f"{rate}{'-' if ratio is None else f'{ratio:.2f}':>7}")
    print(
        f"{row.name:42}{row.before:9.3g}{row.best_rate:8.2g}{row.best:9.3g}"
        f"{''.join(cells)}{median(row.cost):7.0f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    print(f"Suggested learning rates: validation loss after {STEPS} steps, {len(SEEDS)} seeds")
    print(f"rate: median suggestion; ratio: median loss to the best of {len(GRID)} half decades;")
    print("cost: steps that our test takes, the curve's 100 included\n")
    head = "".join(f"{rule:>9}{'ratio':>7}" for rule in RULES)
    count = len(CHOSEN_ON) + len(KEPT_ASIDE)
    # A fork would inherit torch's threads.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        found = pool.map(run, range(count))
        for title, cases in (("chosen on", CHOSEN_ON), ("kept aside", KEPT_ASIDE)):
            print(f"{title:42}{'before':>9}{'best':>8}{'loss':>9}{head}{'cost':>7}")
            rows = []
            for _ in cases:
                rows.append(next(found))
                show(rows[-1])
            for rule in RULES:
                ratios = [ratio for row in rows if (ratio := row.ratio(rule)) is not None]
                worse = sum(row.diverged[rule] for row in rows)
                none = sum(rate is None for row in rows for rate in row.rates[rule])
                print(
                    f"  {rule:10}median {median(ratios):.2f} (target 1.2), worst "
                    f"{max(ratios):.2f} (target 2), {worse} of {len(rows) * len(SEEDS)} trainings "
                    f"diverged (target 0), {none} without a suggestion"
                )
            print()


if __name__ == "__main__":
    main()
