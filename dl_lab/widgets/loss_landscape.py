"""LossLandscape: what it explains, in one line."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from dl_lab.pictures.curves import Curve, svg
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Number


class LossLandscape(Explainer):
    """See how a sigmoid turns into a step as its weight grows.

    Parameters
    ----------
    weight
        What the input is multiplied by, -10 to 10.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        If a value is not allowed; the sentence says what is.

    Examples
    --------
    >>> import dl_lab
    >>> explainer = dl_lab.LossLandscape(weight=2.0)
    >>> explainer.compute()[1]["y"][100]
    tensor(0.5000)
    >>> explainer.close()
    """

    PRESETS: ClassVar = {"step": {"weight": 10}, "flat": {"weight": 0}, "mirror": {"weight": -3}}

    weight = Number(-10, 10, 1.0, step=0.1)

    def compute(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return the curve: x and y, f4 [201]."""
        x = torch.linspace(-5, 5, 201)
        return {}, {"x": x, "y": torch.sigmoid(self.weight * x)}

    def source(self) -> str:
        """Return the same in plain PyTorch."""
        return (
            "import torch\n\n"
            "x = torch.linspace(-5, 5, 201)\n"
            f"y = torch.sigmoid({self.weight!r} * x)\n"
        )

    def picture(self) -> str:
        """Return the curve as SVG, for the saved notebook."""
        words, (_, arrays) = self.words(), self.compute()
        x, y = (arrays[name].double().numpy() for name in ("x", "y"))
        curves = [Curve(x, y, words["output"])]
        return svg(words["title"], curves, x_label="x", y_label="y", identifier=self._mark)
