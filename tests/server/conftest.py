"""A real Jupyter server in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TOKEN = "a-token-of-the-tests"  # noqa: S105 - lives as long as the server on loopback
SECONDS_TO_START = 60


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    base_url: str

    def get(self, path: str, token: str | None = TOKEN) -> tuple[int, bytes]:
        """Return status and body; redirects are not followed."""
        return self.request("GET", path, token)

    def request(self, method: str, path: str, token: str | None = TOKEN) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.port}{self.base_url.rstrip('/')}{path}"
        request = urllib.request.Request(url, method=method)
        if token is not None:
            request.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


def start(home: Path, base_url: str) -> Server:
    """Start a server on a port that it chooses itself, with our extension and the probe."""
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "jupyter_server", "--port=0", "--no-browser"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.base_url={base_url}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={home}"]
    command += ["--ServerApp.jpserver_extensions=dl_lab=True"]
    command += ["--ServerApp.jpserver_extensions=server_probe=True"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    env = os.environ | {name: str(home / name) for name in folders} | {"PYTHONPATH": str(HERE)}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    return Server(process, _port(process, home), base_url)


def _port(process: subprocess.Popen[bytes], home: Path) -> int:
    """Wait for the file in which the server says where it listens."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        for file in (home / "JUPYTER_RUNTIME_DIR").glob(f"jpserver-{process.pid}.json"):
            text = file.read_text()
            if re.search(r"\}\s*$", text):
                return int(json.loads(text)["port"])
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    process.kill()
    pytest.fail(f"The server did not start.\n{(home / 'log').read_text()}")


@pytest.fixture(scope="session", params=["/", "/user/student1/"])
def server(request, tmp_path_factory):
    running = start(tmp_path_factory.mktemp("server") / "home", request.param)
    yield running
    running.process.terminate()
    running.process.wait(timeout=30)
