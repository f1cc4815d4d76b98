"""Folders for TensorBoard: which may be opened, and which have something to show."""

from __future__ import annotations

import contextlib
import errno
import os
import reprlib
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from dl_lab import paths
from dl_lab.errors import InputError
from dl_lab.server.problems import EXHAUSTED, Problem

_MARK = "tfevents"
# Where nobody keeps runs, and where there may be very many files.
_PASSED_OVER = {"node_modules", "site-packages", "__pycache__", "venv"}
_SECONDS = 2.0
# What is not a path, as this server's pages say it.
_REFUSALS = {
    "path_kind": "logdir_invalid",
    "path_empty": "logdir_invalid",
    "path_long": "logdir_long",
    "path_address": "logdir_address",
    "path_home": "logdir_home",
    "path_variable": "logdir_variable",
}
_MOST = 200
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
# Whatever is given, and however deep, is shown in a line.
_SHORT = reprlib.Repr()
_SHORT.maxstring = 200


def resolve(given: object, root: Path, allowed: Sequence[Path]) -> Path:
    """Return the real path of a folder that may be opened.

    Parameters
    ----------
    given
        An absolute path, or one from `root`, which is the empty one; ``~`` is the home.
    root
        Where relative paths begin.
    allowed
        The folder must be one of these or lie below one, after symbolic links.

    Raises
    ------
    Problem
        It is not a path, is not there, is a file, cannot be read or lies elsewhere.
    """
    try:
        asked = root if given == "" else paths.local("logdir", given, root)
    except InputError as error:
        params = error.params | {"given": _SHORT.repr(given)}
        raise Problem(_REFUSALS[error.key], **params) from error
    folder = real(asked)
    roots = [real(Path(os.path.expanduser(one))) for one in allowed]  # noqa: PTH111  # never raises
    # Before anything else: what lies outside is not even told to be there or not.
    place = folder or Path(os.path.abspath(asked))  # noqa: PTH100  # without links
    if not any(one and place.is_relative_to(one) for one in roots):
        raise Problem("logdir_outside", logdir=asked, roots=", ".join(map(str, roots)))
    if folder is None:
        raise Problem("logdir_unreadable", logdir=asked)
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:
        raise Problem("logdir_undecodable", logdir=asked) from error
    _look_into(folder, asked)
    return folder


def real(path: Path) -> Path | None:
    """Return a path after symbolic links; None where one may not be read, as ``/proc/1/root``."""
    try:
        return Path(os.path.realpath(path))
    except OSError:
        return None


def _look_into(folder: Path, asked: Path) -> None:
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise Problem("logdir_file", logdir=asked)
        os.scandir(folder).close()
        os.stat(f"{folder}/.")  # noqa: PTH116  # Path drops the dot, which is how one enters
    except PermissionError as error:
        raise Problem("logdir_unreadable", logdir=asked) from error
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise Problem("logdir_missing", logdir=asked) from error
        if error.errno in EXHAUSTED:
            raise Problem("no_process", detail=error.strerror) from error
        raise Problem("logdir_broken", logdir=asked, detail=error.strerror) from error


@dataclass
class Logdir:
    """A folder that has runs below it.

    Attributes
    ----------
    path
        From the root, with ``/``; empty for the root itself.
    runs
        Folders with event files in it and below.
    modified
        When the newest event file was written, in seconds since 1970.
    """

    path: str
    runs: int = 0
    modified: float = 0.0


def find(root: Path) -> tuple[list[Logdir], bool]:
    """Return the folders from `root` down that have runs, newest first, and whether these are all.

    The search ends after two seconds, and keeps away from hidden folders and symbolic links.
    """
    found: dict[str, Logdir] = {}
    end = monotonic() + _SECONDS
    complete = True
    for name, folders, files in os.walk(root):
        if monotonic() > end:
            complete = False
            break
        folders[:] = [one for one in folders if one[0] != "." and one not in _PASSED_OVER]
        folder = Path(name)
        modified = _newest(folder / file for file in files if _MARK in file)
        if modified is None:
            continue
        parts = folder.relative_to(root).parts
        for depth in range(len(parts) + 1):
            path = "/".join(parts[:depth])
            logdir = found.setdefault(path, Logdir(path))
            logdir.runs += 1
            logdir.modified = max(logdir.modified, modified)
    # The root itself, where it only holds everything, is rarely what is looked for: last.
    ordered = sorted(
        found.values(),
        key=lambda one: (one.path == "", -one.modified, one.path.count("/"), one.path),
    )
    return ordered[:_MOST], complete and len(ordered) <= _MOST


def _newest(files: Iterable[Path]) -> float | None:
    times = []
    for file in files:
        with contextlib.suppress(OSError):  # gone since
            times.append(file.stat().st_mtime)
    return max(times, default=None)
