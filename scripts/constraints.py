"""Write constraints.txt from what is installed in .venv: the versions that were tested."""

from __future__ import annotations

import re
from importlib.metadata import distributions

from step import ROOT

HEADER = """\
# The versions dl-lab was tested with: `make constraints` writes them from .venv.
# A line with a marker is a package that has left an older Python behind.
"""
# Ours, and what each environment brings itself.
LEFT_OUT = {"dl-lab", "pip", "setuptools", "wheel"}
OLDEST = (3, 10, 0)


def main() -> None:
    """Write one line a package."""
    lines = set()
    for distribution in distributions():
        metadata = distribution.metadata
        name = re.sub(r"[-_.]+", "-", metadata["Name"]).lower()
        if name in LEFT_OUT:
            continue
        version = distribution.version.partition("+")[0]  # "2.13.0+cpu" is one build of 2.13.0
        lines.add(f"{name}=={version}{_marker(metadata.get('Requires-Python') or '')}")
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(sorted(lines)) + "\n")


def _marker(requires: str) -> str:
    oldest = re.search(r">=\s*(3(?:\.\d+)+)", requires)
    if oldest is None or tuple(map(int, oldest[1].split("."))) <= OLDEST:
        return ""
    return f' ; python_full_version >= "{oldest[1]}"'


if __name__ == "__main__":
    main()
