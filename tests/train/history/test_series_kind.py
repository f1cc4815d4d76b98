from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.pictures.runs import svg
from dl_lab.train.history.history import History
from dl_lab.train.history.series_kind import GROUPS, guessed, kind_of, looks

LOOKS = Path(dl_lab.__file__).parent / "train" / "history" / "looks.json"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train_loss", ("loss", "train", "loss", False)),
        ("loss", ("loss", None, "loss", False)),
        ("val_loss", ("loss", "validation", "loss", False)),
        ("eval_loss", ("loss", "validation", "loss", False)),
        ("valid_acc", ("acc", "validation", "share", True)),
        ("test_accuracy", ("accuracy", "test", "share", True)),
        ("top5", ("top5", None, "share", True)),
        ("validation_f1", ("f1", "validation", "share", True)),
        ("train_bleu", ("bleu", "train", "other", True)),
        ("loss_g", ("loss_g", None, "loss", False)),
        ("mae", ("mae", None, "other", False)),
        ("gradient_norm", ("gradient_norm", None, "other", None)),
        ("learning_rate", ("learning_rate", None, "rate", None)),
        ("lr", ("learning_rate", None, "rate", None)),
        ("training", ("training", "train", "other", None)),
        ("", ("", None, "other", None)),
    ],
)
def test_a_name_tells_what_it_can(name, expected):
    assert guessed(name) == expected
    assert guessed(name).group in GROUPS


def test_only_what_is_noisy_is_smoothed():
    smoothed = ["train_loss", "loss", "gradient_norm"]
    others = ["learning_rate", "lr", "validation_loss", "val_loss", "eval_loss", "test_accuracy"]
    assert [name for name in smoothed + others if guessed(name).smoothed] == smoothed


def data(seed):
    points = torch.randn(32, 4, generator=torch.Generator().manual_seed(seed))
    return points, (points.sum(1) > 0).long()


def trained(validation: Any, **options: Any):
    model = nn.Linear(4, 2)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = dl_lab.Trainer(
        model,
        nn.functional.cross_entropy,
        sgd,
        data(0),
        validation,
        batch_size=8,
        seed=1,
        **options,
    )
    trainer.fit(2)
    return trainer


def test_a_trainer_knows_what_it_measures_whatever_it_is_called():
    validation = {"clean": data(1), "test_noisy": data(2)}
    history = trained(validation, metrics=["accuracy"]).history
    kinds = {name: history.kind(name) for name in history.names}
    assert kinds["clean"] == kind_of("loss", "validation")
    assert kinds["clean_accuracy"] == kind_of("accuracy", "validation")
    assert kinds["test_noisy"] == kind_of("loss", "test")
    assert kinds["train_loss"] == kind_of("loss", "train")
    # What it knows also tells which value is best.
    assert history.best("clean").value == history["clean"].values.min()


def test_a_series_by_step_beside_the_train_data_is_of_the_train_data():
    history = trained({"train_loss": data(0), "test_loss": data(1)}).history
    assert history.kind("batch_loss") == kind_of("loss", "train")
    [look] = looks([{name: history.kind(name) for name in history.names}])
    colors = [look[name].color for name in ("train_loss", "batch_loss", "test_loss")]
    assert len(set(colors)) == 3


def test_what_was_described_stays_so_when_the_history_begins_again():
    history = History()
    history.describe("clean", kind_of("loss", "validation"))
    history.append(1, clean=0.5)
    history.clear()
    assert history.kind("clean").part == "validation"


def look_of(*names: str):
    [found] = looks([{name: guessed(name) for name in names}])
    return found


def test_the_part_tells_the_dash_and_the_quantity_the_colour():
    look = look_of("train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate")
    assert len({one.color for one in look.values()}) == 5
    assert look["train_loss"].dash == look["train_accuracy"].dash == ()
    assert look["val_loss"].dash == look["val_accuracy"].dash != ()
    assert look["learning_rate"].dash not in {(), look["val_loss"].dash}


def test_a_series_keeps_its_look_when_another_begins():
    before = look_of("train_accuracy", "learning_rate")
    after = look_of("train_accuracy", "learning_rate", "validation_accuracy", "loss", "val_loss")
    assert before.items() <= after.items()


@pytest.mark.parametrize("count", [2, 6, 40])
def test_series_of_the_same_kind_differ_while_there_are_colours(count):
    kinds = {f"set {index}": kind_of("loss", "validation") for index in range(count)}
    [look] = looks([kinds])
    assert len({one.color for one in look.values()}) == min(count, 8)


def test_several_runs_differ_by_colour_dash_and_marker():
    kinds = {name: guessed(name) for name in ("loss", "val_loss")}
    found = looks([kinds] * 3)
    for attribute in ("color", "dash", "marker"):
        assert len({getattr(look["loss"], attribute) for look in found}) == 3
    for look in found:
        assert look["loss"].color == look["val_loss"].color
        assert look["loss"].width < look["val_loss"].width


def strokes(picture):
    """Return the colours and dashes (in pixels) of the legends' lines by their labels."""
    found = collections.defaultdict(list)
    line = None
    for element in ET.fromstring(picture).iter():  # noqa: S314 - our own
        if element.get("d") == "M0 0H220":
            dash = [float(part) / 10 for part in (element.get("stroke-dasharray") or "").split()]
            line = (element.get("stroke"), dash)
        elif element.tag == f"{SVG}text" and line is not None:
            found[element.text].append(line)
            line = None
    return found


@pytest.mark.parametrize("quantity", ["loss", "accuracy"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_saved_picture_draws_each_series_as_the_live_plot_does(quantity, count):
    runs = {f"net {index}": trained(data(1), metrics=["accuracy"]) for index in range(count)}
    plot = dl_lab.LossPlot(runs)
    sent = plot.compose(touched=True).meta["runs"]
    plot.close()
    palette = json.loads(LOOKS.read_text(encoding="utf-8"))["palette"]["light"]
    saved = strokes(svg(runs))
    for name, run in zip(runs, sent, strict=True):
        live = {entry["name"]: entry["look"] for entry in run["series"]}
        for part in ("train", "validation"):
            look = live[f"{part}_{quantity}"]
            labels = saved[part if count == 1 else f"{name}: {part}"]
            assert (palette[look["color"]], list(look["dash"])) in labels
            assert {dash == list(look["dash"]) for _, dash in labels} == {True}
