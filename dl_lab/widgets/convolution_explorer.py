"""ConvolutionExplorer: convolution arithmetic, cell by cell, of any layer."""

from __future__ import annotations

from typing import Any

import traitlets
from torch import Tensor, nn

from dl_lab.convolution.arithmetic import Convolution, weight_shape
from dl_lab.convolution.change import change
from dl_lab.convolution.layer import build, example_input, read, source
from dl_lab.convolution.matrix import matrix
from dl_lab.convolution.presets import PRESETS
from dl_lab.errors import SENTENCES, InputError, refuse_unknown
from dl_lab.protocol import Array, Message
from dl_lab.widgets.base.traits import Choice, Flag
from dl_lab.widgets.base.widget import Widget, handles, templates

_NAMED = {name: setting for group in PRESETS.values() for name, setting in group.items()}
_ARGUMENTS = ("layer", "x", "preset", "input_size", "numbers", "colors", "matrix_shown", "language")
_LOOKS = ("numbers", "colors", "matrix_shown", "own_values")


class ConvolutionExplorer(Widget):
    """Show which cells a convolution, transposed convolution or pool brings together.

    Every number is what torch computes for the layer; in the page any setting can be changed,
    without waiting for the kernel.

    Parameters
    ----------
    layer
        `nn.Conv1d`, `nn.Conv2d`, `nn.ConvTranspose1d`, `nn.ConvTranspose2d`, or a max or average
        pool in one or two dimensions, shown with its own weights. None is `preset`.
    x
        One input of the layer, [channels, height, width] or [channels, length], with or without a
        batch of one. None is whole numbers that are easy to follow in your head.
    preset
        A case of the guide by name, such as ``"padding_strides"``; see `presets`.
    input_size
        Cells of the input, ``(height, width)`` or ``(length,)``, where `x` is not given. At most
        64 × 64 or 1024.
    numbers, colors
        Whether cells show their value as a number, as a colour, or both.
    matrix_shown
        Whether the sparse matrix C is shown beside the maps.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        Another layer, or settings that torch refuses.

    References
    ----------
    .. [1] V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016,
       https://arxiv.org/abs/1603.07285

    Examples
    --------
    >>> import dl_lab
    >>> explorer = dl_lab.ConvolutionExplorer(nn.Conv2d(3, 8, 3, stride=2))
    >>> explorer.output.shape
    torch.Size([8, 3, 3])
    >>> explorer.set(padding=1)
    >>> explorer.source
    'nn.Conv2d(3, 8, 3, stride=2, padding=1)'
    >>> explorer.close()
    """

    language = Choice((None, "en", "es"))
    numbers = Flag(True)
    colors = Flag()
    matrix_shown = Flag()
    own_values = Flag()
    settings = traitlets.Dict(read_only=True).tag(sync=True)
    presets = traitlets.Dict(read_only=True).tag(sync=True)
    refusals = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(
        self,
        layer: nn.Module | None = None,
        x: Tensor | None = None,
        *,
        preset: str | None = None,
        input_size: int | tuple[int, ...] | None = None,
        numbers: bool = True,
        colors: bool = False,
        matrix_shown: bool = False,
        language: str | None = None,
        **unknown: object,
    ) -> None:
        refuse_unknown(type(self), unknown, _ARGUMENTS)
        self._layer: nn.Module | None = None
        self._x: Tensor | None = None
        self._convolution = _NAMED["numerical"]
        super().__init__(
            numbers=numbers, colors=colors, matrix_shown=matrix_shown, language=language
        )
        if layer is not None and preset is not None:
            raise InputError("conv_preset")
        self.set_trait("presets", _presets())
        self.set_trait("refusals", _refusals())
        self.show(layer or preset or "numerical", x, input_size=input_size)
        self._be_ready()

    # -- what is shown

    @property
    def layer(self) -> nn.Module:
        """The layer that is shown, made of the settings and the weights on screen."""
        own = self._own_layer()
        if own is None:
            return build(self._convolution)
        weight = getattr(own, "weight", None)
        bias = getattr(own, "bias", None)
        return build(
            self._convolution,
            None if weight is None else weight.detach().cpu(),
            None if bias is None else bias.detach().cpu(),
        )

    @property
    def input(self) -> Tensor:
        """What the layer is given, f4 [in_channels, *input_size]."""
        own = self._own_input()
        return example_input(self._convolution) if own is None else own

    @property
    def output(self) -> Tensor:
        """What torch computes, f4 [out_channels, *output_size]."""
        result: Tensor = self.layer(self.input[None])
        return result[0].detach()

    @property
    def matrix(self) -> Tensor:
        """The matrix C of the layer, [outputs, inputs]; see `dl_lab.convolution.matrix`."""
        return matrix(self.layer, tuple(self.input.shape))

    @property
    def source(self) -> str:
        """The line of PyTorch that makes the layer."""
        return source(self._convolution)

    def set(self, /, **changes: object) -> None:
        """Change settings, all or none.

        Parameters
        ----------
        **changes
            ``kind``, ``input_size``, ``kernel_size``, ``stride``, ``padding``, ``dilation``,
            ``output_padding``, ``in_channels``, ``out_channels``, ``groups``, ``bias``,
            ``padding_mode``, ``ceil_mode``, ``count_include_pad``, ``divisor_override``, ``layers``
            as `dl_lab.convolution.arithmetic.Convolution` has them. Sizes may be one number.

        Raises
        ------
        InputError
            What torch refuses; everything stays as it was.
        """
        self._convolution = change(self._convolution, changes)
        self.set_trait("settings", self._convolution.as_dict())

    def show(
        self,
        what: nn.Module | str,
        x: Tensor | None = None,
        *,
        input_size: int | tuple[int, ...] | None = None,
    ) -> None:
        """Show another layer, or a case of the guide by its name.

        Parameters
        ----------
        what
            A layer, or a name in `presets`.
        x, input_size
            As for the class.

        Raises
        ------
        InputError
            Another module, no such preset, or an input that the layer refuses.
        """
        given = None if x is None else x.detach().cpu().float()
        if isinstance(what, str):
            if what not in _NAMED:
                raise InputError.unknown("preset", what, _NAMED)
            convolution = _NAMED[what]
        else:
            convolution = read(what)
        if given is not None:
            given = _one(given, convolution)
            changes: dict[str, object] = {"input_size": tuple(given.shape[1:])}
            if convolution.is_pool:
                changes["in_channels"] = len(given)
            convolution = change(convolution, changes)
            if len(given) != convolution.in_channels:
                raise _misfit(x, convolution)
        elif input_size is not None:
            convolution = change(convolution, {"input_size": input_size})
        self._layer = None if isinstance(what, str) else what
        self._x = given
        self._convolution = convolution
        self.own_values = self._layer is not None or given is not None
        self.set_trait("settings", convolution.as_dict())
        self._channel.touch()

    def update(self) -> None:
        """Send the layer's weights anew, after they have changed."""
        self._channel.touch()

    def __repr__(self) -> str:
        """Tell the layer and the sizes."""
        if not self._ready:
            return super().__repr__()
        sizes = " → ".join(
            " × ".join(map(str, shape)) for shape in (self.input.shape, self.output.shape)
        )
        return f"ConvolutionExplorer({self.source}, {sizes})"

    # -- for the views

    def _own_layer(self) -> nn.Module | None:
        """Return the layer that was given, while what is shown has weights of its shape."""
        layer = self._layer
        if layer is None or not self.own_values or self._convolution.layers > 1:
            return None
        weight = getattr(layer, "weight", None)
        if weight is None or tuple(weight.shape) != weight_shape(self._convolution):
            return None
        kept = read(layer).kind == self._convolution.kind
        return layer if kept else None

    def _own_input(self) -> Tensor | None:
        shape = (self._convolution.in_channels, *self._convolution.input_size)
        fits = self._x is not None and tuple(self._x.shape) == shape
        return self._x if fits and self.own_values else None

    def compose(self, *, touched: bool) -> Message | None:
        """Send the weights and the input that were given, as they are now."""
        if not touched:
            return None
        arrays: dict[str, Array] = {}
        for name in ("weight", "bias"):
            values = getattr(self._layer, name, None)
            if isinstance(values, Tensor):
                arrays[name] = values.detach().cpu().float().contiguous().numpy()
        if self._x is not None:
            arrays["input"] = self._x.contiguous().numpy()
        kind = None if self._layer is None else read(self._layer).kind
        return Message("values.show", {"kind": kind}, arrays)

    @handles("settings.set")
    def _set(self, message: Message) -> None:
        changes = dict(message.meta)
        looks = {name: changes.pop(name) for name in _LOOKS if name in changes}
        if changes:
            self.set(**changes)
        for name, value in looks.items():
            setattr(self, name, value)


def _one(x: Tensor, convolution: Convolution) -> Tensor:
    """Return one input without its batch, or without channels with one channel."""
    if x.dim() == convolution.dims + 2 and len(x) == 1:
        return x[0]
    if x.dim() != convolution.dims + 1:
        raise _misfit(x, convolution)
    return x


def _misfit(x: Tensor | None, convolution: Convolution) -> InputError:
    channels = "channels" if convolution.is_pool else str(convolution.in_channels)
    sizes = "height, width" if convolution.dims > 1 else "length"
    given = None if x is None else tuple(x.shape)
    return InputError("conv_input", wanted=f"[{channels}, {sizes}]", given=given)


def _presets() -> dict[str, Any]:
    return {
        group: {name: convolution.as_dict() for name, convolution in cases.items()}
        for group, cases in PRESETS.items()
    }


def _refusals() -> dict[str, Any]:
    """Return the sentences that a view says by itself, in every language."""
    return {
        key: {"en": SENTENCES[key], **templates(key)}
        for key in SENTENCES
        if key.startswith("conv_") or key == "whole"
    }
