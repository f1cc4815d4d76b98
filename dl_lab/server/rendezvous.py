"""The private folders in which TensorBoards listen, and what is written there about them.

Only the account that made such a folder can enter it. So whoever can read a record there is the
same person as who started that TensorBoard, which is how a kernel may know of it too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_lab.server.problems import Problem

PREFIX = "dl-lab-tensorboard-"
_RECORD = "running.json"
_SOCKET = "socket"
# What fits into the address of a UNIX socket everywhere.
_LONGEST = 100
_TIME_TO_START = 120.0
_PORTS = 1 << 16

HAS_UNIX_SOCKETS = hasattr(socket, "AF_UNIX")


@dataclass(frozen=True)
class Record:
    """A TensorBoard that listens, as its folder tells of it.

    Attributes
    ----------
    logdir
        Real path of what it shows.
    pid
        Its process.
    socket, port
        Where it listens: the path of a UNIX socket, or else a port of the loopback interface.
    """

    logdir: str
    pid: int
    socket: str | None
    port: int | None

    def answers(self) -> bool:
        """Whether something still listens there; True also where that cannot be told now."""
        family = socket.AF_INET if self.socket is None else socket.AF_UNIX
        try:
            with socket.socket(family, socket.SOCK_STREAM) as one:
                one.settimeout(1)
                one.connect(self.socket or ("127.0.0.1", self.port))
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return False
        except OSError:  # this process has no handles left, or that one is too busy
            return True
        return True


def make_folder() -> Path:
    """Make a new private folder.

    Raises
    ------
    Problem
        It cannot be made, or a socket in it would have too long a path.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise Problem("no_room", detail=error) from error
    if HAS_UNIX_SOCKETS and len(os.fsencode(socket_path(folder))) > _LONGEST:
        folder.rmdir()
        raise Problem("no_sockets", folder=folder.parent)
    return folder


def socket_path(folder: Path) -> Path:
    """Return where the socket in a private folder is."""
    return folder / _SOCKET


def write_record(folder: Path, record: Record) -> None:
    """Tell who may enter the folder what listens there.

    Raises
    ------
    Problem
        It cannot be written.
    """
    draft = folder / f"{_RECORD}.new"
    try:
        draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
        draft.replace(folder / _RECORD)
    except OSError as error:
        raise Problem("no_room", detail=error) from error


def remove_folder(folder: Path) -> None:
    """Remove a private folder and what is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()  # an empty one without any file handle, of which there may be none left
    shutil.rmtree(folder, ignore_errors=True)


def records() -> Iterator[Record]:
    """Yield the TensorBoards of this account that listen."""
    for folder in _own_folders():
        record = None
        with contextlib.suppress(OSError):  # this process has no file handles left
            record = _read(folder)
        if record is not None and record.answers():
            yield record


def sweep() -> None:
    """Remove the folders of this account that nothing listens in any more.

    One of which that cannot be told now, such as for want of a file handle, stays. So does one that
    has lost only its record, since what cleans up temporary files leaves sockets that are in use.
    """
    for folder in _own_folders():
        with contextlib.suppress(OSError):
            fresh = time.time() - folder.stat().st_mtime < _TIME_TO_START
            record = _read(folder)
            if record is None and HAS_UNIX_SOCKETS and not fresh:
                record = Record("", 0, str(socket_path(folder)), None)
            if not (fresh if record is None else record.answers()):
                remove_folder(folder)


def _own_folders() -> Iterator[Path]:
    own = os.getuid() if hasattr(os, "getuid") else None
    try:
        folders = [*Path(tempfile.gettempdir()).glob(f"{PREFIX}*")]
    except OSError:  # there is no folder for temporary files, or it cannot be read
        return
    for folder in folders:
        with contextlib.suppress(OSError):
            about = folder.lstat()
            # The temporary folder is everybody's: only what is ours counts.
            if own is None or about.st_uid == own:
                yield folder


def _read(folder: Path) -> Record | None:
    try:
        found = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return Record(**found) if _is_sound(found) else None
    except (FileNotFoundError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_sound(found: Any) -> bool:  # noqa: ANN401  # as it stands in a file
    """Whether `write_record` may have written it."""
    place, port = found.get("socket"), found.get("port")
    if place is None:
        there = type(port) is int and 0 < port < _PORTS
    else:
        there = port is None and type(place) is str and place.isprintable()
    return there and type(found.get("logdir")) is str and type(found.get("pid")) is int
