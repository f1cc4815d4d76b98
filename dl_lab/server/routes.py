"""The routes under ``/dl-lab/``, each for authenticated users only."""

from __future__ import annotations

from jupyter_server.base.handlers import APIHandler
from tornado.web import authenticated

from dl_lab import __version__


class VersionHandler(APIHandler):
    """Which dl-lab this server runs."""

    @authenticated
    def get(self) -> None:
        """Answer with the name and the version."""
        self.finish({"name": "dl-lab", "version": __version__})


ROUTES = [(r"/dl-lab/api/version", VersionHandler)]
