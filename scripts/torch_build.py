"""Install the build of PyTorch that fits the machine: no gigabytes of CUDA without a GPU."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from step import PYTHON, run

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def install(constraints: Path) -> None:
    """Install torch into .venv unless it is there."""
    if _pip_succeeds("show", "torch"):
        return
    version = _tested_version(constraints)
    if sys.platform != "linux" or shutil.which("nvidia-smi"):
        run(PYTHON, "-m", "pip", "install", "-qq", f"torch=={version}")
        return
    print(f"Installing PyTorch {version} for the CPU.", flush=True)
    build = f"torch=={version}+cpu"
    if _pip_succeeds("install", "--quiet", build):
        return
    if _pip_succeeds("install", "--quiet", "--extra-index-url", CPU_INDEX, build):
        return
    _refuse_cuda(version)
    run(PYTHON, "-m", "pip", "install", "-qq", f"torch=={version}")


def _pip_succeeds(*arguments: str) -> bool:
    command = [PYTHON, "-m", "pip", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _tested_version(constraints: Path) -> str:
    found = re.search(r"^torch==([\d.]+)", constraints.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{constraints.name} names no version of torch.")
    return found[1]


def _refuse_cuda(version: str) -> None:
    """Stop where the only build to be had brings CUDA along."""
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-"]
    report = subprocess.run(
        [*command, f"torch=={version}"], capture_output=True, text=True, check=False
    )
    packages = json.loads(report.stdout)["install"] if report.returncode == 0 else None
    if packages is None:
        raise SystemExit(f"pip finds no PyTorch {version} for this machine:\n{report.stderr}")
    names = [package["metadata"]["name"] for package in packages]
    if any(name.startswith(("nvidia-", "cuda-")) for name in names):
        raise SystemExit(
            "This machine has no NVIDIA GPU, and the only PyTorch that pip finds brings several GB "
            f"of CUDA. Install a CPU build with `{PYTHON} -m pip install`, then run make again."
        )
