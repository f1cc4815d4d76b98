"""Find a C++ compiler for the device of tests/accelerator; where there is none, get Debian's."""

from __future__ import annotations

import shutil

import debian


def main() -> None:
    """Install g++ where there is no compiler."""
    if shutil.which("c++") is None and not debian.install("a C++ compiler", "g++"):
        raise SystemExit(
            "The tests need a C++ compiler. On Debian and Ubuntu: apt-get install g++."
        )


if __name__ == "__main__":
    main()
