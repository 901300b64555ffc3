"""TLS: certificates of every form, clients that stall, and invalid certificates."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from websockets.exceptions import ConnectionClosed

from tests.net.conftest import inside, journal, on_loop
from tests.net.wire import Wire, frame, handshake
from zefnb import ET, FX, run
from zefnb.errors import InvalidEffect
from zefnb.net import read_scheduler
from zefnb.net.http import guard

Raw = Callable[..., Wire]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> tuple[str, str]:
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    paths = (tmp_path / "chain.pem", tmp_path / "key.pem")
    paths[0].write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    paths[1].write_bytes(certificate.private_key_pem.bytes())
    paths[1].chmod(0o600)
    return str(paths[0]), str(paths[1])


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def shapes(files: tuple[str, str]) -> dict[str, Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    certificate, key = files
    return {
        "tuple": files,
        "list": list(map(Path, files)),
        "dict": {"certfile": certificate, "keyfile": key},
        "entity": ET.Certificates(certfile=certificate, keyfile=key),
        "context": context,
    }


@pytest.mark.parametrize("shape", ["tuple", "list", "dict", "entity", "context"])
def test_with_certificates_the_server_uses_tls(
    serve: Any, chat: Any, connect: Any, topic: Any, shapes: Any, shape: str, trusting: Any
):
    socket_route = ET.WebSocket(clients_subscribe_to=[topic], clients_push_into_=[topic])
    server = serve({"/": "secret", "/ws": socket_route}, certificates=shapes[shape])
    assert (FX.QueryHTTPServer(server=server) | run)["secure"] is True
    assert httpx.get(f"https://localhost:{server.port}/", verify=trusting).text == "secret"
    client = connect(f"wss://localhost:{server.port}/ws", ssl=trusting)
    for message in ("hello", b"\x00" * 70_000, "x" * (1 << 20)):
        client.send(message)
        assert client.recv(timeout=20) == message
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"https://localhost:{server.port}/")


def test_a_tls_client_receives_the_close_code(
    serve: Any, connect: Any, topic: Any, files: Any, trusting: Any, clients: Any
):
    server = serve({"/ws": ET.WebSocket(clients_push_into_=[topic])}, certificates=files)
    first = connect(f"wss://localhost:{server.port}/ws", ssl=trusting)
    channel = clients(server)[-1]["channel_id"]  # this client may need a second attempt
    second = connect(f"wss://localhost:{server.port}/ws", ssl=trusting)
    FX.CloseWebSocketConnection(http_server=server, channel_id=channel, code=4001, reason="enough") | run
    with pytest.raises(ConnectionClosed) as caught:
        first.recv(timeout=20)
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "enough")
    second.close(4002)
    assert second.protocol.close_rcvd.code == 4002
    assert journal("warning") == []


def request_over_tls(sock: socket.socket, context: ssl.SSLContext, request: bytes) -> bytes:
    """Do a TLS handshake on `sock`, send `request`, return the first bytes of the response.

    `wrap_socket` would leave its socket unclosed when the peer has already reset the connection.
    """
    tls = context.wrap_bio(incoming := ssl.MemoryBIO(), outgoing := ssl.MemoryBIO(), server_hostname="localhost")

    def run_to_end(step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                received = sock.recv(65_536)
                incoming.write(received) if received else incoming.write_eof()

    run_to_end(tls.do_handshake)
    tls.write(request)
    response: bytes = run_to_end(lambda: tls.read(1_000))
    return response


def test_a_client_in_a_tls_handshake_when_the_server_stops_is_refused(
    serve: Any, files: Any, trusting: ssl.SSLContext, raw: Raw, topic: Any
):
    server = serve({"/": "x", "/ws": ET.WebSocket(clients_subscribe_to=[topic])}, certificates=files)
    running = inside(server)
    wire = raw(server, None)
    FX.StopHTTPServer(server=server) | run
    answer = b""
    with suppress(OSError):
        answer = request_over_tls(wire.socket, trusting, handshake())
    assert answer == b""
    assert on_loop(running.clients) == []
    assert not running._connections


def test_a_tls_handshake_that_stalls_is_cut(serve: Any, files: Any, raw: Raw, monkeypatch: Any, until: Any):
    monkeypatch.setattr(guard, "HEAD_TIMEOUT", 0.3)
    server = serve({"/": "x"}, certificates=files)
    silent, half = raw(server, None), raw(server, None)
    half.send(bytes.fromhex("1603010200010001fc0303"))
    assert silent.read_end() == half.read_end() == b""


def test_a_plain_connection_to_a_tls_server_is_cut_and_is_no_error(serve: Any, files: Any, raw: Raw, trusting: Any):
    server = serve({"/": "x"}, certificates=files)
    wire = raw(server, None)
    wire.send(GET)
    wire.read_end()
    assert httpx.get(f"https://localhost:{server.port}/", verify=trusting).text == "x"
    # asyncio's debug mode, in which tests run, notes it; nothing else does.
    assert [each["message"] for each in journal("error") if "transport creation" not in each["message"]] == []


def encrypted(files: tuple[str, str], tmp_path: Path) -> tuple[str, str]:
    from cryptography.hazmat.primitives import serialization as s

    key = s.load_pem_private_key(Path(files[1]).read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.BestAvailableEncryption(b"word")))
    locked.chmod(0o600)
    return files[0], str(locked)


def test_invalid_certificates_raise_and_the_error_names_the_file(files: Any, tmp_path: Path):
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    wrong = {
        "no-such-file": ("no-such-file.pem", files[1]),
        "nonsense": (str(nonsense), files[1]),
        "no certificate and its key": (files[1], files[1]),
        "locked": encrypted(files, tmp_path),
        "got": "just-a-name.pem",
        "got 5": 5,
        "None": {"certfile": files[0]},
    }
    for text, certificates in wrong.items():
        with pytest.raises(InvalidEffect, match=f"certificates: .*{text}"):
            FX.StartHTTPServer(routes={"/": "x"}, port=0, certificates=certificates) | run
    assert (FX.QueryAllActiveHTTPServers() | run) == []


@pytest.mark.parametrize("count", [1, 3_000])
def test_bytes_that_a_tls_client_sends_before_it_ends_the_stream_are_received(
    serve: Any,
    connect: Any,
    topic: Any,
    files: Any,
    trusting: Any,
    raw: Raw,
    clients: Any,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
):
    """Also bytes that are waiting when the stream ends: over TLS both arrive at once."""
    monkeypatch.setattr(read_scheduler, "ITERATION_BUDGET", 0.0)
    monkeypatch.setattr(read_scheduler, "CONNECTION_BUDGET", 0.0)
    routes = {"/in": ET.WebSocket(clients_push_into_=[topic]), "/out": ET.WebSocket(clients_subscribe_to=[topic])}
    server = serve(routes, certificates=files)
    listener = connect(f"wss://localhost:{server.port}/out", ssl=trusting)
    wire = raw(server, path=None)
    with trusting.wrap_socket(wire.socket, server_hostname="localhost") as secured:
        wire.socket = secured
        wire.open("/in")
        wire.send(*(frame(b"%d" % number) for number in range(count)))
        with suppress(OSError):
            secured.unwrap()
    assert [listener.recv(timeout=20) for _ in range(count)] == [str(number) for number in range(count)]
    clients(server, 1)
