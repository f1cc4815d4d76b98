"""What goes wrong around a TensorBoard ends in a sentence and a way on, within seconds.

No room among the temporary files, no file handle, process or thread left, a private folder that
was swept, a process that is held: here without a Jupyter server in between, where that shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dl_lab
from dl_lab.errors import InputError
from dl_lab.server import rendezvous, tensorboard_process
from dl_lab.server.logdirs import resolve
from dl_lab.server.problems import Problem
from dl_lab.server.tensorboard import TensorBoards
from dl_lab.server.tensorboard_process import TensorBoardProcess
from tests.server.conftest import SHORT
from tests.server.test_tensorboards import as_another, is_gone, linux

PROGRAM = ["sleep", "600"]


@pytest.fixture
def temporary(monkeypatch, tmp_path):  # noqa: ARG001  # pytest makes its own before
    """A folder for temporary files of this test's own, with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(dir=SHORT, ignore_cleanup_errors=True) as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def boards(temporary, tmp_path):
    """The TensorBoards of a server whose root holds the folder "runs"."""
    (tmp_path / "runs").mkdir()
    yield TensorBoards(root=str(tmp_path))
    assert private(temporary) == []


def private(temporary: Path) -> list[Path]:
    return [*temporary.glob(f"{rendezvous.PREFIX}*")]


async def refused(boards: TensorBoards) -> Problem:
    with pytest.raises(Problem) as caught:
        await boards.start("runs")
    assert boards.processes == []
    return caught.value


async def settled(process: TensorBoardProcess) -> TensorBoardProcess:
    while process.state == "starting":  # noqa: ASYNC110  # nobody is told when it changes
        await asyncio.sleep(0.02)
    return process


def test_no_folder_for_temporary_files(boards, temporary, monkeypatch):
    async def vanished_and_back():
        shutil.rmtree(temporary)
        gone = await refused(boards)
        temporary.write_text("a file in its place")
        file = await refused(boards)
        temporary.unlink()
        temporary.mkdir()
        for code in (errno.EROFS, errno.ENOSPC):

            def failing(path, *_: object, code=code) -> None:
                raise OSError(code, os.strerror(code), path)

            with monkeypatch.context() as context:
                context.setattr(os, "mkdir", failing)
                yet = await refused(boards)
            assert (yet.key, yet.status) == ("no_room", 503)
            assert os.strerror(code) in str(yet)
        return gone, file

    for problem in asyncio.run(vanished_and_back()):
        assert (problem.key, problem.status) == ("no_room", 503)
        assert str(temporary) in str(problem)
    assert dl_lab.TensorBoard.running() == []


def test_a_folder_for_temporary_files_that_is_read_only(temporary):
    temporary.chmod(0o500)
    if os.geteuid() == 0:
        os.chown(temporary, 65534, 65534)

    def key() -> str:
        with pytest.raises(Problem) as caught:
            rendezvous.make_folder()
        return caught.value.key

    assert as_another(key) == "no_room"
    temporary.chmod(0o700)


def test_none_at_all(monkeypatch):
    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **_: none())
    with pytest.raises(Problem) as caught:
        rendezvous.make_folder()
    assert caught.value.key == "no_room"
    assert dl_lab.TensorBoard.running() == []
    rendezvous.sweep()


def test_a_disk_that_is_full_when_it_is_ready_and_a_way_on(boards, monkeypatch):
    """Then a swept folder, which who opens it again need not know; one that is held is stopped."""
    monkeypatch.setattr(tensorboard_process, "_SECONDS_TO_STOP", 0.5)
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def failing(*_: object, **__: object) -> None:
        raise full

    async def journey():
        with monkeypatch.context() as context:
            context.setattr(Path, "write_text", failing)
            first, _ = await boards.start("runs")
            await settled(first)
        assert (first.state, first.problem.key) == ("failed", "no_room")
        assert "No space left" in str(first.problem)

        second, new = await boards.start("runs")
        assert ((await settled(second)).state, new) == ("ready", True)
        assert (await boards.start("runs")) == (second, False)
        shutil.rmtree(Path(second.socket).parent)
        third, new = await boards.start("runs")
        assert (second.state, second.problem.key, new) == ("failed", "cut_off", True)

        os.kill(third.pid, signal.SIGSTOP)
        await boards.stop_all()
        await asyncio.gather(*(one._has_ended(60) for one in (first, second, third)))
        return [first, second, third]

    assert all(is_gone(one.pid) for one in asyncio.run(journey()))


@contextlib.contextmanager
def no_handles(spare: int):
    """Leave this process so many file handles to open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 200, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(spare):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in taken:
            os.close(one)


def test_no_file_handles(boards, temporary):
    async def with_ever_more():
        for spare in range(12):
            with no_handles(spare):
                try:
                    await boards.start("runs")
                except Problem as problem:
                    assert (problem.key, problem.status) == ("no_process", 503)  # noqa: PT017
                    assert "Too many open files" in str(problem)  # noqa: PT017
                else:
                    break
            assert (boards.processes, private(temporary)) == ([], [])
        assert spare > 3
        await boards.stop_all()

    asyncio.run(with_ever_more())


def test_no_processes_and_no_threads(boards, temporary, monkeypatch):
    open_to_all = TensorBoards(root=str(temporary))
    temporary.chmod(0o777)
    (temporary / "runs").mkdir(mode=0o755)

    def told(warm: bool) -> str:
        async def start() -> str:
            if warm:  # the only thread that reads the disk is there already
                asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
                await open_to_all.logdirs()
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            return str(await refused(open_to_all))

        # At its end asyncio.run would start a thread, too.
        return asyncio.new_event_loop().run_until_complete(start())

    # In another account, since the limit is not for root.
    for warm, detail in ((False, "can't start new thread"), (True, os.strerror(errno.EAGAIN))):
        said = as_another(lambda warm=warm: told(warm))
        assert said.startswith("The Jupyter server has run out of processes")
        assert f"({detail})" in said

    started = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "dl-lab TensorBoard":
            raise RuntimeError("can't start new thread")
        started(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert asyncio.run(refused(boards)).key == "no_process"


def test_a_program_that_is_not_there(boards, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/python")
    problem = asyncio.run(refused(boards))
    assert problem.key == "not_started"
    assert "/no/python" in problem.params["output"]


def test_the_most_that_run_and_one_that_nobody_uses(temporary, tmp_path):
    stale, fresh = (temporary / f"{rendezvous.PREFIX}{name}" for name in ("stale", "fresh"))
    for folder in (stale, fresh):
        folder.mkdir()
    rendezvous.write_record(stale, rendezvous.Record("", 1, str(stale / "socket"), None))
    boards = TensorBoards(root=str(tmp_path), max_instances=1, idle_timeout=2)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    async def journey():
        first, _ = await boards.start("a")
        while first.state == "starting":
            boards.use(first)
            await asyncio.sleep(0.02)
        assert first.state == "ready"
        assert (stale.exists(), fresh.exists()) == (False, True)
        with pytest.raises(Problem) as caught:
            await boards.start("b")
        assert (caught.value.key, caught.value.status) == ("too_many", 429)
        while boards.processes:  # noqa: ASYNC110  # nor here
            await asyncio.sleep(0.02)
        await first._has_ended(60)
        assert is_gone(first.pid)
        _, new = await boards.start("b")
        assert new
        await boards.stop_all()

    asyncio.run(journey())


@pytest.fixture
def listening(temporary):
    """A record of a process that can be ended, with a socket that somebody listens on."""
    folder = rendezvous.make_folder()
    (folder / "logdir").mkdir()
    path = str(rendezvous.socket_path(folder))
    with subprocess.Popen(PROGRAM) as process, socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(0)
        record = rendezvous.Record(str(temporary / "runs"), process.pid, path, None)
        rendezvous.write_record(folder, record)
        yield record
        process.kill()


def aged(record: rendezvous.Record) -> Path:
    folder = Path(record.socket).parent
    os.utime(folder, (0, 0))
    return folder


def test_what_cannot_be_asked_now_is_not_swept(listening):
    folder = aged(listening)
    with no_handles(0):
        assert listening.answers()
        rendezvous.sweep()
    with contextlib.ExitStack() as waiting:
        # As many wait as may: another has to wait, and is not refused.
        for _ in range(3):
            client = waiting.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(listening.socket)
        assert listening.answers()
        rendezvous.sweep()
    # Nor where the record alone is gone.
    assert dl_lab.TensorBoard.running() != []
    for file in folder.glob("*.json"):
        file.unlink()
    aged(listening)
    rendezvous.sweep()
    assert folder.exists()
    Path(listening.socket).unlink()
    aged(listening)
    assert not listening.answers()
    rendezvous.sweep()
    assert not folder.exists()


def test_those_that_run_are_told_whatever_became_of_their_folders(listening):
    folder = Path(listening.logdir)
    for make in (lambda: None, lambda: folder.write_text("a file in its place")):
        make()
        (tb,) = dl_lab.TensorBoard.running()
        assert tb.logdir == listening.logdir
    folder.unlink()
    assert dl_lab.TensorBoard.running() == [tb]
    assert not folder.exists()


def test_one_that_is_held_is_stopped_from_python(listening):
    os.kill(listening.pid, signal.SIGSTOP)
    (tb,) = dl_lab.TensorBoard.running()
    tb.stop()
    end = time.monotonic() + 60
    while not is_gone(listening.pid):
        assert time.monotonic() < end
        time.sleep(0.01)
    tb.stop()


@linux
def test_what_may_not_be_followed():
    target = Path("/proc/1/root")

    def told(allowed: Path) -> str:
        try:
            return str(resolve(str(target), Path("/tmp"), [allowed]))  # noqa: S108
        except Problem as problem:
            return problem.key

    assert told(Path("/tmp")) == "logdir_outside"  # noqa: S108
    assert as_another(lambda: told(Path("/tmp"))) == "logdir_outside"  # noqa: S108
    assert as_another(lambda: told(Path("/"))) == "logdir_unreadable"
    assert as_another(lambda: told(Path("~nobody-of-this-name"))) == "logdir_outside"


@linux
def test_a_name_that_is_no_text(tmp_path, monkeypatch):
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).mkdir()
    for given in (name, "\udc80", f"{name}/."):
        with pytest.raises(Problem) as caught:
            resolve(given, tmp_path, [tmp_path])
        assert caught.value.key == "logdir_undecodable"
        str(caught.value).encode()
    monkeypatch.chdir(tmp_path / name)
    for given in (name, "runs", "\udc80"):
        with pytest.raises(InputError) as refused:
            dl_lab.TensorBoard(given)
        assert refused.value.key == "logdir_undecodable"
        str(refused.value).encode()
    assert list(Path().iterdir()) == []


def test_a_working_folder_that_was_removed(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(InputError) as caught:
        dl_lab.TensorBoard("runs")
    assert caught.value.key == "run_folder"


@pytest.mark.parametrize(
    "given",
    ["a" * 20_000_000, "a/" * 10_000_000, "\ud800" * 5_000],
    ids=["one", "many", "no text"],
)
def test_what_is_too_long_for_a_path(tmp_path, given):
    with pytest.raises(InputError) as caught:
        dl_lab.TensorBoard(given)
    assert caught.value.key == "path_long"
    assert len(str(caught.value)) < 300
    with pytest.raises(Problem) as refused:
        resolve(given, tmp_path, [tmp_path])
    assert refused.value.key == "logdir_long"
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "given",
    [["runs"] * 10**6, {"a" * 10**6: 1}, 10**4000, "a" * 4_000, "~" + "a" * 4_000],
    ids=["list", "object", "number", "text", "home"],
)
def test_a_long_refusal_is_shortened(tmp_path, given):
    with pytest.raises(Problem) as caught:
        resolve(given, tmp_path, [tmp_path])
    assert len(str(caught.value)) < 600
    assert all(len(value) < 310 for value in caught.value.params.values())


def test_a_folder_that_vanishes_while_it_is_looked_at(tmp_path, monkeypatch):
    folder = tmp_path / "runs"
    scandir = os.scandir
    for code in (errno.ENOENT, errno.EIO, errno.EMFILE):
        folder.mkdir(exist_ok=True)

        def vanishing(path, code=code):
            if code == errno.ENOENT:
                folder.rmdir()
                return scandir(path)
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "scandir", vanishing)
        with pytest.raises(Problem) as caught:
            resolve("runs", tmp_path, [tmp_path])
        keys = {errno.ENOENT: "logdir_missing", errno.EIO: "logdir_broken"}
        assert caught.value.key == keys.get(code, "no_process")


def test_a_disk_that_does_not_answer(boards, monkeypatch):
    monkeypatch.setattr("dl_lab.server.tensorboard._SECONDS_FOR_A_DISK", 0.05)
    back = threading.Event()
    monkeypatch.setattr("dl_lab.server.logdirs.find", lambda _: back.wait(60))
    monkeypatch.setattr("dl_lab.server.logdirs.resolve", lambda *_: back.wait(60))

    async def asked():
        assert (await refused(boards)).key == "disk_slow"
        with pytest.raises(Problem) as caught:
            await boards.logdirs()
        back.set()
        return caught.value.key

    assert asyncio.run(asked()) == "disk_slow"


def test_secrets_stay_with_the_server(monkeypatch):
    secrets = {
        "CONFIGPROXY_AUTH_TOKEN": "x",
        "JUPYTERHUB_API_TOKEN": "x",
        "JUPYTERHUB_CRYPT_KEY": "x",
        "JUPYTERHUB_API_URL": "http://hub",
        "JPY_API_TOKEN": "x",
        "JUPYTER_TOKEN": "x",
        "jupyter_password": "x",
        "GITHUB_CLIENT_SECRET": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "OPENAI_API_KEY": "x",
        "MYSQL_PWD": "x",
        "PGPASSFILE": "x",
        "SSH_AUTH_SOCK": "x",
        "DATABASE_URL": "postgres://ana:secret@db/runs",
        "https_proxy": "http://ana:secret@proxy:8080",
    }
    needed = {"PYTHONPATH": "/a", "LD_LIBRARY_PATH": "/b", "TMPDIR": "/c", "LANG": "es_ES.UTF-8"}
    for name, value in (secrets | needed).items():
        monkeypatch.setenv(name, value)
    handed = tensorboard_process.environment()
    assert not secrets.keys() & handed.keys()
    assert needed.items() <= handed.items()
    assert handed["PATH"] == os.environ["PATH"]


def test_every_process_that_is_started_gets_that_environment():
    package = Path(dl_lab.__file__).parent
    ways = ("subprocess", "os.fork", "os.spawn", "os.posix_spawn", "os.exec", "os.system", "popen")
    found = {
        file.relative_to(package).as_posix(): text.count("env=environment()")
        for file in package.rglob("*.py")
        if any(way in (text := file.read_text(encoding="utf-8")) for way in ways)
    }
    assert found == {"server/tensorboard_process.py": 1}
    assert (package / "server/tensorboard_process.py").read_text().count("subprocess.Popen(") == 1


RECORD = {"logdir": "/runs", "pid": 1, "socket": None, "port": 6006}


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "null", "[" * 100_000, "\ufeff{}"),
        *(
            json.dumps(RECORD | change)
            for change in (
                *({"port": "6006"}, {"port": -1}, {"port": 99_999}, {"port": None}),
                *({"socket": 3}, {"socket": []}, {"socket": "\ud800"}, {"socket": "a\0b"}),
                *({"logdir": 1}, {"pid": "x"}, {"more": 1}),
            )
        ),
    ],
)
def test_a_damaged_record_counts_as_none(tmp_path, content):
    folder = rendezvous.make_folder()
    (folder / "running.json").write_text(content)
    assert [*rendezvous.records()] == []
    assert dl_lab.TensorBoard.running() == []
    dl_lab.TensorBoard(tmp_path).stop()
    rendezvous.sweep()
    shutil.rmtree(folder)
