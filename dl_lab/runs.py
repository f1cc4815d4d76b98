"""A folder of its own for each run, so that experiments never overwrite each other."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from dl_lab import paths
from dl_lab.errors import InputError, shown

if TYPE_CHECKING:
    from os import PathLike

_LONGEST = 100
# What no file system of Linux, macOS or Windows takes amiss, and nothing that leaves the root.
_NAME = re.compile(
    r"""[^\s~./\\:*?"<>|\x00-\x1f]([^/\\:*?"<>|\x00-\x1f]*[^\s./\\:*?"<>|\x00-\x1f])?"""
)


def new(name: str, root: str | PathLike[str] = "runs") -> Path:
    r"""Make a folder for a run of the experiment `name` and return it.

    Parameters
    ----------
    name
        Of the experiment: a folder of this name in `root` holds its runs. At most 100
        characters, none of ``/ \ : * ? " < > |``, no dot or space at either end, no ``~`` at
        the beginning.
    root
        The folder of all experiments, made where it is missing; TensorBoard's ``--logdir``. ``~``
        is your home.

    Returns
    -------
    Path
        ``root/name/2026-11-24T10-15-00``, by this machine's clock; a run that begins in the same
        second, in this process or another, gets ``2026-11-24T10-15-00-2`` and so on.

    Raises
    ------
    InputError
        The name cannot be a folder's, `root` is not the path of a folder here, or the folder
        cannot be made.

    Examples
    --------
    >>> import tempfile
    >>> root = tempfile.mkdtemp()
    >>> first, second = new("lenet", root), new("lenet", root)
    >>> first.parent.name, first.is_dir(), first != second
    ('lenet', True, True)
    """
    name = str(name)
    # A lone surrogate is no text that a disk could hold.
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or not name.isprintable():
        raise InputError("run_name", given=shown(name), most=_LONGEST)
    experiment = paths.folder("root", root) / name
    try:
        experiment.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            now = datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
            folder = experiment / (now if number == 1 else f"{now}-{number}")
            try:
                # Made or refused in one go: two processes cannot both get it.
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise InputError("run_folder", path=experiment, detail=error) from error
    raise AssertionError  # `count` has no end
