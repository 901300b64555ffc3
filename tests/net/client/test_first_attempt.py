"""A first attempt that fails raises with the reason."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.net.client.conftest import Names
from tests.net.client.outsider import (
    Until,
    certified,
    expired,
    fails_to_connect,
    publish,
    state_of,
    talk_to,
)
from tests.ports import free_port
from zefnb import FX, run
from zefnb.net.client import target as target_module
from zefnb.net.client.connection import Attempt
from zefnb.net.client.failures import failure_text

# An outsider listens on 127.0.0.1, which each of these spellings leads to.
THIS_MACHINE = (
    *("127.0.0.1", "localhost", "LocalHost", "127.1", "2130706433", "0x7f000001", "017700000001", "0.0.0.0"),
    *("[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_port_without_a_listener(host: str) -> None:
    port = free_port()
    reason = fails_to_connect(url=f"ws://{host}:{port}/ws?token=hush")
    where = f"could not connect to ws://{host}:{port}/ws"
    assert reason == f"FX.StartWebSocketClient: {where}: connection refused: nothing listens there"


def test_a_host_name_without_an_address(names: Names) -> None:
    names["nowhere.localhost"] = []
    reason = fails_to_connect(url="ws://nowhere.localhost/ws")
    assert "the host's name has no address: Name or service not known" in reason


def test_the_handshake_is_refused_with_403(outsider: Any) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(403, "no hush for you\n")

    reason = fails_to_connect(url=outsider(process_request=refuse).url)
    assert "the server returned HTTP 403 Forbidden instead of opening a WebSocket" in reason
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


def test_tls_to_a_plain_port_and_plain_to_a_tls_port(
    outsider: Any, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sealed = outsider(), outsider(tls=certified(authority))
    assert "closed the connection during the handshake" in fails_to_connect(url=f"wss://localhost:{plain.port}/ws")
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


def test_a_server_that_sends_nothing_or_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_module, "CONNECT_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/ws"
        assert "timed out" in fails_to_connect(url=url)
        listener.accept()[0].close()
        monkeypatch.setattr(target_module, "CONNECT_TIMEOUT", 20.0)

        ended = Event()

        def hang_up() -> None:
            # Another program's client may still try to reach the server that had this port before.
            while not ended.is_set():
                with listener.accept()[0] as peer:
                    peer.recv(65_536)

        gone = pool.submit(hang_up)
        try:
            assert "the server closed the connection during the handshake" in fails_to_connect(url=url)
        finally:
            ended.set()
            socket.create_connection(listener.getsockname()).close()
        gone.result(20)


@pytest.mark.parametrize(
    ("scheme", "reason"), [("ws", "the response is not a WebSocket handshake"), ("wss", "no TLS: wrong version number")]
)
def test_a_response_in_another_protocol(scheme: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:

        def answer() -> None:
            with listener.accept()[0] as peer:
                peer.recv(65_536)
                peer.sendall(b"220 mail.example.com ESMTP\r\n\r\n")

        gone = pool.submit(answer)
        assert reason in fails_to_connect(url=f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/ws")
        gone.result(20)


def test_a_subprotocol_that_was_not_offered_is_refused(outsider: Any) -> None:
    def impose(connection: ServerConnection, request: Request, response: Response) -> None:
        response.headers["Sec-WebSocket-Protocol"] = "imposed"

    server = outsider(process_response=impose)
    reason = fails_to_connect(url=server.url, subprotocols=["mqtt"])
    assert "a subprotocol that was not offered" in reason


def test_a_host_that_is_not_a_valid_name() -> None:
    assert "it is not a valid name" in fails_to_connect(url=f"ws://{'a' * 70}.localhost/ws")


def test_an_operating_system_error_is_reported_in_its_own_words() -> None:
    assert failure_text(OSError(errno.EHOSTUNREACH, "x")) == "No route to host"
    both = OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 101] Connect call failed")
    assert failure_text(both) == "Network is unreachable; Connection refused"
    assert failure_text(KeyError("hush")) == "KeyError"


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    outsider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = f"http://ada:hush@127.0.0.1:{free_port()}"
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.setenv(name, dead)
    monkeypatch.delenv("no_proxy", raising=False)
    port = outsider().port
    for host in THIS_MACHINE:
        client, *_ = talk_to(f"ws://{host}:{port}/ws")
        assert state_of(client) == "connected", host
        FX.StopWebSocketClient(client=client) | run
    reason = fails_to_connect(url="ws://server.example.com/ws")
    assert "connection refused" in reason
    assert "hush" not in reason


def test_a_server_that_responds_before_the_request_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without room does so."""
    connected = Attempt.open_tcp_connection

    async def responded(self: Attempt) -> Any:
        connection = await connected(self)
        while connection.protocol.handshake_exc is None:
            await asyncio.sleep(0.001)
        return connection

    monkeypatch.setattr(Attempt, "open_tcp_connection", responded)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(20)

        def refuse() -> None:
            client, _ = listener.accept()
            with client:
                client.settimeout(20)
                client.sendall(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
                client.shutdown(socket.SHUT_WR)
                while client.recv(4_096):
                    pass

        refusing = pool.submit(refuse)
        text = fails_to_connect(url=f"ws://127.0.0.1:{listener.getsockname()[1]}/")
        refusing.result(30)
    assert "returned HTTP 503 Service Unavailable" in text
