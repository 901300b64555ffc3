"""An actor at the end of an outward connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.net.client.outsider import (
    Until,
    play,
    state_of,
    told,
)
from zefnb import ET, FX, String, Time, run
from zefnb.errors import NotRunning
from zefnb.net import keepalive
from zefnb.net.client.sender import Sender


def test_an_actor_receives_connected_then_messages_then_disconnected(outsider: Any, until: Until) -> None:
    server = outsider()
    client, notes = play(server)
    server.say("text", b"bytes")
    until(lambda: len(notes) == 3)
    FX.StopWebSocketClient(client=client) | run
    until(lambda: len(notes) == 4)
    connected, text, data, gone = (message for message, _ in notes)
    assert match(ET.WSServerConnected, connected)
    assert (connected.url, connected.client) == (server.url, client)
    assert isinstance(connected.time, Time)
    assert (text, data, type(data)) == ("text", b"bytes", bytes)
    assert match(ET.WSServerDisconnected, gone)
    assert (gone.url, gone.code) == (server.url, 1000)
    assert [count for _, count in notes] == [0, 1, 2, 3]
    until(lambda: (FX.ListActors() | run) == [])
    assert (FX.StreamGraphSnapshot() | run) == []


def match(pattern: Any, value: Any) -> bool:
    return isinstance(value, pattern)


def test_an_actor_sends_through_topic_out_and_receives_through_topic_in(outsider: Any, until: Until) -> None:
    server = outsider()
    topics: list[Any] = []

    def on_connected(message: Any, state: Any) -> list[Any]:
        topics.append(message.topic_in)
        return [[FX.Publish(target=message.topic_out, content="hello")], ET.Ready(out=message.topic_out)]

    def on_order(message: Any, state: Any) -> list[Any]:
        return [[FX.Publish(target=state.out, content=f"order {message.n}")], state]

    def on_text(message: Any, state: Any) -> list[Any]:
        return [[FX.Publish(target=state.out, content=f"you said {message}")], state]

    rules = {
        (ET.WSServerConnected, Any): on_connected,
        (ET.Order, ET.Ready): on_order,
        (String, ET.Ready): on_text,
    }
    FX.StartWebSocketClient(url=server.url, actor=FX.StartActor(initial_state=ET.Fresh(), rules=rules)) | run
    until(lambda: server.received == ["hello"])
    FX.Publish(target=topics[0], content=ET.Order(n=7)) | run
    until(lambda: server.received == ["hello", "order 7"])
    server.say("hi")
    until(lambda: server.received[-1] == "you said hi")


def test_an_actor_keeps_its_state_across_reconnections(outsider: Any, until: Until) -> None:
    server = outsider()
    _, notes = play(server)
    until(lambda: len(notes) == 1)
    actors = FX.ListActors() | run
    server.dismiss(4000, "later")
    until(lambda: len(notes) == 3)
    server.say("again")
    until(lambda: len(notes) == 4)
    kinds = [type(message).__name__ for message, _ in notes]
    assert kinds == ["WSServerConnected", "WSServerDisconnected", "WSServerConnected", "str"]
    lost, back = notes[1][0], notes[2][0]
    assert (lost.code, lost.reason) == (4000, "later")
    assert (back.topic_in, back.topic_out) == (notes[0][0].topic_in, notes[0][0].topic_out)
    assert [count for _, count in notes] == [0, 1, 2, 3]
    assert (FX.ListActors() | run) == actors


def test_an_actor_is_notified_when_its_connection_breaks(outsider: Any, until: Until) -> None:
    server = outsider()
    _, notes = play(server)
    server.cut()
    until(lambda: len(notes) >= 2)
    assert notes[1][0].code == 1006
    assert notes[1][0].reason


def test_stopping_a_client_without_connection_notifies_its_actor(outsider: Any, until: Until) -> None:
    server = outsider()
    client, notes = play(server)
    server.leave()
    # Stopped before it has been told of the disconnect, the actor would hear of the stop alone.
    until(lambda: len(notes) == 2)
    assert state_of(client) == "reconnecting"
    FX.StopWebSocketClient(client=client) | run
    until(lambda: len(notes) == 3)
    assert [message.code for message, _ in notes[1:]] == [1001, 1000]
    until(lambda: (FX.ListActors() | run) == [])


def test_a_client_ends_with_its_actor(outsider: Any, until: Until) -> None:
    server = outsider()
    client, notes = play(server)
    until(lambda: notes)
    [actor] = FX.ListActors() | run
    FX.StopActor(actor=actor) | run
    until(lambda: server.closes == [1000])
    assert (FX.ListWebSocketClients() | run) == []
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.StopWebSocketClient(client=client) | run


def test_an_actor_can_stop_its_own_client(outsider: Any, until: Until) -> None:
    server = outsider()
    seen: list[str] = []

    def handler(message: Any, state: Any) -> list[Any]:
        seen.append(type(message).__name__)
        if isinstance(message, ET.WSServerConnected):
            return [[], message]
        if message == "go":
            last = FX.Publish(target=state.topic_out, content="goodbye")
            return [[last, FX.StopWebSocketClient(client=state.client)], state]
        return [[], state]

    FX.StartWebSocketClient(url=server.url, actor=FX.StartActor(initial_state=None, handler=handler)) | run
    server.say("go")
    until(lambda: server.closes == [1000])
    assert server.received == ["goodbye"]
    until(lambda: seen == ["WSServerConnected", "str", "WSServerDisconnected"])
    until(lambda: (FX.ListActors() | run) == [])


def test_reading_pauses_while_an_actor_is_busy_and_nothing_is_lost(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 1.0)
    pongs: list[bool] = []
    answers = Sender._responds

    async def noted(self: Any) -> bool:
        pongs.append(await answers(self))
        return pongs[-1]

    monkeypatch.setattr(Sender, "_responds", noted)
    server = outsider()
    go, seen = threading.Event(), []  # type: ignore[var-annotated]

    def slow(message: Any, state: Any) -> list[Any]:
        if isinstance(message, str):
            go.wait(20)
            seen.append(message)
        return [[], state]

    client = FX.StartWebSocketClient(url=server.url, actor=FX.StartActor(initial_state=0, handler=slow)) | run
    messages = [f"{n} {'x' * 4_000}" for n in range(5_000)]
    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(server.say, *messages)
        # Nothing moves any more, not even after pings that nobody answers: the reader waits for room.
        received = until(lambda: stands_still(lambda: told(client)["received"]), within=30)
        assert received < 1_000
        # Only now: before, a busy machine may take longer for a pong, and the connection would be lost.
        monkeypatch.setattr(keepalive, "PING_TIMEOUT", 0.1)
        until(lambda: pongs[-1:] == [False])
        assert len(server.requests) == 1
        # From here on pongs come, behind 20 MB that a busy machine may take its time for.
        monkeypatch.setattr(keepalive, "PING_TIMEOUT", 20)
        go.set()
        spoken.result(60)
    until(lambda: len(seen) == len(messages), within=60)
    assert seen == messages
    assert len(server.requests) == 1


def stands_still(figure: Callable[[], int], for_seconds: float = 0.5) -> int:
    """The figure, when it is positive and does not change for that long; else 0."""
    before, deadline = figure(), time.monotonic() + for_seconds
    while time.monotonic() < deadline:
        if figure() != before:
            return 0
        time.sleep(0.02)
    return before
