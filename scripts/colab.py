"""Make an environment of the versions that Colab has, with .venv's packages behind them."""

from __future__ import annotations

import shutil
import sys

from step import CACHE, PYTHON, ROOT, Stamp, digest, run

PINS = ROOT / "tests" / "fronts" / "colab-2026-08-19.txt"
TARGET = CACHE / "colab"

# After its own packages come those of .venv, which holds torch and, editable, dl-lab.
BEHIND = "import site; site.addsitedir({folder!r})\n"


def main() -> None:
    """Install the pins where they are not those of the last time."""
    stamp = Stamp(TARGET / ".dl-lab", digest([PINS], str(PYTHON), sys.version))
    if stamp.fresh:
        return
    print(f"Installing the versions of {PINS.stem}.", flush=True)
    shutil.rmtree(TARGET, ignore_errors=True)
    run(PYTHON, "-m", "venv", "--without-pip", "--symlinks", TARGET)
    python = TARGET / "bin" / "python"
    # With all of them listed nothing is resolved, and none is upgraded.
    options = ("-qq", "--no-deps", "--requirement", PINS)
    run(PYTHON, "-m", "pip", "--python", python, "install", *options)
    (packages,) = TARGET.glob("lib/python*/site-packages")
    behind = PYTHON.parents[1] / packages.relative_to(TARGET)
    (packages / "behind.pth").write_text(BEHIND.format(folder=str(behind)))
    stamp.write()


if __name__ == "__main__":
    main()
