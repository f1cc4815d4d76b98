"""One stem, four places: a widget's Python, TypeScript, bundle and tests are named alike."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def widget_modules() -> dict[str, Path]:
    """Return the modules that hold a widget, a public class with a base class, by their stems."""
    folder = ROOT / "dl_lab" / "widgets"
    alone = {file.stem: file for file in folder.glob("[!_]*.py")}
    rooms = {file.parent.name: file for file in folder.glob("*/widget.py")}
    return {
        stem: file
        for stem, file in (alone | rooms).items()
        if stem != "base"
        and any(
            isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_")
            for node in ast.parse(file.read_text()).body
        )
    }


def stems(folder: str, pattern: str, prefix: str = "", suffix: str = "") -> set[str]:
    return {
        path.name.removeprefix(prefix).removesuffix(suffix)
        for path in (ROOT / folder).glob(pattern)
    }


MODULES = widget_modules()
WIDGETS = set(MODULES)


def test_there_are_widgets():
    assert "playground" in WIDGETS


def test_each_has_its_class():
    for stem, file in MODULES.items():
        name = "".join(word.capitalize() for word in stem.split("_"))
        tree = ast.parse(file.read_text())
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
    # What is tested apart says of which widget it is; a module of functions alone has tests, too.
    others = tests - {"contract", "watch"}
    assert {name for name in others if not any(name.startswith(one) for one in WIDGETS)} == set()


def test_specs_are_called_after_what_they_show():
    """Every widget is in the contract specs; what it has beside is its journey and its states."""
    specs = stems("ui-tests/tests", "*.spec.ts", suffix=".spec.ts")
    shots = stems("ui-tests/shots", "*.spec.ts", suffix=".spec.ts")
    assert "contract" in specs & shots
    subjects = WIDGETS | {"tensorboard"}
    rest = {s for s in specs | shots if not any(s.startswith(one) for one in subjects)}
    assert rest <= {"contract", "launcher", "notebook6", "notebook7"}


def test_a_widgets_style_is_for_it_alone():
    """Every widget brings the shared rules again; a heavier selector wins whichever came last."""
    step = re.compile(r"(from|to|[\d.]+%)(,\s*(from|to|[\d.]+%))*")
    for sheet in (ROOT / "js" / "widgets").rglob("*.css"):
        stem = sheet.relative_to(ROOT / "js" / "widgets").parts[0].removesuffix(".css")
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        for found in re.findall(r"([^{}]+)\{", text):
            if found.strip().startswith("@") or step.fullmatch(found.strip()):
                continue
            for selector in re.split(r",(?![^(]*\))", found):
                assert selector.strip().startswith(f"div.dl-{stem.replace('_', '-')}"), sheet
