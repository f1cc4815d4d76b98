"""Files that come with the package, used only as they were made."""

from __future__ import annotations

import hashlib
from pathlib import Path


def read(path: Path, sha256: str) -> bytes:
    """Return what is in a shipped file.

    Raises
    ------
    OSError
        If the file is missing, or is not the one with this checksum.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise OSError(f"{path} is missing. Install dl-lab again.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OSError(f"{path} is damaged. Install dl-lab again.")
    return content
