"""What every handler of dl-lab's refuses: pages of other sites, and requests that are malformed.

Jupyter's own handlers answer some of the latter with a traceback in the log, or with nothing.
"""

from __future__ import annotations

import contextlib
from http.client import responses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.web import HTTPError

from dl_lab.server.problems import Problem

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest
    from tornado.web import Application

_ADDRESSES = ("Origin", "Sec-Websocket-Origin", "Referer")


class Guarded(JupyterHandler):
    """Refuses pages of other sites, with a token too, unless `allow_origin` names them."""

    def __init__(
        self,
        application: Application,
        request: HTTPServerRequest,
        **kwargs: Any,  # noqa: ANN401  # a route's own
    ) -> None:
        drop_what_is_no_address(request)
        super().__init__(application, request, **kwargs)

    def skip_check_origin(self) -> bool:
        """Jupyter skips the check for requests with a token; here it never is."""
        return False

    def decode_argument(self, value: bytes, name: str | None = None) -> str:  # noqa: ARG002
        """Refuse what is not text, without an echo."""
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise HTTPError(400, str(Problem("not_text"))) from error

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401
        """Say what is wrong as text: Jupyter's page needs a user, who may not be known yet."""
        error = kwargs.get("exc_info", (None, None))[1]
        said = responses.get(status_code, "")
        if isinstance(error, HTTPError) and error.log_message:
            said = error.log_message % error.args
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(said)


class GuardedApi(Guarded, APIHandler):
    """The same for what is read by programs."""

    write_error = APIHandler.write_error  # JSON

    def update_api_activity(self) -> None:
        """Pass over an argument that is not text, at which Jupyter would not answer at all."""
        with contextlib.suppress(HTTPError):
            super().update_api_activity()


def drop_what_is_no_address(request: HTTPServerRequest) -> None:
    """Put "null" where a request says nonsense on where it is from: Jupyter's log fails at it."""
    for name in _ADDRESSES:
        if not _is_address(request.headers.get(name, "")):
            request.headers[name] = "null"


def _is_address(text: str) -> bool:
    try:
        urlsplit(text)
    except ValueError:
        return False
    return True
