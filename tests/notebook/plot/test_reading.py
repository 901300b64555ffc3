"""Messages become points; what cannot be drawn is counted and named."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import NoReturn

import numpy
import pandas
import pytest

from zefnb import ET, Time
from zefnb.notebook.plot.points import AGAIN, MOST_POINTS, Point, Points, lines_of
from zefnb.notebook.plot.problems import MOST_NOTES, Problems
from zefnb.notebook.plot.reading import MOST_SERIES, NOT_SMALL, Clock, Reading
from zefnb.notebook.plot.values import LONGEST_TEXT


def reading(*y, x=None, by=None, window=None):
    return Reading(x, y, by, window)


@pytest.mark.parametrize(
    "message",
    [
        {"value": 3}, ET.Reading(value=3), '{"value": 3}', b'{"value": 3.0}', {"value": Decimal(3)},
        {"value": numpy.float32(3)}, ET.Sent(content={"value": 3}, user=None),
    ],
)  # fmt: skip
def test_a_number_is_read_from_dicts_entities_and_json_text(message):
    read = reading("value")
    assert [point.y for point in read.read(message)] == [3.0]
    assert read.problems.notes() == []


@pytest.mark.parametrize("message", [3, 3.0, "3", b"3", numpy.int64(3), ET.Sent(content=3, user=None)])
def test_a_message_can_be_a_number_itself(message):
    assert [point.y for point in reading().read(message)] == [3.0]


@pytest.mark.parametrize(
    ("message", "note"),
    [
        ({"value": "warm"}, "value: 2 × text instead of a number, such as 'warm'"),
        ({"value": True}, "value: 2 × a bool instead of a number, such as True"),
        ({"value": [1]}, "value: 2 × a list instead of a number, such as [1]"),
        ({"value": 1e200}, "value: 2 × a number beyond 1e+100, such as 1e+200"),
        ({"value": 10**400}, "value: 2 × a number beyond 1e+100, such as 1000"),
        ({"value": numpy.bool_(True)}, "value: 2 × a value of type bool"),
        ("{", "message: 2 × text that is not JSON, such as '{'"),
        ("[" * 50_000, "message: 2 × text that is not JSON, such as '[[[["),
        ("1" * (LONGEST_TEXT + 1), "message: 2 × text of more than 100,000 characters, such as '111"),
        ("3", "message: 2 × a value of type int instead of a message with fields, such as '3'"),
        ({"valeu": 3, "time": 1}, "2 messages have no field 'value'. Did you mean 'valeu'? Fields: valeu, time"),
        ({}, "2 messages have no field 'value'. They have no fields"),
    ],
)
def test_what_cannot_be_drawn_is_counted_and_named_with_an_example(message, note):
    read = reading("value")
    assert read.read(message) + read.read(message) == []
    [found] = read.problems.notes()
    assert found.startswith(note)
    assert len(found) < 150


def test_a_dict_without_y_leads_to_the_field_to_name():
    read = reading()
    assert read.read({"name": "a", "value": 3}) == []
    [note] = read.problems.notes()
    assert note.startswith("message: 1 × a dict instead of a number; name a field, as y='value'")


@pytest.mark.parametrize("gap", [None, math.nan, math.inf, -math.inf, numpy.float64("nan"), Decimal("NaN")])
def test_none_nan_and_infinity_are_gaps_and_counted(gap):
    read = reading("value")
    [point] = read.read({"value": gap})
    assert math.isnan(point.y)
    name = "infinity" if gap is not None and abs(gap) == math.inf else "None or NaN"
    assert read.problems.notes() == [f"value: 1 × {name}, a gap in the line"]


def test_a_gap_in_json_text_is_a_gap():
    assert math.isnan(reading("value").read('{"value": NaN}')[0].y)
    assert math.isnan(reading("value").read('{"value": null}')[0].y)


MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "at",
    [MOMENT, Time("2026-01-02T03:04:05Z"), "2026-01-02T03:04:05Z", MOMENT.timestamp(), MOMENT.timestamp() * 1000],
)
def test_a_time_for_x_can_have_each_usual_form(at):
    read = reading("value", x="time")
    assert [point.x for point in read.read({"time": at, "value": 1})] == [MOMENT.timestamp()]
    assert read.is_time


IN_TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    "at",
    [date(2026, 1, 2), datetime(2026, 1, 2), datetime(2026, 1, 2, 9, tzinfo=IN_TOKYO), pandas.Timestamp("2026-01-02"),
     pandas.Timestamp("2026-01-02 09:00", tz=IN_TOKYO), numpy.datetime64("2026-01-02"),
     numpy.datetime64("2026-01-02T00", "ns"), numpy.array("2026-01-02", "datetime64[s]")],
)  # fmt: skip
def test_a_date_for_x_is_its_midnight_and_a_time_without_a_zone_is_in_utc(at):
    read = reading("value", x="day")
    assert [point.x for point in read.read({"day": at, "value": 1})] == [Time("2026-01-02T00:00:00Z").seconds]
    assert read.is_time


@pytest.mark.parametrize(
    "at",
    [
        timedelta(seconds=90),
        pandas.Timedelta("90s"),
        *(numpy.timedelta64(90, "s").astype(f"m8[{u}]") for u in ("s", "ns")),
    ],
)
def test_a_duration_for_x_is_its_seconds(at):
    read = reading("value", x="elapsed")
    assert [point.x for point in read.read({"elapsed": at, "value": 1})] == [90.0]
    assert not read.is_time


@pytest.mark.parametrize(
    ("at", "kind"),
    [(numpy.datetime64("NaT"), "a value of type datetime64"), (numpy.timedelta64("NaT"), "a value of type timedelta64"),
     (pandas.NaT, "a value of type NaTType"), (numpy.array(["2026-01-02"], "M8[D]"), "a value of type ndarray"),
     (MOMENT.time(), "a value of type time"), (numpy.bool_(True), "a value of type bool"), (True, "a bool"),
     (math.nan, "NaN"), (-math.inf, "infinity"), (Decimal("NaN"), "NaN")],
)  # fmt: skip
def test_what_is_no_place_on_the_axis_is_counted_and_named(at, kind):
    read = reading("value", x="at")
    assert read.read({"at": at, "value": 1}) == []
    [note] = read.problems.notes()
    assert note.startswith(f"at: 1 × {kind} instead of a number or a time")


def test_a_number_that_is_too_large_for_x_is_named_as_one():
    read = reading("value", x="at")
    assert read.read({"at": 10**400, "value": 1}) + read.read({"at": 1e101, "value": 1}) == []
    assert read.problems.notes()[0].startswith("at: 2 × a number beyond 1e+100, such as 1000")


class Faulty(Mapping, tzinfo):
    """Each of its methods raises an error that no caller expects."""

    def _raise(self, *given: object) -> NoReturn:
        raise ZeroDivisionError

    __float__ = __repr__ = __getitem__ = __iter__ = __len__ = __contains__ = utcoffset = _raise


class FaultyText(str):
    """Text whose length raises an error that no caller expects."""

    def __len__(self) -> int:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"value": Faulty(), "at": 1, "room": 1}, "value"),
        ({"value": 1, "at": Faulty(), "room": 1}, "at"),
        ({"value": 1, "at": datetime(2026, 1, 2, tzinfo=Faulty()), "room": 1}, "at"),
        ({"value": 1, "at": 1, "room": FaultyText("a")}, "room"),
        (Faulty(), "message"),
    ],
)
def test_a_value_whose_methods_raise_is_counted_and_named(message, field):
    read = reading("value", x="at", by="room")
    assert read.read(message) + read.read(message) == []
    [note] = read.problems.notes()
    assert re.match(rf"{field}: 2 × a value of type \w+ whose methods raised ZeroDivisionError", note), note
    assert len(read.read({"value": 1, "at": 1, "room": 1})) == 1


@pytest.mark.parametrize("room", [object(), test_a_message_can_be_a_number_itself, 1j, [b"a"]])
def test_a_value_of_by_without_a_form_in_json_is_counted_and_named(room):
    read = reading("value", by="room")
    assert read.read({"value": 1, "room": room}) == []
    [note] = read.problems.notes()
    assert re.match(r"room: 1 × a (list|value of type \w+) that JSON has no form for, such as ", note), note
    assert len(read.read({"value": 1, "room": "a"})) == 1
    assert read.labels == ["a"]


def test_a_value_of_by_can_be_a_number_of_any_size():
    read = reading("value", by="id")
    assert len(read.read({"value": 1, "id": 10**5000})) == 1
    assert read.labels == ["<an integer of 16,610 bits>"]


def test_numbers_for_x_are_numbers_and_times_among_them_are_counted():
    read = reading("value", x="at")
    assert [point.x for point in read.read({"at": 5, "value": 1})] == [5.0]
    assert not read.is_time
    assert read.read({"at": MOMENT, "value": 1}) == []
    assert read.read({"at": "soon", "value": 1}) == []
    notes = read.problems.notes()
    assert notes[0].startswith("at: 1 × a time among numbers")
    assert notes[1] == "at: 1 × text instead of a number or a time, such as 'soon'"


def test_each_value_of_by_and_each_y_is_a_line():
    read = reading("low", "high", by="sensor")
    points = [p for s in ("a", "b", "a") for p in read.read({"low": 1, "high": 2, "sensor": s})]
    assert [point.series for point in points] == [0, 1, 2, 3, 0, 1]
    assert read.labels == ["a · low", "a · high", "b · low", "b · high"]


def test_so_many_lines_are_drawn_and_the_others_are_counted():
    read = reading("value", by="id")
    drawn = sum(len(read.read({"value": n, "id": n})) for n in range(MOST_SERIES + 7))
    assert drawn == len(read.labels) == MOST_SERIES
    assert read.problems.notes()[0].startswith(f"value: 7 × not among the first {MOST_SERIES} lines")


def test_a_label_has_no_control_characters_and_is_short():
    read = reading("value", by="id")
    read.read({"value": 1, "id": "\x1b[31m" + "x" * 1000})
    assert len(read.labels[0]) <= 60
    assert read.labels[0].isprintable()


def test_the_number_of_notes_is_bounded():
    problems = Problems()
    for n in range(MOST_NOTES * 3):
        problems.add(f"field {n}", "text instead of a number", n)
    assert len(problems.notes()) == MOST_NOTES + 1
    assert problems.notes()[-1].startswith(f"{2 * MOST_NOTES} × other values")


def test_a_clock_that_is_set_back_continues_and_one_that_is_set_forward_follows():
    times = iter([100.0, 101.0, 41.0, 42.0, 102.5])
    clock = Clock(lambda: next(times))
    assert [clock.now() for _ in range(5)] == [100.0, 101.0, 101.0, 102.0, 162.5]
    assert clock.set_back == 1


def test_times_that_are_read_together_are_those_of_one_after_the_other():
    readings = [100.0, 101.0, 41.0, 42.0, 102.5, 103.0, 103.0]
    for parts in ([2, 5], [1, 1, 5], [3, 4], [7]):
        one, together, found, begin = Clock(iter(readings).__next__), Clock(), [], 0
        for size in parts:
            found += together.times(readings[begin : begin + size])
            begin += size
        assert found == [one.now() for _ in readings]
        assert together.set_back == one.set_back == 1


def test_an_x_that_begins_again_removes_the_later_points_of_its_line_alone():
    read, points = reading("v", x="x", by="s"), []
    for x, s in [(0, "a"), (0, "b"), (10, "a"), (10, "b"), (1, "a"), (2, "a")]:
        points += read.read({"x": x, "s": s, "v": x})
    assert [point.y for point in points].count(AGAIN) == 1
    assert [[x for x, _ in line] for line in lines_of(points, 2)] == [[0, 1, 2], [0, 10]]
    assert read.problems.notes() == ["x: 1 × back to an earlier x; the points after it were removed"]


def test_a_late_point_is_put_in_order():
    read, points = reading("v", x="x", window=10), []
    for x in (0, 8, 9, 7, 10):
        points += read.read({"x": x, "v": x})
    assert lines_of(points, 1) == [[(x, x) for x in (0, 7, 8, 9, 10)]]


@pytest.mark.parametrize("at_once", [1, 999, 3 * MOST_POINTS])
def test_only_the_newest_points_are_kept(at_once):
    points = Points()
    points.add([])
    given = [Point(0, n, n) for n in range(2 * MOST_POINTS + 50)]
    for begin in range(0, len(given), at_once):
        points.add(given[begin : begin + at_once])
        assert len(points) == min(begin + at_once, len(given), MOST_POINTS)
    assert len(points) == MOST_POINTS
    assert (points.first, points.end) == (MOST_POINTS + 50, 2 * MOST_POINTS + 50)
    assert len(points._x) < MOST_POINTS * 1.25
    copy = points.copy().read()
    assert (len(copy), copy[0], copy[-1]) == (
        MOST_POINTS, Point(0, MOST_POINTS + 50, MOST_POINTS + 50), Point(0, points.end - 1, points.end - 1)
    )  # fmt: skip


_MESSAGES = [
    *(1.5, 2, True, None, math.nan, math.inf, 1e101, "3", "text", {"value": 4}, {"": 5.0}, 6.0, Decimal(7)),
    *({"value": 1.5}, {"value": -2}, {"value": True}, {"value": None}, {"value": "3"}, {"other": 1}, {"value": 1e101}),
    *(ET.Reading(value=8), {"value": 9.0, "at": 3.0, "room": "a"}, {"value": 10, "at": 1.0, "room": "b"}, 11),
]


@pytest.mark.parametrize(
    "given",
    [{}, {"y": ("value",)}, {"y": ("",)}, {"y": ("value", "at")}, {"y": ("value",), "x": "at"},
     {"y": ("value",), "by": "room"}, {"y": ("value",), "window": 2.0}],
)  # fmt: skip
def test_many_messages_are_read_as_one_after_the_other(given):
    def made():
        return Reading(given.get("x"), given.get("y", ()), given.get("by"), given.get("window"))

    together, one_by_one = made(), made()
    batches = [_MESSAGES, *([message] * 5 for message in (5.0, {"value": 5}, {"value": math.nan}, {"value": 2**70}))]
    batches += [[{"value": 1.0}, {"value": gap}, {"value": 2}] for gap in (math.nan, math.inf, 1e101, -(10**400), True)]
    moment, expected, found = itertools.count(1.0), Points(), Points()
    for messages in batches:
        unread: list[tuple[float, object]] = []
        for message in [*messages, object()]:  # the last one ends the batch
            now = next(moment)
            expected.add(one_by_one.read(message, now))
            if (copy := together.small_copy(message)) is not NOT_SMALL:
                unread.append((now, copy))
                continue
            if unread:
                found.add(together.read_all(*map(list, zip(*unread, strict=True))))
                unread.clear()
            found.add(together.read(message, now))
    # Their `repr`, since NaN is not equal to itself.
    assert repr(found.copy()) == repr(expected.copy())
    assert (together.labels, together.problems.notes()) == (one_by_one.labels, one_by_one.problems.notes())


@pytest.mark.parametrize(("y", "message"), [((), 2.5), (("value",), {"value": 3})])
def test_the_numbers_of_one_line_are_read_together(y, message, monkeypatch):
    calls, read = [], Reading.read
    monkeypatch.setattr(Reading, "read", lambda *given: calls.append(1) or read(*given))
    found, points = reading(*y), Points()
    for begin in (0, 1_000):
        copies = [found.small_copy(message) for _ in range(1_000)]
        points.add(found.read_all([float(begin + number) for number in range(1_000)], copies))
    assert len(calls) == 1
    number = message if not y else message["value"]
    assert points.copy().read() == [Point(0, n, number) for n in range(2_000)]
