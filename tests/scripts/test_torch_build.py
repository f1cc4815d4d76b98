"""Which PyTorch `make` installs: never CUDA on a machine without a GPU."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


class Pip:
    """A pip that knows some requirements and writes down what it was asked to install."""

    def __init__(self, *known: str, brings: tuple[str, ...] = ()) -> None:
        self.known = known
        self.brings = brings
        self.asked: list[str] = []

    def __call__(self, command, **_options: object) -> SimpleNamespace:
        words = [str(word) for word in command][3:]
        if words[0] == "show":
            return SimpleNamespace(returncode=1)
        if "--dry-run" in words:
            report = {"install": [{"metadata": {"name": name}} for name in self.brings]}
            return SimpleNamespace(returncode=0, stdout=json.dumps(report), stderr="")
        wanted = " ".join(word for word in words if "torch" in word)
        self.asked.append(wanted)
        return SimpleNamespace(returncode=0 if wanted in self.known else 1)


@pytest.fixture
def install(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(SCRIPTS)
    module = importlib.import_module("torch_build")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("tornado==6\ntorch==2.13.0\n")

    def install(pip: Pip, *, gpu: bool = False, platform: str = "linux") -> list[str]:
        monkeypatch.setattr(module.subprocess, "run", pip)
        monkeypatch.setattr(module.shutil, "which", lambda _name: "/bin/true" if gpu else None)
        monkeypatch.setattr(module.sys, "platform", platform)
        module.install(constraints)
        return pip.asked

    return install


def test_the_cpu_build_comes_first(install):
    assert install(Pip("torch==2.13.0+cpu")) == ["torch==2.13.0+cpu"]


def test_then_the_index_of_cpu_builds(install):
    *_, last = install(Pip("https://download.pytorch.org/whl/cpu torch==2.13.0+cpu"))
    assert last.endswith("/cpu torch==2.13.0+cpu")


def test_then_the_plain_one_if_it_brings_no_cuda(install):
    assert install(Pip("torch==2.13.0", brings=("torch", "numpy")))[-1] == "torch==2.13.0"


def test_never_one_that_brings_cuda(install):
    pip = Pip("torch==2.13.0", brings=("torch", "nvidia-cublas-cu12"))
    with pytest.raises(SystemExit, match="no NVIDIA GPU"):
        install(pip)
    assert "torch==2.13.0" not in pip.asked


@pytest.mark.parametrize(("gpu", "platform"), [(True, "linux"), (False, "darwin")])
def test_the_plain_one_where_it_is_right(install, gpu, platform):
    assert install(Pip("torch==2.13.0"), gpu=gpu, platform=platform) == ["torch==2.13.0"]
