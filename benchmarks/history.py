"""A history of a million steps: what a step costs, what a row weighs, how soon a plot has it.

The peer of an append is what loops do by hand: a tuple of step, time and value into a list.
"""

from __future__ import annotations

import math
import time
import tracemalloc
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from dl_lab.pictures.runs import svg
from dl_lab.train.history.curves import curve
from dl_lab.train.history.history import History
from dl_lab.train.history.series import Series
from dl_lab.widgets.loss_plot.curves import curves
from dl_lab.widgets.loss_plot.runs import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 1_000_000
ROUNDS = 10
QUERIES = 21
PIXELS = 1000


def appended() -> tuple[History, dict[str, float]]:
    """Fill a history in rounds, in turn with its peers, and return it with ns a step."""
    history, direct, by_hand = History(), History(), []
    clock = time.perf_counter
    losses = [float(np.float32(math.exp(-step / 1000))) for step in range(STEPS // ROUNDS)]
    times: dict[str, list[float]] = {"list": [], "append": [], "series": []}
    for number in range(ROUNDS):
        first = number * len(losses)
        began = clock()
        for step, loss in enumerate(losses, first):
            by_hand.append((step, clock(), loss))
        times["list"].append(clock() - began)
        began = clock()
        for step, loss in enumerate(losses, first):
            history.append(step, train_loss=loss)
        times["append"].append(clock() - began)
        began = clock()
        series, seconds = direct.series("train_loss"), direct.seconds
        for step, loss in enumerate(losses, first):
            series.append(step, seconds(), loss)
        times["series"].append(clock() - began)
    return history, {name: median(each) / len(losses) * 1e9 for name, each in times.items()}


def bytes_a_row() -> float:
    """Return what the process allocates for a row, the reserve included."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    history = History()
    series = history.series("train_loss")
    count = STEPS // 10
    for step in range(count):
        series.append(step, 0.0, 0.5)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / count


def long_history() -> History:
    """Return a million noisy steps of two series, in a thousand epochs."""
    steps = np.arange(STEPS)
    noise = np.random.default_rng(0).normal(size=STEPS)
    values = (np.exp(-steps / 2e5) + 0.1 * noise).astype(np.float32)
    columns = {"steps": steps, "times": steps / 2000, "values": values}
    history = History()
    state: dict[str, Any] = {"seconds": 500.0, "epochs": steps[999::1000]}
    history.load_state_dict({**state, "series": {"train_loss": columns, "train_mae": columns}})
    return history


def stretches() -> None:
    """Print the processor's time for lows and highs of series of other lengths."""
    generator = np.random.default_rng(0)
    print(f"\n{'Lows and highs of':44}{'800 px ms':>17}{'4,000 px':>10}")
    for dtype in ("f4", "f8"):
        for rows in (10_000, 100_000, 1_000_000, 3_000_000):
            values = generator.normal(size=rows).astype(dtype)
            series = Series.of("loss", np.arange(rows), np.arange(rows) / 2000, values)
            few, many = (
                milliseconds(
                    lambda pixels=pixels, of=series: of.envelope(pixels=pixels),  # type: ignore[misc]
                    time.process_time,
                )[1]
                for pixels in (800, 4000)
            )
            print(f"{f'{rows:,} rows of {dtype}':44}{few:17.3f}{many:10.3f}")


def milliseconds(
    act: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Return the first time and the median of the others."""
    times = []
    for _ in range(QUERIES):
        began = clock()
        act()
        times.append(1000 * (clock() - began))
    return times[0], median(times[1:])


def main() -> None:
    """Print the tables."""
    history, costs = appended()
    print(f"History: {STEPS:,} steps of one series, medians of {ROUNDS} interleaved rounds\n")
    print(f"{'list.append((step, time, value))':44}{costs['list']:8.0f} ns a step")
    print(f"{'history.append(step, train_loss=value)':44}{costs['append']:8.0f} ns (target 1000)")
    print(f"{'series.append(step, seconds(), value)':44}{costs['series']:8.0f} ns")
    print(f"{'memory with reserve':44}{bytes_a_row():8.1f} bytes a row (target 16)")
    del history

    history = long_history()
    print(f"\nCurves of {STEPS:,} rows in {PIXELS} stretches{'first ms':>21}{'later ms':>10}")
    windows: dict[str, dict[str, Any]] = {
        "all steps": {},
        "a tenth": {"low": 450_000, "high": 550_000},
        "500 steps": {"low": 500_000, "high": 500_500},
        "all epochs": {"axis": "epoch"},
        "all of the time": {"axis": "time"},
        "all steps, logarithmic": {"scale": "log"},
        "all steps, smoothed": {"smoothing": 0.9},
    }
    for label, window in windows.items():
        first, later = milliseconds(
            lambda window=window: curve(history, "train_loss", pixels=PIXELS, **window)  # type: ignore[misc]
        )
        print(f"{label:44}{first:17.2f}{later:10.2f}")

    stretches()

    runs: Any = [Recorded(history) for _ in range(4)]
    asked = {
        "pixels": 4096,
        "smoothing": 0.9,
        "series": [[run, name] for run in range(4) for name in history.names],
    }
    first, later = milliseconds(lambda: curves(runs, asked, "linear"))
    size = sum(array.nbytes for array in curves(runs, asked, "linear")[1].values())
    print(f"\n{'reply of 8 curves':44}{first:17.2f}{later:10.2f}{size:12,} bytes (target 256,000)")
    pictured = {f"run {index}": history for index in range(4)}
    first, later = milliseconds(lambda: svg(pictured))
    size = len(svg(pictured).encode())
    print(f"{'picture of 8 curves':44}{first:17.2f}{later:10.2f}{size:12,} bytes (target 40,000)")


if __name__ == "__main__":
    main()
