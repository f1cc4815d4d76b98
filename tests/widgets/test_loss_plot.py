from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch

import dl_lab
from dl_lab.errors import InputError
from dl_lab.protocol import Message
from dl_lab.train.history.history import History
from dl_lab.widgets.base.channel import WINDOW
from tests.widgets.page import Page

X = torch.linspace(-1, 1, 64)[:, None]
BATCHES = [(X[rows : rows + 16], 2 * X[rows : rows + 16]) for rows in range(0, 64, 16)]


def make_trainer(rate: float = 0.1, **settings: Any) -> dl_lab.Trainer:
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    settings = {"device": "cpu", **settings}
    return dl_lab.Trainer(
        model, torch.nn.functional.mse_loss, optimizer, BATCHES, BATCHES[:1], **settings
    )


@pytest.fixture
def trainer() -> Iterator[dl_lab.Trainer]:
    trainer = make_trainer()
    yield trainer
    trainer.close()


@pytest.fixture
def plot(trainer: dl_lab.Trainer) -> Iterator[dl_lab.LossPlot]:
    plot = dl_lab.LossPlot(trainer)
    yield plot
    plot.close()


@pytest.fixture
def page(plot: dl_lab.LossPlot) -> Page:
    return opened(plot)


def opened(plot: dl_lab.LossPlot) -> Page:
    page = Page(plot)
    page.request("hello", view="page", have={})
    assert page.wait(lambda: page.shown("plot.show"))
    return page


def test_a_view_learns_what_marks_the_picture(plot: dl_lab.LossPlot) -> None:
    page = Page(plot)
    mark = page.request("hello", view="page", have={}).meta["picture"]
    assert f'id="{mark}"' in plot.picture()


def test_a_request_acknowledges_what_it_names(page: Page, plot: dl_lab.LossPlot) -> None:
    page.acknowledging = False
    for _ in range(WINDOW):
        count = len(page.shown("plot.show"))
        plot._channel.touch()
        assert page.wait(lambda: len(page.shown("plot.show")) > count)  # noqa: B023
    plot._channel.touch()
    count = len(page.shown("plot.show"))
    assert not page.wait(lambda: len(page.shown("plot.show")) > count, seconds=0.3)
    page.request("settings.set", seq=page.shown("plot.show")[-1].seq, axis="time")
    assert page.wait(lambda: len(page.shown("plot.show")) > count)


def newest(page: Page, run: int = 0) -> dict[str, Any]:
    status: dict[str, Any] = page.shown("plot.show")[-1].meta["runs"][run]
    return status


def recorded(count: int = 1000, **extra: float) -> History:
    history = History()
    generator = np.random.default_rng(0)
    for step, value in enumerate(generator.random(count, np.float32).tolist()):
        history.append(step, train_loss=value, **extra)
    return history


def wait_for(condition: Callable[[], object], run: dl_lab.Trainer) -> None:
    changed = threading.Event()
    unsubscribe = run.on_change(changed.set)
    while not condition():
        assert changed.wait(20)
        changed.clear()
    unsubscribe()


# -- what it takes


def test_runs_are_named_each_otherwise() -> None:
    plot = dl_lab.LossPlot([History(), History()])
    assert [run["name"] for run in plot.runs] == ["run 1", "run 2"]
    plot.close()
    one = dl_lab.LossPlot({"LeNet": History()})
    assert one.runs == [{"name": "LeNet", "controls": []}]
    assert repr(one) == "LossPlot(LeNet)"
    one.close()
    twins = dl_lab.LossPlot([make_trainer(name="net"), make_trainer(name="net")])
    assert [run["name"] for run in twins.runs] == ["net", "net (2)"]
    assert set(twins.runs[0]["controls"]) >= {"play", "pause", "step", "stop", "reset"}
    twins.close()


@pytest.mark.parametrize("runs", [[], {}, 3, "trainer", [History(), None], {"a": object()}])
def test_what_is_no_run_gets_a_sentence(runs: Any) -> None:
    with pytest.raises(InputError, match="run"):
        dl_lab.LossPlot(runs)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"axis": "steps"}, "did you mean step"),
        ({"y_scale": "logarithmic"}, "linear, log"),
        ({"smoothing": 1}, "between 0 and 0.999"),
        ({"smoothing": math.nan}, "between 0 and 0.999"),
        ({"hidden": [3]}, "pairs"),
        ({"hidden": "train_loss"}, "pairs"),
        ({"hidden": [(0, 1)]}, "pairs"),
        ({"language": "fr"}, "None, en, es"),
        ({"epochs": 0}, "epochs must be a whole number"),
    ],
)
def test_a_setting_that_is_not_allowed_gets_a_sentence(settings: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        dl_lab.LossPlot(History(), **settings)


def test_settings_are_attributes_and_requests(page: Page, plot: dl_lab.LossPlot) -> None:
    plot.smoothing = 0.5
    assert page.request("settings.set", axis="epoch", hidden=[[0, "train_loss"], [0, None]]).meta[
        "ok"
    ]
    assert (plot.axis, plot.smoothing) == ("epoch", 0.5)
    assert plot.hidden == ((0, "train_loss"), (0, None))
    refused = page.request("settings.set", axis="time", smoothing=2)
    assert refused.meta["error"]["key"] == "number"
    assert plot.axis == "epoch"
    with pytest.raises(InputError):
        plot.y_scale = "square"
    assert plot.y_scale == "linear"


# -- the stream


def test_a_view_is_told_how_far_the_run_is(
    page: Page, plot: dl_lab.LossPlot, trainer: dl_lab.Trainer
) -> None:
    assert newest(page)["state"] == "idle"
    trainer.fit(3)
    assert page.wait(lambda: newest(page)["state"] == "finished")
    status = newest(page)
    assert (status["epoch"], status["step"]) == (3, 12)
    assert status["learning_rate"] == pytest.approx(0.1)
    assert status["device"] == "cpu"
    assert status["memory"] > 10_000_000
    assert status["message"] is None
    assert status["seconds_left"] is None
    series = {one["name"]: one for one in status["series"]}
    losses = trainer.history["train_loss"].values
    assert series["train_loss"]["rows"] == 12
    assert series["train_loss"]["last"] == losses[-1]
    assert series["train_loss"]["best"]["value"] == losses.min()
    assert (
        series["train_loss"]["best"]["step"] == trainer.history["train_loss"].steps[losses.argmin()]
    )
    best = series["train_loss"]["best"]
    assert best["epoch"] == best["step"] / 4
    assert series["validation_loss"]["rows"] == len(trainer.history["validation_loss"])
    assert plot.runs[0]["name"]


def test_rate_and_time_left_are_told_while_it_runs(page: Page, trainer: dl_lab.Trainer) -> None:
    trainer.start(1_000_000)
    assert page.wait(lambda: newest(page)["seconds_left"])
    status = newest(page)
    assert status["state"] == "running"
    left = status["last_epoch"] * status["steps_per_epoch"] - status["step"]
    assert status["seconds_left"] == pytest.approx(left / status["steps_per_second"])
    trainer.pause()
    assert page.wait(lambda: newest(page)["state"] == "paused")
    assert newest(page)["steps_per_second"] == 0


def test_what_json_lacks_is_told_by_name() -> None:
    history = History()
    history.append(0, train_loss=math.nan, up=math.inf, down=-math.inf)
    plot = dl_lab.LossPlot(history)
    page = opened(plot)
    last = {one["name"]: one["last"] for one in newest(page)["series"]}
    assert last == {"train_loss": "NaN", "up": "Infinity", "down": "-Infinity"}
    for message in page.messages:
        json.dumps(message.meta, allow_nan=False)
    json.dumps(plot.get_state(["runs", "hidden"]), allow_nan=False)
    plot.close()


def test_other_code_may_record_and_the_plot_shows_it() -> None:
    history = recorded(10)
    plot = dl_lab.LossPlot(history)
    page = opened(plot)
    history.append(10, train_loss=7)
    page.request("hello", view="page", have={})
    assert page.wait(lambda: newest(page)["series"][0]["last"] == 7)
    assert (newest(page)["state"], newest(page)["step"]) == ("finished", 10)
    plot.close()


# -- curves


def curve_of(reply: Message, place: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    meta = reply.meta["curves"][place]
    arrays = {
        name.removesuffix(str(place)): array
        for name, array in reply.arrays.items()
        if name.endswith(str(place))
    }
    return meta, arrays


def test_curves_are_what_was_recorded() -> None:
    history = recorded(1000)
    plot = dl_lab.LossPlot([History(), history])
    page = opened(plot)
    reply = page.request("curves.get", pixels=2000, series=[[1, "train_loss"], [0, "none"]])
    meta, arrays = curve_of(reply)
    assert (meta["rows"], meta["exact"], meta["smooth"]) == (1000, True, False)
    assert (meta["run"], meta["name"], meta["revision"]) == (1, "train_loss", history.revision)
    np.testing.assert_array_equal(arrays["low"], history["train_loss"].values)
    np.testing.assert_array_equal(arrays["x"] + meta["origin"], np.arange(1000))
    assert reply.meta["extent"] == [0, 999]
    nothing, empty = curve_of(reply, 1)
    assert (nothing["rows"], len(empty["x"])) == (0, 0)
    zoomed, seen = curve_of(
        page.request("curves.get", low=100, high=199, pixels=16, series=[[1, "train_loss"]])
    )
    assert (zoomed["rows"], zoomed["exact"]) == (100, False)
    assert len(seen["x"]) <= 18
    window = history["train_loss"].values[99:201]
    assert (seen["low"].min(), seen["high"].max()) == (window.min(), window.max())
    plot.close()


def test_only_what_is_noisy_is_smoothed() -> None:
    plot = dl_lab.LossPlot(recorded(100, learning_rate=0.1))
    page = opened(plot)
    reply = page.request(
        "curves.get", pixels=100, smoothing=0.9, series=[[0, "train_loss"], [0, "learning_rate"]]
    )
    assert [curve["smooth"] for curve in reply.meta["curves"]] == [True, False]
    assert "smooth0" in reply.arrays
    assert "smooth1" not in reply.arrays
    assert len(reply.arrays["smooth0"]) == 100
    plot.close()


@pytest.mark.parametrize("count", [1, 7, 60])
def test_no_answer_is_larger_than_256_kb(count: int) -> None:
    plot = dl_lab.LossPlot([recorded(10_000) for _ in range(count)])
    page = opened(plot)
    series = [[run, "train_loss"] for run in range(count)]
    reply = page.request("curves.get", pixels=4096, smoothing=0.5, series=series)
    assert sum(array.nbytes for array in reply.arrays.values()) <= 256_000
    assert all(len(reply.arrays[f"x{run}"]) > 200 for run in range(count))
    plot.close()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"pixels": 8},
        {"pixels": 100, "axis": "steps"},
        {"pixels": 100, "low": "left"},
        {"pixels": 100, "low": math.nan},
        {"pixels": 100, "smoothing": 1},
        {"pixels": 100, "series": [[1, "train_loss"]]},
    ],
)
def test_a_window_that_is_none_gets_a_sentence(page: Page, asked: Any) -> None:
    reply = page.request("curves.get", **asked)
    assert not reply.meta["ok"]
    assert reply.meta["error"]["key"] != "unexpected"


def test_a_place_on_one_axis_is_told_on_all(page: Page, trainer: dl_lab.Trainer) -> None:
    trainer.fit(3)
    meta = page.request("place.get", run=0, axis="epoch", at=1.5).meta
    assert (meta["step"], meta["epoch"]) == (6, 1.5)
    assert meta["seconds"] >= 0
    before = page.request("place.get", run=0, axis="step", at=-1).meta
    assert (before["step"], before["epoch"], before["seconds"]) == (None, None, None)


def test_a_view_may_ask_while_the_history_is_dropped_and_filled_again() -> None:
    history, done = recorded(500), threading.Event()
    plot = dl_lab.LossPlot(history)
    page = opened(plot)

    def write() -> None:
        step = 0
        while not done.is_set():
            step += 1
            history.append(step % 300, train_loss=step, learning_rate=0.1)
            if step % 300 == 0:
                history.clear()

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(300):
        plot.compose(touched=True)
        reply = page.request(
            "curves.get", pixels=50, smoothing=0.5, axis="epoch", series=[[0, "train_loss"]]
        )
        assert reply.meta["ok"], reply.meta
        assert page.request("csv.get", run=0).meta["ok"]
    done.set()
    writer.join()
    plot.close()


# -- commands


def test_a_page_drives_the_run(page: Page, trainer: dl_lab.Trainer) -> None:
    assert page.request("run.play", run=0).meta["ok"]
    assert page.wait(lambda: newest(page)["step"] > 0)
    assert page.request("run.pause").meta["ok"]
    assert trainer.state == "paused"
    steps = trainer.steps
    assert page.request("run.step", run=0, steps=3).meta["ok"]
    assert page.wait(lambda: (newest(page)["step"], newest(page)["state"]) == (steps + 3, "paused"))
    assert page.request("learning_rate.set", run=0, value=0.01).meta["ok"]
    assert trainer.learning_rate == 0.01
    assert page.wait(lambda: newest(page)["learning_rate"] == 0.01)
    assert page.request("run.play").meta["ok"]
    assert page.request("run.stop").meta["ok"]
    assert trainer.state == "finished"
    revision = newest(page)["revision"]
    assert page.request("run.reset", run=0).meta["ok"]
    assert page.wait(lambda: newest(page)["step"] == 0)
    assert newest(page)["revision"] != revision


def test_play_trains_as_many_epochs_as_asked_and_goes_on_after_a_pause() -> None:
    trainer = make_trainer()
    plot = dl_lab.LossPlot(trainer, epochs=5)
    plot.play()
    wait_for(lambda: trainer.state == "finished", trainer)
    assert trainer.epoch == 5
    trainer.step(2)
    assert trainer.state == "paused"
    plot.close()
    trainer.close()


@pytest.mark.parametrize(
    ("kind", "asked", "key"),
    [
        ("run.play", {"run": 1}, "whole"),
        ("run.play", {"run": "first"}, "whole"),
        ("run.step", {"steps": 0}, "whole"),
        ("learning_rate.set", {"value": "fast"}, "number"),
        ("learning_rate.set", {"value": -1}, "number"),
        ("picture.get", {"width": 5}, "whole"),
        ("picture.get", {"y_scale": "cubic"}, "choice"),
        ("csv.get", {"row": -1}, "whole"),
    ],
)
def test_an_impossible_command_is_refused(page: Page, kind: str, asked: Any, key: str) -> None:
    reply = page.request(kind, **asked)
    assert not reply.meta["ok"]
    assert reply.meta["error"]["key"] == key


def test_a_history_has_no_buttons() -> None:
    plot = dl_lab.LossPlot(recorded(3))
    page = opened(plot)
    for kind in ("run.play", "run.pause", "run.stop", "run.step", "run.reset"):
        assert page.request(kind).meta["error"]["key"] == "no_control"
        assert page.request(kind, run=0).meta["error"]["key"] == "no_control"
    plot.close()


def test_a_failure_is_told_in_the_runs_sentence(page: Page, trainer: dl_lab.Trainer) -> None:
    trainer.call(lambda: torch.nn.init.constant_(trainer.model.weight, math.nan)).result()
    assert page.request("run.play").meta["ok"]
    assert page.wait(lambda: newest(page)["message"])
    assert newest(page)["message"]["text"] == str(trainer.message)


# -- exports


def test_the_picture_is_a_document_with_the_settings_asked_for() -> None:
    plot = dl_lab.LossPlot({"a < b": recorded(100)}, y_scale="log")
    page = opened(plot)
    text = page.request("picture.get", axis="epoch", language="es", width=600, height=300).meta[
        "svg"
    ]
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert root.get("width") == "600"
    assert root.get("height") == "300"
    assert root.get("id") == f"dl-lab-{plot.model_id}"
    assert "época" in text
    assert "a &lt; b" in text
    assert plot.language is None
    plot.close()


def test_the_table_comes_in_pieces() -> None:
    history = recorded(20_000)
    plot = dl_lab.LossPlot(history)
    page = opened(plot)
    parts, row = [], 0
    while row is not None:
        meta = page.request("csv.get", run=0, row=row).meta
        assert len(meta["text"]) <= 200_000
        parts.append(meta["text"])
        row = meta["next"]
    assert len(parts) > 3
    assert "".join(parts) == history.to_csv()
    plot.close()


# -- its life


def test_closing_the_plot_leaves_the_run_alone(trainer: dl_lab.Trainer) -> None:
    listeners = trainer._worker._listeners._callbacks
    plot = dl_lab.LossPlot(trainer)
    page = opened(plot)
    trainer.start()
    assert page.wait(lambda: newest(page)["step"] > 0)
    plot.close()
    assert trainer.state == "running"
    assert trainer._worker._listeners._callbacks == listeners
    assert not {thread.name for thread in threading.enumerate()} & {"dl-lab-channel"}
    trainer.pause()


def test_the_last_view_gone_leaves_the_run_alone(
    page: Page, plot: dl_lab.LossPlot, trainer: dl_lab.Trainer
) -> None:
    trainer.start()
    page.notice("bye", view="page")
    plot.on_deserted()
    assert trainer.state == "running"
    trainer.pause()


def test_two_plots_show_the_same_run(trainer: dl_lab.Trainer) -> None:
    plots = [dl_lab.LossPlot(trainer), dl_lab.LossPlot([trainer, History()])]
    pages = [opened(plot) for plot in plots]
    trainer.fit(2)
    for page in pages:
        assert page.wait(lambda page=page: newest(page)["state"] == "finished")  # type: ignore[misc]
        assert newest(page)["step"] == 8
    for plot in plots:
        plot.close()


# -- comparing


def test_runs_are_compared_while_all_train() -> None:
    trainers = [make_trainer(rate) for rate in (0.001, 0.1)]
    plot = dl_lab.compare(*trainers, names=("low", "right"), epochs=4, axis="epoch")
    for trainer in trainers:
        wait_for(lambda trainer=trainer: trainer.state == "finished", trainer)  # type: ignore[misc]
    assert [run["name"] for run in plot.runs] == ["low", "right"]
    assert plot.axis == "epoch"
    assert [trainer.epoch for trainer in trainers] == [4, 4]
    low, right = (trainer.history["train_loss"].values[-1] for trainer in trainers)
    assert right < low
    plot.close()
    for trainer in trainers:
        trainer.close()


def test_without_epochs_nothing_starts(trainer: dl_lab.Trainer) -> None:
    plot = dl_lab.compare(trainer, History())
    assert trainer.state == "idle"
    assert len(plot.runs) == 2
    plot.close()
    with pytest.raises(InputError, match="1 names were given for 2 runs"):
        dl_lab.compare(trainer, History(), names=["one"])
    with pytest.raises(InputError, match="names has 'one' twice"):
        dl_lab.compare(trainer, History(), names=["one", "one"])
    plot = dl_lab.compare([trainer, History()], names=["one", "two"])
    assert [run["name"] for run in plot.runs] == ["one", "two"]
    plot.close()
    with pytest.raises(InputError, match="LossPlot is closed"):
        plot._ipython_display_()
    with pytest.raises(InputError, match="at least one run"):
        dl_lab.compare()


def test_play_of_several_does_not_begin_those_that_are_over_again() -> None:
    trainers = [make_trainer(), make_trainer()]
    plot = dl_lab.LossPlot(trainers, epochs=2)
    trainers[0].fit(1)
    plot.play()
    wait_for(lambda: trainers[1].state == "finished", trainers[1])
    assert [trainer.epoch for trainer in trainers] == [1, 2]
    plot.play()
    for trainer, epochs in zip(trainers, (3, 4), strict=True):
        wait_for(lambda trainer=trainer: trainer.state == "finished", trainer)  # type: ignore[misc]
        assert trainer.epoch == epochs
    plot.close()
    for trainer in trainers:
        trainer.close()


def test_a_comparison_leaves_out_what_scatters_and_says_what_is_asked() -> None:
    one, other = make_trainer(metrics=["mae"]), make_trainer(0.2)
    plot = dl_lab.compare(one, other)
    assert plot.hidden == ((0, "train_mae"),)
    assert plot.smoothing == 0.6
    plot.close()
    plot = dl_lab.compare(one, other, hidden=[], smoothing=0)
    assert (plot.hidden, plot.smoothing) == ((), 0)
    plot.close()
    for trainer in (one, other):
        trainer.close()
