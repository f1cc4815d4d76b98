"""`make widget`: what it writes builds, passes every contract, and is as short as promised."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAME = "steep_neuron"


def run(*command: str, at: Path) -> str:
    """Run a program in the copy, on whose modules alone it may build; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(at), "PYTHON": sys.executable}
    done = subprocess.run(
        command, cwd=at, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(*arguments: str, at: Path) -> str:
    return run(sys.executable, *arguments, at=at)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the working tree with a new widget, built."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", at=ROOT).splitlines()
    target = tmp_path_factory.mktemp("tree")
    for name in listed:
        if (ROOT / name).is_file() and not name.startswith("notebooks/"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / "node_modules").symlink_to(ROOT / "node_modules")
    python("scripts/widget.py", NAME, at=target)
    run("node", "scripts/build_widgets.mjs", at=target)
    return target


@pytest.fixture(scope="module")
def written() -> list[str]:
    return [
        f"dl_lab/widgets/{NAME}.py",
        f"js/widgets/{NAME}.ts",
        f"js/shared/locales/{NAME}.en.json",
        f"js/shared/locales/{NAME}.es.json",
        f"tests/widgets/test_{NAME}.py",
    ]


def test_it_is_short(copy, written):
    lines = [len((copy / file).read_text().splitlines()) for file in written[:2]]
    assert sum(lines) <= 120


def test_it_is_what_the_linters_ask_for(copy, written):
    pythons = [file for file in written if file.endswith(".py")] + ["dl_lab/__init__.py"]
    python("-m", "ruff", "check", "--no-cache", *pythons, at=copy)
    python("-m", "ruff", "format", "--check", "--no-cache", *pythons, at=copy)
    others = [file for file in written if not file.endswith(".py")]
    run("node_modules/.bin/prettier", "--check", *others, at=copy)


def test_it_passes_every_contract_in_python(copy):
    contracts = ["tests/test_stems.py", "tests/test_imports.py", "tests/test_api.py"]
    python("-m", "pytest", "-q", "-p", "no:cacheprovider", *contracts, at=copy)
    tests = ["tests/widgets/test_contract.py", "-k", NAME]
    assert "passed" in python("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, at=copy)
    own = [f"tests/widgets/test_{NAME}.py", "tests/test_docstrings.py", "-k", NAME]
    assert "passed" in python("-m", "pytest", "-q", "-p", "no:cacheprovider", *own, at=copy)


def test_it_passes_every_contract_in_typescript(copy):
    contracts = ["js/widgets/contract.test.ts", "js/shared/i18n.test.ts"]
    said = run("node_modules/.bin/vitest", "run", *contracts, "-t", NAME, at=copy)
    assert f"{NAME}" in said or "passed" in said


def test_a_name_that_is_taken_or_is_none_is_refused(copy):
    for name in (NAME, "playground", "Playground", "my-widget", ""):
        command = [sys.executable, "scripts/widget.py", name]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "NAME" in done.stderr
