"""The wheel in a new environment without Node."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.packaging.building import run

HEAVY = ("torch", "anywidget", "numpy", "tensorboard", "jupyter_server", "ipykernel")


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """Return a folder from which the checkout cannot be imported."""
    return tmp_path


def test_importing_it_loads_nothing_heavy(fresh_python, elsewhere):
    program = (
        "import json, sys, dl_lab;"
        "print(json.dumps([dl_lab.__file__, dl_lab.__version__, sorted(sys.modules)]))"
    )
    file, version, modules = json.loads(run(fresh_python, "-c", program, cwd=elsewhere))
    assert Path(file).is_relative_to(fresh_python.parents[1])
    assert version
    assert not set(HEAVY) & {name.partition(".")[0] for name in modules}


def test_first_use_loads_what_it_needs(fresh_python, elsewhere):
    program = (
        "import sys, dl_lab; dl_lab.Playground;print(*({'torch', 'anywidget'} & set(sys.modules)))"
    )
    assert set(run(fresh_python, "-c", program, cwd=elsewhere).split()) == {"torch", "anywidget"}


@pytest.mark.parametrize(
    ("module", "accepted"),
    [
        ("jupyterlab.labextensions", r"dl-lab v[\d.]+ enabled OK"),
        ("jupyter_server.extension.serverextension", r"dl_lab enabled\n.*\n\s+dl_lab [\d.]+ +OK"),
    ],
    ids=["labextension", "server extension"],
)
def test_jupyter_finds_and_accepts_it(fresh_python, elsewhere, module, accepted):
    # Jupyter writes its list to the error stream.
    program = (
        "import sys; sys.stderr = sys.stdout; sys.argv = ['jupyter', 'list'];"
        f"from {module} import main; main()"
    )
    said = re.sub(r"\x1b\[\d*m", "", run(fresh_python, "-c", program, cwd=elsewhere))
    assert re.search(accepted, said), said
