"""The short name for callbacks offers all of them, and the Trainer loads none it was not given."""

from __future__ import annotations

import subprocess
import sys

import dl_lab.callbacks
import dl_lab.train.callbacks


def test_the_short_name_has_the_very_same():
    assert dl_lab.callbacks.__all__ == dl_lab.train.callbacks.__all__
    for name in dl_lab.callbacks.__all__:
        assert getattr(dl_lab.callbacks, name) is getattr(dl_lab.train.callbacks, name)
        assert name in dir(dl_lab.train.callbacks)


def test_a_trainer_loads_no_library_for_files():
    program = "import sys; import dl_lab; dl_lab.Trainer; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert not {b"tensorboard", b"safetensors"} & set(done.stdout.split())
