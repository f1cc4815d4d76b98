"""Install the JavaScript packages, build the bundles, link the labextension into .venv.

Usage: python3 frontend.py [--no-link] [--ui-tests]
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import node
from step import ROOT, VENV, Stamp, digest, run

SOURCES = ["js", "package.json", "package-lock.json", "scripts/build_lab.mjs"]
SOURCES += ["scripts/build_widgets.mjs"]
LABEXTENSION = ROOT / "dl_lab" / "labextension"


def main(options: list[str]) -> None:
    """Do what the options say, each step only where its inputs changed."""
    node.ensure()
    npm_ci(ROOT)
    build()
    if "--no-link" not in options:
        link()
    if "--ui-tests" in options:
        npm_ci(ROOT / "ui-tests")


def npm_ci(folder: Path) -> None:
    """Install exactly what the lock file says."""
    inputs = digest([folder / "package.json", folder / "package-lock.json"])
    stamp = Stamp(folder / "node_modules" / ".dl-lab", inputs)
    if not stamp.fresh:
        print(f"Installing the JavaScript packages of {folder.name}.", flush=True)
        run("npm", "ci", "--silent", cwd=folder, env=node.environment())
        stamp.write()


def build() -> None:
    """Bundle the widgets and the labextension."""
    stamp = Stamp(ROOT / "build" / ".dl-lab", digest([ROOT / source for source in SOURCES]))
    built = [LABEXTENSION / "package.json", ROOT / "dl_lab" / "static"]
    if not (stamp.fresh and all(path.exists() for path in built)):
        run("npm", "run", "--silent", "build", env=node.environment())
        stamp.write()


def link() -> None:
    """Let Lab read the labextension where it is built, not a copy of it."""
    place = VENV / "share" / "jupyter" / "labextensions" / "dl-lab"
    if place.is_symlink() and place.readlink() == LABEXTENSION:
        return
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(LABEXTENSION, target_is_directory=True)


if __name__ == "__main__":
    main(sys.argv[1:])
