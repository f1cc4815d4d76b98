"""The count of `make test`: no test may be lost between a runner and the last line."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def junit(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("junit")


def test_it_counts_every_kind_in_nested_suites(junit, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite><testcase/><testcase><failure/></testcase>"
        "<testsuite><testcase><error/></testcase><testcase><skipped/></testcase></testsuite>"
        "</testsuite><testsuite><testcase/></testsuite></testsuites>"
    )
    assert str(junit.count(report)) == "2 passed, 2 failed, 1 skipped"


@pytest.mark.parametrize("content", [None, "", "<testsuites><testcase/>"])
def test_a_missing_or_torn_report_is_a_failure(junit, tmp_path, content):
    report = tmp_path / "report.xml"
    if content is not None:
        report.write_text(content)
    assert junit.count(report) == junit.Count(failed=1)


def test_a_failure_is_told_with_its_first_lines_and_without_colours(junit, tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuite><testcase classname="a" name="b"><failure message="it broke">'
        "it broke\n\n  x = 1\n" + "  more\n" * 3 + "</failure></testcase>"
        '<testcase classname="a" name="c"/></testsuite>'
    )
    assert junit.reasons(report, lines=2) == ["a: b\n  it broke\n    x = 1"]
    assert junit.reasons(tmp_path / "missing.xml") == []
