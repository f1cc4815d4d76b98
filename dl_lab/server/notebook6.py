"""What dl-lab does on a server of the classic Notebook 6, which knows no extension apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_lab.server import generic_proxy

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def load_jupyter_server_extension(server: ServerApp) -> None:
    """Shut the generic routes of jupyter-server-proxy there, too."""
    generic_proxy.shut(server, server.config.DeepLearningApp.get("generic_proxy"))
