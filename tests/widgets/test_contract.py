"""What every widget keeps to, shown with an example of each."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import dl_lab
from dl_lab.errors import InputError
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.settings import SettingsWidget
from dl_lab.widgets.base.widget import Widget
from tests.widgets.examples import STEMS, class_name, example
from tests.widgets.page import Page


def kind(stem: str) -> type[Widget]:
    found: type[Widget] = getattr(
        importlib.import_module(f"dl_lab.widgets.{stem}"), class_name(stem)
    )
    return found


WITH_SETTINGS = [stem for stem in STEMS if issubclass(kind(stem), SettingsWidget)]
EXPLAINERS = [stem for stem in STEMS if issubclass(kind(stem), Explainer)]


@pytest.fixture
def widget(request: pytest.FixtureRequest) -> Iterator[Widget]:
    made = example(request.param)
    yield made
    made.close()


def each(stems: list[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("widget", stems, indirect=True)


def threads() -> list[str]:
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith("dl-lab")]


@each(STEMS)
def test_each_view_that_says_hello_is_answered(widget):
    page = Page(widget)
    for view in ("first", "second", "first"):
        assert page.request("hello", view=view, have={}).meta["ok"] is True
    # What a page keeps and what a reload restores is JSON.
    state = {name: value for name, value in widget.get_state().items() if name[0] != "_"}
    assert json.loads(json.dumps(state, allow_nan=False))


@each(STEMS)
def test_what_is_refused_is_said_in_both_languages(widget):
    page = Page(widget)
    for asked in (
        page.request("nothing.known"),
        page.request("settings.set", no_such_setting=1),
        page.request("settings.set", self=1),
    ):
        error = asked.meta["error"]
        assert asked.meta["ok"] is False
        assert error["key"] != "unexpected", error["text"]
        said = error["templates"]["es"].format(**error["params"])
        assert said
        assert said != error["text"]


SOURCES = Path(dl_lab.__file__).parent / "widgets"
MALFORMED = [None, True, 1.5, "x", [], {}, [[None]], [[0, 0]], math.nan, math.inf, 10**400]
LARGE = ["x" * 10**5, ["x" * 10**5], {"x" * 10**5: 1}, [0] * 10**4]
ARRAYS = [
    None,
    {},
    {"name": "image", "dtype": [], "shape": [1]},
    {"name": "image", "dtype": "f4", "shape": [1] * 99},
    {"name": "image", "dtype": "f4", "shape": [0, 2**70]},
    {"name": "pixels", "dtype": "u1", "shape": [0]},
    {"name": "x" * 10**5, "dtype": "y" * 10**5, "shape": ["z" * 10**5]},
]


@each(STEMS)
def test_what_is_malformed_is_refused_without_a_word_in_the_log_and_told_in_few(widget, caplog):
    asked = {
        name
        for file in SOURCES.rglob("*.py")
        for name in re.findall(r'(?:meta|asked)(?:\.get\(|\[)"(\w+)"', file.read_text("utf-8"))
    }
    page = Page(widget)
    sent: list[dict[str, object]] = [
        {"v": 1, "kind": kind, "id": "page.1", "meta": {"view": "page", name: value}}
        for kind, handler in widget._handlers.items()
        if ".meta" in inspect.getsource(getattr(widget, handler))
        for name in sorted(asked | set(getattr(widget, "settings", ())))
        for value in MALFORMED
    ]
    sent += [
        {"v": 1, "kind": kind, "id": "page.1", "meta": {"view": "page"}, "arrays": [array]}
        for kind in widget._handlers
        for array in ARRAYS
    ]
    for large in LARGE:
        sent += [
            {"v": large, "id": "page.1"},
            {"v": 1, "kind": large, "id": "page.1"},
            {"v": 1, "kind": "hello", "id": large},
            {"v": 1, "kind": "hello", "id": "page.1", "seq": large},
            {"v": 1, "kind": "hello", "id": "page.1", "meta": {"view": large}},
            {"v": 1, "kind": "settings.set", "id": "page.1", "meta": {"language": large}},
        ]
    sent += [{"v": 1, "kind": kind, "id": "page.1"} for kind in widget._handlers]
    for content in sent:
        widget._handle_custom_msg(content, [b""] * ("arrays" in content))
    assert page.wait(lambda: widget._in_turn._thread is None)
    refusals = [one for one in page.messages if one.kind == "reply" and not one.meta["ok"]]
    assert len(refusals) > len(LARGE)
    assert max(len(one.meta["error"]["text"]) for one in refusals) < 1500
    assert [record.getMessage() for record in caplog.records] == []


@each(STEMS)
def test_it_may_be_closed_twice_and_leaves_no_thread(widget):
    before = [name for name in threads() if "trainer" in name]
    page = Page(widget)
    page.request("hello", view="page", have={})
    widget.close()
    widget.close()
    assert [name for name in threads() if name not in before] == []
    assert widget.comm is None


@each(STEMS)
def test_it_speaks_the_language_that_it_is_told(widget):
    assert widget.language is None
    for language in ("es", "en", None):
        widget.language = language
        assert widget.get_state("language")["language"] == language
    with pytest.raises(InputError, match="language cannot be 'xx'"):
        widget.language = "xx"
    assert widget.language is None


@each(STEMS)
def test_an_unknown_argument_gets_the_nearest_name(widget):
    parameters = inspect.signature(type(widget)).parameters.values()
    # It is looked at before what the class cannot do without.
    needed = {
        one.name: None
        for one in parameters
        if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD
    }
    with pytest.raises(TypeError, match=r"has no argument 'languge'\. Did you mean 'language'\?"):
        kind(widget._stem)(**needed, languge="es")


@pytest.mark.parametrize("stem", STEMS)
def test_each_argument_is_documented(stem):
    documented = re.findall(r"^    (\w[\w, ]*)$", kind(stem).__doc__ or "", re.MULTILINE)
    named = {name for line in documented for name in line.split(", ")}
    parameters = inspect.signature(kind(stem)).parameters.values()
    assert {one.name for one in parameters if one.kind is not one.VAR_KEYWORD} <= named


@each(WITH_SETTINGS)
def test_a_setting_that_is_changed_by_either_side_is_kept(widget):
    page = Page(widget)
    for name, value in json.loads(json.dumps(widget.settings)).items():
        # As a page has it after a reload: what Python sent, back through JSON.
        assert page.request("settings.set", **{name: value}).meta["ok"] is True, name
        assert json.loads(json.dumps(widget.get_state(name)[name])) == value
    before = widget.settings
    page.request("settings.set", language="es", no_such_setting=1)
    assert widget.settings == before
    widget.set(language="es")
    assert widget.settings == {**before, "language": "es"}


@each(EXPLAINERS)
def test_an_explainer_offers_its_settings_and_computes_for_any_of_their_ends(widget):
    page = Page(widget)
    assert page.request("hello", view="page", have={}).arrays
    signature = inspect.signature(type(widget))
    for offered in widget.schema:
        name = offered["name"]
        assert signature.parameters[name].default == offered["default"]
        ends = [offered.get("low"), offered.get("high"), *offered.get("allowed", ())]
        for value in [end for end in ends if end is not None or offered.get("optional")]:
            many = {"choices": 1, "numbers": offered.get("least", 1)}.get(offered["kind"])
            given = value if many is None else [value] * many
            assert page.request("settings.set", **{name: given}).meta["ok"] is True
            assert page.wait(lambda: widget._composed == widget._revision)
            assert widget.problem is None, (name, value, widget.problem)
    if widget.code:
        source = page.request("code.get").meta["pytorch"]
        exec(source, {})  # noqa: S102 - what a person would run
        assert "dl_lab" not in source


@each(EXPLAINERS)
def test_each_preset_computes_and_says_in_both_languages_what_to_see(widget):
    page = Page(widget)
    page.request("hello", view="page", have={})
    for name in widget.presets:
        assert page.request("preset.use", name=name).meta["ok"] is True
        assert page.wait(lambda: widget._composed == widget._revision)
        assert widget.problem is None, (name, widget.problem)
        shown = json.loads(json.dumps(widget.settings))
        assert {**shown, **json.loads(json.dumps(widget.presets))[name]} == shown
        for language in ("en", "es"):
            widget.language = language
            assert {f"try_{name}", f"tip_try_{name}"} <= widget.words().keys()
