"""Snapshots: copies of values that do not change with the original."""

from __future__ import annotations

import array
import asyncio
import collections
import copy
import dataclasses
import decimal
import functools
import io
import math
import queue
import socket
import sys
import threading
import types
from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zefnb.core.entity import ET
from zefnb.core.function import zef_function
from zefnb.core.op import as_chain
from zefnb.core.record import fields_of
from zefnb.core.snapshot import snapshot
from zefnb.core.time import Time
from zefnb.core.types import ByteArray

calm = settings(deadline=None)
UID = "🍃-87f83f06bfec2ba79b96"
Point = namedtuple("Point", "x y")
names = st.text("abcdef", min_size=1, max_size=3)
mutable_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=3) | st.sets(st.integers(), max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.tuples(inner, inner).map(lambda pair: Point(*pair))
        | st.dictionaries(names, inner, max_size=2).map(lambda fields: ET.Box(**fields))
    ),
    max_leaves=8,
)


def spoil(value: Any) -> None:
    """Change everything that can be changed, on all levels."""
    if isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value["spoilt"] = True
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.append("spoilt")
    elif isinstance(value, set):
        value.add("spoilt")
    elif isinstance(value, tuple):
        for item in value:
            spoil(item)
    elif type(value) is ET.Box:
        for item in fields_of(value).values():
            spoil(item)


@calm
@given(mutable_values)
def test_a_snapshot_is_equal_and_does_not_change_with_the_original(value):
    kept = snapshot(value)
    assert kept == value
    assert type(kept) is type(value)
    as_taken = repr(kept)
    spoil(value)
    assert repr(kept) == as_taken


@pytest.mark.parametrize(
    "value",
    [
        *("text", b"bytes", 5, None, (1, "a", (2.5, None)), frozenset({1}), Point(1, 2), memoryview(b"abc"), len),
        *(Time(0), ByteArray(b"abc"), ET.A, ET.Guest(name="Ada", t=(1, 2)), ET.Actor(UID, input=ET.Topic("chat"))),
    ],
)
def test_an_immutable_value_is_its_own_snapshot(value):
    assert snapshot(value) is value


def test_a_snapshot_preserves_container_types():
    counts = defaultdict(list, a=[1])
    kept = snapshot(counts)
    counts["a"].append(2)
    assert (type(kept), kept["a"], kept["new"]) == (defaultdict, [1], [])
    assert snapshot(OrderedDict(b=1, a=[])) == OrderedDict(b=1, a=[])
    point = snapshot(Point([1], 2))
    assert (type(point), point.x) == (Point, [1])


def test_mutable_bytes_are_copied():
    buffer = bytearray(b"abc")
    kept, viewed = snapshot(buffer), snapshot(memoryview(buffer))
    buffer[0] = 0
    assert kept == viewed == b"abc"


def test_a_snapshot_reaches_into_entities():
    rows = [1]
    kept = snapshot(ET.Table(UID, rows=rows, inner=ET.Row(cells={"a": rows})))
    rows.append(2)
    assert (kept.rows, kept.inner.cells) == ([1], {"a": [1]})
    assert kept == ET.Table(UID)


@dataclasses.dataclass
class Room:
    guests: list[str]
    lock: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    guests: list[str]


class Guest:
    """A class as users write them."""

    def __init__(self, *said: str) -> None:
        self.said = list(said)


class Slotted:
    __slots__ = ("said", "unset")

    def __init__(self, *said: str) -> None:
        self.said = list(said)


class Shout(list[str]):
    """A list with an attribute."""

    mood: list[str]


def plain(*said: str) -> dict[str, Any]:
    return {"said": list(said)}


def shouted(*said: str) -> Shout:
    made = Shout(said)
    made.mood = ["good"]
    return made


CHANGES: dict[str, tuple[Any, Any, Any]] = {
    # what it is: the value, how it is changed, what is looked at
    "deque": (deque(["a"], maxlen=3), lambda v: v.append("b"), list),
    "Counter": (collections.Counter("a"), lambda v: v.update("b"), dict),
    "OrderedDict": (OrderedDict(a=["x"]), lambda v: v["a"].append("b"), repr),
    "ChainMap": (collections.ChainMap({"a": 1}), lambda v: v.update(a=2), dict),
    "UserList": (collections.UserList(["a"]), lambda v: v.append("b"), list),
    "array": (array.array("d", [1.5]), lambda v: v.append(2.5), list),
    "bytearray": (bytearray(b"ab"), lambda v: v.append(99), bytes),
    "a view of a bytearray": (memoryview(bytearray(b"ab")), lambda v: v.__setitem__(0, 0), bytes),
    "a dataclass": (Room(["Ada"]), lambda v: v.guests.append("Bob"), repr),
    "a frozen dataclass with slots": (Fixed(["Ada"]), lambda v: v.guests.append("Bob"), repr),
    "an object": (Guest("a"), lambda v: v.said.append("b"), lambda v: list(v.said)),
    "an object with slots": (Slotted("a"), lambda v: v.said.append("b"), lambda v: list(v.said)),
    "an attribute of a list": (shouted("a"), lambda v: v.mood.append("bad"), lambda v: (list(v), list(v.mood))),
    "a namespace": (types.SimpleNamespace(a=[1]), lambda v: v.a.append(2), repr),
    "a set in a frozenset's object": (frozenset({Guest("a")}), lambda v: [g.said.append("b") for g in v], len),
    "an object as a key": ({Guest("a"): 1}, lambda v: [g.said.append("b") for g in v], lambda v: next(iter(v)).said[:]),
    "a read-only view of a dict": (types.MappingProxyType(plain("a")), lambda v: v["said"].append("b"), repr),
    "a partial": (functools.partial(print, ["a"]), lambda v: v.args[0].append("b"), lambda v: repr(v.args)),
    "a buffer of text": (io.StringIO("a"), lambda v: v.write("b"), lambda v: v.getvalue()),
    "an exception": (ValueError(["a"]), lambda v: v.args[0].append("b"), repr),
    "deep inside": (plain(*"a") | {"x": ({"y": [Guest("a")]},)}, lambda v: v["x"][0]["y"][0].said.clear(),
                    lambda v: list(v["x"][0]["y"][0].said)),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_changes_of_the_original_do_not_reach_a_snapshot(kind: str):
    value, change, look = CHANGES[kind]
    value = copy.deepcopy(value) if not isinstance(value, memoryview | types.MappingProxyType) else value
    kept = snapshot(value)
    assert type(kept) is type(value)
    before = look(kept)
    change(value)
    assert look(kept) == before


@pytest.mark.parametrize("make", ["zeros", "object", "view"])
def test_arrays_are_copied(make: str):
    numpy = pytest.importorskip("numpy")
    value = {
        "zeros": lambda: numpy.zeros(4),
        "object": lambda: numpy.array([[1], None], dtype=object),
        "view": lambda: numpy.zeros(8)[::2],
    }[make]()
    kept, before = snapshot({"a": value})["a"], value.tolist()
    if make == "object":
        before = [[1], None]
        value[0].append(2)
    else:
        value[:] = 7
    assert kept.tolist() == before


def test_data_frames_are_copied():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2]})
    kept = snapshot(frame)
    frame.loc[0, "a"] = 9
    assert kept["a"].tolist() == [1, 2]


def test_an_object_that_occurs_twice_occurs_twice_in_the_snapshot():
    guest = Guest("a")
    kept = snapshot({"first": guest, "all": [guest], "said": guest.said})
    assert kept["first"] is kept["all"][0]
    assert kept["first"] is not guest
    assert kept["said"] is kept["first"].said


ROWS: dict[str, Any] = {
    "dicts": lambda n: {"n": n, "name": f"row {n}"},
    "lists": lambda n: [n, "x"],
    "empty dicts": lambda n: {},
    "nested dicts": lambda n: {"tags": [n]},
    "dicts and lists": lambda n: {"n": n} if n % 2 else [n],
    "dicts with other keys": lambda n: {n: 1, (n, 1): 2, 1.5: 3},
    "dicts with bytes": lambda n: {"b": b"x", "c": bytearray(b"y")},
    "subclasses": lambda n: OrderedDict(n=n),
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("count", [1, 11, 12, 100, 4_097])
def test_each_row_of_a_list_is_copied(kind: str, count: int):
    rows = [ROWS[kind](n) for n in range(count)]
    before, copy_ = copy.deepcopy(rows), snapshot(rows)
    assert [type(row) for row in copy_] == [type(row) for row in rows]
    for row in rows:
        assert all(row is not other for other in copy_)
    spoil(rows)
    assert copy_ == before


@pytest.mark.parametrize("count", [3, 50, 4_096, 9_000])
def test_a_row_that_occurs_twice_occurs_twice_in_the_snapshot(count: int):
    row = {"n": 1}
    rows = [row, *({"n": n} for n in range(count)), row]
    copy_ = snapshot({"rows": rows, "first": row, "again": rows})
    assert copy_["rows"][0] is copy_["rows"][-1] is copy_["first"]
    assert copy_["again"] is copy_["rows"]
    assert copy_["first"] is not row
    copy_ = snapshot({"first": row, "rows": rows})
    assert copy_["rows"][0] is copy_["rows"][-1] is copy_["first"]


def test_rows_after_a_block_of_other_rows_are_copied():
    tags: list[str] = []
    rows: list[Any] = [*({"n": n} for n in range(5_000)), {"tags": tags}, [tags], *([n] for n in range(5_000))]
    copy_ = snapshot([*rows, rows[0]])
    assert copy_ == [*rows, rows[0]]
    assert all(copied is not row for copied, row in zip(copy_, rows, strict=False))
    assert copy_[0] is copy_[-1]
    assert copy_[5_000]["tags"] is copy_[5_001][0] is not tags


NESTED: dict[str, tuple[Any, int]] = {
    # the value, and how many dicts and lists are in it
    "a flat dict": ({"a": 1, "b": "x"}, 1),
    "dicts in a dict": ({"a": 1, "b": {"c": {"d": 2}, "e": 3}, "f": {}}, 4),
    "a short list in a dict": ({"a": [1, 2], "b": 3}, 2),
    "dicts in a list": ([{"a": {"b": 1}}, 2, [3]], 4),
    "a list in an entity": (ET.Guest(said=["a"], seat={"row": 1}), 3),
}


@pytest.mark.parametrize("kind", NESTED)
def test_each_part_of_a_nested_value_is_copied_once(kind: str):
    value, parts = NESTED[kind]
    snapshot(value)  # finds the copiers of its types
    copied: list[Any] = []

    def count(frame: Any, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ == "copy":
            copied.append(called.__self__)

    sys.setprofile(count)
    try:
        made = snapshot(value)
    finally:
        sys.setprofile(None)
    assert made == value
    assert len(copied) == parts


def test_a_value_that_contains_itself_is_copied():
    ring: list[Any] = [1]
    ring.append({"ring": ring, "pair": (ring,)})
    kept = snapshot(ring)
    assert kept is not ring
    assert kept[1]["ring"] is kept
    assert kept[1]["pair"][0] is kept
    room: dict[str, Any] = {"n": 1}
    room["inner"] = {"room": room, "all": [room]}
    inner = snapshot(room)["inner"]
    assert inner["room"] is inner["all"][0] is not room
    assert inner["room"]["inner"] is inner is not room["inner"]
    child = Guest()
    child.said.append(child)  # type: ignore[arg-type]
    copied = snapshot(child)
    assert copied is not child
    assert copied.said[0] is copied


class Connection:
    """An object with a lock and a buffer, which deepcopy cannot copy."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.buffer: list[str] = []


class Single:
    """A class that declares itself shared."""

    def __deepcopy__(self, memo: Any) -> Single:
        return self


class Refusing:
    def __deepcopy__(self, memo: Any) -> Any:
        raise RuntimeError("there is only one of us")


class Closing:
    """A copy of it would close a resource that the original still uses."""

    def __del__(self) -> None:
        pass


@zef_function
def a_function(message: Any, state: Any) -> Any:
    return [[], state]


SHARED: dict[str, Any] = {
    "a lock": threading.Lock,
    "an event": threading.Event,
    "a queue": queue.Queue,
    "an asyncio queue": asyncio.Queue,
    "a thread": threading.Thread,
    "a module": lambda: math,
    "a function": lambda: plain,
    "a class": lambda: Guest,
    "a generator": lambda: (n for n in ()),
    "an op": lambda: as_chain(len),
    "a zef function": lambda: a_function,
    "a sentinel": object,
    "an object that holds a lock": Connection,
    "a class that says so": Single,
    "a class that refuses": Refusing,
    "what has a finalizer": Closing,
}


@pytest.mark.parametrize("kind", SHARED)
def test_objects_for_external_resources_are_shared_and_the_rest_is_copied(kind: str):
    thing = SHARED[kind]()
    assert snapshot(thing) is thing
    said: list[str] = []
    for around in ({"said": said, "thing": thing}, ET.State(said=said, thing=thing)):
        kept = snapshot(around)
        look = fields_of(kept) if type(kept) is ET.State else kept
        assert look["thing"] is thing
        assert look["said"] == []
        assert look["said"] is not said
    assert snapshot([thing, thing]) == [thing, thing]


def test_a_dataclass_is_copied_around_shared_objects():
    room = Room(["Ada"], threading.Lock())
    kept = snapshot(room)
    assert kept.lock is room.lock
    assert kept.guests == ["Ada"]
    assert kept.guests is not room.guests


def test_an_object_is_shared_as_a_whole_or_copied_as_a_whole():
    connection = Connection()
    kept = snapshot({"connection": connection, "buffer": connection.buffer, "more": [connection.buffer]})
    assert kept["connection"].buffer is connection.buffer
    assert kept["buffer"] is not connection.buffer
    assert kept["buffer"] is kept["more"][0]


def test_an_open_socket_is_shared():
    with socket.socket() as peer:
        assert snapshot({"peer": peer})["peer"] is peer


def test_other_kinds_of_numbers_are_not_changed():
    for number in (decimal.Decimal("1.5"), 1j, range(3), True):
        assert snapshot(number) is number


def test_objects_in_a_chain_too_long_to_copy_are_shared():
    chain = Guest()
    for _ in range(5_000):
        outer = Guest()
        outer.said.append(chain)  # type: ignore[arg-type]
        chain = outer
    kept = snapshot({"chain": chain})
    assert kept["chain"] is chain


def test_a_value_nested_too_deeply_raises():
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        snapshot(deep)


def test_a_dict_view_becomes_a_view_of_a_copied_dict():
    said = {"ada": ["hello"]}
    kept = snapshot([said.keys(), said.values(), said.items()])
    said["ada"].append("changed")
    said["bob"] = []
    assert [list(view) for view in kept] == [["ada"], [["hello"]], [("ada", ["hello"])]]
    assert [type(view) for view in kept] == [type(said.keys()), type(said.values()), type(said.items())]


def test_many_views_and_proxies_in_one_value_stay_distinct():
    numbers = range(200)
    kept = snapshot([(types.MappingProxyType({"n": [n]}), {"n": [n]}.values()) for n in numbers])
    assert [(proxy["n"], list(view)) for proxy, view in kept] == [([n], [[n]]) for n in numbers]
