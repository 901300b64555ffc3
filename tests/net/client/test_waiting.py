"""A first attempt that waits for a server which is only starting."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.net.client.outsider import Until, certified, fails_to_connect, publish, talk_to
from tests.ports import free_port
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect


def test_it_connects_when_the_server_starts_to_listen(outsider: Any, until: Until) -> None:
    port = free_port()
    servers: list[Any] = []
    timer = threading.Timer(0.5, lambda: servers.append(outsider(port=port)))
    timer.start()
    _, _, outbox, _ = talk_to(f"ws://127.0.0.1:{port}/ws", wait=30)
    publish(outbox, "at last")
    # The client may be connected before the thread has the server.
    until(lambda: [server.received for server in servers] == [["at last"]])


def test_it_connects_when_the_proxy_reaches_the_server(outsider: Any) -> None:
    asked: list[Request] = []

    def decide(connection: ServerConnection, request: Request) -> Response | None:
        asked.append(request)
        return connection.respond(503, "starting\n") if len(asked) < 3 else None

    talk_to(outsider(process_request=decide), wait=30)
    assert len(asked) == 3


def test_it_raises_when_the_time_is_over() -> None:
    began = time.monotonic()
    reason = fails_to_connect(url=f"ws://127.0.0.1:{free_port()}/ws", wait=1)
    assert reason.endswith("connection refused: nothing listens there; the client tried for 1 s")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_error_that_no_later_attempt_can_change_raises_at_once(outsider: Any, status: int) -> None:
    asked: list[Request] = []

    def refuse(connection: ServerConnection, request: Request) -> Response:
        asked.append(request)
        return connection.respond(status, "")

    assert f"HTTP {status}" in fails_to_connect(url=outsider(process_request=refuse).url, wait=60)
    assert len(asked) == 1


def test_a_wrong_certificate_raises_at_once(outsider: Any, authority: trustme.CA) -> None:
    server = outsider(tls=certified(authority))
    assert "certificate verify failed" in fails_to_connect(url=server.url, wait=60)


@pytest.mark.parametrize("wait", [-1, -0.001, 86_401, float("inf"), float("nan")])
def test_an_invalid_time_raises(wait: float) -> None:
    with pytest.raises(InvalidEffect) as raised:
        FX.StartWebSocketClient(url="ws://host/ws", in_stream_into=[ET.Topic("in")], wait=wait) | run
    assert [fault.field for fault in raised.value.faults] == ["wait"]
