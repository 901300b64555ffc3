"""Actors: one message at a time, every shape of handler and answer, faults that change nothing."""

from __future__ import annotations

import asyncio
import functools
import threading
import time

import pytest

from zefnb import ET, FX, Any, F, Int, String, collect, generate_uid, insert_into, run, to_upper_case, zef_function
from zefnb.core.effect import DEFAULT_REGISTRY, effect
from zefnb.engine.runtime import default_runtime


class Room:
    """An actor and what reaches it: `say` publishes to its input, `state` asks for its state."""

    def __init__(self, **fields):
        self.handle = FX.StartActor(**{"initial_state": 0, **fields}) | run

    def say(self, *messages):
        for message in messages:
            FX.Publish(target=self.handle.input, content=message) | run

    @property
    def state(self):
        return (FX.QueryActorState(actor=self.handle) | run)[self.handle]

    @property
    def log(self):
        return FX.QueryLog(actor=self.handle) | run


@pytest.fixture
def outbox():
    """A topic, and a list of what was published to it."""
    topic, heard = ET.Topic(generate_uid()), []

    @zef_function(inline=True)
    def listen(msg, state):
        heard.append(msg)
        return [[], state]

    FX.StartActor(input=topic, initial_state=None, handler=listen) | run
    topic_and_heard = (topic, heard)
    return topic_and_heard


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
    def test_a_handler_of_each_shape_fits_in_each_place(self, shape, place, until):
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

    def test_the_first_rule_that_fits_takes_the_message(self, until):
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

    def test_a_predicate_that_raises_is_no_match_and_is_in_the_journal_once(self, until):
        room = Room(
            rules=[((lambda m: m > 5, Any), lambda m, s: [[], s + 100]), ((Any, Any), lambda m, s: [[], s + 1])]
        )
        room.say("text", "text", 6)
        until(lambda: room.state == 102)
        [entry] = FX.QueryLog(level="error") | run
        assert "predicate" in entry["message"]
        assert entry["count"] == 1


WRONG_ANSWERS = {
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


class TestFaults:
    @pytest.mark.parametrize("wrong", WRONG_ANSWERS)
    @pytest.mark.parametrize("kind", ["plain", "inline", "async"])
    def test_an_answer_in_the_wrong_shape_keeps_the_state_and_performs_nothing(self, wrong, kind, until):
        answer = WRONG_ANSWERS[wrong]

        def handler(msg, state):
            return [[], "fine"] if msg == "good" else answer(msg, state)

        async def handler_async(msg, state):
            return handler(msg, state)

        given = {"plain": handler, "inline": zef_function(inline=True)(handler), "async": handler_async}[kind]
        room = Room(initial_state="before", handler=given)
        room.say("bad")
        until(lambda: room.log)
        assert room.state == "before"
        [entry] = room.log
        assert entry["error"] == "BadAnswer"
        assert "allowed: " in entry["message"]
        room.say("good")
        until(lambda: room.state == "fine")
        assert [e for e in FX.QueryLog() | run if e["message"] == "x"] == []

    @pytest.mark.parametrize(
        "thrown", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit]
    )
    @pytest.mark.parametrize("kind", ["plain", "inline", "async"])
    def test_a_handler_that_raises_keeps_its_state_and_nobody_dies(self, kind, thrown, until):
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

    def test_a_message_that_no_rule_takes_is_counted_and_no_more(self, until):
        room = Room(initial_state=ET.Idle(), rules={(String, ET.Busy): lambda m, s: [[], s]})
        room.say("a", "b", "c", 1)
        until(lambda: sum(entry["count"] for entry in room.log) == 4)
        assert {entry["message"]: entry["count"] for entry in room.log} == {
            "no rule takes a str in state ET.Idle": 3,
            "no rule takes a int in state ET.Idle": 1,
        }
        assert {entry["level"] for entry in room.log} == {"info"}

    def test_an_exception_that_cannot_be_printed_is_a_fault_like_others(self, until):
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


class TestEffects:
    def test_they_are_performed_in_order_under_the_new_state(self, outbox, until):
        topic, heard = outbox

        def handler(msg, state):
            return [[FX.Publish(target=topic, content=n) for n in range(5)], state + 1]

        room = Room(handler=handler)
        room.say("go", "go")
        until(lambda: len(heard) == 10)
        assert heard == [*range(5)] * 2
        assert room.state == 2

    def test_one_that_fails_is_in_the_journal_and_the_rest_are_performed(self, outbox, until):
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
        assert sorted(entry["error"] for entry in room.log) == ["InvalidEffect", "NotRunning"]
        assert all("handler" in entry["handler"] for entry in room.log)

    def test_those_that_take_time_are_awaited_in_their_place(self, outbox, until):
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
        [entry] = room.log
        assert (entry["error"], entry["count"]) == ("NotRunning", 2)

    def test_a_cancelled_effect_does_not_leave_its_actor_stuck(self, until):
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


class TestTransform:
    def test_it_is_applied_to_each_message_before_the_rules(self, until):
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
    def test_one_that_raises_is_a_fault_and_the_actor_goes_on(self, transform, until):
        room = Room(input_transform=transform, handler=lambda m, s: [[], s + m])
        room.say({"x": 1}, {}, {"x": 2})
        until(lambda: room.state == 3)
        assert [entry["level"] for entry in room.log] == ["error"]


class TestWhereHandlersRun:
    def test_plain_ones_in_a_runner_thread_async_and_inline_ones_on_the_loop(self, until):
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

    def test_an_inline_handler_that_holds_the_loop_is_named_in_the_journal(self, until):
        @zef_function(inline=True)
        def sleepy(msg, state):
            time.sleep(0.08)
            return [[], state + 1]

        room = Room(handler=sleepy)
        room.say(1, 2)
        until(lambda: room.state == 2)
        [entry] = FX.QueryLog(level="warning") | run
        assert "sleepy" in entry["handler"]
        assert "held the loop" in entry["message"]
        assert entry["count"] == 2

    def test_a_slow_async_handler_delays_its_own_actor_only(self, until):
        done = []

        async def slow(msg, state):
            await asyncio.sleep(0.3)
            done.append(msg)
            return [[], state]

        slow_room, quick = Room(handler=slow), Room(handler=lambda m, s: (done.append(m), [[], s])[1])
        slow_room.say("slow 1", "slow 2")
        quick.say("quick")
        until(lambda: len(done) == 3)
        assert done == ["quick", "slow 1", "slow 2"]

    def test_handlers_know_whose_thread_they_are_in_only_for_their_own_time(self, until):
        """What one handler's thread binds belongs to its actor, and what the next binds to the next."""
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


class TestTheEndOfAnActor:
    def test_stopping_may_be_repeated_and_the_handle_says_so_afterwards(self):
        from zefnb.errors import NotRunning

        room = Room(handler=lambda m, s: [[], s])
        assert FX.StopActor(actor=room.handle) | run == ET.Success()
        assert FX.StopActor(actor=room.handle) | run == ET.Success()
        with pytest.raises(NotRunning, match="has been stopped"):
            _ = room.state
        assert FX.ListActors() | run == []
        assert FX.StreamGraphSnapshot() | run == []

    def test_it_may_stop_itself_and_the_effects_beside_that_are_performed(self, outbox, until):
        topic, heard = outbox

        def handler(msg, state, context):
            return [[FX.StopActor(actor=context.actor), FX.Publish(target=topic, content="goodbye")], state]

        room = Room(handler=handler)
        room.say("go", "too late")
        until(lambda: heard)
        assert heard == ["goodbye"]
        assert room.handle not in FX.ListActors() | run

    @pytest.mark.parametrize("how", ["as effects", "by run in its thread", "by await on the loop"])
    def test_what_it_has_bound_ends_with_it_however_it_was_bound(self, how, until):
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

    def test_what_has_ended_before_its_actor_is_no_trouble(self, until):
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

    def test_stopped_while_a_handler_is_under_way_it_drops_the_answer_and_what_waits(self, outbox, until):
        topic, heard = outbox
        begun, go = threading.Event(), threading.Event()
        calls = []

        def handler(msg, state):
            calls.append(msg)
            begun.set()
            go.wait(10)
            return [[FX.Publish(target=topic, content="ghost")], state]

        room = Room(handler=handler)
        room.say(1, 2, 3)
        assert begun.wait(5)
        FX.StopActor(actor=room.handle) | run
        go.set()
        until(lambda: default_runtime().runner.is_idle)
        FX.Publish(target=topic, content="end") | run
        until(lambda: heard)
        assert (heard, calls) == (["end"], [1])

    def test_a_handler_that_fails_after_its_actor_was_stopped_is_in_the_journal_all_the_same(self, until):
        begun, go = threading.Event(), threading.Event()

        def late(msg, state):
            begun.set()
            go.wait(10)
            raise ValueError("late")

        room = Room(handler=late)
        room.say(1)
        assert begun.wait(5)
        FX.StopActor(actor=room.handle) | run
        go.set()
        until(lambda: room.log)
        assert "late" in room.log[0]["message"]

    def test_stopped_while_an_async_handler_is_under_way_it_cancels_it(self, until):
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

    def test_an_async_handler_may_await_its_own_end(self, until):
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


class TestActorsOfConnections:
    def test_each_connection_has_a_fresh_actor_that_ends_with_it(self, connect, until):
        left = []

        def handler(msg, state):
            match msg:
                case ET.WSClientConnected():
                    return [[FX.SubscribeFX(topic=ET.Topic("news"), op=lambda m: None)], [msg.topic_out, 0]]
                case ET.WSClientDisconnected():
                    left.append((msg.channel_id, state[1]))
                    return [[], ET.Done()]
            out, count = state
            return [[FX.Publish(target=out, content=f"{count} before")], [out, count + 1]]

        actor = FX.StartActor(initial_state=None, handler=handler)
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
        ada, bob = connect(server), connect(server)
        ada.send("x"), ada.send("x"), bob.send("x")
        assert (ada.recv(5), ada.recv(5), bob.recv(5)) == ("0 before", "1 before", "0 before")
        assert len(FX.ListActors() | run) == 2
        ada.close()
        until(lambda: len(FX.ListActors() | run) == 1)
        assert [b["kind"] for b in FX.StreamGraphSnapshot() | run].count("subscription") == 1
        bob.close()
        until(lambda: FX.ListActors() | run == [])
        assert left == [(0, 2), (1, 1)]
        assert FX.StreamGraphSnapshot() | run == []

    def test_the_disconnect_is_handled_after_all_earlier_messages_also_when_the_server_stops(self, connect, until):
        seen = []

        def slow(msg, state):
            time.sleep(0.02)
            seen.append(msg if isinstance(msg, str) else type(msg).__name__)
            return [[], state]

        actor = FX.StartActor(initial_state=None, handler=slow)
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
        client = connect(server)
        for n in range(10):
            client.send(str(n))
        until(lambda: seen)
        until(lambda: (FX.QueryAllConnectedWebsocketClients(http_server=server) | run)[0]["received"] == 10)
        FX.StopHTTPServer(server=server) | run
        until(lambda: len(seen) == 12)
        assert seen == ["WSClientConnected", *map(str, range(10)), "WSClientDisconnected"]
        until(lambda: FX.ListActors() | run == [])

    def test_stopping_the_actor_closes_the_connection(self, connect, until):
        actor = FX.StartActor(initial_state=None, handler=lambda m, s: [[], s])
        server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
        client = connect(server)
        [handle] = until(lambda: FX.ListActors() | run)
        FX.StopActor(actor=handle) | run
        assert list(client) == []
        assert client.protocol.close_rcvd.code == 1000


def test_states_are_asked_for_one_several_or_all_and_transformed_where_code_runs(until):
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


def test_with_logging_every_message_is_noted():
    room = Room(handler=lambda m, s: [[], s], logging=True)
    room.say("hi")
    FX.QueryActorState(actor=room.handle) | run
    assert [entry["message"] for entry in room.log] == [f"{room.handle!r} takes 'hi' (str)"]


def test_several_actors_may_listen_to_one_topic(until):
    topic = ET.Topic(generate_uid())
    rooms = [Room(input=topic, handler=lambda m, s: [[], s + m]) for _ in range(3)]
    assert all(room.handle.input == topic for room in rooms)
    FX.Publish(target=topic, content=5) | run
    until(lambda: [room.state for room in rooms] == [5, 5, 5])


def test_a_handle_is_readable_and_its_input_is_a_field():
    room = Room(handler=lambda m, s: [[], s])
    assert repr(room.handle) == f"ET.Actor({room.handle._uid!r}, input={room.handle.input!r})"
    assert room.handle | F.input | collect == room.handle.input
