"""Malformed requests are refused: at once, in a line, without a traceback in the log."""

from __future__ import annotations

import json

import pytest

from tests.server.conftest import Server
from tests.server.test_tensorboards import API, path_of, raw

BODIES = [
    *(b"{", b"nul", b'""x', b"\x00", b"NaN", b"1e999", b"1" * 5000, b"[" * 40_000),
    *(b"[" * 900 + b"]" * 900, b"\xff\xfe", b'{"logdir": "\xff"}', '"runs'.encode("utf-16")),
    *(b'"' + b"a" * 3_000_000 + b'"', b'{"logdir":' + b'{"a":' * 500 + b"1" + b"}" * 501),
    *(b'"\\ud800"', b'"\\udc80"', b'{"logdir": "a\\u0000b"}', b'{"logdir": "\\udc80\\n\\u001b"}'),
]
PLACES = [
    *("api/tensorboards/%ff", "api/tensorboards/%00", f"api/tensorboards/{'a' * 5000}"),
    *(
        "api/tensorboards?token=%ff",
        "api/tensorboards?no_track_activity=%ff",
        "api/logdirs?%ff=%fe",
    ),
    *(
        "api/version?no_track_activity=%ff",
        "tensorboard?logdir=%ff",
        "tensorboard?logdir=%ed%a0%80",
    ),
    *(f"tensorboard?logdir={'a' * 30_000}", "tensorboard/%ff", "tensorboard/%ff/"),
    *(f"tensorboard/{'a' * 3000}/", "tensorboard/x/%ff", "tensorboard/x/?token=%ff"),
]
ADDRESSES = [
    "",
    "%ff",
    "\xff",
    "%00",
    "%0d%0aX:%20y",
    "?%ff=%ff",
    "?\xff",
    "?token=%ff",
    "?a=[",
    "//[",
]
HEADERS = [
    *("Origin: http://[", "Referer: http://[", "Sec-WebSocket-Origin: http://[", "Origin: \xff"),
    *("Referer: \xff", "Accept: \xff", "Accept-Language: \xff", "Cookie: \xff", "User-Agent: a\tb"),
    *("Content-Type: \xff", "Content-Type: multipart/form-data"),
    "Content-Type: multipart/form-data; boundary=x",
    "Content-Type: application/x-www-form-urlencoded; charset=none",
]
METHODS = ("GET", "POST", "DELETE", "HEAD")


@pytest.fixture(autouse=True)
def quiet(server):
    """No request leaves a traceback in the log of the server."""
    log = server.home / "log"
    before = log.stat().st_size
    yield
    assert b"Traceback" not in log.read_bytes()[before:]
    assert server.ask("GET", API).status == 200


def refused(server: Server, method: str, path: str, **sent: object) -> bytes:
    answer = raw(server, method, path, **sent)
    # TensorBoard may close its end before it has read what it does not want.
    assert int(answer.split()[1]) in {*range(200, 500), 502}, (method, path, answer)
    return answer


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_what_is_sent(server, body):
    answer = refused(server, "POST", API, body=body)
    assert answer.startswith(b"HTTP/1.1 4")
    assert len(answer) < 2500
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert told["message"].endswith(".")
    told["message"].encode()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[:40])
def test_where_it_is_sent(server, place):
    for method in METHODS:
        assert len(refused(server, method, f"/dl-lab/{place}")) < 5000


@pytest.mark.parametrize("method", METHODS)
def test_what_is_asked_of_a_tensorboard(server, shown, method):
    for address in ADDRESSES:
        for body in (b"", b"{"):
            refused(server, method, path_of(server, shown) + address, body=body)


@pytest.mark.parametrize("header", HEADERS)
def test_what_comes_with_it(server, shown, header):
    page = path_of(server, shown)
    for path in (API, f"{API}/x", "/dl-lab/tensorboard", "/proxy/1/", page):
        for method in METHODS:
            answer = refused(server, method, path, headers=[header], body=b"--x")
            if header.startswith("Origin"):
                # The page that starts nothing may be led to from anywhere.
                assert answer.startswith(b"HTTP/1.1 4") or path == "/dl-lab/tensorboard"
