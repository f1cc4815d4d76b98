"""The notebooks run from top to bottom, on both kernels."""

from __future__ import annotations

import ast
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path):
    # Each lesson is there twice, with the same code: once for each kernel.
    kernel = "ipykernel-7.4" if path.stem.endswith(".es") else "ipykernel-6.30"
    notebook = nbformat.read(path, as_version=4)
    run(notebook, kernel)
    shown = {
        kind
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for kind in output.get("data", {})
    }
    assert shown & SHOWN, "No cell of this notebook shows anything of dl-lab."


def names(path):
    """Return what the code of a notebook names, which no translation touches."""
    cells = nbformat.read(path, as_version=4).cells
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    return [[node.id for node in ast.walk(tree) if isinstance(node, ast.Name)] for tree in trees]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_the_same_in_both_languages(path):
    english = path.with_name(path.name.replace(".es.", "."))
    assert names(english.with_suffix(".es.ipynb")) == names(english)


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
