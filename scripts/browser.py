"""Run a project of the browser tests."""

from __future__ import annotations

import chromium
import node
from step import PYTHON


def command(project: str) -> list[str]:
    """Return the command, to be run in ui-tests/."""
    return ["npm", "exec", "--offline", "--", "playwright", "test", f"--project={project}"]


def environment() -> dict[str, str]:
    """Return the environment in which it finds Chromium and .venv's JupyterLab."""
    found = chromium.find()
    if found is None:
        raise SystemExit("No Chromium: run `make test` or `make shots`, which get one.")
    return node.environment() | {"CHROMIUM": found, "DL_LAB_PYTHON": str(PYTHON)}
