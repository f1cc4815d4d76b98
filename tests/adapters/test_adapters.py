from __future__ import annotations

import subprocess
import sys

import pytest

from dl_lab import adapters
from dl_lab.adapters._watched import logged, numbers, renamed, series
from dl_lab.errors import InputError
from dl_lab.train.watch.run import WatchedRun

LIBRARIES = {
    "KerasCallback": "keras",
    "LightningCallback": "lightning",
    "SkorchCallback": "skorch",
    "TransformersCallback": "transformers",
}


def test_the_names_are_there():
    assert set(LIBRARIES) == set(adapters.__all__) <= set(dir(adapters))
    with pytest.raises(AttributeError, match="has no attribute 'FastaiCallback'"):
        adapters.FastaiCallback  # noqa: B018


@pytest.mark.parametrize(("name", "library"), LIBRARIES.items())
def test_a_missing_library_is_named_with_its_command(monkeypatch, name, library):
    monkeypatch.delitem(vars(adapters), name, raising=False)
    monkeypatch.delitem(sys.modules, f"dl_lab.adapters.{library}", raising=False)
    for module in [module for module in sys.modules if module.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)

    class Absent:
        """Finds no such library, as where it is not installed."""

        def find_spec(self, fullname, path=None, target=None):  # importlib's
            if fullname.partition(".")[0] == library:
                raise ModuleNotFoundError(f"No module named {library!r}", name=library)

    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(InputError, match=f"Install it with: pip install {library}"):
        getattr(adapters, name)


def test_none_is_loaded_before_it_is_used():
    program = (
        "import sys, dl_lab; dl_lab.adapters; dir(dl_lab.adapters); "
        f"print({set(LIBRARIES.values())!r} & set(sys.modules) or {{'torch'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"set()\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss", "train_loss"),
        ("train_loss", "train_loss"),
        ("val_loss", "validation_loss"),
        ("valid_acc", "validation_accuracy"),
        ("eval/top5", "validation_top5"),
        ("acc", "train_accuracy"),
        ("grad_norm", "train_grad_norm"),
    ],
)
def test_names_are_those_of_a_trainer(name, expected):
    assert series(name, "train") == expected


def test_what_a_library_logs_that_is_no_number_is_noted_once():
    run = WatchedRun()
    for _ in range(3):
        assert not logged(run, {"train_loss": 0.5, "train_rates": [0.1, 0.2]})
        run.record(**numbers(run, {"validation_name": "best", "validation_loss": 0.25}))
    run.end()
    assert {name: len(run.history[name]) for name in run.history} == {
        "train_loss": 3,
        "validation_loss": 3,
    }
    assert [note.params["name"] for note in run.notes] == ["train_rates", "validation_name"]


def test_of_several_that_would_have_one_name_each_is_kept():
    values = {"val_acc": 1, "eval_acc": 2, "validation_accuracy": 3, "train/acc": 4, "other": 5}
    assert renamed(values, "other") == {
        "val_acc": 1, "eval_acc": 2, "validation_accuracy": 3, "train_accuracy": 4,
    }  # fmt: skip
    assert renamed({"val_acc": 1, "eval_acc": 2}, "train") == {
        "validation_accuracy": 1, "eval_acc": 2,
    }  # fmt: skip
