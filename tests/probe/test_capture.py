"""What every layer answered, and that nothing of the model has changed."""

from __future__ import annotations

import copy
import random
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as f

from dl_lab.errors import InputError
from dl_lab.probe.capture import ModelError, capture
from tests.probe.traces import same, state


class Residual(nn.Module):
    """In-place ReLU, a shared module, BatchNorm, Dropout, functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.noise = nn.Parameter(torch.zeros(1))
        self.register_buffer("seen", torch.zeros(1))
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.seen = self.seen + 1
        y = self.relu(self.norm(self.conv(x)))
        y = self.drop(self.relu(self.conv(y))) + torch.rand(1)
        y = y + np.random.rand() + random.random()  # noqa: NPY002, S311
        y += x
        return self.head(y.mean((2, 3)) + self.noise)


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("mode", ["train", "eval", None])
def test_everything_is_as_before(mode, gradients):
    model = Residual()
    model.norm.eval()
    model.head.weight.requires_grad_(False)
    model(torch.randn(2, 4, 5, 5)).sum().backward()
    fired: list[object] = []
    model.relu.register_forward_hook(lambda *seen: fired.append(seen) and None)
    inputs = torch.randn(3, 4, 5, 5)
    given = inputs.clone()
    before = state(model)
    seen = capture(model, inputs, mode=mode, gradients=gradients, changes={("conv", 0, 1): 0.0})
    if gradients:
        outputs = [layer.output for layer in seen.layers]
        torch.autograd.grad(seen.output[0, 0], outputs, allow_unused=True)
    after = state(model)
    for part, value in before.items():
        assert same(value, after[part]), part
    assert torch.equal(inputs, given)
    assert not inputs.requires_grad
    assert len(fired) == 2


def test_everything_is_as_before_when_the_model_fails():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(5, 2))
    inputs = torch.randn(3, 4)
    before = state(model)
    with pytest.raises(ModelError, match="raised RuntimeError: mat1 and mat2") as error:
        capture(model, inputs, mode="train")
    assert isinstance(error.value.__cause__, RuntimeError)
    after = state(model)
    for part, value in before.items():
        assert same(value, after[part]), part
    # Functions are heard again, too.
    assert torch.overrides._get_current_function_mode() is None
    assert capture(nn.ReLU(), torch.ones(1, 2)).output.tolist() == [[1, 1]]


def test_other_weights_for_one_look():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = state(model)
    other = {name: torch.ones_like(one) for name, one in model.state_dict().items()}
    seen = capture(model, torch.ones(1, 2), weights=other)
    assert seen["0"].output.tolist() == [[3, 3]]
    assert torch.allclose(seen.output, (torch.tensor([[3.0, 3]]) - 1) / (1 + 1e-5) ** 0.5 + 1)
    assert all(same(value, state(model)[part]) for part, value in before.items())
    assert all(torch.equal(one, torch.ones_like(one)) for one in other.values())


def hooked(model: nn.Module, *inputs: Any, **named: Any) -> dict[str, list[Tensor]]:
    """Return what each leaf answers, by hooks of the test's own on a copy."""
    answers: dict[str, list[Tensor]] = {}
    model = copy.deepcopy(model)
    for name, module in model.named_modules():
        if not list(module.children()):

            def keep(_: nn.Module, __: Any, output: Any, name: str = name) -> None:
                answers.setdefault(name, []).append(output.clone())

            module.register_forward_hook(keep)
    with torch.no_grad():
        model.eval()(*inputs, **named)
    return answers


def test_values_are_those_before_the_next_layer_overwrote_them():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Hardtanh(-0.1, 0.1, inplace=True)
    )
    x = torch.randn(2, 1, 6, 6)
    seen = capture(model, x)
    for name, (answer,) in hooked(model, x).items():
        assert torch.equal(seen[name].output, answer)
    assert (seen["0"].output < 0).any()
    assert torch.equal(seen["1"].inputs[0], seen["0"].output)
    assert torch.equal(seen["2"].inputs[0], seen["1"].output)
    assert [layer.sources for layer in seen.layers] == [(-1,), (0,), (1,)]


def test_a_shared_module_is_there_for_each_of_its_calls():
    model = Residual().eval()
    x = torch.randn(1, 4, 5, 5)
    seen = capture(model, x)
    calls = [(layer.name, layer.call) for layer in seen.layers if layer.kind == "Conv2d"]
    assert calls == [("conv", 0), ("conv", 1)]
    first, second = [layer.output for layer in seen.layers if layer.name == "relu"]
    assert torch.equal(first, f.relu(model.norm(model.conv(x))))
    assert torch.equal(second, f.relu(model.conv(first)))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(1, 2, 3)
        self.vector = nn.Linear(3, 2)

    def forward(self, image: Tensor, vector: Tensor) -> dict[str, Tensor]:
        return {"sum": self.image(image).mean((2, 3)) + self.vector(vector), "vector": vector}


@pytest.mark.parametrize("form", [tuple, list, dict])
def test_several_inputs_and_a_dictionary(form):
    given: Any = [torch.randn(2, 1, 5, 5), torch.randn(2, 3)]
    inputs = dict(zip(("image", "vector"), given, strict=True)) if form is dict else form(given)
    seen = capture(TwoInputs(), inputs)
    assert seen["image"].sources == (-1,)
    assert seen["vector"].sources == (-2,)
    assert seen["add"].sources == (seen["mean"].index, seen["vector"].index)
    assert set(seen.output) == {"sum", "vector"}


def test_tuples_and_what_is_no_tensor():
    class Sequence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(10, 6)
            self.lstm = nn.LSTM(6, 5, batch_first=True)
            self.attention = nn.MultiheadAttention(5, 1, batch_first=True)

        def forward(self, tokens: Tensor) -> Tensor:
            x, _ = self.lstm(self.embedding(tokens))
            return self.attention(x, x, x)[0][:, -1]

    model = Sequence()
    tokens = torch.randint(0, 10, (2, 7))
    seen = capture(model, tokens)
    kinds = [(layer.kind, tuple(layer.units.shape)) for layer in seen.layers]
    assert kinds == [
        ("Embedding", (7, 6)),
        ("LSTM", (7, 5)),
        ("MultiheadAttention", (7, 5)),
        ("getitem", (5,)),
    ]
    assert torch.allclose(seen["lstm"].output, model.lstm(model.embedding(tokens))[0], atol=1e-6)


@pytest.mark.parametrize(
    ("model", "shape", "units"),
    [
        (nn.Conv1d(2, 3, 3), (1, 2, 9), (3, 7)),
        (nn.Conv3d(1, 2, 3), (1, 1, 5, 6, 7), (2, 3, 4, 5)),
        (nn.Conv2d(4, 4, 3, groups=4), (1, 4, 5, 5), (4, 3, 3)),
        (nn.Linear(3, 2), (1, 3), (2,)),
    ],
)
def test_shapes(model, shape, units):
    assert capture(model, torch.randn(*shape)).layers[0].units.shape == units


def test_batch_norm_in_train_mode_uses_the_batch_and_keeps_its_statistics():
    norm = nn.BatchNorm2d(3)
    x = 3 * torch.randn(4, 3, 5, 5) + 2
    trained = capture(norm, x, mode="train").output
    assert torch.allclose(trained, f.batch_norm(x, None, None, training=True), atol=1e-6)
    assert torch.equal(
        capture(norm, x).output, f.batch_norm(x, norm.running_mean, norm.running_var)
    )
    assert norm.running_mean.tolist() == [0, 0, 0]


def test_lazy_layers_stay_lazy():
    model = nn.Sequential(nn.LazyConv2d(3, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    torch.manual_seed(0)
    one = capture(model, torch.ones(1, 1, 6, 6))
    two = capture(model, torch.ones(1, 1, 6, 6))
    assert [tuple(layer.units.shape) for layer in one.layers] == [(3, 4, 4), (3, 4, 4), (48,), (2,)]
    assert torch.equal(one.output, two.output)
    assert model[0].has_uninitialized_params()


def test_compiled_models_show_the_original():
    inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    x = torch.randn(2, 3)
    whole = torch.compile(nn.Sequential(inner, nn.Linear(4, 2)), backend="eager")
    part = nn.Sequential(torch.compile(inner, backend="eager"), whole._orig_mod[1])
    for model in (whole, part):
        seen = capture(model, x)
        assert [layer.name for layer in seen.layers] == ["0.0", "0.1", "1"]
        with torch.no_grad():
            assert torch.allclose(seen.output, model(x))
    inner.compile(backend="eager")
    assert [layer.name for layer in capture(inner, x).layers] == ["0", "1"]


def test_parametrized_layers():
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2)), nn.ReLU())
    before = state(model)
    assert [layer.name for layer in capture(model, torch.ones(1, 3), mode="train").layers] == [
        "0",
        "1",
    ]
    assert all(same(value, state(model)[part]) for part, value in before.items())


def test_a_changed_unit_changes_what_follows():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True), nn.Linear(3, 2))
    x = torch.randn(1, 2)
    seen = capture(model, x, changes={("0", 0, 1): 0.0, ("1", 0, 0): 2.0})
    hidden = model[0](x) * torch.tensor([1.0, 0, 1])
    assert torch.allclose(seen["0"].output, hidden)
    expected = model[2](f.relu(hidden) * torch.tensor([2.0, 1, 1]))
    assert torch.allclose(seen.output, expected)
    assert torch.equal(capture(model, x).output, model(x))


def test_gradients_of_every_layer_through_in_place_layers():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(32, 2))
    x = torch.randn(1, 1, 6, 6)
    seen = capture(model, x, gradients=True)
    grads = torch.autograd.grad(seen.output[0, 1], [layer.output for layer in seen.layers])
    weight = model[3].weight[1].view(1, 2, 4, 4)
    before = seen["0"].output
    assert torch.allclose(grads[1], weight)
    assert torch.allclose(grads[0], weight * (before > 0))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_hooks_of_ones_own_run_first_and_a_forward_of_ones_own_runs():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    model[0].register_forward_pre_hook(lambda _, args: (args[0] + 1,))
    model[0].register_forward_hook(lambda _, __, output: output * 2)
    model[1].forward = lambda x: x.abs()
    x = torch.randn(3, 2)
    before, own = state(model), vars(model[1])["forward"]
    seen = capture(model, x)
    hidden = 2 * f.linear(x + 1, model[0].weight, model[0].bias)
    assert torch.equal(seen["0"].inputs[0], x + 1)
    assert torch.equal(seen["0"].output, hidden)
    assert torch.equal(seen["1"].output, hidden.abs())
    assert torch.equal(seen.output, model(x))
    assert all(same(value, state(model)[part]) for part, value in before.items())
    assert vars(model[1])["forward"] is own


def test_generators_that_a_hook_draws_from():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))

    def draw(module, args, output):  # noqa: ARG001
        np.random.rand(), random.random()  # noqa: NPY002, S311

    model[0].register_forward_hook(draw)
    x = torch.randn(3, 2)
    before = state(model)
    capture(model, x, mode="train")
    assert all(same(value, state(model)[part]) for part, value in before.items())


def test_a_layer_of_which_only_forward_is_called():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear.forward(x).relu()

    assert [layer.name for layer in capture(Net(), torch.ones(1, 2)).layers] == ["linear", "relu"]


def test_another_thread_may_use_the_model_meanwhile():
    entered, go_on = threading.Event(), threading.Event()

    class Waits(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if threading.current_thread() is threading.main_thread():
                entered.set()
                assert go_on.wait(20)
            return x

    model = nn.Sequential(nn.Linear(2, 2), Waits(), nn.Linear(2, 2))

    def other() -> None:
        assert entered.wait(20)
        model(torch.ones(5, 2))
        go_on.set()

    thread = threading.Thread(target=other)
    thread.start()
    seen = capture(model, torch.ones(1, 2))
    thread.join()
    assert [tuple(layer.output.shape) for layer in seen.layers] == [(1, 2)] * 3


def test_an_unknown_layer_is_named():
    seen = capture(nn.Sequential(nn.ReLU()), torch.ones(1))
    with pytest.raises(InputError, match="layer cannot be 'conv'"):
        seen["conv"]


def test_keras_layers(keras):
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(3, 3, name="conv")(inputs)
    hidden = keras.layers.Dropout(0.5)(keras.layers.ReLU(name="relu")(hidden))
    hidden = keras.layers.Flatten()(hidden)
    model = keras.Model(inputs, keras.layers.Dense(2, name="out")(hidden))
    x = torch.rand(2, 8, 8, 1)
    before = state(model)
    seen = capture(model, x)
    shapes = {layer.name: tuple(layer.units.shape) for layer in seen.layers}
    assert shapes["conv"] == shapes["relu"] == (3, 6, 6)
    assert shapes["out"] == (2,)
    assert torch.allclose(seen.output, model(x, training=False))
    assert all(same(value, state(model)[part]) for part, value in before.items())
    (found,) = [layer for layer in seen.layers if layer.name == "conv"]
    assert torch.equal(found.units[1], found.output[0, :, :, 1])


@pytest.fixture
def keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras")


class Overwrites(nn.Module):
    """A layer of somebody's own that writes into what it is given, in one way or another."""

    def __init__(self, write) -> None:
        super().__init__()
        self.write = write
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        self.write(x)
        return x * self.scale


def _zero_by_function(x):
    torch.zeros(x.shape, out=x)


def _zero_by_view(x):
    x.view(-1)[:].zero_()


def _zero_by_numpy(x):
    x.numpy()[:] = 0


def _zero_by_data(x):
    x.data.mul_(0)


WRITES = [
    *(torch.Tensor.zero_, _zero_by_function, _zero_by_view, _zero_by_numpy, _zero_by_data),
    lambda x: nn.functional.threshold(x, 1e9, 0.0, True),
    lambda x: x.__setitem__(..., 0),
    lambda x: x.__imul__(0),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("layer", [True, False], ids=["layer", "function"])
def test_what_is_written_over_is_shown_as_it_was(write, layer):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 4)
            self.flat = nn.Unflatten(1, (2, 2))
            self.second = Overwrites(write) if layer else nn.Identity()

        def forward(self, x):
            x = self.flat(self.first(x))
            if not layer:
                write(x)
            return self.second(x)

    model, x = Net(), torch.rand(2, 3) + 1
    seen = capture(model, x)
    expected = model.first(x)
    assert torch.equal(seen["first"].output, expected)
    assert torch.equal(seen["flat"].output, expected.view(2, 2, 2))
    assert not seen["second"].output.any()


def test_a_parameter_that_passes_through_is_shown_as_it_was():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.ones(1, 3))
            self.same = nn.Identity()

        def forward(self, x):
            return x + self.same(self.token)

    model = Net()
    seen = capture(model, torch.zeros(1, 3))
    with torch.no_grad():
        model.token.zero_()
    assert seen["same"].output.tolist() == [[1, 1, 1]]
