"""Handlers of every signature, in every place, and transforms of messages."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest

from tests.engine.actor.room import Room
from zefnb import ET, FX, Any, F, Int, String, run, to_upper_case, zef_function


def one_input(input):
    return [[], input[1] + input[0]]


def two_arguments(msg, state):
    return [[], state + msg]


def three_arguments(msg, state, context):
    assert isinstance(context, ET.ActorContext)
    assert context.actor.input == context.source_topic
    return [[], state + msg]


def a_tuple(msg, state):
    return ((), state + msg)


def variadic(*given):
    msg, state = given
    return [[], state + msg]


def with_a_default(msg, state, times=1):
    return [[], state + msg * times]


class Callable_:
    def __call__(self, msg, state):
        return [[], state + msg]

    def method(self, msg, state):
        return [[], state + msg]


class AsyncCallable:
    async def __call__(self, msg, state):
        return [[], state + msg]


async def async_one(input):
    await asyncio.sleep(0)
    return [[], input[1] + input[0]]


async def async_three(msg, state, context):
    assert context.actor
    return [[], state + msg]


def answers_a_coroutine(msg, state):
    return async_one((msg, state))


SHAPES = {
    "one input": one_input,
    "message and state": two_arguments,
    "with a context": three_arguments,
    "answering a tuple": a_tuple,
    "of any number of arguments": variadic,
    "with a default": with_a_default,
    "a lambda": lambda m, s: [[], s + m],
    "a partial": functools.partial(lambda extra, m, s: [[], s + m + extra], 0),
    "a callable object": Callable_(),
    "a bound method": Callable_().method,
    "async of one input": async_one,
    "async with a context": async_three,
    "an async callable object": AsyncCallable(),
    "plain, answering a coroutine": answers_a_coroutine,
    "a zef_function": zef_function(lambda m, s: [[], s + m]),
    "an inline zef_function": zef_function(inline=True)(lambda input: [[], input[1] + input[0]]),
    "an inline one with a context": zef_function(inline=True)(three_arguments),
}


class TestShapesOfHandlers:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("place", ["handler", "rules", "behind a predicate"])
    def test_a_handler_of_each_signature_works_in_each_place(self, shape, place, until):
        handler = SHAPES[shape]
        fields = {
            "handler": {"handler": handler},
            "rules": {"rules": {(Int, Any): handler}},
            "behind a predicate": {"rules": {(lambda m: m > 0, Any): handler}},
        }[place]
        room = Room(**fields)
        room.say(1, 2, 3)
        until(lambda: room.state == 6)
        assert room.log == []

    def test_the_first_matching_rule_handles_the_message(self, until):
        took = []

        def note(name):
            return lambda m, s: (took.append(name), [[], s])[1]

        room = Room(
            initial_state=ET.Open(),
            rules=[
                ((String, ET.Closed), note("closed")),
                ((frozenset({"a", "b"}), ET.Open), note("a or b")),
                ((String, ET.Open), note("text")),
                ((1, Any), note("one")),
                ((ET.Ping(x=1), Any), note("ping 1")),
                ((ET.Ping, Any), note("ping")),
                ((Any, Any), note("anything")),
            ],
        )
        room.say("a", "c", 1, True, ET.Ping(x=1), ET.Ping(x=2), None)
        until(lambda: len(took) == 7)
        assert took == ["a or b", "text", "one", "anything", "ping 1", "ping", "anything"]

    def test_a_predicate_that_raises_does_not_match_and_is_in_the_journal_once(self, until):
        room = Room(
            rules=[((lambda m: m > 5, Any), lambda m, s: [[], s + 100]), ((Any, Any), lambda m, s: [[], s + 1])]
        )
        room.say("text", "text", 6)
        until(lambda: room.state == 102)
        [entry] = FX.QueryLog(level="error") | run
        assert "predicate" in entry["message"]
        assert entry["count"] == 1


class TestTransform:
    def test_a_transform_is_applied_to_each_message_before_the_rules(self, until):
        room = Room(initial_state="", input_transform=to_upper_case, rules={("A", Any): lambda m, s: [[], s + m]})
        room.say("a", "b", "a")
        until(lambda: room.state == "AA")
        assert [entry["message"] for entry in room.log] == ["no rule takes a str in state str"]

    def test_a_users_function_is_applied_in_a_thread_of_handlers(self, until):
        where = []

        def transform(msg):
            where.append(threading.current_thread().name)
            return msg * 2

        room = Room(input_transform=transform, handler=zef_function(inline=True)(lambda m, s: [[], s + m]))
        room.say(1, 2)
        until(lambda: room.state == 6)
        assert set(where) == {"zefnb-handlers"}

    @pytest.mark.parametrize("transform", [lambda m: m["x"], F.x])
    def test_a_transform_that_raises_is_in_the_journal_and_the_actor_continues(self, transform, until):
        room = Room(input_transform=transform, handler=lambda m, s: [[], s + m])
        room.say({"x": 1}, {}, {"x": 2})
        until(lambda: room.state == 3)
        assert [entry["level"] for entry in room.log] == ["error"]
