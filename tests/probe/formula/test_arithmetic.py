"""Every unit's numbers against what torch computed, on random cases."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as f

from dl_lab.errors import InputError
from dl_lab.probe.capture import Capture, capture
from dl_lab.probe.formula.arithmetic import explain
from dl_lab.probe.receptive_field import effective_field, receptive_field


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        random.seed(3)
        yield


def check(seen: Capture, tries: int = 25) -> None:
    """Compare every layer's value with the sum of its numbers, at random places."""
    for layer in seen.layers:
        shape = layer.units.shape
        for _ in range(tries):
            at = tuple(random.randrange(size) for size in shape)  # noqa: S311
            found = explain(seen, layer, at)
            assert found.value == float(layer.units[at])
            assert found.result == pytest.approx(found.value, rel=2e-5, abs=2e-5), (layer, at)


def convolutions():
    generator = random.Random(0)  # noqa: S311
    for dimensions in (1, 2, 3):
        for _ in range(6):
            groups = generator.choice((1, 1, 2, 4))
            mode = generator.choice(("zeros", "reflect", "replicate", "circular"))
            size = generator.choice((1, 2, 3))
            stride = generator.choice((1, 2, 3))
            same = stride == 1 and generator.random() < 0.4
            yield (
                dimensions,
                {
                    "in_channels": 4,
                    "out_channels": 4 * generator.choice((1, 2)),
                    "kernel_size": size,
                    "stride": stride,
                    "padding": "same" if same else generator.choice((0, 1, 2)),
                    "dilation": generator.choice((1, 2)),
                    "groups": groups,
                    "bias": generator.random() < 0.7,
                    "padding_mode": mode,
                },
            )


@pytest.mark.parametrize(("dimensions", "settings"), list(convolutions()))
def test_convolutions(dimensions, settings):
    layer = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dimensions - 1](**settings)
    check(capture(layer, torch.randn(2, 4, *(9, 8, 7)[:dimensions])))


def transposed():
    generator = random.Random(1)  # noqa: S311
    for dimensions in (1, 2, 3):
        for _ in range(6):
            stride = generator.choice((1, 2, 3))
            dilation = generator.choice((1, 2))
            yield (
                dimensions,
                {
                    "in_channels": 4,
                    "out_channels": 4 * generator.choice((1, 2)),
                    "kernel_size": generator.choice((1, 2, 3)),
                    "stride": stride,
                    "padding": generator.choice((0, 1)),
                    "output_padding": generator.randrange(max(stride, dilation)),
                    "dilation": dilation,
                    "groups": generator.choice((1, 2, 4)),
                    "bias": generator.random() < 0.7,
                },
            )


@pytest.mark.parametrize(("dimensions", "settings"), list(transposed()))
def test_transposed_convolutions(dimensions, settings):
    kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[dimensions - 1]
    layer = kind(**settings)
    x = torch.randn(2, 4, *(6, 5, 4)[:dimensions])
    seen = capture(layer, x)
    check(seen)
    for _ in range(5):
        at = tuple(random.randrange(size) for size in seen.layers[0].units.shape)  # noqa: S311
        field = receptive_field(seen, seen.layers[0], at)
        assert field.exact
        moved = effective_field(layer, x, 0, at) > 0
        outside = torch.ones_like(moved)
        outside[tuple(slice(low, high) for low, high in field.box)] = False
        assert not (moved & outside).any()


def test_a_transposed_convolution_as_a_function():
    class Up(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(4, 3, 2, 2))

        def forward(self, x):
            return f.conv_transpose2d(x, self.weight, None, 2, 1, groups=2, dilation=3)

    check(capture(Up(), torch.randn(1, 4, 5, 5)))


POOLS = [
    nn.MaxPool1d(3, 2, 1),
    nn.MaxPool2d(2),
    nn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True),
    nn.MaxPool3d((1, 2, 3)),
    nn.AvgPool1d(3, 2, 1),
    nn.AvgPool2d(3, 2, 1, ceil_mode=True),
    nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    nn.AvgPool2d((3, 2), divisor_override=5),
    nn.AvgPool3d(2, 1, 1),
    nn.AdaptiveAvgPool1d(4),
    nn.AdaptiveAvgPool2d((3, 4)),
    nn.AdaptiveMaxPool2d((5, None)),
    nn.AdaptiveAvgPool3d(1),
]


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_pooling(pool):
    dimensions = int(type(pool).__name__[-2])
    check(capture(pool, torch.randn(2, 3, *(10, 9, 7)[:dimensions])))


ACTIVATIONS = [
    nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.CELU(1.3),
    nn.SELU(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.Mish(), nn.Sigmoid(), nn.Tanh(),
    nn.Softplus(2.0), nn.Softsign(), nn.Hardtanh(-2, 0.5), nn.Hardsigmoid(), nn.Hardswish(),
    nn.LogSigmoid(), nn.Identity(), nn.PReLU(3), nn.PReLU(), nn.Dropout(0.5),
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations(activation):
    check(capture(activation, 3 * torch.randn(2, 3, 4, 4)))
    check(capture(activation, 3 * torch.randn(2, 3), mode="train"))


def norms():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        made = [
            (nn.BatchNorm1d(4), (6, 4)),
            (nn.BatchNorm1d(4), (6, 4, 5)),
            (nn.BatchNorm2d(4), (6, 4, 5, 5)),
            (nn.BatchNorm2d(4, track_running_stats=False), (6, 4, 5, 5)),
            (nn.BatchNorm3d(4, affine=False), (6, 4, 3, 3, 3)),
            (nn.LayerNorm(5), (6, 4, 5)),
            (nn.LayerNorm((4, 5, 5)), (6, 4, 5, 5)),
            (nn.RMSNorm(5), (6, 4, 5)),
            (nn.GroupNorm(2, 4), (6, 4, 5, 5)),
            (nn.InstanceNorm2d(4, affine=True), (6, 4, 5, 5)),
            (nn.InstanceNorm1d(4, track_running_stats=True), (6, 4, 5)),
        ]
        for norm, _ in made:
            for tensor in (*norm.parameters(), *norm.buffers()):
                if tensor.is_floating_point():
                    nn.init.uniform_(tensor, 0.5, 2)
    return made


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(("norm", "shape"), norms(), ids=str)
def test_norms(norm, shape, mode):
    check(capture(norm, 2 * torch.randn(*shape) + 1, mode=mode))


SOFTMAXES = [nn.Softmax(1), nn.Softmax(-1), nn.LogSoftmax(1), nn.Softmax()]


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("shape", [(2, 5), (2, 5, 3), (2, 5, 3, 4)])
@pytest.mark.parametrize("softmax", SOFTMAXES, ids=str)
def test_softmax(softmax, shape):
    if not (softmax.dim is None and len(shape) == 3):  # torch then compares the rows of a batch
        check(capture(softmax, torch.randn(*shape)))


@pytest.mark.parametrize("shape", [(2, 7), (2, 3, 7), (2, 3, 4, 7)])
def test_linear(shape):
    check(capture(nn.Linear(7, 4), torch.randn(*shape)))
    check(capture(nn.Linear(7, 4, bias=False), torch.randn(*shape)))


class Functions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.last = nn.Parameter(torch.randn(5, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = f.conv2d(x, self.weight, stride=2, padding=1)
        y = f.leaky_relu(x, 0.3) + f.max_pool2d(f.pad(x, (1, 1, 1, 1)), 3, 1)
        y = torch.cat([y, f.avg_pool2d(y * 2, 3, stride=1, padding=1)], dim=1)
        y += 1
        z = f.layer_norm(y.mean((2, 3)), (8,))
        return f.log_softmax(f.linear(z, self.last) / 2, dim=1)


def test_functions_between_layers():
    seen = capture(Functions(), torch.randn(2, 3, 8, 8))
    names = [layer.name for layer in seen.layers]
    assert names == [
        *("conv2d", "leaky_relu", "pad", "max_pool2d", "add", "mul", "avg_pool2d", "cat", "add"),
        *("mean", "layer_norm", "linear", "div", "log_softmax"),
    ]
    check(seen, tries=2)


def test_links_lead_back_to_the_units_that_feed_it():
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2))
    seen = capture(net, torch.randn(1, 1, 8, 8))
    convolution, pool, flat, linear = seen.layers
    (link,) = explain(seen, pool, (1, 2, 0)).links
    assert (link.source, link.unit) == (0, 1)
    (link,) = explain(seen, flat, (26,)).links
    assert (link.source, link.unit) == (1, 2)
    links = explain(seen, linear, (0,)).links
    assert {link.source for link in links} == {2}
    assert len(links) == 27
    (link,) = explain(seen, convolution, (2, 0, 0)).links
    assert (link.source, link.unit) == (-1, 0)


def test_links_see_through_a_view():
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3)
            self.out = nn.Linear(3 * 36, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.conv(x).view(len(x), -1))

    net = Flat()
    seen = capture(net, torch.randn(1, 1, 8, 8))
    links = explain(seen, seen["out"], (1,)).links
    expected = (net.out.weight[1] * seen["conv"].units.flatten()).view(3, -1).sum(1)
    shares = {link.unit: link.share for link in links}
    assert shares == pytest.approx(dict(enumerate(expected.tolist())), abs=1e-5)
    assert links[0].unit == expected.abs().argmax()


def test_a_window_knows_its_padding():
    seen = capture(nn.Conv2d(1, 1, 3, padding=1), torch.ones(1, 1, 4, 4))
    found = explain(seen, seen.layers[0], (0, 0, 3))
    assert found.place.start == (-1, 2)
    assert found.inside.tolist() == [[False] * 3, [True, True, False], [True, True, False]]
    assert found.window[0].tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 0]]


@pytest.mark.parametrize("at", [(0,), (3, 0, 0), (0, 0, -1), (0, 6, 0)])
def test_places_that_are_not_there_are_refused(at):
    seen = capture(nn.Conv2d(1, 3, 3), torch.ones(1, 1, 8, 8))
    with pytest.raises(InputError, match="have the shape 3×6×6"):
        explain(seen, seen.layers[0], at)
