"""The Jupyter server extension in a real server, at the root and behind a hub's prefix."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

import dl_lab
from dl_lab.server.generic_proxy import SHUT
from tests.server.test_generic_proxy import plain_forms

VERSION = "/dl-lab/api/version"
HEAVY = {"torch", "tensorflow", "tensorboard", "anywidget", "numpy"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="Reads /proc: run it on Linux.")


def test_version_with_the_token(each_server):
    status, body = each_server.get(VERSION)
    assert status == 200
    assert json.loads(body) == {"name": "dl-lab", "version": dl_lab.__version__}


@pytest.mark.parametrize("token", [None, "wrong"])
def test_no_version_without_the_token(each_server, token):
    status, body = each_server.get(VERSION, token=token)
    assert status in {302, 403}
    assert dl_lab.__version__.encode() not in body


def test_every_route_is_authenticated(each_server):
    routes = json.loads(each_server.get("/probe/routes")[1])["routes"]
    ours = [route for route in routes if "/dl-lab/" in route["pattern"]]
    assert any(route["pattern"].rstrip("$").endswith(VERSION) for route in ours)
    for route in ours:
        # A group of the pattern stands for any word.
        path = re.sub(r"\([^)]*\)", "x", route["pattern"].rstrip("$"))
        path = "/" + path.removeprefix(each_server.base_url)
        assert route["methods"], f"{path} answers to no method."
        for method in route["methods"]:
            refused, _ = each_server.request(method, path, token=None)
            assert refused in {302, 403}, f"{method} {path} answers {refused} to a stranger."


def test_the_server_loads_nothing_heavy(server):
    server.get(VERSION)
    modules = json.loads(server.get("/probe/modules")[1])["modules"]
    loaded = {name.partition(".")[0] for name in modules}
    assert "dl_lab" in loaded
    assert not loaded & HEAVY
    # Nor any part of dl_lab but the server's, the version that it tells, and what a path is.
    ours = {name for name in modules if name.startswith("dl_lab.")}
    others = {name for name in ours if not name.startswith("dl_lab.server")}
    assert others <= {"dl_lab.version", "dl_lab.errors", "dl_lab.paths"}


@linux
def test_the_server_maps_no_library_of_torch(server):
    server.get(VERSION)
    assert libraries(server.process.pid) == []


@linux
def test_a_process_with_torch_would_be_found_out():
    import torch  # noqa: F401

    assert libraries(os.getpid())


def test_the_generic_proxy_is_shut(each_server):
    for path in plain_forms(1):
        answer = each_server.ask("GET", path)
        assert answer.status == 403, path
        assert SHUT.encode() == answer.body


def libraries(pid: int) -> list[str]:
    maps = Path(f"/proc/{pid}/maps").read_text()
    return re.findall(r"\S*(?:libtorch|tensorflow|tensorboard)\S*", maps)
