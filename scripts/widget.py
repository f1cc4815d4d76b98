"""Write a new explainer that works: one slider, one curve. `make widget NAME=loss_surface`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PYTHON = '''"""CLASS: what it explains, in one line."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from dl_lab.pictures.curves import Curve, svg
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Number


class CLASS(Explainer):
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
    >>> explainer = dl_lab.CLASS(weight=2.0)
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
            "import torch\\n\\n"
            "x = torch.linspace(-5, 5, 201)\\n"
            f"y = torch.sigmoid({self.weight!r} * x)\\n"
        )

    def picture(self) -> str:
        """Return the curve as SVG, for the saved notebook."""
        words, (_, arrays) = self.words(), self.compute()
        x, y = (arrays[name].double().numpy() for name in ("x", "y"))
        curves = [Curve(x, y, words["output"])]
        return svg(words["title"], curves, x_label="x", y_label="y", identifier=self._mark)
'''

TYPESCRIPT = """/** The view of `dl_lab.CLASS`. */

import { curvePoints } from "../draw/curves.ts";
import { swatch } from "../draw/legend.ts";
import { inTheme } from "../draw/looks.ts";
import { chart, legendEntry } from "../explainer/chart.ts";
import { explainer, numbers } from "../explainer/explainer.ts";
import { formatValue } from "../shared/format.ts";
import en from "../shared/locales/NAME.en.json";
import es from "../shared/locales/NAME.es.json";

export default explainer({
  name: "NAME",
  words: { en, es },
  help: ["about"],
  draw: (view) => {
    const { t, frame, theme } = view;
    const look = () => inTheme({ color: 0, dash: [], width: 2.5, marker: null }, theme.value.dark);
    const curve = chart(view, {
      label: t("title"),
      legend: () => [legendEntry(t("output"), swatch(look()))],
      scene: () => ({
        x: { label: "x", low: -5, high: 5 },
        y: [{ key: "y", label: "y", range: { low: 0, high: 1 } }],
        curves: [
          {
            points: curvePoints(numbers(frame.value, "x"), numbers(frame.value, "y")),
            look: look(),
            axis: "y",
          },
        ],
      }),
      readings: (at) =>
        ["x", "y"].map((name) => [
          name,
          at === null ? null : formatValue(numbers(frame.value, name)[at] ?? NaN),
        ]),
    });
    return [curve.element];
  },
});
"""

ENGLISH = {
    "title": "TITLE",
    "question": "How steep can a neuron's answer get?",
    "weight": "Weight",
    "tip_weight": "What the input is multiplied by before the sigmoid.",
    "output": "sigmoid(weight · x)",
    "about": "A neuron multiplies its input by a weight and squeezes the result between 0 and 1.",
    "try_step": "A step",
    "tip_try_step": "With a large weight the neuron decides: nearly 0 or nearly 1.",
    "try_flat": "No weight",
    "tip_try_flat": "With the weight 0 the neuron says 0.5 whatever it is given.",
    "try_mirror": "Mirrored",
    "tip_try_mirror": "With a negative weight it answers to small inputs instead.",
}
SPANISH = {
    "title": "TITLE",
    "question": "¿Qué tan abrupta puede ser la respuesta de una neurona?",
    "weight": "Peso",
    "tip_weight": "Por cuánto se multiplica la entrada antes de la sigmoide.",
    "output": "sigmoide(peso · x)",
    "about": "Una neurona multiplica su entrada por un peso y comprime el resultado entre 0 y 1.",
    "try_step": "Un escalón",
    "tip_try_step": "Con un peso grande la neurona decide: casi 0 o casi 1.",
    "try_flat": "Sin peso",
    "tip_try_flat": "Con el peso 0 la neurona dice 0.5, reciba lo que reciba.",
    "try_mirror": "En espejo",
    "tip_try_mirror": "Con un peso negativo responde a las entradas pequeñas.",
}

TEST = """from __future__ import annotations

import math

import pytest

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import Page


@pytest.mark.parametrize("weight", [-3.0, 0.0, 2.5])
def test_the_curve_is_the_sigmoid(weight):
    explainer = dl_lab.CLASS(weight=weight)
    arrays = Page(explainer).request("hello", view="page", have={}).arrays
    expected = [1 / (1 + math.exp(-weight * x)) for x in arrays["x"].tolist()]
    assert arrays["y"] == pytest.approx(expected, abs=1e-6)
    explainer.close()


def test_a_weight_beyond_its_limits_is_refused():
    with pytest.raises(InputError, match="weight must be a number between -10 and 10"):
        dl_lab.CLASS(weight=11)
"""


def write(name: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new explainer and register it; return what was written."""
    name_of_class = "".join(word.capitalize() for word in name.split("_"))
    title = name.replace("_", " ").capitalize()

    def filled(text: str) -> str:
        return text.replace("CLASS", name_of_class).replace("NAME", name)

    def catalogue(words: dict[str, str]) -> str:
        return json.dumps({**words, "title": title}, indent=2, ensure_ascii=False) + "\n"

    locales = root / "js" / "shared" / "locales"
    files = {
        root / "dl_lab" / "widgets" / f"{name}.py": filled(PYTHON),
        root / "js" / "widgets" / f"{name}.ts": filled(TYPESCRIPT),
        locales / f"{name}.en.json": catalogue(ENGLISH),
        locales / f"{name}.es.json": catalogue(SPANISH),
        root / "tests" / "widgets" / f"test_{name}.py": filled(TEST),
    }
    there = [str(file.relative_to(root)) for file in files if file.exists()]
    if there:
        raise SystemExit(f"{', '.join(there)} is there already. Choose another NAME.")
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
    register(root / "dl_lab" / "__init__.py", name, name_of_class)
    return [*files, root / "dl_lab" / "__init__.py"]


def register(file: Path, name: str, name_of_class: str) -> None:
    """Add the class to the public names, in their order."""
    module = f"dl_lab.widgets.{name}"
    lines = file.read_text(encoding="utf-8").splitlines()
    for line, alike in (
        (f"    from {module} import {name_of_class}", r"    from dl_lab\."),
        (f'    "{name_of_class}": "{module}",', r'    "\w+": '),
        (f'    "{name_of_class}",', r'    "\w+",$'),
    ):
        places = [at for at, one in enumerate(lines) if re.match(alike, one)]
        later = [at for at in places if lines[at] > line]
        lines.insert(later[0] if later else places[-1] + 1, line)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(names: list[str]) -> None:
    """Write the explainer that the command line names."""
    if len(names) != 1 or not re.fullmatch(r"[a-z]+(_[a-z]+)*", names[0]):
        raise SystemExit("Give one NAME in snake_case: make widget NAME=loss_surface")
    for file in write(names[0]):
        print(file.relative_to(ROOT))
    print("Now: npm run build, then the steps under “The next widget” in CONTRIBUTING.md.")


if __name__ == "__main__":
    main(sys.argv[1:])
