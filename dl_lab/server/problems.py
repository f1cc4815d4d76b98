"""What the server refuses or could not do, each as a sentence with a key for its translation."""

from __future__ import annotations

import errno
from typing import Any

EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM}
"""What the system says when there is no file handle, process or memory left."""

# The page has the same keys in `tensorboardProblem` of its catalogues.
SENTENCES = {
    "logdir_invalid": ("{given} names no folder: give the path of one, as text, such as 'runs'."),
    "logdir_address": (
        "{given} is the address of something elsewhere, and TensorBoard shows folders of "
        "this machine here. Copy the event files into one, and open that."
    ),
    "logdir_home": (
        "{given} names a home folder that is not on this machine. Your own is ~ alone; a "
        "folder that is really called so is './' and its name."
    ),
    "logdir_variable": (
        "{given} begins with a variable of the shell, which is not filled in here. Write ~ "
        "for your home, or the whole path."
    ),
    "logdir_long": (
        "What was given as a folder has {length} characters, and a path has at most {most}. Give "
        "a path such as 'runs'."
    ),
    "logdir_undecodable": (
        "The name of {logdir} is not valid text, so no page can show it. Rename the folder, and "
        "open it again."
    ),
    "logdir_missing": (
        "There is no folder {logdir}. Check the path, or make it by training with logdir=."
    ),
    "logdir_file": "{logdir} is a file. TensorBoard takes the folder that it lies in.",
    "logdir_unreadable": (
        "The folder {logdir} may not be read by the account that this Jupyter server runs under."
    ),
    "logdir_broken": (
        "The folder {logdir} cannot be read ({detail}). Check the disk that it lies on."
    ),
    "disk_slow": (
        "The disk did not answer within {seconds} seconds. Check whether a network drive is lost, "
        "and try again."
    ),
    "logdir_outside": (
        "{logdir} lies outside of {roots}, where TensorBoard may look on this server. Choose a "
        "folder inside, or have TensorBoards.allowed_roots name this one."
    ),
    "too_many": (
        "{most} TensorBoards run already, which is the most here: stop one in the Running panel "
        "first."
    ),
    "not_installed": (
        "TensorBoard cannot be imported where this Jupyter server runs. Install it there: pip "
        "install tensorboard."
    ),
    "not_started": "TensorBoard did not start. Its last words are below.",
    "slow": (
        "TensorBoard did not answer within {seconds} seconds and was stopped. Try again when the "
        "machine is less busy."
    ),
    "no_room": (
        "TensorBoard needs a private folder among the temporary files, and it could not be "
        "written ({detail}). Make room there, or make the folder for temporary files again; or "
        "set TMPDIR to another one before Jupyter starts. Then try again."
    ),
    "no_process": (
        "The Jupyter server has run out of processes, threads, memory or file handles ({detail}). "
        "Stop something that runs here, such as kernels and terminals, and try again."
    ),
    "cut_off": (
        "TensorBoard's private folder was removed, as happens when temporary files are cleaned "
        "up. It could no longer be reached and was ended. Restart it to go on."
    ),
    "not_answering": ("TensorBoard did not answer any more and was ended. Restart it to go on."),
    "broken_off": "TensorBoard broke off its answer. Reload the page to ask it again.",
    "died": "TensorBoard ended by itself, or something ended it. Restart it to go on.",
    "not_running": "This TensorBoard does not run any more. Open the folder again.",
    "foreign_origin": "This request came from another site and was refused.",
    "not_json": (
        "This request is not JSON. Send an object whose logdir is the path of a folder, as text."
    ),
    "not_text": "The address of this request holds something that is not text in UTF-8.",
    "token_in_form": (
        "A token has no place in what is sent to TensorBoard. Send it in the header Authorization."
    ),
    "no_sockets": (
        "The temporary folder {folder} is too long a path for a socket. Set TMPDIR to a shorter "
        "one before Jupyter starts."
    ),
}
_STATUS = {
    "logdir_invalid": 400,
    "logdir_address": 400,
    "logdir_home": 400,
    "logdir_variable": 400,
    "logdir_long": 400,
    "logdir_undecodable": 400,
    "logdir_missing": 404,
    "logdir_file": 400,
    "logdir_unreadable": 403,
    "logdir_broken": 503,
    "disk_slow": 503,
    "logdir_outside": 403,
    "too_many": 429,
    "no_room": 503,
    "no_process": 503,
    "cut_off": 503,
    "not_answering": 503,
    "broken_off": 502,
    "not_running": 404,
    "foreign_origin": 403,
    "not_json": 400,
    "not_text": 400,
    "token_in_form": 400,
}
# Of a value; TensorBoard's last words are bounded where they are kept.
_LONGEST = 300


class Problem(Exception):  # noqa: N818  # as much a state to show as an error
    """A refusal or a failure that a person is told in a sentence.

    Parameters
    ----------
    key
        One of `SENTENCES`.
    **params
        What its sentence is filled with, and what belongs to it.

    Attributes
    ----------
    status
        Of the HTTP response that says so.
    """

    def __init__(self, key: str, **params: object) -> None:
        self.key = key
        self.status = _STATUS.get(key, 500)
        self.params = {
            name: _as_text(value) if name == "output" else _shortened(_as_text(value))
            for name, value in params.items()
        }
        super().__init__(SENTENCES[key].format(**self.params))

    def as_json(self) -> dict[str, Any]:
        """Return what a page is told."""
        return {"key": self.key, "params": self.params, "message": str(self)}


def _as_text(value: object) -> str:
    """Return what can be sent and logged: of a file's name, bytes may be no text."""
    return str(value).encode(errors="backslashreplace").decode()


def _shortened(text: str) -> str:
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"
