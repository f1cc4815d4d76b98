"""The examples in the docstrings run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import dl_lab

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(dl_lab.__path__, "dl_lab.")
    if not name.startswith("dl_lab.server")
]


@pytest.mark.parametrize("name", MODULES)
def test_its_examples_run(name):
    module = importlib.import_module(name)
    names = {"torch": importlib.import_module("torch"), "np": importlib.import_module("numpy")}
    assert doctest.testmod(module, extraglobs=names).failed == 0
