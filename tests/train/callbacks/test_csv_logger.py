from __future__ import annotations

import csv
import resource

import numpy as np
import pytest

from dl_lab.errors import InputError
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.csv_logger import CSVLogger
from dl_lab.train.callbacks.gradient_norms import GradientNorms
from dl_lab.train.callbacks.schedule import LRSchedule
from tests.train.callbacks.problem import TRAIN, plain_loop, trainer
from tests.train.callbacks.test_schedule import SCHEDULERS


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return [float(row[name]) for row in rows]


def test_each_epoch_has_its_line_with_exact_values(tmp_path):
    path = tmp_path / "logs" / "a.csv"
    run = trainer(CSVLogger(path), LRSchedule(SCHEDULERS["exponential"]))
    plain = plain_loop(
        5, scheduler=SCHEDULERS["exponential"], after_epoch=lambda schedule, _: schedule.step()
    )
    run.fit(5)
    rows = read(path)
    assert column(rows, "epoch") == [1, 2, 3, 4, 5]
    assert column(rows, "step") == [3, 6, 9, 12, 15]
    seconds = column(rows, "seconds")
    assert seconds == sorted(seconds)
    assert column(rows, "validation_loss") == run.history["validation_loss"].values[1:].tolist()
    means = np.reshape(plain.losses, (5, len(TRAIN))).mean(1)
    assert column(rows, "train_loss") == pytest.approx(means, rel=1e-6)
    firsts = [rates[0] for rates in plain.rates[:: len(TRAIN)]]
    assert column(rows, "learning_rate") == pytest.approx(firsts, rel=1e-6)


def test_lines_are_there_as_soon_as_their_epoch_is_done(tmp_path):
    seen = []

    class Look(Callback):
        order = 1

        def on_epoch_end(self, trainer):  # noqa: ARG002
            seen.append([row["epoch"] for row in read(tmp_path / "a.csv")])

    trainer(Look(), CSVLogger(tmp_path / "a.csv")).fit(3)
    assert seen == [["1"], ["1", "2"], ["1", "2", "3"]]


def test_a_series_that_comes_later_gets_its_column(tmp_path):
    run = trainer(CSVLogger(tmp_path / "a.csv"), GradientNorms(every=7))
    run.fit(4)
    rows = read(tmp_path / "a.csv")
    norms = run.history["gradient_norm"].values
    assert [row["gradient_norm"] for row in rows[:2]] == ["", ""]
    assert float(rows[2]["gradient_norm"]) == norms[0]
    assert rows[3]["gradient_norm"] == ""


def test_rewind_and_reset_take_lines_back(tmp_path):
    run = trainer(CSVLogger(tmp_path / "a.csv"))
    run.fit(4)
    once = column(read(tmp_path / "a.csv"), "validation_loss")
    run.rewind(6)
    assert column(read(tmp_path / "a.csv"), "epoch") == [1, 2]
    run.fit(2)
    assert column(read(tmp_path / "a.csv"), "validation_loss") == once
    run.reset()
    assert read(tmp_path / "a.csv") == []
    run.fit(1)
    assert column(read(tmp_path / "a.csv"), "validation_loss") == once[:1]


def test_a_loaded_run_goes_on_in_the_file_and_a_new_one_begins_it_anew(tmp_path):
    path = tmp_path / "a.csv"
    run = trainer(CSVLogger(path))
    run.fit(2)
    run.save(tmp_path / "a.pt")
    run.fit(3)
    once = column(read(path), "validation_loss")
    # As a crash in the middle of a line leaves it.
    path.write_text(path.read_text() + "6,18")
    again = trainer()
    loaded = type(run).load(
        tmp_path / "a.pt",
        again.model,
        run.loss,
        again.optimizer,
        run.train,
        run.validation,
        callbacks=[CSVLogger(path)],
        device="cpu",
    )
    loaded.fit(1)
    assert column(read(path), "epoch") == [1, 2, 3]
    loaded.fit(2)
    assert column(read(path), "validation_loss") == once
    trainer(CSVLogger(path)).fit(1)
    assert column(read(path), "epoch") == [1]


def test_a_file_that_went_missing_is_written_again_whole(tmp_path):
    run = trainer(CSVLogger(tmp_path / "a.csv"))
    run.fit(2)
    (tmp_path / "a.csv").unlink()
    run.fit(1)
    assert column(read(tmp_path / "a.csv"), "epoch") == [1, 2, 3]


def test_a_line_that_a_full_disk_cut_is_written_whole_once_there_is_room(tmp_path):
    path = tmp_path / "a.csv"
    run = trainer(CSVLogger(path))
    run.fit(2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 9, limits[1]))
    try:
        run.fit(1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not path.read_text().endswith("\n")
    run.fit(1)
    assert column(read(path), "epoch") == [1, 2, 3, 4]
    assert len({line.count(",") for line in path.read_text().splitlines()}) == 1


def test_a_line_that_a_crash_cut_in_its_last_number_is_left_out(tmp_path):
    path = tmp_path / "a.csv"
    run = trainer(CSVLogger(path))
    run.fit(2)
    state = run.state_dict()
    path.write_text(path.read_text()[:-4])
    again = trainer(CSVLogger(path))
    again.load_state_dict(state)
    again.fit(1)
    assert column(read(path), "epoch") == [1, 3]


def test_another_programs_file_is_left_alone(tmp_path):
    (tmp_path / "a.csv").write_text("name,age\nAda,36\n")
    run = trainer(CSVLogger(tmp_path / "a.csv"))
    with pytest.raises(InputError) as error:
        run.fit(1)
    assert "did not write" in str(error.value)
    assert (tmp_path / "a.csv").read_text() == "name,age\nAda,36\n"


def test_a_folder_in_its_place_is_told(tmp_path):
    with pytest.raises(InputError, match="path must be a file"):
        CSVLogger(tmp_path)
    # As one that came there later is.
    run = trainer(CSVLogger(tmp_path / "a.csv"))
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(InputError):
        run.fit(1)
    assert run.state == "failed"
