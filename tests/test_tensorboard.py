"""`dl_lab.TensorBoard` and ``%tensorboard`` in a real kernel: they name a folder, and no more."""

from __future__ import annotations

import importlib
import os
import sys
import types

import pytest

import dl_lab
from dl_lab import tensorboard
from dl_lab.errors import InputError
from dl_lab.magic import tensorboard as magic
from tests.widgets.kernel import kernel


@pytest.fixture(scope="module")
def live(tmp_path_factory, warm_kernels):
    with kernel(warm_kernels.manager("ipykernel-7.4")) as started:
        folder = str(tmp_path_factory.mktemp("work"))
        started.run(f"import os, dl_lab; os.chdir({folder!r})")
        yield started


def shown(live, code):
    """Return what a cell shows and what it prints."""
    cell = live.start(code)
    printed = live.finish(cell)
    return [output["data"] for output in live.of(cell, "display_data")], printed


def test_a_cells_last_line_names_the_folder(live):
    (bundle,), _ = shown(live, "tb = dl_lab.TensorBoard('runs')\ntb")
    cwd = live.run("print(os.getcwd(), end='')")
    assert bundle[tensorboard.MIME] == {"logdir": f"{cwd}/runs", "action": "open"}
    assert f"{cwd}/runs" in bundle["text/plain"]
    assert f"<code>{cwd}/runs</code>" in bundle["text/html"]
    # It was made: TensorBoard is opened before the first training, too.
    assert os.path.isdir(f"{cwd}/runs")  # noqa: PTH112
    printed = live.run("print([tb], dl_lab.TensorBoard.running())")
    assert printed == f"[TensorBoard('{cwd}/runs')] []\n"


def test_the_magic_of_course_notebooks_works_unchanged(live):
    live.run("%load_ext dl_lab")
    # What such a notebook says itself would put the magic that opens a port in place of ours.
    assert "already loaded" in live.run("%load_ext tensorboard")
    cwd = live.run("print(os.getcwd(), end='')")
    folder = "logs/it is"
    (bundle,), printed = shown(live, f"%tensorboard --logdir '{folder}' --port 6007")
    assert bundle[tensorboard.MIME]["logdir"] == f"{cwd}/{folder}"
    assert printed.startswith("--port 6007: without effect here.")
    (bundle,), printed = shown(live, "name = 'fit'\n%tensorboard --logdir=logs/{name}")
    assert (bundle[tensorboard.MIME]["logdir"], printed) == (f"{cwd}/logs/fit", "")


def test_to_stop_what_runs_elsewhere_asks_the_page(live):
    (bundle,), _ = shown(live, "dl_lab.TensorBoard('runs').stop()")
    assert bundle[tensorboard.MIME]["action"] == "stop"


@pytest.mark.parametrize("line", ["", "runs", "--logdir", "--port 6006"])
def test_a_magic_without_a_folder_says_what_it_needs(line):
    with pytest.raises(InputError, match=r"needs a folder: %tensorboard --logdir runs"):
        magic(line)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('--logdir "unclosed', "magic_quote"),
        ("--logdir it's", "magic_quote"),
        ('--logdir runs --host "a', "magic_quote"),
        ("--logdir runs\\", "magic_quote"),
        ("--logdir my runs", "magic_words"),
        ("my --logdir runs", "magic_words"),
        ("--logdir runs/{name}", "magic_unfilled"),
        ("--logdir runs/$name", "magic_unfilled"),
        ("--logdir s3://bucket/runs", "path_address"),
        ("--logdir ' '", "path_empty"),
        ("--logdir ~nobody-of-this-name", "path_home"),
        ("--logdir a:dir1,b:dir2", "logdir_spec"),
        ("--logdir ''", "magic_logdir"),
        ("--logdir_spec a:dir1", "magic_logdir"),
    ],
)
def test_a_magic_that_cannot_be_read_makes_nothing(monkeypatch, tmp_path, line, key):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        magic(line)
    assert caught.value.key == key
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A home and a working folder of its own."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def test_home_and_blanks(home):
    assert dl_lab.TensorBoard("~").logdir == os.path.realpath(home)
    assert dl_lab.TensorBoard(" ~/runs ").logdir == os.path.realpath(home / "runs")
    assert dl_lab.TensorBoard(" runs ").logdir == os.path.realpath("runs")
    assert os.listdir() == ["runs"]  # noqa: PTH208  # names, not paths
    assert [one.name for one in home.iterdir()] == ["runs"]


@pytest.mark.parametrize(
    ("logdir", "key"),
    [
        *((3, "path_kind"), (None, "path_kind"), (b"runs", "path_kind"), ("a\0b", "path_kind")),
        *(("", "path_empty"), ("  ", "path_empty"), ("~nobody-of-this-name", "path_home")),
        *(("gs://bucket/runs", "path_address"), ("s3://bucket", "path_address")),
        *(("a:dir1", "logdir_spec"), ("a:dir1,b:dir2", "logdir_spec"), ("a:/x/y", "logdir_spec")),
        *(("there,elsewhere", "logdir_spec"), ("~/there,~/b", "logdir_spec")),
        *(("a" * 300, "run_folder"), ("$HOME/runs", "path_variable")),
    ],
)
def test_what_names_no_folder_is_refused(home, logdir, key):
    for place in (home / "there", home.parent / "work" / "there"):
        place.mkdir()
    with pytest.raises(InputError) as caught:
        dl_lab.TensorBoard(logdir)
    assert caught.value.key == key
    assert os.listdir() == ["there"]  # noqa: PTH208  # names, not paths


def test_a_folder_really_called_so(home):
    for name in ("./a:dir1", "runs/2026-11-24T10:15:00", "lr=0.1,bs=32"):
        assert dl_lab.TensorBoard(name).logdir == os.path.realpath(name)
    # It is there now, so that its name alone tells which.
    assert dl_lab.TensorBoard("a:dir1").logdir == os.path.realpath("a:dir1")
    assert list(home.iterdir()) == []


def test_a_file_is_refused(tmp_path):
    file = tmp_path / "events"
    file.write_text("")
    for logdir in (file, file / "deeper"):
        with pytest.raises(InputError) as caught:
            dl_lab.TensorBoard(logdir)
        assert caught.value.key == "path_is_file"


def test_names_stay_text_and_the_link_finds_the_server(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ana/")
    folder = tmp_path / "<b>&é"
    bundle = dl_lab.TensorBoard(folder)._bundle("open")
    assert "<b>" not in bundle["text/html"]
    assert "&lt;b&gt;&amp;é" in bundle["text/html"]
    link = f"/user/ana/dl-lab/tensorboard?logdir={tmp_path}/%3Cb%3E%26%C3%A9"
    assert link in bundle["text/html"]
    assert link in bundle["text/plain"]


def test_the_link_of_a_server_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "123")
    assert "JupyterLab with dl-lab" in dl_lab.TensorBoard(tmp_path)._bundle("open")["text/html"]
    (tmp_path / "jpserver-123.json").write_text('{"base_url": "/lab1/", "token": "secret"}')
    bundle = dl_lab.TensorBoard(tmp_path)._bundle("open")
    assert "/lab1/dl-lab/tensorboard?logdir=" in bundle["text/html"]
    assert "secret" not in str(bundle)


def test_colab_has_tensorboards_own(monkeypatch, tmp_path):
    started: list[str] = []
    notebook = importlib.import_module("tensorboard.notebook")
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(notebook, "start", started.append)
    dl_lab.TensorBoard(tmp_path / "a b")._ipython_display_()
    assert started == [f"--logdir '{tmp_path}/a b'"]
