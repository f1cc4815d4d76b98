"""One TensorBoard: its process, its state and its last words."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Literal, cast

from dl_lab.server import rendezvous
from dl_lab.server.problems import Problem
from dl_lab.server.tensorboard_host import READY, Settings

State = Literal["starting", "ready", "failed", "stopped"]

_LAST_LINES = 30
_SECONDS_TO_START = 60.0
_SECONDS_TO_STOP = 3.0
# What the server knows of a hub's or its own secrets is none of TensorBoard's business.
_SECRETS = ("JUPYTER_TOKEN", "JUPYTERHUB_", "JPY_")


def identifier(logdir: Path) -> str:
    """Return the same short name for the same folder, each time."""
    return hashlib.sha256(os.fsencode(logdir)).hexdigest()[:16]


class TensorBoardProcess:
    """A TensorBoard of one folder, from its start on; all methods belong to the event loop.

    Parameters
    ----------
    logdir
        Real path of the folder.
    flags
        Flags of TensorBoard's, by their Python names.
    changed
        Called in the event loop after each change of `state`.
    unix
        Whether to listen on a UNIX socket; else on a port of the loopback interface that asks for
        a secret.

    Attributes
    ----------
    state
        ``"starting"``, ``"ready"``, ``"failed"`` with a `problem`, or ``"stopped"``.
    socket, port, secret
        Where it listens, and what it wants to hear there.
    """

    def __init__(
        self,
        logdir: Path,
        flags: dict[str, Any],
        changed: Callable[[TensorBoardProcess], None],
        *,
        unix: bool,
    ) -> None:
        self.logdir = logdir
        self.id = identifier(logdir)
        self.state: State = "starting"
        self.problem: Problem | None = None
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._words: deque[str] = deque(maxlen=_LAST_LINES)
        self._folder = rendezvous.make_folder()
        self.socket = str(rendezvous.socket_path(self._folder)) if unix else None
        self.port = 0
        self.secret = None if unix else secrets.token_urlsafe()
        self._process = self._spawn(flags)
        threading.Thread(target=self._listen, daemon=True, name="dl-lab TensorBoard").start()
        self._patience = self._loop.call_later(_SECONDS_TO_START, self._give_up)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs or will."""
        return self.state in {"starting", "ready"}

    @property
    def words(self) -> str:
        """What TensorBoard printed last."""
        return "\n".join(self._words)

    async def stop(self) -> None:
        """End it and wait until it has ended."""
        self._move("stopped")
        self._hang_up()
        try:
            await asyncio.wait_for(self._ended.wait(), _SECONDS_TO_STOP)
        except (TimeoutError, asyncio.TimeoutError):
            self._process.kill()
            await self._ended.wait()

    def _spawn(self, flags: dict[str, Any]) -> subprocess.Popen[str]:
        settings = Settings(str(self.logdir), self.socket, self.secret, flags)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)
        }
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "dl_lab.server.tensorboard_host"],
                # Python looks for modules in the folder it runs in: here is nobody's else.
                cwd=self._folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                # Ctrl-C in the terminal asks the server, which may stay.
                start_new_session=True,
            )
        except OSError:
            rendezvous.remove_folder(self._folder)
            raise
        with contextlib.suppress(BrokenPipeError):  # it has ended: `_end` will tell
            stdin = cast("IO[str]", process.stdin)
            stdin.write(json.dumps(asdict(settings)) + "\n")
            stdin.flush()
        return process

    # In a thread of its own.

    def _listen(self) -> None:
        stdout = cast("IO[str]", self._process.stdout)
        for line in stdout:
            if line.startswith(READY):
                self._tell(self._is_ready, int(line.removeprefix(READY)))
            else:
                self._words.append(line.rstrip())
        stdout.close()
        self._tell(self._end, self._process.wait())

    def _tell(self, method: Callable[[int], None], value: int) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended, and its loop
            self._loop.call_soon_threadsafe(method, value)

    # In the event loop.

    def _is_ready(self, port: int) -> None:
        if self.state != "starting":
            return
        self.port = port
        self._patience.cancel()
        rendezvous.write_record(
            self._folder,
            rendezvous.Record(str(self.logdir), self.pid, self.socket, self.port or None),
        )
        self._move("ready")

    def _end(self, code: int) -> None:
        self._patience.cancel()
        self._hang_up()
        rendezvous.remove_folder(self._folder)
        self._ended.set()
        if self.state == "ready" and code == 0:  # as it was asked to, by another
            self._move("stopped")
        elif self.state == "ready":
            self._fail("died")
        elif self.state == "starting":
            missing = "No module named 'tensorboard'" in self.words
            self._fail("not_installed" if missing else "not_started")

    def _give_up(self) -> None:
        self._fail("slow", seconds=round(_SECONDS_TO_START))
        self._process.kill()

    def _fail(self, key: str, **params: object) -> None:
        self.problem = Problem(key, output=self.words, **params)
        self._move("failed")

    def _move(self, state: State) -> None:
        self.state = state
        self._changed(self)

    def _hang_up(self) -> None:
        """Close its standard input, upon which it ends."""
        with contextlib.suppress(OSError):
            cast("IO[str]", self._process.stdin).close()
