"""The server extension as Jupyter loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jupyter_server.extension.application import ExtensionApp
from traitlets import Bool

from dl_lab.server import generic_proxy
from dl_lab.server.routes import routes
from dl_lab.server.tensorboard import TensorBoards

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class DeepLearningApp(ExtensionApp):
    """What dl-lab adds to a Jupyter server: the routes under ``/dl-lab/``."""

    name = "dl_lab"
    extension_url = "/dl-lab/"
    classes = [TensorBoards]  # noqa: RUF012  # traitlets' own way

    generic_proxy = Bool(
        None,
        allow_none=True,
        help="""Whether jupyter-server-proxy's generic routes, such as /proxy/8000/, are open.

        They show what listens on a port of the machine as a page of this server, with the rights
        of who opens it: on a machine of several people, others' pages, too. By default they are
        open only where something else is registered with jupyter-server-proxy (named servers,
        as RStudio's), which the log then says. False shuts them in any case, and leaves the named
        ones. dl-lab needs none of them.""",
    ).tag(config=True)

    def initialize_handlers(self) -> None:
        """Register every route; the server puts its own base URL before each."""
        server = cast("ServerApp", self.serverapp)
        self._tensorboards = TensorBoards(parent=self, root=server.root_dir)
        self.handlers.extend(routes(self._tensorboards))
        generic_proxy.shut(server, self.generic_proxy)

    async def stop_extension(self) -> None:
        """End what was started."""
        await self._tensorboards.stop_all()
