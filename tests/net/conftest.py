"""Fixtures of the network's tests: servers, plain sockets, and the connection inside the server."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.net.wire import Wire
from zefnb import ET, FX, generate_uid, run
from zefnb.engine.runtime import default_runtime
from zefnb.net import keepalive
from zefnb.net.http.servers import Servers


@pytest.fixture
def serve(clean: None) -> Callable[..., Any]:
    """`serve(routes)`: a server on a free port, stopped after the test."""
    return lambda routes, **options: FX.StartHTTPServer(routes=routes, **{"port": 0, **options}) | run


@pytest.fixture
def topic() -> Any:
    """A topic of this test alone."""
    return ET.Topic(generate_uid())


@pytest.fixture
def no_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is pinged, however long a busy machine takes for the test."""
    monkeypatch.setattr(keepalive, "PING_INTERVAL", 3_600.0)


@pytest.fixture
def chat(serve: Callable[..., Any], topic: Any) -> Any:
    """A server on which all clients at `/ws` receive each message."""
    return serve({"/ws": ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])})


@pytest.fixture
def raw() -> Iterator[Callable[..., Wire]]:
    """`raw(server)`: a plain socket after its handshake at `/ws`; with `path=None` one that has sent nothing."""
    with ExitStack() as stack:

        def to(
            server: Any,
            path: str | None = "/ws",
            receive_buffer: int | None = None,
            host: str = "127.0.0.1",
            **headers: str,
        ) -> Wire:
            wire = stack.enter_context(Wire(server.port, receive_buffer=receive_buffer, host=host))
            return wire if path is None else wire.open(path, **headers)

        yield to


@pytest.fixture
def clients(until: Callable[..., Any]) -> Callable[..., Any]:
    """`clients(server)`: the rows of the query; with a number, once there are that many."""

    def rows(server: Any, count: int | None = None) -> list[dict[str, Any]]:
        def connected() -> list[dict[str, Any]]:
            return FX.QueryAllConnectedWebsocketClients(http_server=server) | run

        if count is not None:
            until(lambda: len(connected()) == count)
        return connected()

    return rows


def journal(level: str = "info", **wanted: Any) -> list[dict[str, Any]]:
    """The journal's entries of at least that level, the newest first."""
    return FX.QueryLog(level=level, **wanted) | run


def said(text: str, level: str = "info") -> Callable[[], Any]:
    """A condition: the entry of the journal that contains `text`."""
    return lambda: next((entry for entry in journal(level) if text in entry["message"]), None)


def on_loop(call: Callable[[], Any]) -> Any:
    """Call something inside the server, where it lives."""

    async def there() -> Any:
        answer = call()
        return await answer if asyncio.iscoroutine(answer) else answer

    return asyncio.run_coroutine_threadsafe(there(), default_runtime().loop).result(20)


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """`peak()` returns the most bytes in use at once, here and in the server, minus those at the start."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def inside(server: Any) -> Any:
    """The running server of a handle."""
    return default_runtime().service(Servers).get(server)
