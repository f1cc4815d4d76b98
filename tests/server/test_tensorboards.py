"""TensorBoards behind a real Jupyter server: started, shown, stopped, and kept to their owner."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

import dl_lab
from dl_lab.server import rendezvous
from dl_lab.server.logdirs import resolve
from dl_lab.server.problems import Problem
from tests.server.conftest import SHORT, TOKEN, Server, start

API = "/dl-lab/api/tensorboards"
NOBODY = 65534
LONG = 300
linux = pytest.mark.skipif(sys.platform != "linux", reason="Reads /proc: run it on Linux.")
root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="Becomes another user: run it as root.",
)


def write_run(folder: Path) -> Path:
    with SummaryWriter(str(folder)) as writer:
        for step in range(3):
            writer.add_scalar("loss", 1 / (step + 1), step)
    return folder


def until(condition, seconds: float = LONG):
    """Wait for what a condition gives when it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "It did not come to that in time."
        time.sleep(0.02)
    return found


def open_one(server: Server, logdir: str) -> dict[str, object]:
    """Start one and wait until it is no longer starting."""
    answer = server.ask("POST", API, body={"logdir": logdir})
    assert answer.status in {200, 201}, answer.body
    return settled(server, answer.json["id"])


def settled(server: Server, identifier: str) -> dict[str, object]:
    def now():
        told = server.ask("GET", f"{API}/{identifier}").json
        return told if told["state"] != "starting" else None

    return until(now)


def record_of(server: Server, logdir: Path) -> rendezvous.Record:
    (record,) = [
        rendezvous.Record(**json.loads(file.read_text()))
        for file in server.temporary.glob(f"{rendezvous.PREFIX}*/running.json")
        if json.loads(file.read_text())["logdir"] == str(logdir)
    ]
    return record


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has too."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def listed(server: Server) -> set[str]:
    return {one["id"] for one in server.ask("GET", API).json["tensorboards"]}


def path_of(server: Server, shown: dict[str, object]) -> str:
    url = str(shown["url"])
    assert url.startswith(server.base_url)
    return "/" + url.removeprefix(server.base_url)


def test_it_runs_and_shows_the_runs(server, shown):
    assert (shown["state"], shown["problem"], shown["name"]) == ("ready", None, "runs")
    assert shown["logdir"] == str(server.root / "runs")
    path = path_of(server, shown)
    page = server.ask("GET", path)
    assert page.status == 200
    assert b"tb-relative-root" in page.body

    def runs():
        return json.loads(server.get(f"{path}data/runs")[1])

    assert until(runs) == ["lenet/a", "lenet/b"]
    asked = f"{path}data/plugin/scalars/scalars?run=lenet%2Fa&tag=loss"
    values = [value for _, _, value in json.loads(server.get(asked)[1])]
    assert values == pytest.approx([1, 1 / 2, 1 / 3])
    # The same folder by another name is the same one.
    for name in ("runs/", "./runs", str(server.root / "runs"), "runs/lenet/.."):
        again = server.ask("POST", API, body={"logdir": name})
        assert (again.status, again.json["id"]) == (200, shown["id"])
    assert shown["id"] in listed(server)


def test_the_page_is_whole_behind_any_address(server, shown):
    path = path_of(server, shown)
    page = server.ask("GET", path)
    assert b"url(/font" not in page.body
    font = page.body.partition(b"url(font-roboto/")[2].partition(b")")[0].decode()
    assert server.ask("GET", f"{path}font-roboto/{font}").status == 200
    without_slash = server.ask("GET", path.rstrip("/"))
    assert without_slash.status == 302
    assert without_slash.headers["Location"].endswith(str(shown["url"]))
    # Only our own pages may frame it, and nobody is told what serves it.
    assert page.headers["Content-Security-Policy"].endswith(";frame-ancestors 'self'")
    assert "Server" not in page.headers or "Werkzeug" not in page.headers["Server"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("token", [None, "wrong"])
def test_strangers_see_none_of_it(server, shown, method, token):
    path = path_of(server, shown)
    for one in (path, f"{path}data/runs", API, f"{API}/{shown['id']}"):
        answer = server.ask(method, one, token=token, headers={"Origin": server.origin})
        assert answer.status in {302, 403, 405}
        assert b"lenet" not in answer.body
    assert server.ask("GET", path).status == 200


def test_only_what_reads_and_asks_is_passed_on(server, shown):
    path = path_of(server, shown)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert server.request(method, f"{path}data/runs")[0] == 405
    websocket = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert server.ask("GET", path, headers=websocket | key).status in {400, 403}


@pytest.mark.parametrize("token", [TOKEN, None], ids=["token", "cookie"])
def test_pages_of_other_sites_are_refused(server, shown, token):
    path = path_of(server, shown)
    cookies = {} if token else logged_in(server)
    foreign = cookies | {"Origin": "http://evil.example"}
    for method, where in (
        ("GET", f"{path}data/runs"),
        ("POST", f"{path}data/plugin/scalars/scalars_multirun"),
        ("GET", API),
        ("POST", API),
        ("DELETE", f"{API}/{shown['id']}"),
    ):
        assert server.ask(method, where, token, {}, foreign).status in {403, 404}
    # With a cookie alone, what is more than reading must say where it comes from.
    post = ("POST", f"{path}data/plugin/scalars/scalars_multirun", token, {})
    silent = server.ask(*post, headers=cookies).status
    assert (silent == 403) == (token is None)
    referred = cookies | {"Referer": f"{server.origin}{server.base_url}lab"}
    assert server.ask(*post, headers=referred).status not in {302, 403}
    own = cookies | {"Origin": server.origin}
    assert server.ask(*post, headers=own).status not in {302, 403}
    assert server.ask("GET", f"{API}/{shown['id']}", token, headers=cookies).status == 200


def logged_in(server: Server) -> dict[str, str]:
    """Return the cookies of a browser that has logged in."""
    answer = server.ask("GET", f"/api/status?token={TOKEN}", token=None)
    cookies = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie")]
    return {"Cookie": "; ".join(cookies)}


@pytest.mark.parametrize(
    ("logdir", "key"),
    [
        ("missing", "logdir_missing"),
        ("runs/missing", "logdir_missing"),
        ("a" * 300, "logdir_missing"),
        ("note.txt", "logdir_file"),
        ("..", "logdir_outside"),
        ("runs/../..", "logdir_outside"),
        ("/", "logdir_outside"),
        ("/no/such/place", "logdir_outside"),
        ("way_out", "logdir_outside"),
        ("way_out/deeper", "logdir_outside"),
        ("a\0b", "logdir_invalid"),
        ("\ud800", "logdir_invalid"),
        ("  ", "logdir_invalid"),
        ("s3://bucket/runs", "logdir_address"),
        (" gs://bucket", "logdir_address"),
        ("~nobody-of-this-name", "logdir_home"),
        ("~", "logdir_outside"),
        ("$HOME/runs", "logdir_variable"),
        ("a:dir1", "logdir_missing"),
        (None, "logdir_invalid"),
        (3, "logdir_invalid"),
    ],
)
def test_a_folder_that_cannot_be_opened_is_refused_with_a_sentence(server, shown, logdir, key):
    (server.root / "note.txt").write_text("no folder")
    with contextlib.suppress(FileExistsError):
        (server.root / "way_out").symlink_to(server.home.parent)
    answer = server.ask("POST", API, body={"logdir": logdir})
    assert 400 <= answer.status < 500
    assert answer.json["key"] == key
    assert answer.json["message"].endswith(".")
    assert server.ask("GET", f"{API}/{shown['id']}").json["state"] == "ready"


def test_blanks_around_a_folder_s_name_are_not_its_own(server, shown, tmp_path):
    answer = server.ask("POST", API, body={"logdir": " runs "})
    assert (answer.status, answer.json["id"]) == (200, shown["id"])
    (tmp_path / "runs").mkdir()
    assert resolve("runs ", tmp_path, [tmp_path]) == tmp_path / "runs"
    # But where it is called so, it is that one, as the file browser has it.
    (tmp_path / "runs ").mkdir()
    assert resolve("runs ", tmp_path, [tmp_path]) == tmp_path / "runs "


@pytest.mark.parametrize("body", [[], 3, {}, {"folder": "runs"}, None])
def test_a_request_that_names_no_folder(server, body):
    assert server.ask("POST", API, body=body).json["key"] == "logdir_invalid"


def as_another(function) -> str:
    """Return what a function returns in another process: of another account, if root forks it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writing, str(function()).encode())
        except BaseException as error:  # noqa: BLE001  # the parent tells
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


@root
def test_a_folder_that_the_account_may_not_read():
    with tempfile.TemporaryDirectory(dir=SHORT) as place:
        Path(place).chmod(0o755)
        Path(place, "closed", "deeper").mkdir(parents=True)
        Path(place, "closed").chmod(0o700)

        def refused(name: str) -> str:
            try:
                return str(resolve(name, Path(place), [Path(place)]))
            except Problem as problem:
                return problem.key

        assert as_another(lambda: refused("closed")) == "logdir_unreadable"
        assert as_another(lambda: refused("closed/deeper")) in {
            "logdir_unreadable",
            "logdir_missing",
        }
        assert refused("closed") == os.path.realpath(f"{place}/closed")


@linux
@root
@pytest.mark.usefixtures("shown")
def test_no_other_account_can_reach_it(server):
    record = record_of(server, server.root / "runs")

    def connect() -> str:
        with socket.socket(socket.AF_UNIX) as one:
            return str(one.connect(record.socket))

    assert connect() == "None"
    assert as_another(connect).startswith("PermissionError")
    # Neither through the folder, nor were that open.
    folder = Path(record.socket).parent
    folder.chmod(0o755)
    assert as_another(connect).startswith("PermissionError")
    folder.chmod(0o700)
    assert listening_ports(record.pid) == set()
    # And what it shows does not stand in the list of processes.
    assert Path(f"/proc/{record.pid}/cmdline").read_bytes().endswith(b"tensorboard_host\0")


def listening_ports(pid: int) -> set[int]:
    """Return the TCP ports on which a process listens."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(file.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


@linux
def test_a_listening_port_would_be_found():
    with socket.create_server(("127.0.0.1", 0)) as one:
        assert one.getsockname()[1] in listening_ports(os.getpid())


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_GET(self) -> None:
        if self.path == "/broken-off":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1")
            return
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        body = json.dumps([self.command, self.path, dict(self.headers), sent]).encode()
        self.send_response(200)
        self.send_header("Set-Cookie", "from=tensorboard")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  # as the library calls it

    def address_string(self) -> str:
        return "page"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def echo(server, shown):
    """The address of a TensorBoard in whose place an `Echo` answers meanwhile."""
    path = Path(record_of(server, server.root / "runs").socket)
    own = path.rename(path.with_suffix(".own"))
    with socketserver.UnixStreamServer(str(path), Echo) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield path_of(server, shown)
        running.shutdown()
    own.replace(path)


def test_no_cookie_and_no_token_is_passed_on(server, echo):
    headers = logged_in(server) | {"X-XSRFToken": "x", "Accept": "text/plain"}
    answer = server.ask("GET", echo, headers=headers)
    assert answer.json[2]["Accept"] == "text/plain"
    told = answer.body.decode().lower()
    for word in ("cookie", "authorization", "xsrf", TOKEN):
        assert word not in told
    assert "from=tensorboard" not in str(answer.headers)


@pytest.mark.parametrize("name", ["token", "%74oken", "toke%6E", "%74%6f%6b%65%6e"])
@pytest.mark.parametrize("token", [TOKEN, None], ids=["with another", "alone"])
def test_a_token_in_the_address_goes_no_further(server, echo, name, token):
    pair = f"{name}={TOKEN}"
    for query, left in (
        (pair, ""),
        (f"a=%ff&{pair}&b=1+2&tokens=x", "?a=%ff&b=1+2&tokens=x"),
        (f"{pair}&{pair}&c", "?c"),
        (f"d=%26&{name}", "?d=%26"),
    ):
        way = token if TOKEN in query else TOKEN
        answer = server.ask("GET", f"{echo}data?{query}", token=way)
        assert (answer.status, answer.json[1]) == (200, f"/data{left}")
        assert TOKEN not in answer.body.decode()


@pytest.mark.parametrize(
    "accept", ["text/event-stream", "TEXT/Event-Stream", "a/b, text/event-stream"]
)
def test_no_event_stream_passes_by_the_filter(server, echo, accept):
    for method in ("GET", "POST"):
        answer = server.ask(method, echo, headers={"Accept": accept})
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert "from=tensorboard" not in str(answer.headers)
        assert answer.json[2]["Accept"] == "*/*"


def test_an_answer_that_breaks_off(server, echo):
    answer = server.ask("GET", f"{echo}broken-off")
    assert (answer.status, answer.body[:25]) == (502, b"TensorBoard broke off its")
    assert server.ask("GET", echo).status == 200


def test_a_form_with_a_token_is_refused(server, echo):
    for kind, form in (
        ("application/x-www-form-urlencoded", f"a=1&%74oken={TOKEN}"),
        (
            "multipart/form-data; boundary=b",
            f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{TOKEN}\r\n--b--\r\n',
        ),
    ):
        headers = [f"Content-Type: {kind}", f"Origin: {server.origin}"]
        answer = raw(server, "POST", echo, headers, form.encode(), token=None)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"A token has no place" in answer
        other = form.replace("%74oken", "page").replace('"token"', '"page"')
        answer = raw(server, "POST", echo, headers, other.encode())
        assert answer.startswith(b"HTTP/1.1 200")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])[3] == other


@pytest.mark.parametrize("token", [TOKEN, None], ids=["header", "address"])
def test_no_websocket_reaches_it(server, echo, token):
    headers = ["Upgrade: WebSocket", f"Origin: {server.origin}", "Sec-WebSocket-Version: 13"]
    headers += ["Connection: keep-alive, Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    for path in (echo, f"{echo}data?%74oken={TOKEN}"):
        answer = raw(server, "GET", path, headers, token=token)
        assert answer.split()[1] in ({b"400"} if token or "token" in path else {b"403"})
        assert TOKEN.encode() not in answer


def raw(
    server: Server,
    method: str,
    path: str,
    headers: Sequence[str] = (),
    body: bytes = b"",
    token: str | None = TOKEN,
) -> bytes:
    """Return an answer to a request that is sent as it is written."""
    lines = [f"{method} {server.base_url.rstrip('/')}{path} HTTP/1.1"]
    lines += [f"Host: 127.0.0.1:{server.port}", f"Content-Length: {len(body)}", *headers]
    if token is not None:
        lines.append(f"Authorization: token {token}")
    if not any(line.startswith("Connection:") for line in lines):
        lines.append("Connection: close")
    with socket.create_connection(("127.0.0.1", server.port), timeout=LONG) as one:
        one.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        with one.makefile("rb") as answer:
            head = b"".join(iter(answer.readline, b"\r\n"))
            length = re.search(rb"Content-Length: (\d+)", head)
            return head + b"\r\n" + answer.read(int(length[1]) if length else -1)


def test_a_server_without_file_handles_says_so(server, shown):
    """On a connection that is open already: it can take no new one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONG)

    def ask(method: str, path: str, body: str | None = None) -> tuple[int, str]:
        path = f"{server.base_url.rstrip('/')}{path}"
        connection.request(method, path, body, {"Authorization": f"token {TOKEN}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    with contextlib.closing(connection):
        assert ask("POST", "/probe/handles")[0] == 200
        try:
            listing = ask("GET", f"{API}/{shown['id']}")
            page = ask("GET", path_of(server, shown))
            start = ask("POST", API, '{"logdir": "."}')
        finally:
            assert ask("DELETE", "/probe/handles")[0] == 200
        # It is not taken for the TensorBoard's own fault.
        assert (listing[0], json.loads(listing[1])["state"]) == (200, "ready")
        assert (page[0], start[0]) == (503, 503)
        for told in (page[1], json.loads(start[1])["message"]):
            assert told.startswith("The Jupyter server has run out of processes")
        assert ask("GET", path_of(server, shown))[0] == 200


@pytest.fixture
def impatient(server):
    """The server, which waits for a TensorBoard less long."""
    assert server.request("POST", "/probe/patience", body={"patience": 0.2, "to_answer": 1.5})
    yield server
    server.request("POST", "/probe/patience", body={"patience": 2, "to_answer": 3})


@linux
def test_each_way_to_end_is_told_and_it_starts_again(impatient, monkeypatch):
    server = impatient
    # As a kernel that this server started.
    monkeypatch.setattr(tempfile, "tempdir", str(server.temporary))
    tb = dl_lab.TensorBoard(server.root / "ends")

    def killed(record: rendezvous.Record) -> None:
        os.kill(record.pid, signal.SIGKILL)
        until(lambda: is_gone(record.pid))

    def swept(record: rendezvous.Record) -> None:
        shutil.rmtree(Path(record.socket).parent)

    def held(record: rendezvous.Record) -> None:
        os.kill(record.pid, signal.SIGSTOP)

    addresses = set()
    for end, key, word in (
        (killed, "died", b"ended by itself"),
        (swept, "cut_off", b"cleaned up"),
        (held, "not_answering", b"did not answer"),
    ):
        assert tb not in dl_lab.TensorBoard.running()
        one = open_one(server, "ends")
        assert one["state"] == "ready"
        assert tb in dl_lab.TensorBoard.running()
        addresses.add((one["id"], one["url"]))
        record = record_of(server, server.root / "ends")
        assert record.answers()
        end(record)
        # Who looks at its page, who lists it, and who opens it again are all told.
        answer = server.ask("GET", path_of(server, one))
        assert answer.status in {500, 503}
        assert word in answer.body
        assert b"Traceback" not in answer.body
        told = server.ask("GET", f"{API}/{one['id']}").json
        assert (told["state"], told["problem"]["key"]) == ("failed", key)
        until(lambda record=record: is_gone(record.pid))
    assert len(addresses) == 1
    assert "Traceback" not in (server.home / "log").read_text()
    again = open_one(server, "ends")
    assert (again["state"], (again["id"], again["url"])) == ("ready", *addresses)
    # An orderly end that another asked for, such as a kernel, is not a failure.
    tb.stop()
    until(lambda: server.ask("GET", f"{API}/{again['id']}").status == 404)
    assert tb not in dl_lab.TensorBoard.running()
    tb.stop()


def test_many_who_ask_at_once_get_one_for_each_folder(server, shown):
    names = [f"many/{index}" for index in range(3)]
    for name in names:
        write_run(server.root / name)
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(lambda name: server.ask("POST", API, body={"logdir": name}), names * 4)
        )
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201] * 3
    identifiers = {answer.json["id"] for answer in answers}
    assert len(identifiers) == 3
    for identifier in identifiers:
        assert settled(server, identifier)["state"] == "ready"
    records = [record_of(server, server.root / name) for name in names]
    assert len({record.pid for record in records}) == 3
    for identifier in identifiers:
        assert server.request("DELETE", f"{API}/{identifier}") == (204, b"")
        assert server.request("DELETE", f"{API}/{identifier}") == (204, b"")
        assert server.request("GET", f"{API}/{identifier}")[0] == 404
    until(lambda: all(is_gone(record.pid) for record in records), 5)
    assert shown["id"] in listed(server)


@pytest.mark.usefixtures("shown")
def test_folders_with_runs_are_found_the_newest_first(server):
    newest = write_run(server.root / "runs" / "lenet" / "c")
    (server.root / ".hidden").mkdir(exist_ok=True)
    write_run(server.root / ".hidden" / "run")
    later = time.time() + 100
    for file in newest.iterdir():
        os.utime(file, (later, later))
    told = server.ask("GET", "/dl-lab/api/logdirs").json
    assert told["complete"]
    listed = {one["path"]: one["runs"] for one in told["logdirs"]}
    assert listed["runs"] == listed["runs/lenet"] == 3
    assert not any(".hidden" in path for path in listed)
    first = [one["path"] for one in told["logdirs"][:3]]
    assert first == ["runs", "runs/lenet", "runs/lenet/c"]
    assert told["logdirs"][-1]["path"] == ""


@pytest.mark.usefixtures("shown")
def test_the_server_process_loads_nothing_heavy_for_them(server):
    modules = json.loads(server.get("/probe/modules")[1])["modules"]
    loaded = {name.partition(".")[0] for name in modules}
    assert not loaded & {"torch", "tensorflow", "tensorboard", "werkzeug", "numpy"}


@linux
@pytest.mark.parametrize(
    ("number", "loader"),
    [(signal.SIGKILL, "fast"), (signal.SIGTERM, "safe")],
    ids=lambda value: getattr(value, "name", value),
)
def test_none_outlives_its_server(tmp_path, number, loader):
    running = start(tmp_path / "home", "/", f"--TensorBoards.loader={loader}")
    names = ("runs", "swept") if loader == "fast" else ("runs",)
    for name in names:
        write_run(running.root / name)
        one = open_one(running, name)
        path = path_of(running, one)
        assert until(lambda path=path: json.loads(running.get(f"{path}data/runs")[1])) == ["."]
    records = [record_of(running, running.root / name) for name in names]
    # The fast loader is a process of its own, which is told the folder.
    assert len(started_for(running.root)) == (2 if loader == "fast" else 0)
    if loader == "fast":
        shutil.rmtree(Path(records[1].socket).parent)
        os.kill(records[0].pid, signal.SIGSTOP)
    running.process.send_signal(number)
    running.process.wait(timeout=30)
    until(lambda: all(is_gone(record.pid) for record in records), 5)
    until(lambda: not started_for(running.root), 5)
    until(lambda: not list(running.temporary.glob(f"{rendezvous.PREFIX}*")), 5)
    running.stop()


def started_for(root: Path) -> list[str]:
    """Return the command lines of processes that name a folder below `root`."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"={root}/" in line:
                found.append(line)
    return found


@linux
def test_where_there_are_no_unix_sockets_a_secret_guards_its_port(other_server):
    write_run(other_server.root / "runs")
    one = open_one(other_server, "runs")
    record = record_of(other_server, other_server.root / "runs")
    assert record.socket is None
    assert listening_ports(record.pid) == {record.port}
    environment = Path(f"/proc/{record.pid}/environ").read_bytes()
    assert b"of-the-hub" in Path(f"/proc/{other_server.process.pid}/environ").read_bytes()
    assert b"of-the-hub" not in environment
    stranger = replace(other_server, port=record.port)
    for path in ("/", "/data/runs"):
        assert stranger.request("GET", path) == (403, b"Forbidden")
    assert other_server.ask("GET", f"{path_of(other_server, one)}data/runs").status == 200
    assert other_server.request("DELETE", f"{API}/{one['id']}") == (204, b"")
