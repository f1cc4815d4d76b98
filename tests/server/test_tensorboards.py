"""TensorBoards behind a real Jupyter server: started, shown, stopped, and kept to their owner."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import socket
import socketserver
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

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


@pytest.fixture(scope="module")
def shown(server):
    """A TensorBoard that runs, on each of the servers."""
    write_run(server.root / "runs" / "lenet" / "a")
    write_run(server.root / "runs" / "lenet" / "b")
    return open_one(server, "runs")


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
    assert [one["id"] for one in server.ask("GET", API).json["tensorboards"]] == [shown["id"]]


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


def test_blanks_around_a_folder_s_name_are_not_its_own(server, shown):
    answer = server.ask("POST", API, body={"logdir": " runs "})
    assert (answer.status, answer.json["id"]) == (200, shown["id"])
    # But where it is called so, it is that one, as the file browser has it.
    write_run(server.root / "runs ")
    other = open_one(server, "runs ")
    assert other["logdir"] == f"{server.root}/runs "
    assert server.request("DELETE", f"{API}/{other['id']}")[0] == 204


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
    """Answers with the headers that it got."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Set-Cookie", "from=tensorboard")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "page"

    def log_message(self, *_: object) -> None:
        pass


def test_no_cookie_and_no_token_is_passed_on(server):
    write_run(server.root / "echo")
    one = open_one(server, "echo")
    path = record_of(server, server.root / "echo").socket
    # Somebody else answers where the proxy asks.
    Path(path).unlink()
    with socketserver.UnixStreamServer(path, Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        headers = logged_in(server) | {"X-XSRFToken": "x", "Accept": "text/plain"}
        answer = server.ask("GET", path_of(server, one), headers=headers)
        echo.shutdown()
    assert answer.json["Accept"] == "text/plain"
    told = answer.body.decode().lower()
    for word in ("cookie", "authorization", "xsrf", TOKEN):
        assert word not in told
    assert "from=tensorboard" not in str(answer.headers)
    assert server.request("DELETE", f"{API}/{one['id']}")[0] == 204


def test_one_that_is_killed_says_so_and_starts_again(server):
    write_run(server.root / "killed")
    first = open_one(server, "killed")
    pid = record_of(server, server.root / "killed").pid
    os.kill(pid, signal.SIGKILL)

    def failed():
        told = server.ask("GET", f"{API}/{first['id']}").json
        return told if told["state"] == "failed" else None

    told = until(failed, 5)
    assert told["problem"]["key"] == "died"
    answer = server.ask("GET", path_of(server, first))
    assert (answer.status, b"ended" in answer.body) == (500, True)
    again = open_one(server, "killed")
    assert (again["state"], again["id"], again["url"]) == ("ready", first["id"], first["url"])
    assert record_of(server, server.root / "killed").pid != pid
    # An orderly end that another asked for is no failure.
    os.kill(record_of(server, server.root / "killed").pid, signal.SIGTERM)
    until(lambda: server.ask("GET", f"{API}/{first['id']}").status == 404)


def test_many_who_ask_at_once_get_one_for_each_folder(server, shown):
    names = [f"many/{index}" for index in range(5)]
    for name in names:
        write_run(server.root / name)
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda name: server.ask("POST", API, body={"logdir": name}), names * 4)
        )
    assert sorted(answer.status for answer in answers) == [200] * 15 + [201] * 5
    identifiers = {answer.json["id"] for answer in answers}
    assert len(identifiers) == 5
    for identifier in identifiers:
        assert settled(server, identifier)["state"] == "ready"
    records = [record_of(server, server.root / name) for name in names]
    assert len({record.pid for record in records}) == 5
    for identifier in identifiers:
        assert server.request("DELETE", f"{API}/{identifier}") == (204, b"")
        assert server.request("DELETE", f"{API}/{identifier}") == (204, b"")
        assert server.request("GET", f"{API}/{identifier}")[0] == 404
    until(lambda: all(is_gone(record.pid) for record in records), 5)
    assert [one["id"] for one in server.ask("GET", API).json["tensorboards"]] == [shown["id"]]


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


@pytest.fixture
def small(tmp_path):
    """A server for one TensorBoard, which it soon stops."""
    options = ("--TensorBoards.max_instances=1", "--TensorBoards.idle_timeout=3")
    running = start(tmp_path / "home", "/", *options)
    yield running
    running.stop()


def test_the_most_that_run_and_one_that_nobody_uses(small):
    stale = small.temporary / f"{rendezvous.PREFIX}stale"
    stale.mkdir()
    gone = rendezvous.Record(str(small.root), 1, str(stale / "socket"), None)
    rendezvous.write_record(stale, gone)
    for name in ("a", "b"):
        write_run(small.root / name)
    first = open_one(small, "a")
    assert not stale.exists()
    refused = small.ask("POST", API, body={"logdir": "b"})
    assert (refused.status, refused.json["key"]) == (429, "too_many")
    pid = record_of(small, small.root / "a").pid
    until(lambda: small.ask("GET", f"{API}/{first['id']}").status == 404)
    until(lambda: is_gone(pid))
    assert open_one(small, "b")["state"] == "ready"


@linux
@pytest.mark.parametrize(
    ("number", "loader"),
    [(signal.SIGKILL, "safe"), (signal.SIGKILL, "fast"), (signal.SIGTERM, "safe")],
    ids=lambda value: getattr(value, "name", value),
)
def test_none_outlives_its_server(tmp_path, number, loader):
    running = start(tmp_path / "home", "/", f"--TensorBoards.loader={loader}")
    for name in ("runs", "more"):
        write_run(running.root / name)
        one = open_one(running, name)
        path = path_of(running, one)
        assert until(lambda path=path: json.loads(running.get(f"{path}data/runs")[1])) == ["."]
    pids = [record_of(running, running.root / name).pid for name in ("runs", "more")]
    # The fast loader is a process of its own, which is told the folder.
    assert len(started_for(running.root)) == (2 if loader == "fast" else 0)
    running.process.send_signal(number)
    running.process.wait(timeout=30)
    until(lambda: all(is_gone(pid) for pid in pids), 5)
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
def test_where_there_are_no_unix_sockets_a_secret_guards_its_port(tmp_path):
    hub = {"JUPYTERHUB_API_TOKEN": "of-the-hub", "JPY_API_TOKEN": "of-the-hub"}
    running = start(tmp_path / "home", "/", DL_LAB_PROBE_WITHOUT_UNIX_SOCKETS="1", **hub)
    write_run(running.root / "runs")
    one = open_one(running, "runs")
    record = record_of(running, running.root / "runs")
    assert record.socket is None
    assert listening_ports(record.pid) == {record.port}
    environment = Path(f"/proc/{record.pid}/environ").read_bytes()
    assert b"of-the-hub" not in environment
    stranger = Server(running.process, record.port, "/", running.home, running.temporary)
    for path in ("/", "/data/runs"):
        assert stranger.request("GET", path) == (403, b"Forbidden")
    assert running.ask("GET", f"{path_of(running, one)}data/runs").status == 200
    running.stop()
