from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

import dl_lab
from dl_lab.errors import InputError
from tests.widgets.page import Page, parameters


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("dl-lab")}


# -- from Python


def test_step_blocks_and_lowers_the_loss(pg: dl_lab.Playground) -> None:
    pg.step(epochs=100)
    assert pg.trainer.epoch == 100
    losses = pg.trainer.history["train_loss"].values
    assert len(losses) == 101
    assert losses[-1] < losses[0] / 2
    assert pg.state == "paused"


def test_the_recorded_loss_is_the_modules_own(pg: dl_lab.Playground) -> None:
    pg.step(epochs=3)
    for name, (points, targets) in (("train_loss", pg.train_data), ("test_loss", pg.test_data)):
        with torch.no_grad():
            expected = 0.5 * ((pg.model(points) - targets) ** 2).mean()
        assert pg.trainer.history[name].values[-1] == pytest.approx(expected.item(), rel=1e-5)


def test_the_same_calls_give_the_same_numbers() -> None:
    runs = []
    for _ in range(2):
        pg = dl_lab.Playground(data="spiral", noise=20, seed=3, shuffle=True)
        pg.step(epochs=5)
        pg.reset()
        pg.regenerate()
        pg.step(epochs=5)
        runs.append(parameters(pg))
        pg.close()
    np.testing.assert_array_equal(runs[0], runs[1])


def test_reset_draws_new_weights_and_rewind_brings_back_the_first(pg: dl_lab.Playground) -> None:
    first = parameters(pg)
    pg.step(epochs=2)
    pg.rewind()
    np.testing.assert_array_equal(parameters(pg), first)
    assert pg.trainer.epoch == 0
    pg.reset()
    assert not np.array_equal(parameters(pg), first)
    assert pg.trainer.epoch == 0
    pg.seed = 0
    pg.seed = 1
    pg.seed = 0
    np.testing.assert_array_equal(parameters(pg), first)


def test_regenerate_keeps_weights_and_epoch(pg: dl_lab.Playground) -> None:
    pg.step(epochs=2)
    weights, points = parameters(pg), pg.train_data[0].clone()
    pg.regenerate()
    np.testing.assert_array_equal(parameters(pg), weights)
    assert not torch.equal(pg.train_data[0], points)
    assert pg.trainer.epoch == 2
    pg.step()
    assert pg.trainer.epoch == 3


@pytest.mark.parametrize("epochs", [0, -1, 1.5, "ten", None])
def test_a_number_of_epochs_must_be_one(pg: dl_lab.Playground, epochs: Any) -> None:
    with pytest.raises(InputError, match="epochs"):
        pg.step(epochs=epochs)


def test_other_code_may_train_the_module(pg: dl_lab.Playground) -> None:
    points, targets = pg.train_data
    optimizer = torch.optim.Adam(pg.model.parameters(), lr=0.05)
    before = pg.trainer.history["train_loss"].values[-1] if pg.trainer.epoch else None
    for _ in range(100):
        optimizer.zero_grad()
        loss = 0.5 * ((pg.model(points) - targets) ** 2).mean()
        loss.backward()
        optimizer.step()
    assert before is None
    weights = parameters(pg)
    pg.learning_rate = 1e-5
    pg.step()
    assert np.abs(parameters(pg) - weights).max() < 1e-3
    assert pg.trainer.history["train_loss"].values[-1] == pytest.approx(loss.item(), abs=0.05)


def test_the_cell_makes_the_same_playground_again(pg: dl_lab.Playground) -> None:
    pg.set(problem="regression", data="gauss", features=("x", "xy"), hidden=(), learning_rate=0.1)
    space: dict[str, Any] = {}
    exec(pg.cell(), space)  # noqa: S102 - what a person would run
    assert space["pg"].settings == pg.settings
    np.testing.assert_array_equal(parameters(space["pg"]), parameters(pg))
    space["pg"].close()
    assert dl_lab.Playground().cell() == "import dl_lab\n\npg = dl_lab.Playground()\npg"


def test_the_source_is_the_same_network(pg: dl_lab.Playground) -> None:
    pg.step(epochs=3)
    space: dict[str, Any] = {}
    exec(pg.source(), space)  # noqa: S102 - what a person would run
    assert "dl_lab" not in pg.source()


# -- in the background


def test_play_returns_at_once_and_pause_stops(pg: dl_lab.Playground, page: Page) -> None:
    pg.play()
    assert page.wait(lambda: page.frames()[-1].meta["epoch"] >= 50)
    pg.pause()
    epoch = pg.trainer.epoch
    assert pg.state == "paused"
    assert pg.trainer.epoch == epoch
    assert "dl-lab-trainer" not in threads()


def test_close_leaves_no_thread_and_no_hook(page: Page, pg: dl_lab.Playground) -> None:
    model = pg.model
    pg.play()
    page.next_frame()
    pg.close()
    assert threads() == set()
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks


def test_a_replaced_network_leaves_no_thread(page: Page, pg: dl_lab.Playground) -> None:
    pg.play()
    page.next_frame()
    pg.hidden = (3, 3, 3)
    assert pg.state == "idle"
    assert len([name for name in threads() if name != "dl-lab-channel"]) == 0


def test_the_last_goodbye_pauses(
    page: Page, pg: dl_lab.Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dl_lab.widgets.base.channel.GRACE", 0.05)
    paused = threading.Event()
    pg.observe(lambda change: change["new"] == "paused" and paused.set(), "state")
    pg.play()
    page.next_frame()
    page.leave()
    assert paused.wait(20)


def test_a_diverged_run_pauses_with_the_last_good_weights(pg: dl_lab.Playground) -> None:
    pg.set(problem="regression", activation="linear", hidden=(8, 8, 8), learning_rate=10)
    with pytest.raises(InputError, match="smaller learning rate"):
        pg.step(epochs=50)
    assert pg.state == "paused"
    assert pg.message is not None
    assert pg.message["key"] == "diverged"
    assert "learning rate" in pg.message["text"]
    assert np.isfinite(parameters(pg)).all()
    pg.learning_rate = 0.001
    pg.reset()
    assert pg.message is None


# -- with a page


def test_a_view_opens_with_all_it_lacks(page: Page, pg: dl_lab.Playground) -> None:
    reply = page.messages[0]
    assert reply.meta["ok"]
    assert reply.arrays["features"].shape == (7, 100, 100)
    np.testing.assert_array_equal(reply.arrays["train_points"], pg.train_data[0].numpy())
    np.testing.assert_array_equal(reply.arrays["test_targets"], pg.test_data[1].numpy())
    again = page.request("hello", view="page", have={"data": reply.meta["data"]})
    assert "train_points" not in again.arrays
    pg.noise = 10
    lacking = page.request("hello", view="page", have={"data": reply.meta["data"]})
    assert "train_points" in lacking.arrays


def test_a_frame_is_the_module_as_it_is(page: Page, pg: dl_lab.Playground) -> None:
    pg.step(epochs=7)
    assert page.wait(lambda: page.frames()[-1].meta["epoch"] == 7)
    frame = page.frames()[-1]
    np.testing.assert_array_equal(frame.arrays["parameters"], parameters(pg))
    assert frame.arrays["units"].shape == (7, 100, 100)
    axis = -6 + (torch.arange(100) + 0.5) * 0.12
    y, x = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    with torch.no_grad():
        output = pg.model(torch.stack([x.flatten(), y.flatten()], 1)).reshape(100, 100).numpy()
    drawn = (frame.arrays["units"][-1].astype(float) + 0.5) / 128 - 1
    assert np.abs(drawn - output).max() < 1 / 64
    assert frame.arrays["losses"][0] == pytest.approx(
        pg.trainer.history["train_loss"].values[-1], rel=1e-5
    )
    assert frame.arrays["chart_epochs"].tolist() == list(range(8))
    np.testing.assert_allclose(
        frame.arrays["train_low"], pg.trainer.history["train_loss"].values, rtol=1e-6
    )


def test_frames_describe_their_own_network(page: Page, pg: dl_lab.Playground) -> None:
    pg.set(features=("x", "y2"), hidden=(3,), activation="relu", problem="regression")
    assert page.wait(lambda: tuple(page.frames()[-1].meta["hidden"]) == (3,))
    meta = page.frames()[-1].meta
    assert tuple(meta["features"]) == ("x", "y2")
    assert meta["activation"] == "relu"
    assert meta["output"] == "linear"
    assert page.frames()[-1].arrays["units"].shape[0] == 4


def test_commands_of_a_page(page: Page, pg: dl_lab.Playground) -> None:
    assert page.request("trainer.play").meta["ok"]
    assert page.wait(lambda: page.frames()[-1].meta["epoch"] > 0)
    assert page.request("trainer.pause").meta["ok"]
    assert pg.state == "paused"
    epoch = pg.trainer.epoch
    assert page.request("trainer.step", epochs=2).meta["ok"]
    assert page.wait(lambda: page.frames()[-1].meta["epoch"] == epoch + 2)
    assert page.request("trainer.reset").meta["ok"]
    assert pg.trainer.epoch == 0
    assert page.request("data.regenerate").meta["ok"]
    assert page.request("settings.set", learning_rate=0.1, noise=5).meta["ok"]
    assert (pg.learning_rate, pg.noise) == (0.1, 5)
    assert "Playground(" in page.request("code.get").meta["cell"]


def test_a_refused_request_says_why_and_changes_nothing(page: Page, pg: dl_lab.Playground) -> None:
    reply = page.request("settings.set", noise=10, learning_rate="fast")
    assert not reply.meta["ok"]
    assert reply.meta["error"]["key"] == "number"
    assert "learning_rate" in reply.meta["error"]["text"]
    assert pg.noise == 0
    assert not page.request("no.such").meta["ok"]


def test_a_malformed_message_gets_an_answer(page: Page) -> None:
    page.widget._handle_custom_msg({"id": "odd", "v": 1, "kind": 7}, [])
    (reply,) = [message for message in page.messages if message.id == "odd"]
    assert not reply.meta["ok"]


def test_an_edited_parameter_is_the_modules(page: Page, pg: dl_lab.Playground) -> None:
    network = page.frames()[-1].meta["network"]
    for index in (0, 8, len(parameters(pg)) - 1):
        assert page.request("parameter.set", index=index, value=1.5, network=network).meta["ok"]
        assert parameters(pg)[index] == 1.5
    assert page.wait(lambda: page.frames()[-1].arrays["parameters"][-1] == 1.5)
    points, targets = pg.train_data
    with torch.no_grad():
        expected = 0.5 * ((pg.model(points) - targets) ** 2).mean().item()
    assert page.frames()[-1].arrays["losses"][0] == pytest.approx(expected, rel=1e-5)
    assert len(page.frames()[-1].arrays["losses"]) == 2


@pytest.mark.parametrize(
    ("index", "value"),
    [(-1, 0.0), (999, 0.0), (0, None), (0, "big"), (0, 1e9), (None, 1), (0.5, 1)],
)
def test_an_impossible_edit_is_refused(
    page: Page, pg: dl_lab.Playground, index: object, value: object
) -> None:
    network, before = page.frames()[-1].meta["network"], parameters(pg)
    reply = page.request("parameter.set", index=index, value=value, network=network)
    assert not reply.meta["ok"]
    np.testing.assert_array_equal(parameters(pg), before)


def test_an_edit_of_a_network_that_is_gone_is_refused(page: Page, pg: dl_lab.Playground) -> None:
    network = page.frames()[-1].meta["network"]
    pg.hidden = (2,)
    reply = page.request("parameter.set", index=0, value=1, network=network)
    assert reply.meta["error"]["key"] == "stale_network"


def test_a_dead_link_that_is_edited_learns_again(page: Page, pg: dl_lab.Playground) -> None:
    pg.set(features=("x", "y", "sin_x"), hidden=(), regularization="L1", regularization_rate=0.1)
    pg.step(epochs=20)
    dead = int(np.flatnonzero(parameters(pg)[:3] == 0)[0])
    pg.step(epochs=5)
    assert parameters(pg)[dead] == 0
    pg.regularization_rate = 0.0
    network = pg._experiment.revision
    assert page.request("parameter.set", index=dead, value=0.5, network=network).meta["ok"]
    pg.step(epochs=1)
    assert parameters(pg)[dead] not in (0.0, 0.5)


def test_nothing_is_sent_that_json_cannot_say(page: Page, pg: dl_lab.Playground) -> None:
    import json

    pg.set(problem="regression", activation="linear", hidden=(8, 8, 8), learning_rate=10)
    with pytest.raises(InputError):
        pg.step(epochs=50)
    page.next_frame(lambda: page.request("hello", view="page", have={}))
    for message in page.messages:
        json.dumps(message.meta, allow_nan=False)
    json.dumps(pg.get_state(["choices", "message", "hidden", "speed"]), allow_nan=False)
