"""The results of handlers: each belongs to its message, for every kind of handler."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.recording.conftest import stop
from tests.recording.test_clients import the_server
from zefnb import ET, FX, run, zef_function
from zefnb.engine.actor import Actor
from zefnb.engine.behaviour import Rules
from zefnb.recording import actor_results


@zef_function
def plain(message: Any, state: Any) -> Any:
    return answer_to(message, state)


@zef_function(inline=True)
def inline(message: Any, state: Any) -> Any:
    return answer_to(message, state)


@zef_function
async def awaited(message: Any, state: Any) -> Any:
    await asyncio.sleep(0)
    return answer_to(message, state)


def answer_to(message: Any, state: Any) -> Any:
    if message == "raise":
        raise ValueError("no")
    if message == "wrong":
        return "not a result"
    if isinstance(message, str):
        return [[FX.Publish(target=ET.Topic("out"), content=f"{message}!")], [*state, message]]
    return [[], state]


@pytest.mark.parametrize("handler", [plain, inline, awaited], ids=["plain", "inline", "async"])
def test_each_message_has_its_result(serve, record, connect, until, handler):
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=[], handler=handler))})
    tape = record(server=server)
    texts = [*(f"message {n}" for n in range(50)), "raise", "wrong", "last"]
    with connect(server) as client:
        for text in texts:
            client.send(text)
    until(lambda: len(tape) == 55 and tape.outcome(54) is not None)
    stop(tape)
    outcomes = [tape.outcome(index) for index in range(1, 54)]
    assert [o.error and o.error.split(":")[0] for o in outcomes] == [*[None] * 50, "ValueError", "InvalidResult", None]
    assert [o.effects[0].content for o in outcomes if o.effects] == [f"message {n}!" for n in range(50)] + ["last!"]
    assert outcomes[49].state == texts[:50] == outcomes[51].state
    assert outcomes[52].state == [*texts[:50], "last"]


def test_messages_of_others_to_the_actor_are_steps_and_not_rows(serve, record, connect, until):
    inputs: list[Any] = []

    @zef_function
    def remember(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            inputs.append(message.topic_in)
            return [[], state]
        return [[], [*state, message]] if isinstance(message, str) else [[], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=[], handler=remember))})
    tape = record(server=server)
    with connect(server) as client:
        until(lambda: inputs)
        FX.Publish(target=inputs[0], content="from another") | run
        until(lambda: len(list(tape.steps(tape.connections()[0].number))) == 2)
        client.send("from the client")
    until(lambda: len(tape) == 3 and tape.outcome(2) is not None)
    stop(tape)
    (connection,) = tape.connections()
    steps = list(tape.steps(connection.number))
    assert [step.row for step in steps] == [0, None, 1, 2]
    assert [step.message for step in steps[1:3]] == ["from another", "from the client"]
    assert steps[-1].outcome.state == ["from another", "from the client"]


def test_a_connection_from_before_has_the_state_before_its_first_step(serve, record, connect, until):
    actor = FX.StartActor(initial_state=[], handler=plain)
    server = serve({"/ws": ET.WebSocket(actor=actor)})
    seen: list[Any] = []
    FX.SubscribeFX(topic=ET.Topic("out"), op=seen.append) | run
    client = connect(server)
    client.send("before")
    until(lambda: seen == ["before!"])
    tape = record(server=server)
    client.send("during")
    until(lambda: len(tape) == 1 and tape.outcome(0) is not None)
    stop(tape)
    (connection,) = tape.connections()
    assert connection.state == ["before"]
    assert tape.outcome(0).state == ["before", "during"]
    client.send("after")
    until(lambda: seen[-1] == "after!")
    assert len(tape) == 1


def test_a_recording_leaves_an_actor_as_it_was(serve, record, connect, until):
    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=[], handler=plain))})
    client = connect(server)
    tapes = [record(server=server), record(server=server)]
    client.send("hello")
    for tape in tapes:
        until(lambda tape=tape: tape.outcome(len(tape) - 1) is not None if len(tape) else False)
        stop(tape)
    (connection,) = the_server(server).clients()
    assert type(connection.actor) is Actor
    assert type(connection.actor.behaviour) is Rules
    assert connection.on_message == connection.actor.deliver
    assert connection.on_message.__func__ is Actor.deliver


def test_a_state_that_is_too_large_is_not_recorded(serve, record, connect, until, monkeypatch):
    monkeypatch.setattr(actor_results, "MOST_BYTES", 1_000)

    def grow(message: Any, state: Any) -> Any:
        return [[], ["x" * 5_000 if message == "large" else "small"]]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=[], handler=grow))})
    tape = record(server=server)
    with connect(server) as client:
        client.send("large")
        client.send("small")
    until(lambda: len(tape) == 4 and tape.outcome(3) is not None)
    stop(tape)
    assert [tape.outcome(index) is None for index in range(4)] == [False, True, False, False]
