"""Who may import whom: every import in the sources against the arrows of docs/architecture."""

from __future__ import annotations

import ast
import graphlib
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dl_lab"
JS = ROOT / "js"
TESTING = JS / "shared" / "testing"  # what the tests of every part share; in no bundle

# More want rooms.
MOST_FILES = 17

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rows(text: str, columns: int) -> list[list[str]]:
    """Return the rows of tables with so many columns, as words without their marks."""
    lines = re.findall(r"^\| (.+) \|$", text, re.MULTILINE)
    split = [[cell.strip("`") for cell in line.split(" | ")] for line in lines]
    return [row for row in split if len(row) == columns and row[0] not in {"part", "file", "room"}]


def words(cell: str) -> set[str]:
    return set() if cell == "nothing" else set(cell.split(", "))


def arrows(text: str) -> dict[str, tuple[set[str], set[str]]]:
    """Return part → (parts of ours, other packages) that it may import, as the page has it."""
    return {part: (words(ours), words(others)) for part, _, ours, others in rows(text, 4)}


# The standard library is always allowed.
PYTHON_PAGE, JS_PAGE = PAGE.split("## TypeScript")
ALLOWED = arrows(PYTHON_PAGE)
EXCEPTIONS = {file: words(others) for file, others in rows(PYTHON_PAGE, 2) if "." in file}
FIELD = {"torch", "numpy"}

# What both sides read.
JS_DATA = {PACKAGE / "train" / "history" / "looks.json"}

JS_ALLOWED = {part: (ours | {part}, others) for part, (ours, others) in arrows(JS_PAGE).items()}


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
        others = others | {"vitest", "node:child_process", "node:fs", "node:path", "node:url"}
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


def test_no_circle_in_python():
    named = {".".join(module(file)): file for file in PYTHON}
    graph = {
        name: {
            found for path in imports(file) if (found := nearest(path, named)) not in {None, name}
        }
        for name, file in named.items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def module(file: Path) -> tuple[str, ...]:
    return tuple(
        part for part in file.relative_to(ROOT).with_suffix("").parts if part != "__init__"
    )


def nearest(path: tuple[str, ...], named: dict[str, Path]) -> str | None:
    """Return which of our modules an import reads: a module, or the one that holds the name."""
    return next((name for end in (path, path[:-1]) if (name := ".".join(end)) in named), None)


def test_no_circle_in_typescript():
    graph = {
        file: {
            target.resolve()
            for specifier in typescript_imports(file.read_text())
            if specifier.startswith(".") and (target := file.parent / specifier).suffix == ".ts"
        }
        for file in TYPESCRIPT
    }
    graphlib.TopologicalSorter(graph).prepare()


def test_no_folder_is_too_large_to_find_anything_in():
    sources = [file for file in PYTHON if file.name != "__init__.py"]
    sources += [file for file in TYPESCRIPT if not file.name.endswith(".test.ts")]
    counted = Counter(file.parent for file in sources)
    assert {str(folder) for folder, files in counted.items() if files > MOST_FILES} == set()


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
