"""What `dl_lab` offers, and when it loads it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import dl_lab


@pytest.mark.parametrize("name", dl_lab.__all__)
def test_every_public_name_is_there(name):
    assert getattr(dl_lab, name) is not None
    assert name in dir(dl_lab)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("Playgroud", "Playground"), ("trainer", "Trainer"), ("Histroy", "History")],
)
def test_an_unknown_name_gets_the_nearest(given, meant):
    with pytest.raises(AttributeError) as error:
        getattr(dl_lab, given)
    assert f"has no attribute '{given}'; did you mean '{meant}'?" in str(error.value)


def test_a_name_like_no_other_gets_the_list():
    with pytest.raises(AttributeError) as error:
        getattr(dl_lab, "xyzzy")  # noqa: B009 - the plain attribute is what mypy refuses
    assert "Playground" in str(error.value)
    assert "Trainer" in str(error.value)


def loaded_by(program: str) -> set[str]:
    program = f"import json, sys\n{program}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_it_loads_neither_torch_nor_anywidget():
    modules = loaded_by("import dl_lab; dir(dl_lab)")
    assert not {"torch", "anywidget", "numpy", "ipywidgets"} & modules


def test_data_nets_and_train_load_no_widget():
    modules = loaded_by("import dl_lab; dl_lab.data; dl_lab.nets; dl_lab.train; dl_lab.Trainer")
    assert "torch" in modules
    assert not {name for name in modules if name.startswith(("anywidget", "dl_lab.widgets"))}
