"""The device "far:0": built from far.cpp where that has changed, and made known to torch.

On a machine with a GPU they run there: `DL_LAB_ACCELERATOR=cuda pytest tests/accelerator`.

It must be there before the first gradient, and a process that has it has an accelerator, which
other libraries then choose by themselves. So these tests have a process of their own:
`pytest tests/accelerator`, or scripts/check.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import torch
from torch.utils import cpp_extension

DEVICE = os.environ.get("DL_LAB_ACCELERATOR", "far")

SOURCE = Path(__file__).with_name("far.cpp")
BUILT = Path(__file__).resolve().parents[2] / ".cache" / "far"


class Far:
    """What torch wants to know of a kind of device, and a generator to draw from on it."""

    drawn = torch.zeros(1, dtype=torch.uint8)

    def draw(self) -> None:
        """Move its generator on."""
        self.drawn = self.drawn + 1

    def get_rng_state(self, device: object = 0) -> torch.Tensor:
        return self.drawn

    def set_rng_state(self, state: torch.Tensor, device: object = 0) -> None:
        self.drawn = state

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        self.drawn = torch.zeros(1, dtype=torch.uint8)


def draw() -> torch.Tensor:
    """Return a random number of the device's generator."""
    if DEVICE == "far":
        torch.far.draw()
    return torch.rand(1, device=DEVICE)


def load() -> None:
    """Let torch know it, once in a process; of a real one nothing but that it be exact."""
    torch.backends.cudnn.allow_tf32 = False
    if DEVICE != "far":
        return
    torch.ops.load_library(str(_library()))
    torch.utils.rename_privateuse1_backend("far")
    torch._register_device_module("far", Far())


def _library() -> Path:
    digest = hashlib.sha256(SOURCE.read_bytes() + torch.__version__.encode()).hexdigest()[:16]
    library = BUILT / f"far-{digest}.so"
    if library.exists():
        return library
    compiler = shutil.which("c++")
    if compiler is None:
        raise RuntimeError("A C++ compiler builds the device of these tests: apt-get install g++.")
    shutil.rmtree(BUILT, ignore_errors=True)
    BUILT.mkdir(parents=True)
    unfinished = library.with_suffix(".part")
    command = [compiler, "-std=c++20", "-O0", "-w", "-fPIC", "-shared", SOURCE, "-o", unfinished]
    command += [f"-isystem{path}" for path in cpp_extension.include_paths()]
    command += [f"-L{path}" for path in cpp_extension.library_paths()]
    subprocess.run([*command, "-lc10", "-ltorch_cpu"], check=True)
    unfinished.rename(library)
    return library
