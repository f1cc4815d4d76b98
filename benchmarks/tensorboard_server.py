"""What the TensorBoards cost the Jupyter server that starts them, and how soon they answer.

A real `jupyter server` on the loopback interface, each round with dl-lab's extension and without it
in turn: how much longer its start takes, on the clock and on the processor. Then, in one server
with it: from the request that starts a TensorBoard to its first answer through the proxy, beside
the same with the bare `tensorboard` command on a port; and what a fresh server's memory grows by
while four TensorBoards are open, each page having been loaded as a browser loads it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROUNDS = 8
STARTS = 5
FRESH = 3
PANELS = 4
TOKEN = "of-the-benchmark"  # noqa: S105  # lives as long as the server on loopback
OURS, JSP = "dl_lab", "jupyter_server_proxy"
API = "dl-lab/api/tensorboards"
# What the page asks for when it opens.
ASKED = ("", "index.js", "icon_bundle.svg", "data/environment", "data/plugins_listing", "data/runs")


@dataclass(frozen=True)
class Server:
    """A Jupyter server that answers."""

    process: subprocess.Popen[bytes]
    url: str
    seconds: float
    processor: float

    def ask(self, path: str, method: str = "GET", body: object = None) -> bytes:
        """Return what it answers."""
        data = None if body is None else json.dumps(body).encode()
        # As a browser asks: what is large travels and is held compressed.
        headers = {"Authorization": f"token {TOKEN}", "Accept-Encoding": "gzip"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return bytes(answer.read())

    def memory(self) -> float:
        """Return what it holds, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kilobytes = re.search(r"VmRSS:\s+(\d+)", status)
        return int(kilobytes[1]) / 1024 if kilobytes else float("nan")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=30)


def start(home: Path, *, off: tuple[str, ...] = ()) -> Server:
    """Start a server and wait until it answers."""
    runtime = home / "runtime"
    command = [sys.executable, "-m", "jupyter_server", "--port=0", "--no-browser", "--allow-root"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={home}"]
    command += [f"--IdentityProvider.token={TOKEN}"]
    command += [f"--ServerApp.jpserver_extensions={name}={name not in off}" for name in (OURS, JSP)]
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data"}
    env = os.environ | {name: str(home / folder) for name, folder in folders.items()}
    env["JUPYTER_RUNTIME_DIR"] = str(runtime)
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    file = runtime / f"jpserver-{process.pid}.json"
    while True:
        with contextlib.suppress(OSError, ValueError, urllib.error.URLError):
            url = json.loads(file.read_text())["url"]
            urllib.request.urlopen(f"{url}api/status?token={TOKEN}", timeout=60).close()  # noqa: S310
            break
        time.sleep(0.002)
    seconds = time.perf_counter() - began
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    processor = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Server(process, url, seconds, processor)


def start_up(home: Path) -> None:
    """Print what the extension adds to the start of a server."""
    sides = {"with dl-lab": (), "without": (OURS,), "without, nor its proxy": (OURS, JSP)}
    found: dict[str, list[Server]] = {name: [] for name in sides}
    for turn in range(ROUNDS):
        order = [*sides]
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            server = start(home, off=sides[name])
            server.stop()
            found[name].append(server)
    ours = found.pop("with dl-lab")
    for name, others in found.items():
        clock = median(one.seconds - other.seconds for one, other in zip(ours, others, strict=True))
        work = median(
            one.processor - other.processor for one, other in zip(ours, others, strict=True)
        )
        print(
            f"{'start, with dl-lab against ' + name:48}{1000 * clock:+8.0f} ms"
            f"{1000 * work:+8.0f} ms of processor"
        )


def first_response(server: Server, logdir: Path) -> float:
    """Return the seconds from the request that starts one to its first answer."""
    began = time.perf_counter()
    told = json.loads(server.ask(API, "POST", {"logdir": str(logdir)}))
    while told["state"] == "starting":
        time.sleep(0.01)
        told = json.loads(server.ask(f"{API}/{told['id']}"))
    server.ask(told["url"].removeprefix("/"))
    took = time.perf_counter() - began
    server.ask(f"{API}/{told['id']}", "DELETE")
    return took


def bare_response(logdir: Path) -> float:
    """Return the same of the `tensorboard` command, on a port that anybody can reach."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "tensorboard.main", f"--logdir={logdir}", "--port=0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if found := re.search(r"http://localhost:\d+/", line):
                urllib.request.urlopen(found[0], timeout=60).close()  # noqa: S310
                break
        took = time.perf_counter() - began
        process.terminate()
    return took


def panels(server: Server, logdirs: list[Path]) -> float:
    """Return the MB that the server grows by while pages of so many TensorBoards are open."""
    server.ask("api/status")
    before = server.memory()
    opened = []
    for logdir in logdirs:
        told = json.loads(server.ask(API, "POST", {"logdir": str(logdir)}))
        while told["state"] == "starting":
            time.sleep(0.05)
            told = json.loads(server.ask(f"{API}/{told['id']}"))
        opened.append(told)
    for told in opened:
        for path in ASKED:
            server.ask(told["url"].removeprefix("/") + path)
    return server.memory() - before


def main() -> None:
    """Print all of it."""
    from torch.utils.tensorboard import SummaryWriter

    rounds = f"{ROUNDS}, {STARTS} and {FRESH} rounds"
    print(f"TensorBoard behind a Jupyter server: medians of {rounds}\n")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        logdirs = [home / f"runs{index}" for index in range(PANELS)]
        for logdir in logdirs:
            with SummaryWriter(str(logdir / "run")) as writer:
                for step in range(1000):
                    writer.add_scalar("loss", 1 / (step + 1), step)
        start_up(home)
        server = start(home)
        ours, bare = [], []
        for _ in range(STARTS):
            ours.append(first_response(server, logdirs[0]))
            bare.append(bare_response(logdirs[0]))
        print(f"{'request → first response':48}{median(ours):8.2f} s")
        print(f"{'bare tensorboard --port=0':48}{median(bare):8.2f} s")
        server.stop()
        grown = []
        for _ in range(FRESH):
            server = start(home)
            grown.append(panels(server, logdirs))
            server.stop()
        print(f"{'a fresh server, four panels open':48}{median(grown):+8.1f} MB")


if __name__ == "__main__":
    main()
