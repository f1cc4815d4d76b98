from __future__ import annotations

import csv
import io
import math
import sys

import numpy as np
import pytest

from dl_lab.errors import InputError
from dl_lab.train.history.export import csv_chunk
from dl_lab.train.history.history import History


@pytest.fixture
def history():
    history = History()
    generator = np.random.default_rng(0)
    for step in range(1000):
        history.append(step, train_loss=np.float32(generator.normal()), exact=generator.normal())
        if step % 10 == 9:
            history.append(step, **{'odd, "name"': math.nan if step % 20 == 9 else -math.inf})
    history.append(1000, train_loss=1e-42)
    return history


def columns(history):
    """Return all rows, series after series, as plain values."""
    return [
        (name, step, seconds, value)
        for name in history
        for step, seconds, value in zip(
            history[name].steps.tolist(),
            history[name].times.tolist(),
            history[name].values.tolist(),
            strict=True,
        )
    ]


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for (name, step, *numbers), (other, at, *others) in zip(ours, theirs, strict=True):
        assert (name, step) == (other, at)
        assert np.array_equal(numbers, others, equal_nan=True)


def parsed(text):
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["series", "step", "seconds", "value"]
    return [(name, int(step), float(at), float(value)) for name, step, at, value in rows]


def test_a_table_holds_every_bit(history):
    table = history.to_pandas()
    assert list(table.columns) == ["series", "step", "seconds", "value"]
    same(list(table.itertuples(index=False, name=None)), columns(history))
    losses = table[table["series"] == "train_loss"]["value"].to_numpy()
    assert np.array_equal(losses, history["train_loss"].values)


def test_text_holds_every_bit(history, tmp_path):
    same(parsed(history.to_csv()), columns(history))
    assert history.to_csv(tmp_path / "history.csv") is None
    assert (tmp_path / "history.csv").read_text(encoding="utf-8") == history.to_csv()


def test_parquet_holds_every_bit(history, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pip install pyarrow")
    history.to_parquet(tmp_path / "history.parquet")
    table = parquet.read_table(tmp_path / "history.parquet").to_pydict()
    same(list(zip(*table.values(), strict=True)), columns(history))


def test_an_empty_history_has_its_header():
    assert History().to_csv() == "series,step,seconds,value\n"
    assert len(History().to_pandas()) == 0
    assert csv_chunk((), 0, 100) == ("series,step,seconds,value\n", None)


@pytest.mark.parametrize("most", [100, 1000, 200_000])
def test_chunks_together_are_the_whole_even_while_it_grows(history, most):
    parts, row = [], 0
    before = history.to_csv()
    while row is not None:
        text, row = csv_chunk(history.items(), row, most)
        assert len(text) <= most
        parts.append(text)
        if len(parts) == 2:
            # Rows of a series that is written already shift nothing.
            history.append(2000, train_loss=2000 if most > 100 else 1)
    written = parsed("".join(parts))
    kept = [entry for entry in written if entry[1] < 2000]
    same(kept, parsed(before))
    assert len(written) - len(kept) <= 1


def test_a_missing_library_gets_a_sentence(history, monkeypatch, tmp_path):
    for name in ("pandas", "pyarrow"):
        # What Python itself takes for "cannot be imported".
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match="pip install pandas"):
        history.to_pandas()
    with pytest.raises(InputError, match="pip install pyarrow"):
        history.to_parquet(tmp_path / "history.parquet")
