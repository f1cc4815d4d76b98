"""The server extension as Jupyter loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jupyter_server.extension.application import ExtensionApp

from dl_lab.server.routes import routes
from dl_lab.server.tensorboard import TensorBoards

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class DeepLearningApp(ExtensionApp):
    """What dl-lab adds to a Jupyter server: the routes under ``/dl-lab/``."""

    name = "dl_lab"
    extension_url = "/dl-lab/"
    classes = [TensorBoards]  # noqa: RUF012  # traitlets' own way

    def initialize_handlers(self) -> None:
        """Register every route; the server puts its own base URL before each."""
        root = cast("ServerApp", self.serverapp).root_dir
        self._tensorboards = TensorBoards(parent=self, root=root)
        self.handlers.extend(routes(self._tensorboards))

    async def stop_extension(self) -> None:
        """End what was started."""
        await self._tensorboards.stop_all()
