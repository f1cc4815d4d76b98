"""What a GraphViewer tells of a network, against torch's own answers."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.examples import example
from tests.widgets.page import Page

NO_GROUP = 0


@pytest.fixture
def lenet():
    viewer = dl_lab.GraphViewer(dl_lab.nets.lenet5(), torch.rand(3, 1, 28, 28))
    yield viewer
    viewer.close()


@pytest.fixture
def reader():
    viewer = example("graph_viewer")
    yield viewer
    viewer.close()


def shown(viewer: dl_lab.GraphViewer, index: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a page gets of a graph: its meta, and its arrays as lists."""
    reply = Page(viewer).request("hello", view="page", have={})
    names = ("group", "same", "from", "to")
    return (
        reply.meta["graphs"][index],
        {name: reply.arrays[f"{name}{index}"].tolist() for name in names},
    )


def groups(meta: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {group["path"]: group for group in meta["groups"]}


def test_each_layer_has_its_shapes_and_costs(lenet):
    meta, _ = shown(lenet)
    found = groups(meta)
    x = torch.rand(3, 1, 28, 28)
    for name, layer in lenet.model.named_children():
        y = layer(x)
        group = found[name]
        assert group["label"] == type(layer).__name__
        assert group["inputs"] == ["×".join(map(str, x.shape))]
        assert group["outputs"] == ["×".join(map(str, y.shape))]
        assert group["parameters"] == sum(p.numel() for p in layer.parameters())
        assert group["bytes"] == y.numel() * y.element_size()
        if isinstance(layer, nn.Conv2d):
            each = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
            assert group["macs"] == y.numel() * each
        if isinstance(layer, nn.Linear):
            assert group["macs"] == y.numel() * layer.in_features
        x = y
    assert meta["groups"][0]["parameters"] == 61_706
    assert all(second > 0 for second in meta["nodes"]["seconds"] if second is not None)


def test_lines_lead_where_the_numbers_go():
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.first(x).relu()
            return self.second(y) + x

    viewer = dl_lab.GraphViewer(Skip(), torch.rand(2, 4))
    meta, arrays = shown(viewer)
    names = meta["nodes"]["name"]
    edges = {
        (names[a], names[b], meta["nodes"]["module"][b])
        for a, b in zip(arrays["from"], arrays["to"], strict=True)
    }
    assert edges == {
        ("input_0", "linear", "first"),
        ("linear", "relu", ""),
        ("relu", "linear", "second"),
        ("linear", "add", ""),
        ("input_0", "add", ""),
    }
    line = meta["lines"][meta["nodes"]["line"][names.index("add")]]
    assert line["text"] == "return self.second(y) + x"
    assert line["file"] == __file__
    viewer.close()


def test_what_repeats_is_drawn_once_and_stands_for_all(reader):
    meta, arrays = shown(reader)
    (repeat,) = [one for one in meta["groups"] if one["kind"] == "repeat"]
    assert (repeat["label"], repeat["count"]) == ("TransformerEncoderLayer", 6)
    layers = reader.model.encoder.layers
    assert repeat["parameters"] == sum(p.numel() for p in layers.parameters())
    modules = np.array(meta["nodes"]["module"])
    names = np.array(meta["nodes"]["name"])
    drawn = np.array(arrays["group"]) != NO_GROUP
    same = np.array(arrays["same"])
    done = np.array(meta["nodes"]["kind"]) == "operation"
    for number in range(6):
        place = f"encoder.layers.{number}"
        within = done & [module.startswith(place) for module in modules]
        assert within.any()
        assert drawn[within].all() == (number == 0)
        assert (names[same[within]] == names[within]).all()
        assert all(module.startswith("encoder.layers.0") for module in modules[same[within]])
    # The first block's lines, and none from block to block.
    ends = list(zip(arrays["from"], arrays["to"], strict=True))
    assert all(drawn[a] and drawn[b] for a, b in ends)
    assert len(set(ends)) == len(ends)
    assert not any(
        modules[a].startswith("encoder.layers.0")
        and modules[b].startswith("encoder.layers.0")
        and a >= b
        for a, b in ends
    )


def test_a_loop_over_time_is_one_cell_with_a_line_back(reader):
    meta, arrays = shown(reader)
    (loop,) = [one for one in meta["groups"] if one["kind"] == "loop"]
    assert (loop["path"], loop["label"], loop["count"]) == ("cell", "GRUCell", 10)
    calls = sum(name == "gru_cell" for name in meta["nodes"]["name"])
    assert calls == 10
    place = meta["groups"].index(loop) + 1
    in_cell = [i for i, group in enumerate(arrays["group"]) if group == place]
    assert [meta["nodes"]["name"][i] for i in in_cell if meta["nodes"]["kind"][i] == "operation"]
    assert len({meta["nodes"]["name"][i] for i in in_cell}) == len(in_cell)


def test_parameters_that_no_output_depends_on_are_named(reader):
    meta, _ = shown(reader)
    assert meta["unused"] == ["spare"]
    assert groups(meta)[""]["parameters"] == sum(p.numel() for p in reader.model.parameters())


def test_weights_under_two_names_are_marked():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.answer = nn.Embedding(9, 4), nn.Linear(4, 9, bias=False)
            self.answer.weight = self.words.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.answer(self.words(x))

    viewer = dl_lab.GraphViewer(Tied(), torch.tensor([[1, 2]]))
    meta, arrays = shown(viewer)
    assert groups(meta)["words"]["shared"]
    assert groups(meta)["answer"]["shared"]
    # The weight that both take is drawn.
    (weight,) = [
        i
        for i, kind in enumerate(meta["nodes"]["kind"])
        if kind == "parameter" and arrays["group"][i]
    ]
    assert meta["nodes"]["name"][weight] == "weight"
    assert meta["groups"][0]["parameters"] == 36
    viewer.close()


def test_the_network_is_afterwards_as_it_was():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 2))
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3)
    random = torch.get_rng_state()
    x = torch.rand(5, 4, generator=torch.Generator().manual_seed(1))
    given = x.clone()
    dl_lab.GraphViewer(model, x).close()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(x, given)
    assert all(module.training for module in model.modules())
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in model.modules())


class Named(nn.Module):
    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left - right


class Pair(nn.Module):
    def forward(self, both: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return both[0] * both[1]


@pytest.mark.parametrize(
    ("model", "x", "name"),
    [
        (Named(), {"right": torch.rand(2), "left": torch.rand(2)}, "sub"),
        (Named(), (torch.rand(2), torch.rand(2)), "sub"),
        (Pair(), (torch.rand(2), torch.rand(2)), "mul"),
        (Pair(), [torch.rand(2), torch.rand(2)], "mul"),
        (nn.Linear(3, 2), np.ones((4, 3)), "linear"),
        (nn.Linear(3, 2, device="meta"), torch.rand(4, 3), "linear"),
    ],
)
def test_what_is_given_is_tried_as_it_is_and_then_otherwise(model, x, name):
    viewer = dl_lab.GraphViewer(model, x)
    meta, _ = shown(viewer)
    assert meta["failure"] is None
    assert meta["nodes"]["name"][-1] == name
    viewer.close()


def test_a_model_too_large_to_load_takes_no_memory():
    with torch.device("meta"):
        model = nn.Sequential(*[nn.Linear(8192, 8192) for _ in range(100)])
    viewer = dl_lab.GraphViewer(model, torch.rand(1, 8192))
    meta, _ = shown(viewer)
    assert meta["groups"][0]["parameters"] == 100 * (8192 * 8192 + 8192)
    assert meta["groups"][0]["macs"] == 100 * 8192 * 8192
    viewer.close()


def said(viewer: dl_lab.GraphViewer) -> tuple[dict[str, Any], str, str]:
    meta, _ = shown(viewer)
    failure = meta["failure"]
    sentence = failure["sentence"]
    return failure, sentence["text"], sentence["templates"]["es"].format(**sentence["params"])


def test_after_an_error_the_graph_so_far_is_shown_with_the_shapes():
    model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Flatten(), nn.Linear(100, 10))
    viewer = dl_lab.GraphViewer(model, torch.rand(4, 1, 28, 28))
    failure, english, spanish = said(viewer)
    meta, _arrays = shown(viewer)
    assert failure["name"] == "linear"
    assert failure["module"] == "2"
    assert "4×3456" in failure["shapes"]
    assert meta["nodes"]["name"][failure["inputs"][0]] == "flatten"
    for sentence in (english, spanish):
        assert "linear" in sentence
        assert "[4, 3456]" in sentence
        assert "[4, 1, 28, 28]" in sentence
    assert english != spanish
    done = [
        name
        for name, kind in zip(meta["nodes"]["name"], meta["nodes"]["kind"], strict=True)
        if kind == "operation"
    ]
    assert done == ["conv2d", "flatten"]
    assert 0 <= failure["group"] < len(meta["groups"])
    assert "ended by an error" in repr(viewer)
    viewer.close()


def test_an_error_of_ones_own_is_told_with_its_place():
    class Own(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x + 1
            raise ValueError("not today")

    viewer = dl_lab.GraphViewer(nn.Sequential(Own()), torch.rand(2))
    failure, english, _ = said(viewer)
    assert failure["module"] == "0"
    assert "ValueError: not today" in english
    viewer.close()


@pytest.mark.parametrize("x", ["a cat.jpg", None, 3, ["a", "b"], object()])
def test_what_is_no_tensor_gets_a_sentence(x):
    with pytest.raises(InputError, match="x must hold a tensor that the model takes"):
        dl_lab.GraphViewer(nn.Linear(2, 2), x)


def test_numbers_that_meta_lacks_are_asked_for_in_a_sentence():
    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2
            return y if y.sum() > 0 else -y

    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(2, 2), Asks())
    viewer = dl_lab.GraphViewer(model, torch.rand(1, 2))
    failure, english, spanish = said(viewer)
    assert failure["module"] == "1"
    assert "on the meta device there are shapes but no numbers" in english
    assert "meta" in spanish
    viewer.close()


@pytest.mark.parametrize(
    ("model", "key"),
    [(nn.Linear, "model_class"), ("resnet18", "not_model"), (None, "not_model")],
)
def test_what_is_no_model_is_refused(model, key):
    with pytest.raises(InputError) as refused:
        dl_lab.GraphViewer(model, torch.rand(2, 2))
    assert refused.value.key == key


def test_a_rule_says_what_stays_closed():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 2))

    def closed(rule: object) -> dict[str, bool]:
        viewer = dl_lab.GraphViewer(model, torch.rand(1, 4), rule=rule)
        meta, _ = shown(viewer)
        viewer.close()
        return {one["path"]: one["closed"] for one in meta["groups"]}

    assert closed(["^0$"]) == {"": False, "0": True, "0.0": False, "0.1": False, "1": False}
    assert closed([nn.ReLU])["0.1"]
    assert closed(lambda group: group.parameters == 10)["1"]


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        (3, "graph_rule"),
        ([3], "graph_rule"),
        (["("], "graph_pattern"),
        ("*", "graph_pattern"),
        (["a{99999999999999999999}"], "graph_pattern"),
        (lambda group: group.no_such_thing, "graph_rule_failed"),
    ],
)
def test_a_rule_that_is_none_gets_a_sentence(rule, key):
    with pytest.raises(InputError) as refused:
        dl_lab.GraphViewer(nn.Linear(2, 2), torch.rand(1, 2), rule=rule)
    assert refused.value.key == key


def test_two_models_side_by_side_say_what_differs():
    a = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    b = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Dropout(), nn.Linear(9, 2))
    both = dl_lab.GraphViewer.compare(a, b, torch.rand(3, 4))
    reply = Page(both).request("hello", view="page", have={})
    told = []
    for index in range(2):
        nodes = reply.meta["graphs"][index]["nodes"]
        change = reply.arrays[f"change{index}"].tolist()
        operations = [i for i, kind in enumerate(nodes["kind"]) if kind == "operation"]
        told.append([(nodes["name"][i], change[i]) for i in operations])
    # The last layer gives the same shape, from other weights.
    assert told[0][:2] == [("linear", 1), ("relu", 1)]
    assert ("dropout", 2) in told[1]
    assert told[1][0] == ("linear", 1)
    assert repr(both) == "GraphViewer(Sequential and Sequential, 3 operations, 58 parameters)"
    both.close()


def test_what_is_open_chosen_and_looked_for_is_kept_for_the_next_view(lenet):
    page = Page(lenet)
    wanted = {
        "opened": ["./conv1"],
        "chosen": "g./conv1",
        "search": "conv|(",
        "cameras": [[10.5, 20, 2]],
        "colour": "macs",
        "direction": "right",
    }
    for name, value in wanted.items():
        assert page.request("settings.set", **{name: value}).meta["ok"] is True
    state = lenet.get_state()
    assert {name: json.loads(json.dumps(state[name])) for name in wanted} == wanted
    # It draws nothing anew for that.
    assert lenet._composed == lenet._revision


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cameras", [[1, 2]]),
        ("cameras", [[1, 2, 0]]),
        ("cameras", [[1, 2, float("nan")]]),
        ("cameras", 3),
        ("opened", "all"),
        ("opened", ["a", "a"]),
        ("opened", [1]),
        ("search", None),
        ("search", "x" * 1001),
        ("colour", "mood"),
    ],
)
def test_what_a_setting_cannot_be_is_refused(lenet, name, value):
    before = lenet.settings
    with pytest.raises(InputError):
        lenet.set(**{name: value})
    assert lenet.settings == before


def test_the_table_has_torchinfos_columns(lenet):
    reply = Page(lenet).request("graph.summary")
    rows = {row["layer"]: row for row in reply.meta["rows"]}
    total = sum(p.numel() for p in lenet.model.parameters())
    assert reply.meta["totals"]["parameters"] == total
    assert rows["conv2"]["kernel"] == "5×5"
    assert rows["conv2"]["output"] == "3×16×10×10"
    assert rows["fc1"]["percent"] == pytest.approx(100 * (400 * 120 + 120) / total)
    assert rows["fc1"]["macs"] == 3 * 400 * 120
    assert rows["relu1"]["trainable"] is None
    for row in rows.values():
        assert row["key"] in {f"g{one['key']}" for one in shown(lenet)[0]["groups"]}
    lenet.model.conv1.weight.requires_grad_(False)
    lenet.refresh()
    viewer = dl_lab.GraphViewer(lenet.model, torch.rand(1, 1, 28, 28))
    again = Page(viewer).request("graph.summary").meta["rows"]
    assert {row["layer"]: row["trainable"] for row in again}["conv1"] == "partly"
    viewer.close()


def test_the_graph_is_given_as_json(lenet):
    reply = Page(lenet).request("graph.json", graph=0)
    told = json.loads(reply.meta["text"])
    assert [node["name"] for node in told["nodes"]][-1] == "linear"
    assert Page(lenet).request("graph.json", graph=1).meta["ok"] is False


def test_the_saved_picture_is_small_and_has_words_for_who_listens(reader):
    svg = reader.picture()
    root = ET.fromstring(svg)  # noqa: S314 - our own
    label = root.attrib["aria-label"]
    assert label.startswith("Graph of Reader: input → embedding → encoder")
    assert len(svg) < 20_000
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "cell ×10" in texts
    reader.language = "es"
    assert ET.fromstring(reader.picture()).attrib["aria-label"].startswith("Grafo de Reader")  # noqa: S314


def test_a_picture_of_very_many_parts_stays_small():
    model = nn.Sequential(*[nn.Linear(2 + i % 3, 2 + (i + 1) % 3) for i in range(120)])
    viewer = dl_lab.GraphViewer(model, torch.rand(1, 2))
    svg = viewer.picture()
    assert len(svg) < 20_000
    ET.fromstring(svg)  # noqa: S314 - our own
    viewer.close()


def test_refreshing_shows_what_the_model_has_become():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    viewer = dl_lab.GraphViewer(model, torch.rand(1, 2))
    page = Page(viewer)
    page.request("hello", view="page", have={})
    model.append(nn.Linear(2, 1))
    viewer.refresh()
    assert page.wait(
        lambda: any(
            one.meta["graphs"][0]["nodes"]["name"].count("linear") == 2
            for one in page.shown("explainer.show")
        )
    )
    viewer.close()


def test_only_modules_of_the_model_are_opened(lenet):
    assert Page(lenet).request("layer.open", module="conv1").meta["ok"] is True
    refused = Page(lenet).request("layer.open", module="conv9")
    assert refused.meta["error"]["key"] == "graph_no_module"


def test_a_trainer_is_followed_and_its_graph_stays():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    data = (torch.randn(64, 4), torch.randint(0, 3, (64,)))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = dl_lab.Trainer(model, nn.CrossEntropyLoss(), sgd, data, batch_size=8, device="cpu")
    viewer = dl_lab.GraphViewer(model, data[0][:2], trainer)
    page = Page(viewer)
    page.request("hello", view="page", have={})
    trainer.step(3)
    assert page.wait(
        lambda: any(one.meta["graphs"][0]["step"] == 3 for one in page.shown("graph.live"))
    )
    live = page.shown("graph.live")[-1]
    count = len(viewer.graphs[0].nodes)
    for name in ("rms", "grad", "dead", "flags"):
        assert live.arrays[f"{name}0"].shape == (count,)
    # By torch itself, for the batch that comes next.
    relu = [node.name for node in viewer.graphs[0].nodes].index("relu")
    assert np.isfinite(live.arrays["rms0"][relu])
    assert 0 <= live.arrays["dead0"][relu] <= 1
    # Nothing was traced anew for that.
    assert [one.kind for one in page.messages if one.kind == "explainer.show"] == []
    viewer.close()
    trainer.close()
