"""Files that hold a state of training: written whole or not at all, read without running code."""

from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import torch
from torch import Tensor

from dl_lab import paths
from dl_lab.errors import InputError
from dl_lab.train.checkpoint.atomic_write import write_atomically
from dl_lab.train.checkpoint.plain_state import alone, from_plain, to_plain

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
"""Of the files that `save_state` writes; a newer one is refused."""

_OURS = "dl_lab_format"


def save_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write `state` to a file, atomically: after a crash there is the old file or the new one.

    Parameters
    ----------
    path
        Its folder is made where it is missing.
    state
        Dictionaries, lists and tuples, nested as you like, of tensors, numpy arrays and plain
        values.

    Raises
    ------
    InputError
        Something in `state` that such a file cannot hold, or a disk that takes it not; a file
        that stood there before is then untouched.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "state.pt"
    >>> save_state(path, {"weights": torch.ones(2), "rows": np.arange(3), "epoch": 7})
    >>> load_state(path)
    {'weights': tensor([1., 1.]), 'rows': array([0, 1, 2]), 'epoch': 7}
    """
    place = paths.file("path", path)
    content = {_OURS: FORMAT, "state": to_plain(state)}
    write_atomically(place, lambda file: _dump(content, file))


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save_state` wrote; tensors come to the CPU. No code in the file is run.

    Raises
    ------
    InputError
        No such file, a damaged one, or one that something else wrote.
    """
    place = paths.file("path", path)
    name = str(place)
    try:
        with place.open("rb") as file:
            _check_whole(file, name)
            content = torch.load(file, map_location="cpu", weights_only=True)
        ours = isinstance(content, dict) and type(content.get(_OURS)) is int
        known = ours and content[_OURS] <= FORMAT
        state = from_plain(content["state"]) if known else {}
    except OSError as error:
        raise InputError("not_read", path=name, detail=error.strerror or error) from error
    except _FOREIGN as error:
        if isinstance(error, InputError):
            raise
        raise InputError("foreign_file", path=name) from error
    if not ours or not isinstance(state, dict):
        raise InputError("foreign_file", path=name)
    if not known:
        raise InputError("newer_file", path=name, given=content[_OURS], known=FORMAT)
    return state


# What torch raises at a whole file that is none of its own, or that holds more than plain data.
_FOREIGN = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)


def _check_whole(file: IO[bytes], name: str) -> None:
    """Compare the file with its own checksums, which torch does not."""
    begin = file.read(4)
    file.seek(0)
    try:
        broken = zipfile.ZipFile(file).testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        if begin and not begin.startswith(b"PK"):
            raise InputError("foreign_file", path=name) from error
        raise InputError("damaged_file", path=name, detail=error) from error
    if broken is not None:
        raise InputError("damaged_file", path=name, detail=broken)
    file.seek(0)


def save_weights(path: str | os.PathLike[str], model: nn.Module, **notes: object) -> None:
    """Write the parameters and buffers of `model` as a safetensors file, atomically.

    ``safetensors.torch.load_model(model, path)`` reads it. Of weights that are tied it holds one.

    Parameters
    ----------
    path
        Its folder is made where it is missing.
    model
        Read as it is now.
    **notes
        Stored as text in the file's metadata.

    Raises
    ------
    InputError
        The file cannot be written; one that stood there before is untouched.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from safetensors.torch import load_file
    >>> path = Path(tempfile.mkdtemp()) / "weights.safetensors"
    >>> save_weights(path, torch.nn.Linear(3, 2), epoch=4)
    >>> sorted(load_file(path))
    ['bias', 'weight']
    """
    from safetensors.torch import save

    place = paths.file("path", path)
    tensors: dict[str, Tensor] = {}
    metadata = {name: str(note) for name, note in notes.items()}
    names: dict[tuple[object, ...], str] = {}
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor):
            continue
        where = (value.device, value.data_ptr(), value.dtype, value.shape, value.stride())
        if value.numel() and where in names:
            # As safetensors.torch.save_model notes it, so that its load_model finds it.
            metadata[name] = names[where]
        else:
            names[where] = name
            tensors[name] = alone(value).contiguous()
    content = save(tensors, metadata)
    write_atomically(place, lambda file: file.write(content))


class _Sink:
    """Keeps the error of a full disk from torch, which would tell of a wrong position instead."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:  # noqa: ANN401  # any buffer
        if self.error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Do nothing: the file is flushed at its end."""


def _dump(content: object, file: IO[bytes]) -> None:
    sink = _Sink(file)
    torch.save(content, sink)  # type: ignore[arg-type]  # all that it calls is there
    if sink.error is not None:
        raise sink.error
