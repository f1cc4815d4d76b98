"""What people write for a path: ``~`` is home, blanks go, and what is not a path is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dl_lab import paths
from dl_lab.errors import InputError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home and a working folder of its own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("~", ""),
        ("~/", ""),
        ("~/runs", "runs"),
        (" ~/runs ", "runs"),
        ("~//runs/", "runs"),
        (Path("~/runs"), "runs"),
        (Path("~"), ""),
    ],
)
def test_home(home, given, meant):
    assert paths.folder("logdir", given) == home / meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("runs", "runs"),
        (" runs ", "runs"),
        ("\truns\n", "runs"),
        (Path(" runs"), "runs"),
        (".", "."),
        ("./~", "~"),
        ("runs/~", "runs/~"),
        ("backup~", "backup~"),
        ("runs/2026-11-24T10:15:00", "runs/2026-11-24T10:15:00"),
        ("lr=0.1,bs=32", "lr=0.1,bs=32"),
        ("a b/c", "a b/c"),
        ("cost in $", "cost in $"),
        ("ñandú/日本", "ñandú/日本"),
    ],
)
def test_from_the_working_folder(given, meant):
    assert paths.folder("logdir", given) == Path(meant)
    assert paths.local("logdir", given, Path("/data")) == Path("/data", meant)
    assert not Path(meant).exists() or meant == "."


@pytest.mark.parametrize("ask", [paths.local, paths.folder, paths.file])
@pytest.mark.parametrize(
    ("given", "key"),
    [
        (None, "path_kind"),
        (3, "path_kind"),
        (True, "path_kind"),
        (["runs"], "path_kind"),
        (b"runs", "path_kind"),
        ("a\0b", "path_kind"),
        ("\ud800", "path_kind"),
        ("", "path_empty"),
        (" \t\n", "path_empty"),
        ("gs://bucket/runs", "path_address"),
        (" s3://bucket", "path_address"),
        (Path("s3://bucket/runs"), "path_address"),
        ("file:///tmp/runs", "path_address"),
        ("HTTPS://example.org", "path_address"),
        ("dbfs:/runs", "path_address"),
        ("git+ssh://host/runs", "path_address"),
        ("~nobody-of-this-name", "path_home"),
        ("~nobody-of-this-name/runs", "path_home"),
        (Path("~nobody-of-this-name"), "path_home"),
        ("$HOME/runs", "path_variable"),
        ("${HOME}", "path_variable"),
        ("%USERPROFILE%\\runs", "path_variable"),
    ],
)
def test_refusals(ask, given, key):
    with pytest.raises(InputError) as caught:
        ask("logdir", given)
    assert caught.value.key == key
    assert str(caught.value).startswith("logdir ")
    assert os.listdir() == []  # noqa: PTH208  # names, not paths


def test_what_is_there_is_taken_as_it_is(home):
    for name in (" runs ", "dbfs:", "$HOME"):
        Path(name, "deeper").mkdir(parents=True)
    assert paths.folder("logdir", " runs ") == Path(" runs ")
    assert paths.folder("logdir", "dbfs:/deeper") == Path("dbfs:/deeper")
    assert paths.folder("logdir", "$HOME") == Path("$HOME")
    # Such folders are there because an address or a home was once taken for a name.
    for name in ("~", "s3:/bucket"):
        Path(name).mkdir(parents=True)
    assert paths.folder("logdir", "~") == home
    with pytest.raises(InputError):
        paths.folder("logdir", "s3://bucket")


def test_a_home_that_is_not_there(monkeypatch, tmp_path):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "gone"))
    with pytest.raises(InputError, match="no home folder '~'"):
        paths.folder("logdir", "~/runs")


@pytest.mark.parametrize("given", ["note.txt", "note.txt/deeper", "note.txt/a/b", " note.txt "])
def test_a_file_is_no_folder(given):
    Path("note.txt").touch()
    with pytest.raises(InputError, match=r"logdir must be a folder, and note\.txt is a file"):
        paths.folder("logdir", given)


def test_files():
    Path("runs").mkdir()
    Path("note.txt").touch()
    assert paths.file("path", " runs/a.pt ") == Path("runs/a.pt")
    assert paths.file("path", "note.txt") == Path("note.txt")
    for given in ("runs", "new/", "~", "."):
        with pytest.raises(InputError, match="path must be a file"):
            paths.file("path", given)
    with pytest.raises(InputError, match=r"note\.txt is a file"):
        paths.file("path", "note.txt/a.pt")


def test_a_name_too_long_is_not_looked_for():
    assert paths.folder("logdir", "a" * 300) == Path("a" * 300)
