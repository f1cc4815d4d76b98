"""Open JupyterLab on the Playground, in a browser where there is one."""

from __future__ import annotations

import os
import sys
import webbrowser

from step import ROOT

NOTEBOOK = "notebooks/playground.ipynb"


def has_browser() -> bool:
    """Whether a person sits before this machine's screen."""
    if os.environ.get("CI"):
        return False
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys():
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def main() -> None:
    """Become the Jupyter server."""
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    # As the address that is printed, so that it also serves who has no browser here.
    command += [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{NOTEBOOK}"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    if not has_browser():
        command.append("--no-browser")
        print("Open the address that ends in ?token=… in a browser on this machine.", flush=True)
    os.chdir(ROOT)
    os.execv(sys.executable, [*command, *sys.argv[1:]])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
