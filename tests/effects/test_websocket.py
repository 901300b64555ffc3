"""The effects on a server's WebSocket connections: listing and closing them."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from zefnb import ET, FX, Time, generate_uid, run, zef_function
from zefnb.errors import InvalidEffect, NotRunning


@zef_function(inline=True)
def quiet(message: Any, state: Any) -> Any:
    return [[], state]


@pytest.fixture
def server() -> Any:
    topic = ET.Topic(generate_uid())
    routes = {
        "/": "x",
        "/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic]),
        "/actor": ET.WebSocket(actor=FX.StartActor(initial_state=ET.Guest(), handler=quiet)),
        "/{room}/ws": ET.WebSocket(clients_subscribe_to=[topic]),
    }
    return FX.StartHTTPServer(routes=routes, port=0) | run


def rows(server: Any, **where: Any) -> Any:
    return FX.QueryAllConnectedWebsocketClients(http_server=server, **where) | run


def test_endpoints_are_listed_with_their_clients(server: Any, connect: Any):
    kept = [connect(server), connect(server, "/actor")]
    connect(server).close()
    assert len(kept) == 2
    endpoints = {row.pop("path"): row for row in FX.QueryAllWebsocketEndpoints(http_server=server) | run}
    assert endpoints == {
        "/ws": {"port": server.port, "mode": "topic", "clients": 1, "accepted": 2},
        "/actor": {"port": server.port, "mode": "actor", "clients": 1, "accepted": 1},
        "/{room}/ws": {"port": server.port, "mode": "topic", "clients": 0, "accepted": 0},
    }


def test_a_clients_row_has_every_key(server: Any, connect: Any, until: Any):
    before = Time.now()
    client = connect(server, "/ws?token=secret", origin=f"http://127.0.0.1:{server.port}")
    client.send("hello")
    assert client.recv(timeout=20) == "hello"
    (row,) = rows(server, path="/ws")
    connected = row.pop("connect_time")
    assert before <= connected <= Time.now()
    assert row == {
        "channel_id": 0,
        "client_ip": "127.0.0.1",
        "path": "/ws",
        "origin": f"http://127.0.0.1:{server.port}",
        "host": f"127.0.0.1:{server.port}",
        "actor": None,
        "sent": 1,
        "received": 1,
        "queued": 0,
        "dropped": 0,
        "ignored": 0,
        "round_trip": None,
    }


def test_an_actors_client_is_listed_with_its_actor(server: Any, connect: Any):
    connect(server, "/actor")
    (row,) = rows(server)
    assert isinstance(row["actor"], ET.Actor)
    assert row["origin"] is None
    assert (FX.QueryActorState(actor=row["actor"]) | run) == {row["actor"]: ET.Guest()}
    assert (FX.ListActors() | run) == [row["actor"]]


def test_clients_are_listed_by_channel_and_selected_by_path(server: Any, connect: Any, until: Any):
    kept = [connect(server, path) for path in ("/actor", "/ws", "/actor", "/blue/ws")]
    assert [row["channel_id"] for row in rows(server)] == [0, 1, 2, 3]
    assert [row["channel_id"] for row in rows(server, path="/actor/")] == [0, 2]
    assert [row["path"] for row in rows(server, path="/{room}/ws")] == ["/blue/ws"]
    with pytest.raises(InvalidEffect, match=r"there is no WebSocket route '/no'.*/ws, /actor"):
        rows(server, path="/no")
    kept[0].close()
    until(lambda: [row["channel_id"] for row in rows(server)] == [1, 2, 3])
    connect(server)
    assert [row["channel_id"] for row in rows(server)] == [1, 2, 3, 4], "a channel id is never used again"


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1011, 1013, 1014, 3000, 4999])
def test_a_client_is_closed_with_the_code_and_the_reason_given(server: Any, connect: Any, code: int):
    client = connect(server)
    answer = FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=code, reason="grüße") | run
    assert answer == ET.Success(channel_id=0)
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=20)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (code, "grüße")
    assert rows(server) == []


def test_a_client_is_closed_with_1000_by_default(server: Any, connect: Any):
    client = connect(server)
    FX.Publish(target=ET.Topic("nobody"), content="x") | run
    FX.CloseWebSocketConnection(http_server=server, channel_id=0) | run
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=20)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1000, "")


@pytest.mark.parametrize("code", [0, 999, 1002, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1])
def test_a_code_that_must_not_be_sent_raises(server: Any, connect: Any, code: int):
    connect(server)
    with pytest.raises(InvalidEffect, match=f"code: got {code}"):
        FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=code) | run
    assert len(rows(server)) == 1


def test_a_reason_that_is_too_long_raises_and_one_of_the_maximum_length_is_sent(server: Any, connect: Any):
    client = connect(server)
    with pytest.raises(InvalidEffect, match=r"code: got 7(.|\n)*reason: got 124 bytes"):
        FX.CloseWebSocketConnection(http_server=server, channel_id=0, code=7, reason="ü" * 62) | run
    FX.CloseWebSocketConnection(http_server=server, channel_id=0, reason="ü" * 61) | run
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=20)
    assert caught.value.rcvd.reason == "ü" * 61


def test_closing_a_client_that_is_not_connected_raises(server: Any, connect: Any):
    connect(server)
    with pytest.raises(NotRunning, match=r"no client 7 is connected to .*; connected: 0"):
        FX.CloseWebSocketConnection(http_server=server, channel_id=7) | run


def test_stopping_the_actor_of_a_connection_closes_it(server: Any, connect: Any):
    client = connect(server, "/actor")
    FX.StopActor(actor=rows(server)[0]["actor"]) | run
    with pytest.raises(ConnectionClosed) as caught:
        client.recv(timeout=20)
    assert caught.value.rcvd.code == 1000
    assert rows(server) == []
    assert (FX.StreamGraphSnapshot() | run) == []


def test_each_connection_has_its_own_actor_that_receives_all_details(connect: Any, until: Any):
    seen: list[Any] = []

    @zef_function(inline=True)
    def watch(message: Any, state: Any) -> Any:
        seen.append(message)
        return [[], state]

    route = ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=watch))
    server = FX.StartHTTPServer(routes={"/{room}/ws": route}, port=0) | run
    client = connect(server, "/blue/ws?name=Ada&empty=", origin="http://localhost")
    client.send("text")
    client.send(b"bytes")
    client.close(4000)
    until(lambda: len(seen) == 4)
    hello, text, data, goodbye = seen
    assert isinstance(hello, ET.WSClientConnected)
    assert (hello.client_ip, hello.path, hello.origin) == ("127.0.0.1", "/blue/ws", "http://localhost")
    assert (hello.http_server, hello.channel_id) == (server, 0)
    assert hello.query_params == {"name": "Ada", "empty": ""}
    assert hello.path_params == {"room": "blue"}
    assert isinstance(hello.topic_in, ET.Topic)
    assert isinstance(hello.topic_out, ET.Topic)
    assert hello.topic_in != hello.topic_out
    assert isinstance(hello.time, Time)
    assert (text, data) == ("text", b"bytes")
    assert isinstance(goodbye, ET.WSClientDisconnected)
    assert (goodbye.client_ip, goodbye.path, goodbye.origin) == ("127.0.0.1", "/blue/ws", "http://localhost")
    assert (goodbye.http_server, goodbye.channel_id, goodbye.close_code) == (server, 0, 4000)
    assert goodbye.time >= hello.time


def test_without_an_origin_header_the_origin_field_is_missing(connect: Any, until: Any):
    seen: list[Any] = []

    @zef_function(inline=True)
    def watch(message: Any, state: Any) -> Any:
        seen.append(message)
        return [[], state]

    route = ET.WebSocket(actor=FX.StartActor(initial_state=0, handler=watch))
    server = FX.StartHTTPServer(routes={"/ws": route}, port=0) | run
    connect(server).close()
    until(lambda: len(seen) == 2)
    assert [hasattr(each, "origin") for each in seen] == [False, False]
