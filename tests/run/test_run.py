"""`run` and `await`: from scripts, threads, other loops and handlers."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading

import pytest

from zefnb import ET, FX, collect, generate_uid, insert_into, run, zef_function
from zefnb.core.effect import DEFAULT_REGISTRY, effect
from zefnb.errors import InvalidEffect, NotRunning, WouldBlock


def echo_routes():
    topic = ET.Topic(generate_uid())
    return {"/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])}


def test_when_run_returns_the_action_is_done(connect):
    server = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    client = connect(server)
    client.send("hi")
    assert client.recv(20) == "hi"
    FX.StopHTTPServer(server=server) | run
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.port))


def test_a_list_of_effects_is_performed_in_order_and_returns_a_list():
    answers = [FX.Log(content="a"), FX.Log(content="b"), FX.QueryLog(limit=2)] | run
    assert answers[:2] == [ET.Success(), ET.Success()]
    assert [entry["message"] for entry in answers[2]] == ["b", "a"]
    assert ([] | run) == []


def test_a_list_stops_at_its_first_failure_and_raises_it():
    effects = [FX.Log(content="before"), FX.StopTimer(timer=ET.Timer(generate_uid())), FX.Log(content="after")]
    with pytest.raises(NotRunning):
        effects | run
    assert [entry["message"] for entry in FX.QueryLog() | run] == ["before"]


def test_a_list_can_contain_effects_that_take_time(nap):
    assert [FX.Log(content=1), FX.Nap(seconds=0), FX.Log(content=2), FX.Nap(seconds=0)] | run == [
        ET.Success(),
        "rested",
        ET.Success(),
        "rested",
    ]


def test_a_chain_that_makes_an_effect_ends_with_run():
    message = "hi"
    assert message | insert_into(FX.Log(), "content") | run == ET.Success()
    assert message | insert_into(FX.Log(), "content") | collect == FX.Log(content="hi")


def test_fifty_threads_run_at_once_and_each_gets_its_own_result():
    answers = {}

    def work(n):
        actor = FX.StartActor(initial_state=n, handler=lambda m, s: [[], s]) | run
        answers[n] = (FX.QueryActorState(actor=actor) | run)[actor]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == {n: n for n in range(50)}


def test_await_works_in_an_existing_event_loop_without_blocking_it(nap):
    async def main():
        beats = 0

        async def beat():
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.001)

        beating = asyncio.create_task(beat())
        resting = asyncio.create_task(_awaited(FX.Nap(seconds=60)))
        while nap != ["begun"] or beats < 10:
            await asyncio.sleep(0.001)
        resting.cancel()
        answer = await FX.Nap(seconds=0.01)
        assert (await FX.Publish(target=ET.Topic("t"), content=1)) == ET.Success()
        with pytest.raises(NotRunning):
            await FX.StopTimer(timer=ET.Timer(generate_uid()))
        with pytest.raises(InvalidEffect):
            await FX.Publish(content=1)
        both = await asyncio.gather(FX.Nap(seconds=0), FX.Log(content="x"))
        beating.cancel()
        return answer, both

    answer, both = asyncio.run(asyncio.wait_for(main(), 30))
    assert (answer, both) == ("rested", ["rested", ET.Success()])


def test_a_cancelled_await_cancels_its_effect(nap, until):
    async def main():
        task = asyncio.create_task(_awaited(FX.Nap(seconds=60)))
        while nap != ["begun"]:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    until(lambda: nap == ["begun", "cancelled"])


async def _awaited(effect_):
    return await effect_


def test_an_awaiting_loop_that_has_ended_does_no_harm(until):
    """The other loop is closed before its effect, which takes its time to be cancelled, is done."""
    story, may_end = [], threading.Event()

    @effect("Linger")
    async def linger(runtime) -> None:
        """Go on for a while when cancelled."""
        try:
            story.append("begun")
            await asyncio.sleep(60)
        finally:
            await asyncio.to_thread(may_end.wait, 20)
            story.append("ended")

    try:
        loop = asyncio.new_event_loop()
        task = loop.create_task(_awaited(FX.Linger()))
        while not story:
            loop.run_until_complete(asyncio.sleep(0.01))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()
        assert story == ["begun"]
        may_end.set()
        until(lambda: story == ["begun", "ended"])
        assert FX.Log(content="a turn later") | run == ET.Success()
        assert FX.QueryLog(level="warning") | run == []
    finally:
        del DEFAULT_REGISTRY.specs["Linger"]


def test_an_incomplete_effect_raises_with_every_mistake_before_anything_happens():
    with pytest.raises(InvalidEffect) as caught:
        [FX.Log(content="first"), FX.StartTimer(interval=1)] | run
    assert [(fault.field, fault.problem) for fault in caught.value.faults] == [
        ("target", "missing"),
        ("content", "missing"),
    ]
    assert FX.QueryLog() | run == []


@pytest.mark.parametrize("wrong", [None, 5, "FX.Publish", [1], ET.Topic("t"), FX.Publish])
def test_run_on_a_value_that_is_no_effect_names_the_value(wrong):
    with pytest.raises(InvalidEffect, match=r"(?s)run: .*FX\.Something"):
        wrong | run


def test_a_run_with_a_wrong_argument_raises_a_clear_error():
    for rebound in (5, print, "run", None):
        with pytest.raises(InvalidEffect, match="from zefnb import run"):
            FX.Log(content="x") | rebound


def test_on_the_loop_quick_effects_are_performed_and_others_raise_with_advice(nap, until):
    answers = []

    @zef_function(inline=True)
    def handler(msg, state):
        answers.append(FX.Log(content="at once") | run)
        for slow in (FX.Nap(seconds=1), [FX.Log(content="not even this"), FX.Nap(seconds=1)]):
            try:
                slow | run
            except WouldBlock as error:
                answers.append(str(error))
        return [[], state]

    actor = FX.StartActor(initial_state=0, handler=handler) | run
    FX.Publish(target=actor.input, content=1) | run
    until(lambda: len(answers) == 3)
    assert answers[0] == ET.Success()
    assert all("FX.Nap" in text and "return it as an effect, or await it" in text for text in answers[1:])
    assert [entry["message"] for entry in FX.QueryLog() | run] == ["at once"]
    assert nap == []


def test_a_handler_in_its_thread_can_wait_even_for_its_own_actor(until):
    """A handler that stops its own actor, publishes to it or queries it does not hang."""
    answers = []

    def handler(msg, state, context):
        answers.append((FX.QueryActorState(actor=context.actor) | run)[context.actor])
        answers.append(FX.Publish(target=context.actor.input, content="more") | run)
        answers.append(FX.StopActor(actor=context.actor) | run)
        return [[], state]

    actor = FX.StartActor(initial_state="me", handler=handler) | run
    FX.Publish(target=actor.input, content=1) | run
    until(lambda: len(answers) == 3)
    assert answers == ["me", ET.Success(), ET.Success()]
    until(lambda: FX.ListActors() | run == [])


def test_a_connections_handler_can_stop_its_own_server(connect, until):
    done = []

    def handler(msg, state):
        if msg == "stop":
            done.append(FX.StopHTTPServer(server=state) | run)
        return [[], getattr(msg, "http_server", state)]

    actor = FX.StartActor(initial_state=None, handler=handler)
    server = FX.StartHTTPServer(routes={"/ws": ET.WebSocket(actor=actor)}, port=0) | run
    connect(server).send("stop")
    until(lambda: done == [ET.Success()], within=30)


def test_the_switch_interval_is_short_while_a_server_runs_and_restored_after():
    before = sys.getswitchinterval()
    first = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    second = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    FX.StopHTTPServer(server=first) | run
    assert sys.getswitchinterval() == pytest.approx(0.0005)
    FX.StopHTTPServer(server=second) | run
    assert sys.getswitchinterval() == pytest.approx(before)


def test_an_environment_variable_keeps_the_switch_interval(monkeypatch):
    monkeypatch.setenv("ZEFNB_SWITCH_INTERVAL", "keep")
    before = sys.getswitchinterval()
    FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    assert sys.getswitchinterval() == before


def test_nothing_is_printed(capfd, connect):
    server = FX.StartHTTPServer(routes=echo_routes(), port=0) | run
    client = connect(server)
    client.send("hi")
    assert client.recv(20) == "hi"
    with pytest.raises(NotRunning):
        FX.StopTimer(timer=ET.Timer(generate_uid())) | run
    FX.StopHTTPServer(server=server) | run
    assert capfd.readouterr() == ("", "")
