"""Operations that run on an accelerator are looked at as those on the CPU are."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from dl_lab.nets.graph.trace import trace
from dl_lab.probe.flow import flow as module_of_flow
from dl_lab.probe.flow.flow import Flow
from dl_lab.probe.flow.origin import origin
from dl_lab.probe.flow.passes import hear
from dl_lab.probe.untouched import untouched
from dl_lab.train.steps.precision import Precision
from dl_lab.train.steps.upcoming import Upcoming
from tests.accelerator.far import DEVICE
from tests.probe.flow.networks import made

NAMES = ("rms", "mean", "dead", "gradient_rms", "gradient_mean", "gradient_dead", "flags")


def heard_on(model, x, y, device):
    model, x, y = copy.deepcopy(model).to(device), x.to(device), y.to(device)
    rows = Upcoming((x, y), nn.CrossEntropyLoss(), Precision("fp32", torch.device(device)))
    with untouched(model):
        graph = trace(model, [x])
    flow = Flow(model, graph)
    assert any(flow.add(flow.hear(rows)) for _ in range(10))
    return flow.statistics, hear(model, rows, 0, rows.count)


@pytest.mark.parametrize("kind", ["residual", "sharing"])
def test_statistics_are_those_of_the_cpu(kind, monkeypatch):
    # All rows in one pass, however long that takes.
    monkeypatch.setattr(module_of_flow, "SLICE", 1e3)
    monkeypatch.setattr(module_of_flow, "ENOUGH", 1e3)
    model, x, y = made(kind)
    if kind == "residual":
        with torch.no_grad():
            model.norm.bias[:] = torch.tensor([0.5, -9.0, 0.1, -9.0])  # two are dead
    here, _ = heard_on(model, x, y, "cpu")
    there, heard = heard_on(model, x, y, DEVICE)
    for name in NAMES:
        seen, wanted = getattr(there, name), getattr(here, name)
        if name.endswith("rms"):
            # The bias before a normalization has no gradient but what rounding leaves.
            seen, wanted = 10**seen, 10**wanted
        np.testing.assert_allclose(seen, wanted, rtol=1e-3, atol=1e-6, err_msg=name)
    if kind == "residual":
        assert there.dead[[node.name for node in heard.graph.nodes].index("relu")] == 0.5
    assert origin(heard) is None
