"""Folders for runs: dated, never the same twice, never outside their root."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime

import pytest

from dl_lab import runs
from dl_lab.errors import InputError


def test_a_folder_is_named_after_the_time(tmp_path):
    before = datetime.now().astimezone().replace(microsecond=0)
    folder = runs.new("lenet", tmp_path)
    assert folder.parent == tmp_path / "lenet"
    date, _, clock = folder.name.partition("T")
    made = datetime.fromisoformat(f"{date}T{clock.replace('-', ':')}").astimezone()
    assert before <= made <= datetime.now().astimezone()


def test_the_root_is_runs_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = runs.new("lenet")
    assert folder.parts[:2] == ("runs", "lenet")
    assert folder.is_dir()


def test_many_processes_at_once_get_folders_of_their_own(tmp_path):
    program = (
        "import json, sys\nfrom dl_lab import runs\nsys.stdin.read(1)\n"
        "print(json.dumps([str(runs.new('lenet', sys.argv[1])) for _ in range(25)]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    folders = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in processes:
        out, _ = process.communicate(timeout=60)
        folders += json.loads(out)
    assert len(set(folders)) == 75
    assert {str(path) for path in (tmp_path / "lenet").iterdir()} == set(folders)


@pytest.mark.parametrize(
    "name", ["lenet", "LeNet 5", "días-de_lluvia", "a.b", "x", "lr=0.1, seed 3"]
)
def test_names_that_work(tmp_path, name):
    assert runs.new(name, tmp_path).parent == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "\ud800",
        "",
        ".",
        "..",
        "../up",
        "a/b",
        "a\\b",
        "/etc",
        "c:x",
        ".hidden",
        "end.",
        " x",
        "x ",
        "a\nb",
        "a\0b",
        "a\ud800",
        "what?",
        "x" * 101,
    ],
)
def test_names_that_do_not(tmp_path, name):
    with pytest.raises(InputError) as error:
        runs.new(name, tmp_path / "root")
    assert error.value.key == "run_name"
    assert repr(name) in str(error.value)
    assert not (tmp_path / "root").exists()


def test_a_root_that_is_a_file_is_told(tmp_path):
    (tmp_path / "root").touch()
    with pytest.raises(InputError) as error:
        runs.new("lenet", tmp_path / "root")
    assert error.value.key == "path_is_file"
    assert str(tmp_path / "root") in str(error.value)
    with pytest.raises(InputError) as error:
        runs.new("root", tmp_path)
    assert error.value.key == "run_folder"
