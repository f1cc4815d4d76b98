from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import dl_lab
from dl_lab.errors import InputError
from dl_lab.filters.image_kernels import image_kernel
from dl_lab.protocol import Message, encode
from dl_lab.widgets.kernel_explorer import history as _kernel_history
from tests.widgets.page import Page


def image(channels: int = 3, side: int = 12) -> torch.Tensor:
    return torch.rand(channels, side, side, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def explorer() -> Iterator[dl_lab.KernelExplorer]:
    made = dl_lab.KernelExplorer(image())
    yield made
    made.close()


class TestFromPython:
    def test_begins_with_a_photograph_sharpened(self):
        made = dl_lab.KernelExplorer()
        assert made.image.shape == (3, 256, 256)
        assert torch.equal(made.kernel, image_kernel("sharpen"))
        assert repr(made) == "KernelExplorer(3×256×256 cat, sharpen)"
        made.close()

    def test_the_output_is_torchs(self, explorer):
        explorer.set(padding="same", padding_mode="reflect")
        padded = functional.pad(image()[None], (1, 1, 1, 1), mode="reflect")
        weight = image_kernel("sharpen").expand(3, 1, 3, 3)
        assert torch.equal(explorer.output, functional.conv2d(padded, weight, groups=3)[0])

    def test_the_kernel_is_a_tensor_to_read_and_set(self, explorer):
        explorer.kernel = torch.ones(5, 5) / 25
        assert explorer.size == 5
        assert explorer.presets == [None]
        assert torch.equal(explorer.kernel, torch.ones(5, 5) / 25)
        explorer.kernel = ["identity", "blur", "outline"]
        assert explorer.kernel.shape == (3, 3, 3)
        explorer.kernel = "emboss"
        assert torch.equal(explorer.kernel, image_kernel("emboss"))
        explorer.kernel += 1
        assert torch.equal(explorer.kernel, image_kernel("emboss") + 1)

    def test_settings_make_named_kernels_anew(self, explorer):
        explorer.kernel = "gaussian"
        explorer.set(size=7, sigma=2.0)
        gaussian = dl_lab.KernelExplorer(image(), "gaussian", size=7, sigma=2.0)
        assert torch.equal(explorer.kernel, gaussian.kernel)
        gaussian.close()

    def test_another_image_keeps_one_kernel_where_the_channels_differ(self, explorer):
        explorer.kernel = ["blur", "identity", "identity"]
        explorer.image = np.zeros((9, 9), dtype=np.uint8)
        assert explorer.image.shape == (1, 9, 9)
        assert torch.equal(explorer.kernel, image_kernel("blur"))
        explorer.image = "digit_7"
        assert explorer.image.shape == (1, 28, 28)

    def test_normalize(self, explorer):
        explorer.kernel = torch.ones(3, 3)
        explorer.normalize()
        torch.testing.assert_close(explorer.kernel, torch.ones(3, 3) / 9)

    @pytest.mark.parametrize("channels", ["grey", "each", "sum"])
    @pytest.mark.parametrize("kernel", ["blur", ["blur", "outline", "emboss"]])
    @pytest.mark.parametrize("planes", [1, 3, 5])
    def test_its_source_computes_its_output(self, channels, kernel, planes):
        kernel = kernel if planes == 3 else "motion"
        made = dl_lab.KernelExplorer(
            image(planes), kernel, channels=channels, stride=2, dilation=2, bias=0.5,
            padding_mode="circular",
        )  # fmt: skip
        names = {"image": made.image}
        exec(made.source(), names)  # noqa: S102 - that it runs is what is tested
        torch.testing.assert_close(names["output"], made.output)
        made.close()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"image": torch.zeros(2, 3, 4, 4)}, "holds 2 images"),
            ({"image": "dog"}, "image cannot be 'dog'"),
            ({"kernel": "blurr"}, "did you mean blur"),
            ({"kernel": torch.zeros(2, 3)}, "kernel must be a name, or numbers"),
            ({"kernel": [[float("inf")]]}, "between -1,000,000 and"),
            ({"kernel": ["blur"]}, "3 names, one for each"),
            ({"padding": "valid"}, 'padding must be "same" or a whole number'),
            ({"stride": 9}, "stride must be a whole number between 1 and 8"),
            ({"channels": "gray"}, "did you mean grey"),
            ({"layer": nn.Linear(1, 1)}, "layer must be an nn.Conv2d"),
        ],
    )  # fmt: skip
    def test_what_is_not_allowed_is_said(self, arguments, said):
        with pytest.raises(InputError, match=said):
            dl_lab.KernelExplorer(**arguments)

    def test_what_does_not_fit_has_no_output(self, explorer):
        explorer.set(padding=0, dilation=8)
        with pytest.raises(InputError, match="reaches over 17×17 pixels"):
            _ = explorer.output


class TestTakingBack:
    def test_each_change_comes_back_with_what_it_depended_on(self, explorer):
        explorer.kernel = "gaussian"
        explorer.set(size=9, sigma=2.5)
        blurred = explorer.kernel
        explorer.kernel = ["outline"] * 3
        explorer.normalize()
        assert explorer.edits == 4
        for _ in range(2):
            explorer.revert()
        assert torch.equal(explorer.kernel, blurred)
        assert (explorer.size, explorer.sigma, explorer.presets) == (9, 2.5, ["gaussian"])
        explorer.revert()
        assert (explorer.sigma, explorer.presets) == (1.0, ["gaussian"])
        explorer.revert()
        assert (explorer.edits, explorer.presets) == (0, ["sharpen"])
        explorer.revert()
        assert explorer.presets == ["sharpen"]

    def test_cells_edited_in_quick_succession_are_one_change(self, explorer, monkeypatch):
        clock = [100.0]
        monkeypatch.setattr(_kernel_history, "monotonic", lambda: clock[0])
        page = Page(explorer)

        def edit(value: float, after: float) -> None:
            clock[0] += after
            page.request("kernel.set", kernels=torch.full((1, 3, 3), value).tolist())

        for value in (1.0, 2.0, 3.0):
            edit(value, after=0.2)
        edit(4.0, after=2.0)
        assert explorer.edits == 2
        page.request("kernel.revert")
        assert explorer.kernel[0, 0] == 3
        edit(5.0, after=0.1)
        page.request("kernel.revert")
        page.request("kernel.revert")
        assert (explorer.edits, explorer.presets) == (0, ["sharpen"])

    def test_what_changes_no_kernel_is_no_change(self, explorer):
        explorer.set(stride=2, sigma=3.0)
        explorer.image = "digit_7"
        explorer.kernel = "sharpen"
        assert explorer.edits == 0

    def test_kernels_for_each_channel_fit_an_image_of_another_number(self, explorer):
        explorer.kernel = ["blur", "identity", "identity"]
        explorer.image = "digit_7"
        explorer.revert()
        assert torch.equal(explorer.kernel, image_kernel("blur"))


class TestLayer:
    @pytest.fixture
    def layer(self) -> nn.Conv2d:
        torch.manual_seed(0)
        return nn.Conv2d(3, 4, 5, stride=2, padding=1, padding_mode="replicate", dilation=2)

    def test_shows_the_layers_own_output(self, layer):
        made = dl_lab.KernelExplorer(image(), layer=layer)
        made.take(2)
        with torch.no_grad():
            torch.testing.assert_close(made.output, layer(image()[None])[0, 2:3])
        assert (made.stride, made.padding, made.padding_mode) == (2, 1, "replicate")
        made.close()

    def test_one_input_channel_of_a_layer_that_takes_others(self, layer):
        made = dl_lab.KernelExplorer(image(1), layer=layer)
        made.take(1, 2)
        assert torch.equal(made.kernel, layer.weight[1, 2])
        assert made.bias == 0
        with pytest.raises(InputError, match="needs an image of as many"):
            made.take(1)
        made.close()

    def test_writes_back_and_undoes(self, layer):
        before = layer.weight.detach().clone()
        made = dl_lab.KernelExplorer(image(1), layer=layer)
        made.take(1, 2)
        made.kernel = torch.zeros(5, 5)
        made.write()
        assert (layer.weight[1, 2] == 0).all()
        assert torch.equal(layer.weight[1, :2], before[1, :2])
        made.undo()
        assert torch.equal(layer.weight, before)
        with pytest.raises(InputError, match="Nothing was written"):
            made.undo()
        made.close()

    def test_with_a_trainer_between_two_steps(self, layer):
        model = nn.Sequential(layer, nn.Flatten(), nn.LazyLinear(1))
        model(torch.zeros(1, 3, 12, 12))
        data = (torch.rand(32, 3, 12, 12), torch.rand(32, 1))
        sgd = torch.optim.SGD(model.parameters(), lr=0.0)
        trainer = dl_lab.Trainer(model, nn.MSELoss(), sgd, data, device="cpu", seed=0)
        made = dl_lab.KernelExplorer(image(), layer=layer, trainer=trainer)
        trainer.start()
        made.kernel = torch.ones(3, 5, 5)
        made.write()
        trainer.pause()
        assert trainer.message is None
        assert (layer.weight[0] == 1).all()
        made.close()
        trainer.close()

    def test_without_one_it_says_so(self, explorer):
        for act in (explorer.write, explorer.undo, lambda: explorer.take(0)):
            with pytest.raises(InputError, match="no layer"):
                act()


class TestProtocol:
    @pytest.fixture
    def page(self, explorer) -> Page:
        return Page(explorer)

    def test_hello_gives_the_image_that_is_lacking(self, page):
        reply = page.request("hello", view="page", have={"image": None})
        assert np.array_equal(reply.arrays["image"], image().numpy())
        again = page.request("hello", view="page", have={"image": reply.meta["image"]})
        assert again.arrays == {}

    def test_kernel_set(self, explorer, page):
        kernels = [[[0.1, 0.2], [0.3, 0.4]]]
        assert page.request("kernel.set", kernels=kernels).meta["ok"]
        assert torch.equal(explorer.kernel, torch.tensor(kernels[0]))
        for wrong in (None, "x", [[[1, 2]]], [[[1e9]]], kernels * 2):
            reply = page.request("kernel.set", kernels=wrong)
            assert reply.meta["ok"] is False
            assert reply.meta["error"]["key"] in {
                "not_numbers",
                "kernel_shape",
                "kernel_not_finite",
            }
        assert torch.equal(explorer.kernel, torch.tensor(kernels[0]))

    def test_own_kernels_and_presets(self, explorer, page):
        page.request("kernel.own", own=True, index=0)
        page.request("preset.use", preset="outline", index=1)
        assert explorer.presets == ["sharpen", "outline", "sharpen"]
        page.request("kernel.own", own=False, index=1)
        assert explorer.presets == ["outline"]
        assert page.request("preset.use", preset="x", index=None).meta["error"]["key"] == "choice"

    def test_settings_are_all_set_or_none(self, explorer, page):
        reply = page.request("settings.set", stride=2, dilation=0)
        assert reply.meta["error"]["key"] == "whole"
        assert explorer.stride == 1
        assert page.request("settings.set", stride=2, padding=3).meta["ok"]
        assert (explorer.stride, explorer.padding) == (2, 3)

    def test_an_upload_becomes_the_image(self, explorer, page):
        pixels = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
        content, buffers = encode(
            Message("image.set", {"name": "upload"}, {"image": pixels}, id="up")
        )
        revision = explorer.image_revision
        explorer._handle_custom_msg(content, buffers)
        assert torch.equal(explorer.image, torch.from_numpy(pixels).float() / 255)
        assert explorer.image_revision > revision
        assert explorer.image_name == "upload"
        page.request("image.choose", name="given")
        assert torch.equal(explorer.image, image())
        page.request("image.choose", name="upload")
        assert explorer.image.shape == (3, 3, 3)
        assert page.request("image.choose", name="x").meta["error"]["key"] == "choice"

    def test_filters(self, page):
        layer = nn.Conv2d(3, 2, 3)
        made = dl_lab.KernelExplorer(image(), layer=layer)
        page = Page(made)
        assert page.request("filter.take", filter=1, channel=2).meta["ok"]
        assert made.filters["channel"] == 2
        assert page.request("filter.take", filter=2, channel=None).meta["error"]["key"] == "whole"
        assert page.request("filter.write").meta["ok"]
        assert made.filters["written"] == 1
        assert page.request("filter.undo").meta["ok"]
        assert page.request("filter.undo").meta["error"]["key"] == "filter_not_written"
        assert "conv2d" in page.request("code.get").meta["pytorch"]
        made.close()
