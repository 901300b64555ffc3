"""Taps: what is recorded of watched clients and topics is limited."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from zefnb import ET
from zefnb.net.websocket.frames import BINARY, TEXT, build
from zefnb.net.websocket.taps import Tail, Tap


@pytest.mark.parametrize(("count", "kept", "skipped"), [(100, 100, 0), (101, 100, 1), (250, 100, 150)])
def test_the_newest_100_messages_of_a_topic_are_kept(count: int, kept: int, skipped: int):
    tail = Tail("topic")
    for number in range(count):
        tail.deliver(f"{number}")
    items, left_out = tail.take()
    assert ([item["body"] for item in items], left_out) == ([f"{n}" for n in range(count - kept, count)], skipped)
    assert tail.take() == ([], 0)


@pytest.mark.parametrize(("count", "first"), [(50, 1), (51, 2)])
def test_the_newest_50_frames_of_a_client_are_kept(count: int, first: int):
    connection: Any = SimpleNamespace()
    tap = Tap(connection)
    tap.sent(b"".join(build(TEXT, b"%d" % number) for number in range(count)))
    frames = tap.since(0)
    assert [frame["n"] for frame in frames] == list(range(first, count + 1))
    assert tap.since(count - 1) == frames[-1:]


@pytest.mark.parametrize(("opcode", "limit"), [(TEXT, 4_000), (BINARY, 1_024)])
def test_the_beginning_of_a_long_message_is_kept_with_the_size_of_the_whole(opcode: int, limit: int):
    connection: Any = SimpleNamespace()
    tap = Tap(connection)
    for size in (limit, limit + 1):
        tap.sent(build(opcode, b"x" * size))
    fits, cut = tap.since(0)
    assert (fits["size"], cut["size"]) == (limit, limit + 1)
    assert fits["body"] == cut["body"]
    assert len(fits["body"]) >= limit


class Table:
    """A large value with a short text."""

    def __repr__(self) -> str:
        return "Table(...)"

    def tolist(self) -> list[int]:
        raise AssertionError("it is encoded on the loop")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"n": 1, "at": [1, {"x": None}]}, '{"n": 1, "at": [1, {"x": null}]}'),
        (ET.Guest(name="Ada"), '{"type": "Guest", "name": "Ada"}'),
        ([Table()], "[Table(...)]"),
        ({"rows": Table()}, "{'rows': Table(...)}"),
    ],
)
def test_only_small_plain_values_are_shown_as_json(content: Any, shown: str):
    tail = Tail("topic")
    tail.deliver(content)
    [item] = taken(tail)[0]
    assert item["body"] == shown


def taken(tail: Tail) -> tuple[list[Any], int]:
    """The messages of a tail, which may be written in another thread."""
    taken = tail.take()
    for _ in range(2_000):
        if taken[0]:
            break
        time.sleep(0.01)
        taken = tail.take()
    return taken


def test_a_slow_repr_does_not_delay_who_takes_and_no_message_is_lost():
    reached, opened = threading.Event(), threading.Event()

    class Slow:
        def __repr__(self) -> str:
            reached.set()
            return "in time" if opened.wait(20) else "too late"

    tail = Tail("topic")
    for content in ("before", Slow(), "after"):
        tail.deliver(content)
    assert tail.take() == ([], 0)
    assert reached.wait(20)
    for number in range(101):
        tail.deliver(f"{number}")
    assert tail.take() == ([], 0)
    opened.set()
    items, skipped = taken(tail)
    assert ([item["body"] for item in items], skipped) == (["before", "in time", "after"], 0)
    items, skipped = taken(tail)
    assert ([item["body"] for item in items], skipped) == ([f"{number}" for number in range(1, 101)], 1)
