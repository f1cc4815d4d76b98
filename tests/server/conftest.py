"""A real Jupyter server in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent
TOKEN = "a-token-of-the-tests"  # noqa: S105 - lives as long as the server on loopback
SECONDS_TO_START = 300
OLD = HERE.parents[1] / ".cache" / "tensorboard-2.19"
SECRETS = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "CONFIGPROXY_AUTH_TOKEN")
SHORT = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108  # folders are made in it by mkdtemp


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes
    headers: Message

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    base_url: str
    home: Path
    temporary: Path

    @property
    def root(self) -> Path:
        """Its root directory."""
        return self.home / "root"

    @property
    def origin(self) -> str:
        """What a page of its own says it comes from."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, token: str | None = TOKEN) -> tuple[int, bytes]:
        """Return status and body; redirects are not followed."""
        return self.request("GET", path, token)

    def request(
        self,
        method: str,
        path: str,
        token: str | None = TOKEN,
        body: object = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[int, bytes]:
        answer = self.ask(method, path, token, body, headers)
        return answer.status, answer.body

    def ask(
        self,
        method: str,
        path: str,
        token: str | None = TOKEN,
        body: object = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """Return all of the answer; a body is sent as JSON."""
        url = f"http://127.0.0.1:{self.port}{self.base_url.rstrip('/')}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, dict(headers), method=method)
        if token is not None:
            request.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=60) as answer:
                return Answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), error.headers)

    def stop(self) -> None:
        """End it and forget its temporary folder."""
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.temporary, ignore_errors=True)


def start(
    home: Path,
    base_url: str,
    *options: str,
    token: str = TOKEN,
    program: str = "jupyter_server",
    **env: str,
) -> Server:
    """Start a server on a port that it chooses itself, with our extension and the probe."""
    (home / "root").mkdir(parents=True)
    # As /tmp is: everybody may look into it. And short, for the paths of sockets.
    temporary = Path(tempfile.mkdtemp(dir=SHORT))
    temporary.chmod(0o1777)
    command = [sys.executable, "-m", program, "--port=0", "--no-browser"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.base_url={base_url}"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={home / 'root'}"]
    command += ["--ServerApp.jpserver_extensions=dl_lab=True"]
    command += ["--ServerApp.jpserver_extensions=server_probe=True", *options]
    if os.geteuid() == 0:
        command.append("--allow-root")
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    env = os.environ | {name: str(home / name) for name in folders} | env
    path = os.pathsep.join([str(HERE), *filter(None, [env.get("PYTHONPATH")])])
    env |= {"PYTHONPATH": path, "TMPDIR": str(temporary)}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    return Server(process, _port(process, home), base_url, home, temporary)


def _port(process: subprocess.Popen[bytes], home: Path) -> int:
    """Wait for the file in which the server says where it listens, and until it does."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        for file in (home / "JUPYTER_RUNTIME_DIR").glob(f"jpserver-{process.pid}.json"):
            text = file.read_text()
            if re.search(r"\}\s*$", text):
                port = int(json.loads(text)["port"])
                with (
                    contextlib.suppress(ConnectionRefusedError),
                    socket.create_connection(("127.0.0.1", port)),
                ):
                    return port
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    process.kill()
    pytest.fail(f"The server did not start.\n{(home / 'log').read_text()}")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that the tests share, below a hub's prefix."""
    home = tmp_path_factory.mktemp("server") / "home"
    running = start(home, "/user/student1/", "--TensorBoards.max_instances=8")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def other_server(tmp_path_factory):
    """One at the root of its site, with an older TensorBoard, no UNIX sockets, and secrets."""
    running = start(
        tmp_path_factory.mktemp("other") / "home",
        "/",
        PYTHONPATH=str(OLD),
        DL_LAB_PROBE_WITHOUT_UNIX_SOCKETS="1",
        **dict.fromkeys(SECRETS, "of-the-hub"),
    )
    yield running
    running.stop()


@pytest.fixture(params=["server", "other_server"])
def each_server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def shown(server):
    """A TensorBoard that runs there, of the folder "runs"."""
    from tests.server.test_tensorboards import open_one, write_run

    write_run(server.root / "runs" / "lenet" / "a")
    write_run(server.root / "runs" / "lenet" / "b")
    return open_one(server, "runs")
