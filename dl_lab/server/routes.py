"""The routes under ``/dl-lab/``, each for authenticated users only."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from jupyter_server.utils import url_path_join
from jupyter_server_proxy.handlers import AddSlashHandler
from tornado.web import authenticated

from dl_lab import paths
from dl_lab.server.guarded import Guarded, GuardedApi
from dl_lab.server.open_page import OpenPageHandler
from dl_lab.server.problems import Problem
from dl_lab.server.proxy import TensorBoardProxy
from dl_lab.server.tensorboard import TensorBoards
from dl_lab.server.tensorboard_process import TensorBoardProcess
from dl_lab.version import __version__

# A path of the greatest length, each character as an escape of JSON.
_LONGEST_BODY = 12 * paths.LONGEST

Route = tuple[str, type, dict[str, Any]] | tuple[str, type]


class VersionHandler(GuardedApi):
    """Which dl-lab this server runs."""

    @authenticated
    def get(self) -> None:
        """Answer with the name and the version."""
        self.finish({"name": "dl-lab", "version": __version__})


class _TensorBoardsHandler(GuardedApi):
    def initialize(self, tensorboards: TensorBoards) -> None:
        self._tensorboards = tensorboards

    def _told(self, process: TensorBoardProcess) -> dict[str, Any]:
        problem = process.problem
        return {
            "id": process.id,
            "logdir": str(process.logdir),
            "name": self._tensorboards.name(process),
            "state": process.state,
            "problem": None if problem is None else problem.as_json(),
            "url": url_path_join(self.base_url, "dl-lab/tensorboard", process.id) + "/",
        }

    def _refuse(self, problem: Problem) -> None:
        self.set_status(problem.status)
        self.finish(problem.as_json())


class TensorBoardsHandler(_TensorBoardsHandler):
    """All TensorBoards of this server."""

    @authenticated
    async def get(self) -> None:
        """List them."""
        await self._tensorboards.look()
        told = [self._told(process) for process in self._tensorboards.processes]
        self.finish({"tensorboards": told})

    @authenticated
    async def post(self) -> None:
        """Start the one of a folder, unless it runs."""
        try:
            process, new = await self._tensorboards.start(self._given())
        except Problem as problem:
            self._refuse(problem)
            return
        self.set_status(201 if new else 200)
        self.finish(self._told(process))

    def _given(self) -> object:
        """Return the folder that the request names; Jupyter would log a traceback."""
        sent = self.request.body
        if len(sent) > _LONGEST_BODY:
            raise Problem("logdir_long", length=len(sent), most=paths.LONGEST)
        try:
            body = json.loads(sent) if sent.strip() else None
        except (ValueError, RecursionError) as error:
            raise Problem("not_json") from error
        return body.get("logdir") if isinstance(body, dict) else body


class TensorBoardHandler(_TensorBoardsHandler):
    """One TensorBoard."""

    @authenticated
    async def get(self, identifier: str) -> None:
        """Tell of it."""
        await self._tensorboards.look()
        try:
            self.finish(self._told(self._tensorboards.find(identifier)))
        except Problem as problem:
            self._refuse(problem)

    @authenticated
    async def delete(self, identifier: str) -> None:
        """Stop it."""
        await self._tensorboards.stop(identifier)
        self.set_status(204)
        self.finish()


class SlashHandler(Guarded, AddSlashHandler):  # type: ignore[misc]  # no types there
    """Leads on to a TensorBoard from its address without the slash at the end."""


class LogdirsHandler(_TensorBoardsHandler):
    """The folders that have something to show."""

    @authenticated
    async def get(self) -> None:
        """List them, the newest first."""
        try:
            found, complete = await self._tensorboards.logdirs()
        except Problem as problem:
            self._refuse(problem)
            return
        self.finish({"logdirs": [asdict(one) for one in found], "complete": complete})


def routes(tensorboards: TensorBoards) -> list[Route]:
    """Return all routes; the server puts its base URL before each."""
    shared = {"tensorboards": tensorboards}
    return [
        (r"/dl-lab/api/version", VersionHandler),
        (r"/dl-lab/api/tensorboards", TensorBoardsHandler, shared),
        (r"/dl-lab/api/tensorboards/([^/]+)", TensorBoardHandler, shared),
        (r"/dl-lab/api/logdirs", LogdirsHandler, shared),
        (r"/dl-lab/tensorboard", OpenPageHandler),
        (r"/dl-lab/tensorboard/[^/]+", SlashHandler),
        (r"/dl-lab/tensorboard/([^/]+)/(.*)", TensorBoardProxy, shared),
    ]
