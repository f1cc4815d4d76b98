"""A history as a table: pandas, comma-separated text, Parquet."""

from __future__ import annotations

import importlib
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from dl_lab import paths
from dl_lab.errors import InputError
from dl_lab.train.checkpoint.atomic_write import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    from dl_lab.train.history.series import Series

    Items = Sequence[tuple[str, Series]]

HEADER = "series,step,seconds,value\n"

_CHUNK = 10_000
_SERIES = 2**32


def frame(items: Items) -> Any:  # noqa: ANN401 - pandas need not be installed
    """Return all rows of all series as a pandas table."""
    pandas = _library("pandas")
    columns = _columns(items)
    names, codes = columns.pop("series")
    series = pandas.Categorical.from_codes(codes, categories=names)
    return pandas.DataFrame({"series": series, **columns})


def write_parquet(items: Items, path: str | PathLike[str]) -> None:
    """Write all rows of all series as a Parquet file."""
    place = paths.file("path", path)
    arrow, parquet = _library("pyarrow"), _library("pyarrow.parquet")
    columns = _columns(items)
    names, codes = columns.pop("series")
    series = arrow.DictionaryArray.from_arrays(arrow.array(codes), arrow.array(names, "string"))
    table = arrow.table({"series": series, **columns})
    write_atomically(place, lambda file: parquet.write_table(table, file))


def write_csv(items: Items, path: str | PathLike[str] | None) -> str | None:
    """Write all rows of all series as text, or return it."""
    if path is None:
        return "".join((HEADER, *_lines(items)))
    lines = (line.encode() for line in chain([HEADER], _lines(items)))
    write_atomically(paths.file("path", path), lambda file: file.writelines(lines))
    return None


def csv_chunk(items: Items, row: int, most: int) -> tuple[str, int | None]:
    """Return lines from `row` on, all series one after the other, and the row to go on with.

    Parameters
    ----------
    items
        A history's series and their names; they may grow meanwhile.
    row
        0 for the beginning, which comes with the header; then what the last call returned. The
        upper 21 bits count series, so that one that grows shifts no other.
    most
        Characters at most, but one line always comes.
    """
    parts = [] if row else [HEADER]
    room = most - sum(map(len, parts))
    index, first = divmod(row, _SERIES)
    while index < len(items):
        name, series = items[index]
        # No line is shorter than 8 characters.
        last = min(len(series), first + max(1, room // 8))
        for line in _text(name, series, first, last):
            if len(line) > room and parts:
                return "".join(parts), index * _SERIES + first
            parts.append(line)
            room -= len(line)
            first += 1
        if first >= len(series):
            index, first = index + 1, 0
    return "".join(parts), None


def _lines(items: Items) -> Iterator[str]:
    for name, series in items:
        count = len(series)
        for first in range(0, count, _CHUNK):
            yield from _text(name, series, first, min(count, first + _CHUNK))


def _text(name: str, series: Series, first: int, last: int) -> Iterator[str]:
    label = name
    if any(sign in name for sign in ',"\r\n'):
        label = '"' + name.replace('"', '""') + '"'
    steps = series.steps[first:last].tolist()
    # As float64, so that a reader who takes them for that gets the same bits.
    times = series.times[first:last].tolist()
    values = series.values
    for step, seconds, value in zip(steps, times, values[first:last].tolist(), strict=True):
        yield f"{label},{step},{seconds!r},{value!r}\n"


def _columns(items: Items) -> dict[str, Any]:
    """Return the columns; ``series`` as its names and a code for each row."""
    parts = []
    for code, (_, series) in enumerate(items):
        steps, times, values = series.steps, series.times, series.values
        # The first is the shortest, should rows come between.
        count = len(steps)
        parts.append((np.full(count, code, np.int32), steps, times[:count], values[:count]))
    empty = (np.empty(0, np.int32), np.empty(0, "u4"), np.empty(0, "f4"), np.empty(0, "f4"))
    codes, steps, times, values = map(np.concatenate, zip(*(parts or [empty]), strict=True))
    return {
        "series": ([name for name, _ in items], codes),
        "step": steps,
        "seconds": times,
        "value": values,
    }


def _library(name: str) -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise InputError("library", name=package, command=f"pip install {package}") from error
