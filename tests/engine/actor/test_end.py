"""The end of an actor, and of everything that belongs to it."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from tests.engine.actor.room import Room
from zefnb import ET, FX, generate_uid, insert_into, run, to_upper_case
from zefnb.engine.runtime import default_runtime


class TestTheEndOfAnActor:
    def test_stopping_twice_is_allowed_and_queries_then_raise(self):
        from zefnb.errors import NotRunning

        room = Room(handler=lambda m, s: [[], s])
        assert FX.StopActor(actor=room.handle) | run == ET.Success()
        assert FX.StopActor(actor=room.handle) | run == ET.Success()
        with pytest.raises(NotRunning, match="has been stopped"):
            _ = room.state
        assert FX.ListActors() | run == []
        assert FX.StreamGraphSnapshot() | run == []

    def test_an_actor_can_stop_itself_and_its_other_effects_are_performed(self, outbox, until):
        topic, heard = outbox

        def handler(msg, state, context):
            return [[FX.StopActor(actor=context.actor), FX.Publish(target=topic, content="goodbye")], state]

        room = Room(handler=handler)
        room.say("go", "too late")
        until(lambda: heard)
        assert heard == ["goodbye"]
        assert room.handle not in FX.ListActors() | run

    @pytest.mark.parametrize("how", ["as effects", "by run in its thread", "by await on the loop"])
    def test_everything_that_an_actor_has_bound_ends_with_it(self, how, until):
        source, target = ET.Topic(generate_uid()), ET.Topic(generate_uid())
        bindings = [
            FX.SubscribeFX(topic=source, op=insert_into(FX.Publish(target=target), "content")),
            FX.SubscribeFX(topic=source, op=lambda m: None),
            FX.MapTopic(source=source, target=target, op=to_upper_case),
            FX.StartTimer(interval=60, target=target, content=1),
        ]

        def as_effects(msg, state):
            return [bindings, "bound"]

        def by_run(msg, state):
            for binding in bindings:
                binding | run
            return [[], "bound"]

        async def by_await(msg, state):
            for binding in bindings:
                await binding
            return [[], "bound"]

        handler = {"as effects": as_effects, "by run in its thread": by_run, "by await on the loop": by_await}[how]
        room = Room(handler=handler)
        bystander = FX.SubscribeFX(topic=source, op=lambda m: None) | run
        room.say("go")
        until(lambda: room.state == "bound" and len(FX.StreamGraphSnapshot() | run) == 6)
        FX.StopActor(actor=room.handle) | run
        assert [b["target"] for b in FX.StreamGraphSnapshot() | run] == [bystander.subscription]
        assert FX.ListTimers() | run == []
        assert FX.QueryLog(level="warning") | run == []

    def test_a_binding_that_ended_before_its_actor_causes_no_error(self, until):
        source = ET.Topic(generate_uid())

        def handler(msg, state):
            if msg == "bind":
                done = FX.SubscribeFX(topic=source, op=lambda m: None) | run
                return [[], [done.subscription, FX.StartTimer(interval=60, target=source, content=1) | run]]
            FX.Unsubscribe(subscription=state[0]) | run
            FX.StopTimer(timer=state[1]) | run
            return [[], "let go"]

        room = Room(handler=handler)
        room.say("bind", "let go")
        until(lambda: room.state == "let go")
        assert [b["kind"] for b in FX.StreamGraphSnapshot() | run] == ["actor"]
        FX.StopActor(actor=room.handle) | run
        assert FX.QueryLog(level="warning") | run == []

    def test_stopping_during_a_handler_drops_its_result_and_waiting_messages(self, outbox, until):
        topic, heard = outbox
        begun, go = threading.Event(), threading.Event()
        calls = []

        def handler(msg, state):
            calls.append(msg)
            begun.set()
            go.wait(20)
            return [[FX.Publish(target=topic, content="ghost")], state]

        room = Room(handler=handler)
        room.say(1, 2, 3)
        assert begun.wait(20)
        FX.StopActor(actor=room.handle) | run
        go.set()
        until(lambda: default_runtime().handler_threads.is_idle)
        FX.Publish(target=topic, content="end") | run
        until(lambda: heard)
        assert (heard, calls) == (["end"], [1])

    def test_a_handler_that_fails_after_its_actor_was_stopped_is_in_the_journal(self, until):
        begun, go = threading.Event(), threading.Event()

        def late(msg, state):
            begun.set()
            go.wait(20)
            raise ValueError("late")

        room = Room(handler=late)
        room.say(1)
        assert begun.wait(20)
        FX.StopActor(actor=room.handle) | run
        go.set()
        until(lambda: room.log)
        assert "late" in room.log[0]["message"]

    def test_stopping_during_an_async_handler_cancels_it(self, until):
        story = []

        async def handler(msg, state):
            story.append("begun")
            try:
                await asyncio.sleep(60)
            finally:
                story.append("ended")
            return [[], state]

        room = Room(handler=handler)
        room.say(1, 2)
        until(lambda: story == ["begun"])
        FX.StopActor(actor=room.handle) | run
        until(lambda: story == ["begun", "ended"])
        assert FX.QueryLog(level="warning") | run == []

    def test_an_async_handler_that_has_not_begun_is_closed_without_a_warning(self, recwarn):
        """The message and the end arrive in one iteration of the loop, so that the task has no first step."""

        async def handler(msg, state):
            return [[], state]

        room = Room(handler=handler)
        [FX.Publish(target=room.handle.input, content=1), FX.StopActor(actor=room.handle)] | run
        gc.collect()
        assert [str(warning.message) for warning in recwarn] == []

    def test_an_async_handler_can_await_the_end_of_its_own_actor(self, until):
        story = []

        async def handler(msg, state, context):
            await FX.StopActor(actor=context.actor)
            await asyncio.sleep(0)
            story.append("not cancelled")
            return [[], state]

        room = Room(handler=handler)
        room.say(1, 2)
        until(lambda: story)
        assert story == ["not cancelled"]
        assert FX.ListActors() | run == []
