"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from dl_lab import paths
from dl_lab.errors import InputError

if sys.platform != "win32":
    import fcntl

# Of a file that a killed process left behind, in seconds, where it cannot be asked for its writer.
_STALE = 3600.0


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a new file beside `path`, then put it in its place in one stroke.

    What an earlier process left beside it, killed in the middle of this, is removed.

    Raises
    ------
    InputError
        The disk took it not; `path` is as it was, and nothing of the new file is left.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes" / "a.txt"
    >>> write_atomically(path, lambda file: file.write(b"whole"))
    >>> path.read_bytes()
    b'whole'
    """
    # Through a link to the file that it names: the link stays one.
    target = paths.real(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        beside, file = _begin(target)
        try:
            with file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        detail = error.strerror or error
        raise InputError("not_written", path=path, detail=detail) from error


def _begin(target: Path) -> tuple[Path, IO[bytes]]:
    """Open a new file beside the target, which nobody takes for one that was left behind."""
    while True:
        beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        file = beside.open("xb")
        locked = _lock(file.fileno())
        # Another writer may sweep it away before it is locked.
        if locked is None or (locked and os.fstat(file.fileno()).st_nlink):
            return beside, file
        file.close()


def _lock(descriptor: int) -> bool | None:
    """Lock a file that no living process has locked; None where files cannot be locked."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # some network file systems
        return None
    return True


def _sweep(target: Path) -> None:
    """Remove what a process that was killed in the middle of writing left behind."""
    left = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]+\.tmp")
    # Others' files, and folders that cannot be listed, are no reason to write nothing.
    with contextlib.suppress(OSError):
        for file in target.parent.iterdir():
            if left.fullmatch(file.name):
                with contextlib.suppress(OSError), file.open("rb") as opened:
                    free = _lock(opened.fileno())
                    age = time.time() - os.fstat(opened.fileno()).st_mtime
                    if free or (free is None and age > _STALE):
                        file.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a loss of power, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network file systems refuse it; the file itself is on the disk by now.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
