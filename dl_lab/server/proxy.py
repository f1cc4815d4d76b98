"""The way from a page to a TensorBoard: authenticated, and with nothing of Jupyter's passed on.

What comes back is shown below Jupyter's own origin, where a script may do all that the person may.
So only installed code comes back as such; what a run's data contain is no more than data.
"""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.netutil import Resolver
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.web import HTTPError, authenticated

from dl_lab.server.installed_code import HARMLESS, MARK
from dl_lab.server.problems import Problem
from dl_lab.server.tensorboard import TensorBoards
from dl_lab.server.tensorboard_host import SECRET_HEADER
from dl_lab.server.tensorboard_process import TensorBoardProcess

# Of a request TensorBoard needs no more; cookies and tokens above all stay here.
_PASSED_ON = ("Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "User-Agent")
# And a page no more of an answer: no cookies, no redirects, no word on service workers.
_PASSED_BACK = ("Cache-Control", "Content-Encoding", "Expires")
_READING = {"GET", "HEAD"}
_FRAMED = "frame-ancestors 'self'"
_INERT = f"sandbox;default-src 'none';{_FRAMED}"
_SECONDS = 300


class SameOrigin:
    """Refuses pages of other sites, with a token too, unless `allow_origin` names them."""

    def skip_check_origin(self) -> bool:
        """Jupyter skips the check for requests with a token; here it never is."""
        return False


class TensorBoardProxy(SameOrigin, JupyterHandler):
    """What lies below ``/dl-lab/tensorboard/ID/``, answered by the TensorBoard with that id."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST")

    def initialize(self, tensorboards: TensorBoards) -> None:
        """Take what each request looks in."""
        self._tensorboards = tensorboards

    def check_xsrf_cookie(self) -> None:
        """Leave it to `prepare`: TensorBoard's page knows nothing of Jupyter's tokens."""

    async def prepare(self, **options: Any) -> None:  # noqa: ANN401  # jupyter_server's own
        """Let in who asks from a page of this site."""
        await super().prepare(**options)
        # What is more than reading must say where it comes from.
        says = (
            self.request.method in _READING
            or self.token_authenticated
            or "Origin" in self.request.headers
            or self.check_referer()
        )
        if not (says and self.check_origin()):
            raise HTTPError(403, str(Problem("foreign_origin")))
        if self.request.headers.get("Upgrade", "").lower() == "websocket":
            raise HTTPError(400, "TensorBoard has no WebSockets.")

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

    async def _forward(self, identifier: str, path: str) -> None:
        try:
            process = self._tensorboards.find(identifier)
            if process.state != "ready":
                raise process.problem or Problem("not_running")
        except Problem as problem:
            raise HTTPError(problem.status, str(problem)) from problem
        self._tensorboards.use(process)
        client = _client(process)
        try:
            answer = await client.fetch(self._request(process, path), raise_error=False)
        finally:
            client.close()
        if answer.code == 599:  # noqa: PLR2004  # tornado's word for no answer at all
            raise HTTPError(502, str(Problem("not_running"))) from answer.error
        self.set_status(answer.code)
        for name in _PASSED_BACK:
            if name in answer.headers:
                self.set_header(name, answer.headers[name])
        for name, value in _policy(answer.headers).items():
            self.set_header(name, value)
        await self.finish(answer.body)

    def _request(self, process: TensorBoardProcess, path: str) -> HTTPRequest:
        asked = self.request
        headers = {name: asked.headers[name] for name in _PASSED_ON if name in asked.headers}
        if process.secret is not None:
            headers[SECRET_HEADER] = process.secret
        return HTTPRequest(
            f"http://localhost:{process.port}/{quote(path)}?{asked.query}",
            method=asked.method or "GET",
            headers=HTTPHeaders(headers),
            body=asked.body if asked.method == "POST" else None,
            follow_redirects=False,
            decompress_response=False,
            request_timeout=_SECONDS,
        )


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


def _client(process: TensorBoardProcess) -> SimpleAsyncHTTPClient:
    if process.socket is None:
        return SimpleAsyncHTTPClient(force_instance=True)
    return SimpleAsyncHTTPClient(force_instance=True, resolver=_AtSocket(path=process.socket))


class _AtSocket(Resolver):
    """Finds every host at one UNIX socket."""

    def initialize(self, path: str) -> None:
        self._path = path

    async def resolve(self, *_: Any, **__: Any) -> list[tuple[int, Any]]:  # noqa: ANN401
        return [(socket.AF_UNIX, self._path)]
