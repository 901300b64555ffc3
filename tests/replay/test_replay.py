"""Replays: pauses, rates, rounds, their end, and what they do when subscribers or sources are slow."""

from __future__ import annotations

import itertools
import sys
import threading
import time

import pytest

from tests.replay.conftest import replayed
from zefnb import ET, FX, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect, InvalidValue, NotRunning
from zefnb.replay.reader import AHEAD
from zefnb.replay.replays import Replays


def described(handle):
    service = default_runtime().service(Replays)
    return (service.find(handle) or service.complete(handle)).describe()


def faults():
    return [entry["message"] for entry in FX.QueryLog(level="error") | run]


class TestPauses:
    def test_at_speed_1_they_are_those_of_the_source(self, feed, heard):
        # The second half is long, so that also a busy machine is on time with one of its messages.
        times = [0, 0.02, 0.025, 0.06, 0.06, 0.1, *(0.1 + 0.01 * n for n in range(1, 100))]
        started = time.monotonic()
        replayed([{"at": at} for at in times], feed, time="at")
        # Never early; a busy machine may be late with some, but does not pass that on to the following ones.
        assert all(heard_at - started > at - 0.001 for heard_at, at in zip(heard.times, times, strict=True))
        since = [at - heard.times[0] for at in heard.times]
        assert min(map(lambda a, b: a - b, since[50:], times[50:])) < 0.005

    def test_a_rate_has_no_drift(self, feed, heard):
        started = time.monotonic()
        replayed(iter(range(50)), feed, rate=500)
        assert heard.messages == list(range(50))
        assert time.monotonic() - started >= 49 / 500

    def test_an_iterator_is_read_when_a_message_is_due(self, feed, heard):
        read = []
        source = (read.append(n) or n for n in itertools.count())
        replay = FX.StartReplay(source=source, target=feed, rate=0.01) | run
        assert (FX.StopReplay(replay=replay) | run).published <= 1
        assert len(read) <= 1

    def test_without_pauses_all_messages_come_in_order(self, feed, heard):
        assert replayed((n for n in range(2000)), feed, speed="max") == 2000
        assert replayed(range(2000), feed, speed="max") == 2000
        assert heard.messages == [*range(2000), *range(2000)]

    def test_messages_of_a_slow_generator_are_not_held_back(self, feed, heard, until):
        go = threading.Event()

        def source():
            yield 1
            yield 2
            go.wait(20)
            yield 3

        replay = FX.StartReplay(source=source(), target=feed, speed="max") | run
        until(lambda: len(heard.messages) == 2)
        go.set()
        until(lambda: len(heard.messages) == 3)
        until(lambda: described(replay)["state"] == "ended")


def test_a_replay_that_is_late_continues_with_its_pauses(feed, heard, monkeypatch):
    monkeypatch.setattr("zefnb.replay.replay.MOST_LATE", 0.05)
    resumed = []

    def source():
        yield 0
        threading.Event().wait(0.2)
        resumed.append(time.monotonic())
        yield from range(1, 6)

    replayed(source(), feed, rate=100)
    # Four pauses after the first message that is late.
    assert heard.times[-1] - resumed[0] > 0.035


def test_what_is_read_ahead_is_bounded(feed, heard, until):
    read = []
    source = (read.append(n) or {"n": n, "at": 1000 * n} for n in itertools.count())
    FX.StartReplay(source=source, target=feed, time="at") | run
    until(lambda: len(read) >= AHEAD)
    until(lambda: len(heard.messages) == 1)
    time.sleep(0.05)  # in which it would read on
    # One is published, and one waits for its time.
    assert AHEAD <= len(read) <= AHEAD + 2


class TestRounds:
    def test_a_loop_begins_again_until_it_is_stopped(self, feed, heard, until):
        replay = FX.StartReplay(source=["a", "b"], target=feed, speed="max", loop=True) | run
        until(lambda: len(heard.messages) > 1000)
        FX.StopReplay(replay=replay) | run
        count = len(heard.messages)
        assert heard.messages == list(itertools.islice(itertools.cycle("ab"), count))

    def test_a_loop_of_nothing_ends(self, feed):
        assert replayed([], feed, speed="max", loop=True) == 0

    def test_an_iterator_cannot_begin_again(self, feed):
        with pytest.raises(InvalidEffect, match=r"loop: got .* which can be read once only"):
            FX.StartReplay(source=iter([1]), target=feed, rate=1, loop=True) | run


class TestTheEnd:
    def test_a_stopped_replay_publishes_nothing_more(self, feed, heard, until):
        replay = FX.StartReplay(source=itertools.count(), target=feed, speed="max") | run
        assert FX.ListReplays() | run == [replay]
        until(lambda: heard.messages)
        published = (FX.StopReplay(replay=replay) | run).published
        assert FX.ListReplays() | run == []
        assert heard.messages == list(range(published))
        FX.ListReplays() | run
        assert len(heard.messages) == published
        with pytest.raises(NotRunning, match="has been stopped"):
            FX.StopReplay(replay=replay) | run

    def test_one_that_came_to_its_end_can_be_stopped(self, feed):
        replay = FX.StartReplay(source=[1, 2], target=feed, speed="max", wait=True) | run
        assert FX.StopReplay(replay=replay) | run == ET.Success(published=2)
        assert FX.StopReplay(replay=replay) | run == ET.Success(published=2)

    def test_it_leaves_the_switch_interval_as_it_was(self, feed):
        before = sys.getswitchinterval()
        replay = FX.StartReplay(source=[1, 2], target=feed, rate=0.01) | run
        assert sys.getswitchinterval() < before
        FX.StopReplay(replay=replay) | run
        assert sys.getswitchinterval() == before

    def test_a_generator_that_waits_is_no_obstacle(self, feed, until):
        begun, go, ended = threading.Event(), threading.Event(), threading.Event()

        def source():
            begun.set()
            try:
                go.wait(20)
                yield 1
            finally:
                ended.set()

        replay = FX.StartReplay(source=source(), target=feed, rate=1) | run
        until(begun.is_set)
        assert FX.StopReplay(replay=replay) | run == ET.Success(published=0)
        go.set()
        until(ended.is_set)

    def test_an_exception_of_the_source_ends_it_after_the_messages_before(self, feed, heard):
        source = (1 // (2 - n) for n in range(5))
        with pytest.raises(ZeroDivisionError):
            FX.StartReplay(source=source, target=feed, rate=1000, wait=True) | run
        assert heard.messages == [0, 1]
        assert "message 3 of its source: ZeroDivisionError" in faults()[-1]

    def test_a_row_without_a_time_ends_it(self, feed, heard, until):
        rows = [{"at": 1}, {"at": 1}, {"n": 1}]
        replay = FX.StartReplay(source=rows, target=feed, time="at") | run
        until(lambda: described(replay)["state"] == "failed")
        assert heard.messages == rows[:2]
        assert "has no 'at'" in faults()[-1]

    def test_an_error_about_a_time_names_its_message(self, feed):
        with pytest.raises(InvalidValue, match=r"time: got nan \(float\) in message 2 of the source"):
            replayed([{"at": 0}, {"at": float("nan")}, {"at": 1}], feed, time="at")
        assert "message 2 of its source: InvalidValue" in faults()[-1]

    def test_a_source_that_raises_system_exit_fails_and_ends_nothing_else(self, feed):
        def leaving():
            yield 1
            raise SystemExit(3)

        with pytest.raises(SystemExit):
            replayed(leaving(), feed, speed="max")
        assert "message 2 of its source: SystemExit" in faults()[-1]
        assert FX.ListReplays() | run == []
        replayed([1], feed, speed="max")

    def test_what_an_actor_starts_ends_with_it(self, feed, until):
        @zef_function
        def begin(message, state):
            return [[FX.StartReplay(source=range(1000), target=feed, rate=1)], state]

        actor = FX.StartActor(initial_state=0, handler=begin) | run
        FX.Publish(target=actor.input, content="go") | run
        until(lambda: FX.ListReplays() | run)
        FX.StopActor(actor=actor) | run
        assert FX.ListReplays() | run == []


class TestSubscribers:
    def test_it_waits_for_an_actor_whose_mailbox_is_full(self, feed, until):
        go, seen = threading.Event(), []

        def slow(message, state):
            go.wait(20)
            seen.append(message)
            return [[], state]

        FX.StartActor(input=feed, initial_state=None, handler=slow) | run
        replay = FX.StartReplay(source=range(800), target=feed, speed="max") | run
        until(lambda: described(replay)["published"] >= 256)
        assert described(replay)["published"] <= 256 + 64 + 1
        go.set()
        until(lambda: len(seen) == 800)
        assert seen == list(range(800))

    def test_each_message_is_a_copy(self, feed, heard):
        message = {"n": [1]}
        replayed([message, message], feed, speed="max")
        heard.messages[0]["n"].append(2)
        assert heard.messages[1] == message == {"n": [1]}

    def test_content_that_no_client_can_get_is_in_the_journal_and_the_others_are_sent(self, feed, connect, until):
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[feed])}, port=0) | run
        with connect(server) as client:
            replayed(["a", {1: object()}, "b"], feed, speed="max")
            assert [client.recv(timeout=20), client.recv(timeout=20)] == ["a", "b"]
        until(lambda: len(faults()) == 1)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"source": [1]}, "its messages have no times; allowed: rate=20"),
        ({"source": [{"a": 1}], "time": "at"}, "time: got 'at' .*allowed: 'a'"),
        ({"source": [1], "time": "at"}, "the messages have no fields"),
        ({"source": [1], "rate": 0}, "rate: got 0"),
        ({"source": [1], "rate": float("nan")}, "rate: got nan"),
        ({"source": [1], "speed": -1}, "speed: got -1"),
        ({"source": [1], "speed": float("inf")}, "speed: got inf"),
        ({"source": [1], "speed": "fast"}, "speed: got 'fast'.*or 'max'"),
        ({"source": [1], "speed": 1, "rate": 1}, "one of the two"),
        ({"source": [{"a": 1}], "time": "a", "rate": 1}, "`rate` and `time`"),
    ],
)
def test_a_mistake_is_an_error_and_starts_nothing(feed, fields, problem):
    with pytest.raises(InvalidEffect, match=problem):
        FX.StartReplay(target=feed, **fields) | run
    assert FX.ListReplays() | run == []
