from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import dl_lab
from dl_lab.errors import InputError
from dl_lab.train.lr_finder import RangeTest, range_test
from dl_lab.widgets.learning_rate_finder import LearningRateFinder
from tests.widgets.page import Page

LOSSES = np.linspace(2, 1, 40)


def trainer(name: str | None = "lenet") -> dl_lab.Trainer:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 4, (200,), generator=generator)
    points = torch.randn(4, 6, generator=generator)[targets]
    points = 2 * points + torch.randn(200, 6, generator=generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
    sgd = torch.optim.SGD(model.parameters(), lr=0.01)
    return dl_lab.Trainer(
        model,
        functional.cross_entropy,
        sgd,
        (points, targets),
        batch_size=20,
        seed=0,
        device="cpu",
        name=name,
    )


@pytest.fixture
def finder() -> Iterator[LearningRateFinder]:
    found = dl_lab.lr_find(trainer())
    yield found
    found.close()


def made(**parts: object) -> LearningRateFinder:
    rates = np.geomspace(1e-5, 1, len(LOSSES))
    plain = {"rates": rates, "losses": LOSSES, "smoothed": LOSSES, "scale": "exponential"}
    return LearningRateFinder(trainer(), RangeTest(**{**plain, "current": 0.01, **parts}))


class TestFromPython:
    def test_lr_find_measures_what_range_test_does(self, finder):
        test = range_test(trainer())
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
        assert {training.steps for training in linear.test.trainings} == {40}
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

    def test_no_suggestion_cannot_be_used(self):
        reason = InputError("range_no_descent", low="1e-05", high="1", steps=200)
        finder = made(suggestion=None, reason=reason)
        assert finder.message is not None
        assert finder.message["key"] == "range_no_descent"
        assert finder.message["text"] == str(reason)
        assert "{low}" in finder.message["templates"]["es"]
        with pytest.raises(InputError, match="suggests no learning rate"):
            finder.use()
        finder.close()

    def test_unknown_arguments_get_the_nearest(self):
        with pytest.raises(TypeError, match="Did you mean 'language'"):
            made().__class__(trainer(), made().test, langage="es")

    def test_plain_text_tells_the_suggestion(self, finder):
        text = repr(finder)
        assert f"suggestion {finder.suggestion:g}, {len(finder.rates)} rates from 1e-07" in text
        finder.use(0.5)
        assert "0.5 in use" in repr(finder)
        assert repr(made(suggestion=None)).startswith("LearningRateFinder(no suggestion, 40 rates")
        empty = np.empty(0)
        assert "nothing measured" in repr(made(rates=empty, losses=empty, smoothed=empty))


class TestProtocol:
    def test_hello_tells_the_whole_test(self, finder):
        reply = Page(finder).request("hello", view="page", have={})
        assert reply.meta["ok"] is True
        assert reply.meta["suggestion"] == finder.suggestion
        assert reply.meta["current"] == 0.01
        assert reply.meta["scale"] == "exponential"
        assert reply.meta["name"] == "lenet"
        assert [rate for rate, _ in reply.meta["trainings"]] == [
            training.rate for training in finder.test.trainings
        ]
        told = [loss for _, loss in reply.meta["trainings"] if loss is not None]
        assert told == [one.loss for one in finder.test.trainings if math.isfinite(one.loss)]
        assert finder.suggestion in {rate for rate, _ in reply.meta["trainings"]}
        assert reply.meta["stopped"]["key"] == finder.test.stopped.key
        for name, values in (
            ("rates", finder.rates),
            ("losses", finder.losses),
            ("smoothed", finder.test.smoothed),
        ):
            assert reply.arrays[name].dtype == np.float32
            assert np.array_equal(reply.arrays[name], values.astype("f4"))

    def test_losses_beyond_float32_still_reach_the_page(self):
        losses = np.where(np.arange(40) > 37, 1e300, LOSSES)
        finder = made(losses=losses)
        reply = Page(finder).request("hello", view="page", have={})
        assert np.isfinite(reply.arrays["losses"]).all()
        finder.close()

    def test_the_largest_test_fits_in_a_message(self):
        rates = np.geomspace(1e-7, 10, 10_000)
        finder = made(rates=rates, losses=rates, smoothed=rates)
        reply = Page(finder).request("hello", view="page", have={})
        size = sum(array.nbytes for array in reply.arrays.values())
        assert size + len(json.dumps(reply.meta)) <= 256_000
        finder.close()

    def test_rate_use(self, finder):
        page = Page(finder)
        assert page.request("rate.use", value=0.05).meta == {"ok": True}
        assert finder.trainer.learning_rate == finder.chosen == 0.05

    @pytest.mark.parametrize("meta", [{}, {"value": None}, {"value": -1}, {"value": "x"}])
    def test_rate_use_of_nonsense(self, finder, meta):
        reply = Page(finder).request("rate.use", **meta)
        assert reply.meta["ok"] is False
        assert reply.meta["error"]["key"] == "number"
        assert finder.trainer.learning_rate == 0.01


class TestSavedPicture:
    """The second output of the cell, which the saved notebook keeps."""

    @pytest.fixture
    def shown(self, monkeypatch) -> list[tuple[dict[str, str], dict[str, object]]]:
        outputs = []

        def display(bundle, **keywords: object):
            outputs.append((bundle, keywords))

        monkeypatch.setattr("IPython.display.display", display)
        return outputs

    def test_is_shown_beside_the_widget(self, finder, shown):
        finder._ipython_display_()
        (view, _), (picture, keywords) = shown
        assert "application/vnd.jupyter.widget-view+json" in view
        assert view["text/plain"] == picture["text/plain"] == repr(finder)
        assert keywords["display_id"] == f"dl-lab-{finder.model_id}"
        assert picture["image/svg+xml"] == finder.picture()
        assert f'id="dl-lab-{finder.model_id}"' in finder.picture()
        assert f"suggestion: {finder.suggestion:g}" in finder.picture()
        assert "in use: 0.01" in finder.picture()

    def test_follows_the_rate_in_use(self, finder, shown):
        finder._ipython_display_()
        finder.use(0.25)
        finder.close()
        bundle, keywords = shown[-1]
        assert keywords["update"] is True
        assert "in use: 0.25" in bundle["image/svg+xml"]

    def test_a_view_is_told_what_to_hide(self, finder):
        reply = Page(finder).request("hello", view="page", have={})
        assert reply.meta["picture"] == f"dl-lab-{finder.model_id}"
