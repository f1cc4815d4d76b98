from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import dl_lab
from dl_lab.errors import InputError
from dl_lab.widgets.convolution_explorer import ConvolutionExplorer
from tests.widgets.page import Page


@pytest.fixture
def explorer() -> Iterator[ConvolutionExplorer]:
    made = ConvolutionExplorer()
    yield made
    made.close()


LAYERS = [
    nn.Conv2d(3, 8, 3, stride=2),
    nn.Conv2d(4, 6, (3, 5), stride=(1, 2), padding=(1, 0), groups=2, bias=False),
    nn.Conv2d(2, 2, 3, padding="same", padding_mode="circular"),
    nn.ConvTranspose2d(3, 4, (2, 3), stride=2, padding=(0, 1), output_padding=1),
    nn.Conv1d(4, 8, 3, dilation=2, padding="valid"),
    nn.ConvTranspose1d(2, 3, 4, stride=3, groups=1),
    nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
    nn.MaxPool1d(2),
    nn.AvgPool2d((2, 3), count_include_pad=False, padding=1),
    nn.AvgPool1d(3, ceil_mode=True),
]


class TestFromPython:
    @pytest.mark.parametrize("layer", LAYERS, ids=repr)
    def test_a_layer_is_shown_with_its_own_numbers(self, layer):
        dims = 2 if "2d" in type(layer).__name__ else 1
        channels = getattr(layer, "in_channels", 2)
        x = torch.randn(channels, *(9, 8)[:dims])
        explorer = ConvolutionExplorer(layer, x)
        assert torch.equal(explorer.input, x)
        assert torch.allclose(explorer.output, layer(x[None])[0].detach())
        assert repr(explorer.layer) == repr(layer)
        assert explorer.own_values
        message = explorer.compose(touched=True)
        assert message is not None
        assert np.array_equal(message.arrays["input"], x.numpy())
        if hasattr(layer, "weight"):
            assert np.array_equal(message.arrays["weight"], layer.weight.detach().numpy())
        explorer.close()

    def test_the_layer_that_was_given_stays_as_it_was(self):
        layer = nn.Conv2d(1, 2, 3).train()
        layer(torch.randn(1, 1, 4, 4)).sum().backward()
        state = {name: part.clone() for name, part in layer.state_dict().items()}
        gradient = layer.weight.grad.clone()
        random = torch.get_rng_state()
        explorer = ConvolutionExplorer(layer)
        explorer.set(padding=1)
        assert explorer.output.shape == (2, 5, 5)
        explorer.close()
        assert torch.equal(torch.get_rng_state(), random)
        assert all(torch.equal(part, state[name]) for name, part in layer.state_dict().items())
        assert torch.equal(layer.weight.grad, gradient)
        assert layer.training
        assert layer.weight.requires_grad
        assert not layer._forward_hooks

    def test_settings_change_all_or_none(self, explorer):
        explorer.set(stride=2, padding=1)
        assert explorer.source == "nn.Conv2d(1, 1, 3, stride=2, padding=1, bias=False)"
        assert explorer.output[0].tolist() == [[6, 17, 3], [8, 17, 13], [6, 4, 4]]
        before = dict(explorer.settings)
        with pytest.raises(InputError, match="Kernel size can't be greater than actual input"):
            explorer.set(kernel_size=9, stride=1)
        with pytest.raises(InputError, match="did you mean stride"):
            explorer.set(strides=1)
        assert explorer.settings == before

    def test_own_weights_come_back_with_their_shape(self):
        layer = nn.Conv2d(1, 1, 3)
        explorer = ConvolutionExplorer(layer)
        explorer.set(kernel_size=2)
        assert set(explorer.layer.weight.flatten().tolist()) <= {0, 1, 2}
        explorer.set(kernel_size=3, kind="conv_transpose")
        assert not torch.equal(explorer.layer.weight, layer.weight)
        explorer.set(kind="conv")
        assert torch.equal(explorer.layer.weight, layer.weight)
        explorer.close()

    def test_the_matrix_is_the_layer(self, explorer):
        explorer.show("padding_strides")
        product = explorer.matrix @ explorer.input.flatten()
        assert torch.allclose(product, explorer.output.flatten())
        assert explorer.matrix.shape == (9, 25)
        explorer.show("max_pooling")
        with pytest.raises(InputError, match="not linear"):
            _ = explorer.matrix

    def test_a_wavenet_stack(self, explorer):
        explorer.show("causal_stack")
        values = explorer.input[None]
        for layer in [part for part in explorer.layer if isinstance(part, nn.Conv1d)]:
            padded = functional.pad(values, (layer.dilation[0], 0))
            values = functional.conv1d(padded, layer.weight, dilation=layer.dilation)
        assert torch.equal(explorer.output, values[0])

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ((nn.Linear(2, 2),), "The ConvolutionExplorer cannot show"),
            ((nn.Conv2d(3, 1, 3), torch.zeros(1, 5, 5)), r"\[3, height, width\]; its shape is"),
            ((nn.Conv2d(3, 1, 3), torch.zeros(5, 5)), r"its shape is \(5, 5\)"),
            ((nn.MaxPool1d(2), torch.zeros(2, 2, 9)), r"\[channels, length\]"),
            ((nn.Conv2d(1, 1, 3), torch.zeros(1, 65, 9)), "between 1 and 64; got 65"),
        ],
    )
    def test_what_cannot_be_shown_is_a_sentence(self, arguments, sentence):
        with pytest.raises(InputError, match=sentence):
            ConvolutionExplorer(*arguments)

    def test_presets_and_arguments_have_names(self):
        with pytest.raises(InputError, match="did you mean dilation"):
            ConvolutionExplorer(preset="dilatation")
        with pytest.raises(InputError, match="either a layer or a preset"):
            ConvolutionExplorer(nn.Conv1d(1, 1, 2), preset="dilation")
        with pytest.raises(TypeError, match="Did you mean 'colors'"):
            ConvolutionExplorer(color=True)
        wide = ConvolutionExplorer(nn.Conv2d(1, 1, 3), input_size=(6, 8), language="es")
        assert wide.input.shape == (1, 6, 8)
        wide.close()

    def test_plain_text_tells_the_layer_and_the_sizes(self, explorer):
        text = "ConvolutionExplorer(nn.Conv2d(1, 1, 3, bias=False), 1 × 5 × 5 → 1 × 3 × 3)"
        assert repr(explorer) == text
        assert repr(dl_lab.ConvolutionExplorer(preset="max_pooling")).startswith(
            "ConvolutionExplorer(nn.MaxPool2d(3, stride=1)"
        )


class TestProtocol:
    def test_settings_set(self, explorer):
        page = Page(explorer)
        settings = {**explorer.settings, "stride": [2, 1], "padding": [0, 1]}
        del settings["kind"]  # the page's own argument
        assert page.request("settings.set", **settings, matrix_shown=True).meta == {"ok": True}
        assert explorer.settings["stride"] == [2, 1]
        assert explorer.matrix_shown is True
        assert explorer.output.shape == (1, 2, 5)

    @pytest.mark.parametrize(
        ("meta", "key"),
        [
            ({"stride": [0, 1]}, "whole"),
            ({"kernel_size": [7, 7]}, "conv_kernel_large"),
            ({"padding_mode": None}, "choice"),
            ({"numbers": 3}, "yes_no"),
            ({"nonsense": 1}, "choice"),
            ({"input_size": []}, "conv_dims"),
            ({"padding": {"a": 1}}, "whole"),
        ],
    )
    def test_nonsense_is_refused_in_both_languages(self, explorer, meta, key):
        before = dict(explorer.settings)
        reply = Page(explorer).request("settings.set", **meta)
        assert reply.meta["ok"] is False
        assert reply.meta["error"]["key"] == key
        assert reply.meta["error"]["templates"]["es"]
        assert explorer.settings == before

    def test_a_view_knows_the_sentences_and_presets_at_once(self, explorer):
        assert explorer.refusals["conv_groups_in"]["es"].startswith("in_channels debe")
        assert explorer.presets["convolution"]["dilation"]["dilation"] == [2, 2]
        state = {name: getattr(explorer, name) for name in ("settings", "presets", "refusals")}
        assert len(json.dumps(state)) < 40_000

    def test_new_weights_are_sent_when_told(self):
        layer = nn.Conv2d(1, 1, 2)
        explorer = ConvolutionExplorer(layer)
        page = Page(explorer)
        page.request("hello", view="page", have={})
        assert page.wait(lambda: page.shown("values.show"))
        with torch.no_grad():
            layer.weight.fill_(0.5)
        sent = len(page.shown("values.show"))
        explorer.update()
        assert page.wait(lambda: len(page.shown("values.show")) > sent)
        newest = page.shown("values.show")[-1]
        assert newest.meta == {"kind": "conv"}
        assert newest.arrays["weight"].tolist() == [[[[0.5, 0.5], [0.5, 0.5]]]]
        explorer.close()
