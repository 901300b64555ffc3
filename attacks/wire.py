"""What attackers say and hear: bare sockets, as the tests of the network have them, and a few things in bulk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from attacks.targets import Server
from tests.net.wire import BINARY, CLOSE, CONT, PING, PONG, TEXT, Frame, Wire, closing, frame, handshake


def connect(server: Server, path: str = "/ws", receive_buffer: int | None = None, **headers: str) -> Wire:
    """A bare socket that has shaken hands."""
    wire = Wire(server.port, receive_buffer=receive_buffer)
    try:
        return wire.open(path, **headers)
    except BaseException:
        wire.close()
        raise


@contextmanager
def connected(server: Server, count: int, path: str = "/ws", receive_buffer: int | None = None) -> Iterator[list[Wire]]:
    """So many of them, closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(connect(server, path, receive_buffer)) for _ in range(count)]


__all__ = [
    "BINARY",
    "CLOSE",
    "CONT",
    "PING",
    "PONG",
    "TEXT",
    "Frame",
    "Wire",
    "closing",
    "connect",
    "connected",
    "frame",
    "handshake",
]
