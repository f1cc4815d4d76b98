"""Paths as people give them: ``~`` is home, blanks around them are dropped, addresses refused.

What would make a folder called "~" or "s3:" is refused here, before anything is made.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from dl_lab.errors import InputError, shown

LONGEST = 4096
"""More characters no system takes in a path."""

# One letter is a drive of Windows; Path("s3://runs") has lost a slash.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]|%\w+%")


def local(name: str, given: object, root: Path = Path()) -> Path:
    """Return the path on this machine that a person means by `given`.

    Parameters
    ----------
    name
        What the argument is called, for the sentence of a refusal.
    given
        Text, or an `os.PathLike`. What stands at exactly this path is taken as it is, such as a
        folder whose name ends with a blank.
    root
        Where relative paths begin; they stay relative where it is the working folder.

    Raises
    ------
    InputError
        It is not a path, is empty or too long, is the address of something elsewhere (``s3://…``),
        names a home that does not exist (``~nobody``), or begins with a variable of the shell
        (``$HOME``).

    Examples
    --------
    >>> local("logdir", " runs ") == Path("runs")
    True
    >>> local("logdir", "~/runs") == Path.home() / "runs"
    True
    """
    text = _text(name, given)
    # A person who writes ~ or :// means no folder of that name, even where someone made one.
    if not text.startswith("~") and "://" not in text and os.path.lexists(root / text):
        return root / text
    text = text.strip()
    if _ADDRESS.match(text):
        raise InputError("path_address", name=name, given=shown(text))
    if _VARIABLE.match(text):
        raise InputError("path_variable", name=name, given=shown(text))
    if not text.startswith("~"):
        return root / text
    first, *rest = Path(text).parts
    home = os.path.expanduser(first)  # noqa: PTH111  # of Path it raises for ~nobody
    # Windows makes up a home for any name.
    if home == first or not os.path.isdir(home):  # noqa: PTH112  # of Path it may raise, too
        raise InputError("path_home", name=name, given=shown(text), home=shown(first))
    return Path(home, *rest)


def folder(name: str, given: object) -> Path:
    """Return the path of a folder, which need not be there; see `local`.

    Raises
    ------
    InputError
        Also where it, or what it would lie in, is a file.

    Examples
    --------
    >>> folder("logdir", "~") == Path.home()
    True
    """
    path = local(name, given)
    _refuse_files(name, path, *path.parents)
    return path


def file(name: str, given: object) -> Path:
    """Return the path of a file, which need not be there; see `local`.

    Raises
    ------
    InputError
        Also where it is a folder, or written as one (``runs/``), or where what it would lie in is
        a file.

    Examples
    --------
    >>> file("path", "~/run.pt") == Path.home() / "run.pt"
    True
    """
    path = local(name, given)
    separators = tuple(one for one in (os.sep, os.altsep) if one)
    if os.path.isdir(path) or _text(name, given).rstrip().endswith(separators):  # noqa: PTH112
        raise InputError("path_is_folder", name=name, path=path)
    _refuse_files(name, *path.parents)
    return path


def real(path: str | os.PathLike[str]) -> Path:
    """Return a path after symbolic links, as far as these may be read.

    Examples
    --------
    >>> real("/") == Path("/").absolute()
    True
    """
    try:
        return Path(os.path.realpath(path))
    except OSError:
        return Path(os.path.abspath(path))  # noqa: PTH100  # of Path it raises, too


def _refuse_files(name: str, *paths: Path) -> None:
    for path in paths:
        if os.path.isfile(path):  # noqa: PTH113  # of Path it raises where it may not look
            raise InputError("path_is_file", name=name, path=path)


def _text(name: str, given: object) -> str:
    """Return a path as text that an operating system takes."""
    try:
        text = os.fspath(given)  # type: ignore[call-overload]  # it raises
        if len(text) > LONGEST:
            raise InputError("path_long", name=name, length=len(text), most=LONGEST)
        os.fsencode(text)
    except (TypeError, UnicodeEncodeError):
        raise InputError("path_kind", name=name, given=shown(given)) from None
    if not isinstance(text, str) or "\0" in text:
        raise InputError("path_kind", name=name, given=shown(given))
    if not text.strip():
        raise InputError("path_empty", name=name)
    return text
