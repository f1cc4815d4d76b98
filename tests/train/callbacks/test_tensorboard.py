"""A Trainer's event files, read back and compared with its history and its model."""

from __future__ import annotations

import logging
import math
import shutil
import threading
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data
from tensorboard.util.tensor_util import make_ndarray
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from dl_lab import Trainer
from dl_lab.errors import InputError
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.tensorboard import TensorBoard
from dl_lab.train.events.event_writer import tag_of
from tests.train.reading import read, shown, table_of_runs


class Net(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Dropout(0.25), nn.Flatten(), nn.Linear(144, 3)
        )


def data(rows: int) -> TensorDataset:
    generator = torch.Generator().manual_seed(rows)
    images = torch.rand(rows, 1, 8, 8, generator=generator)
    return TensorDataset(images, (images.mean((1, 2, 3)) * 1000).long() % 3)


def make(*callbacks: TensorBoard, **settings: Any) -> Trainer:
    torch.manual_seed(1)
    model = Net()
    return Trainer(
        model,
        nn.CrossEntropyLoss(),
        torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        DataLoader(data(96), batch_size=16, shuffle=True),
        DataLoader(data(32), batch_size=16),
        metrics=["accuracy"],
        callbacks=callbacks,
        device="cpu",
        seed=3,
        **settings,
    )


def assert_equal_curves(trainer: Trainer, folder) -> None:
    found = read(folder)
    assert set(found.Tags()["scalars"]) == {tag_of(name) for name in trainer.history}
    for name in trainer.history:
        series = trainer.history[name]
        events = found.Scalars(tag_of(name))
        assert [event.step for event in events] == series.steps.tolist()
        values = np.array([event.value for event in events])
        np.testing.assert_array_equal(values, np.asarray(series.values, "f4"))


def text(folder, tag: str) -> str:
    ((_, found),) = shown(folder, f"{tag}/text_summary")
    return str(found.decode())


def test_the_curves_are_the_history(tmp_path):
    trainer = make(logdir=tmp_path)
    trainer.fit(3)
    assert {"train_loss", "validation_loss", "train_accuracy", "validation_accuracy"} <= set(
        trainer.history
    )
    assert_equal_curves(trainer, tmp_path)


def test_a_trainer_that_never_ran_writes_nothing(tmp_path):
    make(logdir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_training_is_the_same_with_and_without(tmp_path):
    plain, logged = make(), make(logdir=tmp_path)
    for trainer in (plain, logged):
        trainer.fit(2)
    for one, other in zip(plain.model.parameters(), logged.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert (
        plain.history["train_loss"].values.tolist() == logged.history["train_loss"].values.tolist()
    )


def test_what_stands_beside_the_curves(tmp_path):
    board = TensorBoard(tmp_path, images=4, hparams={"width": 4, "note": None})
    trainer = make(board)
    trainer.fit(1)
    found = read(tmp_path)
    graph = GraphDef.FromString(found.Graph().SerializeToString())
    assert {"conv2d", "linear"} <= {node.op for node in graph.node}
    assert "Conv2d(1, 4" in text(tmp_path, "model")
    assert "| momentum | 0.9 |" in text(tmp_path, "settings")
    (sheet,) = found.Images("inputs")
    assert (sheet.height, sheet.width) == (8, 32)
    content = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    settings = parse_session_start_info_plugin_data(content).hparams
    assert settings["lr"].number_value == 0.05
    assert settings["optimizer"].string_value == "SGD"
    assert settings["width"].number_value == 4
    assert settings["parameters"].number_value == sum(p.numel() for p in trainer.model.parameters())
    event = found.Tensors("custom_scalars__config__")[-1]
    layout = Layout.FromString(make_ndarray(event.tensor_proto).item())
    charts = {chart.title: set(chart.multiline.tag) for c in layout.category for chart in c.chart}
    assert charts["loss"] == {"loss/train", "loss/validation"}
    assert charts["accuracy"] == {"accuracy/train", "accuracy/validation"}
    # What looked at the first inputs is gone.
    assert not trainer.model._forward_pre_hooks


def test_the_table_of_runs_has_settings_curves_and_a_good_end(tmp_path):
    finished, paused = (make(logdir=tmp_path / name) for name in ("finished", "paused"))
    paused.step(3)
    finished.step(3)
    finished.fit(1)
    found = table_of_runs(tmp_path)
    assert found["finished"][0] == "STATUS_SUCCESS"
    assert found["paused"][0] != "STATUS_SUCCESS"
    assert found["finished"][1]["momentum"] == 0.9
    last = {tag_of(name): finished.history[name].values[-1] for name in finished.history}
    assert found["finished"][2] == pytest.approx(last)
    paused.fit(1)
    assert table_of_runs(tmp_path)["paused"][0] == "STATUS_SUCCESS"


def test_a_run_that_fails_has_no_good_end(tmp_path):
    class Failing(Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 2:
                raise ZeroDivisionError

    trainer = make(TensorBoard(tmp_path / "run"), Failing())
    with pytest.raises(InputError):
        trainer.fit(3)
    status, _, curves = table_of_runs(tmp_path)["run"]
    assert status != "STATUS_SUCCESS"
    assert curves["loss/train"] == pytest.approx(trainer.history["train_loss"].values[-1])


def test_histograms_of_the_weights_and_gradients_of_a_step(tmp_path):
    board = TensorBoard(tmp_path)
    trainer = make(board)
    trainer.step(1)
    found = read(tmp_path)
    names = [name for name, _ in trainer.model.named_parameters()]
    assert set(found.Tags()["histograms"]) == {
        f"{kind}/{name}" for kind in ("weights", "gradients") for name in names
    }
    for name, parameter in trainer.model.named_parameters():
        for kind, values in (("weights", parameter), ("gradients", parameter.grad)):
            assert values is not None
            (event,) = found.Histograms(f"{kind}/{name}")
            assert event.step == 1
            histogram = event.histogram_value
            exact = values.detach().double()
            assert (histogram.min, histogram.max) == (exact.min().item(), exact.max().item())
            assert histogram.num == exact.numel()
            assert histogram.sum == pytest.approx(exact.sum().item(), rel=1e-6, abs=1e-9)
            edges = np.array([histogram.min, *histogram.bucket_limit])
            counts, _ = np.histogram(exact.numpy(), edges)
            assert np.array(histogram.bucket).tolist() == counts.tolist()


def test_histograms_keep_their_distance(tmp_path):
    trainer = make(TensorBoard(tmp_path))
    trainer.fit(5)
    seconds = trainer.history["train_loss"].times[-1]
    samples = len(read(tmp_path).Histograms("weights/0.weight"))
    # Each gap is twice the one before, from 1/8 s up to 2 s.
    assert 1 <= samples <= 1 + math.log2(1 + 8 * seconds) + seconds / 2


def test_without_histograms_nothing_is_called_at_a_step(tmp_path):
    trainer = make(TensorBoard(tmp_path, histograms=False))
    trainer.fit(1)
    assert not read(tmp_path).Tags()["histograms"]
    assert "on_step_end" not in vars(TensorBoard)


def test_one_s_own_things_belong_to_the_step_of_the_run(tmp_path):
    board = TensorBoard(tmp_path)
    trainer = make(board)
    trainer.fit(2)
    board.log.add_text("notes", "it works")
    (event,) = read(tmp_path).Tensors("notes/text_summary")
    assert event.step == trainer.steps == 12


def test_a_pause_leaves_complete_files(tmp_path):
    trainer = make(logdir=tmp_path)
    trainer.start()
    tick = threading.Event()
    for _ in range(3):
        before = trainer.steps
        while trainer.steps < before + 5:
            tick.wait(0.001)
        trainer.pause()
        assert_equal_curves(trainer, tmp_path)
        trainer.resume()
    trainer.stop()
    assert_equal_curves(trainer, tmp_path)
    assert not [thread for thread in threading.enumerate() if thread.name == "dl-lab events"]


def test_after_a_reset_and_a_rewind_the_curves_are_the_history(tmp_path):
    trainer = make(logdir=tmp_path)
    trainer.fit(3)
    trainer.rewind(6)
    trainer.fit(1)
    assert trainer.steps == 12
    assert_equal_curves(trainer, tmp_path)
    assert "Conv2d" in text(tmp_path, "model")
    trainer.reset()
    trainer.fit(1)
    assert_equal_curves(trainer, tmp_path)
    assert "Conv2d" in text(tmp_path, "model")
    assert [image.step for image in read(tmp_path).Images("inputs")] == [0]


@pytest.mark.parametrize("same", [True, False])
def test_a_loaded_trainer_goes_on_in_its_folder_or_a_new_one(tmp_path, same):
    trainer = make(logdir=tmp_path / "run")
    trainer.fit(2)
    trainer.save(tmp_path / "saved")
    trainer.fit(1)  # lost with the process
    model = Net()
    folder = tmp_path / ("run" if same else "other")
    again = Trainer.load(
        tmp_path / "saved",
        model,
        nn.CrossEntropyLoss(),
        None,
        DataLoader(data(96), batch_size=16, shuffle=True),
        DataLoader(data(32), batch_size=16),
        metrics=["accuracy"],
        device="cpu",
        logdir=folder,
    )
    assert again.steps == 12
    again.step(3)
    assert_equal_curves(again, folder)


def test_training_goes_on_when_the_folder_vanishes(tmp_path, caplog):
    folder = tmp_path / "run"
    trainer = make(logdir=folder)
    trainer.fit(1)
    shutil.rmtree(folder)
    trainer.fit(2)
    assert trainer.state == "finished"
    assert trainer.message is None
    warned = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warned) == 1
    assert "is gone" in warned[0]
    assert len(trainer.history["train_loss"]) == 18


def test_a_model_that_cannot_be_traced_trains_all_the_same(tmp_path):
    class Picky(Net):
        def forward(self, inputs):
            if not self.training:
                raise RuntimeError("not for tracers")
            return super().forward(inputs)

    torch.manual_seed(1)
    model = Picky()
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        torch.optim.SGD(model.parameters(), lr=0.1),
        data(32),
        device="cpu",
        logdir=tmp_path,
    )
    trainer.fit(1)
    assert "not for tracers" in text(tmp_path, "graph")
    assert_equal_curves(trainer, tmp_path)


def test_a_model_of_several_named_inputs_has_a_graph(tmp_path):
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.line = nn.Linear(2, 1)

        def forward(self, *, left, right):
            return self.line(left + right)

    model = Named()
    batch = {"left": torch.ones(4, 2), "right": torch.ones(4, 2)}
    trainer = Trainer(
        model,
        lambda outputs, _: outputs.square().mean(),
        torch.optim.SGD(model.parameters(), lr=0.1),
        [batch],
        device="cpu",
        logdir=tmp_path,
    )
    trainer.fit(1)
    graph = GraphDef.FromString(read(tmp_path).Graph().SerializeToString())
    assert {"input/left", "input/right", "Named/line/linear"} <= {node.name for node in graph.node}
