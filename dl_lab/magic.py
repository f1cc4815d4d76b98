"""``%load_ext dl_lab``: the magic ``%tensorboard``, as course notebooks know it, but safe."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, NoReturn, cast

from dl_lab.errors import InputError, shown
from dl_lab.tensorboard import TensorBoard

# What IPython would have filled in, had it known it.
_UNFILLED = re.compile(r"\{[A-Za-z_]\w*\}|\$[A-Za-z_]\w*")

if TYPE_CHECKING:
    from IPython.core.extensions import ExtensionManager
    from IPython.core.interactiveshell import InteractiveShell


def register(shell: InteractiveShell) -> None:
    """Add ``%tensorboard`` to a shell."""
    shell.register_magic_function(tensorboard, "line", "tensorboard")  # type: ignore[arg-type]  # its wrapper's types are wrong
    # `%load_ext tensorboard`, which such notebooks have too, would put in its place the magic that
    # opens a port for everybody: to the shell it is loaded already.
    cast("ExtensionManager", shell.extension_manager).loaded.add("tensorboard")


def tensorboard(line: str) -> None:
    """Open TensorBoard for a folder: ``%tensorboard --logdir runs``.

    It takes the arguments of TensorBoard's own magic. Those about its address, such as ``--port``,
    have no effect, since nobody but you can reach it; a word on that is printed.

    Raises
    ------
    InputError
        No folder is named, or the line cannot be read as arguments.
    """
    from IPython.display import display
    from IPython.utils.process import arg_split  # type: ignore[attr-defined]  # by system

    parser = _Parser(prog="%tensorboard", add_help=False, allow_abbrev=False)
    parser.add_argument("--logdir")
    try:
        # Splits as this system's shell does: on Windows a backslash stays one.
        words = arg_split(line, posix=True)
    except ValueError:
        raise InputError("magic_quote", given=line.strip()) from None
    known, rest = parser.parse_known_args(words)
    if not known.logdir:
        raise InputError("magic_logdir", given=shown(line.strip()))
    if unknown := _UNFILLED.search(known.logdir):
        raise InputError("magic_unfilled", given=unknown[0], logdir=shown(known.logdir))
    if rest and not rest[0].startswith("-"):
        raise InputError("magic_words", given=rest[0])
    if rest:
        print(InputError("magic_ignored", given=" ".join(rest)))  # noqa: T201  # in the notebook
    display(TensorBoard(known.logdir))  # type: ignore[no-untyped-call]  # IPython has no types here


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError("magic_logdir", given=shown(message))
