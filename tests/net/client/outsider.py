"""A foreign server, and its checks for tests of the outward client."""

from __future__ import annotations

import asyncio
import datetime
import gc
import ssl
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from tests.ports import free_port
from zefnb import ET, FX, generate_uid, run
from zefnb.engine.runtime import default_runtime
from zefnb.errors import ConnectionFailed

Until = Callable[..., Any]


class Outsider:
    """A foreign WebSocket server in its own thread and loop. It can stop and start again."""

    def __init__(self, tls: ssl.SSLContext | None = None, echo: bool = False, port: int = 0, **options: Any) -> None:
        self.received: list[str | bytes] = []
        self.requests: list[Request] = []
        self.closes: list[int | None] = []
        self.tls = tls
        self.port = port or free_port()  # the same one each time the server returns
        self._echo = echo
        self._decide = options.pop("process_request", lambda connection, request: None)
        self._options = options
        self._loop = asyncio.new_event_loop()
        # asyncio logs failed TLS handshakes, and a log record that pytest keeps would hold their sockets.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: Server | None = None
        self.come()

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}/ws"

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @property
    def connections(self) -> list[ServerConnection]:
        return list(self._server.connections) if self._server is not None else []

    def _asked(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        decision: Response | None = self._decide(connection, request)
        return decision

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            async for message in connection:
                self.received.append(message)
                if self._echo:
                    await connection.send(message)
        finally:
            await connection.wait_closed()
            self.closes.append(connection.close_code)

    def come(self) -> None:
        async def listen() -> None:
            options = {"compression": None, "ping_interval": None, "close_timeout": 0.5, **self._options}
            options["process_request"] = self._asked
            if self.tls is not None:
                # Whoever is in the middle of a handshake when the server leaves would be left hanging for a minute.
                options["ssl_handshake_timeout"] = 1.0
            self._server = await serve(self._handle, "127.0.0.1", self.port, ssl=self.tls, **options)

        self.do(listen())

    def say(self, *messages: str | bytes) -> None:
        async def say() -> None:
            for connection in self.connections:
                for message in messages:
                    await connection.send(message)

        self.do(say())

    def each(self, act: Callable[[ServerConnection], Any]) -> None:
        async def do() -> None:
            for connection in self.connections:
                act(connection)

        self.do(do())

    def dismiss(self, code: int = 1000, reason: str = "") -> None:
        """Close every connection, and stay."""

        async def close() -> None:
            for connection in self.connections:
                await connection.close(code, reason)

        self.do(close())

    def cut(self) -> None:
        """Break every connection without a word, and stay."""
        self.each(lambda connection: connection.transport.abort())

    def leave(self) -> None:
        """Close all connections with 1001 and stop; the port is free."""

        async def close() -> None:
            if self._server is not None:
                self._server.close()
                await self._server.wait_closed()
                self._server = None

        self.do(close())

    def vanish(self) -> None:
        """Go away as a process that is killed."""

        async def vanish() -> None:
            assert self._server is not None
            for listener in self._server.sockets:
                self._loop.remove_reader(listener.fileno())
            for connection in self.connections:
                connection.transport.abort()

        self.do(vanish())
        self.leave()

    def end(self) -> None:
        async def finish() -> None:
            # Handshakes under way, whose sockets would else be closed by nobody.
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if others:
                await asyncio.wait(others, timeout=5)

        self.leave()
        self.do(finish())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always", ResourceWarning)
            gc.collect()
        # A TLS server of asyncio's now and then forgets who hung up in the middle of a handshake; our side may not.
        assert not [str(each.message) for each in found if f"raddr=('127.0.0.1', {self.port})" in str(each.message)]


def stop_all() -> None:
    for client in FX.ListWebSocketClients() | run:
        FX.StopWebSocketClient(client=client) | run


def certified(authority: trustme.CA, *names: str, **terms: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost",)), **terms).configure_cert(context)
    return context


def expired() -> dict[str, datetime.datetime]:
    now = datetime.datetime.now(datetime.UTC)
    return {"not_before": now - datetime.timedelta(days=9), "not_after": now - datetime.timedelta(days=2)}


def talk_to(server: Outsider | str, **fields: Any) -> tuple[Any, Any, Any, list[Any]]:
    """A client in topic mode: its handle, inbox, outbox and received messages."""
    inbox, outbox = ET.Topic(generate_uid()), ET.Topic(generate_uid())
    came: list[Any] = []
    FX.SubscribeFX(topic=inbox, op=keep_in(came)) | run
    url = server if isinstance(server, str) else server.url
    streams = {"in_stream_into": [inbox], "out_stream_from": [outbox]}
    client = FX.StartWebSocketClient(**{"url": url, **streams, **fields}) | run
    return client, inbox, outbox, came


def keep_in(came: list[Any]) -> Callable[[Any], list[Any]]:
    def keep(message: Any) -> list[Any]:
        came.append(message)
        return []

    return keep


def play(server: Outsider, **fields: Any) -> tuple[Any, list[Any]]:
    """A client with an actor that records its messages and counts in its state; the handle and the records."""
    notes: list[Any] = []

    def note(message: Any, count: int) -> list[Any]:
        notes.append((message, count))
        return [[], count + 1]

    actor = FX.StartActor(initial_state=0, handler=note)
    return FX.StartWebSocketClient(url=server.url, actor=actor, **fields) | run, notes


def publish(topic: Any, *contents: Any) -> None:
    for content in contents:
        FX.Publish(target=topic, content=content) | run


def told(client: Any) -> dict[str, Any]:
    described: dict[str, Any] = FX.QueryWebSocketClient(client=client) | run
    return described


def state_of(client: Any) -> str:
    return str(told(client)["state"])


def journal(level: Any = "debug") -> list[dict[str, Any]]:
    return default_runtime().journal.entries(level)


def journal_text() -> str:
    return "\n".join(f"{entry['message']} ({entry['count']})" for entry in reversed(journal()))


def fails_to_connect(**fields: Any) -> str:
    with pytest.raises(ConnectionFailed) as failed:
        FX.StartWebSocketClient(in_stream_into=[ET.Topic("in")], **fields) | run
    assert (FX.ListWebSocketClients() | run) == []
    return str(failed.value)
