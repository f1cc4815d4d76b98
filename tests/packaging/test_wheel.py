"""One wheel, whichever way it is built, with everything in it once."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from tests.packaging.building import ROOT, names

LABEXTENSION = "data/share/jupyter/labextensions/dl-lab/"
SOURCES = (ROOT / "js" / "widgets").glob("*.ts")
WIDGETS = sorted(path.stem for path in SOURCES if "." not in path.stem)
# The name of an XML namespace; nothing is fetched from there.
NAMESPACE = "http://www.w3.org/"


@pytest.fixture(scope="session", params=["clone without Node", "sdist without Node"])
def wheel(request) -> Path:
    fixture = {"clone": "wheel_without_node", "sdist": "wheel_from_sdist"}
    return request.getfixturevalue(fixture[request.param.split()[0]])


def test_it_holds_a_bundle_for_each_widget(wheel):
    assert WIDGETS
    scripts = {name for name in names(wheel) if re.fullmatch(r"dl_lab/static/\w+\.js", name)}
    assert scripts == {f"dl_lab/static/{widget}.js" for widget in WIDGETS}


def test_it_holds_the_labextension_once(wheel):
    entries = [name for name in names(wheel) if "/remoteEntry." in name]
    assert len(entries) == 1
    assert entries[0].startswith(LABEXTENSION + "static/")
    assert not [name for name in names(wheel) if name.startswith("dl_lab/labextension")]
    assert {LABEXTENSION + "package.json", LABEXTENSION + "install.json"} <= set(names(wheel))


def test_it_enables_the_server_extension(wheel):
    assert "data/etc/jupyter/jupyter_server_config.d/dl_lab.json" in names(wheel)


def test_it_holds_nothing_but_the_package(wheel):
    tops = {name.split("/", 1)[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"dl_lab", "data"}
    assert "dl_lab/py.typed" in names(wheel)


def test_it_holds_the_shipped_data_and_weights_with_their_licences(wheel):
    shipped = [path for path in ROOT.glob("dl_lab/*/files/*") if path.is_file()]
    assert {path.name for path in shipped} >= {"mnist.npz", "lenet5.safetensors", "README.md"}
    with zipfile.ZipFile(wheel) as archive:
        for path in shipped:
            assert archive.read(str(path.relative_to(ROOT))) == path.read_bytes()


def test_nothing_in_it_comes_from_elsewhere(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith((".js", ".css")):
                text = archive.read(name).decode()
                addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+/\S{0,20}", text))
                foreign = {found for found in addresses if not found.startswith(NAMESPACE)}
                assert not foreign, f"{name} names {foreign}"


def test_bundles_import_nothing(wheel):
    with zipfile.ZipFile(wheel) as archive:
        for widget in WIDGETS:
            text = archive.read(f"dl_lab/static/{widget}.js").decode()
            assert not re.search(r"\b(?:from|import)\s*\(?\s*[\"']", text), widget


def test_pip_install_with_node_gives_the_same_files(installed_with_node, wheel_without_node):
    def stable(files: list[str]) -> set[str]:
        # The hash in a remote entry's name depends on the path of the checkout.
        return {re.sub(r"\.[0-9a-f]{16}\.", ".", file) for file in files}

    found = [
        str(path.relative_to(installed_with_node))
        for path in installed_with_node.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and ".dist-info/" not in str(path)
    ]
    packed = [name for name in names(wheel_without_node) if ".dist-info/" not in name]
    packed = [name.removeprefix("data/") for name in packed]
    assert stable(found) == stable(packed)
