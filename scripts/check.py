"""Run every runner, also after one failed, and count over all of them on the last line."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import browser
import node
from junit import Count, count
from step import ROOT

RESULTS = ROOT / "test-results"

# Many tests wait for a kernel, a server or a child; tests/conftest.py says what stays together.
SHARED = ("--numprocesses=2", "--dist=loadgroup")


@dataclass(frozen=True)
class Runner:
    """A program that passes or fails; with a JUnit report its tests are counted, else it is one."""

    name: str
    command: list[str]
    report: str | None = None
    folder: Path = ROOT
    env: Mapping[str, str] = field(default_factory=node.environment)

    def run(self) -> Count:
        """Run it, with its output before the person's eyes."""
        print(f"\n── {self.name} ──", flush=True)
        start = time.monotonic()
        status = subprocess.run(
            self.command, cwd=self.folder, env=dict(self.env), check=False
        ).returncode
        print(f"{self.name}: {time.monotonic() - start:.0f} s", flush=True)
        if self.report is None:
            return Count(passed=int(status == 0), failed=int(status != 0))
        counted = count(RESULTS / self.report)
        # A runner that fails or stops without a failed test to show for it is itself the failure.
        return counted if counted.failed or status == 0 else counted + Count(failed=1)


def python(*arguments: str) -> list[str]:
    """Return the command of a Python module in .venv."""
    return [sys.executable, "-m", *arguments]


def npm(script: str, *arguments: str) -> list[str]:
    """Return the command of a script in package.json."""
    return ["npm", "run", "--silent", script, "--", *arguments]


def runners() -> list[Runner]:
    """Return all there are, the quick ones first."""
    vitest = ["--reporter=default", "--reporter=junit", f"--outputFile.junit={RESULTS}/js.xml"]
    return [
        Runner("ruff check", python("ruff", "check")),
        Runner("ruff format", python("ruff", "format", "--check")),
        Runner("mypy", python("mypy")),
        Runner("eslint", npm("lint")),
        Runner("prettier", npm("format:check")),
        Runner("tsc", npm("typecheck")),
        Runner("vitest", npm("test", *vitest), report="js.xml"),
        Runner(
            "pytest",
            python("pytest", *SHARED, f"--junit-xml={RESULTS}/python.xml"),
            report="python.xml",
        ),
        # Its device stays with the process that has loaded it.
        Runner(
            "accelerator",
            python("pytest", "tests/accelerator", f"--junit-xml={RESULTS}/accelerator.xml"),
            report="accelerator.xml",
        ),
        Runner(
            "galata",
            browser.command("tests"),
            report="ui.xml",
            folder=ROOT / "ui-tests",
            env=browser.environment(),
        ),
    ]


def main() -> int:
    """Run all and say how many passed."""
    RESULTS.mkdir(exist_ok=True)
    counts = {runner.name: runner.run() for runner in runners()}
    print()
    for name, counted in counts.items():
        print(f"{name:12} {counted}")
    total = sum(counts.values(), Count())
    (RESULTS / "summary.txt").write_text(f"{total}\n")
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
