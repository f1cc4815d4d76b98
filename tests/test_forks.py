"""Every lock of ours opens in a forked process; `tests/train/test_hangs.py` shows what for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import dl_lab

PACKAGE = Path(dl_lab.__file__).parent
KINDS = {f"threading.{kind}" for kind in ("Lock", "RLock", "Condition", "Semaphore", "Barrier")}


def locks(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield where a file makes a lock, and whether `forks.opens` is given it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    opened = [call.args[0] for call in calls if ast.unparse(call.func) == "forks.opens"]
    for call in calls:
        if ast.unparse(call.func) in KINDS:
            yield f"{file.relative_to(PACKAGE)}:{call.lineno}", call in opened


def test_every_lock_opens_in_a_fork():
    # The server's process forks nothing.
    files = [file for file in PACKAGE.rglob("*.py") if "server" not in file.parts]
    found = dict(place for file in files for place in locks(file))
    assert len(found) > 15
    assert [place for place, opened in found.items() if not opened] == []
