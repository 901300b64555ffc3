"""The outward client, against servers of another make."""

from __future__ import annotations

import asyncio
import datetime
import errno
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from zefnb import ET, FX, String, Time, array_to_bytes, generate_uid, run
from zefnb.core.execution import Identity
from zefnb.core.types import ByteArray
from zefnb.engine import perform
from zefnb.engine.perform import run_on
from zefnb.engine.runtime import Runtime, default_runtime
from zefnb.errors import ConnectionFailed, InvalidEffect, NotRunning
from zefnb.net import client as client_module
from zefnb.net import target as target_module
from zefnb.net.client import LONGEST_PAUSE, Backoff, Clients
from zefnb.net.failures import why_failed
from zefnb.net.outbox import Outbox

Until = Callable[..., Any]


class Outsider:
    """A WebSocket server of another make, in a thread and a loop of its own. It can go away and come back."""

    def __init__(self, tls: ssl.SSLContext | None = None, echo: bool = False, port: int = 0, **options: Any) -> None:
        self.received: list[str | bytes] = []
        self.requests: list[Request] = []
        self.closes: list[int | None] = []
        self.tls = tls
        self.port = port
        self._echo = echo
        self._decide = options.pop("process_request", lambda connection, request: None)
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: Server | None = None
        self.come()

    @property
    def url(self) -> str:
        return f"{'wss' if self.tls else 'ws'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}/ws"

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

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
            self._server = await serve(self._handle, "127.0.0.1", self.port, ssl=self.tls, **options)
            self.port = self._server.sockets[0].getsockname()[1]

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
        """Say 1001 to everybody and go away; the port is free."""

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
        self.leave()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


@pytest.fixture
def outsider() -> Iterator[Callable[..., Outsider]]:
    made: list[Outsider] = []

    def make(**options: Any) -> Outsider:
        made.append(Outsider(**options))
        return made[-1]

    yield make
    stop_all()
    for server in made:
        server.end()


def stop_all() -> None:
    for client in FX.ListWebSocketClients() | run:
        FX.StopWebSocketClient(client=client) | run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts do not grow, for tests in which a server goes several times."""
    monkeypatch.setattr(client_module, "LONGEST_PAUSE", 0.2)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def certified(authority: trustme.CA, *names: str, **terms: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost",)), **terms).configure_cert(context)
    return context


def expired() -> dict[str, datetime.datetime]:
    now = datetime.datetime.now(datetime.UTC)
    return {"not_before": now - datetime.timedelta(days=9), "not_after": now - datetime.timedelta(days=2)}


def talk_to(server: Outsider | str, **fields: Any) -> tuple[Any, Any, Any, list[Any]]:
    """A client in topic mode: its handle, inbox, outbox and what came in."""
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
    """A client with an actor that notes what it gets and counts in its state; the handle and the notes."""
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


# --- what passes


def test_when_run_returns_the_connection_stands(outsider: Any) -> None:
    server = outsider()
    client, *_ = talk_to(server)
    assert len(server.requests) == 1
    assert repr(client).startswith("ET.WebSocketClient('🍃-")
    assert (FX.ListWebSocketClients() | run) == [client]
    assert state_of(client) == "connected"


def test_text_bytes_and_json_go_out_and_come_back(outsider: Any, until: Until) -> None:
    server = outsider(echo=True)
    _, _, outbox, came = talk_to(server)
    publish(outbox, "hello", b"\x00\xff", bytearray(b"ab"), {"n": 1}, [1, True], "", b"", "grüße 🍃")
    until(lambda: len(came) == 8)
    assert server.received == ["hello", b"\x00\xff", b"ab", '{"n": 1}', "[1, true]", "", b"", "grüße 🍃"]
    assert came == server.received


def test_binary_comes_in_as_an_array_of_bytes(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, _, came = talk_to(server)
    server.say(b"\x01\x02", "text")
    until(lambda: len(came) == 2)
    assert [type(message) for message in came] == [ByteArray, str]
    assert array_to_bytes(came[0]) == b"\x01\x02"


def test_several_topics_may_be_given_on_both_sides(outsider: Any, until: Until) -> None:
    server = outsider()
    ins, outs = [ET.Topic("in-1"), ET.Topic("in-2")], [ET.Topic("out-1"), ET.Topic("out-2")]
    came: list[list[Any]] = [[], []]
    for topic, list_ in zip(ins, came, strict=True):
        FX.SubscribeFX(topic=topic, op=keep_in(list_)) | run
    FX.StartWebSocketClient(url=server.url, in_stream_into=ins, out_stream_from=outs) | run
    server.say("news")
    publish(outs[0], "one")
    publish(outs[1], "two")
    until(lambda: came == [["news"], ["news"]])
    until(lambda: server.received == ["one", "two"])


def test_it_may_only_listen_or_only_speak(outsider: Any, until: Until) -> None:
    server = outsider()
    inbox, outbox, came = ET.Topic("only-in"), ET.Topic("only-out"), []  # type: ignore[var-annotated]
    FX.SubscribeFX(topic=inbox, op=keep_in(came)) | run
    FX.StartWebSocketClient(url=server.url, in_stream_into=inbox) | run
    FX.StartWebSocketClient(url=server.url, out_stream_from=outbox) | run
    publish(outbox, "said")
    server.say("heard")
    until(lambda: server.received == ["said"])
    until(lambda: came == ["heard"])


def test_what_cannot_be_sent_is_a_fault_in_the_journal_and_the_rest_goes_on(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, outbox, _ = talk_to(server)
    publish(outbox, "before", object(), "after")
    until(lambda: server.received == ["before", "after"])
    assert "delivery to <client of ws://127.0.0.1" in journal_text()


def test_messages_of_many_sizes_arrive_whole_and_in_order(outsider: Any, until: Until) -> None:
    server = outsider(echo=True, max_size=None)
    _, _, outbox, came = talk_to(server)
    messages = [bytes([n % 256]) * size for n, size in enumerate([0, 1, 125, 126, 65_535, 65_536, 3_000_000, 7])]
    publish(outbox, *messages)
    until(lambda: len(came) == len(messages), within=20)
    assert came == messages


def test_ten_thousand_messages_go_and_come_in_order(outsider: Any, until: Until) -> None:
    server = outsider(echo=True)
    client, _, outbox, came = talk_to(server)
    messages = [str(n) for n in range(10_000)]
    publish(outbox, *messages)
    until(lambda: len(came) == len(messages), within=30)
    assert came == messages
    described = told(client)
    assert (described["sent"], described["received"], described["dropped"]) == (10_000, 10_000, 0)


def test_a_port_is_put_into_the_url(outsider: Any) -> None:
    server = outsider()
    client, *_ = talk_to("ws://127.0.0.1/ws?room=1", port=server.port)
    assert told(client)["url"] == f"ws://127.0.0.1:{server.port}/ws"
    assert server.requests[0].path == "/ws?room=1"
    talk_to(f"ws://127.0.0.1:{server.port}/ws", port=server.port)


def test_headers_and_credentials_of_the_url_go_with_the_handshake(outsider: Any) -> None:
    server = outsider()
    talk_to(f"ws://ada:secret@127.0.0.1:{server.port}/ws", headers={"X-Room": "blue"})
    headers = server.requests[0].headers
    assert headers["X-Room"] == "blue"
    assert headers["Authorization"].startswith("Basic ")


def test_a_subprotocol_is_agreed_on_and_told_to_the_actor(outsider: Any, until: Until) -> None:
    server = outsider(subprotocols=["graphql-ws", "mqtt"])
    _, notes = play(server, subprotocols=["mqtt", "other"])
    until(lambda: notes)
    assert notes[0][0].subprotocol == "mqtt"


def test_a_server_that_chooses_no_subprotocol_is_talked_to_without_one(outsider: Any) -> None:
    server = outsider(subprotocols=["graphql-ws"], select_subprotocol=lambda connection, offered: None)
    client, *_ = talk_to(server, subprotocols=["mqtt"])
    assert state_of(client) == "connected"


def test_async_code_in_another_loop_connects_and_stops(outsider: Any, until: Until) -> None:
    server = outsider()
    outbox = ET.Topic("awaited")

    async def main() -> None:
        client = await FX.StartWebSocketClient(url=server.url, out_stream_from=[outbox])
        await FX.Publish(target=outbox, content="from elsewhere")
        await FX.StopWebSocketClient(client=client)

    asyncio.run(main())
    until(lambda: server.received == ["from elsewhere"])


def test_it_shows_in_the_stream_graph(outsider: Any) -> None:
    client, _, outbox, _ = talk_to(outsider())
    assert {"kind": "client", "source": outbox, "target": client} in (FX.StreamGraphSnapshot() | run)


# --- the specification


def test_the_block_of_the_specification_runs_against_a_server_of_that_name(
    outsider: Any,
    authority: trustme.CA,
    ca_file: str,
    monkeypatch: pytest.MonkeyPatch,
    until: Until,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = outsider(tls=certified(authority, "echo.example.com"), echo=True)
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host == "echo.example.com":
            assert port == 443
            host, port = "127.0.0.1", server.port
        return real(host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    for name in ("all_proxy", "https_proxy", "http_proxy", "wss_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    inbox = ET.Topic(generate_uid())
    outbox = ET.Topic(generate_uid())
    client = (
        FX.StartWebSocketClient(
            url="wss://echo.example.com/ws",
            in_stream_into=[inbox],
            out_stream_from=[outbox],
        )
        | run
    )
    came: list[Any] = []
    FX.SubscribeFX(topic=inbox, op=keep_in(came)) | run
    FX.Publish(target=outbox, content="hello remote!") | run
    until(lambda: came == ["hello remote!"])
    FX.StopWebSocketClient(client=client) | run

    assert server.received == ["hello remote!"]
    assert server.requests[0].headers["Host"] == "echo.example.com"
    until(lambda: server.closes == [1000])


# --- faults of the fields


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidEffect) as raised:
        (
            FX.StartWebSocketClient(
                url="http://example.com",
                port=70_000,
                in_stream_into=["chat"],
                actor=ET.Actor("a"),
                ca_file="/nowhere.pem",
                headers={"X": "a\r\nb"},
                subprotocols=["two words"],
            )
            | run
        )
    faults = {fault.field: str(fault) for fault in raised.value.faults}
    assert "ws:// is the WebSocket's http://" in faults["url"]
    assert "allowed: 1 to 65535" in faults["port"]
    assert "write ET.Topic('chat')" in faults["in_stream_into"]
    assert "there are both topics and an actor" in str(raised.value)
    assert "FX.StartActor" in str(raised.value)
    assert "/nowhere.pem" in faults["ca_file"]
    assert {"headers", "subprotocols", "actor"} <= faults.keys()


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"url": "example.com/ws"}, "url", "does not begin with ws:// or wss://"),
        ({"url": "https://example.com/ws"}, "url", "wss:// is the WebSocket's https://"),
        ({"url": "ws:///ws"}, "url", "host"),
        ({"url": "ws://host:port/ws"}, "url", "host or port is malformed"),
        ({"url": "ws://host:0/ws"}, "url", "port is 0"),
        ({"url": "ws://host/a b"}, "url", "white space"),
        ({"url": "ws://host/ws#top"}, "url", "fragment"),
        ({"url": f"ws://{'ü' * 70}/ws"}, "url", "host is malformed"),
        ({"port": 0}, "port", "1 to 65535"),
        ({"url": "ws://host:8000/ws", "port": 9000}, "port", "the url says 8000"),
        ({"in_stream_into": None}, "", "neither topics nor an actor"),
        ({"in_stream_into": []}, "", "neither topics nor an actor"),
        ({"actor": FX.StartActor(initial_state=0, handler=print)}, "actor", "both topics and an actor"),
        ({"in_stream_into": None, "actor": FX.StartActor(initial_state=0)}, "actor.rules", "neither `rules` nor"),
        ({"in_stream_into": None, "actor": FX.Publish()}, "actor", "FX.StartActor(initial_state=..., rules={...})"),
        ({"ca_file": "x"}, "ca_file", "with wss:// only"),
        ({"ssl_context": ssl.create_default_context()}, "ssl_context", "with wss:// only"),
        ({"url": "wss://host/ws", "ca_file": "/nowhere"}, "ca_file", "No such file"),
        ({"url": "wss://host/ws", "ca_file": __file__}, "ca_file", "holds no certificate"),
        (
            {"url": "wss://host/ws", "ca_file": "x", "ssl_context": ssl.create_default_context()},
            "ca_file",
            "given together with `ssl_context`",
        ),
        ({"headers": "X: y"}, "headers", "got a str"),
        ({"headers": {"X Y": "z"}}, "headers", "no header's name"),
        ({"headers": [("X", 1)]}, "headers", "the value of X cannot be sent"),
        ({"subprotocols": ["a b"]}, "subprotocols", "names without spaces"),
    ],
)
def test_a_misuse_names_its_field(fields: dict[str, Any], field: str, text: str) -> None:
    given = {"url": "ws://host/ws", "in_stream_into": [ET.Topic("in")], **fields}
    with pytest.raises(InvalidEffect) as raised:
        FX.StartWebSocketClient(**given) | run
    assert [fault.field for fault in raised.value.faults] == [field]
    assert text in str(raised.value)


def test_a_fault_does_not_repeat_the_secrets_of_a_url_or_of_headers() -> None:
    with pytest.raises(InvalidEffect) as raised:
        FX.StartWebSocketClient(url="http://ada:hush@host/?token=hush", headers={"Authorization": "hush\n"}) | run
    assert "hush" not in str(raised.value)


# --- a first attempt that fails


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nobody_listens(host: str) -> None:
    port = free_port()
    reason = fails_to_connect(url=f"ws://{host}:{port}/ws?token=hush")
    assert reason == f"could not connect to ws://{host}:{port}/ws: connection refused: nothing listens there"


def test_the_name_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*request: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    reason = fails_to_connect(url="ws://nowhere.localhost/ws")
    assert "the host's name has no address: Name or service not known" in reason


def test_the_handshake_is_refused_with_403(outsider: Any) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(403, "no hush for you\n")

    reason = fails_to_connect(url=outsider(process_request=refuse).url)
    assert "the server answered HTTP 403 Forbidden instead of opening a WebSocket" in reason
    assert "hush" not in reason


def test_a_foreign_certificate_is_refused(outsider: Any, authority: trustme.CA) -> None:
    server = outsider(tls=certified(authority))
    assert "certificate verify failed: unable to get local issuer" in fails_to_connect(url=server.url)
    assert server.requests == []


def test_a_certificate_for_another_host_is_refused(outsider: Any, authority: trustme.CA, ca_file: str) -> None:
    server = outsider(tls=certified(authority, "elsewhere.example.com"))
    assert "certificate verify failed: Hostname mismatch" in fails_to_connect(url=server.url, ca_file=ca_file)


def test_an_expired_certificate_is_refused(outsider: Any, authority: trustme.CA, ca_file: str) -> None:
    server = outsider(tls=certified(authority, **expired()))
    reason = fails_to_connect(url=server.url, ca_file=ca_file)
    assert "certificate verify failed: certificate has expired" in reason


def test_a_private_authority_is_given_by_file_or_context(
    outsider: Any, authority: trustme.CA, ca_file: str, until: Until
) -> None:
    server = outsider(tls=certified(authority), echo=True)
    own = ssl.create_default_context(cafile=ca_file)
    for fields in ({"ca_file": ca_file}, {"ca_file": Path(ca_file)}, {"ssl_context": own}):
        _, _, outbox, came = talk_to(server, **fields)
        publish(outbox, "sealed")
        until(lambda came=came: came == ["sealed"])


def test_tls_where_none_is_spoken_and_none_where_it_is(
    outsider: Any, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sealed = outsider(), outsider(tls=certified(authority))
    assert "hung up during the handshake" in fails_to_connect(url=f"wss://localhost:{plain.port}/ws")
    assert plain.requests == []
    assert "handshake" in fails_to_connect(url=f"ws://localhost:{sealed.port}/ws")
    assert sealed.requests == []


def test_a_redirect_from_wss_to_ws_is_not_followed(outsider: Any, authority: trustme.CA, ca_file: str) -> None:
    plain = outsider()

    def redirect(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(302, "")
        response.headers["Location"] = plain.url + "?token=hush"
        return response

    sealed = outsider(tls=certified(authority), process_request=redirect)
    reason = fails_to_connect(url=sealed.url, ca_file=ca_file)
    assert "a redirect leads from wss to ws" in reason
    assert "hush" not in reason
    assert plain.requests == []


def test_a_server_that_is_silent_or_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_module, "CONNECT_WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
        assert "timed out" in fails_to_connect(url=url)
        listener.accept()[0].close()

        def hang_up() -> None:
            with listener.accept()[0] as peer:
                peer.recv(65_536)

        gone = pool.submit(hang_up)
        assert "the server hung up during the handshake" in fails_to_connect(url=url)
        gone.result(5)


@pytest.mark.parametrize(
    ("scheme", "reason"), [("ws", "the answer is no WebSocket handshake"), ("wss", "no TLS: wrong version number")]
)
def test_an_answer_in_another_protocol(scheme: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:

        def answer() -> None:
            with listener.accept()[0] as peer:
                peer.recv(65_536)
                peer.sendall(b"220 mail.example.com ESMTP\r\n\r\n")

        gone = pool.submit(answer)
        assert reason in fails_to_connect(url=f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/ws")
        gone.result(5)


def test_a_subprotocol_that_was_not_offered_is_not_taken(outsider: Any) -> None:
    def impose(connection: ServerConnection, request: Request, response: Response) -> None:
        response.headers["Sec-WebSocket-Protocol"] = "imposed"

    server = outsider(process_response=impose)
    reason = fails_to_connect(url=server.url, subprotocols=["mqtt"])
    assert "a subprotocol that was not offered" in reason


def test_a_name_that_can_be_no_name() -> None:
    assert "it is no valid name" in fails_to_connect(url=f"ws://{'a' * 70}.localhost/ws")


def test_an_error_of_the_system_is_told_in_its_words() -> None:
    assert why_failed(OSError(errno.EHOSTUNREACH, "x")) == "No route to host"
    both = OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 101] Connect call failed")
    assert why_failed(both) == "Network is unreachable; Connection refused"
    assert why_failed(KeyError("hush")) == "KeyError"


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    outsider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = f"http://ada:hush@127.0.0.1:{free_port()}"
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.setenv(name, dead)
    monkeypatch.delenv("no_proxy", raising=False)
    client, *_ = talk_to(outsider())
    assert state_of(client) == "connected"
    FX.StopWebSocketClient(client=client) | run
    reason = fails_to_connect(url="ws://server.example.com/ws")
    assert "connection refused" in reason
    assert "hush" not in reason


# --- a connection that is lost


@pytest.mark.usefixtures("quick")
def test_messages_published_while_the_server_is_gone_arrive_in_order_when_it_is_back(
    outsider: Any, until: Until
) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    publish(outbox, "1", "2")
    until(lambda: server.received == ["1", "2"])
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, "3", b"4", {"n": 5})
    assert told(client)["queued"] == 3
    until(lambda: told(client)["attempts"] >= 2)
    server.come()
    until(lambda: len(server.received) == 5)
    assert server.received == ["1", "2", "3", b"4", '{"n": 5}']
    assert (state_of(client), told(client)["attempts"]) == ("connected", 0)


@pytest.mark.usefixtures("quick")
def test_the_journal_tells_of_the_loss_the_attempts_and_the_return(outsider: Any, until: Until) -> None:
    server = outsider()
    client, *_ = talk_to(server)
    server.leave()
    until(lambda: told(client)["attempts"] >= 3)
    server.come()
    until(lambda: state_of(client) == "connected")
    loss, attempts, back = [entry for entry in reversed(journal()) if entry.get("client") == client]
    assert "is lost (1001)" in loss["message"]
    assert "connection refused" in attempts["message"]
    assert attempts["count"] >= 3
    assert "connected again" in back["message"]
    assert (loss["level"], attempts["level"], back["level"]) == ("warning", "warning", "info")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("way", ["leave", "vanish"])
def test_a_stream_of_messages_survives_a_server_that_goes_and_comes(outsider: Any, until: Until, way: str) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    messages = [str(n) for n in range(3_000)]

    def speak() -> None:
        for message in messages:
            publish(outbox, message)
            time.sleep(0.0002)

    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(speak)
        for wanted in (500, 1_500):
            until(lambda wanted=wanted: len(server.received) >= wanted, within=20)
            getattr(server, way)()
            until(lambda: state_of(client) == "reconnecting")
            server.come()
        spoken.result(30)
    until(lambda: server.received and server.received[-1] == messages[-1], within=20)
    # At least once: what was under way when the connection broke may come again, never out of order.
    assert list(dict.fromkeys(server.received)) == messages


def test_what_the_server_did_not_confirm_is_sent_again_first(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    publish(outbox, "1", "2")
    until(lambda: told(client)["sent"] == 2)
    assert server.received == []
    server.cut()
    until(lambda: len(server.requests) == 2)
    publish(outbox, "3")
    until(lambda: server.received == ["1", "2", "3"])


def test_what_made_the_server_close_is_not_sent_again(outsider: Any, until: Until) -> None:
    server = outsider(max_size=10)
    client, _, outbox, _ = talk_to(server)
    publish(outbox, "too long for this server")
    until(lambda: len(server.requests) == 2 and state_of(client) == "connected")
    publish(outbox, "short")
    until(lambda: server.received == ["short"])
    assert len(server.requests) == 2
    assert "is lost (1009" in journal_text()


def test_a_normal_close_by_the_server_is_a_loss_too(outsider: Any, until: Until) -> None:
    server = outsider()
    client, *_ = talk_to(server)
    server.dismiss(1000, "time for a break")
    until(lambda: len(server.requests) == 2)
    assert "is lost (1000: time for a break)" in journal_text()
    until(lambda: state_of(client) == "connected")


def test_a_message_beyond_16_mib_closes_the_connection_with_1009(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target_module, "MAX_SIZE", 1_000)
    server = outsider()
    _, _, _, came = talk_to(server)
    server.say("x" * 1_000, "y" * 1_001)
    until(lambda: len(server.requests) == 2)
    until(lambda: server.closes == [1009])
    assert came == ["x" * 1_000]


@pytest.mark.usefixtures("quick")
def test_a_wrong_certificate_on_reconnecting_is_said_and_tried_again(
    outsider: Any, authority: trustme.CA, ca_file: str, until: Until
) -> None:
    server = outsider(tls=certified(authority))
    client, _, outbox, _ = talk_to(server, ca_file=ca_file)
    server.leave()
    server.tls = certified(trustme.CA())
    server.come()
    until(lambda: "certificate verify failed" in journal_text())
    publish(outbox, "sealed")
    until(lambda: told(client)["attempts"] >= 2)
    server.leave()
    server.tls = certified(authority, **expired())
    server.come()
    until(lambda: "certificate has expired" in journal_text())
    assert server.received == []
    server.leave()
    server.tls = certified(authority)
    server.come()
    until(lambda: server.received == ["sealed"])


def test_a_server_that_comes_back_without_tls_gets_nothing(
    outsider: Any, authority: trustme.CA, ca_file: str, until: Until
) -> None:
    server = outsider(tls=certified(authority))
    client, _, outbox, _ = talk_to(server, ca_file=ca_file)
    server.leave()
    server.tls = None
    server.come()
    publish(outbox, "sealed")
    until(lambda: "hung up during the handshake" in journal_text())
    assert (len(server.requests), server.received, state_of(client)) == (1, [], "reconnecting")


def test_the_queue_is_bounded_and_drops_the_newest(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, *(str(n) for n in range(10_025)))
    until(lambda: told(client)["dropped"] == 25)
    assert told(client)["queued"] == 10_000
    assert [e["count"] for e in journal() if "drops messages" in e["message"]] == [25]
    server.come()
    until(lambda: len(server.received) == 10_000, within=20)
    assert server.received == [str(n) for n in range(10_000)]


def test_the_queue_is_bounded_in_bytes_too(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, *(bytes(1 << 20) for _ in range(18)))
    until(lambda: told(client)["dropped"] == 2)
    assert told(client)["queued"] == 16


def test_publishers_are_held_back_by_a_slow_server_and_nothing_is_lost(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    messages = [n.to_bytes(4, "big") * 2_048 for n in range(8_000)]
    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(publish, outbox, *messages)
        until(lambda: default_runtime().entrance.is_held)
        until(lambda: told(client)["queued"] > 500)
        assert not spoken.done()
        server.each(lambda connection: connection.transport.resume_reading())
        spoken.result(60)
    until(lambda: len(server.received) == len(messages), within=60)
    assert server.received == messages
    assert told(client)["dropped"] == 0
    assert not default_runtime().entrance.is_held


def test_publishers_are_let_go_when_the_server_is_gone(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    with ThreadPoolExecutor() as pool:
        spoken = pool.submit(publish, outbox, *(bytes(8_192) for _ in range(6_000)))
        until(lambda: default_runtime().entrance.is_held)
        server.vanish()
        spoken.result(30)
    until(lambda: told(client)["dropped"] > 0)
    assert not default_runtime().entrance.is_held


def test_a_timer_does_not_pile_up_while_the_server_is_gone(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    timer = FX.StartTimer(interval=0.01, target=outbox, content="tick") | run
    until(lambda: told(client)["attempts"] >= 2)
    FX.StopTimer(timer=timer) | run
    assert told(client)["queued"] == 1


def test_a_server_that_answers_no_ping_is_lost(outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PING_EVERY", 0.05)
    monkeypatch.setattr(client_module, "PONG_WITHIN", 0.1)
    server = outsider()
    client, *_ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    until(lambda: len(server.requests) == 2)
    assert "is lost (1006: no answer to a ping" in journal_text()
    until(lambda: state_of(client) == "connected")


def test_a_server_that_reads_nothing_at_all_is_lost(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "PING_EVERY", 0.1)
    monkeypatch.setattr(client_module, "PONG_WITHIN", 0.2)
    server = outsider(max_size=None)
    _, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    messages = [bytes([n]) * (1 << 20) for n in range(14)]
    publish(outbox, *messages)
    until(lambda: len(server.requests) == 2, within=10)
    until(lambda: server.received == messages, within=10)
    assert "no answer to a ping" in journal_text()


def test_reading_pauses_while_our_own_slow_clients_hold_publishers_back(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, _, came = talk_to(server)
    slow_clients = default_runtime().service(Outbox).slow_clients
    slow_clients.holding = True
    server.say("1", "2")
    until(lambda: came == ["1"])
    assert told(client)["received"] == 1
    slow_clients.holding = False
    until(lambda: came == ["1", "2"])


def test_a_server_that_answers_pings_is_kept(outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    pings: list[float] = []
    monkeypatch.setattr(client_module, "PING_EVERY", 0.01)
    answers = client_module.Client._answers

    async def counted(self: Any, connection: Any) -> bool:
        pings.append(time.monotonic())
        return await answers(self, connection)

    monkeypatch.setattr(client_module.Client, "_answers", counted)
    server = outsider()
    talk_to(server)
    until(lambda: len(pings) >= 5)
    assert len(server.requests) == 1


def test_pauses_grow_to_half_a_minute_with_jitter_and_begin_anew_after_a_reset() -> None:
    backoff = Backoff()
    pauses = [backoff.next() for _ in range(2_000)]
    assert 0.1 <= pauses[0] <= 0.2
    for number, pause in enumerate(pauses):
        longest = min(LONGEST_PAUSE, 0.2 * 2 ** min(number, 20))
        assert longest / 2 <= pause <= longest
    assert len(set(pauses[10:])) > 1_900
    backoff.reset()
    assert backoff.next() <= 0.2


def test_a_connection_that_lasted_makes_the_pauses_short_again(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_LASTED", -1.0)
    resets: list[None] = []
    monkeypatch.setattr(Backoff, "reset", lambda self: resets.append(None))
    server = outsider()
    talk_to(server)
    server.cut()
    until(lambda: resets)


# --- an actor


def test_an_actor_sees_connected_then_messages_then_disconnected(outsider: Any, until: Until) -> None:
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


def test_an_actor_speaks_through_topic_out_and_hears_through_topic_in(outsider: Any, until: Until) -> None:
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


def test_an_actor_learns_of_a_connection_that_breaks(outsider: Any, until: Until) -> None:
    server = outsider()
    _, notes = play(server)
    server.cut()
    until(lambda: len(notes) >= 2)
    assert notes[1][0].code == 1006
    assert notes[1][0].reason


def test_a_client_that_is_stopped_while_its_server_is_gone_tells_its_actor(outsider: Any, until: Until) -> None:
    server = outsider()
    client, notes = play(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
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


def test_a_client_may_be_stopped_by_its_own_actor(outsider: Any, until: Until) -> None:
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
    monkeypatch.setattr(client_module, "PING_EVERY", 0.05)
    monkeypatch.setattr(client_module, "PONG_WITHIN", 0.1)
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
        received = until(lambda: stands_still(lambda: told(client)["received"]), within=10)
        assert received < 1_000
        assert len(server.requests) == 1
        go.set()
        spoken.result(20)
    until(lambda: len(seen) == len(messages), within=20)
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


# --- the end


def test_what_was_published_before_stop_is_sent_before_the_close(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    messages = [str(n) for n in range(2_000)]
    publish(outbox, *messages)
    FX.StopWebSocketClient(client=client) | run
    publish(outbox, "too late")
    until(lambda: server.closes == [1000])
    assert server.received == messages
    assert (FX.ListWebSocketClients() | run) == []


def test_stopping_twice_says_so(outsider: Any) -> None:
    client, *_ = talk_to(outsider())
    FX.StopWebSocketClient(client=client) | run
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.StopWebSocketClient(client=client) | run
    with pytest.raises(NotRunning, match="has been stopped"):
        FX.QueryWebSocketClient(client=client) | run
    with pytest.raises(NotRunning, match="not at home in this process"):
        FX.StopWebSocketClient(client=ET.WebSocketClient(generate_uid())) | run


def test_stopping_does_not_wait_for_a_server_that_does_not_read(outsider: Any, until: Until) -> None:
    server = outsider(max_size=None)
    client, _, outbox, _ = talk_to(server)
    server.each(lambda connection: connection.transport.pause_reading())
    publish(outbox, *(bytes(1 << 20) for _ in range(12)))
    started = time.monotonic()
    FX.StopWebSocketClient(client=client) | run
    assert time.monotonic() - started < 3
    assert "messages that could not be sent" in journal_text()
    assert not default_runtime().entrance.is_held


def test_stopping_while_the_server_is_gone_says_what_was_not_sent(outsider: Any, until: Until) -> None:
    server = outsider()
    client, _, outbox, _ = talk_to(server)
    server.leave()
    until(lambda: state_of(client) == "reconnecting")
    publish(outbox, "1", "2")
    FX.StopWebSocketClient(client=client) | run
    assert "was stopped with 2 messages that could not be sent" in journal_text()
    server.come()
    assert server.received == []


def test_interrupting_the_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch, until: Until) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
        inbox = ET.Topic("in")

        async def main() -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(FX.StartWebSocketClient(url=url, in_stream_into=[inbox]), 0.2)

        asyncio.run(main())
        peer = listener.accept()[0]
        peer.settimeout(5)
        with peer:
            peer.recv(65_536)
            assert peer.recv(1) == b""
    assert (FX.ListWebSocketClients() | run) == []


def test_interrupting_a_replacement_leaves_neither(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, server, cells = outsider(max_size=None), outsider(), Cells(monkeypatch)
    cells.run("one")
    _, _, outbox, _ = talk_to(stuck)
    stuck.each(lambda connection: connection.transport.pause_reading())
    publish(outbox, *(bytes(1 << 20) for _ in range(12)))
    cells.run("one")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(FX.StartWebSocketClient(url=server.url, in_stream_into=[ET.Topic("in")]), 0.3)

    asyncio.run(main())
    until(lambda: server.closes == [1000])
    assert (FX.ListWebSocketClients() | run) == []


def test_closing_the_runtime_closes_every_client(outsider: Any, until: Until) -> None:
    server = outsider()
    runtime = Runtime()
    for _ in range(3):
        run_on(runtime, FX.StartWebSocketClient(url=server.url, in_stream_into=[ET.Topic("in")]))
    runtime.close()
    until(lambda: server.closes == [1000, 1000, 1000])


class Cells:
    """Stands in for a notebook: tells which execution of which cell is running."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._identity: Identity | None = None
        monkeypatch.setattr(perform, "thing_key", lambda kind: self._identity)

    def run(self, cell: str) -> None:
        self._identity = Identity((cell, "client", 0), object())


def test_a_cell_that_runs_again_replaces_its_client_and_loses_no_message(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = outsider()
    cells, outbox = Cells(monkeypatch), ET.Topic("re-run")
    start = FX.StartWebSocketClient(url=server.url, out_stream_from=[outbox])
    cells.run("one")
    first = start | run
    publish(outbox, "1")
    cells.run("one")
    second = start | run
    publish(outbox, "2")
    assert (FX.ListWebSocketClients() | run) == [second]
    until(lambda: server.received == ["1", "2"])
    assert server.closes == [1000]
    assert "replaced the outward client" in capsys.readouterr().out
    with pytest.raises(NotRunning):
        FX.StopWebSocketClient(client=first) | run


def test_a_cell_that_fails_to_connect_again_keeps_what_it_had(
    outsider: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = outsider()
    cells, outbox = Cells(monkeypatch), ET.Topic("re-run")
    cells.run("one")
    client = FX.StartWebSocketClient(url=server.url, out_stream_from=[outbox]) | run
    cells.run("one")
    with pytest.raises(ConnectionFailed):
        FX.StartWebSocketClient(url=f"ws://127.0.0.1:{free_port()}/", out_stream_from=[outbox]) | run
    assert (FX.ListWebSocketClients() | run) == [client]
    publish(outbox, "still here")
    until(lambda: server.received == ["still here"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_leaves_the_connection_to_its_parent(outsider: Any, until: Until) -> None:
    server = outsider()
    _, _, outbox, _ = talk_to(server)
    [client] = default_runtime().service(Clients)
    descriptor = client.connection.transport.get_extra_info("socket").fileno()
    child = os.fork()
    if child == 0:
        try:
            os.fstat(descriptor)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    publish(outbox, "still here")
    until(lambda: server.received == ["still here"])


# --- secrets


@pytest.mark.usefixtures("quick")
def test_no_secret_reaches_a_table_a_log_the_journal_or_an_error(
    outsider: Any, until: Until, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = outsider()
    url = f"ws://ada:hush1@127.0.0.1:{server.port}/ws?key=hush2"
    client, _, outbox, _ = talk_to(url, headers={"Authorization": "Bearer hush3", "Cookie": "hush4"})
    assert "hush2" in server.requests[0].path
    publish(outbox, object())
    server.leave()
    until(lambda: told(client)["attempts"] >= 2)
    server.come()
    until(lambda: state_of(client) == "connected")
    [running] = default_runtime().service(Clients)
    shown = [repr(client), repr(running), repr(running.target), str(told(client)), str(journal())]
    shown += [str(FX.StreamGraphSnapshot() | run), str(FX.QueryLog() | run)]
    shown += [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    FX.StopWebSocketClient(client=client) | run
    server.leave()
    shown.append(fails_to_connect(url=url, headers={"Authorization": "Bearer hush3"}))
    assert not any("hush" in text for text in shown)
    assert told_url(shown) == f"ws://127.0.0.1:{server.port}/ws"


def told_url(shown: list[str]) -> str:
    return shown[-1].split(": ")[0].rpartition(" ")[2]
