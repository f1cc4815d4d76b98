"""Units of Keras layers: every number against what Keras computed on torch."""

from __future__ import annotations

import random

import pytest
import torch

from dl_lab.probe.capture import capture
from dl_lab.probe.formula.arithmetic import explain
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.health import health
from dl_lab.probe.receptive_field import effective_field, receptive_field
from dl_lab.probe.tiles import filters

pytestmark = pytest.mark.usefixtures("_seed")


@pytest.fixture
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        random.seed(3)
        yield


@pytest.fixture(scope="module")
def k():
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(5)
    return keras


def shaken(model):
    """Give biases and statistics values of their own: Keras begins with zeros and ones."""
    model.set_weights([0.5 * abs(one) + 0.3 for one in model.get_weights()])
    return model


def check(seen, tries=20):
    for layer in seen.layers:
        for _ in range(tries):
            at = tuple(random.randrange(size) for size in layer.units.shape)  # noqa: S311
            found = explain(seen, layer, at)
            assert found.value == float(layer.units[at])
            assert found.result == pytest.approx(found.value, rel=2e-5, abs=2e-5), (layer, at)


LAYERS = {
    "same, stride 2": ((9, 8, 2), lambda n: n.Conv2D(3, 3, strides=2, padding="same")),
    "even kernel": ((9, 8, 2), lambda n: n.Conv2D(3, (2, 4), padding="same", activation="relu")),
    "groups": ((9, 8, 4), lambda n: n.Conv2D(6, 3, groups=2, dilation_rate=2, use_bias=False)),
    "causal": ((12, 3), lambda n: n.Conv1D(2, 3, padding="causal", dilation_rate=2)),
    "3-D": ((4, 5, 6, 2), lambda n: n.Conv3D(2, 2, activation="tanh")),
    "depthwise": ((7, 7, 3), lambda n: n.DepthwiseConv2D(3, depth_multiplier=2)),
    "dense": ((5,), lambda n: n.Dense(4, activation="gelu")),
    "dense over positions": ((6, 5), lambda n: n.Dense(4, activation="hard_silu")),
    "scores": ((5,), lambda n: n.Dense(4, activation="softmax")),
    "logarithms": ((5,), lambda n: n.Dense(4, activation="log_softmax")),
    "largest": ((7, 7, 3), lambda n: n.MaxPooling2D(3, strides=2, padding="same")),
    "mean": ((7, 7, 3), lambda n: n.AveragePooling2D(2, padding="same")),
    "global mean": ((7, 6, 3), lambda n: n.GlobalAveragePooling2D()),
    "global, kept": ((7, 6, 3), lambda n: n.GlobalAveragePooling2D(keepdims=True)),
    "global largest": ((7, 3), lambda n: n.GlobalMaxPooling1D()),
    "batch norm": ((5, 5, 3), lambda n: n.BatchNormalization()),
    "layer norm": ((5, 5, 3), lambda n: n.LayerNormalization()),
    "layer norm of a vector": ((5,), lambda n: n.LayerNormalization()),
    "group norm": ((5, 5, 4), lambda n: n.GroupNormalization(2)),
    "activation": ((5, 3), lambda n: n.Activation("leaky_relu")),
    "relu": ((5, 3), lambda n: n.ReLU(max_value=0.4)),
    "leaky": ((5, 3), lambda n: n.LeakyReLU(0.1)),
    "elu": ((5, 3), lambda n: n.ELU(0.7)),
    "softmax": ((4, 5, 3), lambda n: n.Softmax()),
    "flatten": ((4, 5, 3), lambda n: n.Flatten()),
    "reshape": ((20,), lambda n: n.Reshape((2, 5, 2))),
    "dropout": ((4, 5, 3), lambda n: n.Dropout(0.5)),
    "spatial dropout": ((4, 5, 3), lambda n: n.SpatialDropout2D(0.5)),
}


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("case", LAYERS)
def test_layers(k, case, mode):
    shape, make = LAYERS[case]
    model = shaken(k.Sequential([k.Input(shape), make(k.layers)]))
    check(capture(model, torch.randn(4, *shape), mode=mode))


@pytest.mark.parametrize("merge", ["Add", "Subtract", "Multiply", "Concatenate"])
def test_merged(k, merge):
    one, other = k.Input((4, 5, 3)), k.Input((4, 5, 3))
    model = k.Model([one, other], getattr(k.layers, merge)()([one, other]))
    check(capture(model, [torch.randn(2, 4, 5, 3), torch.randn(2, 4, 5, 3)]))


def network(k):
    return shaken(
        k.Sequential(
            [
                k.Input((12, 12, 1)),
                k.layers.Conv2D(4, 3, activation="relu", name="conv"),
                k.layers.MaxPooling2D(2),
                k.layers.Conv2D(3, 3, padding="same"),
                k.layers.Flatten(name="flat"),
                k.layers.Dense(3, activation="softmax", name="scores"),
            ]
        )
    )


def test_a_whole_network(k):
    seen = capture(network(k), torch.rand(2, 12, 12, 1))
    check(seen)
    conv = explain(seen, seen["conv"], (1, 2, 3))
    assert conv.then == "relu"
    assert conv.result == max(0.0, conv.numbers["sum"])
    scores = explain(seen, seen["scores"], (2,))
    assert (scores.then, len(scores.links)) == ("softmax", 75)
    products = sum(link.share for link in scores.links)
    assert products + scores.numbers["bias"] == pytest.approx(scores.numbers["sum"], rel=1e-6)


def test_receptive_fields_are_the_gradients(k):
    model, x = network(k), torch.rand(1, 12, 12, 1)
    seen = capture(model, x)
    for index in range(4):
        layer = seen.layers[index]
        at = tuple(size // 2 for size in layer.units.shape)
        field = receptive_field(seen, layer, at)
        assert field.exact
        moved = effective_field(model, x, index, at).nonzero()
        (top, bottom), (left, right) = field.box
        assert top <= moved[:, 0].min()
        assert moved[:, 0].max() < bottom
        assert left <= moved[:, 1].min()
        assert moved[:, 1].max() < right


def test_filters_of_a_dense_layer_have_the_shape_of_its_maps(k):
    seen = capture(network(k), torch.rand(1, 12, 12, 1))
    weight = seen["scores"].module.kernel.value.T.reshape(3, 5, 5, 3)
    shown = filters(seen, seen["scores"], 0, 3)
    assert shown.shape == (3, 11, 11)
    assert torch.equal(torch.from_numpy(shown[1, :5, 6:]), weight[1, :, :, 1].detach())


def test_dead_units_of_a_layer_with_its_activation_inside(k):
    model = network(k)
    conv = model.get_layer("conv")
    weight, bias = conv.get_weights()
    bias[2] = -100
    conv.set_weights([weight, bias])
    (found, *_) = health(capture(model, torch.rand(4, 12, 12, 1)))
    assert found.dead == (2,)


def test_what_is_not_known_is_not_guessed(k):
    unknown = [
        k.layers.Conv2D(2, 3, activation=lambda x: x * 2),
        k.layers.Conv2D(2, 1, activation="softmax"),
        k.layers.ReLU(threshold=0.5),
        k.layers.UpSampling2D(2),
        k.layers.Flatten(data_format="channels_first"),
    ]
    for layer in unknown:
        model = k.Sequential([k.Input((6, 6, 2)), layer])
        (seen,) = capture(model, torch.rand(1, 6, 6, 2)).layers
        assert operation(seen) is None
