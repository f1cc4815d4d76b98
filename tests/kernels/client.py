"""What a warm kernelspec starts: asks a forker for a kernel and stands for it.

Usage: python client.py SOCKET KERNEL_ARGUMENT...

Its signals go to the kernel, it ends as the kernel does, and where it is killed so is the kernel.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path


def main(path: str, arguments: list[str]) -> int:
    """Ask for the kernel and wait for its end."""
    said = {"arguments": arguments, "cwd": str(Path.cwd()), "env": dict(os.environ)}
    request = json.dumps(said).encode() + b"\n"
    with socket.socket(socket.AF_UNIX) as forker, forker.makefile() as answers:
        forker.connect(path)
        sent = socket.send_fds(forker, [request], [0, 1, 2])
        forker.sendall(request[sent:])
        pid = int(answers.readline())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: os.killpg(pid, number))
        return int(answers.readline() or 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
