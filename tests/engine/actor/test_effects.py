"""The effects of a handler, in order, under the new state."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.actor.room import Room
from zefnb import ET, FX, generate_uid, run, zef_function
from zefnb.core.effect import DEFAULT_REGISTRY, effect

pytestmark = pytest.mark.also_joined


class TestEffects:
    def test_effects_are_performed_in_order_under_the_new_state(self, outbox, until):
        topic, heard = outbox

        def handler(msg, state):
            return [[FX.Publish(target=topic, content=n) for n in range(5)], state + 1]

        room = Room(handler=handler)
        room.say("go", "go")
        until(lambda: len(heard) == 10)
        assert heard == [*range(5)] * 2
        assert room.state == 2

    def test_an_effect_that_fails_is_in_the_journal_and_the_rest_are_performed(self, outbox, until):
        topic, heard = outbox

        def handler(msg, state):
            return [
                [
                    FX.Publish(target=topic, content="first"),
                    FX.StopTimer(timer=ET.Timer(generate_uid())),
                    FX.Publish(content="without a target"),
                    FX.Publish(target=topic, content="last"),
                ],
                "new",
            ]

        room = Room(handler=handler)
        room.say("go")
        until(lambda: len(heard) == 2)
        assert heard == ["first", "last"]
        assert room.state == "new"
        until(lambda: sorted(entry["error"] for entry in room.log) == ["InvalidEffect", "NotRunning"])
        assert all("handler" in entry["handler"] for entry in room.log)

    def test_effects_that_take_time_are_awaited_in_order(self, outbox, until):
        topic, heard = outbox

        def handler(msg, state):
            routes = {"/": "hello"}
            return [
                [
                    FX.Publish(target=topic, content=f"{msg} before"),
                    FX.StartHTTPServer(routes=routes, port=0),
                    FX.Publish(target=topic, content=f"{msg} between"),
                    FX.StopHTTPServer(server=ET.HTTPServer(generate_uid())),
                    FX.Publish(target=topic, content=f"{msg} after"),
                ],
                state + 1,
            ]

        room = Room(handler=handler)
        room.say("one", "two")
        until(lambda: len(heard) == 6)
        assert heard == [f"{who} {when}" for who in ("one", "two") for when in ("before", "between", "after")]
        assert len(FX.QueryAllActiveHTTPServers() | run) == 2
        until(lambda: [(entry["error"], entry["count"]) for entry in room.log] == [("NotRunning", 2)])

    def test_a_cancelled_effect_does_not_block_its_actor(self, until):
        @effect("Vanish")
        async def vanish(runtime) -> None:
            """Be cancelled from within."""
            raise asyncio.CancelledError

        try:
            room = Room(handler=lambda m, s: [[FX.Vanish(), FX.Log(content="next")], s + 1])
            room.say("go", "go")
            until(lambda: room.state == 2)
            until(lambda: len([e for e in FX.QueryLog() | run if e["message"] == "next"]) == 2)
            assert room.log[0]["error"] == "CancelledError"
        finally:
            del DEFAULT_REGISTRY.specs["Vanish"]

    @pytest.mark.parametrize("kind", ["plain", "inline"])
    def test_a_message_to_oneself_is_handled_later_under_the_new_state(self, kind, until):
        seen = []

        def handler(msg, state, context):
            seen.append((msg, state))
            effects = [FX.Publish(target=context.actor.input, content=msg - 1)] if msg else []
            return [effects, state + 1]

        room = Room(handler=zef_function(inline=kind == "inline")(handler))
        room.say(3)
        until(lambda: len(seen) == 4)
        assert seen == [(3, 0), (2, 1), (1, 2), (0, 3)]
