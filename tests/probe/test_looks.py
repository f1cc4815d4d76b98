"""Looks that meet, that are called off, and that keep within bounds: shown without a clock."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dl_lab.probe.attribution import METHODS, Attribution, layer_gradients
from dl_lab.probe.capture import capture
from dl_lab.probe.formula.arithmetic import explain
from dl_lab.probe.formula.operation import operation
from dl_lab.probe.health import Tally, health
from dl_lab.probe.looks.passes import Pass, finished
from dl_lab.probe.looks.turns import CalledOff, called_off_by, is_looked_at, one_look
from dl_lab.probe.receptive_field import effective_field, receptive_field
from dl_lab.probe.recorder import ALL, Keep
from dl_lab.train.batches.random_stream import RandomStream
from tests.probe.networks import Residual
from tests.probe.traces import same, state

LIMIT = 60.0
CALLS: Counter[nn.Module] = Counter()  # what a module counts in an attribute is put back


class Gate(nn.Module):
    """A layer that waits until the test lets it through."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.opened = threading.Event(), threading.Event()

    def forward(self, x: Tensor) -> Tensor:
        CALLS[self] += 1
        self.reached.set()
        assert self.opened.wait(LIMIT)
        return x * 1


def gated() -> tuple[nn.Sequential, Gate]:
    gate = Gate()
    return nn.Sequential(nn.Linear(4, 4), gate, nn.Linear(4, 2)), gate


class Looking(threading.Thread):
    """A look in a thread of its own."""

    def __init__(self, look: Callable[[], Any], over: Callable[[], bool] = lambda: False) -> None:
        super().__init__(daemon=True)
        self._look, self._over = look, over
        self.result: Any = None
        self.start()

    def run(self) -> None:
        try:
            with called_off_by(self._over):
                self.result = self._look()
        except BaseException as error:  # noqa: BLE001  # what the test asks for
            self.result = error

    def found(self) -> Any:
        self.join(LIMIT)
        assert not self.is_alive()
        return self.result


X = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))


class TestTwoLooks:
    def test_at_two_networks_do_not_wait_for_each_other(self):
        model, gate = gated()
        look = Looking(lambda: capture(model, X))
        assert gate.reached.wait(LIMIT)
        # The other one has not gone on meanwhile.
        assert len(Looking(lambda: capture(nn.Linear(4, 2), X)).found().layers) == 1
        assert is_looked_at(model)
        gate.opened.set()
        assert len(look.found().layers) == 3

    def test_at_parts_of_one_network_do(self):
        model, gate = gated()
        first = Looking(lambda: capture(model, X))
        assert gate.reached.wait(LIMIT)
        assert is_looked_at(model[0])
        done = threading.Event()
        second = Looking(lambda: (capture(model[2], X), done.set()))
        assert not done.is_set()
        gate.opened.set()
        first.found()
        second.found()
        assert done.is_set()
        assert not is_looked_at(model)

    def test_one_that_waits_can_be_called_off(self):
        model, _ = gated()
        with one_look(model):
            look = Looking(lambda: capture(model[0], X), over=lambda: True)
            assert isinstance(look.found(), CalledOff)


class Counting(nn.Module):
    """Counts its calls, and has the look called off at one of them."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last = last
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        CALLS[self] += 1
        return x * self.scale

    def over(self) -> bool:
        return CALLS[self] >= self.last


@pytest.mark.parametrize("catching", [False, True])
def test_one_that_is_called_off_ends_at_the_next_layer_and_leaves_no_trace(catching):
    class Catching(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            try:
                return super().forward(x)
            except Exception:  # noqa: BLE001  # as people's models do
                return x

    count = Counting(last=2)
    chain = [count, nn.Dropout(), nn.BatchNorm1d(4)] * 4
    model = Catching(*chain) if catching else nn.Sequential(*chain)
    before = state(model)
    look = Looking(lambda: capture(model, X, mode="train", gradients=True), over=count.over)
    assert isinstance(look.found(), CalledOff)
    assert CALLS[count] == 2
    after = state(model)
    assert all(same(value, after[part]) for part, value in before.items())
    assert not is_looked_at(model)


def test_a_backward_pass_is_called_off():
    backward: list[int] = []

    class Noting(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: Tensor) -> Tensor:
            return x * 1

        @staticmethod
        def backward(_: Any, gradient: Tensor) -> Tensor:
            backward.append(1)
            return gradient * 1

    class Layer(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return Noting.apply(x)

    model = nn.Sequential(*(Layer() for _ in range(5)), nn.Linear(4, 2))
    ask = Attribution(model, X)
    look = Looking(lambda: ask.saliency(0), over=lambda: len(backward) >= 2)
    assert isinstance(look.found(), CalledOff)
    assert len(backward) == 2


@pytest.mark.parametrize("method", METHODS)
def test_a_pass_that_was_called_off_is_computed_again(method):
    model = Residual()
    ask = Attribution(model, torch.rand(1, 3, 16, 16))
    whole = finished(ask.passes(method, 1))
    passes, calls = ask.passes(method, 1), 0

    def interrupted() -> bool:
        nonlocal calls
        calls += 1
        return calls % 9 == 0

    def twice(one: Pass) -> Any:
        with pytest.raises(CalledOff), called_off_by(interrupted):
            one.compute()
        return one.compute()

    def following(given: object) -> Pass | Tensor:
        try:
            return passes.send(given)
        except StopIteration as end:
            found: Tensor = end.value
            return found

    one = following(None)
    while isinstance(one, Pass):
        one = following(twice(one))
    assert torch.equal(one, whole)


class Drawing(nn.Module):
    """Draws from all generators, at a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def forward(self, x: Tensor) -> Tensor:
        drawn = torch.rand(1) + np.random.rand() + random.random()  # noqa: NPY002, S311
        drawn = drawn + nn.functional.dropout(torch.ones(1)) + torch.rand_like(drawn)
        return self.gate(x) * drawn


class TestRandomNumbers:
    def test_what_others_draw_during_a_look_stays_drawn(self):
        """Neither a training step in another thread nor a person's own cell is put back."""
        model = Drawing()
        stream = RandomStream(seed=1)
        with stream:
            alone = torch.rand(3), torch.rand(3)
        stream.restart()
        torch.manual_seed(5)
        first, second = torch.rand(1), torch.rand(1)
        torch.manual_seed(5)
        with stream:
            one = torch.rand(3)
            look = Looking(lambda: capture(model, X))
            assert model.gate.reached.wait(LIMIT)
            other = torch.rand(3)
            model.gate.opened.set()
            look.found()
        assert torch.equal(one, alone[0])
        assert torch.equal(other, alone[1])
        assert torch.equal(torch.rand(1), first)
        model.gate.opened.clear()
        model.gate.reached.clear()
        look = Looking(lambda: capture(model, X))
        assert model.gate.reached.wait(LIMIT)
        assert torch.equal(torch.rand(1), second)
        before = torch.get_rng_state()
        model.gate.opened.set()
        look.found()
        assert torch.equal(torch.get_rng_state(), before)

    def test_two_looks_put_back_pythons_and_numpys(self):
        models = [Drawing(), Drawing()]
        before = random.getstate(), np.random.get_state()  # noqa: NPY002
        looks = []
        for model in models:
            looks.append(Looking(lambda model=model: capture(model, X)))  # type: ignore[misc]  # a lambda's default
            assert model.gate.reached.wait(LIMIT)
        for model, look in zip(models, looks, strict=True):
            model.gate.opened.set()
            look.found()
        assert random.getstate() == before[0]
        assert all(map(np.array_equal, np.random.get_state(), before[1]))  # noqa: NPY002

    def test_a_model_that_seeds_leaves_no_seed(self):
        class Seeding(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                torch.manual_seed(0)
                return x + torch.rand(1)

        torch.manual_seed(3)
        before = torch.get_rng_state()
        capture(Seeding(), X)
        assert torch.equal(torch.get_rng_state(), before)


class TestWhatIsKept:
    MODEL = Residual().eval()
    IMAGE = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    @pytest.mark.parametrize("gradients", [False, True])
    def test_of_the_layers_that_are_wanted_all_is_the_same(self, gradients):
        whole = capture(self.MODEL, self.IMAGE, gradients=gradients)
        for layer in whole.layers:
            keep = Keep(frozenset({layer.index}), most=0, measured=True)
            seen = capture(self.MODEL, self.IMAGE, gradients=gradients, keep=keep)
            assert [one.index for one in seen.layers if one.kept] == [layer.index]
            own = seen.layers[layer.index]
            assert torch.equal(own.output, layer.output)
            assert all(map(torch.equal, own.inputs, layer.inputs))
            at = tuple(size // 2 for size in layer.units.shape)
            if operation(layer) is not None:
                expected, found = explain(whole, layer, at), explain(seen, own, at)
                assert (found.result, found.links) == (expected.result, expected.links)
            assert receptive_field(seen, own, at) == receptive_field(whole, layer, at)

    def test_of_the_others_there_are_shapes_and_the_largest_value(self):
        whole = capture(self.MODEL, self.IMAGE)
        seen = capture(self.MODEL, self.IMAGE, keep=Keep(most=0, measured=True))
        for one, other in zip(seen.layers, whole.layers, strict=True):
            assert one.output.is_meta
            assert all(value.is_meta for value in one.inputs)
            assert one.units.shape == other.units.shape
            assert one.largest == float(other.units.abs().max())
            assert type(operation(one)) is type(operation(other))
        assert torch.equal(seen.output["logits"], whole.output["logits"])

    def test_the_first_layers_are_kept_up_to_a_bound(self):
        whole = capture(self.MODEL, self.IMAGE)
        most = whole.layers[0].output.nbytes + 1
        kept = [one.kept for one in capture(self.MODEL, self.IMAGE, keep=Keep(most=most)).layers]
        assert kept == [True, True, *[False] * (len(whole.layers) - 2)]
        assert all(one.kept for one in capture(self.MODEL, self.IMAGE, keep=ALL).layers)

    def test_a_unit_is_changed_also_where_nothing_is_kept(self):
        name = capture(self.MODEL, self.IMAGE).layers[0].name
        changes = {(name, 0, 1): 0.0}
        whole = capture(self.MODEL, self.IMAGE, changes=changes)
        for gradients in (False, True):
            keep = Keep(most=0)
            seen = capture(self.MODEL, self.IMAGE, changes=changes, keep=keep, gradients=gradients)
            assert torch.allclose(seen.output["logits"], whole.output["logits"], atol=1e-6)

    def test_an_attribution_by_single_rows_is_the_same(self, monkeypatch):
        ask = Attribution(self.MODEL, self.IMAGE)
        together = [finished(ask.passes(method, 0)) for method in METHODS]
        field = effective_field(self.MODEL, self.IMAGE[:1], 0, (0, 3, 3))
        assert field.count_nonzero() > 0
        monkeypatch.setattr("dl_lab.probe.looks.passes.MEMORY", 0)
        for method, expected in zip(METHODS, together, strict=True):
            assert torch.allclose(finished(ask.passes(method, 0)), expected, atol=1e-5)

    def test_signs_of_trouble_are_the_same_counted_row_by_row(self):
        seen = capture(self.MODEL, self.IMAGE, gradients=True)
        whole = health(seen, layer_gradients(seen, 1))
        tally = Tally()
        for row in self.IMAGE.split(1):
            seen = capture(self.MODEL, row, gradients=True)
            tally.add(seen, layer_gradients(seen, 1))
        for one, other in zip(tally.health(), whole, strict=True):
            assert one.dead == other.dead
            assert one.zeros == pytest.approx(other.zeros)
            assert one.gradient == pytest.approx(other.gradient, rel=1e-4)
