"""Queries of actors' states and inputs."""

from __future__ import annotations

import threading

import pytest

from tests.engine.actor.room import Room
from zefnb import ET, FX, F, collect, generate_uid, run


def test_states_of_one_several_or_all_actors_can_be_queried_and_transformed(until):
    rooms = [Room(initial_state={"n": n}, handler=lambda m, s: [[], s]) for n in range(3)]
    handles = [room.handle for room in rooms]
    assert FX.QueryActorState() | run == {handle: {"n": n} for n, handle in enumerate(handles)}
    assert FX.QueryActorState(actors=handles[:2], transform=F.n) | run == {handles[0]: 0, handles[1]: 1}
    where = []

    def transform(state):
        where.append(threading.current_thread().name)
        return state["n"] + 10

    assert FX.QueryActorState(actor=handles[2], transform=transform) | run == {handles[2]: 12}
    assert where == ["zefnb-handlers"]
    with pytest.raises(KeyError):
        FX.QueryActorState(actor=handles[0], transform=lambda s: s["nothing"]) | run


def test_with_logging_every_message_is_in_the_journal():
    room = Room(handler=lambda m, s: [[], s], logging=True)
    room.say("hi")
    FX.QueryActorState(actor=room.handle) | run
    assert [entry["message"] for entry in room.log] == [f"{room.handle!r} takes 'hi' (str)"]


def test_several_actors_can_subscribe_to_one_topic(until):
    topic = ET.Topic(generate_uid())
    rooms = [Room(input=topic, handler=lambda m, s: [[], s + m]) for _ in range(3)]
    assert all(room.handle.input == topic for room in rooms)
    FX.Publish(target=topic, content=5) | run
    until(lambda: [room.state for room in rooms] == [5, 5, 5])


def test_a_handle_is_readable_and_its_input_is_a_field():
    room = Room(handler=lambda m, s: [[], s])
    assert repr(room.handle) == f"ET.Actor({room.handle._uid!r}, input={room.handle.input!r})"
    assert room.handle | F.input | collect == room.handle.input
