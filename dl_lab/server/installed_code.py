"""Which answers of TensorBoard's are code that was installed, and not what a run's data contain.

Only a file of an installed package, byte for byte, may come to a page as something that runs there.
TensorBoard's own pages and scripts are such files, those of its further plugins too; an SVG or a
page of HTML in a run's event files is not, whatever TensorBoard says of its type.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

MARK = "X-Dl-Lab-Installed"
"""The header that tells `dl_lab.server.proxy` so."""

HARMLESS = frozenset(
    {
        *("application/json", "application/octet-stream", "text/plain"),
        *("image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp"),
        *("audio/wav", "audio/x-wav", "audio/mpeg", "audio/ogg", "audio/flac"),
    }
)
"""Types that run nothing, so that nobody asks where their content is from."""

# Made anew for each request, from the package and the names of plugins alone.
_PAGES = {"/", "/index.html", "/data/plugin_entry.html"}

_Application = Callable[[Any, Any], Any]


def marked(app: _Application) -> _Application:
    """Put `MARK` on the answers of a TensorBoard that are installed code, and on no other."""
    from werkzeug.wrappers import Request, Response

    def marking(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:  # noqa: ANN401
        response = Response.from_app(app, Request(environ).environ)
        response.headers.pop(MARK, None)
        if response.status_code == 200 and response.mimetype not in HARMLESS:  # noqa: PLR2004
            path = environ["PATH_INFO"]
            if path in _PAGES or _is_installed(path, _content(response)):
                response.headers[MARK] = "1"
        return response(environ, start_response)

    return marking


def _content(response: Any) -> bytes:  # noqa: ANN401  # werkzeug is imported late
    data: bytes = response.get_data()
    return gzip.decompress(data) if response.headers.get("Content-Encoding") == "gzip" else data


def _is_installed(path: str, content: bytes) -> bool:
    if path.startswith("/data/"):
        files = _files().get(path.rpartition("/")[2], ())
        return any(file.read_bytes() == content for file in files)
    return _core_file(path.removeprefix("/")) == content


def _core_file(name: str) -> bytes | None:
    """Return a file of which TensorBoard's own page is made; None if it has none of this name."""
    import tensorboard

    with ZipFile(Path(tensorboard.__file__).parent / "webfiles.zip") as files:
        return files.read(name) if name in files.namelist() else None


@cache
def _files() -> dict[str, list[Path]]:
    """Return the files of TensorBoard and of the packages of its plugins, by name."""
    packages = {one.module.partition(".")[0] for one in entry_points(group="tensorboard_plugins")}
    found: dict[str, list[Path]] = {}
    for package in {"tensorboard", *packages}:
        spec = find_spec(package)
        for place in (spec and spec.submodule_search_locations) or ():
            for folder, _, names in os.walk(place):
                for name in names:
                    found.setdefault(name, []).append(Path(folder, name))
    return found
