"""When messages are due: by their times, at a rate, and in rounds."""

from __future__ import annotations

import datetime

import numpy
import pandas
import pytest

from zefnb import ET, Time
from zefnb.errors import InvalidValue
from zefnb.replay.moment import ByRate, ByTime, seconds_of, time_in

FIVE = [
    (Time("2026-01-02T03:04:00Z"), Time("2026-01-02T03:04:05Z")),
    (datetime.datetime(2026, 1, 2, 3, 4), datetime.datetime(2026, 1, 2, 3, 4, 5)),
    (datetime.timedelta(seconds=1), datetime.timedelta(seconds=6)),
    (pandas.Timestamp("2026-01-02 03:04"), pandas.Timestamp("2026-01-02 03:04:05")),
    (numpy.datetime64("2026-01-02T03:04"), numpy.datetime64("2026-01-02T03:04:05")),
    (numpy.datetime64("2026-01-02T03:04", "ns"), numpy.datetime64("2026-01-02T03:04:05", "ns")),
    *(
        (numpy.timedelta64(1, "s").astype(f"m8[{u}]"), numpy.timedelta64(6, "s").astype(f"m8[{u}]"))
        for u in ("s", "ns")
    ),
    ("2026-01-02T03:04:00+01:00", "2026-01-02T03:04:05+01:00"),
    (numpy.float32(1), numpy.int64(6)),
    (1, 6.0),
]


@pytest.mark.parametrize(("first", "second"), FIVE, ids=lambda value: type(value).__name__)
def test_times_of_all_kinds_are_read(first, second):
    assert seconds_of(second) - seconds_of(first) == 5.0


def test_a_date_is_its_midnight():
    assert seconds_of(datetime.date(2026, 1, 2)) == Time("2026-01-02T00:00:00Z").seconds


@pytest.mark.parametrize(
    "value", ["noon", None, pandas.NaT, float("nan"), True and [1], numpy.datetime64("NaT"), True, numpy.bool_(1)]
)
def test_what_is_no_time_is_refused(value):
    with pytest.raises(InvalidValue, match="time: got"):
        seconds_of(value)


@pytest.mark.parametrize("message", [{"at": 2.5}, ET.Foo(at=2.5)])
def test_a_time_is_a_key_or_a_field(message):
    assert time_in(message, "at") == 2.5
    with pytest.raises(InvalidValue, match="has no 'when'"):
        time_in(message, "when")


def moments(pace, times):
    return [pytest.approx(pace.moment({"at": at})) for at in times]


def test_the_pauses_are_divided_by_the_speed():
    assert moments(ByTime(10, "at"), [100, 101, 103]) == [0, 0.1, 0.3]


def test_a_time_that_goes_back_has_no_pause():
    assert moments(ByTime(1, "at"), [100, 102, 101, 103]) == [0, 2, 2, 3]


def test_a_round_follows_after_the_mean_pause():
    pace = ByTime(2, "at")
    assert moments(pace, [10, 12, 14]) == [0, 1, 2]
    pace.begin_round()
    assert moments(pace, [10, 12, 14]) == [3, 4, 5]


def test_rounds_of_one_moment_have_a_pause_too():
    pace = ByTime(1, "at")
    assert moments(pace, [7]) == [0]
    pace.begin_round()
    assert moments(pace, [7]) == [1]


def test_a_rate_counts_on_in_the_next_round():
    pace = ByRate(4)
    first = [pace.moment(None) for _ in range(3)]
    pace.begin_round()
    assert [*first, pace.moment(None)] == [0, 0.25, 0.5, 0.75]
