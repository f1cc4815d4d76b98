"""One stem, four places: a widget's Python, TypeScript, bundle and tests are named alike."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def widget_modules() -> set[str]:
    """Return the stems of the modules that hold a widget: a public class with a base class."""
    return {
        file.stem
        for file in (ROOT / "dl_lab" / "widgets").glob("[!_]*.py")
        if any(
            isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_")
            for node in ast.parse(file.read_text()).body
        )
    }


def stems(folder: str, pattern: str, prefix: str = "", suffix: str = "") -> set[str]:
    return {
        path.name.removeprefix(prefix).removesuffix(suffix)
        for path in (ROOT / folder).glob(pattern)
    }


WIDGETS = widget_modules()


def test_there_are_widgets():
    assert "playground" in WIDGETS


def test_each_has_its_class():
    for stem in WIDGETS:
        name = "".join(word.capitalize() for word in stem.split("_"))
        tree = ast.parse((ROOT / "dl_lab" / "widgets" / f"{stem}.py").read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def test_each_has_its_typescript():
    entries = {s for s in stems("js/widgets", "*.ts", suffix=".ts") if "." not in s}
    assert entries == WIDGETS


def test_each_has_its_bundle():
    assert stems("dl_lab/static", "*.js", suffix=".js") == WIDGETS
    assert stems("dl_lab/static", "*.css", suffix=".css") <= WIDGETS


def test_each_has_its_python_tests():
    tests = stems("tests/widgets", "test_*.py", "test_", ".py")
    assert tests >= WIDGETS
    # A test of a private module or of a part is `test_PART.py` where dl_lab/widgets has _PART.py;
    # a module of functions alone, such as watch.py, has its own too.
    others = tests - WIDGETS - {"contract", "one_model"}
    parts = stems("dl_lab/widgets", "*.py", "_", ".py")
    assert {name for name in others if not any(name.startswith(part) for part in parts)} == set()


def test_specs_are_called_after_what_they_show():
    """Every widget is in the contract specs; what it has beside is its journey and its states."""
    specs = stems("ui-tests/tests", "*.spec.ts", suffix=".spec.ts")
    shots = stems("ui-tests/shots", "*.spec.ts", suffix=".spec.ts")
    assert "contract" in specs & shots
    subjects = WIDGETS | {"tensorboard"}
    rest = {s for s in specs | shots if not any(s.startswith(one) for one in subjects)}
    assert rest <= {"contract", "launcher", "notebook6", "notebook7"}
