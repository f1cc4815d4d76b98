"""One version, and lock files that work behind any mirror."""

from __future__ import annotations

import json

import pytest

import dl_lab
from tests.packaging.building import ROOT

LOCKS = ["package-lock.json", "ui-tests/package-lock.json"]


@pytest.mark.parametrize("file", ["package.json", "package-lock.json"])
def test_javascript_has_the_version_of_python(file):
    assert json.loads((ROOT / file).read_text())["version"] == dl_lab.__version__


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_file_names_no_host(file):
    packages = json.loads((ROOT / file).read_text())["packages"]
    assert len(packages) > 100
    assert [name for name, package in packages.items() if "resolved" in package] == []


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_file_has_every_system_s_bindings(file):
    packages = json.loads((ROOT / file).read_text())["packages"]
    for binding in ("@rspack/binding", "@esbuild", "@rolldown/binding"):
        mine = [name for name in packages if f"/{binding}" in name]
        if mine:
            assert any("darwin-arm64" in name for name in mine), binding
            assert any("linux-x64" in name for name in mine), binding
            assert any("linux-arm64" in name for name in mine), binding
