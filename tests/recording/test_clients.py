"""Recordings of clients: each message once and in order, and the beginnings and ends of connections."""

from __future__ import annotations

import gc
import json
import sys
import threading
from typing import Any

from tests.recording.conftest import contents, stop
from zefnb import ET, FX, run
from zefnb.core.types import ByteArray
from zefnb.engine.runtime import default_runtime
from zefnb.net.http.servers import Servers
from zefnb.net.websocket.taps import attach_tap, detach_tap


def on_loop(call: Any) -> Any:
    done, result = threading.Event(), []

    def do() -> None:
        result.append(call())
        done.set()

    default_runtime().call_queue.put(do)
    assert done.wait(20)
    return result[0]


def the_server(handle: Any) -> Any:
    return on_loop(lambda: default_runtime().service(Servers).find(handle))


def test_a_connection_and_its_messages_are_rows_in_order(chat, room, record, connect, until):
    tape = record(server=chat)
    with connect(chat) as client:
        for number in range(100):
            client.send(f"message {number}")
        client.send(b"\x00\xff")
    until(lambda: len(tape) == 103)
    assert [row.kind for row in tape] == ["connected", *["message"] * 101, "disconnected"]
    assert contents(tape) == [*(f"message {number}" for number in range(100)), b"\x00\xff"]
    assert type(tape[101].content) is ByteArray
    assert {(row.topic, row.channel_id, row.path, row.user) for row in tape} == {(room, 0, "/ws", None)}
    assert [row.time.ns for row in tape] == sorted(row.time.ns for row in tape)
    assert tape[-1].content.close_code == 1000


def test_a_recorded_text_takes_one_call_more(chat, record, connect):
    server = the_server(chat)

    def calls_for_a_text() -> int:
        (client,) = server.clients()
        client.on_message("warm")
        calls = []
        gc.disable()  # Hypothesis has functions that are called for each collection
        sys.setprofile(lambda frame, event, arg: calls.append(frame.f_code) if event == "call" else None)
        try:
            client.on_message("text")
        finally:
            sys.setprofile(None)
            gc.enable()
        return len(calls)

    with connect(chat):
        without = on_loop(calls_for_a_text)
        tape = record(server=chat)
        assert on_loop(calls_for_a_text) - without == 1
        assert contents(stop(tape)) == ["warm", "text"]


def test_many_clients_at_full_speed_are_recorded_once_each_and_in_the_order_of_the_topic(
    chat, room, record, connect, until
):
    received: list[str] = []
    FX.SubscribeFX(topic=room, op=received.append) | run
    tape = record(server=chat)
    clients = [connect(chat) for _ in range(10)]

    def send(number: int) -> None:
        for count in range(300):
            clients[number].send(f"{number} {count}")

    def read(client: Any) -> None:
        for _ in range(3_000):
            client.recv(timeout=60)

    threads = [threading.Thread(target=send, args=(n,)) for n in range(10)]
    threads += [threading.Thread(target=read, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: len(received) == 3_000)
    assert contents(tape) == received
    for number in range(10):
        mine = [row.content for row in tape if row.kind == "message" and row.channel_id == number]
        assert mine == [f"{number} {count}" for count in range(300)]


def test_a_client_that_was_connected_before_is_recorded_from_then_on(chat, record, connect, until):
    client = connect(chat)
    client.send("before")
    assert client.recv(timeout=20) == "before"
    tape = record(server=chat)
    client.send("during")
    assert client.recv(timeout=20) == "during"
    stop(tape)
    client.send("after")
    assert client.recv(timeout=20) == "after"
    assert contents(tape) == ["during"]
    assert [row.kind for row in tape] == ["message"]


def test_a_stopped_recording_leaves_nothing_at_the_server(chat, record, connect):
    client = connect(chat)
    server = the_server(chat)
    (connection,) = server.clients()
    before = connection.on_message.__code__
    tapes = [record(server=chat), record(server=chat)]
    client.send("hello")
    client.recv(timeout=20)
    for tape in tapes:
        assert contents(stop(tape)) == ["hello"]
    assert connection.on_message.__code__ is before
    assert server._connections._observers == []


def test_a_tap_and_a_recording_can_begin_and_end_in_any_order(chat, record, connect):
    client = connect(chat)
    (connection,) = the_server(chat).clients()
    before = connection.on_message.__code__

    def echo(text: str) -> None:
        client.send(text)
        assert client.recv(timeout=20) == text

    first = record(server=chat)
    tap = on_loop(lambda: attach_tap(connection))
    echo("both")
    stop(first)
    echo("tap")
    second = record(server=chat)
    echo("again")
    on_loop(lambda: detach_tap(tap))
    echo("recorded")
    stop(second)
    echo("none")
    assert (contents(first), contents(second)) == (["both"], ["again", "recorded"])
    assert [item["body"] for item in tap.since(0) if item["dir"] == "in"] == ["both", "tap", "again"]
    assert connection.on_message.__code__ is before


def test_rows_have_the_value_of_json_and_what_is_not_json_is_no_row(serve, room, record, connect, until):
    server = serve({"/ws": ET.WebSocket(clients_push_into_=[room], json=True)})
    tape = record(server=server)
    with connect(server) as client:
        client.send('{"a": [1, 2.5, null]}')
        client.send("no json")
    until(lambda: tape and tape[-1].kind == "disconnected")
    assert contents(tape) == [{"a": [1, 2.5, None]}]


def test_messages_that_a_route_ignores_are_rows(serve, room, record, connect, until):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[room])})
    tape = record(server=server)
    connect(server).send("ignored")
    until(lambda: contents(tape) == ["ignored"])
    assert tape[-1].topic is None


def test_a_route_that_is_added_or_replaced_is_recorded(chat, room, record, connect, until):
    tape = record(server=chat)
    old = connect(chat)
    route = ET.WebSocket(clients_push_into_=[room])
    FX.UpdateRunningHTTPServer(server=chat, delta=[ET.InsertIn(path=["routes", "/more"], value=route)]) | run
    connect(chat, "/more").send("new")
    old.send("old")
    until(lambda: sorted(contents(tape)) == ["new", "old"])


def test_the_end_of_the_server_ends_the_rows_and_keeps_the_tape(chat, record, connect, until):
    tape = record(server=chat)
    client = connect(chat)
    client.send("hello")
    client.recv(timeout=20)
    FX.StopHTTPServer(server=chat) | run
    until(lambda: not tape.is_running)
    assert [row.kind for row in tape] == ["connected", "message", "disconnected"]
    assert tape[-1].content.close_code == 1001


def test_a_client_with_a_session_is_one_connection(chat, room, record, until):
    tape = record(server=chat)
    client = FX.StartWebSocketClient(url=f"ws://127.0.0.1:{chat.port}/ws", out_stream_from=ET.Topic("up")) | run
    for number in range(5):
        FX.Publish(target=ET.Topic("up"), content=json.dumps(number)) | run
    until(lambda: contents(tape) == ["0", "1", "2", "3", "4"])
    FX.StopWebSocketClient(client=client) | run
    until(lambda: tape[-1].kind == "disconnected")
    assert [row.kind for row in tape].count("connected") == 1


def test_a_client_that_could_come_back_has_left_when_its_server_stops(chat, record, until):
    tape = record(server=chat)
    client = FX.StartWebSocketClient(url=f"ws://127.0.0.1:{chat.port}/ws", out_stream_from=ET.Topic("up")) | run
    FX.Publish(target=ET.Topic("up"), content="one") | run
    until(lambda: contents(tape) == ["one"])
    FX.StopHTTPServer(server=chat) | run
    until(lambda: not tape.is_running)
    FX.StopWebSocketClient(client=client) | run
    assert [row.kind for row in tape] == ["connected", "message", "disconnected"]
    assert (tape[2].channel_id, tape[2].path) == (tape[0].channel_id, "/ws")
