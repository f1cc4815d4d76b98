"""The server extension as Jupyter loads it."""

from __future__ import annotations

from jupyter_server.extension.application import ExtensionApp

from dl_lab.server.routes import ROUTES


class DeepLearningApp(ExtensionApp):
    """What dl-lab adds to a Jupyter server: the routes under ``/dl-lab/``."""

    name = "dl_lab"
    extension_url = "/dl-lab/"

    def initialize_handlers(self) -> None:
        """Register every route; the server puts its own base URL before each."""
        self.handlers.extend(ROUTES)
