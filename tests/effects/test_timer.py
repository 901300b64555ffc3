"""The effects on timers: ticks by the clock, none too many, none piling up."""

from __future__ import annotations

import functools
import itertools
import threading
import time

import pytest

from zefnb import ET, FX, Time, generate_uid, run, zef_function
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect, NotRunning
from zefnb.topics.timer import Timers


@pytest.fixture
def ticks():
    """A topic, and the times at which its messages arrived."""
    topic, heard = ET.Topic(generate_uid()), []

    @zef_function(inline=True)
    def listen(msg, state):
        heard.append((Time.now(), msg))
        return [[], state]

    FX.StartActor(input=topic, initial_state=None, handler=listen) | run
    topic_and_heard = (topic, heard)
    return topic_and_heard


def described(handle):
    [found] = [t.describe() for t in default_runtime().service(Timers) if t.handle == handle]
    return found


def test_it_fires_at_every_interval_from_its_start_without_drift(ticks, until):
    topic, heard = ticks
    before = Time.now()
    handle = FX.StartTimer(interval=0.02, target=topic, content="tick") | run
    after = Time.now()
    [timer] = default_runtime().service(Timers)
    until(lambda: len(heard) >= 40)
    FX.StopTimer(timer=handle) | run
    for number, (when, message) in enumerate(heard, 1):
        assert message == "tick"
        assert when - before > number * 0.02 - 0.001, "no tick comes before its moment"
    # The next moment is a whole number of intervals from the start: those that ticked and those that were skipped.
    passed = timer.ticks + timer.skipped + 1
    assert passed * 0.02 - 0.001 < timer.next - before
    assert timer.next - after < (passed + 1) * 0.02


def test_a_stopped_timer_publishes_nothing(ticks, until):
    topic, heard = ticks
    timer = FX.StartTimer(interval=0.005, target=topic, content=1) | run
    until(lambda: heard)
    assert FX.ListTimers() | run == [timer]
    assert FX.StopTimer(timer=timer) | run == ET.Success()
    count = len(heard)
    time.sleep(0.05)
    assert len(heard) == count
    assert FX.ListTimers() | run == []
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.StopTimer(timer=timer) | run


def test_ticks_for_a_slow_consumer_do_not_pile_up_and_skipped_ones_are_counted(until):
    topic, seen, go = ET.Topic(generate_uid()), [], threading.Event()

    def slow(msg, state):
        seen.append(msg)
        go.wait(20)
        return [[], state]

    FX.StartActor(input=topic, initial_state=None, handler=slow) | run
    timer = FX.StartTimer(interval=0.005, target=topic, content=1) | run
    until(lambda: seen and described(timer)["skipped"] >= 10)
    assert (len(seen), described(timer)["ticks"]) == (1, 1)
    go.set()
    until(lambda: described(timer)["ticks"] >= 5)
    FX.StopTimer(timer=timer) | run


def test_with_a_start_the_first_message_is_published_at_that_moment(ticks, until):
    topic, heard = ticks
    later = Time.now() + 3_600
    timer = FX.StartTimer(interval=60, target=topic, content=1, starting_at=later) | run
    assert described(timer)["next"] == later
    at = Time.now() + 0.15
    timer = FX.StartTimer(interval=60, target=topic, content=1, starting_at=at) | run
    until(lambda: heard)
    assert heard[0][0] >= at
    until(lambda: described(timer)["next"] == at + 60)


def test_with_a_start_long_ago_it_continues_in_step_with_it(ticks):
    topic, heard = ticks
    timer = FX.StartTimer(interval="hourly", target=topic, content=1, starting_at=Time("1999-12-31T23:17:00Z")) | run
    deadline = time.monotonic() + 5
    while described(timer)["next"] < Time.now():
        assert time.monotonic() < deadline
    assert str(described(timer)["next"])[14:19] == "17:00"
    assert described(timer)["next"] - Time.now() <= 3600
    assert heard == []


@pytest.mark.parametrize(
    ("interval", "least", "most"),
    [
        ("hourly", 3600, 3600),
        ("daily", 86_400, 86_400),
        ("weekly", 604_800, 604_800),
        ("monthly", 28 * 86_400, 31 * 86_400),
        ("yearly", 365 * 86_400, 366 * 86_400),
        (60, 60, 60),
        (0.5, 0.5, 0.5),
    ],
)
def test_the_first_message_is_published_after_one_interval(interval, least, most):
    timer = FX.StartTimer(interval=interval, target=ET.Topic("t"), content=1) | run
    ahead = described(timer)["next"] - Time.now()
    assert least - 5 < ahead <= most


@pytest.mark.parametrize("wrong", ["hourley", "", 0, -1, 0.0001, float("nan"), float("inf"), 1e300, 10**400])
def test_an_invalid_interval_raises_and_the_error_lists_valid_ones(wrong):
    with pytest.raises(InvalidEffect) as caught:
        FX.StartTimer(interval=wrong, target=ET.Topic("t"), content=1) | run
    [fault] = caught.value.faults
    assert fault.field == "interval"
    assert "'hourly', 'daily'" in fault.allowed
    assert FX.ListTimers() | run == []


def test_a_misspelt_interval_is_given_a_suggestion():
    with pytest.raises(InvalidEffect, match="did you mean 'hourly'"):
        FX.StartTimer(interval="hourley", target=ET.Topic("t"), content=1) | run


def test_the_content_is_copied_when_the_timer_starts(ticks, until):
    topic, heard = ticks
    content = ["as it was"]
    FX.StartTimer(interval=0.005, target=topic, content=content) | run
    content[0] = "changed"
    until(lambda: len(heard) >= 2)
    assert heard[-1][1] == ["as it was"]


def test_content_that_cannot_be_sent_is_in_the_journal_and_the_timer_continues(connect, until):
    topic = ET.Topic(generate_uid())
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, port=0) | run
    connect(server)
    until(lambda: FX.StreamGraphSnapshot() | run)
    timer = FX.StartTimer(interval=0.005, target=topic, content=object()) | run
    until(lambda: described(timer)["ticks"] >= 3)
    entry = until(lambda: (FX.QueryLog(level="error") | run or [None])[0])
    until(lambda: (FX.QueryLog(level="error") | run)[0]["count"] >= 3)
    assert "object" in entry["message"]


class TestContentThatIsMade:
    """`content` as a function is called for each tick."""

    @pytest.mark.parametrize("kind", ["plain", "async", "partial"])
    def test_a_function_is_called_for_each_tick(self, kind, until):
        topic, came, calls = ET.Topic(generate_uid()), [], itertools.count()
        FX.SubscribeFX(topic=topic, op=lambda message: came.append(message)) | run

        async def fetched():
            return next(calls)

        content = {"plain": lambda: next(calls), "async": fetched, "partial": functools.partial(next, calls)}[kind]
        timer = FX.StartTimer(interval=0.01, target=topic, content=content) | run
        until(lambda: len(came) >= 3)
        FX.StopTimer(timer=timer) | run
        assert came[:3] == [0, 1, 2]

    def test_a_function_that_fails_is_in_the_journal_and_called_again(self, until):
        topic, came, calls = ET.Topic(generate_uid()), [], itertools.count()
        FX.SubscribeFX(topic=topic, op=lambda message: came.append(message)) | run

        def every_other():
            number = next(calls)
            return number if number % 2 else {}["nothing under this key"]

        timer = FX.StartTimer(interval=0.01, target=topic, content=every_other) | run
        until(lambda: len(came) >= 2)
        FX.StopTimer(timer=timer) | run
        assert came[:2] == [1, 3]
        assert any("every_other" in entry["message"] for entry in FX.QueryLog(level="error") | run)

    def test_a_slow_function_is_not_called_again_meanwhile_and_delays_no_other_timer(self, until):
        topic, came, release = ET.Topic(generate_uid()), [], threading.Event()
        calls = []
        slow = (
            FX.StartTimer(interval=0.01, target=ET.Topic("slow"), content=lambda: calls.append(release.wait(20))) | run
        )
        FX.SubscribeFX(topic=topic, op=lambda message: came.append(message)) | run
        quick = FX.StartTimer(interval=0.01, target=topic, content=lambda: "tick") | run
        until(lambda: len(came) >= 10)
        assert calls == []
        release.set()
        until(lambda: len(calls) >= 2)
        for timer in (slow, quick):
            FX.StopTimer(timer=timer) | run

    def test_nothing_is_called_once_it_has_been_stopped(self, until):
        calls = []
        timer = FX.StartTimer(interval=0.01, target=ET.Topic("t"), content=lambda: calls.append(1)) | run
        until(lambda: calls)
        FX.StopTimer(timer=timer) | run
        count = len(calls)
        other = []
        FX.StartTimer(interval=0.01, target=ET.Topic("t"), content=lambda: other.append(1)) | run
        until(lambda: len(other) >= 5)
        assert len(calls) <= count + 1  # a call that was under way

    @pytest.mark.parametrize("function", [lambda message: message, len, str.upper])
    def test_a_function_that_needs_arguments_is_refused(self, function):
        with pytest.raises(InvalidEffect) as caught:
            FX.StartTimer(interval=1, target=ET.Topic("t"), content=function) | run
        [fault] = caught.value.faults
        assert fault.field == "content"
        assert "a function without arguments" in str(caught.value)
