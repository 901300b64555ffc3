"""An actor's state is separate: no other actor, no failing handler and no caller of a query can change it."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections import defaultdict, deque
from typing import Any

import pytest

from tests.engine.actor.room import Room
from zefnb import ET, FX, DictDatabase, generate_uid, run, zef_function
from zefnb import Any as Anything
from zefnb.engine.runtime import default_runtime
from zefnb.errors import InvalidEffect, InvalidValue


@dataclasses.dataclass
class Guest:
    said: list[str]


class Seat:
    def __init__(self) -> None:
        self.said: list[str] = []


STATES: dict[str, tuple[Any, Any]] = {
    # how a state is made, and where the list in it is
    "a dict": (lambda: {"said": []}, lambda state: state["said"]),
    "a list": (list, lambda state: state),
    "an entity": (lambda: ET.Guest(said=[]), lambda state: state.said),
    "an entity with a name": (lambda: ET.Guest("ada", said=[]), lambda state: state.said),
    "deep inside": (lambda: ET.Guest(a=({"b": [[]]},)), lambda state: state.a[0]["b"][0]),
    "a deque": (deque, lambda state: state),
    "a dataclass": (lambda: Guest([]), lambda state: state.said),
    "an object": (Seat, lambda state: state.said),
    "a default": (lambda: defaultdict(list), lambda state: state["said"]),
}


def handler_of(kind: str, look: Any) -> Any:
    """Appends the message to the state; fails afterwards when the message says so."""

    def add(msg: Any, state: Any) -> Any:
        look(state).append(msg)
        if msg == "raise":
            raise ValueError("told to")
        if msg == "wrong":
            return state
        return [[], state]

    async def add_async(msg: Any, state: Any) -> Any:
        look(state).append(msg)
        await asyncio.sleep(0)
        if msg == "cancel":
            raise asyncio.CancelledError
        return add(msg, state) if msg in ("raise", "wrong") else [[], state]

    return {"plain": add, "inline": zef_function(inline=True)(add), "async": add_async}[kind]


@pytest.mark.parametrize("kind", ["plain", "inline", "async"])
@pytest.mark.parametrize("made", STATES)
def test_actors_with_one_initial_state_have_separate_copies(made: str, kind: str, until: Any):
    make, look = STATES[made]
    state = make()
    rooms = [Room(initial_state=state, handler=handler_of(kind, look)) for _ in range(3)]
    look(state).append("by its maker, afterwards")
    for room, name in zip(rooms, "abc", strict=True):
        room.say(name, name)
    until(lambda: [list(look(room.state)) for room in rooms] == [["a", "a"], ["b", "b"], ["c", "c"]])


@pytest.mark.parametrize("kind", ["plain", "inline", "async"])
@pytest.mark.parametrize("made", STATES)
def test_a_handler_that_fails_does_not_change_the_state(made: str, kind: str, until: Any):
    make, look = STATES[made]
    room = Room(initial_state=make(), handler=handler_of(kind, look))
    failing = ["raise", "wrong", *(["cancel"] if kind == "async" else [])]
    room.say("a", *failing, "b", *failing)
    until(lambda: sum(entry["count"] for entry in room.log if entry["level"] == "error") == 2 * len(failing))
    assert list(look(room.state)) == ["a", "b"]


@pytest.mark.parametrize("made", STATES)
def test_changing_the_result_of_a_query_changes_no_state(made: str, until: Any):
    make, look = STATES[made]
    room = Room(initial_state=make(), handler=handler_of("plain", look))
    room.say("a")
    until(lambda: list(look(room.state)) == ["a"])
    look(room.state).append("changed")
    FX.QueryActorState(actor=room.handle, transform=lambda state: look(state).clear()) | run
    assert list(look(room.state)) == ["a"]


def test_actors_that_adopt_one_state_of_the_program_have_separate_copies(until: Any):
    default: dict[str, list[str]] = {"said": []}

    def greet(msg: str, state: Any) -> Any:
        state["said"].append(msg)
        return [[], state]

    rules = {("begin", Anything): lambda msg, state: [[], default], (str, dict): greet}
    rooms = [Room(initial_state=None, rules=rules) for _ in range(2)]
    for room, name in zip(rooms, "ab", strict=True):
        room.say("begin", name)
    until(lambda: [room.state for room in rooms] == [{"said": ["a"]}, {"said": ["b"]}])
    assert default == {"said": []}


@pytest.mark.parametrize("kind", ["plain", "inline"])
def test_predicates_and_transforms_cannot_change_the_state_either(kind: str, until: Any):
    def spoil(state: Any) -> bool:
        state.append("by a predicate")
        return False

    predicate = zef_function(inline=True)(spoil) if kind == "inline" else spoil
    room = Room(initial_state=[], rules=[((str, predicate), lambda m, s: [[], s])])
    room.say("a", "b")
    until(lambda: room.log)
    assert room.state == []


def test_an_object_that_occurs_twice_in_a_state_still_does_later(until: Any):
    shared: list[str] = []

    def add(msg: str, state: Any) -> Any:
        state["one"].append(msg)
        return [[], state]

    room = Room(initial_state={"one": shared, "other": shared}, handler=add)
    room.say("a", "b")
    until(lambda: room.state == {"one": ["a", "b"], "other": ["a", "b"]})


def test_handles_and_objects_that_cannot_be_copied_are_shared(until: Any):
    db = FX.CreateDB(type=DictDatabase) | run
    lock, seen = threading.Lock(), []

    def note(msg: str, state: Any) -> Any:
        seen.append((state["lock"] is lock, state["db"] is db, state["make"] is Seat))
        return [[], state]

    for room in [Room(initial_state={"lock": lock, "db": db, "make": Seat}, handler=note) for _ in range(2)]:
        room.say("a", "b")
    until(lambda: len(seen) == 4)
    assert set(seen) == {(True, True, True)}


@pytest.mark.parametrize("kind", ["plain", "inline"])
def test_an_immutable_state_is_not_copied(kind: str, until: Any):
    state, seen = ET.Guest(name="ada", topic=ET.Topic("t"), inner=ET.Seat(n=(1, 2))), []

    def note(msg: str, given: Any) -> Any:
        seen.append(given)
        return [[], given]

    room = Room(initial_state=state, handler=zef_function(inline=True)(note) if kind == "inline" else note)
    room.say("a", "b")
    until(lambda: len(seen) == 2)
    assert all(given is state for given in seen)


@pytest.mark.parametrize("kind", ["plain", "inline", "async"])
def test_the_journal_shows_the_message_that_the_handler_received(kind: str, until: Any):
    def spoil(msg: Any, state: Any) -> Any:
        msg["said"].append("changed")
        raise ValueError("told to")

    async def spoil_async(msg: Any, state: Any) -> Any:
        spoil(msg, state)

    given = {"plain": spoil, "inline": zef_function(inline=True)(spoil), "async": spoil_async}[kind]
    room = Room(initial_state=None, handler=given)
    room.say({"said": ["hello"]})
    until(lambda: room.log)
    assert "hello" in room.log[0]["input"]
    assert "changed" not in room.log[0]["input"]


def chain_of_guests(length: int) -> Any:
    last: Any = None
    for _ in range(length):
        last = Guest(last)
    return last


def nested_lists(depth: int) -> Any:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    return deep


DEEP = {"a chain of dataclasses": chain_of_guests, "nested lists": nested_lists}


@pytest.mark.parametrize("kind", DEEP)
def test_content_nested_too_deeply_raises_and_the_error_names_the_field(kind: str, until: Any):
    deep, topic, log = DEEP[kind](20_000), ET.Topic(generate_uid()), []
    FX.SubscribeFX(topic=topic, op=zef_function(inline=True)(log.append)) | run
    for given in (deep, {"inside": deep}):
        with pytest.raises(InvalidValue, match=r"FX\.Publish: content: it is nested too deeply"):
            FX.Publish(target=topic, content=given) | run
        with pytest.raises(InvalidValue, match=r"FX\.StartTimer: content: it is nested too deeply"):
            FX.StartTimer(target=topic, content=given, interval=3600) | run
    FX.Publish(target=topic, content="next") | run
    until(lambda: log)
    assert log == ["next"]


@pytest.mark.parametrize("kind", DEEP)
def test_a_handler_that_publishes_or_returns_such_a_value_gets_a_clear_error(kind: str, until: Any):
    make, topic = DEEP[kind], ET.Topic(generate_uid())
    FX.SubscribeFX(topic=topic, op=zef_function(inline=True)(lambda content: None)) | run

    def go_deep(msg: str, state: Any) -> Any:
        return [[FX.Publish(target=topic, content=make(20_000))], make(20_000) if msg == "state" else state]

    room = Room(initial_state=[], handler=go_deep)
    room.say("content")
    until(lambda: [entry for entry in room.log if "content: it is nested too deeply" in entry["message"]])
    room.say("state")
    until(lambda: [entry for entry in room.log if "state: it is nested too deeply" in entry["message"]])
    assert room.state == []
    assert not [entry for entry in room.log if "RecursionError" in entry["message"]]


@pytest.mark.parametrize("how", ["plain", "inline", "async"])
@pytest.mark.parametrize("kind", DEEP)
def test_a_state_nested_too_deeply_is_refused_when_it_is_returned_and_the_old_one_is_kept(
    kind: str, how: str, until: Any
):
    make = DEEP[kind]

    def go_deep(msg: str, state: Any) -> Any:
        return [[], make(20_000) if msg == "deep" else [*state, msg]]

    async def go_deep_async(msg: str, state: Any) -> Any:
        await asyncio.sleep(0)
        return go_deep(msg, state)

    handler = {"plain": go_deep, "inline": zef_function(inline=True)(go_deep), "async": go_deep_async}[how]
    room = Room(initial_state=[], handler=handler)
    room.say("a", "deep", "b", "deep")
    until(lambda: sum(entry["count"] for entry in room.log if entry["level"] == "error") == 2)
    room.say("c")
    until(lambda: room.state == ["a", "b", "c"])
    errors = [entry for entry in room.log if entry["level"] == "error"]
    assert [entry["count"] for entry in errors] == [2]
    assert "state: it is nested too deeply" in errors[0]["message"]
    assert "go_deep" in errors[0]["message"]


@pytest.mark.parametrize("how", ["plain", "inline", "async"])
def test_a_handler_that_keeps_and_changes_the_state_that_it_returned_changes_no_state(how: str, until: Any):
    """Also when it returns the same object again, which it has changed since."""
    kept: list[Any] = []

    def keep(msg: str, state: Any) -> Any:
        if msg == "same":
            return [[], kept]
        kept.append(msg)
        return [[], kept if msg == "first" else [*state, msg]]

    async def keep_async(msg: str, state: Any) -> Any:
        return keep(msg, state)

    room = Room(
        initial_state=[], handler={"plain": keep, "inline": zef_function(inline=True)(keep), "async": keep_async}[how]
    )
    room.say("first", "second", "third", "same")
    until(lambda: room.state == ["first", "second", "third"])
    room.say("fourth")
    until(lambda: room.state == ["first", "second", "third", "fourth"])


def test_a_state_that_was_refused_with_its_effects_is_copied_anew_when_it_is_returned_again(until: Any):
    kept: list[Any] = []
    received: list[Any] = []

    def keep(msg: str, state: Any) -> Any:
        received.append(state)
        kept.append(msg)
        return [["no effect"] if msg == "first" else [], kept]

    room = Room(initial_state=0, handler=keep)
    room.say("first", "second", "third")
    until(lambda: len(received) == 3)
    assert received == [0, 0, ["first", "second"]]


def test_an_initial_state_nested_too_deeply_raises_at_the_start():
    actor = FX.StartActor(initial_state=nested_lists(100_000), handler=lambda msg, state: [[], state])
    with pytest.raises(InvalidEffect, match="initial_state: it is nested too deeply"):
        actor | run
    with pytest.raises(InvalidEffect, match="initial_state: it is nested too deeply"):
        FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run


class Held:
    """An object whose copy waits until the loop has made many iterations meanwhile."""

    waits, iterations, reached = False, 0, False

    def __deepcopy__(self, memo: Any) -> Held:
        if Held.waits:
            runtime, begun, until = default_runtime(), Held.iterations, time.monotonic() + 10

            def iterate() -> None:
                Held.iterations += 1
                if Held.waits:
                    runtime.loop.call_soon(iterate)

            runtime.loop.call_soon_threadsafe(iterate)
            while Held.iterations < begun + 50 and time.monotonic() < until:
                time.sleep(0.001)
            Held.waits, Held.reached = False, Held.iterations >= begun + 50
        return Held()


@pytest.mark.parametrize("when", ["before a handler", "after a handler", "after a failed handler"])
@pytest.mark.parametrize("size", ["many rows", "a dict of many keys"])
def test_the_loop_goes_on_while_a_large_state_of_an_async_handler_is_copied(when: str, size: str, until: Any):
    rows: Any = [{"row": n} for n in range(3_000)]
    if size == "a dict of many keys":
        rows = defaultdict(list, dict.fromkeys(range(3_000), 1))
    Held.waits = Held.reached = False

    async def handle(msg: Any, state: Any) -> Any:
        if msg == "fail":
            raise ValueError("told to")
        Held.waits = when == "after a handler" and not Held.reached
        return [[], {**state, "said": [*state["said"], msg]}]

    room = Room(initial_state={"rows": rows, "held": Held(), "said": []}, handler=handle)
    if when == "after a failed handler":
        room.say("fail")
        until(lambda: FX.QueryLog(level="error") | run)
    Held.waits = when != "after a handler"
    room.say("hello")
    until(lambda: Held.reached)
    room.say("bye")
    until(lambda: room.state["said"] == ["hello", "bye"])
