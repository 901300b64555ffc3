"""The codec: every value of zefnb round-trips, and no other is accepted."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import pickletools
import threading
import uuid
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any as Anything

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zefnb import ET, FX, Any, Array1, DictDatabase, EntityUid, F, Int, String, Time, u8
from zefnb.core.codec.codec import _Tagged, decode, encode
from zefnb.core.codec.scan import Undecodable
from zefnb.core.record import Record, fields_of, uid_of
from zefnb.core.types import Bytes, Nil
from zefnb.errors import InvalidValue
from zefnb.ops import (
    apply,
    array_to_bytes,
    collect,
    first,
    greater_than,
    insert_into,
    is_a,
    map,
    match_,
    one_of,
    sort,
    take,
    trim,
)
from zefnb.store.codec import told

UID = "🍃-87f83f06bfec2ba79b96"


def same(one: Anything, other: Anything) -> bool:
    """Equal in type and value, all the way down; nan is itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return math.copysign(1, one) == math.copysign(1, other) and (one == other or (one != one and other != other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            same(k, m) and same(v, w) for (k, v), (m, w) in zip(one.items(), other.items(), strict=True)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, Record):
        return uid_of(one) == uid_of(other) and same(fields_of(one), fields_of(other))
    return bool(one == other)


times = st.integers(0, 4 * 10**18).map(lambda ns: Time(0) + timedelta(microseconds=ns // 1000))
atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**4000), 2**4000)
    | st.floats()
    | st.text()
    | st.binary()
    | st.binary().map(bytearray)
    | st.binary().map(Array1[u8])
    | st.complex_numbers(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.dates()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | times
)
names = st.text(st.characters(categories=["L"]), min_size=1)
keys = st.text() | st.integers() | st.booleans() | st.none() | times | st.tuples(st.text(), st.integers())


def holding(values: st.SearchStrategy[Anything]) -> st.SearchStrategy[Anything]:
    return (
        st.lists(values)
        | st.lists(values).map(tuple)
        | st.dictionaries(keys, values)
        | st.dictionaries(names, values).map(lambda fields: ET.Guest(**fields))
        | st.dictionaries(names, values).map(lambda fields: ET.Guest(UID, **fields))
        | values.map(lambda content: FX.Publish(target=ET.Topic("chat"), content=content))
        | st.sets(keys)
        | st.frozensets(keys)
        | st.frozensets(keys).map(lambda tags: {tags, ET.Guest(tags=tags)})
    )


@given(st.recursive(atoms, holding, max_leaves=20))
@example([2**100_000, float("nan"), -0.0, "\ud800"])
def test_every_value_round_trips(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        ET.Guest,
        ET.Topic("chat"),
        ET.Topic(UID),
        ET.Actor(UID, input=ET.Topic(UID)),
        ET.Guest(db=DictDatabase(UID)),
        EntityUid(UID),
        EntityUid(...),
        Time(...),
        Time("2026-01-02T03:04:05.123456789Z"),
        DictDatabase,
        FX.Publish,
        FX.Publish(content=[1]),
        ET,
        FX,
        F,
        F.name,
        F.name | trim | take(3),
        first,
        first | trim,
        take,
        trim,
        array_to_bytes | insert_into(FX.Publish(target=ET.Topic("out")), "content"),
        sort(key=F.age, reverse=True) | first,
        map(str.upper) | apply(len),
        match_([(greater_than(99), "big"), (int, trim)]),
        is_a(ET.Guest(at=Time(...)) | ET.Host),
        collect,
        String,
        Nil,
        u8,
        Array1,
        Array1[u8],
        String | Int,
        ET.A | ET.B | None,
        one_of("yes", 1, {2, 3}),
        int | None,
        list[int],
        dict[str, list[int]],
        Any,
        int,
        type(None),
        ...,
        range(1, 9, 2),
        timezone(timedelta(hours=2)),
        timezone(timedelta(hours=2), "here"),
        zoneinfo.ZoneInfo("Europe/Berlin"),
        datetime(2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"), fold=1),
        datetime(2026, 1, 1, tzinfo=UTC),
        time(1, 2, 3, 4, tzinfo=UTC),
        date(2026, 1, 2),
        timedelta(days=-1, microseconds=1),
        Decimal("1.10"),
        uuid.UUID(int=5),
        1j,
    ],
    ids=repr,
)
def test_types_patterns_chains_and_handles_round_trip(value):
    back = decode(encode([value, {"in": value}]))[1]["in"]
    assert back == value
    assert repr(back) == repr(value)
    assert type(back) in (type(value), *type(value).__mro__[1:2])


def test_a_decoded_value_works():
    chain, pattern = decode(encode([F.name | trim | map(str.upper), Bytes | Int]))
    assert chain({"name": " ab "}) == ["A", "B"]
    assert isinstance(b"x", pattern)
    assert decode(encode(memoryview(b"ab"))) == b"ab"


class Arraylike:
    def tolist(self) -> list[int]:
        return [1]


class Mine:
    pass


def my_function(value: Anything) -> Anything:
    return value


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (Mine(), "A database in memory can store any value"),
        (Mine, "Store the name of the function"),
        (my_function, "Store the name of the function"),
        (print, "Store the name of the function"),
        (os.system, "Store the name of the function"),
        (threading.Lock(), "A database in memory"),
        (Arraylike(), r"Store its \.tolist\(\)"),
        (apply(my_function), "Store the name of the function"),
        (trim | map(eval), "Store the name of the function"),
        (F.name | apply(lambda value: value), "Store the name of the function"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_any_other_value_raises_and_the_error_lists_the_allowed_types(value, hint):
    with pytest.raises(InvalidValue, match=hint):
        encode({"deep": [ET.Guest(x=value)]})


class Malice:
    """Calls `function` when it is unpickled without restrictions."""

    def __init__(self, function: Anything, *args: Anything) -> None:
        self.call = function, args

    def __reduce__(self) -> Anything:
        return self.call


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    trace = tmp_path / "trace"
    for function, args in (
        (os.system, (f"touch {trace}",)),
        (eval, (f"open({str(trace)!r}, 'w')",)),
        (open, (str(trace), "w")),
        (print, ("hello",)),
        (Mine, ()),
        (ET.Guest, ()),
    ):
        with pytest.raises(Undecodable, match="it refers to"):
            decode(pickle.dumps([1, Malice(function, *args)]))
    assert not trace.exists()


@pytest.mark.parametrize(
    "parts",
    [
        ("entity", "_Guest", None, {}),
        ("entity", "guest", None, {}),
        ("entity", "__class__", None, {}),
        ("entity", "__getattribute__", "__class__", {}),
        ("entity type", "__class__"),
        ("entity type", ""),
        ("chain", ("field", "__class__")),
        ("chain", ("field", "__reduce__")),
        ("entity", "Guest", "🍃-1", {}),
        ("entity", "Guest", None, {"_uid": 1}),
        ("entity", "Guest", 5, {}),
        ("effect", "Launch", {}),
        ("effect", "Publish", {"target": "chat"}),
        ("effect type", "_missing"),
        ("library", "os"),
        ("library", "apply"),
        ("named", "eval"),
        ("named", "str.format"),
        ("chain", ("op", "apply", (eval.__name__,), {})),
        ("chain", ("op", "__builtins__", (), {})),
        ("chain", ("field", "__globals__")),
        ("chain", ("call", "eval")),
        ("chain", ("exec", "1")),
        ("chain",),
        ("type union", 1, 2),
        ("generic", {"a": 1}, "a"),
        ("database", "chat"),
        ("nothing", 1),
        ([], 1),
        ("Time", "yesterday"),
        ("datetime", "2026-01-01", 0, "zone"),
    ],
    ids=repr,
)
def test_parts_that_belong_to_no_value_are_refused(parts):
    class Forged:
        def __reduce__(self) -> Anything:
            return told, parts

    with pytest.raises(Undecodable):
        decode(pickle.dumps([Forged()], protocol=5))


def test_a_pickle_cannot_set_attributes_of_allowed_objects():
    name = b"czefnb.store.codec\ntold\n"
    set_attributes = b"(dN}(S'kind'\nS'x'\nS'__call__'\nI1\nS'__doc__'\nI1\nu\x86b."
    assert any(opcode.name == "BUILD" for opcode, _, _ in pickletools.genops(name + b"}b."))
    for forged in (name + b"}(S'kind'\nS'x'\nub.", name + set_attributes, name + b"N}S'__doc__'\nI1\ns\x86b."):
        with pytest.raises(Undecodable):
            decode(forged)
    assert told.__doc__ is not None
    assert told.__doc__.startswith("The only global")
    assert not hasattr(_Tagged("a"), "__dict__")


@given(st.binary(max_size=200))
def test_damaged_bytes_are_refused_or_are_plain_data(damaged):
    with contextlib.suppress(Undecodable):
        decode(damaged)


@given(st.integers(0, 400), st.integers(0, 255))
def test_one_wrong_byte_only_damages_the_value(position, byte):
    whole = bytearray(encode([ET.Guest(name="Ada"), F.name | take(3), {"at": Time(0)}]))
    whole[position % len(whole)] = byte
    with contextlib.suppress(Undecodable):
        decode(bytes(whole))


@pytest.mark.parametrize("around", [lambda x: x, lambda x: {"a": x}, lambda x: (x,), lambda x: ET.Guest(x=x)])
def test_a_value_that_contains_itself_is_refused_when_it_is_written(around):
    value: list[Any] = []
    value.append(around(value))
    with pytest.raises(InvalidValue, match="contains itself"):
        encode(value)
