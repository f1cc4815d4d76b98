"""What a run's data contain is shown as data and never runs under Jupyter's origin.

With TensorBoard 2.19 an SVG in an image summary is sent as image/svg+xml: opened by itself, its
script may do all that its reader may. So each answer is looked at here, on that version and on
today's, and a real browser is led to what is dangerous.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlencode

import pytest
import torch
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from torch.utils.tensorboard import SummaryWriter

from dl_lab.server import installed_code
from tests.server.conftest import TOKEN, Server
from tests.server.test_tensorboards import API, open_one, path_of, until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
# As a document in a frame, and as a script.
SCRIPT = "top.document.title = 'it ran'"
MARKUP = {
    "image/svg+xml": '<svg xmlns="http://www.w3.org/2000/svg"><script>{}</script></svg>',
    "text/html": "<!doctype html><script>{}</script>",
}
SVG, HTML = (text.replace("{}", SCRIPT).encode() for text in MARKUP.values())
INERT = "sandbox;default-src 'none';frame-ancestors 'self'"
HARMLESS = {
    *("application/json", "application/octet-stream", "text/plain; charset=utf-8"),
    *("image/png", "image/gif", "image/jpeg", "audio/wav"),
}


def write_dangerous_run(folder: Path) -> None:
    """Everything of a run that a page is sent as it stands, with markup and scripts in it."""
    with SummaryWriter(str(folder)) as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.add_image("picture", torch.rand(3, 4, 4), 0)
        writer.add_text("note", HTML.decode(), 0)
        writer.add_pr_curve("curve", torch.tensor([0, 1]), torch.tensor([0.2, 0.8]), 0)
        writer.add_histogram("weights", torch.rand(10), 0)
        writer.add_graph(torch.nn.Linear(2, 2), torch.rand(1, 2))
        writer.add_hparams({HTML.decode(): 1}, {"accuracy": 1.0}, run_name=".")
        writer.add_custom_scalars({HTML.decode(): {"a": ["Multiline", ["loss"]]}})
        writer.add_mesh("mesh", torch.rand(1, 3, 3))
        labels = [HTML.decode(), "b", "c", "d"]
        writer.add_embedding(torch.rand(4, 3), metadata=labels, label_img=torch.rand(4, 3, 8, 8))
        values = [
            Summary.Value(
                tag=name,
                image=Summary.Image(height=1, width=1, encoded_image_string=content),
            )
            for name, content in (("svg", SVG), ("html", HTML), ("script", SCRIPT.encode()))
        ]
        for name, content in (("svg sound", SVG), ("html sound", HTML)):
            sound = Summary.Audio(encoded_audio_string=content, content_type="text/html")
            values.append(Summary.Value(tag=name, audio=sound))
        plugin = SummaryMetadata.PluginData(plugin_name="of_nobody", content=HTML)
        values.append(
            Summary.Value(
                tag="of nobody",
                metadata=SummaryMetadata(plugin_data=plugin),
                tensor=TensorProto(dtype=DT_STRING, string_val=[HTML]),
            )
        )
        writer._get_file_writer().add_summary(Summary(value=values), 0)
    embedding = next(folder.glob("*/default"))
    (embedding / "sprite.svg").write_bytes(SVG)
    (embedding / "bookmarks.html").write_bytes(b"[%s]" % HTML)
    config = folder / "projector_config.pbtxt"
    config.write_text(
        config.read_text()
        + f"""
embeddings {{
  tensor_name: "hostile"
  tensor_path: "{embedding.relative_to(folder)}/tensors.tsv"
  metadata_path: "{embedding.relative_to(folder)}/sprite.svg"
  bookmarks_path: "{embedding.relative_to(folder)}/bookmarks.html"
  sprite {{ image_path: "{embedding.relative_to(folder)}/sprite.svg" single_image_dim: [8, 8] }}
}}
"""
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "hostile"
    write_dangerous_run(folder)
    return folder


@pytest.fixture(scope="module", params=["2.19", "today's"])
def board(request, hostile):
    """A TensorBoard of a hostile run, of each version, behind a server."""
    name = "other_server" if request.param == "2.19" else "server"
    server = request.getfixturevalue(name)
    shutil.copytree(hostile, server.root / "hostile")
    one = open_one(server, "hostile")
    assert one["state"] == "ready", one["problem"]
    base = path_of(server, one)

    def ask(path: str, **options: dict[str, str]):
        return server.ask("GET", base + quote(path, safe="/?=&%:;,"), **options)

    until(lambda: ask("data/runs").json)
    version = ask("data/environment").json["version"]
    assert version.startswith("2.19.") == (request.param == "2.19")
    yield SimpleNamespace(server=server, base=base, ask=ask, id=one["id"])
    server.request("DELETE", f"{API}/{one['id']}")


def blobs(board, plugin: str, tag: str) -> list[str]:
    """Return where the page finds the content of a tag."""
    if plugin == "images":
        listed = board.ask(f"data/plugin/images/images?run=.&tag={tag}&sample=0").json
        return [f"data/plugin/images/individualImage?{one['query']}" for one in listed]
    listed = board.ask(f"data/plugin/audio/audio?run=.&tag={tag}&sample=0").json
    return [f"data/plugin/audio/individualAudio?{one['query']}" for one in listed]


def assert_inert(answer, path: str) -> None:
    assert answer.headers.get_all("Content-Security-Policy") == [INERT], path
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"], path
    assert answer.headers["Content-Type"] in HARMLESS, (path, answer.headers["Content-Type"])
    for name in ("Location", "Refresh", "Link", "Service-Worker-Allowed"):
        assert name not in answer.headers, path
    assert installed_code.MARK not in answer.headers


@pytest.mark.parametrize(
    ("plugin", "tag"),
    [
        *(("images", tag) for tag in ("svg", "html", "script", "picture")),
        *(("audio", tag) for tag in ("svg sound", "html sound")),
    ],
)
def test_what_a_summary_holds_comes_as_bytes(board, plugin, tag):
    (path,) = blobs(board, plugin, tag)
    for accept in ("*/*", "text/html", "image/svg+xml", "text/event-stream"):
        answer = board.ask(path, headers={"Accept": accept})
        assert answer.status == 200
        assert_inert(answer, path)
        types = {"image/png"} if tag == "picture" else {"application/octet-stream", "audio/wav"}
        assert answer.headers["Content-Type"] in types
    # A type that the page asks for is not the one that comes.
    assert_inert(board.ask(f"{path}&content_type=text/html&mime=image/svg%2Bxml"), path)


PROJECTOR = [
    f"data/plugin/projector/{what}?run=.&name={name}"
    for what in ("tensor", "metadata", "sprite_image", "bookmarks", "info", "runs")
    for name in ("default:00000", "hostile", "<script>")
]


@pytest.mark.parametrize(
    "path",
    [
        *PROJECTOR,
        *("data/runs", "data/logdir", "data/environment", "data/plugins_listing"),
        *("data/experiments", "data/experiment_runs", "data/notifications"),
        "data/plugin/images/tags",
        "data/plugin/audio/tags",
        "data/plugin/text/tags",
        "data/plugin/text/text?run=.&tag=note/text_summary",
        "data/plugin/text_v2/tags",
        "data/plugin/scalars/scalars?run=.&tag=loss",
        "data/plugin/scalars/scalars?run=.&tag=loss&format=csv",
        "data/plugin/histograms/histograms?run=.&tag=weights",
        "data/plugin/distributions/distributions?run=.&tag=weights",
        "data/plugin/pr_curves/pr_curves?run=.&tag=curve",
        "data/plugin/graphs/graph?run=.&large_attrs_key=_too_large_attrs",
        "data/plugin/graphs/run_metadata?run=.&tag=x",
        "data/plugin/custom_scalars/layout",
        "data/plugin/custom_scalars/download_data?run=.&tag=loss&format=csv",
        "data/plugin/mesh/meshes?run=.&tag=mesh&sample=0",
        "data/plugin/mesh/data?run=.&tag=mesh&sample=0&content_type=VERTEX",
        "data/plugin/hparams/download_data?format=csv",
        "data/plugin/timeseries/tags",
        "data/plugin/of_nobody/tags",
        "data/plugin/of_nobody/index.js",
        "data/plugin/projector/nothing.html",
        "data/plugin_entry.html?name=<script>alert(1)</script>",
        "data/plugin_entry.html",
        "data/<script>alert(1)</script>",
        "font-roboto/nothing.html",
        "../../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "<script>alert(1)</script>",
        "%00",
        "webfiles.zip",
    ],
)
def test_data_errors_and_unknown_routes_are_inert(board, path):
    answer = board.ask(path)
    assert_inert(answer, path)
    assert answer.status in {200, 302, 400, 404, 405, 500}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html"),
        ("index.html", "text/html"),
        ("index.js", "text/javascript"),
        ("index.js?_file_hash=1", "text/javascript"),
        ("chart_worker.js", "text/javascript"),
        ("icon_bundle.svg", "image/svg+xml"),
        ("data/plugin_entry.html?name=projector", "text/html"),
        ("data/plugin/projector/index.js", "text/javascript"),
        ("data/plugin/projector/projector_binary.html", "text/html"),
        ("data/plugin/projector/projector_binary.js", "text/javascript"),
    ],
)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_what_the_package_ships_runs(board, path, kind, encoding):
    answer = board.ask(path, headers={"Accept-Encoding": encoding})
    assert answer.status == 200
    assert answer.headers["Content-Type"].split(";")[0] == kind
    (policy,) = answer.headers.get_all("Content-Security-Policy")
    assert "sandbox" not in policy
    assert policy.endswith("frame-ancestors 'self'")
    if kind == "text/html":
        assert "script-src 'self'" in policy
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert installed_code.MARK not in answer.headers


def run_in_chromium(url: str) -> str:
    """Return the page of an address after its scripts have run."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        options += [f"--user-data-dir={profile}", "--virtual-time-budget=4000", "--dump-dom"]
        browser = subprocess.Popen(
            [CHROMIUM, *options, url],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"HOME": profile},
            start_new_session=True,
        )
        # What was not shown it offers as a download, and may then wait for an answer at its end.
        end = threading.Timer(120, os.killpg, (browser.pid, signal.SIGKILL))
        end.start()
        page = ""
        with browser.stdout as lines:
            for line in lines:
                page += line
                if line.rstrip().endswith("</html>"):
                    break
        end.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
        return page


def embedded(server: Server, *urls: str) -> str:
    """Return the page of the probe that takes in addresses in every way that a page can."""
    place = f"{server.origin}{server.base_url}probe/embed"
    query = [("token", TOKEN), *(("url", url) for url in urls)]
    return run_in_chromium(f"{place}?{urlencode(query)}")


def test_no_script_of_a_run_runs_in_a_browser(board):
    root = f"{board.server.base_url.rstrip('/')}{board.base}"
    tags = ("svg", "html", "script")
    page = embedded(board.server, *(root + blobs(board, "images", tag)[0] for tag in tags))
    assert "all taken in</body>" in page
    assert "<title>" not in page


def test_sent_as_what_it_is_it_would_run(server):
    urls = []
    for kind in ("image/svg+xml", "text/html", "text/javascript"):
        script = f"top.document.title += ' {kind}'"
        content = MARKUP.get(kind, "{}").replace("{}", script)
        query = urlencode({"kind": kind, "content": content})
        urls.append(f"{server.base_url}probe/content?{query}")
    page = embedded(server, *urls)
    title = page.partition("<title>")[2].partition("</title>")[0].split()
    assert set(title) == {"image/svg+xml", "text/html", "text/javascript"}


def test_a_plugin_of_another_package_has_its_own_files_and_no_more(tmp_path, monkeypatch):
    package = tmp_path / "tb_plugin_of_tests"
    (package / "static").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "static" / "index.js").write_bytes(b"export const render = () => {};")
    meta = tmp_path / "tb_plugin_of_tests-1.dist-info"
    meta.mkdir()
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: tb-plugin-of-tests\nVersion: 1\n")
    (meta / "entry_points.txt").write_text(
        "[tensorboard_plugins]\nof_tests = tb_plugin_of_tests.plugin:Plugin\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    installed_code._files.cache_clear()
    place = "/data/plugin/of_tests/index.js"
    assert installed_code._is_installed(place, b"export const render = () => {};")
    assert not installed_code._is_installed(place, b"export const render = () => {}; ")
    assert not installed_code._is_installed("/data/plugin/of_tests/other.js", b"")
    installed_code._files.cache_clear()


def test_an_answer_cannot_mark_itself():
    from werkzeug.test import Client
    from werkzeug.wrappers import Response

    hostile = Response(SVG, mimetype="image/svg+xml", headers={installed_code.MARK: "1"})
    answer = Client(installed_code.marked(hostile)).get("/data/plugin/images/individualImage")
    assert installed_code.MARK not in answer.headers
    assert answer.data == SVG


def test_every_harmless_type_runs_nothing():
    active = ("html", "xml", "svg", "script", "css", "pdf", "wasm", "multipart")
    assert not [one for one in installed_code.HARMLESS if any(word in one for word in active)]
