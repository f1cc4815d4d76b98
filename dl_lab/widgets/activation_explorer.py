"""ActivationExplorer: activation functions, their derivatives, and what they do to a network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dl_lab.errors import InputError, shown
from dl_lab.pictures.curves import Curve, svg
from dl_lab.theory.activation_explorer import (
    ACTIVATION_REACH,
    GRADIENT_POWERS,
    Function,
    curve,
    flat_stretches,
    layers,
)
from dl_lab.theory.activations import ACTIVATIONS, line, make
from dl_lab.theory.own import definition, looking
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Chosen, Flag, Number, Setting

_PARAMETERS = ("slope", "alpha", "beta", "cut", "beside")
_MOST = 4


class ActivationExplorer(Explainer):
    """See where an activation function lets no gradient through, and what that does to a network.

    Parameters
    ----------
    own
        A module or function of a tensor, or several of them (at most 4), to look at beside those
        of `torch.nn`, such as ``nn.GELU(approximate="tanh")`` or ``torch.sin``. Each must return
        a number for each number, whatever stands beside it.
    activation
        A class of `torch.nn`, by its name; None is the first of `own`, or ReLU.
    compared
        Names of others, drawn beside it.
    slope, alpha, beta, cut
        Arguments of the classes that have them: the slope of LeakyReLU and PReLU, `alpha` of ELU
        and CELU, `beta` of Softplus, where Hardshrink, Softshrink and Threshold cut.
    beside
        The other input, of softmax and its kin and of GLU, which bring several together.
    initialization
        How the layers begin: ``"he"``, ``"xavier"``, ``"torch"`` (as `nn.Linear` does) or
        ``"own"``, N(0, scale²).
    scale
        The standard deviation of the weights, 0.001 to 2.
    layers
        1 to 20.
    batch_norm
        Whether batch normalization stands before each activation.
    bias
        Of every neuron, -3 to 3.
    width
        Neurons of each layer, 16 to 512.
    reach
        The curves are drawn from -reach to reach, 1 to 20.
    seed
        Of the weights and inputs.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        A setting that is not allowed, or a function that fails or returns something else than a
        finite number for each.

    References
    ----------
    .. [1] X. Glorot, A. Bordes and Y. Bengio, "Deep sparse rectifier neural networks", 2011

    Examples
    --------
    >>> import dl_lab
    >>> explorer = dl_lab.ActivationExplorer(nn.GELU(approximate="tanh"), compared=["ReLU"])
    >>> meta, arrays = explorer.compute()
    >>> [one["name"] for one in meta["curves"]], arrays["y"].shape
    (["GELU(approximate='tanh')", 'ReLU'], torch.Size([2, 601]))
    >>> explorer.close()
    """

    PRESETS: ClassVar = {
        "vanishes": {"activation": "Sigmoid", "compared": ("Tanh",), "initialization": "xavier"},
        "dies": {"activation": "ReLU", "compared": (), "bias": -0.5},
        "he": {"activation": "ReLU", "compared": (), "layers": 20},
        "batch_norm": {
            "activation": "Tanh",
            "compared": (),
            "initialization": "own",
            "scale": 0.01,
            "batch_norm": True,
        },
    }

    activation = Choice((None, *ACTIVATIONS), group="drawn")
    slope = Number(-1, 1, 0.01, step=0.01, group="drawn")
    alpha = Number(0.1, 3, 1.0, step=0.1, group="drawn")
    beta = Number(0.1, 10, 1.0, step=0.1, group="drawn")
    cut = Number(0, 3, 0.5, step=0.1, group="drawn")
    beside = Number(-6, 6, 0.0, step=0.1, group="drawn")
    initialization = Choice(("he", "xavier", "torch", "own"), group="drawn")
    scale = Number(0.001, 2, 0.05, log=True, group="drawn")
    layers = Number(1, 20, 10, whole=True, group="drawn")
    batch_norm = Flag(group="drawn")
    compared = Chosen(ACTIVATIONS, ("Sigmoid",), most=4, group="drawn")
    bias = Number(-3, 3, 0.0, step=0.1, group="network")
    width = Number(16, 512, 128, step=16, whole=True, group="network")
    seed = Number(0, 999, 0, step=None, whole=True, group="network")
    reach = Number(1, 20, 6.0, step=0.5, group="curves")

    def __init__(self, own: Function | Sequence[Function] | None = None, **settings: Any) -> None:
        self._own = _functions(own)
        if not self._own:
            settings["activation"] = settings.get("activation") or "ReLU"
        super().__init__(**settings)

    def _offer(self, setting: Setting) -> dict[str, Any]:
        offered = super()._offer(setting)
        if setting.name == "activation" and not self._own:
            # There is nothing of one's own to choose.
            offered["allowed"] = list(ACTIVATIONS)
        return offered

    def _checked(self, changes: Mapping[str, object]) -> dict[str, Any]:
        settings = super()._checked(changes)
        if settings.get("activation", "") is None and not self._own:
            raise InputError.unknown("activation", None, ACTIVATIONS)
        return settings

    @property
    def function(self) -> Function:
        """What is looked at: the module that `activation` names, or the first of one's own."""
        return self._made(self._focus)

    @property
    def _focus(self) -> str:
        return self.activation or next(iter(self._own))

    def compute(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the curves and the layers.

        `meta` holds, for each curve, its name, line of PyTorch and formulas; the stretches in which
        the first is saturated or dead; the parameters that count. Arrays: x f4 [n], y and slope
        f4 [curves, n], and what `dl_lab.theory.activation_explorer.Layers` holds.
        """
        focus = self._focus  # which may change meanwhile
        names = list(dict.fromkeys((focus, *self._own, *self.compared)))
        reach = self.reach
        drawn = {name: self._made(name) for name in names}
        with contextlib.ExitStack() as undo:
            for own in self._own.values():
                undo.enter_context(looking(own))
            curves = [curve(function, -reach, reach, self.beside) for function in drawn.values()]
            passed = layers(
                drawn[focus],
                self.layers,
                self.width,
                initialization=self.initialization,
                scale=self.scale,
                bias=self.bias,
                batch_norm=self.batch_norm,
                seed=self.seed,
            )
        known = [ACTIVATIONS[name] for name in names if name in ACTIVATIONS]
        counting = {key for one in known for key in one.settings}
        if self.initialization == "own":
            counting.add("scale")
        meta = {
            "curves": [self._told(name) for name in names],
            "flat": [vars(one) for one in flat_stretches(curves[0])],
            "counting": sorted(counting),
            "values": {name: getattr(self, name) for name in _PARAMETERS},
            "reach": ACTIVATION_REACH,
            "powers": GRADIENT_POWERS,
        }
        arrays = {
            "x": curves[0].x,
            "y": torch.stack([one.y for one in curves]),
            "slope": torch.stack([one.slope for one in curves]),
            **vars(passed),
        }
        return meta, arrays

    def _made(self, name: str) -> Function:
        return self._own[name] if name in self._own else make(name, self.settings)

    def _told(self, name: str) -> dict[str, Any]:
        if name in self._own:
            own = self._own[name]
            code = f"nn.{own}" if _is_torchs(own) else None
            return {"name": name, "code": code, "formula": None, "derivative": None}
        known = ACTIVATIONS[name]
        return {
            "name": name,
            "code": line(name, self.settings),
            "formula": known.formula,
            "derivative": known.derivative,
        }

    def source(self) -> str:
        """Return the curve, its derivative and the layers in plain PyTorch."""
        name = self._focus
        if name in self._own:
            made = definition(self._own[name], "activation")
        elif name == "Softmax2d":
            made = "softmax = nn.Softmax2d()\n\n\ndef activation(z):\n"
            made += "    return softmax(z[..., None, None])[..., 0, 0]\n"
        else:
            made = f"activation = {line(name, self.settings)}"
        weight = {
            "he": "nn.init.kaiming_normal_(linear.weight, nonlinearity='relu')",
            "xavier": "nn.init.xavier_normal_(linear.weight)",
            "torch": "pass  # linear.weight is U(-1/√width, 1/√width) already",
            "own": f"nn.init.normal_(linear.weight, std={self.scale!r})",
        }[self.initialization]
        several = name in ACTIVATIONS and "beside" in ACTIVATIONS[name].settings
        return _SOURCE.format(
            made=made,
            rows="x"
            if not several
            else f"torch.stack([x, torch.full_like(x, {self.beside!r})], 1)",
            first="[:, 0]" if several else "",
            reach=self.reach,
            layers=self.layers,
            width=self.width,
            outputs=2 * self.width if name == "GLU" else self.width,
            weight=weight,
            bias=self.bias,
            norm=f"\n    z = nn.BatchNorm1d({self.width * (2 if name == 'GLU' else 1)})(z)"
            if self.batch_norm
            else "",
        )

    def picture(self) -> str:
        """Return the function and its derivative as SVG, for the saved notebook."""
        words, (meta, arrays) = self.words(), self.compute()
        x = arrays["x"].numpy()
        first = meta["curves"][0]["name"]
        curves = [
            Curve(x, arrays["y"][0].numpy(), first),
            Curve(x, arrays["slope"][0].numpy(), words["slope_of"].format(name=first), width=1.5),
        ]
        return svg(
            f"{words['title']} · {first}",
            curves,
            x_label="x",
            y_label="f(x)",
            identifier=self._mark,
        )


_SOURCE = """import torch
from torch import nn

{made}

# The function and its derivative.
x = torch.linspace(-{reach}, {reach}, 601, requires_grad=True)
y = activation({rows}){first}
slope, = torch.autograd.grad(y.sum(), x)

# What it does to a network: noise through {layers} layers, and back.
hidden, before = torch.randn(256, {width}), []
for _ in range({layers}):
    linear = nn.Linear({width}, {outputs})
    {weight}
    nn.init.constant_(linear.bias, {bias})
    z = linear(hidden){norm}
    before.append(z)
    hidden = activation(z)
    print(f"activations: std {{hidden.std():.3g}}, {{(hidden == 0).float().mean():.0%}} are 0")
gradients = torch.autograd.grad(hidden, before, torch.randn_like(hidden))
for number, gradient in enumerate(gradients, 1):
    print(f"gradient of layer {{number}}: {{gradient.square().mean().sqrt():.3g}}")
"""


def _functions(own: object) -> Mapping[str, Function]:
    """Return what was given by what it is called."""
    given = [] if own is None else list(own) if isinstance(own, (list, tuple)) else [own]
    if len(given) > _MOST:
        raise InputError("too_many", name="own", given=len(given), most=_MOST)
    found: dict[str, Callable[..., Any]] = {}
    for one in given:
        if isinstance(one, type) and issubclass(one, nn.Module):
            raise InputError("activation_class", given=one.__name__)
        if not callable(one):
            raise InputError("own_function", name="own", given=shown(one))
        name = str(one) if isinstance(one, nn.Module) else getattr(one, "__name__", None)
        name = str(name or type(one).__name__)
        if len(name) > 40 or "\n" in name:  # noqa: PLR2004 - more has no place in a legend
            name = type(one).__name__
        several = sum(known.split(" #")[0] == name for known in found)
        if name in ACTIVATIONS or several:
            name = f"{name} #{several + 1}"
        found[name] = one
    return found


def _is_torchs(own: object) -> bool:
    return isinstance(own, nn.Module) and type(own).__name__ in ACTIVATIONS and "\n" not in str(own)
