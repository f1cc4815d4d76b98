"""A process that has loaded torch and IPython, and forks a kernel whenever one is asked for.

Usage: python forker.py LISTENING_DESCRIPTOR

It ends, and its kernels with it, when its standard input ends or says anything. It has loaded
nothing of dl-lab, nor ipywidgets, which looks for its kernel when it is imported.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

# The first optimizer loads torch._dynamo.
LOADED = ("ipykernel.ipkernel", "ipykernel.kernelapp", "torch._dynamo", "torch.utils.data")


@dataclass(frozen=True)
class Request:
    """What a client has asked for, and its standard streams."""

    client: socket.socket
    streams: list[int]
    said: dict[str, Any]


def receive(client: socket.socket) -> Request:
    """Read a line of JSON and what comes with it."""
    text, streams, _, _ = socket.recv_fds(client, 65536, 3)
    while not text.endswith(b"\n"):
        text += client.recv(65536)
    return Request(client, streams, json.loads(text))


class Forker:
    """Forks kernels and tells each one's client when it has ended."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.clients: dict[int, socket.socket] = {}  # by their kernels
        self.ended, wakeup = socket.socketpair()
        wakeup.setblocking(False)
        self.inherited = [listener, self.ended, wakeup]
        signal.set_wakeup_fd(wakeup.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector = selectors.DefaultSelector()
        for source in (listener, self.ended, sys.stdin):
            self.selector.register(source, selectors.EVENT_READ)

    def serve(self) -> Request | None:
        """Return a request in the process that is to be its kernel, and None at the end."""
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is sys.stdin:
                    for pid in self.clients:
                        kill(pid)
                    return None
                if key.fileobj is self.listener:
                    if (request := self.fork()) is not None:
                        return request
                elif key.fileobj is self.ended:
                    self.tell()
                elif key.data in self.clients:  # and gone
                    self.selector.unregister(key.fileobj)
                    self.clients[key.data].close()
                    kill(key.data)

    def fork(self) -> Request | None:
        """Return what is asked for in the new process, None in this one."""
        request = receive(self.listener.accept()[0])
        pid = os.fork()
        if pid == 0:
            self.selector.close()
            for inherited in (*self.inherited, *self.clients.values()):
                inherited.close()
            return request
        for stream in request.streams:
            os.close(stream)
        request.client.sendall(f"{pid}\n".encode())
        self.clients[pid] = request.client
        self.selector.register(request.client, selectors.EVENT_READ, pid)
        return None

    def tell(self) -> None:
        """Tell the clients whose kernels have ended."""
        self.ended.recv(4096)
        for pid, status in reaped():
            client = self.clients.pop(pid)
            if client.fileno() != -1:
                self.selector.unregister(client)
                with client, contextlib.suppress(OSError):
                    client.sendall(f"{status}\n".encode())


def reaped() -> Iterator[tuple[int, int]]:
    """Yield the kernels that have ended, with their exit status as a shell says it."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            code = os.waitstatus_to_exitcode(found[1])
            yield found[0], code if code >= 0 else 128 - code


def kill(pid: int) -> None:
    """End a kernel and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def run_kernel(request: Request) -> None:
    """Be the kernel: with its client's streams, folder and environment, as if started by it."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request.said["env"])
    os.chdir(request.said["cwd"])
    # What has been drawn or read from the environment when it was loaded.
    tempfile.tempdir = None
    np.random.seed()  # noqa: NPY002 - the one that has been seeded
    sys.path[0] = ""
    sys.argv[1:] = [*request.said["arguments"], f"--IPKernelApp.parent_handle={os.getppid()}"]
    with contextlib.suppress(SystemExit):
        runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    atexit._run_exitfuncs()
    os._exit(0)  # no module is taken apart, which with torch would last seconds


if __name__ == "__main__":
    for module in LOADED:
        importlib.import_module(module)
    # Nor at an exit torch's operators one by one.
    for finalizer in [*weakref.finalize._registry]:  # type: ignore[attr-defined]
        finalizer.atexit = False
    if (request := Forker(socket.socket(fileno=int(sys.argv[1]))).serve()) is not None:
        run_kernel(request)
