"""Where handlers run, and which actors a slow one delays."""

from __future__ import annotations

import asyncio
import threading
import time

from tests.engine.actor.room import Room
from zefnb import ET, FX, generate_uid, insert_into, run, zef_function


class TestWhereHandlersRun:
    def test_plain_handlers_run_in_a_handler_thread_async_and_inline_ones_on_the_loop(self, until):
        where = {}

        def note(kind):
            def handler(msg, state):
                where[kind] = threading.current_thread().name
                return [[], state]

            return handler

        async def async_handler(msg, state):
            where["async"] = threading.current_thread().name
            return [[], state]

        handlers = [
            note("plain"),
            zef_function(note("marked")),
            zef_function(inline=True)(note("inline")),
            async_handler,
        ]
        for handler in handlers:
            Room(handler=handler).say(1)
        until(lambda: len(where) == 4)
        assert where == {"plain": "zefnb-handlers", "marked": "zefnb-handlers", "inline": "zefnb", "async": "zefnb"}

    def test_an_inline_handler_that_blocks_the_loop_is_named_in_the_journal(self, until):
        @zef_function(inline=True)
        def sleepy(msg, state):
            time.sleep(0.08)
            return [[], state + 1]

        room = Room(handler=sleepy)
        room.say(1, 2)
        until(lambda: room.state == 2)
        [entry] = FX.QueryLog(level="warning") | run
        assert "sleepy" in entry["handler"]
        assert "blocked the loop" in entry["message"]
        assert entry["count"] == 2

    def test_a_slow_async_handler_delays_only_its_own_actor(self, until):
        done, may_end = [], threading.Event()

        async def slow(msg, state):
            while not may_end.is_set():
                await asyncio.sleep(0.01)
            done.append(msg)
            return [[], state]

        slow_room, quick = Room(handler=slow), Room(handler=lambda m, s: (done.append(m), [[], s])[1])
        slow_room.say("slow 1", "slow 2")
        quick.say("quick")
        until(lambda: done == ["quick"])
        may_end.set()
        until(lambda: done == ["quick", "slow 1", "slow 2"])

    def test_a_handler_thread_belongs_to_a_handler_only_during_its_call(self, until):
        """What one handler's thread binds belongs to its actor, and what the next binds to the next actor."""
        source = ET.Topic(generate_uid())

        def bind(msg, state):
            return [[], FX.SubscribeFX(topic=source, op=insert_into(FX.Log(), "content")) | run]

        first, second = Room(handler=bind), Room(handler=bind)
        first.say(1), second.say(1)
        until(lambda: first.state and second.state)
        assert len(FX.StreamGraphSnapshot() | run) == 4
        FX.StopActor(actor=first.handle) | run
        graph = FX.StreamGraphSnapshot() | run
        assert [b["target"] for b in graph if b["kind"] == "subscription"] == [second.state.subscription]
