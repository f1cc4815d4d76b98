from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.range_test import RangeTest, range_test
from dl_lab.widgets.learning_rate_finder import LearningRateFinder, shown_losses
from tests.widgets.examples import example
from tests.widgets.page import Page

LOSSES = np.linspace(2, 1, 40)


@pytest.fixture
def finder() -> Iterator[LearningRateFinder]:
    found = example("learning_rate_finder")
    yield found
    found.close()


def made(finder: LearningRateFinder, **parts: object) -> LearningRateFinder:
    rates = np.geomspace(1e-5, 1, len(LOSSES))
    plain = {"rates": rates, "losses": LOSSES, "smoothed": LOSSES, "scale": "exponential"}
    return LearningRateFinder(finder.trainer, RangeTest(**{**plain, "current": 0.01, **parts}))


class TestFromPython:
    def test_lr_find_measures_what_range_test_does(self, finder):
        test = range_test(example("learning_rate_finder").trainer)
        assert np.array_equal(finder.rates, test.rates)
        assert np.array_equal(finder.losses, test.losses)
        assert finder.suggestion == test.suggestion
        assert finder.suggestion is not None
        linear = dl_lab.lr_find(
            finder.trainer,
            1e-3,
            0.1,
            25,
            "linear",
            stop_factor=None,
            smoothing=0.5,
            training_steps=40,
            language="es",
        )
        assert {training.steps for training in linear.test.trainings} == {40, 80}
        assert linear.rates == pytest.approx(np.linspace(1e-3, 0.1, 25))
        assert linear.language == "es"
        linear.close()

    def test_use_sets_the_rate(self, finder):
        assert finder.trainer.learning_rate == 0.01
        assert finder.chosen is None
        finder.use()
        assert finder.trainer.learning_rate == finder.chosen == finder.suggestion
        finder.use(0.125)
        assert finder.trainer.optimizer.param_groups[0]["lr"] == finder.chosen == 0.125
        assert finder.state == "ready"

    def test_use_while_it_trains(self, finder):
        finder.trainer.start()
        finder.use(0.002)
        finder.trainer.pause()
        assert finder.trainer.optimizer.param_groups[0]["lr"] == 0.002

    @pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, "fast", True])
    def test_what_is_no_rate_is_refused(self, finder, rate):
        with pytest.raises(InputError, match="rate must be a number between"):
            finder.use(rate)
        assert finder.trainer.learning_rate == 0.01
        assert (finder.chosen, finder.state) == (None, "ready")

    def test_no_suggestion_cannot_be_used(self, finder):
        reason = InputError("range_no_descent", low="1e-05", high="1", steps=200)
        finder = made(finder, suggestion=None, reason=reason)
        assert finder.message is not None
        assert finder.message["key"] == "range_no_descent"
        assert finder.message["text"] == str(reason)
        assert "{low}" in finder.message["templates"]["es"]
        with pytest.raises(InputError, match="suggests no learning rate"):
            finder.use()
        finder.close()

    def test_plain_text_tells_the_suggestion(self, finder):
        text = repr(finder)
        assert f"suggestion {finder.suggestion:g}, {len(finder.rates)} rates from 1e-07" in text
        finder.use(0.5)
        assert "0.5 in use" in repr(finder)
        assert repr(made(finder, suggestion=None)).startswith(
            "LearningRateFinder(no suggestion, 40 rates"
        )
        empty = np.empty(0)
        assert "nothing measured" in repr(made(finder, rates=empty, losses=empty, smoothed=empty))


class TestProtocol:
    def test_hello_tells_the_whole_test(self, finder):
        reply = Page(finder).request("hello", view="page", have={})
        assert reply.meta["ok"] is True
        assert reply.meta["suggestion"] == finder.suggestion
        assert reply.meta["current"] == 0.01
        assert reply.meta["scale"] == "exponential"
        assert reply.meta["name"] == "clouds"
        assert reply.meta["stopped"] is None
        assert [rate for rate, _ in reply.meta["trainings"]] == [
            training.rate for training in finder.test.trainings
        ]
        told = [loss for _, loss in reply.meta["trainings"] if loss is not None]
        assert told == [one.loss for one in finder.test.trainings if math.isfinite(one.loss)]
        assert finder.suggestion in {rate for rate, _ in reply.meta["trainings"]}
        for name, values in (
            ("rates", finder.rates),
            ("losses", finder.losses),
            ("smoothed", finder.test.smoothed),
        ):
            assert reply.arrays[name].dtype == np.float32
            assert np.array_equal(reply.arrays[name], values.astype("f4"))

    def test_why_it_ended_early_is_told_in_both_languages(self, finder):
        stopped = InputError("range_rose", rate="1.3", factor="4")
        page = Page(made(finder, stopped=stopped))
        told = page.request("hello", view="page", have={}).meta["stopped"]
        assert told["text"] == str(stopped)
        assert told["templates"]["es"]

    def test_losses_beyond_float32_still_reach_the_page(self, finder):
        losses = np.where(np.arange(40) > 37, 1e300, LOSSES)
        finder = made(finder, losses=losses)
        reply = Page(finder).request("hello", view="page", have={})
        assert np.isfinite(reply.arrays["losses"]).all()
        finder.close()

    def test_the_largest_test_fits_in_a_message(self, finder):
        rates = np.geomspace(1e-7, 10, 10_000)
        finder = made(finder, rates=rates, losses=rates, smoothed=rates)
        reply = Page(finder).request("hello", view="page", have={})
        size = sum(array.nbytes for array in reply.arrays.values())
        assert size + len(json.dumps(reply.meta)) <= 256_000
        finder.close()

    def test_rate_use(self, finder):
        page = Page(finder)
        assert page.request("rate.use", value=0.05).meta == {"ok": True}
        assert finder.trainer.learning_rate == finder.chosen == 0.05
        refused = page.request("rate.use", value=-3)
        assert refused.meta["error"]["key"] == "number"
        assert finder.trainer.learning_rate == finder.chosen == 0.05


@pytest.fixture
def shown(monkeypatch) -> list[tuple[dict[str, str], dict[str, object]]]:
    outputs = []
    monkeypatch.setattr(
        "IPython.display.display", lambda bundle, **keywords: outputs.append((bundle, keywords))
    )
    return outputs


def test_the_picture_in_the_notebook_follows_the_rate_in_use(finder, shown):
    finder._ipython_display_()
    (view, _), (picture, keywords) = shown
    mark = f"dl-lab-{finder.model_id}"
    assert "application/vnd.jupyter.widget-view+json" in view
    assert view["text/plain"] == repr(finder)
    assert keywords["display_id"] == mark
    assert Page(finder).request("hello", view="page", have={}).meta["picture"] == mark
    for part in (f'id="{mark}"', f"suggestion: {finder.suggestion:g}", "in use: 0.01", "· clouds"):
        assert part in picture["image/svg+xml"]
    finder.language = "es"
    finder.use(0.25)
    finder.close()
    bundle, keywords = shown[-1]
    assert keywords["update"] is True
    assert "en uso: 0.25" in bundle["image/svg+xml"]
    with pytest.raises(InputError, match="LearningRateFinder is closed"):
        finder._ipython_display_()


def test_losses_that_took_off_are_not_shown():
    rates = np.geomspace(1e-7, 10, 100)
    losses = 1.1 - np.tanh(3 * np.log10(rates / 0.02))
    took_off = np.where(np.arange(100) > 95, 1e30, losses)
    low, high = shown_losses(RangeTest(rates, took_off, took_off, "exponential", current=0.1))
    assert low >= 0
    assert losses.max() < high < 2 * losses.max()


@pytest.mark.parametrize("losses", [np.full(50, 3.0), np.zeros(50), np.linspace(-5, -7, 50)])
def test_any_losses_have_a_range(losses):
    rates = np.geomspace(1e-3, 1, 50)
    low, high = shown_losses(RangeTest(rates, losses, losses, "exponential", current=0.1))
    assert low <= losses.min()
    assert high > max(low, losses.max() - 1e-9)
