"""The server: its port, its lifecycle, its certificates, and routes that change under live connections."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.net.conftest import inside, journal, on_loop
from tests.net.wire import Frame, Wire, closing, frame, handshake
from tests.ports import free_port, is_free
from zefnb import ET, FX, generate_uid, run, zef_function
from zefnb.errors import InvalidEffect, NotRunning
from zefnb.net import keepalive
from zefnb.net.http import server as server_module
from zefnb.net.websocket import connection as connection_module

Raw = Callable[..., Wire]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_with_logging_the_journal_reports_connections_and_disconnections(
    serve: Any, topic: Any, connect: Any, until: Any
):
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])}, logging=True)
    with pytest.raises(InvalidStatus):
        connect(server, "/nowhere")
    connect(server).close()
    connect(server)
    told = until(lambda: len(entries := FX.QueryLog(server=server, level="info") | run) == 3 and entries)
    assert {(entry["message"], entry["path"]) for entry in told} == {
        ("client 0 connected", "/ws"),
        ("client 0 left", "/ws"),
        ("client 1 connected", "/ws"),
    }


# Stopping


def test_stopping_closes_all_clients_with_1001_and_frees_the_port(serve: Any, topic: Any, connect: Any, raw: Raw):
    server = serve({"/": "x", "/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    polite = [connect(server) for _ in range(20)]
    silent, idle, half = raw(server), raw(server, None), raw(server, None)
    idle.send(GET)
    idle.read_response()
    half.send(handshake()[:40])
    codes: list[Any] = []

    def listen(client: Any) -> None:
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=20)
        codes.append((caught.value.rcvd.code, caught.value.rcvd.reason))

    listeners = [threading.Thread(target=listen, args=(client,)) for client in polite]
    for thread in listeners:
        thread.start()
    started = time.monotonic()
    FX.StopHTTPServer(server=server) | run
    assert is_free(server.port)
    assert time.monotonic() - started < 8
    for thread in listeners:
        thread.join(20)
    assert codes == [(1001, "the server stops")] * 20
    assert silent.read_close().code == 1001
    assert idle.read_end() == b""
    for _ in range(2):
        with pytest.raises(NotRunning, match="has been stopped"):
            FX.StopHTTPServer(server=server) | run


def test_a_stop_returns_at_once_when_clients_reply_to_the_close(
    serve: Any, topic: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_module, "_STOP_TIMEOUT", 20.0)
    server = serve({"/": "x", "/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    wire, half = raw(server), raw(server, None)
    half.send(handshake()[:40])
    done = threading.Thread(target=lambda: FX.StopHTTPServer(server=server) | run)
    started = time.monotonic()
    done.start()
    assert wire.read_close().code == 1001
    wire.send(closing(1001))
    assert wire.read_end() == b""
    wire.close()
    done.join(15)
    assert time.monotonic() - started < 10


def test_a_stop_cuts_clients_that_do_not_reply_to_the_close(serve: Any, raw: Raw, until: Any):
    gate = threading.Event()

    @zef_function
    def blocks(request: Any) -> Any:
        gate.wait(20)
        return "too late"

    server = serve({"/": blocks})
    wire = raw(server, None)
    wire.send(GET)
    until(lambda: inside(server)._state.tasks)
    running = inside(server)
    started = time.monotonic()
    FX.StopHTTPServer(server=server) | run
    assert 0.8 < time.monotonic() - started < 8
    gate.set()
    assert wire.read_end() == b""
    until(lambda: not running._state.tasks)
    assert is_free(server.port)
    assert journal("warning") == []


def test_a_port_can_be_reused_at_once_many_times(serve: Any, topic: Any, raw: Raw):
    routes = {"/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])}
    port = free_port()  # no other program is given it between two of them
    for _ in range(10):
        server = serve(routes, port=port)
        wire = raw(server)
        wire.send(frame("x"))
        assert wire.read().payload == b"x"
        wire.close()
        FX.StopHTTPServer(server=server) | run


def test_a_handler_can_stop_its_own_server(serve: Any, raw: Raw, until: Any):
    left = threading.Event()

    @zef_function(inline=True)
    def stops(message: Any, state: Any) -> Any:
        if isinstance(message, ET.WSClientConnected):
            return [[], message.http_server]
        if isinstance(message, ET.WSClientDisconnected):
            left.set()
        return [[FX.StopHTTPServer(server=state)] if message == "stop" else [], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=stops))})
    talker, other = raw(server), raw(server)
    talker.send(frame("stop"))
    assert talker.read_close().code == 1001
    assert other.read_close().code == 1001
    talker.send(closing(1001))
    other.send(closing(1001))
    until(lambda: (FX.QueryAllActiveHTTPServers() | run) == [])
    until(lambda: is_free(server.port))
    assert left.wait(20)
    until(lambda: (FX.ListActors() | run) == [])
    assert journal("warning") == []


def test_an_http_handler_can_stop_its_own_server(serve: Any, raw: Raw, until: Any):
    @zef_function
    def stops(request: Any) -> Any:
        FX.StopHTTPServer(server=running[0]) | run
        return "stopped"

    running = [serve({"/": stops})]
    wire = raw(running[0], None)
    wire.send(GET)
    assert wire.read_end() == b""
    assert is_free(running[0].port)


def test_every_earlier_message_is_handled_before_the_goodbye(serve: Any, raw: Raw, until: Any):
    heard: list[str] = []
    gate = threading.Event()

    @zef_function
    def slow(message: Any, state: Any) -> Any:
        gate.wait(20)
        heard.append(message if isinstance(message, str) else type(message).__name__)
        return [[], state]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=slow))})
    wire = raw(server)
    wire.send(frame("a"), frame("b"))
    until(lambda: (FX.QueryAllConnectedWebsocketClients(http_server=server) | run)[0]["received"] == 2)
    FX.StopHTTPServer(server=server) | run
    gate.set()
    until(lambda: heard == ["WSClientConnected", "a", "b", "WSClientDisconnected"])


def test_a_stop_during_a_broadcast_leaves_nothing_behind(
    serve: Any, topic: Any, raw: Raw, monkeypatch: pytest.MonkeyPatch
):
    # A busy machine may take longer than a second to read what waits.
    monkeypatch.setattr(server_module, "_STOP_TIMEOUT", 20.0)
    monkeypatch.setattr(connection_module, "CLOSE_TIMEOUT", 20.0)
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    crowd = [raw(server) for _ in range(20)]
    stopping = threading.Event()

    def publish() -> None:
        while not stopping.is_set():
            FX.Publish(target=topic, content="x" * 1_000) | run

    publisher = threading.Thread(target=publish)
    publisher.start()
    for wire in crowd:
        assert wire.read().payload == b"x" * 1_000

    def leave(wire: Wire) -> tuple[list[Frame], Frame]:
        came = wire.read_until_close()
        wire.send(closing(1001))
        wire.close()
        return came

    with ThreadPoolExecutor(len(crowd)) as pool:
        reading = [pool.submit(leave, wire) for wire in crowd]
        FX.StopHTTPServer(server=server) | run
        stopping.set()
        publisher.join(20)
    for came, end in [each.result() for each in reading]:
        assert end.code == 1001
        assert all(each.payload == b"x" * 1_000 for each in came)
    assert (FX.StreamGraphSnapshot() | run) == []
    assert journal("warning") == []


def test_a_handle_of_another_process_raises():
    with pytest.raises(NotRunning, match="belongs to another process"):
        FX.StopHTTPServer(server=ET.HTTPServer(generate_uid(), port=8000)) | run


def test_the_switch_interval_is_restored_by_the_last_server(serve: Any):
    before = sys.getswitchinterval()
    one, two = serve({"/": "x"}), serve({"/": "x"})
    assert sys.getswitchinterval() < before
    FX.StopHTTPServer(server=one) | run
    assert sys.getswitchinterval() < before
    FX.StopHTTPServer(server=two) | run
    assert sys.getswitchinterval() == before


def test_a_program_that_ends_with_running_servers_exits_and_sends_1001(tmp_path: Path):
    program = (
        "import sys; from zefnb import *\n"
        "s = FX.StartHTTPServer(routes={'/ws': ET.WebSocket(clients_push_into_=[ET.Topic('t')])}, port=0) | run\n"
        "print(s.port, flush=True); sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        with Wire(int(child.stdout.readline())).open() as wire:
            child.stdin.write("\n")
            child.stdin.flush()
            assert wire.read_close().code == 1001
            wire.send(closing(1001))
            started = time.monotonic()
            assert child.wait(20) == 0
            assert time.monotonic() - started < 10


# Keeping alive


def test_a_ping_measures_the_round_trip(chat: Any, connect: Any, clients: Any, until: Any, monkeypatch: Any):
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 0.05)
    client = connect(chat)
    assert clients(chat, 1)[0]["round_trip"] is None
    trip = until(lambda: clients(chat)[0]["round_trip"])
    assert 0 < trip < 5
    client.send("still here")
    assert client.recv(timeout=20) == "still here"


def test_a_dead_peer_is_closed(chat: Any, raw: Raw, clients: Any, connect: Any, monkeypatch: Any):
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(keepalive, "PING_TIMEOUT", 1.5)
    dead, living = raw(chat), connect(chat)
    clients(chat, 2)
    clients(chat, 1)
    came, end = dead.read_until_close()
    assert [each.opcode for each in came] == [0x9]
    assert (end.code, end.reason) == (1011, "keepalive ping timeout")
    living.send("still here")
    assert living.recv(timeout=20) == "still here"


def test_a_client_that_is_not_read_for_a_while_counts_as_alive(serve: Any, raw: Raw, until: Any, monkeypatch: Any):
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 0.05)
    monkeypatch.setattr(keepalive, "PING_TIMEOUT", 0.3)
    gate = threading.Event()

    @zef_function
    def busy(message: Any, state: Any) -> Any:
        gate.wait(20)
        if message == "last":
            return [[FX.Publish(target=state, content="all read")], state]
        return [[], getattr(message, "topic_out", state)]

    server = serve({"/ws": ET.WebSocket(actor=FX.StartActor(initial_state=None, handler=busy))})
    wire = raw(server)
    wire.send(*(frame("x") for _ in range(1_000)))
    (client,) = on_loop(inside(server).clients)
    until(lambda: client._reading_paused)
    wire.send(frame("last"))
    time.sleep(2.5)  # longer than a dead peer would live: two ticks and its patience
    assert client.is_open
    gate.set()
    while (came := wire.read()).opcode == 0x9:
        pass
    assert came.payload == b"all read"


# Routes that change


def insert(key: Any, value: Any) -> Any:
    return ET.InsertIn(path=["routes", key], value=value)


def remove(key: Any) -> Any:
    return ET.RemoveIn(path=["routes", key])


def update(server: Any, *delta: Any, **options: Any) -> Any:
    return FX.UpdateRunningHTTPServer(server=server, delta=list(delta), **options) | run


def test_routes_change_while_clients_stay_connected(serve: Any, topic: Any, raw: Raw, clients: Any):
    server = serve(
        {"/": "old", "/gone": "x", "/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])}
    )
    page = f"http://127.0.0.1:{server.port}"
    stays = raw(server)
    answer = update(
        server, insert("/", "new"), insert("/more", "more"), remove("/gone"), insert(("POST", "/"), "posted")
    )
    assert answer == {
        "server": server,
        "old_version": 1,
        "new_version": 2,
        "routes_added": ["/more", ("POST", "/")],
        "routes_updated": ["/"],
        "routes_removed": ["/gone"],
    }
    assert [httpx.get(page + path).text for path in ("/", "/more")] == ["new", "more"]
    assert httpx.get(page + "/gone").status_code == 404
    assert httpx.post(page).text == "posted"
    newcomer = raw(server)
    stays.send(frame("hello"))
    assert stays.read().payload == newcomer.read().payload == b"hello"
    assert (FX.QueryAllWebsocketEndpoints(http_server=server) | run)[0]["accepted"] == 2


def test_a_replaced_websocket_route_serves_new_clients_and_existing_ones_stay(
    serve: Any, raw: Raw, clients: Any, until: Any
):
    old, new = ET.Topic(generate_uid()), ET.Topic(generate_uid())
    server = serve({"/ws": ET.WebSocket(clients_subscribe_to=[old])})
    veteran = raw(server)
    update(server, insert("/ws", ET.WebSocket(clients_subscribe_to=[new])))
    newcomer = raw(server)
    FX.Publish(target=old, content="for the old") | run
    FX.Publish(target=new, content="for the new") | run
    assert (veteran.read().payload, newcomer.read().payload) == (b"for the old", b"for the new")
    assert [row["channel_id"] for row in clients(server)] == [0, 1]
    update(server, remove("/ws"))
    assert [row["channel_id"] for row in clients(server)] == [0, 1]
    FX.Publish(target=new, content="still") | run
    assert newcomer.read().payload == b"still"
    wire = raw(server, None)
    wire.send(handshake())
    assert wire.read_response()[0] == 404
    FX.CloseWebSocketConnection(http_server=server, channel_id=0) | run
    assert veteran.read_close().code == 1000
    veteran.send(closing())
    newcomer.close()
    until(lambda: not inside(server)._connections)
    assert inside(server)._connections.retired == []
    assert (FX.StreamGraphSnapshot() | run) == []


def test_a_change_with_a_mistake_changes_nothing(serve: Any):
    server = serve({"/": "x"})
    with pytest.raises(InvalidEffect) as caught:
        update(
            server,
            insert("/y", "y"),
            remove("/no"),
            ET.Other(),
            ET.InsertIn(path=["routes", "/z"]),
            ET.RemoveIn(path=["port"]),
        )
    assert [fault.field for fault in caught.value.faults] == [
        "delta[1].path",
        "delta[2]",
        "delta[3].value",
        "delta[4].path",
    ]
    with pytest.raises(InvalidEffect, match=r"FX\.UpdateRunningHTTPServer.*slash"):
        update(server, insert("y", "y"))
    with pytest.raises(InvalidEffect, match="means the same"):
        update(server, insert(("GET", "/"), "y"))
    assert (FX.QueryHTTPServer(server=server) | run)["routes"] == ["/"]
    assert (FX.QueryHTTPServer(server=server) | run)["version"] == 1
    assert httpx.get(f"http://127.0.0.1:{server.port}/y").status_code == 404


def test_a_key_written_as_a_list_is_a_method_and_a_path(serve: Any):
    server = serve({"/": "x"})
    assert update(server, insert(["POST", "/"], "posted"))["routes_added"] == [("POST", "/")]
    assert httpx.post(f"http://127.0.0.1:{server.port}/").text == "posted"
    assert update(server, remove(["POST", "/"]))["routes_removed"] == [("POST", "/")]


def test_a_change_can_require_the_version_that_it_is_based_on(serve: Any):
    server = serve({"/": "x"})
    update(server, insert("/", "y"), expected_version=1)
    with pytest.raises(InvalidEffect, match="expected_version: got 1, the server is at version 2"):
        update(server, insert("/", "z"), expected_version=1)
    assert httpx.get(f"http://127.0.0.1:{server.port}/").text == "y"
