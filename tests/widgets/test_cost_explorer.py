from __future__ import annotations

import math

import pytest

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import Page


@pytest.mark.parametrize("weight", [-3.0, 0.0, 2.5])
def test_the_curve_is_the_sigmoid(weight):
    explainer = dl_lab.CostExplorer(weight=weight)
    arrays = Page(explainer).request("hello", view="page", have={}).arrays
    expected = [1 / (1 + math.exp(-weight * x)) for x in arrays["x"].tolist()]
    assert arrays["y"] == pytest.approx(expected, abs=1e-6)
    explainer.close()


def test_a_weight_beyond_its_limits_is_refused():
    with pytest.raises(InputError, match="weight must be a number between -10 and 10"):
        dl_lab.CostExplorer(weight=11)
