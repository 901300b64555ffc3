"""Headers of the outward handshake, given once or by a function."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.net.client.outsider import Until, fails_to_connect, journal_text, state_of, talk_to
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect


def keys_sent(server: Any) -> list[str | None]:
    return [request.headers.get("X-Api-Key") for request in server.requests]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["plain", "async", "callable object", "lambda that returns a coroutine"])
def test_a_function_is_called_for_each_attempt(outsider: Any, until: Until, kind: str) -> None:
    calls: list[int] = []

    def plain() -> dict[str, str]:
        calls.append(threading.get_ident())
        return {"X-Api-Key": f"key {len(calls)}"}

    async def fetched() -> dict[str, str]:
        return plain()

    class Source:
        async def __call__(self) -> dict[str, str]:
            return plain()

    source = {
        "plain": plain,
        "async": fetched,
        "callable object": Source(),
        "lambda that returns a coroutine": lambda: fetched(),
    }[kind]
    server = outsider()
    client, *_ = talk_to(server, headers=source)
    server.cut()
    until(lambda: len(server.requests) == 2)
    until(lambda: state_of(client) == "connected")
    assert keys_sent(server) == ["key 1", "key 2"]


def test_a_plain_function_does_not_run_on_the_loop(outsider: Any) -> None:
    threads: list[str] = []

    def slow() -> list[tuple[str, str]]:
        threads.append(threading.current_thread().name)
        # Performed on the loop while this waits: it would never return if it ran there.
        FX.Publish(target=ET.Topic("elsewhere"), content=1) | run
        return [("X-Api-Key", "a")]

    server = outsider()
    talk_to(server, headers=slow)
    assert keys_sent(server) == ["a"]
    assert threads[0] != threading.current_thread().name


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (lambda: {}["API_KEY"], "the function for `headers` raised KeyError: 'API_KEY'"),
        (lambda: int("token=hush"), "raised ValueError"),
        (lambda: None, "returned headers that cannot be sent: got a NoneType"),
        (lambda: "X: y", "got a str"),
        (lambda: {"X-Api-Key": None}, "the value of X-Api-Key cannot be sent"),
        (lambda: {"X-Api-Key": "hush\r\nX: y"}, "the value of X-Api-Key cannot be sent"),
        (lambda: {"X-Api-Key": "hush \ud800"}, "the value of X-Api-Key cannot be sent"),
        (lambda: {"X Y": "hush"}, "a name is not valid for a header"),
        (lambda: [("a", "b", "hush")], "an item that is not a pair"),
    ],
)
def test_a_function_that_fails_is_named_without_its_secrets(outsider: Any, source: Any, reason: str) -> None:
    server = outsider()
    text = fails_to_connect(url=server.url, headers=source)
    assert reason in text
    assert "hush" not in text
    assert server.requests == []


@pytest.mark.usefixtures("quick")
def test_a_function_that_fails_later_is_tried_again(outsider: Any, until: Until) -> None:
    calls: list[int] = []

    def every_other() -> dict[str, str]:
        calls.append(1)
        return {"X-Api-Key": "a"} if len(calls) % 2 else {}["API_KEY"]

    server = outsider()
    client, *_ = talk_to(server, headers=every_other)
    server.cut()
    until(lambda: len(server.requests) == 2)
    until(lambda: state_of(client) == "connected")
    assert "the function for `headers` raised KeyError" in journal_text()


def test_a_function_that_needs_arguments_is_refused() -> None:
    with pytest.raises(InvalidEffect, match="cannot be called without arguments") as raised:
        FX.StartWebSocketClient(url="ws://host/ws", in_stream_into=[ET.Topic("in")], headers=lambda url: {}) | run
    assert [fault.field for fault in raised.value.faults] == ["headers"]


def test_a_401_response_leads_to_an_error_that_names_the_field_for_credentials(outsider: Any) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(401, "who are you?\n")

    reason = fails_to_connect(url=outsider(process_request=refuse).url)
    assert "HTTP 401 Unauthorized" in reason
    assert "`headers`" in reason


@pytest.mark.parametrize(("status", "reason"), [(401, "401 Unauthorized"), (404, "404 Not Found"), (599, "599")])
def test_the_status_of_a_server_of_http_1_0_is_named_as_well(status: int, reason: str) -> None:
    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Files) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        text = fails_to_connect(url=f"ws://127.0.0.1:{server.server_port}/")
        thread.join(20)
    assert f"the server returned HTTP {reason} instead of opening a WebSocket" in text
    assert ("`headers`" in text) == (status == 401)
