"""Wheels and an sdist, each built once, from copies of the tree as a clone would have it."""

from __future__ import annotations

import os
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

from tests.packaging.building import NODE_PROGRAMS, clone, pip, run


@pytest.fixture(scope="session")
def path_without_node(tmp_path_factory) -> str:
    """Return a PATH on which everything is but Node."""
    farm = tmp_path_factory.mktemp("bin")
    for folder in filter(os.path.isdir, os.environ["PATH"].split(os.pathsep)):
        for program in Path(folder).iterdir():
            link = farm / program.name
            if program.name not in NODE_PROGRAMS and not link.is_symlink():
                link.symlink_to(program)
    return str(farm)


@pytest.fixture(scope="session")
def wheel_without_node(tmp_path_factory, path_without_node) -> Path:
    """Return the wheel that pip builds from a clean clone on a machine without Node."""
    source = clone(tmp_path_factory.mktemp("without-node"))
    out = tmp_path_factory.mktemp("wheel-without-node")
    pip("wheel", "--no-deps", "--wheel-dir", out, ".", cwd=source, path=path_without_node)
    return next(out.glob("dl_lab-*.whl"))


@pytest.fixture(scope="session")
def clone_with_node(tmp_path_factory) -> Path:
    return clone(tmp_path_factory.mktemp("with-node"))


@pytest.fixture(scope="session")
def installed_with_node(tmp_path_factory, clone_with_node) -> Path:
    """Return the folder into which `pip install .` went, on a machine with Node."""
    target = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--target", target, ".", cwd=clone_with_node)
    return target


@pytest.fixture(scope="session")
def sdist(tmp_path_factory, clone_with_node, installed_with_node) -> Path:
    """Return an sdist; the outputs it ships were built by the install before."""
    assert installed_with_node.exists()
    out = tmp_path_factory.mktemp("sdist")
    options = ["--sdist", "--no-isolation", "--outdir", out]
    run(sys.executable, "-m", "build", *options, ".", cwd=clone_with_node)
    return next(out.glob("dl_lab-*.tar.gz"))


@pytest.fixture(scope="session")
def wheel_from_sdist(tmp_path_factory, sdist, path_without_node) -> Path:
    """Return the wheel that an unpacked sdist gives without Node."""
    source = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(source)  # noqa: S202 - made a moment ago, by the fixture above
    (unpacked,) = source.iterdir()
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", source]
    pip("wheel", *options, ".", cwd=unpacked, path=path_without_node)
    return next(source.glob("dl_lab-*.whl"))


@pytest.fixture(scope="session")
def fresh_python(tmp_path_factory, wheel_without_node, path_without_node) -> Path:
    """Return the Python of a new environment with the wheel; dependencies are this one's."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    # A path file only: what this environment has installed in development mode stays unseen.
    site = run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=folder).strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    options = ["--python", python, "install", "--no-deps", "--no-index", "--force-reinstall"]
    pip(*options, wheel_without_node, cwd=folder, path=path_without_node)
    return python
