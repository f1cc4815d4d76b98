from __future__ import annotations

import numpy as np
import pytest
import torch

from dl_lab.errors import InputError
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.gradient_norms import GradientNorms
from tests.train.callbacks.problem import plain_loop, same_weights, trainer


class Own(Callback):
    """torch's own function on the gradients of the two layers and of all."""

    def __init__(self) -> None:
        self.norms = []

    def on_gradients(self, trainer):
        layers = [list(trainer.model[index].parameters()) for index in (0, 2)]
        parts = [*layers, [*trainer.model.parameters()]]
        self.norms.append(
            [torch.nn.utils.get_total_norm([p.grad for p in part]).item() for part in parts]
        )


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_they_are_torchs_norms_before_clipping(every, clip):
    own = Own()
    run = trainer(GradientNorms(every, layers=True), own, clip_norm=clip)
    run.fit(4)
    names = ("gradient_norm/0", "gradient_norm/2", "gradient_norm")
    for name, norms in zip(names, np.array(own.norms).T, strict=True):
        series = run.history[name]
        assert series.steps.tolist() == list(range(every, 13, every))
        assert np.array_equal(series.values, norms[every - 1 :: every])


def test_they_are_the_norms_of_a_plain_loop_and_change_nothing():
    plain = plain_loop(4)
    run = trainer(GradientNorms(1))
    run.fit(4)
    assert run.history["gradient_norm"].values == pytest.approx(plain.norms, rel=1e-5)
    assert same_weights(run.model, plain.weights[-1])
    assert not [name for name in run.history if name.startswith("gradient_norm/")]


def test_a_frozen_layer_has_no_norm():
    run = trainer(GradientNorms(1, layers=True))
    run.model[0].requires_grad_(False)
    run.fit(1)
    assert "gradient_norm/0" not in run.history
    total = run.history["gradient_norm"].values
    assert np.array_equal(total, run.history["gradient_norm/2"].values)


@pytest.mark.parametrize("settings", [{"every": 0}, {"every": 1.5}, {"layers": 1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError):
        GradientNorms(**settings)
