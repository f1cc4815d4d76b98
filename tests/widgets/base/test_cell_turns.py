"""A network that a cell trains itself is looked at in the cell's thread, and trains as if alone."""

from __future__ import annotations

import itertools
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from IPython.core.events import EventManager
from torch import nn

import dl_lab
from dl_lab.errors import InputError
from dl_lab.widgets.base import cell_turns as _cell_turns
from dl_lab.widgets.base.cell_turns import CellTurns
from dl_lab.widgets.layer_viewer import look as _layer_look
from tests.widgets.page import Page

X = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.randint(0, 3, (40,), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def cell(monkeypatch):
    """An IPython kernel's events; calling it ends the cell."""
    events = EventManager(None, {"post_run_cell": None})
    monkeypatch.setattr(_cell_turns, "_shell", lambda: SimpleNamespace(events=events))
    return lambda: events.trigger("post_run_cell", None)


def in_thread(act):
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def queued(turns):
    """Wait until a look waits for its turn."""
    deadline = time.monotonic() + 120
    while not turns._waiting:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_looks_wait_for_the_loop_and_run_in_its_thread(cell):
    ended, ran = [], []
    turns = CellTurns(lambda: ended.append(True))
    assert turns.run(threading.get_ident) == threading.get_ident()
    assert turns.serve()
    thread = in_thread(lambda: ran.append(turns.run(threading.get_ident)))
    queued(turns)
    assert ran == []
    turns.serve()
    thread.join()
    assert ran == [threading.get_ident()]
    thread = in_thread(lambda: ran.append(turns.run(threading.get_ident)))
    queued(turns)
    cell()
    thread.join()
    assert (len(ran), ended) == (2, [True])
    thread = in_thread(lambda: ran.append(turns.run(threading.get_ident)))
    thread.join()
    assert ran[-1] != threading.get_ident()
    cell()
    assert ended == [True]


def test_what_a_look_raises_goes_to_who_asked(cell):
    turns, told = CellTurns(lambda: None), []

    def ask(error):
        def look():
            raise error

        try:
            turns.run(look)
        except Exception as raised:  # noqa: BLE001 - that is what is asked
            told.append(raised)

    turns.serve()
    thread = in_thread(lambda: ask(ValueError("no")))
    queued(turns)
    turns.serve()
    thread.join()
    thread = in_thread(lambda: ask(KeyboardInterrupt()))
    queued(turns)
    with pytest.raises(KeyboardInterrupt):
        turns.serve()
    thread.join()
    assert [type(one) for one in told] == [ValueError, InputError]
    cell()


def test_who_has_no_patience_gets_a_sentence(cell):
    turns, told = CellTurns(lambda: None), []

    def ask():
        with pytest.raises(InputError, match="has not called viewer"):
            turns.run(lambda: told.append("looked"), patience=0.05)
        told.append("told")

    turns.serve()
    in_thread(ask).join()
    cell()
    assert told == ["told"]


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 3)
        )


def train(model, steps, update=lambda: None):
    sgd = torch.optim.SGD(model.parameters(), 0.1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        for step in range(steps):
            sgd.zero_grad()
            rows = slice(step % 4 * 10, step % 4 * 10 + 10)
            nn.functional.cross_entropy(model(X[rows]), Y[rows]).backward()
            sgd.step()
            assert all(module.training for module in model.modules())
            update()
    return [one.clone() for one in model.state_dict().values()]


def test_a_loop_of_ones_own_trains_as_if_nobody_looked(cell, monkeypatch):
    alone = train(network(), 80)
    model, threads = network(), set()
    capture = _layer_look.capture

    def noted(*args: Any, **kwargs: Any) -> Any:
        threads.add(threading.current_thread())
        return capture(*args, **kwargs)

    viewer = dl_lab.LayerViewer(model, X[:5])
    page = Page(viewer)
    page.request("hello", view="page", have={})
    row = {"layer": 0, "first": 0, "count": 4, "height": 6, "width": 6, "depth": 0}
    page.request("rows.watch", view="page", rows=[row])
    assert page.wait(page.frames)
    viewer.update()
    monkeypatch.setattr(_layer_look, "capture", noted)
    updates = itertools.count()

    def update():
        if next(updates) % 10 == 0:
            viewer.choose(0)
            queued(viewer._look.turns)
        viewer.update()

    watched = train(model, 80, update)
    assert all(torch.equal(one, other) for one, other in zip(alone, watched, strict=True))
    assert threads == {threading.main_thread()}
    count = len(page.frames())
    cell()
    assert page.wait(lambda: len(page.frames()) > count)
    last = page.frames()[-1].arrays["row0"]
    with torch.no_grad():
        assert torch.allclose(torch.tensor(last), model.eval()[0](X[:1])[0], atol=1e-6)
    viewer.close()


def test_closing_in_the_loop_waits_for_nothing(cell):
    viewer = dl_lab.LayerViewer(network(), X[:5])
    page = Page(viewer)
    page.request("hello", view="page", have={})
    viewer.update()
    viewer.choose(2)
    viewer.close()
    cell()


def test_two_viewers_of_one_network_leave_it_as_it_is():
    model = network().train()
    viewers = [dl_lab.LayerViewer(model, X[:5], mode=mode) for mode in ("eval", "train")]
    pages = [Page(viewer) for viewer in viewers]
    for page in pages:
        page.request("hello", view="page", have={})

    def look(viewer):
        for row in range(20):
            viewer.choose(row % 5)
            viewer.compose(touched=True)

    before = [one.clone() for one in model.state_dict().values()]
    threads = [in_thread(lambda one=one: look(one)) for one in viewers]
    for thread in threads:
        thread.join()
    for viewer in viewers:
        viewer.close()
    assert all(module.training for module in model.modules())
    assert all(map(torch.equal, before, model.state_dict().values()))
    for page in pages:
        assert all(
            "problem" not in one.meta or one.meta["problem"] is None for one in page.frames()
        )
