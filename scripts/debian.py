"""Debian packages, installed where this account may."""

from __future__ import annotations

import os
import shutil
import subprocess

from step import run


def install(name: str, *packages: str) -> bool:
    """Install packages and return True, False where this account may not; `name` is what for."""
    root = _root()
    if root is None or shutil.which("apt-get") is None:
        return False
    print(f"Installing {name} with apt-get.", flush=True)
    run(*root, "apt-get", "update", "--quiet=2")
    run(*root, "apt-get", "install", "--quiet=2", "--yes", *packages)
    return True


def _root() -> list[str] | None:
    """Return what comes before a command that root shall run; None where that is impossible."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    if shutil.which("sudo") is None:
        return None
    allowed = subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode == 0
    return sudo if allowed else None
