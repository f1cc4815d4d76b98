"""What the server refuses or could not do, each as a sentence with a key for its translation."""

from __future__ import annotations

from typing import Any

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
    "logdir_missing": (
        "There is no folder {logdir}. Check the path, or make it by training with logdir=."
    ),
    "logdir_file": "{logdir} is a file. TensorBoard takes the folder that it lies in.",
    "logdir_unreadable": (
        "The folder {logdir} may not be read by the account that this Jupyter server runs under."
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
    "died": "TensorBoard ended by itself, or something ended it. Restart it to go on.",
    "not_running": "This TensorBoard does not run any more. Open the folder again.",
    "foreign_origin": "This request came from another site and was refused.",
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
    "logdir_missing": 404,
    "logdir_file": 400,
    "logdir_unreadable": 403,
    "logdir_outside": 403,
    "too_many": 429,
    "not_running": 404,
    "foreign_origin": 403,
}


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
        self.params = {name: str(value) for name, value in params.items()}
        super().__init__(SENTENCES[key].format(**self.params))

    def as_json(self) -> dict[str, Any]:
        """Return what a page is told."""
        return {"key": self.key, "params": self.params, "message": str(self)}
