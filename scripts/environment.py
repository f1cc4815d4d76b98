"""Make .venv with PyTorch, dl-lab (editable) and what one of its extras adds.

Usage: python3 environment.py lab|test
"""

from __future__ import annotations

import subprocess
import sys
import venv

import torch_build
from step import PYTHON, ROOT, VENV, Stamp, digest, run

CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 10)


def main(extra: str) -> None:
    """Install what is missing; nothing where the inputs are those of the last time."""
    if sys.version_info < OLDEST:
        raise SystemExit(f"dl-lab needs Python 3.10 or newer; this is {sys.version.split()[0]}.")
    stamp = Stamp(
        VENV / ".dl-lab" / extra,
        digest([ROOT / "pyproject.toml", CONSTRAINTS, ROOT / "hatch_build.py"], extra),
    )
    if stamp.fresh and PYTHON.exists():
        return
    if not PYTHON.exists():
        print(f"Making {VENV.name} with Python {sys.version.split()[0]}.", flush=True)
        make_venv()
    torch_build.install(CONSTRAINTS)
    # Built here, once, instead of in pip's throw-away environment with a Node of its own.
    pip_install("hatchling", "editables")
    run(sys.executable, ROOT / "scripts" / "frontend.py", "--no-link")
    unlink_labextension()
    pip_install("--no-build-isolation", "--editable", f".[{extra}]")
    stamp.write()


def make_venv() -> None:
    """Make the virtual environment, or say which system package is missing."""
    try:
        venv.create(VENV, with_pip=True, symlinks=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            "This Python cannot make virtual environments (its ensurepip is missing). "
            "On Debian and Ubuntu: apt-get install python3-venv."
        ) from error
    # The resolver of pip before 23.1 needs minutes for what a later one does in seconds.
    # Twice quiet: errors are told, warnings about a machine's own package lists are not.
    run(PYTHON, "-m", "pip", "install", "-qq", "--upgrade", "pip")


def pip_install(*arguments: str) -> None:
    """Install into .venv, in the versions that were tested."""
    run(PYTHON, "-m", "pip", "install", "-qq", "--constraint", str(CONSTRAINTS), *arguments)


def unlink_labextension() -> None:
    """Take the development link away: pip would write through it into the sources."""
    link = VENV / "share" / "jupyter" / "labextensions" / "dl-lab"
    if link.is_symlink():
        link.unlink()


if __name__ == "__main__":
    main(sys.argv[1])
