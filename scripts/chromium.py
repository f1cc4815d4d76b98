"""Find a Chromium for the browser tests; where there is none, get Debian's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import debian
from step import CACHE, run

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOME = CACHE / "chromium"
UNPACKED = HOME / "chromium"  # a wrapper, so that a path says everything
PACKAGES = ("chromium", "fonts-dejavu-core")


def find() -> str | None:
    """Return the path of a Chromium, CHROMIUM first."""
    named = os.environ.get("CHROMIUM")
    if named:
        if shutil.which(named) is None:
            raise SystemExit(f"CHROMIUM is {named}, which is not a program on this machine.")
        return named
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (str(UNPACKED) if UNPACKED.exists() else None)


def main() -> None:
    """Install Chromium where there is none."""
    if find():
        return
    if shutil.which("apt-get") is None:
        raise SystemExit(
            "The browser tests need Chromium. Install it, or name one: CHROMIUM=/path/to/chromium."
        )
    if not debian.install("Chromium", *PACKAGES):
        unpack()


def unpack() -> None:
    """Fetch Chromium and what this machine lacks for it as Debian packages, and unpack them."""
    print("Fetching Chromium into .cache (this account may not install packages).", flush=True)
    debs, root = HOME / "debs", HOME / "root"
    shutil.rmtree(HOME, ignore_errors=True)
    for folder in (debs / "partial", root, HOME / "lists" / "partial"):
        folder.mkdir(parents=True)
    # apt's own state with the lists and the archives in folders that this account may write.
    apt = ["apt-get", "--quiet=2", f"--option=Dir::State::Lists={HOME / 'lists'}"]
    apt += [f"--option=Dir::Cache={HOME}", "--option=Debug::NoLocking=true"]
    run(*apt, "update")
    for name in _missing(apt):
        run(*apt, "download", name, cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        run("dpkg", "--extract", deb, root)
    for folder in (debs, HOME / "lists"):
        shutil.rmtree(folder)
    write_wrapper(root)


def _missing(apt: list[str]) -> list[str]:
    simulate = [*apt, "install", "--simulate", "--no-install-recommends", *PACKAGES]
    done = subprocess.run(simulate, capture_output=True, text=True, check=False)
    names = re.findall(r"^Inst (\S+)", done.stdout, re.MULTILINE)
    if not names:
        raise SystemExit(f"apt-get does not know Chromium on this machine.\n{done.stderr}")
    return names


def write_wrapper(root: Path) -> None:
    """Write the program that runs the unpacked Chromium with its libraries and fonts."""
    program = next(root.glob("usr/lib/chromium*/chromium"), None)
    if program is None:
        raise SystemExit("The Chromium package of this machine holds no program: set CHROMIUM.")
    libraries = sorted({str(library.parent) for library in root.glob("usr/lib/**/*.so*")})
    libraries += sorted({str(library.parent) for library in root.glob("lib/**/*.so*")})
    fonts = HOME / "fonts.conf"
    fonts.write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f"<dir>{root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir>"
        f"<cachedir>{HOME}/fontconfig</cachedir></fontconfig>"
    )
    UNPACKED.write_text(
        "#!/bin/sh\n"
        f"export LD_LIBRARY_PATH='{':'.join(libraries)}'\n"
        f"export FONTCONFIG_FILE='{fonts}'\n"
        f"exec '{program}' \"$@\"\n"
    )
    UNPACKED.chmod(0o755)


if __name__ == "__main__":
    main()
