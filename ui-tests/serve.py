"""Run JupyterLab for the browser tests, with a home of its own that goes away with it."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from tests.kernels.warm import NAMES, WarmKernels  # noqa: E402

# As in tests/conftest.py: the browser and the server want the processors too.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

with (
    tempfile.TemporaryDirectory(prefix="dl-lab-ui-", ignore_cleanup_errors=True) as home,
    WarmKernels() as kernels,
):
    for name in NAMES:
        kernels.warm(name)
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_GALATA_ROOT_DIR": "notebooks",
        "TMPDIR": "tmp",
    }
    for folder in folders.values():
        Path(home, folder).mkdir(mode=0o700)
    env = os.environ | {name: str(Path(home, folder)) for name, folder in folders.items()}
    env["JUPYTER_PATH"] = str(kernels.path)
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--config", "jupyter_server_test_config.py"],
        cwd=HERE,
        env=env,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: process.terminate())
    process.wait()
