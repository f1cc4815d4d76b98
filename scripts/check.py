"""Run every runner, also after one failed, and count over all of them on the last line.

Usage: python check.py [quick|long]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import browser
import node
from junit import Count, count, reasons
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

    def run(self, *, beside: bool = False) -> Count:
        """Run it before the person's eyes; beside others what it says comes at its end."""
        if not beside:
            print(f"\n── {self.name} ──", flush=True)
        start = time.monotonic()
        done = subprocess.run(
            self.command,
            cwd=self.folder,
            env=dict(self.env),
            check=False,
            text=True,
            stdout=subprocess.PIPE if beside else None,
            stderr=subprocess.STDOUT if beside else None,
        )
        seconds = f"{self.name}: {time.monotonic() - start:.0f} s"
        print(f"\n── {self.name} ──\n{done.stdout}{seconds}" if beside else seconds, flush=True)
        if self.report is None:
            return Count(passed=int(done.returncode == 0), failed=int(done.returncode != 0))
        counted = count(RESULTS / self.report)
        # A runner that fails or stops without a failed test to show for it is itself the failure.
        return counted if counted.failed or done.returncode == 0 else counted + Count(failed=1)


def python(*arguments: str) -> list[str]:
    """Return the command of a Python module in .venv."""
    return [sys.executable, "-m", *arguments]


def npm(script: str, *arguments: str) -> list[str]:
    """Return the command of a script in package.json."""
    return ["npm", "run", "--silent", script, "--", *arguments]


def pytest(name: str, *options: str) -> Runner:
    """Return a run of pytest with a report of its own."""
    report = f"{name}.xml"
    return Runner(name, python("pytest", *options, f"--junit-xml={RESULTS / report}"), report)


def checks() -> list[Runner]:
    """Return what reads the sources and the units of JavaScript, long ones first."""
    vitest = ["--reporter=default", "--reporter=junit", f"--outputFile.junit={RESULTS}/js.xml"]
    return [
        Runner("mypy", python("mypy")),
        Runner("eslint", npm("lint")),
        Runner("tsc", npm("typecheck")),
        Runner("vitest", npm("test", *vitest), report="js.xml"),
        Runner("prettier", npm("format:check")),
        Runner("ruff check", python("ruff", "check")),
        Runner("ruff format", python("ruff", "format", "--check")),
    ]


def everything() -> list[Runner]:
    """Return what needs kernels, servers, builds and a browser: each has the machine to itself."""
    return [
        pytest("pytest", *SHARED),
        # Its device stays with the process that has loaded it.
        pytest("accelerator", "tests/accelerator"),
        Runner(
            "galata",
            browser.command("tests"),
            report="ui.xml",
            folder=ROOT / "ui-tests",
            env=browser.environment(),
        ),
    ]


def runners(kind: str) -> tuple[list[Runner], list[Runner]]:
    """Return what runs two at a time, and what runs one after the other then."""
    if kind == "quick":
        return checks(), [pytest("pytest", *SHARED, "-m", "not slow")]
    if kind == "long":
        return [], [
            pytest("pytest", *SHARED, "-m", "walk or hypothesis", "--hypothesis-profile=long")
        ]
    return checks(), everything()


def main(kind: str = "all") -> int:
    """Run all of a kind and say how many passed."""
    RESULTS.mkdir(exist_ok=True)
    beside, alone = runners(kind)
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(lambda runner: runner.run(beside=True), beside))
    counts = dict(zip((runner.name for runner in beside), found, strict=True))
    counts |= {runner.name: runner.run() for runner in alone}
    # Last of all, for whoever sees only the end of a long output.
    for runner in (*beside, *alone):
        for reason in reasons(RESULTS / runner.report) if runner.report else ():
            print(f"\n{runner.name} failed: {reason}")
    print()
    for name, counted in counts.items():
        print(f"{name:12} {counted}")
    total = sum(counts.values(), Count())
    (RESULTS / "summary.txt").write_text(f"{total}\n")
    print(total, flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
