"""One TensorBoard: its process, its state and its last words."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Literal, cast

from jupyter_server_proxy.unixsock import UnixResolver
from tornado.httpclient import HTTPError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from dl_lab.server import rendezvous
from dl_lab.server.problems import EXHAUSTED, Problem
from dl_lab.server.tensorboard_host import ASKED, READY, SECRET_HEADER, Settings

State = Literal["starting", "ready", "failed", "stopped"]

_LAST_LINES = 30
_SECONDS_TO_START = 60.0
_SECONDS_TO_STOP = 3.0
_SECONDS_TO_ANSWER = 3.0
_SECONDS_TO_HEAR = 2.0
_LONGEST_LINE = 500
# What the server knows of a hub's, its own or anybody's secrets is none of TensorBoard's business:
# by the names that such variables have, and addresses with a password in them.
_SECRET = re.compile(
    r"JUPYTERHUB_|JPY_|CONFIGPROXY_|TOKEN|SECRET|PASS|PWD|CREDENTIAL|COOKIE|AUTH|KEY", re.IGNORECASE
)
_PASSWORD = re.compile(r"://[^/\s]*:[^/\s]*@")


def environment() -> dict[str, str]:
    """Return the environment of this process without what gives a right to anything."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (_SECRET.search(name) or _PASSWORD.search(value))
    }


def identifier(logdir: Path) -> str:
    """Return the same short name for the same folder, each time."""
    return hashlib.sha256(os.fsencode(logdir)).hexdigest()[:16]


async def _trouble(client: SimpleAsyncHTTPClient, question: HTTPRequest) -> str | None:
    """Return why nobody answers, as the key of a problem; None where that cannot be told."""
    try:
        await client.fetch(question)
    except HTTPError:
        return "not_answering"
    except OSError as error:
        cause = getattr(error, "real_error", None) or error
        if isinstance(cause, ConnectionRefusedError):
            return "died"
        # Else it is this process that has no file handle left.
        return "cut_off" if isinstance(cause, (FileNotFoundError, NotADirectoryError)) else None
    return None


class TensorBoardProcess:
    """A TensorBoard of one folder, from its start on; all methods belong to the event loop.

    Whatever happens to it ends in a state within seconds: it says by itself that it is ready and
    that it has ended, and `ask` finds out where it can no longer do so.

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

    Raises
    ------
    Problem
        The machine has no room, no file handle, no process or no thread left for it.

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
        self._asking: asyncio.Task[None] | None = None
        try:
            self._process = self._spawn(flags)
        except OSError as error:
            rendezvous.remove_folder(self._folder)
            if error.errno in EXHAUSTED:
                raise Problem("no_process", detail=error.strerror) from error
            raise Problem("not_started", output=error) from error
        try:
            threading.Thread(target=self._listen, daemon=True, name="dl-lab TensorBoard").start()
        except RuntimeError as error:  # there is no thread left
            self._kill()
            self._process.communicate()
            rendezvous.remove_folder(self._folder)
            raise Problem("no_process", detail=error) from error
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
        if not await self._has_ended(_SECONDS_TO_STOP):
            self._kill()
            await self._has_ended(_SECONDS_TO_STOP)

    def ask(self) -> asyncio.Task[None]:
        """Ask it whether it still answers, where it should; afterwards its state says so.

        One that does not is ended: its socket may have been swept with other temporary files, its
        process be held or out of file handles.
        """
        if self._asking is None or self._asking.done():
            self._asking = self._loop.create_task(self._ask())
        return self._asking

    def _spawn(self, flags: dict[str, Any]) -> subprocess.Popen[str]:
        settings = Settings(str(self.logdir), self.socket, self.secret, flags)
        process = subprocess.Popen(
            [sys.executable, "-m", "dl_lab.server.tensorboard_host"],
            # Python looks for modules in the folder it runs in: here is nobody's else.
            cwd=self._folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C in the terminal asks the server, which may stay.
            start_new_session=True,
        )
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
                self._words.append(line.rstrip()[:_LONGEST_LINE])
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
        record = rendezvous.Record(str(self.logdir), self.pid, self.socket, self.port or None)
        try:
            rendezvous.write_record(self._folder, record)
        except Problem as problem:
            self._fail(problem)
            return
        self._patience.cancel()
        self._move("ready")

    def _end(self, code: int) -> None:
        self._patience.cancel()
        self._hang_up()
        rendezvous.remove_folder(self._folder)
        self._ended.set()
        if self.state == "ready" and code == 0:  # as it was asked to, by another
            self._move("stopped")
        elif self.state == "ready":
            self._fail(Problem("died", output=self.words))
        elif self.state == "starting":
            missing = "No module named 'tensorboard'" in self.words
            key = "not_installed" if missing else "not_started"
            self._fail(Problem(key, output=self.words))

    def _give_up(self) -> None:
        self._fail(Problem("slow", seconds=round(_SECONDS_TO_START), output=self.words))

    async def _ask(self) -> None:
        if self.state != "ready":
            return
        resolver = None if self.socket is None else UnixResolver(self.socket)
        client = SimpleAsyncHTTPClient(force_instance=True, resolver=resolver)
        question = HTTPRequest(
            f"http://localhost:{self.port}{ASKED}",
            headers={} if self.secret is None else {SECRET_HEADER: self.secret},
            connect_timeout=_SECONDS_TO_ANSWER,
            request_timeout=_SECONDS_TO_ANSWER,
        )
        with contextlib.closing(client):
            # Twice, since it may be this process that was held up.
            trouble = await _trouble(client, question) and await _trouble(client, question)
        if trouble is None:
            return
        # It may have ended, in order or not, of which the word is on its way.
        await self._has_ended(_SECONDS_TO_HEAR)
        if self.state == "ready":
            self._fail(Problem(trouble, output=self.words))

    async def _has_ended(self, seconds: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)
        return self._ended.is_set()

    def _fail(self, problem: Problem) -> None:
        """Say why it does not run, and make sure that it does not."""
        self.problem = problem
        self._kill()
        self._patience.cancel()
        self._move("failed")

    def _kill(self) -> None:
        """End it at once, and what it has started."""
        if self._process.returncode is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(self.pid, signal.SIGKILL)
                else:
                    self._process.kill()

    def _move(self, state: State) -> None:
        self.state = state
        self._changed(self)

    def _hang_up(self) -> None:
        """Close its standard input, upon which it ends."""
        with contextlib.suppress(OSError):
            cast("IO[str]", self._process.stdin).close()
