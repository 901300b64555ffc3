"""The effects on HTTP servers: results and errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from zefnb import ET, FX, Time, generate_uid, run
from zefnb.errors import InvalidEffect, NotRunning, WouldBlock


def start(**options: Any) -> Any:
    return FX.StartHTTPServer(**{"routes": {"/": "hello"}, "port": 0, **options}) | run


def test_a_started_server_is_a_handle_with_its_port():
    server = start()
    assert isinstance(server, ET.HTTPServer)
    assert server.port > 0
    assert repr(server).startswith("ET.HTTPServer('🍃-")
    assert eval(repr(server), {"ET": ET}) == server


def test_the_active_servers_are_listed_with_the_keys_users_know():
    assert (FX.QueryAllActiveHTTPServers() | run) == []
    one, two = start(), start(allow_restart=True, allow_external_requests=True)
    assert (FX.QueryAllActiveHTTPServers() | run) == [
        {"server": one, "port": one.port, "allow_external_requests": False, "allow_restart": False, "version": 1},
        {"server": two, "port": two.port, "allow_external_requests": True, "allow_restart": True, "version": 1},
    ]
    FX.StopHTTPServer(server=one) | run
    assert [row["server"] for row in FX.QueryAllActiveHTTPServers() | run] == [two]


def test_a_query_of_one_server_returns_more_details():
    topic = ET.Topic(generate_uid())
    server = start(routes={"/": "x", ("POST", "/"): "y", "/ws": ET.WebSocket(clients_subscribe_to=[topic])})
    described = FX.QueryHTTPServer(server=server) | run
    assert isinstance(described.pop("started"), Time)
    assert described == {
        "server": server,
        "port": server.port,
        "allow_external_requests": False,
        "allow_restart": False,
        "version": 1,
        "route_count": 3,
        "routes": ["/", ("POST", "/"), "/ws"],
        "websocket_routes": ["/ws"],
        "client_count": 0,
        "secure": False,
        "refused": 0,
    }


def test_changing_routes_returns_the_changes():
    server = start()
    change = [ET.InsertIn(path=["routes", "/a"], value="a"), ET.InsertIn(path=["routes", "/"], value="b")]
    answer = FX.UpdateRunningHTTPServer(server=server, delta=change) | run
    assert answer == {
        "server": server,
        "old_version": 1,
        "new_version": 2,
        "routes_added": ["/a"],
        "routes_updated": ["/"],
        "routes_removed": [],
    }
    change = [ET.RemoveIn(path=("routes", "/a"))]
    answer = FX.UpdateRunningHTTPServer(server=server, delta=change, expected_version=2) | run
    assert (answer["new_version"], answer["routes_removed"]) == (3, ["/a"])


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        (ET.InsertIn(path=5, value="x"), "delta[0]", "ET.InsertIn"),
        (ET.InsertIn(path=["routes", 5], value="x"), "delta[0].path", "'/path'"),
        (ET.Other(path=["routes", "/"]), "delta[0]", "ET.RemoveIn"),
        (ET.InsertIn(value="x"), "delta[0]", "ET.InsertIn"),
        (ET.InsertIn(path=["ports", "/"], value="x"), "delta[0].path", "['routes', '/path']"),
        (ET.InsertIn(path=["routes"], value="x"), "delta[0].path", "['routes', '/path']"),
        (ET.InsertIn(path=["routes", "/"]), "delta[0].value", "missing"),
        (ET.RemoveIn(path=["routes", "/no"]), "delta[0].path", "there is no route '/no'"),
        (ET.InsertIn(path=["routes", "no-slash"], value="x"), "routes['no-slash']", "write '/no-slash'"),
        (ET.InsertIn(path=["routes", {}], value="x"), "delta[0].path", "['routes', '/path']"),
    ],
    ids=str,
)
def test_a_change_that_cannot_be_names_its_place(change: Any, field: str, text: str):
    server = start()
    with pytest.raises(InvalidEffect) as caught:
        FX.UpdateRunningHTTPServer(server=server, delta=[change]) | run
    (fault,) = caught.value.faults
    assert fault.field == field
    assert text in str(fault)


def test_every_effect_raises_for_a_stopped_server():
    server = start()
    assert (FX.StopHTTPServer(server=server) | run) == ET.Success()
    for effect in (
        FX.StopHTTPServer(server=server),
        FX.QueryHTTPServer(server=server),
        FX.UpdateRunningHTTPServer(server=server, delta=[]),
        FX.QueryAllWebsocketEndpoints(http_server=server),
        FX.QueryAllConnectedWebsocketClients(http_server=server),
        FX.CloseWebSocketConnection(http_server=server, channel_id=0),
    ):
        with pytest.raises(NotRunning, match="has been stopped"):
            effect | run


def test_a_value_that_is_not_a_server_raises_when_the_effect_is_built():
    for given in (5, "server", ET.Topic("t"), None):
        with pytest.raises(InvalidEffect, match="server: got"):
            FX.StopHTTPServer(server=given)
    with pytest.raises(InvalidEffect, match=r"prot: unknown field.*did you mean 'port'"):
        FX.StartHTTPServer(routes={}, prot=8000)
    with pytest.raises(InvalidEffect, match="routes: missing"):
        FX.StartHTTPServer() | run


def test_a_server_without_routes_sends_404_and_accepts_new_routes():
    server = start(routes={})
    FX.UpdateRunningHTTPServer(server=server, delta=[ET.InsertIn(path=["routes", "/"], value="x")]) | run
    assert (FX.QueryHTTPServer(server=server) | run)["route_count"] == 1


def test_servers_start_and_stop_inside_an_existing_event_loop():
    async def elsewhere() -> Any:
        server = await FX.StartHTTPServer(routes={"/": "hello"}, port=0)
        rows = await FX.QueryAllActiveHTTPServers()
        await FX.StopHTTPServer(server=server)
        return server, rows

    server, rows = asyncio.run(elsewhere())
    assert [row["server"] for row in rows] == [server]
    assert (FX.QueryAllActiveHTTPServers() | run) == []


def test_starting_from_the_loop_itself_raises_and_advises_to_return_the_effect():
    from tests.net.conftest import on_loop

    with pytest.raises(WouldBlock, match=r"FX\.StartHTTPServer: it takes time"):
        on_loop(lambda: FX.StartHTTPServer(routes={"/": "x"}, port=0) | run)
