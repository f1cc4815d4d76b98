"""The way from a page to a TensorBoard: authenticated, and with nothing of Jupyter's passed on.

What comes back is shown below Jupyter's own origin, where a script may do all that the person may.
So only installed code comes back as such; what a run's data contain is no more than data.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote_plus

from jupyter_server_proxy.handlers import ProxyHandler, RewritableResponse
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError, authenticated

from dl_lab.server.guarded import Guarded
from dl_lab.server.installed_code import HARMLESS, MARK
from dl_lab.server.problems import EXHAUSTED, Problem
from dl_lab.server.tensorboard import TensorBoards
from dl_lab.server.tensorboard_host import SECRET_HEADER
from dl_lab.server.tensorboard_process import TensorBoardProcess

# Of a request TensorBoard needs no more; cookies and tokens above all stay here.
_PASSED_ON = ("Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "User-Agent")
# And a page no more of an answer: no cookies, no redirects, no word on service workers.
_PASSED_BACK = ("Cache-Control", "Content-Encoding", "Expires")
# Seconds until one who has not answered is asked whether it still does.
_PATIENCE = 2.0
_READING = {"GET", "HEAD"}
_FRAMED = "frame-ancestors 'self'"
_INERT = f"sandbox;default-src 'none';{_FRAMED}"


class TensorBoardProxy(Guarded, ProxyHandler):  # type: ignore[misc]  # no types there
    """What lies below ``/dl-lab/tensorboard/ID/``, answered by the TensorBoard with that id."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST")

    def initialize(self, tensorboards: TensorBoards) -> None:
        """Take what each request looks in."""
        self._tensorboards = tensorboards
        self._passed: dict[str, str] = {}
        self.rewrite_response = _for_a_page

    async def prepare(self, **options: Any) -> None:  # noqa: ANN401  # jupyter_server's own
        """Let in who is authenticated, and asks from a page of this site."""
        await super().prepare(**options)
        # jupyter-server-proxy leaves the check for cross-site requests to what it proxies, and
        # TensorBoard makes none. So one that is more than reading must say where it comes from.
        says = (
            self.request.method in _READING
            or self.token_authenticated
            or "Origin" in self.request.headers
            or self.check_referer()
        )
        if not (says and self.check_origin()):
            raise HTTPError(403, str(Problem("foreign_origin")))
        if "websocket" in self.request.headers.get("Upgrade", "").lower():
            raise HTTPError(400, "TensorBoard has no WebSockets.")
        # Jupyter takes a token from a form, too, and TensorBoard would get the form as it is.
        if "token" in self.request.body_arguments:
            raise HTTPError(400, str(Problem("token_in_form")))

    async def _forward(self, identifier: str, path: str) -> None:
        try:
            process = self._tensorboards.find(identifier)
            if process.state != "ready":
                raise process.problem or Problem("not_running")
            self._tensorboards.use(process)
            await self._ask(process, path)
        except Problem as problem:
            raise HTTPError(problem.status, str(problem)) from problem

    async def _ask(self, process: TensorBoardProcess, path: str) -> None:
        headers = self.request.headers
        # An event stream would be passed back as it is, without `rewrite_response`.
        if "event-stream" in headers.get("Accept", "").lower():
            headers["Accept"] = "*/*"
        self._passed = {name: headers[name] for name in _PASSED_ON if name in headers}
        if process.secret is not None:
            self._passed[SECRET_HEADER] = process.secret
        if self.request.method in _READING:
            self.request.body = b""  # which the client that passes it on would not send
        self.request.query = _without_token(self.request.query)
        self.proxy_base = f"dl-lab/tensorboard/{process.id}"
        self.unix_socket = process.socket
        answer = asyncio.ensure_future(self.proxy("localhost", process.port, path))
        try:
            # What takes long may be much to compute, or a process that will never answer. Where
            # that is ended, so is this: to cancel it at once would be logged with a traceback.
            while not (await asyncio.wait({answer}, timeout=_PATIENCE))[0]:
                if process.state != "ready":
                    answer.cancel()
                await process.ask()
            await answer
        except (OSError, HTTPError, asyncio.CancelledError) as error:
            await process.ask()
            if process.state != "ready":
                raise process.problem or Problem("not_running") from error
            if isinstance(error, asyncio.CancelledError):
                raise
            if isinstance(error, OSError) and error.errno in EXHAUSTED:
                raise Problem("no_process", detail=error.strerror) from error
            raise Problem("broken_off") from error

    @authenticated
    async def get(self, identifier: str, path: str) -> None:
        """Pass a GET on."""
        await self._forward(identifier, path)

    @authenticated
    async def head(self, identifier: str, path: str) -> None:
        """Pass a HEAD on."""
        await self._forward(identifier, path)

    @authenticated
    async def post(self, identifier: str, path: str) -> None:
        """Pass a POST on: some dashboards ask for their data so."""
        await self._forward(identifier, path)

    def proxy_request_headers(self) -> dict[str, str]:
        """Return the headers that TensorBoard gets."""
        return dict(self._passed)

    def _record_activity(self) -> None:
        """Leave it: a page that asks for news by itself is not a sign of a person to a hub."""


def _without_token(query: str) -> str:
    """Return a query without what Jupyter takes for its token, however that is spelt."""
    pairs = query.split("&")
    return "&".join(pair for pair in pairs if unquote_plus(pair.partition("=")[0]) != "token")


def _for_a_page(response: RewritableResponse) -> None:
    told = response.headers
    kept = HTTPHeaders({name: told[name] for name in _PASSED_BACK if name in told})
    kept.update(_policy(told))
    response.headers = kept


def _policy(told: HTTPHeaders) -> dict[str, str]:
    """Return of which type an answer is, and what it may do in a page."""
    kind = told.get("Content-Type", "")
    if MARK in told:
        policies = told.get("Content-Security-Policy", "").split(";")
        kept = [policy for policy in policies if policy and "frame-ancestors" not in policy]
        may = ";".join([*kept, _FRAMED])
    else:
        kind, may = _harmless(kind.partition(";")[0].strip().lower()), _INERT
    return {
        "Content-Type": kind,
        "Content-Security-Policy": may,
        "X-Content-Type-Options": "nosniff",
    }


def _harmless(kind: str) -> str:
    """Return a type as which a browser runs nothing."""
    if kind.startswith("text/"):
        return "text/plain; charset=utf-8"
    return kind if kind in HARMLESS else "application/octet-stream"
