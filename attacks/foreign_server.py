"""A foreign server for the outward client: available, stopped, slow, changed."""

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
    """Return a socket that listens on a port, which may have been in use just before."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen()
    return sock


class ForeignServer:
    """A server that records messages, and that can stop and start again on its port."""

    def __init__(self) -> None:
        with listener() as sock:
            self.port: int = sock.getsockname()[1]
        self.received: list[str] = []
        self.pause = 0.0
        self._connections: list[ServerConnection] = []

    def _handle(self, connection: ServerConnection) -> None:
        self._connections.append(connection)
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                self.received.append(str(message)[:8])
                time.sleep(self.pause)

    @contextmanager
    def there(self, context: ssl.SSLContext | None = None) -> Iterator[ForeignServer]:
        """Serve; at the end cut all connections without close frames."""
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
        """Close each connection for `seconds`; return when they arrived and the first bytes of each."""
        arrived: list[float] = []
        replied = b""
        deadline = time.monotonic() + seconds
        with listener(self.port) as sock:
            while (left := deadline - time.monotonic()) > 0:
                sock.settimeout(left)
                try:
                    each, _ = sock.accept()
                except TimeoutError:
                    break
                arrived.append(time.monotonic())
                with each, contextlib.suppress(OSError):
                    each.settimeout(0.2)
                    replied += each.recv(4_096)[:3]
        return arrived, replied

    def has_received(self, count: int, within: float = 15) -> bool:
        """Wait until `count` different messages have arrived; return whether they have."""
        deadline = time.monotonic() + within
        while len(set(self.received)) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(set(self.received)) >= count

    def in_order(self, count: int) -> bool:
        """Return whether no message is missing and their first arrivals were in order."""
        return list(dict.fromkeys(self.received)) == [f"{number:08d}" for number in range(count)]


def certificates() -> tuple[Any, dict[str, ssl.SSLContext], bytes]:
    """Return server contexts with good and bad certificates, and the authority of the good ones (PEM)."""
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
