"""The moments of timers: counted from the start, independent of delays."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zefnb import ET, Time
from zefnb.topics.timer import NAMED_INTERVALS, Timer, moments

START = Time("2026-01-31T08:00:00Z")


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (1.5, "2026-01-31T08:00:03Z"),
        ("hourly", "2026-01-31T10:00:00Z"),
        ("daily", "2026-02-02T08:00:00Z"),
        ("weekly", "2026-02-14T08:00:00Z"),
        ("monthly", "2026-03-31T08:00:00Z"),
        ("yearly", "2028-01-31T08:00:00Z"),
    ],
)
def test_the_second_moment_of_each_interval(interval, expected):
    assert moments(START, interval)(2) == Time(expected)


def test_months_keep_their_day_and_use_their_last_day_when_they_are_shorter():
    monthly = moments(START, "monthly")
    assert [str(monthly(n))[5:10] for n in range(5)] == ["01-31", "02-28", "03-31", "04-30", "05-31"]
    yearly = moments(Time("2024-02-29T00:00:00Z"), "yearly")
    assert [str(yearly(n))[:10] for n in (1, 4)] == ["2025-02-28", "2028-02-29"]


@given(st.integers(0, 100_000), st.floats(0.001, 3_600))
def test_moments_do_not_drift_over_any_number_of_intervals(number, interval):
    off = (moments(START, interval)(number) - START) - interval * number
    assert abs(off) < 1e-3


@pytest.mark.parametrize("interval", [0.001, 3.7, *NAMED_INTERVALS])
def test_a_start_long_ago_continues_at_once_and_in_step(interval):
    start = Time("1970-01-31T08:00:00Z")
    timer = Timer(ET.Timer("t"), interval, ET.Topic("t"), 1, start)
    begun, before = time.monotonic(), Time.now()
    number = timer._skip_past(0)
    assert time.monotonic() - begun < 5
    assert timer._moment(number) <= Time.now()
    assert before < timer._moment(number + 1)
    assert timer.skipped == 0, "what was due before it was started was never missed"


class SlowHub:
    """A hub in which publishing takes longer than the interval of a timer, and is handled at once."""

    def __init__(self) -> None:
        self.published = 0

    def publish(self, topic: Any, content: Any) -> None:
        time.sleep(0.003)
        self.published += 1

    def after_delivery(self, call: Any) -> None:
        call()

    def subscribers(self, topic: Any) -> tuple[()]:
        return ()


def test_a_timer_whose_messages_take_longer_than_its_interval_lets_others_run():
    async def others_run() -> int:
        hub = SlowHub()
        timer = Timer(ET.Timer("x"), 0.001, ET.Topic("t"), "tick", None)
        task = asyncio.ensure_future(timer.run(hub))  # type: ignore[arg-type]
        while hub.published < 5:
            await asyncio.sleep(0.001)
        task.cancel()
        return hub.published

    assert asyncio.run(others_run()) < 50
