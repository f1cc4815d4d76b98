"""The notebooks run from top to bottom, on both kernels."""

from __future__ import annotations

import ast
import itertools
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
        notebook, kernel_name=kernel, timeout=600, resources={"metadata": {"path": ROOT}}
    )
    client.execute()


def test_there_are_notebooks():
    assert "playground.ipynb" in {path.name for path in NOTEBOOKS}


# Each lesson is there twice, with the same code; one is run, languages and kernels by turns.
RUNS = [
    (english.with_suffix(suffix), kernel)
    for english, suffix, kernel in zip(
        [path for path in NOTEBOOKS if not path.stem.endswith(".es")],
        itertools.cycle((".ipynb", ".es.ipynb")),
        itertools.cycle(KERNELS),
        strict=False,
    )
]


@pytest.mark.parametrize(("path", "kernel"), RUNS, ids=[path.stem for path, _ in RUNS])
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


class Untranslated(ast.NodeTransformer):
    """Code without its texts and without the language that it asks for."""

    def visit_Constant(self, node):
        return ast.Constant("" if isinstance(node.value, str) else node.value)

    def visit_Call(self, node):
        self.generic_visit(node)
        node.keywords = [one for one in node.keywords if one.arg != "language"]
        return node


def code(path):
    """Return what the code of a notebook is, apart from what a translation touches."""
    cells = nbformat.read(path, as_version=4).cells
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code"]
    return [ast.dump(Untranslated().visit(tree)) for tree in trees]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_the_same_in_both_languages(path):
    english = path.with_name(path.name.replace(".es.", "."))
    assert code(english.with_suffix(".es.ipynb")) == code(english)


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
