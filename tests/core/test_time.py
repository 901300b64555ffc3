"""Time: a moment in UTC, to the nanosecond."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.time import Time
from zefnb.core.types import match
from zefnb.errors import InvalidValue

calm = settings(deadline=None)
FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"
nanoseconds = st.integers(-62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1)


def at(ns: int) -> Time:
    return Time(ns // 10**9) + timedelta(microseconds=ns % 10**9 // 1000) + (ns % 1000) / 1e9


def test_a_moment_is_written_in_utc():
    assert str(Time("2026-01-02T03:04:05+02:00")) == "2026-01-02T01:04:05Z"
    assert repr(Time("2026-01-02T03:04:05Z")) == "Time('2026-01-02T03:04:05Z')"


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("2026-01-02", "2026-01-02T00:00:00Z"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05Z"),
        ("2026-01-02 03:04:05.5Z", "2026-01-02T03:04:05.500000Z"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456789Z"),
        ("2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.123456700Z"),
        ("2026-01-02T03:04:05.123456789+01:00", "2026-01-02T02:04:05.123456789Z"),
        (FIRST, FIRST),
        (LAST, LAST),
    ],
)
def test_text_is_read_as_iso_8601(given_text, canonical):
    assert str(Time(given_text)) == canonical


@pytest.mark.parametrize(
    "wrong", ["yesterday", "", None, True, float("nan"), float("inf"), 1e30, -(10**12), b"2026-01-02", [1]]
)
def test_an_invalid_moment_raises(wrong):
    with pytest.raises(InvalidValue, match="Time"):
        Time(wrong)


def test_the_years_end_at_9999():
    with pytest.raises(InvalidValue, match="years 1 to 9999"):
        Time(LAST) + 1


@calm
@given(nanoseconds)
def test_repr_evaluates_back_to_the_nanosecond(ns):
    moment = at(ns)
    assert moment.ns == ns
    assert eval(repr(moment), {"Time": Time}) == moment


@calm
@given(nanoseconds)
def test_pickling_and_copying_give_the_same_moment(ns):
    moment = at(ns)
    for twin in (pickle.loads(pickle.dumps(moment)), copy.deepcopy(moment), Time(moment)):
        assert twin == moment
        assert hash(twin) == hash(moment)


@calm
@given(nanoseconds, nanoseconds)
def test_moments_are_ordered_as_their_nanoseconds_are(one, other):
    assert (at(one) < at(other)) == (one < other)
    assert (at(one) >= at(other)) == (one >= other)
    assert (at(one) == at(other)) == (one == other)


@calm
@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))])))
def test_a_datetime_round_trips_to_the_microsecond(moment):
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        return
    assert Time(moment).to_datetime() == expected


def test_a_naive_datetime_is_utc():
    assert Time(datetime(2026, 1, 2)) == Time("2026-01-02")


def test_differences_are_seconds_and_seconds_can_be_added():
    start = Time("2026-01-02T03:04:00Z")
    assert Time("2026-01-02T03:04:05Z") - start == 5.0
    assert start + 1.5 == start + timedelta(seconds=1.5)
    assert (start + 1.5) - 1.5 == start
    assert start - timedelta(minutes=4) == Time("2026-01-02T03:00:00Z")
    assert Time(90).seconds == 90.0


def test_adding_or_comparing_other_types_raises():
    for operation in (lambda: Time(0) + "x", lambda: Time(0) - "x", lambda: Time(0) < 5):
        with pytest.raises(TypeError):
            operation()
    assert Time(0) != 0


def test_now_is_between_before_and_after():
    before, moment, after = datetime.now(UTC), Time.now(), datetime.now(UTC)
    assert before - timedelta(microseconds=1) <= moment.to_datetime() <= after


def test_a_moment_cannot_be_changed():
    with pytest.raises(AttributeError, match="immutable"):
        Time(0).ns = 5


def test_with_an_ellipsis_it_is_a_pattern_for_any_moment():
    assert match(Time(...), Time.now())
    assert not match(Time(...), 0)
    assert match(Time, Time(0))
    assert repr(Time(...)) == "Time(...)"
    assert pickle.loads(pickle.dumps(Time(...))) is Time(...)
