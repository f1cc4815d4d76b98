"""What people give is tried as it is: whole, along each dimension, and refused with its shapes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import dl_lab
from dl_lab.errors import InputError
from dl_lab.probe.capture import ModelError, capture
from dl_lab.probe.formula.arithmetic import explain
from dl_lab.probe.given.examples import Examples
from dl_lab.probe.health import Tally
from dl_lab.probe.nested import mapped, tensors_in
from dl_lab.probe.recorder import NOTHING, Recorder
from tests.probe.given import ADJACENCY, EDGES, GIVEN, Of, PhysicsInformed

ARRIVED: list[type] = []  # what a model notes in a list of its own is put back

pytestmark = pytest.mark.filterwarnings(
    "ignore:Lazy modules are a new feature",
    # PyTorch's own forward-mode derivatives.
    "ignore:.torch.jit.script. is deprecated",
)


def made(name: str) -> tuple[nn.Module, Any]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return GIVEN[name].model(), GIVEN[name].x


def called(model: nn.Module, inputs: Any) -> Any:
    """Call a model as one does in a loop of one's own."""
    given = mapped(inputs, lambda one: one.detach().clone().requires_grad_(one.requires_grad))
    return model(**given) if isinstance(given, dict) else model(*given)


@pytest.mark.parametrize("name", GIVEN)
def test_the_examples_are_found_and_answered_as_the_model_answers_them(name):
    model, x = made(name)
    before = mapped(x, lambda one: one.detach().clone())
    examples = Examples(model, x)
    assert examples.count == GIVEN[name].count
    row = examples.row(examples.count - 1)
    seen = capture(model, row, batch=examples.dimensions(row))
    if name not in {"lazy", "random in every mode"}:
        model.eval()
        expected, found = tensors_in(called(model, row)), tensors_in(seen.output)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert torch.allclose(one, other, atol=1e-6)
    if name == "rows of several lengths":
        return
    for one, other in zip(tensors_in(x), tensors_in(before), strict=True):
        assert torch.equal(one.to_dense(), other.to_dense())
        assert one.grad is None


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in GIVEN
        if GIVEN[name].count > 1
        and name not in {"a list of images", "random in every mode", "one at a time", "lazy"}
    ],
)
def test_an_example_is_answered_alone_as_among_all(name):
    model, x = made(name)
    examples = Examples(model, x)
    rows = examples.row(0, batch=True)
    every = capture(model, rows, batch=examples.dimensions(rows)).output
    for index in {0, examples.count - 1}:
        row = examples.row(index)
        alone = capture(model, row, batch=examples.dimensions(row)).output
        if isinstance(every, list):
            every_one, alone = every[index], alone[0]
        else:
            every_one = every
        for one, other in zip(tensors_in(alone), tensors_in(every_one), strict=True):
            differ = [at for at in range(one.ndim) if one.shape[at] != other.shape[at]]
            same = other.narrow(differ[0], index, 1) if differ else other
            if name != "returns a number":
                assert torch.allclose(one, same, atol=1e-5)


def test_graphs_and_sets_are_one_input():
    graph = Of(lambda _, x, edges: x.index_add(0, edges[1], x[edges[0]]))
    examples = Examples(graph, (torch.rand(6, 2), EDGES))
    assert all(map(torch.equal, examples.row(0), examples.part(0, examples.many)))
    assert [tuple(one.shape) for one in examples.row(0)] == [(6, 2), (2, 4)]


def test_a_hidden_state_has_its_layers_first():
    lstm = nn.LSTM(4, 8, num_layers=2, batch_first=True)
    state = torch.rand(2, 3, 8), torch.rand(2, 3, 8)
    examples = Examples(lstm, (torch.rand(3, 5, 4), state))
    x, (hidden, cell) = examples.row(2)
    assert x.shape == (1, 5, 4)
    assert torch.equal(hidden, state[0][:, 2:])
    assert torch.equal(cell, state[1][:, 2:])


class TestAsked:
    def test_a_dimension_is_taken_as_it_is_named(self):
        # Each position for itself: nothing but the person can tell.
        model, x = nn.Linear(4, 2), torch.rand(7, 3, 4)
        examples = Examples(model, x, batch_dim=1)
        assert examples.count == 3
        assert capture(model, x, batch=(1,)).rows == 3
        assert examples.row(2)[0].shape == (7, 1, 4)
        assert Examples(nn.Linear(4, 2), torch.rand(7, 3, 4)).count == 7

    def test_a_dimension_for_each_tensor(self):
        model = Of(lambda _, x, weights: x @ weights)
        x = torch.rand(4, 4), torch.rand(4, 4)
        examples = Examples(model, x, batch_dim=(0, None))
        row = examples.row(3)
        assert torch.equal(row[0], x[0][3:])
        assert torch.equal(row[1], x[1])

    def test_the_whole(self):
        examples = Examples(nn.Linear(4, 2), torch.rand(7, 4), whole=True)
        assert examples.count == 1
        assert examples.row(0)[0].shape == (7, 4)

    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({"batch_dim": 2}, r"float32 \[5, 4\], float32 \[6, 4\]\), which has no such"),
            ({"batch_dim": 0}, "along it the tensors have 5, 6 entries"),
            ({"batch_dim": [0]}, "x has 2 tensors"),
            ({"batch_dim": [None, None]}, "no such dimension"),
            ({"batch_dim": -1}, "batch_dim must be a whole number between 0"),
            ({"batch_dim": 0, "whole": True}, "only one of the two"),
            ({"whole": 1}, "whole must be true or false"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, asked, says):
        model = Of(lambda _, a, b: a.sum() + b.sum())
        with pytest.raises(InputError, match=says):
            dl_lab.LayerViewer(model, (torch.rand(5, 4), torch.rand(6, 4)), **asked)


def test_a_refusal_has_the_shapes_that_were_given():
    with pytest.raises(InputError) as error:
        dl_lab.LayerViewer(nn.Linear(4, 2), torch.rand(5, 7))
    assert "mat1 and mat2 shapes cannot be multiplied" in str(error.value)
    assert "x is float32 [5, 7]" in str(error.value)
    assert "batch_dim=1" in str(error.value)
    assert "whole=True" in str(error.value)
    with pytest.raises(InputError, match=r"x is \(float32 \[6, 5\], \{mask: None\}\)"):
        dl_lab.LayerViewer(nn.Linear(4, 2), (torch.rand(6, 5), {"mask": None}))


def test_many_images_that_depend_on_each_other_are_asked_about():
    model, x = Of(lambda _, x: x - x.mean()), torch.rand(40, 400, 300)
    x += torch.arange(40)[:, None, None] + torch.arange(400)[:, None]
    with pytest.raises(InputError, match=r"x, float32 \[40, 400, 300\], cannot be cut") as error:
        dl_lab.LayerViewer(model, x)
    assert error.value.key == "model_depends"
    dl_lab.LayerViewer(model, x, whole=True).close()
    viewer = dl_lab.LayerViewer(model, x, batch_dim=0)
    assert len(viewer._look.inputs("eval")[0]) == 1
    viewer.close()


def test_of_several_ways_the_one_that_came_furthest_is_told():
    model = Of(
        lambda self, x: self.second(torch.cat([self.first(one) for one in x])),
        first=nn.Linear(4, 3),
        second=nn.Linear(5, 2),
    )
    with pytest.raises(InputError, match=r"2x3 and 5x2|1x3 and 5x2"):
        dl_lab.LayerViewer(model, [torch.rand(1, 4), torch.rand(1, 4)])


def test_only_what_the_model_raises_is_said_of_the_model(monkeypatch):
    def broken(*_: Any) -> None:
        raise RuntimeError("our own fault")

    monkeypatch.setattr(Recorder, "_record", broken)
    with pytest.raises(RuntimeError, match="our own fault") as error:
        capture(nn.Sequential(nn.Linear(2, 2)), torch.rand(1, 2))
    assert not isinstance(error.value, InputError)
    monkeypatch.undo()

    def raises(*_: Any) -> None:
        raise KeyError("label")

    for model in (Of(raises), nn.Sequential(Of(raises)), Of(lambda _, x: x.view(9))):
        with pytest.raises(ModelError, match="The model raised") as told:
            capture(model, torch.rand(1, 2))
        assert isinstance(told.value.__cause__, (KeyError, RuntimeError))


def test_a_layer_in_a_network_that_differentiates_is_its_own():
    model, points = PhysicsInformed(requires=True), torch.rand(5, 2)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    seen = capture(model, points[:1])
    expected = model.u[0](points[:1])
    assert torch.allclose(seen["u.0"].output, expected)
    assert torch.allclose(seen.output, model(points[:1].clone()))
    assert not seen["u.0"].output.requires_grad
    assert all(bool((one.grad == 3).all()) for one in model.parameters())
    assert not points.requires_grad


def test_layers_within_a_transform_are_shown_for_their_row():
    model, x = made("differentiates by a transform")
    row = x[3:4]
    for gradients in (False, True):
        seen = capture(model, row, gradients=gradients)
        assert torch.allclose(seen["u.0"].output, model.u[0](row))
        assert torch.allclose(seen["u.1"].output, model.u[1](model.u[0](row)))
        assert torch.allclose(seen["u.1"].inputs[0], model.u[0](row))
    shapes = capture(model, row, keep=NOTHING)
    assert [layer.output.shape for layer in shapes.layers] == [
        layer.output.shape for layer in seen.layers
    ]
    for layer in seen.layers[:2]:
        found = explain(seen, layer, (0,))
        assert found.result == pytest.approx(layer.output[0, 0].item(), rel=1e-5)
    with pytest.raises(InputError, match="is not known here in numbers"):
        explain(seen, seen["sum"], (0,))
    without = capture(model, row, changes={("u.1", 0, 2): 0.0})
    assert (without["u.1"].output == 0).tolist() == [[False, False, True, False]]
    model, x = made("second derivatives")
    expected = torch.func.hessian(lambda one: model.u(one).sum())(x[1])
    assert torch.allclose(capture(model, x[1:2]).output[0], expected, atol=1e-6)


def test_backward_within_leaves_no_gradients():
    def energy(self, x):
        x = x.requires_grad_()
        self.layer(x).sum().backward()
        return x.grad

    model = Of(energy, layer=nn.Linear(3, 1))
    seen = capture(model, torch.rand(2, 3))
    assert torch.equal(seen.output, model.layer.weight.detach().expand(2, 3))
    assert model.layer.weight.grad is None


def test_backward_within_leaves_no_gradients_where_gradients_are_wanted():
    def summed(self, x):
        output = self.layer(x)
        output.sum().backward()
        return output

    model = Of(summed, layer=nn.Linear(3, 1))
    capture(model, torch.rand(2, 3), gradients=True)
    assert model.layer.weight.grad is None


def test_lazy_layers_of_all_kinds_stay_lazy():
    model = nn.Sequential(
        *(nn.LazyConv1d(4, 3), nn.LazyBatchNorm1d(), nn.LazyInstanceNorm1d(affine=True)),
        *(nn.Flatten(), nn.LazyLinear(5), nn.LazyBatchNorm1d()),
    )
    seen = capture(model, torch.rand(4, 2, 9))
    assert [tuple(layer.output.shape[1:]) for layer in seen.layers] == [
        *((4, 7), (4, 7), (4, 7)),
        *((28,), (5,), (5,)),
    ]
    # With statistics that saw nothing yet, a layer in eval mode changes next to nothing.
    assert torch.allclose(seen.layers[1].output, seen.layers[0].output, rtol=1e-4)
    assert all(
        torch.nn.parameter.is_lazy(one) for one in model[1].buffers() if one.ndim or one.is_meta
    )
    assert model[4].has_uninitialized_params()


def test_packed_sequences_and_batch_encodings_arrive_as_they_are():
    transformers = pytest.importorskip("transformers")

    def look(self, *args: Any, **kwargs: Any) -> Any:
        ARRIVED.extend(map(type, [*args, *kwargs.values()]))
        return self.layer(tensors_in(args or kwargs)[0].float())

    ARRIVED.clear()
    model = Of(look, layer=nn.Linear(4, 2))
    capture(model, torch.nn.utils.rnn.pack_sequence([torch.rand(2, 4)]))
    assert [PackedSequence] == ARRIVED
    encoding = transformers.BatchEncoding({"input_ids": torch.ones(2, 4, dtype=torch.long)})
    assert Examples(model, encoding).count == 2
    capture(model, (encoding,))
    assert ARRIVED[-1] is transformers.BatchEncoding


def test_the_adjacency_is_not_cut_though_it_is_square():
    model = Of(lambda self, x, a: self.layer(a @ x), layer=nn.Linear(5, 4))
    examples = Examples(model, (torch.rand(6, 5), ADJACENCY))
    assert [tuple(one.shape) for one in examples.row(0)] == [(6, 5), (6, 6)]


def test_signs_of_trouble_are_counted_over_passes_with_other_layers():
    def each(self, images: list[torch.Tensor]) -> list[torch.Tensor]:
        return [self.gate(one.flatten()[None] - 9) for one in images]

    model, images = Of(each, gate=nn.ReLU()), [torch.rand(1, 2, 2) for _ in range(3)]
    examples, tally = Examples(model, images), Tally()
    for begin, end in ((0, 2), (2, 3)):
        seen = capture(model, examples.part(begin, end))
        tally.add(seen, [None] * len(seen.layers))
    assert [one.dead for one in tally.health() if one.zeros == 1] == [(0,)] * 2
