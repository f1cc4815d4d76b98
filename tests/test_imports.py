"""Who may import whom: every import in the sources against the arrows of docs/architecture."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dl_lab"
JS = ROOT / "js"
TESTING = JS / "shared" / "testing"  # what the tests of every part share; in no bundle

# Part of dl_lab → (parts of dl_lab, other packages) that it may import. The standard library is
# always allowed; `errors` and `paths` need nothing else, so a Jupyter server may load them, too;
# `dl_lab` itself holds nothing but the version and names.
FIELD = {"torch", "numpy"}
ALLOWED = {
    "data": ({"errors", "paths", "shipped"}, FIELD),
    "nets": ({"errors", "shipped"}, FIELD),
    "probe": ({"errors"}, FIELD),
    "train": ({"errors", "paths", "probe", "data"}, FIELD),
    "callbacks": ({"train"}, set()),
    "runs": ({"errors", "paths"}, set()),
    # A kernel looks into the folders in which the server's TensorBoards listen.
    "tensorboard": ({"errors", "paths", "server"}, {"tensorboard", "IPython", "jupyter_core"}),
    "magic": ({"errors", "tensorboard"}, {"IPython"}),
    "protocol": ({"errors"}, {"numpy"}),
    "errors": (set(), set()),
    "version": (set(), set()),
    "paths": ({"errors"}, set()),
    "shipped": (set(), set()),
    "widgets": (
        {"errors", "data", "nets", "probe", "train", "protocol"},
        FIELD | {"anywidget", "traitlets", "ipywidgets", "IPython"},
    ),
    # Hosts, as widgets are: each file needs the library it is named after, when it is imported.
    "adapters": (
        {"errors", "train", "widgets"},
        FIELD | {"keras", "lightning", "skorch", "transformers"},
    ),
    "server": (
        {"version", "errors", "paths"},
        {"jupyter_server", "jupyter_server_proxy", "tornado", "traitlets"},
    ),
    # The table of names: its lazy imports are strings, those for type checkers are not run.
    "__init__": (
        {"adapters", "callbacks", "data", "nets", "runs", "train", "widgets", "server", "magic"}
        | {"tensorboard", "version"},
        {"IPython"},
    ),
}
# A file → what it may import beside that.
EXCEPTIONS = {
    "data/idx.py": {"torchvision"},
    "nets/lenet.py": {"safetensors"},
    "train/checkpoint.py": {"safetensors"},
    "train/event_file.py": {"tensorboard"},
    "train/event_log.py": {"tensorboard", "PIL", "matplotlib"},
    "train/event_writer.py": {"tensorboard"},
    "train/projector.py": {"tensorboard", "google", "PIL"},
    "train/summaries.py": {"tensorboard"},
    # The child process, which is not the Jupyter server.
    "server/tensorboard_host.py": {"tensorboard", "werkzeug"},
    "server/installed_code.py": {"tensorboard", "werkzeug"},
    # What ipykernel itself stands on.
    "widgets/_poll.py": {"zmq"},
}

# What both sides read.
JS_DATA = {PACKAGE / "train" / "looks.json"}

JS_ALLOWED = {
    "draw": ({"draw"}, {"d3-format", "d3-scale", "d3-shape", "@dagrejs/dagre"}),
    "shared": ({"shared"}, {"@anywidget/types", "@preact/signals-core"}),
    "widgets": ({"widgets", "draw", "shared"}, {"@anywidget/types", "@preact/signals-core"}),
    "lab": ({"lab", "shared"}, {"@jupyterlab", "@lumino"}),
}


def part_of(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(file: Path) -> set[tuple[str, ...]]:
    """Return what a file imports, as dotted paths in pieces, wherever in the file it stands."""
    found = set()
    package = ("dl_lab", *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple((node.module or "").split(".")) if node.module else ()
            found |= {(*base, alias.name) for alias in node.names}
    return found


def wrong_arrows(file: Path) -> list[str]:
    part = part_of(file)
    ours, others = ALLOWED[part]
    others = others | EXCEPTIONS.get(str(file.relative_to(PACKAGE)), set())
    wrong = []
    for path in imports(file):
        if path[0] == "dl_lab":
            target = path[1] if len(path) > 1 else "__init__"
            if target not in ours | {part}:
                wrong.append(f"{part} → {target}")
        elif path[0] not in sys.stdlib_module_names | others:
            wrong.append(f"{part} → {path[0]}")
    return wrong


PYTHON = sorted(PACKAGE.rglob("*.py"))
TYPESCRIPT = sorted(file for file in JS.rglob("*.ts") if not file.name.endswith(".d.ts"))


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: str(file.relative_to(ROOT)))
def test_python_imports_along_the_arrows(file):
    assert wrong_arrows(file) == []


def test_the_package_itself_imports_nothing_heavy():
    assert not {path[0] for path in imports(PACKAGE / "__init__.py")} & (FIELD | {"anywidget"})


@pytest.mark.parametrize("file", TYPESCRIPT, ids=lambda file: str(file.relative_to(ROOT)))
def test_typescript_imports_along_the_arrows(file):
    part = file.relative_to(JS).parts[0]
    ours, others = JS_ALLOWED[part]
    testing = file.name.endswith(".test.ts") or file.is_relative_to(TESTING)
    if testing:
        others = others | {"vitest", "node:fs", "node:path", "node:url"}
    for specifier in typescript_imports(file.read_text()):
        if specifier.startswith("."):
            target = (file.parent / specifier).resolve()
            if target in JS_DATA:
                continue
            aid = testing and target.is_relative_to(TESTING)
            part_there = target.relative_to(JS).parts[0]
            assert aid or part_there in ours, f"{part} → {part_there}"
        else:
            pieces = specifier.split("/")
            package = "/".join(pieces[:2]) if specifier.startswith("@") else pieces[0]
            assert {specifier, package, pieces[0]} & others, f"{part} → {specifier}"


def typescript_imports(text: str) -> set[str]:
    without_comments = re.sub(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", "", text, flags=re.DOTALL)
    static = r"^\s*(?:import|export)\b[^;\"'`]*?\bfrom\s*[\"']([^\"']+)[\"']"
    bare = r"^\s*import\s*[\"']([^\"']+)[\"']"
    dynamic = r"\bimport\s*\(\s*[\"']([^\"']+)[\"']"
    return {
        found
        for pattern in (static, bare, dynamic)
        for found in re.findall(pattern, without_comments, re.MULTILINE)
    }


@pytest.mark.parametrize(
    ("source", "arrow"),
    [
        ("from dl_lab.widgets import playground", "train → widgets"),
        ("def f():\n    from ..server import app", "train → server"),
        ("import anywidget.widget", "train → anywidget"),
        ("import tensorboard", "train → tensorboard"),
    ],
)
def test_a_wrong_arrow_is_found(monkeypatch, tmp_path, source, arrow):
    file = tmp_path / "train" / "trainer.py"
    file.parent.mkdir()
    file.write_text(source)
    monkeypatch.setattr(f"{__name__}.PACKAGE", tmp_path)
    assert wrong_arrows(file) == [arrow]


def test_wrong_arrows_in_typescript_are_found():
    source = """
import type { A } from "../widgets/a.ts";
import {
  b,
} from '../lab/b';
export * from "./c";
import "./d.css";
// import "x"
const e = await import("../draw/e");
"""
    expected = {"../widgets/a.ts", "../lab/b", "./c", "./d.css", "../draw/e"}
    assert typescript_imports(source) == expected
