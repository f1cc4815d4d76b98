"""What people add, read back by TensorBoard's own readers."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from PIL import Image
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.util.tensor_util import make_ndarray

from dl_lab.errors import InputError
from dl_lab.nets.graph.trace import trace
from dl_lab.train.events.event_log import EventLog, write_graph
from dl_lab.train.events.event_writer import tag_of
from dl_lab.train.history.history import History
from tests.train.reading import read, table_of_runs


@pytest.fixture
def log(tmp_path) -> EventLog:
    return EventLog(tmp_path / "run", step=lambda: 7)


def picture(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)))


def test_a_number(log):
    log.add_scalar("rotated", torch.tensor(0.75))
    log.add_scalar("rotated", 0.5, step=9)
    found = [(event.step, event.value) for event in read(log.folder).Scalars("rotated")]
    assert found == [(7, 0.75), (9, 0.5)]


def test_a_text(log):
    log.add_text("notes", "¿qué **tal**?")
    (event,) = read(log.folder).Tensors("notes/text_summary")
    assert make_ndarray(event.tensor_proto).item().decode() == "¿qué **tal**?"
    assert event.step == 7


def test_an_image_in_bytes_stays_as_it_is(log):
    pixels = torch.randint(0, 256, (3, 5, 6), dtype=torch.uint8)
    log.add_image("rgb", pixels)
    (event,) = read(log.folder).Images("rgb")
    assert (event.height, event.width) == (5, 6)
    assert (picture(event.encoded_image_string) == pixels.permute(1, 2, 0).numpy()).all()


def test_images_of_numbers_are_a_sheet(log):
    pixels = torch.rand(10, 1, 4, 5)
    pixels[9] = float("nan")
    log.add_image("sheet", pixels)
    (event,) = read(log.folder).Images("sheet")
    sheet = picture(event.encoded_image_string)
    assert sheet.shape == (8, 40, 3)  # eight in a row
    first = (pixels[0, 0].numpy() * 255).astype("u1")
    assert (sheet[:4, :5, 0] == first).all()
    assert (sheet[4:, 5:10] == 0).all()


@pytest.mark.parametrize("shape", [(5,), (2, 4, 4), (3, 2, 4, 4), (1, 1, 1, 4, 4), (0, 4)])
def test_other_shapes_are_no_images(log, shape):
    with pytest.raises(InputError) as error:
        log.add_image("thing", torch.zeros(shape))
    assert error.value.key == "image_shape"
    assert str(list(shape)) in str(error.value)


@pytest.mark.parametrize("given", ["text", [object()], [[1], [1, 2]]])
def test_what_is_no_number_is_no_image(log, given):
    with pytest.raises(InputError) as error:
        log.add_image("thing", given)
    assert error.value.key == "not_numbers"


def test_a_figure(log):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50, facecolor="red")
    log.add_figure("figure", figure)
    (event,) = read(log.folder).Images("figure")
    pixels = picture(event.encoded_image_string)
    assert pixels.shape == (50, 100, 4)
    assert (pixels == [255, 0, 0, 255]).all()


def test_a_sound(log):
    sound = torch.sin(torch.arange(800) / 8000 * 440 * 2 * torch.pi) * 2  # clipped at 1
    log.add_audio("tone", sound, rate=8000)
    (event,) = read(log.folder).Audio("tone")
    with wave.open(io.BytesIO(event.encoded_audio_string)) as file:
        assert file.getframerate() == 8000
        frames = np.frombuffer(file.readframes(800), "<i2")
    assert np.abs(frames - sound.clamp(-1, 1).numpy() * 32767).max() <= 1


@pytest.mark.parametrize("many", [1000, 300_000])
def test_a_histogram(log, many):
    values = torch.randn(many, generator=torch.Generator().manual_seed(0))
    values[::100] = float("nan")
    log.add_histogram("normal", values)
    (event,) = read(log.folder).Histograms("normal")
    found = event.histogram_value
    finite = values[values.isfinite()].double()
    counts = np.array(found.bucket) / found.num
    edges = np.array([found.min, *found.bucket_limit])
    assert sum(found.bucket) == found.num
    if many == 1000:
        expected, _ = np.histogram(finite.numpy(), edges)
        assert (np.array(found.bucket) == expected).all()
        assert found.num == len(finite)
        assert found.sum == pytest.approx(finite.sum().item(), rel=1e-6, abs=1e-6)
        assert found.sum_squares == pytest.approx(finite.square().sum().item(), rel=1e-6)
        assert (found.min, found.max) == (finite.min().item(), finite.max().item())
    else:
        assert 40_000 < found.num <= 65_536
        shares, _ = np.histogram(finite.numpy(), edges)
        assert np.abs(counts - shares / shares.sum()).max() < 0.01


# TensorBoard itself reckons quantiles of such numbers.
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning:tensorboard")
@pytest.mark.parametrize(
    "values", [[3.0], [3.0] * 5, [-1e308, 1e308], [1e-320, 0.0], [float("inf"), 1.0], [True, False]]
)
def test_a_histogram_of_odd_values_counts_them_all(log, values):
    log.add_histogram("odd", values)
    (event,) = read(log.folder).Histograms("odd")
    made = event.histogram_value
    assert sum(made.bucket) == np.isfinite(values).sum()
    assert np.isfinite(made.bucket_limit).all()
    assert made.bucket_limit[-1] == made.max
    assert log.problem is None


def test_a_histogram_of_nothing_finite_is_left_out(log):
    log.add_histogram("nan", [float("nan")])
    assert log.problem is None
    assert not log.path.exists()


def test_precision_and_recall(log):
    rng = np.random.default_rng(0)
    labels = rng.random(500) < 0.3
    scores = np.clip(labels * 0.3 + rng.random(500) * 0.7, 0, 1)
    log.add_pr_curve("pr", torch.from_numpy(labels), torch.from_numpy(scores))
    (event,) = read(log.folder).Tensors("pr")
    rows = make_ndarray(event.tensor_proto)
    assert rows.shape == (6, 127)
    for column in (0, 40, 100):
        positive = np.floor(scores * 126) >= column
        truly = (positive & labels).sum()
        assert rows[0, column] == truly
        assert rows[4, column] == pytest.approx(truly / max(positive.sum(), 1e-7), rel=1e-6)
        assert rows[5, column] == pytest.approx(truly / labels.sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("labels", "scores"), [([1, 0], [0.5]), ([1], [1.5]), ([1], [float("nan")])]
)
def test_no_probabilities(log, labels, scores):
    with pytest.raises(InputError):
        log.add_pr_curve("pr", labels, scores)


def projector(log) -> ProjectorConfig:
    config = ProjectorConfig()
    return text_format.Parse((log.folder / "projector_config.pbtxt").read_text(), config)


def test_an_embedding_with_labels_and_pictures(log):
    points = torch.randn(5, 3)
    images = torch.rand(5, 1, 4, 6)
    labels = [["uno\tdos", 1], ["b", 2], ["c", 3], ["d", 4], ["e", 5]]
    log.add_embedding("words/v1", points, labels=labels, header=["word", "rank"], images=images)
    log.add_embedding("other", points[:, :2], labels="abcde", step=3)
    first, second = projector(log).embeddings
    assert (first.tensor_name, second.tensor_name) == ("words/v1:00007", "other:00003")
    read_points = np.loadtxt(log.folder / first.tensor_path, delimiter="\t", dtype="f4")
    assert (read_points == points.numpy()).all()
    table = (log.folder / first.metadata_path).read_text().splitlines()
    assert table[:2] == ["word\trank", "uno dos\t1"]
    assert (log.folder / second.metadata_path).read_text().splitlines() == [*"abcde"]
    assert [*first.sprite.single_image_dim] == [6, 4]
    sheet = picture((log.folder / first.sprite.image_path).read_bytes())
    assert sheet.shape == (12, 18, 3)
    fourth = (images[3, 0].numpy() * 255).astype("u1")
    assert (sheet[4:8, :6, 1] == fourth).all()


def test_an_embedding_of_the_same_step_takes_its_place(log):
    for scale in (1, 2):
        log.add_embedding("points", torch.ones(2, 2) * scale)
    EventLog(log.folder).add_embedding("more", torch.ones(2, 2))
    entries = projector(log).embeddings
    assert [entry.tensor_name for entry in entries] == ["points:00007", "more:00000"]
    assert np.loadtxt(log.folder / entries[0].tensor_path).tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"points": torch.ones(3)}, "event_shape"),
        ({"labels": ["a"]}, "as_many"),
        ({"labels": [["a"], ["b"]], "header": ["one", "two"]}, "as_many"),
        ({"images": torch.ones(3, 1, 4, 4)}, "as_many"),
        ({"images": torch.ones(2, 5, 4, 4)}, "image_shape"),
    ],
)
def test_embeddings_that_do_not_fit(log, settings, key):
    with pytest.raises(InputError) as error:
        log.add_embedding("points", **{"points": torch.ones(2, 2), **settings})
    assert error.value.key == key


def test_settings_and_metrics_stand_in_the_table_of_runs(tmp_path):
    for name, rate in (("a", 0.1), ("b", 0.01)):
        history = History()
        log = EventLog(tmp_path / name)
        log.begin(history)
        log.add_hparams({"lr": rate, "optimizer": "SGD", "nesterov": True, "betas": (0.9, 0.99)})
        history.append(4, validation_loss=7.0)
        history.append(5, validation_loss=rate * 2)
        if name == "a":
            log.add_end()
        log.end()
    found = table_of_runs(tmp_path)
    settings = {"optimizer": "SGD", "nesterov": True, "betas": "(0.9, 0.99)"}
    assert found["a"][0] == "STATUS_SUCCESS"
    assert found["b"][0] != "STATUS_SUCCESS"
    for name, rate in (("a", 0.1), ("b", 0.01)):
        assert found[name][1] == {"lr": rate, **settings}
        assert found[name][2] == {"loss/validation": pytest.approx(rate * 2)}


def test_settings_with_chosen_metrics(log):
    from tensorboard.plugins.hparams.metadata import parse_experiment_plugin_data

    log.add_hparams({"lr": 0.1}, ["loss/validation"], done=True)
    found = read(log.folder).summary_metadata
    experiment = parse_experiment_plugin_data(found["_hparams_/experiment"].plugin_data.content)
    assert [info.name.tag for info in experiment.metric_infos] == ["loss/validation"]
    assert {"_hparams_/session_start_info", "_hparams_/session_end_info"} <= set(found)


def test_the_graph_of_a_model_which_stays_as_it_is(log):
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Dropout(), torch.nn.Flatten()
    )
    model[1].eval()  # one part frozen
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [module.training for module in model.modules()]
    inputs = torch.randn(2, 1, 5, 5)
    generator = torch.get_rng_state()
    log.add_graph(model, [inputs])
    graph = GraphDef.FromString(read(log.folder).Graph().SerializeToString())
    kinds = {node.op for node in graph.node}
    assert {"conv2d", "batch_norm", "dropout", "flatten", "parameter", "buffer"} <= kinds
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert [module.training for module in model.modules()] == flags
    assert torch.equal(torch.get_rng_state(), generator)
    assert log.problem is None


class Steps(torch.nn.Module):
    """A cell that is called three times, and a block in a block."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.Linear(2, 2)
        self.blocks = torch.nn.ModuleList([torch.nn.Sequential(torch.nn.ReLU())])

    def forward(self, inputs):
        for _ in range(3):
            inputs = self.cell(inputs)
        return self.blocks[0](inputs)


def test_a_graphs_modules_are_groups_and_calls_stand_apart(tmp_path):
    traced = trace(Steps(), [torch.ones(1, 2)])
    write_graph(tmp_path, traced, "Steps")
    graph = GraphDef.FromString(read(tmp_path).Graph().SerializeToString())
    by_name = {node.name: node for node in graph.node}
    assert set(by_name) == {
        "input/input_0",
        "Steps/cell/weight",
        "Steps/cell/bias",
        "Steps/cell/linear",
        "Steps/cell-2/linear",
        "Steps/cell-3/linear",
        "Steps/blocks/0/0/relu",
        "output/output_0",
    }
    second = by_name["Steps/cell-2/linear"]
    assert list(second.input) == ["Steps/cell/linear", "Steps/cell/weight", "Steps/cell/bias"]
    assert second.attr["multiply-adds"].s == b"4"
    assert second.attr["parameters"].s == b"6"
    assert b"inputs = self.cell(inputs)" in second.attr["line"].s
    (shape,) = second.attr["_output_shapes"].list.shape
    assert [one.size for one in shape.dim] == [1, 2]
    # Nothing hangs in the air.
    assert {source for node in graph.node for source in node.input} <= set(by_name)


def test_a_graph_goes_only_where_a_folder_can_be(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    traced = trace(torch.nn.ReLU(), [torch.ones(1)])
    with pytest.raises(InputError):
        write_graph(file, traced, "ReLU")
    with pytest.raises(InputError):
        write_graph(3, traced, "ReLU")


class Drawing(torch.nn.Module):
    def forward(self, inputs):
        return inputs + torch.randn(3)


def test_tracing_draws_nothing_from_the_random_stream(log):
    generator = torch.get_rng_state()
    log.add_graph(Drawing(), [torch.zeros(3)])
    assert torch.equal(torch.get_rng_state(), generator)


class Odd(torch.nn.Module):
    def forward(self, _):
        raise ValueError("this module <b>fails</b>")


def test_a_model_that_cannot_be_traced_leaves_a_note(log, capsys):
    log.add_graph(Odd(), [torch.zeros(3)])
    (event,) = read(log.folder).Tensors("graph/text_summary")
    note = make_ndarray(event.tensor_proto).item().decode()
    assert "could not be traced to its end (ValueError at forward)" in note
    assert "this module <b>fails</b>" in note
    assert capsys.readouterr().out == ""


def test_charts_of_several_curves(log):
    log.add_layout({"losses": {"loss": ["loss/train", "loss/validation"]}})
    (event,) = read(log.folder).Tensors("custom_scalars__config__")
    layout = Layout.FromString(make_ndarray(event.tensor_proto).item())
    assert layout.category[0].title == "losses"
    assert [*layout.category[0].chart[0].multiline.tag] == ["loss/train", "loss/validation"]


def test_names_of_curves():
    assert tag_of("train_loss") == "loss/train"
    assert tag_of("validation_top5") == "top5/validation"
    assert tag_of("learning_rate") == "learning_rate"


def test_what_is_added_is_copied_at_once(log):
    log.begin(History())
    pixels = torch.zeros(4, 4, dtype=torch.uint8)
    with log._turn:
        log.add_image("black", pixels)
        pixels += 255
    log.end()
    (event,) = read(log.folder).Images("black")
    assert picture(event.encoded_image_string).max() == 0


@pytest.mark.parametrize("step", [-1, 1.5, 2**32])
def test_no_step(log, step):
    with pytest.raises(InputError):
        log.add_text("x", "y", step=step)


def test_a_scalar_that_is_no_number_gets_a_sentence(tmp_path):
    log = EventLog(tmp_path)
    for value in (10**400, "high", None):
        with pytest.raises(InputError, match="rate must be one number"):
            log.add_scalar("rate", value)
