"""Programs that build and install, and what is in what they made."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NODE_PROGRAMS = {"node", "nodejs", "npm", "npx", "corepack"}


def run(*command: str | Path, cwd: Path, path: str | None = None) -> str:
    """Run a program and give back what it says; its failure is the test's, with its words."""
    env = os.environ | ({} if path is None else {"PATH": path})
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(*arguments: str | Path, cwd: Path, path: str | None = None) -> str:
    return run(sys.executable, "-m", "pip", *arguments, cwd=cwd, path=path)


def clone(folder: Path) -> Path:
    """Copy what git tracks or would track: nothing built, nothing installed."""
    listed = run("git", "ls-files", "-z", "-co", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file() and not name.startswith(("tests/", "ui-tests/")):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return folder


def names(wheel: Path) -> list[str]:
    """Return the names of the files in a wheel, without the version in its folders."""
    with zipfile.ZipFile(wheel) as archive:
        return sorted(
            name.split("/", 1)[1] if name.split("/", 1)[0].endswith(".data") else name
            for name in archive.namelist()
        )
