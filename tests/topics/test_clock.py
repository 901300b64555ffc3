"""Timers when the clock is put forward and back, when the computer sleeps, and beside other timers."""

from __future__ import annotations

import threading

import pytest

from tests.topics.clocks import Heard, MovedClock, use
from zefnb import ET, FX, Time, generate_uid, run
from zefnb.engine.runtime import default_runtime
from zefnb.topics.timer import Timers

HOUR, DAY = 3600, 86_400


@pytest.fixture
def clock():
    moved = MovedClock("2026-06-01T07:30:00Z")
    before = use(moved)
    yield moved
    use(before)


@pytest.fixture
def topic():
    name = ET.Topic(generate_uid())
    yield name
    FX.DeleteTopic(topic=name) | run


def described(handle):
    [found] = [t.describe() for t in default_runtime().service(Timers) if t.handle == handle]
    return found


def clock_times(heard):
    """Hours and minutes, with the day where there are several."""
    return [str(when)[8:16] for when in heard.at]


# Intervals in seconds


@pytest.mark.parametrize("put", [-HOUR, -400 * DAY, HOUR, 400 * DAY, -1, 0.2])
def test_an_interval_in_seconds_ignores_changes_of_the_wall_clock(clock, topic, put):
    heard = Heard(topic, clock)
    timer = FX.StartTimer(interval=0.05, target=topic, content="tick") | run
    clock.let_pass(0.52)
    assert len(heard.at) == 10
    clock.put(put)
    clock.let_pass(1)
    assert (len(heard.at), described(timer)["skipped"]) == (30, 0)


def test_the_next_moment_is_computed_from_the_present_wall_clock(clock, topic):
    timer = FX.StartTimer(interval=600, target=topic, content="tick") | run
    clock.let_pass(1)
    assert described(timer)["next"] == Time("2026-06-01T07:40:00Z")
    clock.put(-HOUR)
    clock.let_pass(2)
    assert described(timer)["next"] == Time("2026-06-01T06:40:00Z")


def test_a_tick_reads_no_system_clock_and_waits_once(topic):
    class CountedClock(MovedClock):
        reads = sleeps = 0

        def now(self):
            self.reads += 1
            return super().now()

        async def sleep(self, seconds):
            self.sleeps += 1
            await super().sleep(seconds)

    counted = CountedClock("2026-06-01T07:30:00Z")
    before = use(counted)
    try:
        timer = FX.StartTimer(interval=600, target=topic, content="tick") | run
        counted.let_pass(1)
        reads, sleeps = counted.reads, counted.sleeps
        counted.let_pass(5 * 600)
    finally:
        use(before)
    assert described(timer)["ticks"] == 5
    # The next moment is computed when it is shown.
    assert (counted.reads - reads, counted.sleeps - sleeps) == (1, 5)


def test_a_start_in_the_future_is_a_time_on_the_wall_and_from_then_on_seconds_count(clock, topic):
    heard = Heard(topic, clock)
    FX.StartTimer(interval=60, target=topic, content="go", starting_at=Time("2026-06-01T08:00:00Z")) | run
    clock.let_pass(10 * 60, step=60)
    clock.put(-HOUR)
    clock.let_pass(HOUR, step=60)
    assert heard.at == [], "by the clock it is 07:40"
    clock.put(19 * 60)
    clock.let_pass(60, step=60)
    assert heard.at == [Time("2026-06-01T08:00:00Z")]
    clock.put(-HOUR)
    clock.let_pass(121)
    assert len(heard.at) == 3


def test_a_clock_that_is_set_past_the_start_starts_the_timer_within_a_second(clock, topic):
    heard = Heard(topic, clock)
    FX.StartTimer(interval=60, target=topic, content="go", starting_at=Time("2026-06-01T09:00:00Z")) | run
    clock.let_pass(5)
    clock.put(2 * HOUR)
    clock.let_pass(1)
    assert len(heard.at) == 1
    clock.let_pass(60)
    assert len(heard.at) == 2


# Intervals of the calendar


def daily(topic, **more):
    start = {"starting_at": Time("2026-06-01T08:00:00Z"), **more}
    return FX.StartTimer(interval="daily", target=topic, content="good morning", **start) | run


def test_a_daily_timer_fires_at_its_time_of_day_after_the_clock_was_set_forward(clock, topic):
    heard = Heard(topic, clock)
    daily(topic)
    clock.let_pass(5)
    clock.put(29 * 60)
    clock.let_pass(60)
    assert clock_times(heard) == ["01T08:00"]


def test_after_a_suspension_over_its_moment_it_fires_once_and_late(clock, topic):
    heard = Heard(topic, clock)
    timer = daily(topic)
    clock.let_pass(HOUR, step=600)
    clock.put(3 * DAY)
    clock.let_pass(2)
    assert clock_times(heard) == ["01T08:00", "04T08:30"]
    assert described(timer)["next"] == Time("2026-06-05T08:00:00Z")
    assert described(timer)["skipped"] == 2


def test_a_clock_that_is_set_back_an_hour_starts_no_day_twice(clock, topic):
    heard = Heard(topic, clock)
    daily(topic)
    clock.let_pass(HOUR, step=600)
    clock.put(-HOUR)
    clock.let_pass(2 * DAY, step=1800)
    assert clock_times(heard) == ["01T08:00", "02T08:00"]


def test_a_clock_that_was_a_year_ahead_and_is_corrected_is_followed(clock, topic):
    clock.put(365 * DAY)
    daily(topic)
    clock.let_pass(DAY, step=1800)
    clock.put(-365 * DAY)
    heard = Heard(topic, clock)
    clock.let_pass(5)
    clock.let_pass(2 * DAY, step=1800)
    assert [str(when)[:16] for when in heard.at] == ["2026-06-02T08:00", "2026-06-03T08:00"]


def test_an_hourly_timer_fires_within_the_hour_when_the_clock_is_set_back_by_one(clock, topic):
    heard = Heard(topic, clock)
    FX.StartTimer(interval="hourly", target=topic, content="cuckoo", starting_at=Time("2026-06-01T08:00:00Z")) | run
    clock.let_pass(40 * 60, step=600)
    clock.put(-HOUR)
    clock.let_pass(HOUR, step=600)
    assert clock_times(heard) == ["01T08:00", "01T08:00"]


@pytest.mark.parametrize(
    ("day", "zone", "expected"),
    [
        ("2026-10-23T08:00:00+02:00", "Europe/Berlin", ["23T06:00", "24T06:00", "25T07:00", "26T07:00"]),
        ("2026-03-27T08:00:00+01:00", "Europe/Berlin", ["27T07:00", "28T07:00", "29T06:00", "30T06:00"]),
        ("2026-03-28T02:30:00+01:00", "Europe/Berlin", ["28T01:30", "29T01:30", "30T00:30"]),
        ("2026-10-24T02:30:00+02:00", "Europe/Berlin", ["24T00:30", "25T00:30", "26T01:30"]),
        ("2026-10-23T08:00:00[Europe/Berlin]", None, ["23T06:00", "24T06:00", "25T07:00", "26T07:00"]),
        ("2026-10-23T08:00:00[Europe/Berlin]", "UTC", ["23T06:00", "24T06:00", "25T06:00", "26T06:00"]),
        ("2026-10-23T08:00:00+02:00", None, ["23T06:00", "24T06:00", "25T06:00", "26T06:00"]),
    ],
)
def test_a_daily_timer_keeps_its_time_of_day_in_its_zone(clock, topic, day, zone, expected):
    heard = Heard(topic, clock)
    start = Time(day)
    clock.put(start - clock.now() - 1800)
    daily(topic, starting_at=start, **({"zone": zone} if zone else {}))
    clock.let_pass(len(expected) * DAY - 2 * HOUR, step=1800)
    assert clock_times(heard) == expected


# Beside others


@pytest.fixture
def consumer(topic):
    """An actor in a thread that waits for the test with each message; `handled` has those that it has handled."""

    class Consumer:
        leave, begun, handled = threading.Semaphore(0), [], []

    seen = Consumer()
    seen.begun, seen.handled = [], []

    def work(message, state):
        seen.begun.append(message)
        assert seen.leave.acquire(timeout=20)
        seen.handled.append(message)
        return [[], state]

    FX.StartActor(input=topic, initial_state=None, handler=work) | run
    yield seen
    seen.leave.release(10_000)


def test_all_ticks_of_two_simultaneous_timers_are_received(clock, topic, consumer, until):
    one = FX.StartTimer(interval=0.1, target=topic, content="one") | run
    two = FX.StartTimer(interval=0.1, target=topic, content="two") | run
    for round_ in range(1, 32):
        clock.let_pass(0.1)
        until(lambda round_=round_: len(consumer.begun) == 2 * round_ - 1)
        consumer.leave.release(2)
        until(lambda round_=round_: len(consumer.handled) == 2 * round_)
        until(lambda: default_runtime().handler_threads.is_idle)
    assert [consumer.handled.count(name) for name in ("one", "two")] == [31, 31]
    assert [described(timer)["skipped"] for timer in (one, two)] == [0, 0]


def test_a_tick_is_skipped_while_the_previous_tick_of_the_same_timer_waits(clock, topic, consumer, until):
    timer = FX.StartTimer(interval=0.1, target=topic, content="tick") | run
    FX.Publish(target=topic, content="long work") | run
    until(lambda: consumer.begun == ["long work"])
    clock.let_pass(0.55)
    assert (described(timer)["ticks"], described(timer)["skipped"]) == (1, 4)
    consumer.leave.release(2)
    until(lambda: consumer.handled == ["long work", "tick"])
    until(lambda: default_runtime().handler_threads.is_idle)
    clock.let_pass(0.1)
    assert (described(timer)["ticks"], described(timer)["skipped"]) == (2, 4)


def test_messages_of_other_publishers_after_a_tick_skip_none(clock, topic, consumer, until):
    """The consumer is never done, but the timer's own message is."""
    timer = FX.StartTimer(interval=0.1, target=topic, content="tick") | run
    for round_ in range(1, 6):
        clock.let_pass(0.1)
        [FX.Publish(target=topic, content="other") for _ in range(3)] | run
        until(lambda round_=round_: described(timer)["ticks"] == round_)
        while consumer.handled.count("tick") < round_:
            consumer.leave.release()
            done = len(consumer.begun)
            until(lambda done=done: len(consumer.begun) > done or len(consumer.handled) == done)
        until(lambda: consumer.begun[-1] == "other")
    assert described(timer)["skipped"] == 0


# What is refused


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Berln", "zone: there is no time zone 'Europe/Berln'.*did you mean 'Europe/Berlin'"),
        ("", "zone: there is no time zone ''"),
        ("../../etc/passwd", "zone: there is no time zone"),
        ("Europe", "zone: there is no time zone 'Europe'"),
        (7, "zone: got 7"),
    ],
)
def test_an_unknown_time_zone_raises_and_starts_no_timer(topic, zone, said):
    with pytest.raises(Exception, match=said):
        FX.StartTimer(interval="daily", target=topic, content=1, zone=zone) | run
    assert FX.ListTimers() | run == []
