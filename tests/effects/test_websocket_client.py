"""The effects on outward clients: their fields, results and help."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from zefnb import ET, FX, Time, run
from zefnb.errors import InvalidEffect, NotRunning


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@pytest.fixture
def url() -> Iterator[str]:
    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws"
        for client in FX.ListWebSocketClients() | run:
            FX.StopWebSocketClient(client=client) | run
        server.shutdown()
        thread.join(20)


def test_it_returns_a_handle_that_lists_queries_and_stops_the_client(url: str) -> None:
    inbox = ET.Topic("in")
    one, two = ([FX.StartWebSocketClient(url=url, in_stream_into=[inbox])] * 2) | start_all
    assert isinstance(one, ET.WebSocketClient)
    assert (FX.ListWebSocketClients() | run) == [one, two]
    assert (FX.StopWebSocketClient(client=one) | run) == ET.Success()
    assert (FX.ListWebSocketClients() | run) == [two]
    with pytest.raises(NotRunning):
        FX.QueryWebSocketClient(client=one) | run


class StartAll:
    def __ror__(self, effects: list[Any]) -> list[Any]:
        return [effect | run for effect in effects]


start_all = StartAll()


def test_a_query_returns_the_counts_of_the_client(url: str, until: Callable[..., Any]) -> None:
    inbox, outbox = ET.Topic("in"), ET.Topic("out")
    client = FX.StartWebSocketClient(url=url + "?token=hush", in_stream_into=[inbox], out_stream_from=[outbox]) | run
    FX.Publish(target=outbox, content="hello") | run
    until(lambda: (FX.QueryWebSocketClient(client=client) | run)["received"] == 1)
    row = FX.QueryWebSocketClient(client=client) | run
    since = row.pop("since")
    assert isinstance(since, Time)
    assert row == {
        "client": client,
        "url": url,
        "state": "connected",
        "sent": 1,
        "received": 1,
        "queued": 0,
        "dropped": 0,
        "missed": 0,
        "attempts": 0,
    }


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": b"ws://h"}, "url"),
        ({"url": "ws://h", "port": "80"}, "port"),
        ({"url": "ws://h", "topics": []}, "topics"),
    ],
)
def test_invalid_fields_raise_when_the_effect_is_built(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEffect) as raised:
        FX.StartWebSocketClient(**fields)
    assert [fault.field for fault in raised.value.faults] == [field]


def test_a_url_is_needed_to_start_and_a_handle_to_stop() -> None:
    with pytest.raises(InvalidEffect, match="url: missing"):
        FX.StartWebSocketClient(in_stream_into=[ET.Topic("in")]) | run
    with pytest.raises(InvalidEffect, match="client: missing"):
        FX.StopWebSocketClient() | run


def test_a_handler_can_return_the_effect_that_starts_a_client(url: str, until: Callable[..., Any]) -> None:
    inbox = ET.Topic("in")

    def handler(message: Any, state: Any) -> list[Any]:
        return [[FX.StartWebSocketClient(url=url, in_stream_into=[inbox])], state]

    actor = FX.StartActor(initial_state=0, handler=handler) | run
    FX.Publish(target=actor.input, content="connect") | run
    until(lambda: len(FX.ListWebSocketClients() | run) == 1)
