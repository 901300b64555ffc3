"""Faults of handlers change nothing but the journal."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.engine.actor.room import Room
from zefnb import ET, FX, String, run, zef_function

WRONG_RESULTS = {
    "nothing": lambda m, s: None,
    "one effect alone": lambda m, s: [FX.Log(content="x"), s],
    "a nested list": lambda m, s: [[[FX.Log(content="x")]], s],
    "three parts": lambda m, s: [[], s, s],
    "effects only": lambda m, s: [FX.Log(content="x")],
    "a list of other things": lambda m, s: [["x"], s],
    "an effect among other things": lambda m, s: [[FX.Log(content="x"), 1], s],
    "text of two letters": lambda m, s: "ab",
    "a dict": lambda m, s: {"effects": [], "state": 1},
}


class InterruptingError(Exception):
    def __str__(self):
        raise KeyboardInterrupt


class EndlessNotes(Exception):
    __notes__ = itertools.repeat("a note")


class TestFaults:
    @pytest.mark.parametrize("wrong", WRONG_RESULTS)
    @pytest.mark.parametrize("kind", ["plain", "inline", "async"])
    def test_a_result_in_the_wrong_shape_keeps_the_state_and_performs_nothing(self, wrong, kind, until):
        result = WRONG_RESULTS[wrong]

        def handler(msg, state):
            return [[], "fine"] if msg == "good" else result(msg, state)

        async def handler_async(msg, state):
            return handler(msg, state)

        given = {"plain": handler, "inline": zef_function(inline=True)(handler), "async": handler_async}[kind]
        room = Room(initial_state="before", handler=given)
        room.say("bad")
        until(lambda: room.log)
        assert room.state == "before"
        [entry] = room.log
        assert entry["error"] == "InvalidResult"
        assert "allowed: " in entry["message"]
        room.say("good")
        until(lambda: room.state == "fine")
        assert [e for e in FX.QueryLog() | run if e["message"] == "x"] == []

    @pytest.mark.parametrize(
        "thrown", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit]
    )
    @pytest.mark.parametrize("kind", ["plain", "inline", "async"])
    def test_a_handler_that_raises_keeps_the_state_and_the_actor_continues(self, kind, thrown, until):
        def clumsy(msg, state):
            if msg == "bad":
                raise thrown("ouch")
            return [[], state + 1]

        async def clumsy_async(msg, state):
            return clumsy(msg, state)

        given = {"plain": clumsy, "inline": zef_function(inline=True)(clumsy), "async": clumsy_async}[kind]
        room = Room(handler=given)
        room.say(1, "bad", 1, "bad", 1)
        until(lambda: room.state == 3)
        until(lambda: room.log and room.log[0]["count"] == 2)
        [entry] = room.log
        assert entry["level"] == "error"
        if not (kind == "async" and thrown is asyncio.CancelledError):
            assert entry["error"] == thrown.__name__
            assert "in clumsy" in entry["traceback"]
        assert "clumsy" in entry["handler"]
        assert entry["input"] == "bad"

    @pytest.mark.parametrize("thrown", [InterruptingError, EndlessNotes])
    @pytest.mark.parametrize("kind", ["plain", "inline", "async"])
    def test_an_actor_continues_after_an_exception_that_cannot_be_read(self, kind, thrown, until):
        def clumsy(msg, state):
            if msg == "bad":
                raise thrown
            return [[], state + 1]

        async def clumsy_async(msg, state):
            return clumsy(msg, state)

        given = {"plain": clumsy, "inline": zef_function(inline=True)(clumsy), "async": clumsy_async}[kind]
        room = Room(handler=given)
        room.say("bad", 1)
        until(lambda: room.state == 1)
        assert [entry["error"] for entry in room.log] == [thrown.__name__]

    def test_no_effect_of_a_handler_that_raises_is_performed(self, outbox, until):
        topic, heard = outbox

        def handler(msg, state):
            effects = [FX.Publish(target=topic, content=msg)]
            if msg == "bad":
                raise ValueError
            return [effects, state]

        room = Room(handler=handler)
        room.say("bad", "good")
        until(lambda: heard)
        assert heard == ["good"]

    def test_a_message_that_no_rule_matches_is_only_counted(self, until):
        room = Room(initial_state=ET.Idle(), rules={(String, ET.Busy): lambda m, s: [[], s]})
        room.say("a", "b", "c", 1)
        until(lambda: sum(entry["count"] for entry in room.log) == 4)
        assert {entry["message"]: entry["count"] for entry in room.log} == {
            "no rule takes a str in state ET.Idle": 3,
            "no rule takes an int in state ET.Idle": 1,
        }
        assert {entry["level"] for entry in room.log} == {"info"}

    def test_an_exception_that_cannot_be_printed_is_in_the_journal_too(self, until):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("no words")

        def handler(msg, state):
            if msg == "bad":
                raise Mute
            return [[], state + 1]

        room = Room(handler=handler)
        room.say("bad", "good")
        until(lambda: room.state == 1)
        assert room.log[0]["error"] == "Mute"
