"""What an explainer makes of its traits and of `compute`."""

from __future__ import annotations

import inspect
import threading
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import dl_lab
from dl_lab.errors import InputError
from dl_lab.widgets.base import explainer as _explainer
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice, Choices, Flag, Number
from tests.widgets.page import Page


class Power(Explainer):
    """x to the power of a setting."""

    _esm = "export default {}"
    _css = ""

    PRESETS: ClassVar = {"cubic": {"power": 3}, "odd_parts": {"parts": ["b"], "count": 4}}

    power = Number(0, 5, 2.0, step=0.5)
    count = Number(1, 10, 3, whole=True, group="advanced")
    kind = Choice(("plain", "refused", "broken"))
    even = Flag()
    parts = Choices(("a", "b"))

    def compute(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.kind == "refused":
            raise InputError("closed", name="This power")
        if self.kind == "broken":
            raise ZeroDivisionError
        x = torch.arange(self.count)
        y = x.double() ** self.power
        return {"power": self.power}, {"x": x, "y": y, "even": x % 2 == 0}

    def source(self) -> str:
        return f"y = x ** {self.power}"


class Followed(Power):
    """The same of a model's first weight, while it trains."""

    _esm = "export default {}"
    _css = ""

    def __init__(self, trainer: dl_lab.Trainer, scale: float = 1.0, **settings: Any) -> None:
        self.scale = scale
        self.model = trainer.model
        super().__init__(trainer=trainer, **settings)

    def compute(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {}, {"weight": next(self.model.parameters()) * self.scale}


class Long(Power):
    """Comes in as many parts as the power says."""

    done = 0

    def compute(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if self.kind == "broken":
            raise ZeroDivisionError
        self.done += 1
        self.unfinished = self.done % self.power != 0
        return {"done": self.done}, {}


@pytest.fixture
def power():
    made = Power()
    yield made
    made.close()


def trainer() -> dl_lab.Trainer:
    points = torch.rand(64, 2, generator=torch.Generator().manual_seed(0))
    model = torch.nn.Linear(2, 1)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    data = (points, points.sum(1, keepdim=True))
    return dl_lab.Trainer(model, torch.nn.MSELoss(), sgd, data, device="cpu")


def test_the_signature_is_made_of_the_settings():
    assert str(inspect.signature(Power)) == (
        "(*, power=2.0, count=3, kind='plain', even=False, parts=('a', 'b'), language=None)"
    )
    assert list(inspect.signature(Followed).parameters)[:3] == ["trainer", "scale", "power"]
    with pytest.raises(TypeError, match=r"no argument 'powr'\. Did you mean 'power'"):
        Power(powr=3)
    # One that follows no trainer does not take it in silence.
    with pytest.raises(TypeError, match="no argument 'trainer'"):
        Power(trainer=trainer())


def test_the_page_is_offered_the_settings_with_their_limits(power):
    offered = {one["name"]: one for one in power.schema}
    assert list(offered) == ["power", "count", "kind", "even", "parts"]
    number = {"low": 0, "high": 5, "step": 0.5, "whole": False, "log": False, "optional": False}
    assert offered["power"] == {
        "name": "power",
        "kind": "number",
        "default": 2.0,
        "group": None,
        **number,
    }
    assert offered["count"]["step"] == 1
    assert offered["count"]["group"] == "advanced"
    assert offered["kind"]["allowed"] == ["plain", "refused", "broken"]
    assert offered["even"]["kind"] == "flag"
    assert power.code is True


def test_a_view_gets_what_was_computed_as_numbers_that_the_protocol_carries(power):
    reply = Page(power).request("hello", view="page", have={})
    assert reply.meta["power"] == 2.0
    assert [reply.arrays[name].dtype.str for name in ("x", "y", "even")] == ["<f4", "<f4", "|u1"]
    assert reply.arrays["y"].tolist() == [0, 1, 4]


def test_a_changed_setting_is_computed_once_for_all_views(power):
    page = Page(power)
    page.request("hello", view="page", have={})
    assert power.compose(touched=True) is None
    page.request("settings.set", power=3, count=4)
    assert page.wait(lambda: page.shown("explainer.show"))
    assert page.shown("explainer.show")[-1].arrays["y"].tolist() == [0, 1, 8, 27]
    assert page.request("hello", view="other", have={}).meta["power"] == 3
    assert page.wait(lambda: power._composed == power._revision)
    assert power.compose(touched=True) is None
    power.language = "es"
    assert power.compose(touched=True) is None


def test_a_preset_begins_from_what_the_widget_was_made_with():
    made = Power(count=7)
    expected = {"power": 2.0, "count": 4, "kind": "plain", "even": False, "parts": ("b",)}
    assert made.presets["odd_parts"] == expected
    made.set(even=True, power=1)
    made.use_preset("cubic")
    assert (made.power, made.count, made.even) == (3.0, 7, False)
    page = Page(made)
    assert page.request("preset.use", name="odd_parts").meta["ok"] is True
    assert (made.power, made.count, made.parts) == (2.0, 4, ("b",))
    refused = page.request("preset.use", name="cubc").meta["error"]
    assert "did you mean cubic?" in refused["text"]
    with pytest.raises(InputError, match="preset cannot be"):
        made.use_preset(["cubic"])  # type: ignore[arg-type]  # as a page might send it
    assert made.count == 4
    made.close()


@pytest.mark.parametrize(("kind", "error"), [("refused", InputError), ("broken", ArithmeticError)])
def test_what_cannot_be_computed_is_said_in_the_cell(kind, error):
    with pytest.raises(error):
        Power(kind=kind)


@pytest.mark.parametrize(("kind", "key"), [("refused", "closed"), ("broken", "unexpected")])
def test_what_cannot_be_computed_later_is_said_in_the_page_until_it_can(power, kind, key):
    page = Page(power)
    page.request("hello", view="page", have={})
    power.kind = kind
    assert page.wait(lambda: power.problem is not None)
    assert power.problem["key"] == key
    assert power.problem["templates"]["es"]
    # What was there before stays, for a view that comes now too.
    assert page.request("hello", view="other", have={}).arrays["y"].tolist() == [0, 1, 4]
    power.kind = "plain"
    assert page.wait(lambda: page.shown("explainer.show"))
    assert power.problem is None


def test_it_is_never_computed_in_two_threads_at_once():
    class Busy(Power):
        """It says when it is entered twice."""

        _esm = "export default {}"
        _css = ""
        inside = most = 0

        def compute(self) -> tuple[dict[str, Any], dict[str, Any]]:
            self.inside += 1
            self.most = max(self.most, self.inside)
            for _ in range(200):
                torch.ones(100).sum()
            self.inside -= 1
            return super().compute()

    busy = Busy()
    threads = [threading.Thread(target=busy.compute) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert busy.most == 1
    busy.close()


def test_while_training_it_is_computed_for_a_fiftieth_of_the_time(monkeypatch):
    run = trainer()
    followed = Followed(run, 2.0)
    now = 100.0
    monkeypatch.setattr(_explainer, "monotonic", lambda: now)
    plain = followed.compute

    def slow() -> tuple[dict[str, Any], dict[str, Any]]:
        nonlocal now
        now += 0.1
        return plain()

    monkeypatch.setattr(followed, "compute", slow)
    run.start()
    assert followed.is_streaming()
    assert followed.compose(touched=False) is not None
    assert followed.compose(touched=False) is None
    now += 4.9
    assert followed.compose(touched=False) is None
    now += 0.2
    assert followed.compose(touched=False) is not None
    run.pause()
    # Once more at the end, with the weights as they are now.
    message = followed.compose(touched=True)
    assert message is not None
    weight = next(run.model.parameters()).detach().numpy()
    assert np.array_equal(message.arrays["weight"], 2 * weight)
    assert followed.compose(touched=True) is None
    followed.close()
    before = followed._revision
    run.step(1)
    assert followed._revision == before


def test_what_is_no_trainer_is_refused():
    class Fake:
        model = torch.nn.Linear(1, 1)

    with pytest.raises(InputError, match="Trainer"):
        Followed(Fake())


def test_what_is_unfinished_is_computed_on_for_as_long_as_it_is_seen():
    long = Long(power=5)
    assert (long.done, long.is_streaming()) == (1, True)
    page = Page(long)
    assert page.request("hello", view="page", have={}).meta["done"] == 1
    assert page.wait(lambda: not long.is_streaming())
    assert page.wait(
        lambda: [one.meta["done"] for one in page.shown("explainer.show")] == [2, 3, 4, 5]
    )
    page.leave()
    long.set(power=2)
    assert page.wait(lambda: long._channel._thread is None)
    assert long.done == 5
    long.close()


def test_what_breaks_on_the_way_is_said_and_goes_on_no_more(caplog):
    long = Long(power=5)
    page = Page(long)
    page.request("hello", view="page", have={})
    long.kind = "broken"
    assert page.wait(lambda: long.problem is not None)
    assert not long.is_streaming()
    assert len(caplog.records) == 1
    long.close()


class Given(Power):
    """Offers what it was given beside the kinds of its class."""

    def __init__(self, *given: str, **settings: Any) -> None:
        self.offers = {"kind": ("plain", *given)}
        super().__init__(**settings)


def test_a_choice_may_be_among_what_the_widget_was_given():
    one, other = Given("mine", kind="mine"), Given("yours")
    (offered,) = (setting for setting in one.schema if setting["name"] == "kind")
    assert offered["allowed"] == ["plain", "mine"]
    other.kind = "yours"
    for widget, name in ((one, "yours"), (other, "refused")):
        with pytest.raises(InputError, match=f"kind cannot be {name!r}.* Choose one of: plain"):
            widget.kind = name
    one.close()
    other.close()
