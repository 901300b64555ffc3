"""Somebody else's server, for the outward client: there, gone, slow, changed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


def listener(port: int = 0) -> socket.socket:
    """A socket that listens on that port, which has just been left perhaps."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen()
    return sock


class ForeignServer:
    """A server that writes down what it hears, and can be left and come back to."""

    def __init__(self) -> None:
        with listener() as sock:
            self.port: int = sock.getsockname()[1]
        self.heard: list[str] = []
        self.pause = 0.0
        self._connections: list[ServerConnection] = []

    def _handle(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                self.heard.append(str(message)[:8])
                time.sleep(self.pause)

    @contextmanager
    def there(self, context: ssl.SSLContext | None = None) -> Iterator[ForeignServer]:
        """Serve; at the end go without a word."""
        with serve(self._handle, sock=listener(self.port), ssl=context, compression=None) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            yield self
            server.shutdown()
            thread.join()
            connections, self._connections = self._connections, []
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)

    def refusing(self, seconds: float) -> tuple[list[float], bytes]:
        """Hang up on whoever comes, for so long: when they came, and the first bytes that each said."""
        came: list[float] = []
        said = b""
        deadline = time.monotonic() + seconds
        with listener(self.port) as sock:
            while (left := deadline - time.monotonic()) > 0:
                sock.settimeout(left)
                try:
                    each, _ = sock.accept()
                except TimeoutError:
                    break
                came.append(time.monotonic())
                with each, contextlib.suppress(OSError):
                    each.settimeout(0.2)
                    said += each.recv(4_096)[:3]
        return came, said

    def has_heard(self, count: int, within: float = 15) -> bool:
        """Wait until so many different messages have been heard."""
        deadline = time.monotonic() + within
        while len(set(self.heard)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(set(self.heard)) >= count

    def in_order(self, count: int) -> bool:
        """Whether the first time that each was heard came in order, and none is missing."""
        return list(dict.fromkeys(self.heard)) == [f"{number:08d}" for number in range(count)]


def certificates() -> tuple[Any, dict[str, ssl.SSLContext], bytes]:
    """Contexts of servers, good and bad, and the authority that the good ones are of (PEM)."""
    from datetime import UTC, datetime, timedelta

    import trustme

    authority, foreign = trustme.CA(), trustme.CA()
    past = datetime.now(UTC) - timedelta(days=1)
    issued = {
        "good": authority.issue_cert("127.0.0.1", "localhost"),
        "of a foreign authority": foreign.issue_cert("127.0.0.1", "localhost"),
        "expired": authority.issue_cert("127.0.0.1", not_after=past),
        "for another host": authority.issue_cert("elsewhere.example"),
    }
    contexts = {}
    for name, certificate in issued.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(contexts[name])
    return authority, contexts, authority.cert_pem.bytes()
