"""TensorBoard from a notebook: the kernel names a folder, and the page opens it."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dl_lab import paths
from dl_lab.errors import InputError, shown
from dl_lab.server import rendezvous

MIME = "application/vnd.dl-lab.tensorboard.v1+json"


class TensorBoard:
    """The TensorBoard of a folder; as a cell's last line it opens in a panel of JupyterLab.

    The kernel starts nothing and holds no token: it shows the folder's name, and the page has the
    Jupyter server start a TensorBoard with the rights of who looks at it. Nobody else on the
    machine can reach that one.

    Parameters
    ----------
    logdir
        Folder with event files, or with folders of them, such as ``"runs"``; from the kernel's
        working folder, or from the home for ``"~/runs"``. It is made where it is missing, since
        TensorBoard is often opened before the first training.

    Raises
    ------
    InputError
        It is not a path on this machine, a file, a folder that cannot be made or whose name is not
        text, or several folders with names (``"a:dir1,b:dir2"``).

    See Also
    --------
    dl_lab.Trainer : its ``logdir=`` writes event files.
    dl_lab.runs.new : a folder of its own for each run.

    Notes
    -----
    ``%load_ext dl_lab`` adds the magic ``%tensorboard --logdir runs``. In Colab, which has no
    server of ours, TensorBoard's own magic takes over.

    Examples
    --------
    >>> import tempfile
    >>> tb = TensorBoard(tempfile.mkdtemp())
    >>> tb in TensorBoard.running()  # it is not before a page shows it
    False
    >>> tb.stop()
    """

    def __init__(self, logdir: str | os.PathLike[str] = "runs") -> None:
        self.logdir = _folder(logdir)

    def stop(self) -> None:
        """End its process; the page's panel says so. Nothing happens where none runs."""
        for record in rendezvous.records():
            if record.logdir == self.logdir:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(record.pid, signal.SIGTERM)
                    if hasattr(signal, "SIGCONT"):  # one that was stopped ends when it goes on
                        os.kill(record.pid, signal.SIGCONT)
                return
        # It may run beside a Jupyter server elsewhere, which only the page can reach.
        if _in_notebook():
            _display(self._bundle("stop"))

    @classmethod
    def running(cls) -> list[TensorBoard]:
        """Return those of this account on this machine."""
        return [cls._of(record.logdir) for record in rendezvous.records()]

    @classmethod
    def _of(cls, logdir: str) -> TensorBoard:
        """Return the one of a folder as it stands in a record, whatever became of the folder."""
        made = cls.__new__(cls)
        made.logdir = logdir
        return made

    def __repr__(self) -> str:
        """Tell the folder."""
        return f"TensorBoard({self.logdir!r})"

    def __eq__(self, other: object) -> bool:
        """Whether it is of the same folder."""
        return isinstance(other, TensorBoard) and other.logdir == self.logdir

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self.logdir)

    def _ipython_display_(self) -> None:
        if "google.colab" in sys.modules:
            from tensorboard.notebook import start

            start(f"--logdir {shlex.quote(self.logdir)}")
        else:
            _display(self._bundle("open"))

    def _bundle(self, action: str) -> dict[str, Any]:
        if action == "stop":
            return {MIME: {"logdir": self.logdir, "action": action}, "text/plain": repr(self)}
        how, link = _way_without_panel(self.logdir)
        page = f'<a href="{html.escape(link)}" target="_blank">' if link else ""
        return {
            MIME: {"logdir": self.logdir, "action": action},
            "text/plain": f"{self!r}\n{how}{link or ''}",
            "text/html": f"<p>{page}TensorBoard: <code>{html.escape(self.logdir)}</code>"
            f"{'</a>' if page else ''}<br>{html.escape(how)}"
            f"{f'<code>{html.escape(link)}</code>' if link else ''}</p>",
        }


def _folder(given: str | os.PathLike[str]) -> str:
    path = paths.folder("logdir", given)
    text = os.fspath(given).strip()
    if not os.path.lexists(path) and _is_spec(text):
        raise InputError("logdir_spec", given=shown(text))
    try:
        real = os.path.realpath(path)
        real.encode()
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("run_folder", path=path, detail=error.strerror) from error
    except UnicodeEncodeError:
        raise InputError("logdir_undecodable", given=ascii(text)) from None
    return real


def _is_spec(text: str) -> bool:
    """Whether it reads as TensorBoard's ``--logdir_spec``: several folders, or a name for one."""
    first = re.split(r"[/\\]", text, maxsplit=1)[0]
    if first == ".":
        return False
    named = ":" in first and not os.path.splitdrive(text)[0]
    several = text.split(",") if "," in text else []
    return named or any(_is_folder(one.strip()) for one in several)


def _is_folder(text: str) -> bool:
    return os.path.isdir(os.path.expanduser(text))  # noqa: PTH111, PTH112  # they never raise


def _way_without_panel(logdir: str) -> tuple[str, str | None]:
    """Return what one does where dl-lab's panel is not, and the address where it is known."""
    base = _base_url()
    if base is None:
        return "To see it as a panel, open this notebook in JupyterLab with dl-lab installed.", None
    return (
        "To see it as a panel, install dl-lab where JupyterLab is installed. Without it: ",
        f"{base}dl-lab/tensorboard?logdir={quote(logdir)}",
    )


def _base_url() -> str | None:
    """Return the path below which this kernel's Jupyter server answers, or None."""
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if hub:
        return hub
    from jupyter_core.paths import jupyter_runtime_dir

    file = Path(jupyter_runtime_dir()) / f"jpserver-{os.environ.get('JPY_PARENT_PID')}.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["base_url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None


def _display(bundle: dict[str, Any]) -> None:
    from IPython.display import display

    display(bundle, raw=True)  # type: ignore[no-untyped-call]  # IPython has no types here
