"""The generic routes of jupyter-server-proxy, such as ``/proxy/8000/``: shut unless in use.

They show whatever listens on a port of the machine as a page of this server's own, and on a machine
of several people anybody may listen there. dl-lab needs none of them.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join
from jupyter_server_proxy.config import ServerProxy
from tornado.routing import PathMatches, Rule
from tornado.web import RequestHandler

from dl_lab.server.guarded import drop_what_is_no_address

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from tornado.httputil import HTTPServerRequest

SHUT = (
    "The generic routes of jupyter-server-proxy are shut on this server, because on a shared "
    "machine they can run other people's pages with your rights. Whoever needs them sets "
    "c.DeepLearningApp.generic_proxy = True in jupyter_server_config.py."
)
IN_USE = (
    "jupyter-server-proxy is used here by %s, so its generic routes such as /proxy/8000/ stay "
    "open: on a machine of several people, pages that others serve there can run with your "
    "rights. c.DeepLearningApp.generic_proxy = False shuts them and leaves the named ones."
)


def users(server: ServerApp) -> list[str]:
    """Return the names of what else is registered with jupyter-server-proxy on this server."""
    registered = {one.name for one in entry_points(group="jupyter_serverproxy_servers")}
    return sorted({*registered, *ServerProxy(parent=server).servers})


class ShutHandler(RequestHandler):
    """Says why nothing is to be had here, to friends and strangers alike."""

    def initialize(self) -> None:
        """Have no request fail at what it says of itself."""
        drop_what_is_no_address(self.request)

    def prepare(self) -> None:
        """Refuse, whatever is asked for and however."""
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(SHUT)


class _ShutRoutes(PathMatches):
    """Matches the generic routes for as long as they are to be shut.

    That is asked again for each request, since what is registered later counts, too.
    """

    def __init__(self, server: ServerApp, wanted: bool | None) -> None:
        # As jupyter-server-proxy joins them, so that no path fits its patterns and not this one.
        super().__init__(url_path_join(server.base_url, r"/proxy(/.*|)"))
        self._server = server
        self._wanted = wanted
        self._in_use = False

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        found = super().match(request)
        if found is not None and self._wanted is None and not self._in_use:
            self._in_use = bool(users(self._server))
        return None if found is None or self._in_use else {}


def shut(server: ServerApp, wanted: bool | None) -> None:
    """Shut the generic routes of a server, whenever jupyter-server-proxy adds them to it.

    Parameters
    ----------
    server
        Its `web_app` has been made.
    wanted
        Whether they are to be open; None for where something else is registered with
        jupyter-server-proxy.
    """
    if wanted:
        return
    # Before all other rules: what an extension adds comes after these, whenever it does so.
    rule = Rule(_ShutRoutes(server, wanted), ShutHandler)
    server.web_app.default_router.rules.insert(0, rule)
    if wanted is None and (names := users(server)):
        server.log.warning(IN_USE, ", ".join(names))
