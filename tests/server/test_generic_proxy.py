"""What somebody serves on a port of the machine is not a page of another's Jupyter server.

Two people with a server each, as on a hub that gives each an account: base URL, token and cookies
of their own, on one machine. Each serves a page on a port of the loopback interface.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from jupyter_server.serverapp import ServerApp

from dl_lab.server.generic_proxy import SHUT, users
from tests.server.conftest import Server, start

PAGE = b"<script>document.title = 'I run with your rights'</script>"
OPEN = "--DeepLearningApp.generic_proxy=True"


@dataclass
class Listener:
    """Somebody's page on a port, and what was asked of it."""

    port: int = 0
    asked: list[str] = field(default_factory=list)


@contextlib.contextmanager
def listener():
    found = Listener()

    class Page(http.server.BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline()
            found.asked.append(self.raw_requestline.decode())
            if self.parse_request():
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(PAGE)))
                self.end_headers()
                self.wfile.write(PAGE)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        found.port = server.server_port
        yield found
        server.shutdown()


@pytest.fixture(scope="module")
def pages():
    with listener() as ana, listener() as eva:
        yield ana, eva


PACKAGE = f"""
def setup():
    return {{"command": [{sys.executable!r}, "-m", "http.server", "{{port}}",
                         "--bind", "127.0.0.1", "--directory", {{folder!r}}]}}
"""


def studio(folder: Path) -> str:
    """Install a package that has a server proxied by its name, as RStudio's does."""
    folder.mkdir()
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("a studio")
    code = PACKAGE.replace("{{", "{").replace("}}", "}")
    (folder / "studio_proxy.py").write_text(code.replace("{folder!r}", repr(str(folder / "page"))))
    meta = folder / "studio_proxy-1.0.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: studio-proxy\nVersion: 1.0\n")
    (meta / "entry_points.txt").write_text(
        "[jupyter_serverproxy_servers]\nstudio = studio_proxy:setup\n"
    )
    return str(folder)


EXTENSION = """
import jupyter_server_proxy

def _jupyter_server_extension_points():
    return [{"module": __name__}]

def _load_jupyter_server_extension(app):
    jupyter_server_proxy._load_jupyter_server_extension(app)
"""


FIRST_AND_LAST = ("a_first", "zz_last")


def extensions(folder: Path) -> str:
    """Install extensions that load jupyter-server-proxy, too, before ours and after it."""
    folder.mkdir()
    for name in FIRST_AND_LAST:
        (folder / f"{name}.py").write_text(EXTENSION)
    return str(folder)


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """A JupyterLab and a Notebook; the dot is one that jupyter-server-proxy takes for any letter.

    In one, other extensions load jupyter-server-proxy, too; in the other, something is registered
    with it, and the setting shuts its generic routes all the same.
    """
    home = tmp_path_factory.mktemp("students")
    ana = start(
        home / "ana",
        "/user/ana.b/",
        *(f"--ServerApp.jpserver_extensions={name}=True" for name in FIRST_AND_LAST),
        token="of-ana",  # noqa: S106
        program="jupyterlab",
        PYTHONPATH=extensions(home / "extensions"),
    )
    path = studio(home / "studio")
    never = "--DeepLearningApp.generic_proxy=False"
    options = {"token": "of-eva", "program": "notebook", "PYTHONPATH": path}
    eva = start(home / "eva", "/user/eva/", never, **options)
    yield {"of-ana": ana, "of-eva": eva}
    ana.stop()
    eva.stop()


def plain_forms(port: int) -> list[str]:
    hosts = ("", "localhost:", "127.0.0.1:", "LOCALHOST:", "example.org:")
    places = [f"/proxy/{kind}{host}{port}" for kind in ("", "absolute/") for host in hosts]
    rests = ("/", "/page.html?a=b", "//x", "/../")
    return [*places, *(f"/proxy/{port}{rest}" for rest in rests)]


def other_forms(port: int) -> list[str]:
    encoded = "".join(f"%{ord(one):02x}" for one in str(port))
    return [
        f"/proxy/{encoded}/",
        f"/proxy/%6cocalhost:{port}/",
        f"/proxy/127%2e0%2e0%2e1:{port}/",
        f"/proxy/localhost%3a{port}/",
        f"/proxy/absolute/{encoded}/",
        f"/%70roxy/{port}/",
        f"/proxy%2f{port}/",
        f"//proxy/{port}/",
        f"/proxy//{port}/",
        f"/./proxy/{port}/",
        f"/lab/../proxy/{port}/",
        f"/lab/%2e%2e/proxy/{port}/",
        f"/proxy/[::1]:{port}/",
        f"/proxy/user@localhost:{port}/",
        f"/proxy/{port};/",
        f"/Proxy/{port}/",
        f"/proxy/{port}%2f",
        f"/proxy/absolute//{port}/",
        f"/proxy/http://localhost:{port}/",
        f"/server-proxy/{port}/",
        f"/localhost:{port}/",
    ]


def raw(server: Server, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """Ask with the path as it is written, which urllib would mend."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, server.base_url.rstrip("/") + path, headers=headers)
        answer = connection.getresponse()
        return answer.status, b"" if answer.status == 101 else answer.read()


def cookies(server: Server, token: str) -> dict[str, str]:
    answer = server.ask("GET", f"/api/status?token={token}", token=None)
    parts = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie")]
    return {"Cookie": "; ".join(parts), "Origin": server.origin}


WEBSOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
}


@pytest.mark.parametrize("login", ["token", "cookie"])
def test_nobodys_page_is_reached_through_anybodys_server(students, pages, login):
    for token, server in students.items():
        by_token = {"Authorization": f"token {token}"}
        headers = by_token if login == "token" else cookies(server, token)
        assert raw(server, "GET", "/api/status", headers)[0] == 200
        for page in pages:
            for path in plain_forms(page.port):
                status, body = raw(server, "GET", path, headers)
                assert (status, SHUT.encode() in body.replace(b"&#39;", b"'")) == (403, True), path
            for path in other_forms(page.port):
                status, body = raw(server, "GET", path, headers)
                assert status in {301, 302, 400, 403, 404}, (status, path)
                assert b"with your rights'" not in body
            for path in (f"/proxy/{page.port}/", f"/proxy/localhost:{page.port}/ws"):
                for method in ("HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                    assert raw(server, method, path, headers)[0] in {403, 405}, (method, path)
                assert raw(server, "GET", path, headers | WEBSOCKET)[0] == 403
    assert [page.asked for page in pages] == [[], []]


def test_a_pattern_that_fits_more_than_its_own_prefix(students, pages):
    ana = students["of-ana"]
    # The base URL stands unescaped in the patterns of jupyter-server-proxy: its dot fits a letter.
    path = f"/user/anaXb/proxy/{pages[0].port}/"
    other = Server(ana.process, ana.port, "/", ana.home, ana.temporary)
    assert raw(other, "GET", path, {"Authorization": "token of-ana"})[0] == 403
    assert pages[0].asked == []


def test_strangers_learn_no_more(students, pages):
    for server in students.values():
        assert raw(server, "GET", f"/proxy/{pages[0].port}/", {})[0] in {302, 403}


def test_who_wants_it_opens_it_by_a_setting(tmp_path):
    server = start(tmp_path / "home", "/user/ana/", OPEN)
    with listener() as page:
        for form in ("", "localhost:", "absolute/", "absolute/localhost:"):
            answer = server.ask("GET", f"/proxy/{form}{page.port}/")
            assert (answer.status, answer.body) == (200, PAGE)
        assert len(page.asked) == 4
    server.stop()


def test_where_others_are_registered_it_is_open_and_said_so(tmp_path):
    path = studio(tmp_path / "site")
    folder = tmp_path / "home" / "JUPYTER_CONFIG_DIR"
    folder.mkdir(parents=True)
    (folder / "jupyter_server_config.py").write_text(
        "c.ServerProxy.servers.update({'mine': {'command': [], 'port': 1}})"
    )
    server = start(tmp_path / "home", "/user/ana/", PYTHONPATH=path)
    assert server.ask("GET", "/studio/").body == b"a studio"
    with listener() as page:
        assert server.ask("GET", f"/proxy/{page.port}/").status == 200
    assert len(page.asked) == 1
    log = (server.home / "log").read_text()
    assert "used here by mine, studio, so its generic routes" in log
    server.stop()


def test_shut_all_the_same_it_leaves_what_is_registered(students):
    eva = students["of-eva"]
    assert eva.ask("GET", "/studio/", token="of-eva").body == b"a studio"  # noqa: S106
    assert "so its generic routes" not in (eva.home / "log").read_text()


def test_in_whatever_order_extensions_load(students):
    """That it is shut there, too, shows where nobody's page is reached."""
    log = (students["of-ana"].home / "log").read_text()
    for name in FIRST_AND_LAST:
        assert f"{name} | extension was successfully loaded." in log


def test_each_kind_of_registration_counts(monkeypatch, tmp_path):
    app = ServerApp()
    assert users(app) == []
    app.config.ServerProxy.servers = {"mine": {"command": [], "port": 1}}
    assert users(app) == ["mine"]
    monkeypatch.syspath_prepend(studio(tmp_path / "site"))
    assert users(app) == ["mine", "studio"]
    assert users(ServerApp()) == ["studio"]


# scripts/colab.py makes it: a classic Notebook 6 that finds jupyter-server-proxy in .venv.
CLASSIC = Path(__file__).resolve().parents[2] / ".cache" / "colab" / "bin" / "python"


@contextlib.contextmanager
def classic_notebook(home: Path):
    """Run a Notebook 6; yield a function that asks it for a page."""
    home.mkdir()
    enabled = dict.fromkeys(("jupyter_server_proxy", "dl_lab.server.notebook6"), True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [CLASSIC, "-m", "notebook", "--no-browser", f"--port={port}", "--ip=127.0.0.1"]
    command += ["--allow-root", "--NotebookApp.token=t"]
    command += [f"--NotebookApp.nbserver_extensions={enabled}"]
    env = os.environ | {"JUPYTER_CONFIG_DIR": str(home), "JUPYTER_RUNTIME_DIR": str(home)}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:

        def ask(path: str) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
            connection.request("GET", path, headers={"Authorization": "token t"})
            answer = connection.getresponse()
            return answer.status, answer.read()

        end = time.monotonic() + 300
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                ask("/api")
                break
            assert process.poll() is None, (home / "log").read_text()
            assert time.monotonic() < end
        yield ask
    finally:
        process.terminate()
        process.wait()


def test_in_the_classic_notebook_too(tmp_path, pages):
    before = len(pages[0].asked)
    with classic_notebook(tmp_path / "home") as ask:
        for path in plain_forms(pages[0].port):
            assert ask(path) == (403, SHUT.encode()), path
        # It is loaded, and not merely missing.
        assert "Error loading" not in (tmp_path / "home" / "log").read_text()
    assert len(pages[0].asked) == before
