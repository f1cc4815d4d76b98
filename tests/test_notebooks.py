"""The notebooks run from top to bottom, on both kernels."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHOWN = {
    "application/vnd.jupyter.widget-view+json",
    "application/vnd.dl-lab.tensorboard.v1+json",
}
KERNELS = {"ipykernel-6.30": "6.30.", "ipykernel-7.4": "7."}


def run(notebook: nbformat.NotebookNode, kernel: str) -> None:
    client = nbclient.NotebookClient(
        notebook, kernel_name=kernel, timeout=120, resources={"metadata": {"path": ROOT}}
    )
    client.execute()


def test_there_are_notebooks():
    assert "playground.ipynb" in {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, kernel):
    notebook = nbformat.read(path, as_version=4)
    run(notebook, kernel)
    shown = {
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    }
    assert shown & SHOWN, "No cell of this notebook shows anything of dl-lab."


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_saved_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == []


@pytest.mark.parametrize(("kernel", "version"), KERNELS.items())
def test_a_kernel_is_what_its_name_says(kernel, version):
    code = "import ipykernel; print(ipykernel.__version__)"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    run(notebook, kernel)
    assert notebook.cells[0].outputs[0].text.startswith(version)
