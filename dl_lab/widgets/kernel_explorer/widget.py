"""KernelExplorer: what a kernel does to an image, number by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import traitlets

from dl_lab.errors import InputError
from dl_lab.filters.image_filter import CHANNELS, PADDING_MODES, ImageFilter
from dl_lab.filters.image_kernels import LARGEST, NAMES, KernelParameters
from dl_lab.filters.image_tensor import as_image
from dl_lab.filters.kernel_bank import KernelBank
from dl_lab.protocol import Array, Message
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.settings import SettingsWidget
from dl_lab.widgets.base.traits import Choice, Number
from dl_lab.widgets.base.widget import Reply, handles
from dl_lab.widgets.kernel_explorer import images as shipped
from dl_lab.widgets.kernel_explorer.filters import FilterExchange
from dl_lab.widgets.kernel_explorer.history import KernelHistory
from dl_lab.widgets.kernel_explorer.settings import (
    DISPLAYS,
    FILTER,
    LARGEST_VALUE,
    PARAMETERS,
    Padding,
    choices,
    kernel_values,
)
from dl_lab.widgets.kernel_explorer.source import source

if TYPE_CHECKING:
    from torch import Tensor, nn


class KernelExplorer(SettingsWidget):
    """Lay a kernel over an image and see window, products and sum at every pixel.

    All of "Image Kernels Explained Visually" [1]_ for kernels of any size, colour, every way of
    padding, and the filters of a network of one's own. What is shown is what
    `torch.nn.functional.conv2d` computes. Each setting is also an attribute, and either way of
    changing one shows in the other.

    Parameters
    ----------
    image
        A tensor, array or list [height, width], [channels, height, width] or
        [1, channels, height, width] of up to 1024×1024 pixels and 64 channels; bytes are divided
        by 255. Or the name of a shipped image, as in `images`. None is the first of those.
    kernel
        The name of a kernel (`dl_lab.filters.image_kernels.NAMES`), one name for each channel, or
        numbers: [k, k] for all channels, [channels, k, k] for one each; k from 1 to 11. None is
        the layer's first filter, or ``"sharpen"`` without a layer.
    layer
        An `nn.Conv2d` with square kernels, to take filters from and write them back to. Padding,
        stride and dilation are the layer's then, and with an image of as many channels as it
        takes the output is the layer's own.
    trainer
        The Trainer of the layer's model: filters are then written between two of its steps.
    channels
        ``"grey"``, ``"each"`` (every channel for itself) or ``"sum"`` (over all channels, as a
        filter of a layer). None is ``"each"``, or with a layer ``"sum"`` if the image fits it,
        else ``"grey"``.
    padding
        Pixels on every side, 0 to 40, or ``"same"`` for as many as keep the size at stride 1.
        None is the layer's, or ``"same"`` without a layer.
    padding_mode
        ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``; None as for `padding`.
    stride, dilation
        1 to 8 pixels; None as for `padding`.
    bias
        Added to every output.
    size
        Rows and columns, 1 to 11, of a kernel by name; None is the one in which it shows what it
        does.
    sigma, angle, wavelength, seed
        Of the kernels that are computed, as in `dl_lab.filters.image_kernels.KernelParameters`.
    display
        How the output is drawn: ``"clipped"`` to the range of the image, ``"stretched"`` from its
        smallest to its largest value, or ``"signed"`` in colours around 0. None is
        ``"clipped"``, or with a layer ``"signed"``.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        If a value is not allowed; the sentence says what is.

    References
    ----------
    .. [1] V. Powell, "Image Kernels Explained Visually", https://setosa.io/ev/image-kernels

    Examples
    --------
    >>> import dl_lab
    >>> explorer = dl_lab.KernelExplorer(torch.eye(4), kernel="outline", padding=0)
    >>> explorer.output
    tensor([[[ 6., -2.],
             [-2.,  6.]]])
    >>> explorer.kernel = [[0.5, 0.5], [0.5, 0.5]]
    >>> explorer.output.shape
    torch.Size([1, 3, 3])
    >>> explorer.close()
    """

    channels = Choice(CHANNELS)
    padding = Padding("same")
    padding_mode = Choice(PADDING_MODES)
    stride = Number(1, 8, whole=True)
    dilation = Number(1, 8, whole=True)
    bias = Number(-LARGEST_VALUE, LARGEST_VALUE)
    size = Number(1, LARGEST, whole=True)
    sigma = Number(0.1, 10)
    angle = Number(0, 360)
    wavelength = Number(2, 20)
    seed = Number(0, 2**31 - 1, whole=True)
    display = Choice(DISPLAYS)

    kernels: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    presets: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    edits = traitlets.Int(0, read_only=True).tag(sync=True)
    image_name = traitlets.Unicode(read_only=True).tag(sync=True)
    image_revision = traitlets.Int(0, read_only=True).tag(sync=True)
    images: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    filters = traitlets.Dict(None, allow_none=True, read_only=True).tag(sync=True)
    choices = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(
        self,
        image: object = None,
        kernel: object = None,
        layer: nn.Module | None = None,
        *,
        trainer: Trainer | None = None,
        channels: str | None = None,
        padding: int | str | None = None,
        padding_mode: str | None = None,
        stride: int | None = None,
        dilation: int | None = None,
        bias: float = 0.0,
        size: int | None = None,
        sigma: float = 1.0,
        angle: float = 0.0,
        wavelength: float = 4.0,
        seed: int = 0,
        display: str | None = None,
        language: str | None = None,
        **unknown: object,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in self._SETTINGS}
        self._refuse(unknown)
        self._exchange = FilterExchange(layer, trainer)
        self._own: dict[str, Tensor] = {}
        name, self._image = self._found(image)
        defaults = {"padding": "same", "padding_mode": "zeros", "stride": 1, "dilation": 1}
        defaults |= {
            "channels": "each",
            "size": 3,
            "display": "clipped",
            **self._exchange.settings(len(self._image)),
        }
        settings = self._validated(
            {name: defaults.get(name) if value is None else value for name, value in given.items()}
        )
        parameters = KernelParameters(**{name: settings[name] for name in PARAMETERS})
        self._bank = KernelBank.named("sharpen", 1, parameters)
        if kernel is not None or layer is None:
            self._bank = self._from_kernel("sharpen" if kernel is None else kernel, size)
            settings["size"] = self._bank.size
        super().__init__(**settings)
        self.set_trait("choices", choices(self.traits()))
        self._show_image(name)
        self._show_bank()
        if kernel is None and layer is not None:
            self.take(0, None if settings["channels"] == "sum" else 0)
        self._show_filters()
        self._history = KernelHistory(self._bank)
        self._be_ready()

    # -- settings

    def set(self, /, **changes: object) -> None:
        """Change several settings at once: all of them, or none if one is not allowed.

        Examples
        --------
        >>> import dl_lab
        >>> explorer = dl_lab.KernelExplorer(kernel="gaussian")
        >>> explorer.set(size=9, sigma=2.5)
        >>> explorer.kernel.shape
        torch.Size([9, 9])
        >>> explorer.close()
        """
        # What follows from them reaches the views in the same message.
        with self._lock, self.hold_sync():
            super().set(**changes)

    def _apply(self, changed: AbstractSet[str]) -> None:  # noqa: ARG002 - the bank knows
        parameters = KernelParameters(**{name: getattr(self, name) for name in PARAMETERS})
        self._bank = self._bank.with_parameters(parameters)
        if self.size != self._bank.size:
            self._bank = self._bank.with_size(self.size)
        self._show_bank(edit=True)

    # -- image and kernel

    @property
    def image(self) -> Tensor:
        """The image, [channels, height, width] float32; set it to anything that `image` takes."""
        return self._image.clone()

    @image.setter
    def image(self, image: object) -> None:
        with self._lock:
            name, self._image = self._found(image)
            self._show_image(name)

    @property
    def kernel(self) -> Tensor:
        """The kernel, [k, k] for all channels or [channels, k, k]; set it as `kernel` above."""
        with self._lock:
            values = self._bank.values
            return (values[0] if len(values) == 1 or self.channels == "grey" else values).clone()

    @kernel.setter
    def kernel(self, kernel: object) -> None:
        with self._lock:
            self._bank = self._from_kernel(kernel, None)
            self._show_bank()

    @property
    def output(self) -> Tensor:
        """What torch computes: [channels, rows, columns] for each channel, else [1, …].

        Raises
        ------
        InputError
            The kernel does not fit, or the padding needs a larger image.
        """
        with self._lock:
            return self._filter(self._image, self._bank.values)

    @property
    def _filter(self) -> ImageFilter:
        return ImageFilter(**{name: getattr(self, name) for name in FILTER})

    def normalize(self) -> None:
        """Scale each kernel so that brightness stays: divide it by its sum.

        Where the values cancel each other, by half the sum of their sizes.
        """
        with self._lock:
            self._bank = self._bank.normalized()
            self._show_bank()

    def source(self) -> str:
        """Return code in plain PyTorch that computes the same from ``image``.

        Examples
        --------
        >>> import dl_lab
        >>> explorer = dl_lab.KernelExplorer(torch.rand(3, 8, 8), kernel="blur", channels="sum")
        >>> names = {"image": explorer.image}
        >>> exec(explorer.source(), names)
        >>> torch.equal(names["output"], explorer.output)
        True
        >>> explorer.close()
        """
        with self._lock:
            return source(self._filter, self._bank.values, len(self._image))

    def _found(self, image: object) -> tuple[str, Tensor]:
        if image is None or isinstance(image, str):
            name = shipped.DEFAULT if image is None else image
            return name, self._own[name] if name in self._own else shipped.shipped_image(name)
        self._own["given"] = as_image("image", image)
        return "given", self._own["given"]

    def _show_image(self, name: str) -> None:
        if len(self._bank) not in {1, len(self._image)}:
            self._bank = self._bank.shared()
            self._exchange.forget()
            self._show_bank()
            self._show_filters()
        with self.hold_sync():
            self.set_trait("images", [*self._own, *shipped.NAMES])
            self.set_trait("image_name", name)
            self.set_trait("image_revision", self.image_revision + 1)

    def _from_kernel(self, kernel: object, size: int | None) -> KernelBank:
        parameters, channels = self._bank.parameters, len(self._image)
        if isinstance(kernel, str):
            return KernelBank.named(kernel, 1, parameters, size)
        if isinstance(kernel, Sequence) and kernel and isinstance(kernel[0], str):
            if len(kernel) != channels:
                raise InputError("kernel_names", channels=channels, given=len(kernel))
            bank = KernelBank.named(kernel[0], 1, parameters, size).spread(channels)
            for index, name in enumerate(kernel):
                if name not in NAMES:
                    raise InputError.unknown("kernel", name, NAMES)
                bank = bank.with_preset(name, index) if channels > 1 else bank
            return bank
        return self._bank.with_values(kernel_values(kernel, channels))

    def revert(self) -> None:
        """Take back the last change of the kernel; cells edited in quick succession are one.

        Examples
        --------
        >>> import dl_lab
        >>> explorer = dl_lab.KernelExplorer(kernel="blur")
        >>> explorer.kernel = "outline"
        >>> explorer.normalize()
        >>> explorer.revert()
        >>> explorer.revert()
        >>> explorer
        KernelExplorer(3×256×256 cat, blur)
        >>> explorer.close()
        """  # a multiplication sign
        with self._lock, self.hold_sync():
            bank = self._history.back()
            if bank is None:
                return
            # The image may have other channels by now.
            self._bank = bank if len(bank) in {1, len(self._image)} else bank.shared()
            self._take_on({name: getattr(bank.parameters, name) for name in PARAMETERS})
            self._show_bank()

    def _show_bank(self, *, edit: bool = False) -> None:
        if self._ready:
            self._history.note(self._bank, edit=edit)
            self.set_trait("edits", self._history.count)
        with self.hold_sync():
            self._take_on({"size": self._bank.size})
            self.set_trait("kernels", self._bank.values.tolist())
            self.set_trait("presets", list(self._bank.presets))

    # -- the layer

    def take(self, filter: int, channel: int | None = None) -> None:  # noqa: A002 - torch's word
        """Take a filter from the layer.

        Parameters
        ----------
        filter
            Its number, from 0.
        channel
            The input channel whose kernel to take; None for all of them, added up with the
            layer's bias, which needs an image of as many channels.

        Raises
        ------
        InputError
            There is no layer, no such filter or channel, or the image has other channels.
        """
        with self._lock, self.hold_sync():
            values, bias = self._exchange.take(filter, channel, len(self._image))
            self._bank = self._bank.with_values(values)
            if channel is None:
                self._take_on({"channels": "sum"})
            self._take_on({"bias": bias})
            self._show_bank()
            self._show_filters()

    def write(self) -> None:
        """Write the kernel to the layer, to where it was taken from; `undo` takes it back.

        With a trainer this is done between two of its steps.

        Raises
        ------
        InputError
            There is no layer, nothing was taken, or the kernel has another size.
        """
        self._exchange.write(self.kernel, self.bias)
        self._show_filters()

    def undo(self) -> None:
        """Put the filter that was written last back as it was in the layer.

        Raises
        ------
        InputError
            Nothing was written.
        """
        self._exchange.undo()
        self._show_filters()

    def _show_filters(self) -> None:
        self.set_trait("filters", self._exchange.state())

    def __repr__(self) -> str:
        """Tell image and kernel."""
        if not self._ready:
            return super().__repr__()
        image = "×".join(str(length) for length in self._image.shape)
        names = [name or f"{self.size}×{self.size}" for name in self._bank.presets]
        return f"KernelExplorer({image} {self.image_name}, {', '.join(dict.fromkeys(names))})"

    # -- for the views

    def introduce(self, have: Mapping[str, Any]) -> Reply:
        """Give a view the image that it lacks."""
        if have.get("image") == self.image_revision:
            return {}, {}
        return self._image_reply()

    @handles("image.get")
    def _get_image(self, _: Message) -> Reply:
        return self._image_reply()

    def _image_reply(self) -> Reply:
        with self._lock:
            arrays: dict[str, Array] = {"image": self._image.numpy()}
            return {"image": self.image_revision}, arrays

    @handles("kernel.set")
    def _set_kernel(self, message: Message) -> None:
        with self._lock:
            values = kernel_values(message.meta.get("kernels"), len(self._image))
            self._bank = self._bank.with_values(values)
            self._show_bank(edit=True)

    @handles("kernel.own")
    def _set_own(self, message: Message) -> None:
        own, index = message.meta.get("own"), message.meta.get("index")
        with self._lock:
            if own is True:
                self._bank = self._bank.spread(len(self._image))
            else:
                self._bank = self._bank.shared(self._place(index) or 0)
            self._show_bank()

    @handles("kernel.normalize")
    def _normalize(self, _: Message) -> None:
        self.normalize()

    @handles("kernel.revert")
    def _revert(self, _: Message) -> None:
        self.revert()

    @handles("preset.use")
    def _use(self, message: Message) -> None:
        preset, index = message.meta.get("preset"), message.meta.get("index")
        if not isinstance(preset, str) or preset not in NAMES:
            raise InputError.unknown("kernel", preset, NAMES)
        with self._lock:
            self._bank = self._bank.with_preset(preset, self._place(index))
            self._show_bank()

    def _place(self, index: object) -> int | None:
        whole = isinstance(index, int) and not isinstance(index, bool)
        return index if whole and 0 <= index < len(self._bank) else None  # type: ignore[operator, return-value]  # whole: it is an int

    @handles("image.choose")
    def _choose(self, message: Message) -> None:
        with self._lock:
            name, self._image = self._found(str(message.meta.get("name")))
            self._show_image(name)

    @handles("image.set")
    def _take_image(self, message: Message) -> None:
        name = message.meta.get("name")
        if name not in ("upload", "drawing"):  # a tuple takes what cannot be hashed
            raise InputError.unknown("image", name, ("upload", "drawing"))
        image = as_image("image", message.arrays.get("image"))
        with self._lock:
            self._own[name] = self._image = image
            self._show_image(name)

    @handles("filter.take")
    def _take(self, message: Message) -> None:
        self.take(message.meta.get("filter"), message.meta.get("channel"))  # type: ignore[arg-type]  # `take` refuses what is not a number

    @handles("filter.write", waits=True)
    def _write(self, _: Message) -> None:
        self.write()

    @handles("filter.undo", waits=True)
    def _undo(self, _: Message) -> None:
        self.undo()

    @handles("code.get")
    def _code(self, _: Message) -> Reply:
        return {"pytorch": self.source()}, {}
