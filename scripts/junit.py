"""Count the tests of a JUnit report, and tell why some failed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

COLOUR = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True)
class Count:
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def reasons(report: Path, lines: int = 8) -> list[str]:
    """Return each failed test's name with the first lines of what it said."""
    try:
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - our own runners wrote it
    except (OSError, ET.ParseError):
        return []
    told = []
    for case in cases:
        for trouble in (*case.findall("failure"), *case.findall("error")):
            said = f"{trouble.get('message', '')}\n{COLOUR.sub('', trouble.text or '')}"
            kept = dict.fromkeys(line.rstrip() for line in said.splitlines() if line.strip())
            name = f"{case.get('classname')}: {case.get('name')}"
            told.append("\n  ".join([name, *list(kept)[:lines]]))
    return told


def count(report: Path) -> Count:
    """Count a report's test cases; one that is missing or torn is a failure."""
    try:
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - our own runners wrote it
    except (OSError, ET.ParseError):
        return Count(failed=1)
    total = Count()
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            total += Count(failed=1)
        elif case.find("skipped") is not None:
            total += Count(skipped=1)
        else:
            total += Count(passed=1)
    return total
