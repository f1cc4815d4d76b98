"""The channel with real threads; conditions are awaited, never slept for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from dl_lab.widgets.base import channel as _channel
from dl_lab.widgets.base.channel import Channel


class Recorder:
    """A widget's side of the channel: remembers what was sent and lets a test wait for it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.sent: list[int] = []
        self.touched: list[bool] = []
        self.errors: list[Exception] = []
        self.deserted = 0
        self.streaming = False
        self.failing: Exception | None = None
        self.silent = False
        self.skipped = 0
        self.channel = Channel(
            self.send,
            streaming=lambda: self.streaming,
            deserted=self.on_deserted,
            failed=self.on_failed,
        )

    def send(self, seq: int, touched: bool) -> bool:
        with self.changed:
            if self.failing:
                raise self.failing
            if self.silent:
                self.skipped += 1
                self.changed.notify_all()
                return False
            self.sent.append(seq)
            self.touched.append(touched)
            self.changed.notify_all()
        return True

    def on_deserted(self) -> None:
        with self.changed:
            self.deserted += 1
            self.changed.notify_all()

    def on_failed(self, error: Exception) -> None:
        with self.changed:
            self.errors.append(error)
            self.changed.notify_all()

    def wait(self, condition: Callable[[], object], seconds: float = 10) -> bool:
        with self.changed:
            return bool(self.changed.wait_for(condition, seconds))


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.channel.close()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "dl-lab-channel"]


def test_nothing_is_sent_and_no_thread_lives_without_a_view(recorder: Recorder) -> None:
    recorder.streaming = True
    recorder.channel.touch()
    assert not threads()
    assert recorder.sent == []


def test_a_view_that_opens_gets_the_newest_state(recorder: Recorder) -> None:
    recorder.channel.hello("a")
    assert recorder.wait(lambda: recorder.sent == [1])
    assert recorder.touched == [True]


def test_a_second_view_gets_it_too(recorder: Recorder) -> None:
    recorder.channel.hello("a")
    assert recorder.wait(lambda: len(recorder.sent) == 1)
    recorder.channel.ack("a", 1)
    recorder.channel.hello("b")
    assert recorder.wait(lambda: len(recorder.sent) == 2)


def test_at_most_two_messages_are_on_the_way(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_channel, "PATIENCE", 1e9)
    recorder.streaming = True
    recorder.channel.hello("a")
    assert recorder.wait(lambda: len(recorder.sent) == 2)
    assert not recorder.wait(lambda: len(recorder.sent) > 2, seconds=0.3)
    recorder.channel.ack("a", 1)
    assert recorder.wait(lambda: len(recorder.sent) == 3)


def test_the_slowest_view_sets_the_pace(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_channel, "PATIENCE", 1e9)
    recorder.streaming = True
    recorder.channel.hello("slow")
    recorder.channel.hello("quick")
    assert recorder.wait(lambda: len(recorder.sent) == 2)
    recorder.channel.ack("quick", 2)
    assert not recorder.wait(lambda: len(recorder.sent) > 2, seconds=0.2)


def test_a_silent_view_is_forgotten_and_comes_back_by_an_acknowledgement(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_channel, "PATIENCE", 0.05)
    recorder.streaming = True
    recorder.channel.hello("a")
    assert recorder.wait(lambda: len(recorder.sent) == 2)
    for thread in threads():
        thread.join(10)
    assert not threads()
    monkeypatch.setattr(_channel, "PATIENCE", 1e9)
    recorder.channel.ack("a", 2)
    assert recorder.wait(lambda: len(recorder.sent) > 2)
    assert recorder.deserted == 0


def test_many_touches_become_few_messages(recorder: Recorder) -> None:
    recorder.channel.hello("a")
    assert recorder.wait(lambda: len(recorder.sent) == 1)
    recorder.channel.ack("a", 1)
    for _ in range(1000):
        recorder.channel.touch()
    assert recorder.wait(lambda: len(recorder.sent) == 2)
    recorder.channel.ack("a", 2)
    assert len(recorder.sent) <= 3


def test_the_last_goodbye_is_told_once(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_channel, "GRACE", 0.05)
    recorder.channel.hello("a")
    recorder.channel.hello("b")
    recorder.channel.bye("a")
    recorder.channel.bye("b")
    assert recorder.wait(lambda: recorder.deserted == 1)
    recorder.channel.bye("b")
    assert not recorder.wait(lambda: recorder.deserted > 1, seconds=0.2)


def test_a_view_that_follows_in_time_is_no_goodbye(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_channel, "GRACE", 0.3)
    recorder.channel.hello("a")
    recorder.channel.bye("a")
    recorder.channel.hello("b")
    assert not recorder.wait(lambda: recorder.deserted, seconds=0.6)


def test_a_failure_is_told_and_the_stream_lives_on(recorder: Recorder) -> None:
    recorder.failing = RuntimeError("no grid")
    recorder.channel.hello("a")
    assert recorder.wait(lambda: recorder.errors)
    recorder.failing = None
    recorder.channel.touch()
    assert recorder.wait(lambda: recorder.sent)


def test_turns_without_news_take_no_place_on_the_way(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_channel, "PATIENCE", 1e9)
    recorder.channel.hello("a")
    assert recorder.wait(lambda: recorder.sent == [1])
    recorder.silent = recorder.streaming = True
    recorder.channel.touch()
    assert recorder.wait(lambda: recorder.skipped >= 3)
    recorder.silent = False
    assert recorder.wait(lambda: recorder.sent == [1, 2])
    recorder.channel.ack("a", 2)
    assert recorder.wait(lambda: len(recorder.sent) >= 4)


def test_close_ends_the_thread_and_is_final(recorder: Recorder) -> None:
    recorder.streaming = True
    recorder.channel.hello("a")
    assert recorder.wait(lambda: recorder.sent)
    recorder.channel.close()
    recorder.channel.close()
    assert not threads()
    recorder.channel.hello("b")
    recorder.channel.touch()
    assert not threads()


def test_close_does_not_wait_for_a_message_that_is_composed_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_channel, "CLOSING", 0.05)
    entered, go = threading.Event(), threading.Event()

    def send(_seq: int, _touched: bool) -> bool:
        entered.set()
        return go.wait(60)

    channel = Channel(send, streaming=lambda: False, deserted=lambda: None, failed=lambda _: None)
    channel.hello("page")
    assert entered.wait(60)
    channel.close()
    (thread,) = threads()
    go.set()
    thread.join(60)
    assert not threads()


def test_an_idle_channel_needs_no_thread(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_channel, "LINGER", 0.05)
    recorder.channel.hello("a")
    assert recorder.wait(lambda: recorder.sent)
    recorder.channel.ack("a", 1)
    for thread in threads():
        thread.join(10)
    assert not threads()
    recorder.channel.touch()
    assert recorder.wait(lambda: len(recorder.sent) == 2)
