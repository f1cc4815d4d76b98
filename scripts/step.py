"""Steps that are done once: a stamp holds the digest of what a step was made from."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
CACHE = ROOT / ".cache"


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a program and stop with its exit status where it fails."""
    status = subprocess.run(command, cwd=cwd, env=env, check=False).returncode
    if status:
        raise SystemExit(f"`{' '.join(map(str, command))}` failed with exit status {status}.")


def digest(files: Iterable[Path], *words: str) -> str:
    """Digest the content of the files, found below folders too, and some words."""
    total = hashlib.sha256(repr(words).encode())
    for path in files:
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            total.update(f"{file.relative_to(ROOT)}\0".encode())
            total.update(file.read_bytes())
    return total.hexdigest()


class Stamp:
    """A file that says from what its step was last made."""

    def __init__(self, path: Path, current: str) -> None:
        self._path = path
        self._current = current

    @property
    def fresh(self) -> bool:
        """Whether the step was made from what is there now."""
        return self._path.is_file() and self._path.read_text() == self._current

    def write(self) -> None:
        """Say that the step is done."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self._current)
