"""The TensorBoards of a Jupyter server: one process for each folder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from traitlets import Dict, Enum, Integer, List, Unicode, default
from traitlets.config import LoggingConfigurable

from dl_lab.server import logdirs, rendezvous
from dl_lab.server.problems import Problem
from dl_lab.server.tensorboard_process import TensorBoardProcess

_T = TypeVar("_T")

_SECONDS_FOR_A_DISK = 20.0
_SECONDS_TO_LOOK = 1.0


class TensorBoards(LoggingConfigurable):
    """Starts, lists and stops TensorBoards; its options stand in Jupyter's configuration.

    Examples
    --------
    In ``jupyter_server_config.py``::

        c.TensorBoards.max_instances = 8
        c.TensorBoards.allowed_roots = ["/home/ana", "/data/runs"]
    """

    max_instances = Integer(
        4,
        min=1,
        help="The most TensorBoards that run at the same time: each takes about 75 MB of memory.",
    ).tag(config=True)

    idle_timeout = Integer(
        3600,
        min=0,
        help="""Seconds after the last request after which a TensorBoard is stopped; 0 for never.

        One that is open in a browser asks for news every 30 seconds, even in the background.""",
    ).tag(config=True)

    loader = Enum(
        ["safe", "fast"],
        "safe",
        help="""What reads the event files.

        "safe" is TensorBoard's loader in Python, about 20,000 points a second. "fast" is its data
        server, some 25 times as fast; but that one listens on a port of the machine without asking
        who calls, so any account of the machine can read the runs: only for a machine or a
        container that one person has alone.""",
    ).tag(config=True)

    samples_per_plugin = Dict(
        value_trait=Integer(min=0),
        key_trait=Unicode(),
        default_value={"scalars": 10_000},
        help="""Points kept of each series by kind, as TensorBoard's flag of that name; 0 for all.

        More than TensorBoard's own 1000 scalars, so that a spike in a short run is not dropped;
        not all, since each takes some 100 bytes of memory.""",
    ).tag(config=True)

    reload_interval = Integer(
        5,
        min=1,
        help="Seconds from one look into the event files to the next, as TensorBoard's own.",
    ).tag(config=True)

    allowed_roots = List(
        Unicode(),
        help="""Folders that may be opened, with all below them; by default the server's root.

        Symbolic links are followed before that is decided. It is a signpost and no wall: links
        that lie inside a folder, or are put in its place later, TensorBoard follows to all that
        the server's account may read.""",
    ).tag(config=True)

    root = Unicode(help="Where relative paths begin: the server's root directory.")

    @default("allowed_roots")
    def _default_roots(self) -> list[str]:
        return [self.root]

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # traitlets' signature
        super().__init__(**kwargs)
        self._processes: dict[str, TensorBoardProcess] = {}
        self._used: dict[str, float] = {}
        self._swept = False

    @property
    def processes(self) -> list[TensorBoardProcess]:
        """Those that run, start or have failed, in the order in which they were started."""
        return list(self._processes.values())

    def find(self, identifier: str) -> TensorBoardProcess:
        """Return one that is listed.

        Raises
        ------
        Problem
            None has this id.
        """
        if identifier not in self._processes:
            raise Problem("not_running")
        return self._processes[identifier]

    async def start(self, logdir: object) -> tuple[TensorBoardProcess, bool]:
        """Return the one of a folder, started if none runs, and whether it was started.

        Raises
        ------
        Problem
            The folder may not be opened, too many run, or the machine has no room for one more.
        """
        root, allowed = Path(self.root), [Path(one) for one in self.allowed_roots]
        real = await self._beside(logdirs.resolve, logdir, root, allowed)
        for process in self.processes:
            if process.logdir == real:
                await process.ask()
        # From here on nothing waits, so that of many who ask at once one starts it.
        for process in self._processes.values():
            if process.logdir == real and process.alive:
                return process, False
        if sum(process.alive for process in self._processes.values()) >= self.max_instances:
            raise Problem("too_many", most=self.max_instances)
        if not self._swept:
            self._swept = True
            with contextlib.suppress(RuntimeError):  # no thread is left for it
                asyncio.get_running_loop().run_in_executor(None, rendezvous.sweep)
        unix = rendezvous.HAS_UNIX_SOCKETS
        process = TensorBoardProcess(real, self._flags(), self._changed, unix=unix)
        self._processes.pop(process.id, None)
        self._processes[process.id] = process
        self.log.info("TensorBoard of %r started as process %d", str(real), process.pid)
        self.use(process)
        self._watch_idle(process)
        return process, True

    async def look(self) -> None:
        """Ask all whether they still answer; one that takes long is told of the next time."""
        if asked := [process.ask() for process in self.processes]:
            await asyncio.wait(asked, timeout=_SECONDS_TO_LOOK)

    async def logdirs(self) -> tuple[list[logdirs.Logdir], bool]:
        """Return what `dl_lab.server.logdirs.find` finds below the root.

        Raises
        ------
        Problem
            The disk does not answer, or the machine has no thread left.
        """
        return await self._beside(logdirs.find, Path(self.root))

    async def stop(self, identifier: str) -> None:
        """Stop one and take it off the list; nothing happens where it is not on it."""
        process = self._processes.pop(identifier, None)
        self._used.pop(identifier, None)
        if process is not None:
            await process.stop()

    async def stop_all(self) -> None:
        """Stop all there are."""
        await asyncio.gather(*(self.stop(identifier) for identifier in [*self._processes]))

    def use(self, process: TensorBoardProcess) -> None:
        """Take note that one is being used."""
        self._used[process.id] = monotonic()

    def name(self, process: TensorBoardProcess) -> str:
        """Return what a person calls its folder: the path from the root, where it is below that."""
        root = logdirs.real(Path(self.root)) or Path(self.root)
        if process.logdir == root:
            return root.name or str(root)
        if process.logdir.is_relative_to(root):
            return process.logdir.relative_to(root).as_posix()
        return str(process.logdir)

    async def _beside(self, function: Callable[..., _T], *args: object) -> _T:
        """Return what a function that reads a disk returns: the server goes on meanwhile."""
        try:
            found = asyncio.get_running_loop().run_in_executor(None, function, *args)
        except RuntimeError as error:  # there is no thread left
            raise Problem("no_process", detail=error) from error
        try:
            return await asyncio.wait_for(found, _SECONDS_FOR_A_DISK)
        except asyncio.TimeoutError as error:
            raise Problem("disk_slow", seconds=round(_SECONDS_FOR_A_DISK)) from error

    def _flags(self) -> dict[str, Any]:
        return {
            "load_fast": "false" if self.loader == "safe" else "true",
            "reload_interval": self.reload_interval,
            "samples_per_plugin": self.samples_per_plugin,
        }

    def _changed(self, process: TensorBoardProcess) -> None:
        if process.state == "failed":
            self.log.warning("TensorBoard of %r: %s", str(process.logdir), process.problem)
        elif process.state == "stopped" and self._processes.get(process.id) is process:
            del self._processes[process.id], self._used[process.id]

    def _watch_idle(self, process: TensorBoardProcess) -> None:
        """Stop it when nobody has used it for so long, else look again when that may be so."""
        if not self.idle_timeout or self._processes.get(process.id) is not process:
            return
        left = self._used[process.id] + self.idle_timeout - monotonic()
        loop = asyncio.get_running_loop()
        if left > 0:
            loop.call_later(left, self._watch_idle, process)
            return
        self.log.info("TensorBoard of %r was not used and is stopped", str(process.logdir))
        self._stopping = loop.create_task(self.stop(process.id))
