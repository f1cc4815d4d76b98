"""Kernels that are ready at once: of the two that `make test` sets up, with torch loaded."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

HERE = Path(__file__).resolve().parent
# Both written by scripts/kernels.py.
SPECS = HERE.parents[1] / ".cache" / "kernels" / "kernels"
NAMES = ("ipykernel-6.30", "ipykernel-7.4")


class WarmKernels(ExitStack):
    """Kernelspecs of the same names, each kernel of which is forked from a process with torch.

    `path` is for JUPYTER_PATH. A fork with torch loaded is safe on Linux alone; elsewhere the
    kernels start as they always do.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="warm-")))
        self.path = self._folder if sys.platform == "linux" else SPECS.parent

    def manager(self, name: str) -> KernelManager:
        """Return the manager of a kernel that is still to be started."""
        self.warm(name)
        specs = KernelSpecManager(kernel_dirs=[str(self.path / "kernels")])
        return KernelManager(kernel_name=name, kernel_spec_manager=specs)

    def warm(self, name: str) -> None:
        """Start what forks the kernels of this name, if it does not run yet."""
        target = self.path / "kernels" / name
        if target.exists():
            return
        spec = json.loads((SPECS / name / "kernel.json").read_text())
        python = spec["argv"][0]
        address = str(self._folder / name)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            forker = subprocess.Popen(
                [python, HERE / "forker.py", str(listener.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                env=os.environ | spec["env"],
                start_new_session=True,  # an interrupt at the terminal is for the tests
            )
        # Closing the pipe may not be enough: workers that a test has forked hold it, too.
        self.callback(forker.communicate, b"\n")
        client = [python, "-IS", str(HERE / "client.py"), address]
        target.mkdir(parents=True)
        spec["argv"] = [*client, "-f", "{connection_file}"]
        (target / "kernel.json").write_text(json.dumps(spec))
