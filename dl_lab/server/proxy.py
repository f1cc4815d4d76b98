"""The way from a page to a TensorBoard: authenticated, and with nothing of Jupyter's passed on."""

from __future__ import annotations

from jupyter_server_proxy.handlers import ProxyHandler, RewritableResponse
from tornado.web import HTTPError, authenticated

from dl_lab.server.problems import Problem
from dl_lab.server.tensorboard import TensorBoards
from dl_lab.server.tensorboard_host import SECRET_HEADER

# Of a request TensorBoard needs no more; cookies and tokens above all stay here.
_PASSED_ON = ("Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "User-Agent")
_READING = {"GET", "HEAD"}


class SameOrigin:
    """Refuses pages of other sites, with a token too, unless `allow_origin` names them."""

    def skip_check_origin(self) -> bool:
        """Jupyter skips the check for requests with a token; here it never is."""
        return False


class TensorBoardProxy(SameOrigin, ProxyHandler):  # type: ignore[misc]  # no types there
    """What lies below ``/dl-lab/tensorboard/ID/``, answered by the TensorBoard with that id."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST")

    def initialize(self, tensorboards: TensorBoards) -> None:
        """Take what each request looks in."""
        self._tensorboards = tensorboards
        self._secret: str | None = None
        self.rewrite_response = _for_our_page

    async def prepare(self) -> None:
        """Let in who is authenticated, and asks from a page of this site."""
        await super().prepare()
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

    async def _forward(self, identifier: str, path: str) -> None:
        try:
            process = self._tensorboards.find(identifier)
            if process.state != "ready":
                raise process.problem or Problem("not_running")
        except Problem as problem:
            raise HTTPError(problem.status, str(problem)) from problem
        self._tensorboards.use(process)
        self.proxy_base = f"dl-lab/tensorboard/{identifier}"
        self.unix_socket, self._secret = process.socket, process.secret
        await self.proxy("localhost", process.port, path)

    @authenticated
    async def http_get(self, identifier: str, path: str) -> None:
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

    @authenticated
    async def open(self, identifier: str, path: str) -> None:  # noqa: ARG002
        """Refuse WebSockets: TensorBoard has none."""
        self.close()

    def proxy_request_headers(self) -> dict[str, str]:
        """Return the headers that TensorBoard gets."""
        headers = self.request.headers
        passed = {name: headers[name] for name in _PASSED_ON if name in headers}
        return passed if self._secret is None else passed | {SECRET_HEADER: self._secret}

    def _record_activity(self) -> None:
        """Leave it: a page that asks for news by itself is no sign of a person to a hub."""


def _for_our_page(response: RewritableResponse) -> None:
    headers = response.headers
    for name in ("Server", "Set-Cookie"):
        headers.pop(name, None)
    policies = headers.pop("Content-Security-Policy", "").split(";")
    kept = [policy for policy in policies if policy and "frame-ancestors" not in policy]
    headers["Content-Security-Policy"] = ";".join([*kept, "frame-ancestors 'self'"])
