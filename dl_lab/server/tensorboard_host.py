"""TensorBoard in a process of its own, where only its owner can reach it.

Run as ``python -m dl_lab.server.tensorboard_host`` by `dl_lab.server.tensorboard_process`, which
writes one line of JSON to its standard input (`Settings`), so that neither a folder's name nor a
secret stands in the list of processes. When that input ends, so does this process: with the
Jupyter server, however that ended.
"""

from __future__ import annotations

import hmac
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from dl_lab.server.installed_code import marked

READY = "dl-lab: TensorBoard listens on "
"""What it prints before the port, or before 0, as soon as it can be asked."""

SECRET_HEADER = "X-Dl-Lab-Secret"  # noqa: S105  # its name, not a secret

ASKED = "/dl-lab/asked"
"""What answers at once, with nothing, as long as anything does."""

_Application = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Settings:
    """What the process is told.

    Attributes
    ----------
    logdir
        Real path of the folder.
    socket
        Path of the UNIX socket to listen on; None for a port of the loopback interface.
    secret
        What each request on that port must bring in `SECRET_HEADER`.
    flags
        Further flags of TensorBoard's, by their Python names.
    """

    logdir: str
    socket: str | None
    secret: str | None
    flags: dict[str, Any]


def main() -> int:
    """Serve until the standard input ends."""
    settings = Settings(**json.loads(sys.stdin.readline()))
    _go_on_with_parents_end()
    threading.Thread(target=_end_with_parent, daemon=True, name="dl-lab watchdog").start()
    # Ctrl-C in the server's terminal is the server's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o177)  # nobody else may connect to the socket
    return serve(settings)


def _go_on_with_parents_end() -> None:
    """Have a process that is held (SIGSTOP) go on when its server ends, so that it can end, too."""
    if sys.platform == "linux":
        import ctypes

        set_signal_at_parents_end = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_signal_at_parents_end, signal.SIGCONT)


def _end_with_parent() -> NoReturn:
    try:
        # Not by way of sys.stdin, whose lock an orderly end of the interpreter would wait for.
        while os.read(sys.stdin.fileno(), 4096):
            pass
        # The working folder is this process's own, and holds its socket. It may be gone.
        shutil.rmtree(os.getcwd(), ignore_errors=True)  # noqa: PTH109  # a string will do
    finally:
        os._exit(0)


def serve(settings: Settings) -> int:
    """Run TensorBoard; returns when it cannot start."""
    from tensorboard import main_lib, program
    from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

    class KeepAlive(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: object) -> None:
            """Say nothing of each request."""

    class Server(ThreadedWSGIServer, program.TensorBoardServer):  # type: ignore[misc]  # no types there
        daemon_threads = True

        def __init__(self, wsgi_app: _Application, flags: object) -> None:  # noqa: ARG002
            app = _asked(marked(_relative_fonts(wsgi_app)))
            if settings.secret is not None:
                app = _guarded(app, settings.secret)
            host = "127.0.0.1" if settings.socket is None else f"unix://{settings.socket}"
            super().__init__(host, 0, app, KeepAlive)

        def get_url(self) -> str:
            return ""

        def print_serving_message(self) -> None:
            port = self.server_port if settings.socket is None else 0
            print(f"{READY}{port}", flush=True)  # noqa: T201  # that is how the parent learns it

        def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
            """Say nothing of browsers that go away amid an answer."""
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)

    class TensorBoard(program.TensorBoard):  # type: ignore[misc]  # no types there
        def _register_info(self, server: object) -> None:
            """Leave out the file in which TensorBoard tells the whole machine what it shows."""

    main_lib.global_init()
    board = TensorBoard(server_class=Server)
    board.configure(logdir=settings.logdir, **settings.flags)
    return int(board.main())


def _relative_fonts(app: _Application) -> _Application:
    """Fix TensorBoard's page, which asks for its fonts at the root of the site."""
    from werkzeug.wrappers import Request, Response

    def fixed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:  # noqa: ANN401
        if environ["PATH_INFO"] not in {"/", "/index.html"}:
            return app(environ, start_response)
        response = Response.from_app(app, Request(environ).environ)
        response.data = response.data.replace(b"url(/font-roboto/", b"url(font-roboto/")
        return response(environ, start_response)

    return fixed


def _asked(app: _Application) -> _Application:
    def asked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:  # noqa: ANN401
        if environ["PATH_INFO"] != ASKED:
            return app(environ, start_response)
        start_response("204 No Content", [])
        return []

    return asked


def _guarded(app: _Application, secret: str) -> _Application:
    """Let in only who knows the secret: a port can be reached by every account of the machine."""
    from werkzeug.wrappers import Request, Response

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:  # noqa: ANN401
        given = Request(environ).headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(), secret.encode()):
            return Response("Forbidden", status=403)(environ, start_response)
        return app(environ, start_response)

    return guarded


if __name__ == "__main__":
    sys.exit(main())
