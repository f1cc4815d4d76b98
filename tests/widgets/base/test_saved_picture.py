"""The picture that a plot leaves in the notebook, in real kernels."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbclient
import nbformat
import pytest
from nbconvert import HTMLExporter

import dl_lab
from dl_lab.widgets.base.saved_picture import SavedPicture
from tests.kernels.warm import WarmKernels

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[3]
KERNELS = ("ipykernel-6.30", "ipykernel-7.4")

MAKE = """
    import torch, dl_lab
    x = torch.linspace(-1, 1, 64)[:, None]
    def make(rate):
        model = torch.nn.Linear(1, 1)
        sgd = torch.optim.SGD(model.parameters(), lr=rate)
        loss = torch.nn.functional.mse_loss
        return dl_lab.Trainer(model, loss, sgd, [(x, 2 * x)] * 50, device="cpu", name="line")
    trainer = make(0.1)
"""


def executed(kernel: KernelManager, *cells: str) -> Any:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in (MAKE, *cells)]
    )
    nbclient.NotebookClient(
        notebook,
        km=kernel,
        timeout=600,
        resources={"metadata": {"path": ROOT}},
        # As JupyterLab saves it, unless it was told otherwise.
        store_widget_state=False,
    ).execute()
    nbformat.validate(notebook)
    return notebook


def picture(notebook: Any, cell: int) -> str:
    """Return the picture beneath a cell's widget, which must be its one other output."""
    view, svg = notebook.cells[cell].outputs
    model = view.data["application/vnd.jupyter.widget-view+json"]["model_id"]
    text: str = svg.data["image/svg+xml"]
    assert f"dl-lab-{model}" in text
    assert view.data["text/plain"].startswith("LossPlot(")
    assert "text/plain" not in svg.data
    return text


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_saved_notebook_holds_the_last_picture_and_is_small(
    kernel: str, warm_kernels: WarmKernels
) -> None:
    notebook = executed(
        warm_kernels.manager(kernel),
        "plot = dl_lab.LossPlot(trainer)\nplot",
        "trainer.fit(2)",
        "trainer.start(3)\nawait trainer.wait()",
        # Many runs in one cell: the picture is of the last.
        "for _ in range(5): trainer.fit(1)",
        "print(plot.picture())",
        """
        import numpy as np
        runs = {}
        for rate in range(4):
            rows = np.arange(200_000)
            values = np.random.default_rng(rate).normal(size=len(rows))
            columns = {"steps": rows, "times": rows, "values": values}
            parts = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
            state = {"seconds": 0, "epochs": [], "series": dict.fromkeys(parts, columns)}
            runs[f"rate {rate}"] = dl_lab.History()
            runs[f"rate {rate}"].load_state_dict(state)
        dl_lab.LossPlot(runs, smoothing=0.9)
        """,
    )
    text = picture(notebook, 1)
    assert text == notebook.cells[5].outputs[0].text.rstrip()
    assert ">500</text>" in text
    assert 20_000 < len(picture(notebook, 6).encode()) <= 40_000
    assert len(json.dumps(notebook)) <= 100_000
    # What nbviewer makes of it.
    page, _ = HTMLExporter().from_notebook_node(notebook)
    shown = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert [base64.b64decode(one).decode() for one in shown] == [text, picture(notebook, 6)]


def test_the_picture_comes_when_nothing_but_python_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plot = dl_lab.LossPlot(dl_lab.History())
    plot._ipython_display_()
    assert "LossPlot(run)" in capsys.readouterr().out
    plot.close()


def test_a_picture_that_was_never_shown_is_not_brought_up_to_date() -> None:
    drawn: list[int] = []

    def draw() -> str:
        drawn.append(1)
        return "<svg/>"

    saved = SavedPicture(draw, "dl-lab-test")
    saved.update()
    saved.close()
    saved.update()
    assert not drawn
