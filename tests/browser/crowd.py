"""Thousands of idle WebSocket clients, each no more than a socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

_AT_ONCE = 200


@contextmanager
def crowd(port: int, path: str, count: int) -> Iterator[list[socket.socket]]:
    """`count` clients of that route, connected."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    clients: list[socket.socket] = []
    try:
        while len(clients) < count:
            some = [
                socket.create_connection(("127.0.0.1", port), 20) for _ in range(min(_AT_ONCE, count - len(clients)))
            ]
            clients += some
            for client in some:
                client.sendall(request)
            for client in some:
                assert client.recv(1000).startswith(b"HTTP/1.1 101")
        yield clients
    finally:
        for client in clients:
            client.close()
